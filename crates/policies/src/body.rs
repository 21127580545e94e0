//! The bodies of answers about policies, in JSON. The policies in them stand as they were written.

use tollgate_core::api::overrides::effect_text;
use tollgate_core::api::to_json;

use crate::book::{Book, Record};
use crate::content::Content;
use crate::history::{Act, AuditEntry, PastVersion, Signed, MAX_PAGE};
use crate::overrides::{OverrideKey, OverrideRecord};

/// About how many bytes a page may have; an entry that is longer stands on a page alone.
pub const PAGE_BYTES: usize = 262_144;

/// A JSON object in the making.
#[derive(Debug)]
pub(crate) struct Object(String);

impl Object {
    /// One without fields.
    pub(crate) fn new() -> Object {
        Object(String::from("{"))
    }

    /// Adds a field whose value is JSON.
    pub(crate) fn raw(mut self, key: &str, json: &str) -> Object {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push('"');
        self.0.push_str(key);
        self.0.push_str("\":");
        self.0.push_str(json);
        self
    }

    /// Adds a text.
    pub(crate) fn text(self, key: &str, value: &str) -> Object {
        self.raw(key, &to_json(&value))
    }

    /// Adds a number.
    pub(crate) fn number(self, key: &str, value: u64) -> Object {
        self.raw(key, &value.to_string())
    }

    /// Adds the fields of a JSON object.
    fn fields(mut self, json: &str) -> Object {
        let inner = json
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        let inner = inner.unwrap_or_default();
        if !inner.is_empty() {
            self.0.push_str(if self.0.len() > 1 { "," } else { "" });
            self.0.push_str(inner);
        }
        self
    }

    /// Adds a text unless it is empty.
    pub(crate) fn words(self, key: &str, value: &str) -> Object {
        if value.is_empty() {
            self
        } else {
            self.text(key, value)
        }
    }

    /// Adds a field whose value is JSON, where there is one.
    pub(crate) fn raw_some(self, key: &str, json: Option<&str>) -> Object {
        match json {
            Some(json) => self.raw(key, json),
            None => self,
        }
    }

    fn signed(self, signed: &Signed) -> Object {
        self.number("at", signed.at.as_millis())
            .words("author", &signed.author)
            .words("reason", &signed.reason)
    }

    /// Its text.
    pub(crate) fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// A JSON array of these elements.
pub(crate) fn list(elements: impl Iterator<Item = String>) -> String {
    let mut text = String::from("[");
    for element in elements {
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&element);
    }
    text.push(']');
    text
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    list(names.map(|name| to_json(&name)))
}

/// The word for a policy that is kept.
const STORED: &str = "stored";
/// The word for a policy that the deployment brings.
const STATIC: &str = "static";

/// `GET /policies`: every policy with its version, without its limits.
pub fn of_all(book: &Book) -> String {
    let line_of = |(name, number, content): (&str, u64, &Content)| {
        let line = origin(name, number, STATIC);
        let line = line.words("extends", content.base.as_deref().unwrap_or_default());
        line.finish()
    };
    let mut brought = book.brought().peekable();
    let mut lines = Vec::new();
    for (name, record, content) in book.policies() {
        while let Some(before) = brought.next_if(|it| it.0 < name) {
            lines.push(line_of(before));
        }
        let line = origin(name, record.version, STORED)
            .number("at", record.at.as_millis())
            .words("author", &record.author)
            .words("extends", content.base.as_deref().unwrap_or_default());
        lines.push(line.finish());
    }
    lines.extend(brought.map(line_of));
    Object::new()
        .number("revision", book.state.revision)
        .raw("policies", &list(lines.into_iter()))
        .finish()
}

fn origin(name: &str, version: u64, origin: &str) -> Object {
    let line = Object::new().text("name", name);
    line.number("version", version).text("origin", origin)
}

/// One policy that the deployment brings: as it was written, with all that it extends.
pub fn of_static(book: &Book, name: &str, (number, content): (u64, &Content)) -> String {
    let brought = book
        .brought()
        .filter(|(.., it)| it.base.as_deref() == Some(name));
    origin(name, number, STATIC)
        .raw("policy", &content.written)
        .raw("resolved", &content.canonical)
        .raw("extendedBy", &names(brought.map(|(name, ..)| name)))
        .finish()
}

/// One policy: as it was written, with all that it extends, and who made its version.
/// `changed` is what a change has done; `None` where nothing was to be changed.
pub fn of_one(
    book: &Book,
    (name, record, content): (&str, &Record, &Content),
    changed: Option<(&[String], bool)>,
) -> String {
    let body = origin(name, record.version, STORED)
        .signed(&signed(record))
        .raw("policy", &content.written)
        .raw("resolved", &content.canonical)
        .raw("extendedBy", &names(book.extended_by(name)));
    with_changed(body, book, changed).finish()
}

/// What an installation answers: each policy that was made, as [`of_one`] has it.
pub fn of_installed(book: &Book, names: &[&str], is_dry_run: bool) -> String {
    let of = |name: &&str| {
        let (record, content) = book.policy(name).ok()?;
        Some(of_one(book, (name, record, content), None))
    };
    Object::new()
        .raw("policies", &list(names.iter().filter_map(of)))
        .raw_some("dryRun", is_dry_run.then_some("true"))
        .finish()
}

