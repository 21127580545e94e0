//! Reads YAML strictly: no anchors, no tags, no key twice, and no scalar that another reader could
//! take for something else.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::{is_doubtful, is_json_number};
use crate::tree::{Tree, MAX_DEPTH};

/// One document of a file.
#[derive(Debug)]
pub struct Document {
    /// The line on which it begins, from 1.
    pub line: usize,
    /// What it says.
    pub tree: Tree,
    /// The lines of its fields by their paths, such as `limits[0].window`.
    pub lines: BTreeMap<String, usize>,
}

/// The documents of a file; an error says its line and what is wrong there.
pub fn documents(text: &str) -> Result<Vec<Document>, (usize, String)> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        lines: BTreeMap::new(),
    };
    let mut documents = Vec::new();
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => return Ok(documents),
            (Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd, _) => {}
            (event, line) => {
                let tree = reader.node(event, line, "", 0)?;
                let lines = core::mem::take(&mut reader.lines);
                documents.push(Document { line, tree, lines });
            }
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    lines: BTreeMap<String, usize>,
}

type Read<T> = Result<T, (usize, String)>;

impl<'a> Reader<'a> {
    fn next(&mut self) -> Read<(Event<'a>, usize)> {
        match self.parser.next() {
            Some(Ok((event, Span { start, .. }))) => Ok((event, start.line())),
            Some(Err(error)) => Err((error.marker().line(), format!("{}.", error.info()))),
            None => Ok((Event::StreamEnd, 0)),
        }
    }

    fn node(&mut self, event: Event<'a>, line: usize, path: &str, depth: usize) -> Read<Tree> {
        if depth > MAX_DEPTH {
            return Err((line, format!("It has more than {MAX_DEPTH} levels.")));
        }
        let (anchor, tag) = match &event {
            Event::Scalar(_, _, anchor, tag)
            | Event::SequenceStart(anchor, tag)
            | Event::MappingStart(anchor, tag) => (*anchor > 0, tag.is_some()),
            _ => (true, false),
        };
        if anchor || tag {
            let what = "Anchors, aliases and tags are not understood: write it out.";
            return Err((line, what.to_owned()));
        }
        self.lines.insert(path.to_owned(), line);
        match event {
            Event::Scalar(text, style, ..) => scalar(&text, style).map_err(|why| (line, why)),
            Event::SequenceStart(..) => self.list(path, depth),
            _ => self.fields(path, depth),
        }
    }

    fn list(&mut self, path: &str, depth: usize) -> Read<Tree> {
        let mut list = Vec::new();
        loop {
            let (event, line) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(Tree::List(list));
            }
            let path = format!("{path}[{}]", list.len());
            list.push(self.node(event, line, &path, depth + 1)?);
        }
    }

    fn fields(&mut self, path: &str, depth: usize) -> Read<Tree> {
        let mut fields: Vec<(String, Tree)> = Vec::new();
        loop {
            let (event, line) = self.next()?;
            let name = match event {
                Event::MappingEnd => return Ok(Tree::Fields(fields)),
                Event::Scalar(name, _, 0, None) => name.into_owned(),
                _ => return Err((line, "A field's name must be a plain word.".to_owned())),
            };
            if fields.iter().any(|(other, _)| *other == name) {
                let why = format!("`{name}` is given more than once: give it once.");
                return Err((line, why));
            }
            let path = match path {
                "" => name.clone(),
                _ => format!("{path}.{name}"),
            };
            let (event, _) = self.next()?;
            let tree = self.node(event, line, &path, depth + 1)?;
            fields.push((name, tree));
        }
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Result<Tree, String> {
    if style != ScalarStyle::Plain {
        return Ok(Tree::Text(text.to_owned()));
    }
    let bare = ["true", "false", "null"].contains(&text) || is_json_number(text);
    match (bare, is_doubtful(text)) {
        (true, _) => Ok(Tree::Bare(text.to_owned())),
        (false, false) => Ok(Tree::Text(text.to_owned())),
        (false, true) if text.is_empty() => {
            Err("There is no value here: write one, or leave the field out.".to_owned())
        }
        (false, true) => Err(format!(
            "`{text}` is text to one reader of YAML and none to another: quote it, or write true, false or a plain number."
        )),
    }
}
