//! Writes a value as YAML that [`super::documents`] reads back as the same.

use super::is_doubtful;
use crate::terminal::{escaped, is_active};
use crate::tree::Tree;

/// The value as a document.
pub fn written(tree: &Tree) -> String {
    let mut text = String::new();
    match tree {
        Tree::Fields(fields) if !fields.is_empty() => put_fields(&mut text, fields, 0),
        other => text.push_str(&format!("{}\n", inline(other))),
    }
    text
}

fn put_fields(text: &mut String, fields: &[(String, Tree)], depth: usize) {
    for (i, (name, value)) in fields.iter().enumerate() {
        if i > 0 || depth == 0 {
            text.push_str(&"  ".repeat(depth));
        }
        text.push_str(&scalar(name));
        text.push(':');
        put_value(text, value, depth);
    }
}

fn put_value(text: &mut String, value: &Tree, depth: usize) {
    match value {
        Tree::List(list) if list.iter().any(|it| matches!(it, Tree::Fields(_))) => {
            text.push('\n');
            for it in list {
                text.push_str(&"  ".repeat(depth + 1));
                text.push_str("- ");
                match it {
                    Tree::Fields(fields) if !fields.is_empty() => {
                        put_fields(text, fields, depth + 2);
                    }
                    other => text.push_str(&format!("{}\n", inline(other))),
                }
            }
        }
        other => text.push_str(&format!(" {}\n", inline(other))),
    }
}

/// On one line: lists and objects as JSON, which YAML reads as well.
fn inline(tree: &Tree) -> String {
    match tree {
        Tree::Text(text) => scalar(text),
        other => json(&other.to_string()),
    }
}

/// A text plain where nobody can take it for something else, else in quotes.
fn scalar(text: &str) -> String {
    let is_safe = |b: u8| b.is_ascii_alphanumeric() || b"._/-@".contains(&b);
    let is_plain =
        text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.bytes().all(is_safe);
    match is_plain && !is_doubtful(text) {
        true => text.to_owned(),
        false => json(&Tree::Text(text.to_owned()).to_string()),
    }
}

/// JSON with what YAML would not take as it is, or a terminal would act upon, written as an escape.
fn json(json: &str) -> String {
    let is_strange = |c: char| is_active(c) || matches!(c, '\u{fffe}' | '\u{ffff}');
    escaped(json, is_strange)
}
