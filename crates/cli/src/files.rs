//! The policies that files hold.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use tollgate_core::limit::Name;
use tollgate_policies::bounds::{MAX_POLICIES, MAX_POLICY};

use crate::failure::Failure;
use crate::tree::Tree;
use crate::yaml;

/// The largest file, in bytes: a policy as the server bounds it, sixteen times over, for files of
/// several documents and their comments.
const MAX_FILE: usize = 16 * MAX_POLICY;
/// The most files; no more policies fit into a namespace.
const MAX_FILES: usize = MAX_POLICIES;

/// One policy of a file.
#[derive(Debug, Clone)]
pub struct Filed {
    /// Its name: `name`, else the file's name without its ending.
    pub name: Name,
    /// The policy, as a `PUT` takes it.
    pub policy: Tree,
    file: PathBuf,
    line: usize,
    lines: BTreeMap<String, usize>,
}

impl Filed {
    /// Where a field of it stands: file and, where it is known, line.
    pub fn place(&self, field: &str) -> String {
        let line = self.lines.get(field).unwrap_or(&self.line);
        match line {
            0 => self.file.display().to_string(),
            line => format!("{}:{line}", self.file.display()),
        }
    }
}

/// All policies of these folders and files, by name. An error lists everything that is wrong.
pub fn read(paths: &[PathBuf]) -> Result<BTreeMap<String, Filed>, Failure> {
    let files = files(paths)?;
    let (mut policies, mut wrong) = (BTreeMap::<String, Filed>::new(), Vec::new());
    for file in &files {
        for filed in of_file(file) {
            match filed {
                Err(why) => wrong.push(why),
                Ok(filed) => match policies.get(filed.name.as_str()) {
                    None => drop(policies.insert(filed.name.as_str().to_owned(), filed)),
                    Some(other) => wrong.push(format!(
                        "{}: `{}` is also in {}: keep one of them.",
                        filed.place(""),
                        filed.name.as_str(),
                        other.place("")
                    )),
                },
            }
        }
    }
    match wrong.is_empty() {
        true => Ok(policies),
        false => Err(Failure::Wrong(wrong.join("\n"))),
    }
}

fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        let failed = |error| Failure::Wrong(format!("{}: {error}", path.display()));
        if !fs::metadata(path).map_err(failed)?.is_dir() {
            files.push(path.clone());
            continue;
        }
        for entry in fs::read_dir(path).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            let ending = file.extension().and_then(|it| it.to_str());
            if matches!(ending, Some("yaml" | "yml" | "json")) && file.is_file() {
                files.push(file);
            }
        }
    }
    files.sort();
    files.dedup();
    if files.len() > MAX_FILES {
        let many = format!(
            "There are {} files, and {MAX_FILES} is the most.",
            files.len()
        );
        return Err(Failure::Wrong(many));
    }
    Ok(files)
}

fn of_file(file: &Path) -> Vec<Result<Filed, String>> {
    let at = |line: usize, why: &str| match line {
        0 => format!("{}: {why}", file.display()),
        line => format!("{}:{line}: {why}", file.display()),
    };
    let text = match text_of(file) {
        Ok(text) => text,
        Err(why) => return vec![Err(at(0, &why))],
    };
    let documents = if file.extension().is_some_and(|it| it == "json") {
        let tree = Tree::from_json(&text).map_err(|why| (0, why));
        let document = |tree| yaml::Document {
            line: 0,
            tree,
            lines: BTreeMap::new(),
        };
        tree.map(|tree| vec![document(tree)])
    } else {
        yaml::documents(&text)
    };
    match documents {
        Err((line, why)) => vec![Err(at(line, &why))],
        Ok(documents) if documents.is_empty() => vec![Err(at(0, "It holds no policy."))],
        Ok(documents) => {
            let is_one = documents.len() == 1;
            let documents = documents.into_iter();
            documents.map(|it| filed(file, is_one, it)).collect()
        }
    }
}

fn text_of(file: &Path) -> Result<String, String> {
    let mut text = String::new();
    let opened = fs::File::open(file).map_err(|error| error.to_string())?;
    let mut bounded = opened.take(MAX_FILE as u64 + 1);
    bounded
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    match text.len() > MAX_FILE {
        true => Err(format!(
            "A file may be {MAX_FILE} bytes long: make several."
        )),
        // Some editors write this mark in front; it is no part of the text.
        false => Ok(match text.strip_prefix('\u{feff}') {
            Some(text) => text.to_owned(),
            None => text,
        }),
    }
}

fn filed(file: &Path, is_one: bool, document: yaml::Document) -> Result<Filed, String> {
    let yaml::Document {
        line,
        tree: mut policy,
        lines,
    } = document;
    let at = |field: &str, why: String| match lines.get(field).unwrap_or(&line) {
        0 => format!("{}: {why}", file.display()),
        line => format!("{}:{line}: {why}", file.display()),
    };
    if !matches!(policy, Tree::Fields(_)) {
        return Err(at("", "A policy is an object.".to_owned()));
    }
    if policy.get("source").is_some() {
        let why = "`source` is written by `apply`: leave it out.";
        return Err(at("source", why.to_owned()));
    }
    let stem = file
        .file_stem()
        .and_then(|it| it.to_str())
        .unwrap_or_default();
    let name = match policy.take("name") {
        Some(Tree::Text(name)) => name,
        Some(_) => return Err(at("name", "`name` must be text: quote it.".to_owned())),
        None if is_one => stem.to_owned(),
        None => {
            let why = "`name` is missing: of several policies in a file each needs one.";
            return Err(at("name", why.to_owned()));
        }
    };
    let name = Name::new("name", &name);
    let name = name.map_err(|error| {
        at(
            "name",
            tollgate_core::api::BadRequest::from(error).to_string(),
        )
    })?;
    Ok(Filed {
        name,
        policy,
        file: file.to_owned(),
        line,
        lines,
    })
}
