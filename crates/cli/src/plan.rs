//! What has to change on the server for it to have what the files say.
//!
//! What a set of files owns is known on the server: it is written there with a `source` of
//! `files:<set>#<digest>`. The digest is of the policy as the set wrote it; where it no longer
//! fits, somebody else has changed the policy since.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::order::ordered;
use crate::terminal::shown;
use crate::tree::Tree;

/// A policy that the server has.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its version.
    pub version: u64,
    /// Who wrote that version, when and why, for people.
    pub by: String,
    /// What keeps it; empty where nobody says so.
    pub source: String,
    /// As it was written, without `source`.
    pub policy: Tree,
}

/// What is done with one policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is made.
    Add,
    /// It is changed.
    Change,
    /// It stays as it is, and becomes the set's.
    Own,
    /// It is deleted.
    Remove,
}

impl Action {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Action::Add => "add",
            Action::Change => "change",
            Action::Own => "own",
            Action::Remove => "remove",
        }
    }
}

/// One step.
#[derive(Debug, Clone)]
pub struct Step {
    /// The policy.
    pub name: String,
    /// What is done.
    pub action: Action,
    /// The version that it is done to.
    pub version: Option<u64>,
    /// Why it is done only with `--take-over`.
    pub held: Option<String>,
    /// Each field that changes: its path, before and after.
    pub fields: Vec<(String, Option<String>, Option<String>)>,
    /// What is sent.
    pub text: String,
}

impl Step {
    /// The header, with its value, that lets the server refuse where somebody was faster.
    pub fn condition(&self) -> (&'static str, String) {
        match self.version {
            Some(version) => ("if-match", format!("\"{version}\"")),
            None => ("if-none-match", "*".to_owned()),
        }
    }
}

/// The `source` that a set gives a policy.
pub fn source_of(set: &str, policy: &Tree) -> String {
    let digest = Sha256::digest(policy.sorted().to_string().as_bytes());
    let hex: String = digest
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("files:{set}#{hex}")
}

/// The steps in the order in which they can be done: bases and parents first, what stands on
/// others is deleted before them.
pub fn plan(
    set: &str,
    files: &BTreeMap<String, &Tree>,
    server: &BTreeMap<String, Stored>,
) -> Vec<Step> {
    // Checked before: nothing goes in a circle.
    let names = ordered(files).unwrap_or_default();
    let puts = names
        .iter()
        .filter_map(|name| put(set, name, files[name], server.get(name)));
    let mut steps: Vec<Step> = puts.collect();
    let theirs = server.iter().map(|(name, it)| (name.clone(), &it.policy));
    let kept = ordered(&theirs.collect()).unwrap_or_default();
    let gone = kept.iter().rev().filter(|name| !files.contains_key(*name));
    for (name, stored) in gone.map(|name| (name, &server[name])) {
        if is_of(set, stored) {
            steps.push(removal(set, name, stored));
        }
    }
    steps
}

/// Whether a set of files owns it.
fn is_of(set: &str, stored: &Stored) -> bool {
    let of = stored.source.strip_prefix("files:");
    of.and_then(|of| of.split_once('#'))
        .is_some_and(|(name, _)| name == set)
}

/// Who stands in the way of a change, if anybody does.
fn held(set: &str, stored: &Stored) -> Option<String> {
    if !is_of(set, stored) {
        let owner = match stored.source.as_str() {
            "" => "nothing keeps it".to_owned(),
            source => shown(source),
        };
        return Some(format!("it is not of this set ({owner}); {}", stored.by));
    }
    let is_drifted = stored.source != source_of(set, &stored.policy);
    is_drifted.then(|| format!("it was changed since the last apply; {}", stored.by))
}

fn put(set: &str, name: &str, policy: &Tree, stored: Option<&Stored>) -> Option<Step> {
    let source = source_of(set, policy);
    let same = stored.is_some_and(|it| it.policy.sorted() == policy.sorted());
    let action = match stored {
        None => Action::Add,
        Some(stored) if same && stored.source == source => return None,
        Some(_) if same => Action::Own,
        Some(_) => Action::Change,
    };
    let is_ours = |stored: &&Stored| action == Action::Own && is_of(set, stored);
    let mut whole = policy.clone();
    if let Tree::Fields(fields) = &mut whole {
        fields.push(("source".to_owned(), Tree::Text(source)));
    }
    Some(Step {
        name: name.to_owned(),
        action,
        version: stored.map(|it| it.version),
        held: stored
            .filter(|it| !is_ours(it))
            .and_then(|it| held(set, it)),
        fields: changed(stored.map(|it| &it.policy), Some(policy)),
        text: whole.to_string(),
    })
}

fn removal(set: &str, name: &str, stored: &Stored) -> Step {
    Step {
        name: name.to_owned(),
        action: Action::Remove,
        version: Some(stored.version),
        held: held(set, stored),
        fields: changed(Some(&stored.policy), None),
        text: String::new(),
    }
}

