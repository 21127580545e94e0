//! The text form of rows and messages: lines of a version, a word and `key=value` fields, separated
//! by single spaces. A line describes itself, so a reader of another version finds what it knows
//! and passes over what it does not.
//!
//! `1 limit policy=github.rest algorithm=fixedWindow limit=5000 window=3600000 start=1795219200000
//! end=1795222800000 used=12`

use core::fmt::{Display, Write};

use thiserror::Error;
use tollgate_versions::{Version, Versions};

use crate::percent::{decode_component, encode_component};

/// Why a line cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unreadable {
    /// Of a version that this build does not read. It must be left as it is.
    #[error("written in version {found}, this build writes version {ours}")]
    Version {
        /// The version on the line.
        found: u32,
        /// The version that this build writes.
        ours: u32,
    },
    /// Not in this form, or without a field that it needs.
    #[error("damaged: {0}")]
    Damaged(&'static str),
}

/// Builds one line.
#[derive(Debug)]
pub struct LineWriter(String);

impl LineWriter {
    /// A line that starts with a version and a word.
    pub fn new(version: Version, word: &str) -> LineWriter {
        let mut line = String::with_capacity(160);
        let _ = write!(line, "{version} {}{word}", version.mark()); // writing to a String cannot fail
        LineWriter(line)
    }

    /// Continues a text with a line of its own, without a version: that of the first line holds for
    /// all.
    pub fn and(mut self, word: &str) -> LineWriter {
        self.0.push('\n');
        self.0.push_str(word);
        self
    }

    /// Adds a field whose value has neither spaces nor newlines.
    pub fn put(mut self, key: &str, value: impl Display) -> LineWriter {
        self.push(key, &value);
        self
    }

    /// Apart and not generic: every field of every line comes through here, and in the Worker size
    /// counts.
    fn push(&mut self, key: &str, value: &dyn Display) {
        let _ = write!(self.0, " {key}={value}");
    }

    /// Adds a field when there is a value.
    pub fn put_some(mut self, key: &str, value: Option<impl Display>) -> LineWriter {
        if let Some(value) = value {
            self.push(key, &value);
        }
        self
    }

    /// Adds a flag, which is there or not.
    pub fn flag(self, key: &str, set: bool) -> LineWriter {
        self.put_some(key, set.then_some(1))
    }

    /// Adds a field of any text.
    pub fn text(self, key: &str, value: &str) -> LineWriter {
        let mut line = self.put(key, "");
        encode_component(value, &mut line.0);
        line
    }

    /// The finished text.
    pub fn finish(self) -> String {
        self.0
    }
}

/// Reads one line.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    word: &'a str,
    fields: &'a str,
}

impl<'a> Line<'a> {
    /// Splits a line into its word and fields.
    pub fn parse(text: &'a str) -> Line<'a> {
        let (word, fields) = text.split_once(' ').unwrap_or((text, ""));
        Line { word, fields }
    }

    /// Splits off the version in front of the first line, which has to be one that is read.
    pub fn versioned(text: &'a str, versions: Versions) -> Result<(Version, &'a str), Unreadable> {
        let (version, rest) = text
            .split_once(' ')
            .ok_or(Unreadable::Damaged("no version"))?;
        let found: u32 = version
            .parse()
            .map_err(|_| Unreadable::Damaged("version"))?;
        let ours = versions.written().number();
        let version = versions
            .read(found)
            .ok_or(Unreadable::Version { found, ours })?;
        let rest = rest.strip_prefix(version.mark());
        Ok((version, rest.ok_or(Unreadable::Damaged("word"))?))
    }

    /// What the line is about.
    pub const fn word(&self) -> &'a str {
        self.word
    }

    /// A field as written.
    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.fields
            .split(' ')
            .find_map(|field| field.strip_prefix(key)?.strip_prefix('='))
    }

    /// Every field with its key, in order: for lines that are read by the thousand.
    pub fn pairs(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.fields
            .split(' ')
            .filter_map(|field| field.split_once('='))
    }

    /// A field of any text, decoded; empty when absent.
    pub fn text(&self, key: &'static str) -> Result<String, Unreadable> {
        decode_component(self.get(key).unwrap_or("")).ok_or(Unreadable::Damaged(key))
    }

    /// A number, where the field is there.
    pub fn number<T: core::str::FromStr>(
        &self,
        key: &'static str,
    ) -> Result<Option<T>, Unreadable> {
        self.get(key)
            .map(|value| value.parse().map_err(|_| Unreadable::Damaged(key)))
            .transpose()
    }

    /// A number that has to be there.
    pub fn needed<T: core::str::FromStr>(&self, key: &'static str) -> Result<T, Unreadable> {
        self.number(key)?.ok_or(Unreadable::Damaged(key))
    }

    /// Whether a flag is set.
    pub fn flag(&self, key: &str) -> bool {
        self.get(key).is_some()
    }
}