/// What a deletion answers.
pub fn of_deleted(book: &Book, name: &str, changed: (&[String], bool)) -> String {
    let mut body = Object::new().text("name", name);
    if let Some(record) = book.record(name) {
        body = body.number("version", record.version);
    }
    let body = body.raw("deleted", "true");
    with_changed(body, book, Some(changed)).finish()
}

/// Each name that has a new version, and whether that was only tried.
fn with_changed(body: Object, book: &Book, changed: Option<(&[String], bool)>) -> Object {
    let Some((changed, is_dry_run)) = changed else {
        return body;
    };
    let line = |name: &String| {
        let version = book.record(name).map_or(0, |record| record.version);
        let line = Object::new().text("name", name);
        line.number("version", version).finish()
    };
    let body = body.raw("changed", &list(changed.iter().map(line)));
    body.raw_some("dryRun", is_dry_run.then_some("true"))
}

/// An override: what it is known by, what it does, until when, and who set it.
pub fn of_override((target, kind): &OverrideKey, record: &OverrideRecord) -> String {
    let signed = Signed {
        at: record.at,
        author: record.author.clone(),
        reason: record.reason.clone(),
    };
    let mut body = Object::new()
        .text("target", &target.to_string())
        .text("kind", kind.word())
        .number("version", record.revision);
    body = match &record.effect {
        Some(effect) => body.fields(&effect_text(effect)),
        None => body.raw("lifted", "true"),
    };
    if let Some(until) = record.until {
        body = body.number("until", until.as_millis());
    }
    body.signed(&signed).finish()
}

/// `GET /overrides`: as many as a page may have, and what to begin the next one behind.
pub fn of_overrides<'a>(
    overrides: impl Iterator<Item = (&'a OverrideKey, &'a OverrideRecord)>,
) -> String {
    let (mut lines, mut bytes, mut last, mut is_full) = (Vec::new(), 0, None, false);
    for (key, record) in overrides {
        if lines.len() >= MAX_PAGE || bytes > PAGE_BYTES {
            is_full = true;
            break;
        }
        let line = of_override(key, record);
        bytes += line.len();
        lines.push(line);
        last = Some(format!("{}/{}", key.0, key.1.word()));
    }
    let body = Object::new().raw("overrides", &list(lines.into_iter()));
    match last.filter(|_| is_full) {
        Some(last) => body.text("next", &last),
        None => body,
    }
    .finish()
}

/// Who made a record.
pub fn signed(record: &Record) -> Signed {
    Signed {
        at: record.at,
        author: record.author.clone(),
        reason: record.reason.clone(),
    }
}

/// A page of versions, the newest first.
pub fn of_versions(name: &str, versions: &[PastVersion], is_full: bool) -> String {
    let line = |past: &PastVersion| {
        Object::new()
            .number("version", past.version)
            .text("action", past.act.word())
            .signed(&past.signed)
            .raw_some("policy", past.written.as_deref())
            .finish()
    };
    let body = Object::new().text("name", name);
    let number = |past: &PastVersion| past.version;
    page(body, "versions", versions, is_full, line, number)
}

/// What was changed: a policy, or an override by its target and kind.
fn of_what(entry: &AuditEntry) -> String {
    let (key, kind) = match (entry.act, entry.policy.rsplit_once(' ')) {
        (Act::Override | Act::Lift | Act::Stage | Act::Staged, Some((_, kind))) => ("target", kind),
        _ => ("policy", ""),
    };
    let of = entry.policy.split(' ').next().unwrap_or_default();
    Object::new().words(key, of).words("kind", kind).finish()
}

/// A page of the audit, the newest first.
pub fn of_audit(entries: &[AuditEntry], is_full: bool) -> String {
    let line = |entry: &AuditEntry| {
        Object::new()
            .number("id", entry.id)
            .signed(&entry.signed)
            .text("action", entry.act.word())
            .fields(&of_what(entry))
            .number("version", entry.version)
            .raw_some("before", entry.before.as_deref())
            .raw_some("after", entry.after.as_deref())
            .raw("changed", &names(entry.changed.iter().map(String::as_str)))
            .finish()
    };
    let id = |entry: &AuditEntry| entry.id;
    page(Object::new(), "entries", entries, is_full, line, id)
}

/// As many entries as a page may have, and `next`, which begins the next page as `before` where
/// there may be one.
fn page<T>(
    body: Object,
    key: &str,
    entries: &[T],
    is_full: bool,
    line: impl Fn(&T) -> String,
    number: impl Fn(&T) -> u64,
) -> String {
    let (mut lines, mut bytes) = (Vec::new(), 0);
    let mut last = None;
    for entry in entries {
        let line = line(entry);
        if bytes > 0 && bytes + line.len() > PAGE_BYTES {
            break;
        }
        bytes += line.len();
        last = Some(number(entry));
        lines.push(line);
    }
    let is_last = lines.len() == entries.len() && !is_full;
    let body = body.raw(key, &list(lines.into_iter()));
    match last {
        Some(last) if !is_last => body.number("next", last),
        _ => body,
    }
    .finish()
}