fn changed(
    before: Option<&Tree>,
    after: Option<&Tree>,
) -> Vec<(String, Option<String>, Option<String>)> {
    let [before, after] = [before, after].map(|tree| {
        let mut leaves = BTreeMap::new();
        if let Some(tree) = tree {
            flatten(tree, "", &mut leaves);
        }
        leaves
    });
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let fields = paths
        .into_iter()
        .filter(|path| before.get(*path) != after.get(*path));
    let of = |leaves: &BTreeMap<String, String>, path: &String| leaves.get(path).cloned();
    fields
        .map(|path| (path.clone(), of(&before, path), of(&after, path)))
        .collect()
}

fn flatten(tree: &Tree, path: &str, leaves: &mut BTreeMap<String, String>) {
    match tree {
        Tree::Fields(fields) if !fields.is_empty() => {
            for (name, it) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                flatten(it, &format!("{path}{dot}{name}"), leaves);
            }
        }
        Tree::List(list) if !list.is_empty() => {
            for (i, it) in list.iter().enumerate() {
                flatten(it, &format!("{path}[{i}]"), leaves);
            }
        }
        other => drop(leaves.insert(path.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(json: &str) -> Tree {
        Tree::from_json(json).unwrap()
    }

    fn stored(source: &str, json: &str) -> Stored {
        Stored {
            version: 7,
            by: "version 7 is by bob".to_owned(),
            source: source.to_owned(),
            policy: tree(json),
        }
    }

    fn steps(files: &[(&str, &str)], server: &[(&str, Stored)]) -> Vec<Step> {
        let trees = files
            .iter()
            .map(|(name, json)| ((*name).to_owned(), tree(json)));
        let trees: Vec<(String, Tree)> = trees.collect();
        let files = trees
            .iter()
            .map(|(name, tree)| (name.clone(), tree))
            .collect();
        let server = server
            .iter()
            .map(|(name, it)| ((*name).to_owned(), it.clone()));
        plan("s", &files, &server.collect())
    }

    fn words(steps: &[Step]) -> Vec<(&str, &str, bool)> {
        let words = steps
            .iter()
            .map(|it| (it.action.word(), it.name.as_str(), it.held.is_some()));
        words.collect()
    }

    /// As the set wrote it.
    fn of_set(json: &str) -> Stored {
        stored(&source_of("s", &tree(json)), json)
    }

    #[test]
    fn bases_and_parents_come_first_and_deletions_last_from_below() {
        let new = [
            ("a", r#"{"extends":"b"}"#),
            ("b", r#"{"limit":1,"parent":{"policy":"c"}}"#),
            ("c", r#"{"limit":1}"#),
        ];
        let add = |name| ("add", name, false);
        assert_eq!(words(&steps(&new, &[])), [add("c"), add("b"), add("a")]);
        let old = new.map(|(name, json)| (name, of_set(json)));
        let remove = |name| ("remove", name, false);
        assert_eq!(
            words(&steps(&[], &old)),
            [remove("a"), remove("b"), remove("c")]
        );
        let falling = [("a", r#"{"limit":1,"fallbackTo":["b"]}"#), ("b", "{}")];
        assert_eq!(words(&steps(&falling, &[])), [add("b"), add("a")]);
    }

    #[test]
    fn nothing_is_deleted_that_the_set_does_not_own() {
        let others = [
            "",
            "s",
            "files:s",
            "files:other#0",
            "files:s2#0",
            "terraform",
        ];
        for source in others {
            let server = [("a", stored(source, "{}"))];
            assert!(steps(&[], &server).is_empty(), "{source}");
        }
    }

    #[test]
    fn what_others_wrote_is_held() {
        let is = |stored: Stored, expected: &[(&str, &str, bool)]| {
            assert_eq!(
                words(&steps(
                    &[("a", r#"{"limit":1,"window":2}"#)],
                    &[("a", stored)]
                )),
                expected
            );
        };
        is(of_set(r#"{"window":2,"limit":1}"#), &[]);
        is(of_set(r#"{"limit":5}"#), &[("change", "a", false)]);
        is(stored("", r#"{"limit":5}"#), &[("change", "a", true)]);
        is(
            stored("files:other#0", r#"{"limit":5}"#),
            &[("change", "a", true)],
        );
        is(
            stored("files:s#0", r#"{"limit":5}"#),
            &[("change", "a", true)],
        );
        // The same is nobody's loss, but stays another's unless it is taken over.
        is(
            stored("", r#"{"limit":1,"window":2}"#),
            &[("own", "a", true)],
        );
        is(
            stored("files:s#0", r#"{"limit":1,"window":2}"#),
            &[("own", "a", false)],
        );
        let drifted = [("b", stored("files:s#0", "{}"))];
        assert_eq!(words(&steps(&[], &drifted)), [("remove", "b", true)]);
    }

    #[test]
    fn every_step_names_the_version_that_it_was_planned_for() {
        let change = steps(&[("a", r#"{"limit":1}"#)], &[("a", of_set("{}"))]);
        assert_eq!(change[0].condition(), ("if-match", "\"7\"".to_owned()));
        let remove = steps(&[], &[("a", of_set("{}"))]);
        assert_eq!(remove[0].condition(), ("if-match", "\"7\"".to_owned()));
        let add = steps(&[("a", "{}")], &[]);
        assert_eq!(add[0].condition(), ("if-none-match", "*".to_owned()));
    }
}
