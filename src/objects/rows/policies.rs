//! The policies and overrides of a namespace as rows, in five tables that the first change makes:
//!
//! - `book (key, value)`: the numbers of the whole, and `schema`, the version of these tables;
//! - `policies`: each name with its last version, also a deleted one (`written` is NULL);
//! - `versions`: the last hundred of each name;
//! - `audit`: who changed what;
//! - `overrides`: each by its target and kind, also a lifted one (`effect` is NULL).
//!
//! Instants are Unix ms.

use tollgate_core::api::overrides::{effect_text, parse_effect};
use tollgate_core::overrides::{Kind, Target};
use tollgate_core::Timestamp;
use tollgate_policies::book::{Book, BookState, Record};
use tollgate_policies::content::Content;
use tollgate_policies::history::{
    audit_from, numbers, Act, AuditEntry, PastVersion, Signed, Storage, Stored, MAX_AUDIT,
    MAX_PAGE, MAX_VERSIONS,
};
use tollgate_policies::overrides::{OverrideKey, OverrideRecord};
use worker::{Error, Result, SqlStorage, SqlStorageValue, State, Storage as RawStorage};

use super::columns::{number, some, Columns};
use super::{all_or_none, has_table, rows, set_alarm};

/// The version of the tables. Another one is neither read nor written.
const SCHEMA: u64 = 1;
/// How long after a change the alarm rings, ms: KV takes a key once a second.
const PUBLISH_AFTER: u64 = 1_000;
/// How many entries beyond their age are deleted at most with one change.
const DELETED_AT_ONCE: u64 = 100;

const CREATE: [&str; 5] = [
    "CREATE TABLE IF NOT EXISTS book (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS policies (name TEXT PRIMARY KEY, version INTEGER NOT NULL, \
     revision INTEGER NOT NULL, at INTEGER NOT NULL, author TEXT NOT NULL, reason TEXT NOT NULL, \
     written TEXT, canonical TEXT, base TEXT, parent TEXT)",
    "CREATE TABLE IF NOT EXISTS versions (name TEXT NOT NULL, version INTEGER NOT NULL, \
     act TEXT NOT NULL, at INTEGER NOT NULL, author TEXT NOT NULL, reason TEXT NOT NULL, \
     written TEXT, PRIMARY KEY (name, version))",
    "CREATE TABLE IF NOT EXISTS audit (id INTEGER PRIMARY KEY, act TEXT NOT NULL, \
     at INTEGER NOT NULL, author TEXT NOT NULL, reason TEXT NOT NULL, policy TEXT NOT NULL, \
     version INTEGER NOT NULL, before TEXT, after TEXT, changed TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS overrides (target TEXT NOT NULL, kind TEXT NOT NULL, \
     revision INTEGER NOT NULL, at INTEGER NOT NULL, author TEXT NOT NULL, reason TEXT NOT NULL, \
     until INTEGER, effect TEXT, PRIMARY KEY (target, kind)) WITHOUT ROWID",
];
const OVERRIDES: &str =
    "SELECT target, kind, revision, at, author, reason, until, effect FROM overrides";
const PUT_OVERRIDE: &str = "INSERT OR REPLACE INTO overrides (target, kind, revision, at, author, \
    reason, until, effect) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
const FORGET_OVERRIDE: &str = "DELETE FROM overrides WHERE target = ? AND kind = ?";
const NUMBERS: &str = "SELECT key, value FROM book";
const PUT_NUMBER: &str = "INSERT OR REPLACE INTO book (key, value) VALUES (?, ?)";
const RECORDS: &str =
    "SELECT name, version, revision, at, author, reason, written, canonical, base, \
    parent FROM policies";
const PUT_RECORD: &str = "INSERT OR REPLACE INTO policies (name, version, revision, at, author, \
    reason, written, canonical, base, parent) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const FORGET: &str = "DELETE FROM policies WHERE name = ?";
const FORGET_VERSIONS: &str = "DELETE FROM versions WHERE name = ?";
const ADD_VERSION: &str = "INSERT OR REPLACE INTO versions (name, version, act, at, author, \
    reason, written) VALUES (?, ?, ?, ?, ?, ?, ?)";
const TRIM_VERSIONS: &str = "DELETE FROM versions WHERE name = ?1 AND version <= \
    (SELECT version FROM versions WHERE name = ?1 ORDER BY version DESC LIMIT 1 OFFSET ?2)";
const VERSIONS: &str = "SELECT version, act, at, author, reason, written FROM versions \
    WHERE name = ? AND version >= ? AND version < ? ORDER BY version DESC LIMIT ?";
const ADD_ENTRY: &str = "INSERT INTO audit (act, at, author, reason, policy, version, before, \
    after, changed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
const TRIM_ENTRIES: &str = "DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?";
const TRIM_OLD: &str =
    "DELETE FROM audit WHERE id IN (SELECT id FROM audit ORDER BY id LIMIT ?) AND at < ?";
const ENTRIES: &str = "SELECT id, act, at, author, reason, policy, version, before, after, \
    changed FROM audit WHERE id < ? AND at >= ? ORDER BY id DESC LIMIT ?";

/// One namespace's storage.
pub(in crate::objects) struct Store {
    storage: RawStorage,
    sql: SqlStorage,
    has_tables: bool,
    /// Whether a change has the alarm ring.
    rings: bool,
    /// Whether it will ring for a change already: later ones do not put it off.
    is_due: bool,
}

impl Store {
    /// Opens the storage and reads all policies, once in the object's life.
    pub(in crate::objects) fn open(state: &State, rings: bool) -> Result<(Book, Store)> {
        let storage = state.storage();
        let sql = storage.sql();
        let store = Store {
            has_tables: has_table(&sql, "book")?,
            storage,
            sql,
            rings,
            is_due: false,
        };
        Ok((store.book()?, store))
    }

    fn book(&self) -> Result<Book> {
        if !self.has_tables {
            return Ok(Book::default());
        }
        let (mut state, mut schema) = (BookState::default(), 0);
        for row in rows(&self.sql, NUMBERS, Vec::new())? {
            let mut row = Columns(row.into_iter());
            match (row.text()?.as_str(), row.number()?) {
                ("schema", value) => schema = value,
                ("generation", value) => state.generation = value,
                ("revision", value) => state.revision = value,
                ("floor", value) => state.floor = value,
                ("forgotten", value) => state.forgotten = value,
                ("adjusted", value) => state.adjusted = value,
                _ => {}
            }
        }
        if schema != SCHEMA {
            let why = format!("the tables are of version {schema}, this build knows {SCHEMA}");
            return Err(Error::from(why));
        }
        let found = rows(&self.sql, RECORDS, Vec::new())?.into_iter();
        let records = found.map(|row| record(Columns(row.into_iter())));
        let book = Book::new(state, records.collect::<Result<Vec<_>>>()?);
        // A build from before overrides has made no such table.
        if !has_table(&self.sql, "overrides")? {
            return Ok(book);
        }
        let found = rows(&self.sql, OVERRIDES, Vec::new())?.into_iter();
        let overrides = found.map(|row| override_record(Columns(row.into_iter())));
        Ok(book.with_overrides(overrides.collect::<Result<Vec<_>>>()?))
    }

    fn put_override(&self, book: &Book, key: &OverrideKey) -> Result<()> {
        let (target, kind) = (key.0.to_string(), key.1.word());
        let Some(record) = book.override_record(key) else {
            let bindings = vec![target.into(), kind.into()];
            self.sql.exec(FORGET_OVERRIDE, bindings)?;
            return Ok(());
        };
        let until = record.until.map(|until| number(until.as_millis()));
        let bindings = vec![
            target.into(),
            kind.into(),
            number(record.revision),
            number(record.at.as_millis()),
            record.author.as_str().into(),
            record.reason.as_str().into(),
            until.unwrap_or(SqlStorageValue::Null),
            some(record.effect.as_ref().map(effect_text).as_deref()),
        ];
        self.sql.exec(PUT_OVERRIDE, bindings)?;
        Ok(())
    }

    /// The alarm rings: the next change sets it anew.
    pub(in crate::objects) const fn begin_ringing(&mut self) {
        self.is_due = false;
    }

    /// Has the alarm ring at `at`, in place of any other instant.
    pub(in crate::objects) fn ring(&self, at: Timestamp) -> Result<()> {
        set_alarm(&self.storage, at.as_millis() as f64)
    }

    fn put(&self, book: &Book, stored: &[Stored<'_>]) -> Result<()> {
        for create in CREATE {
            self.sql.exec(create, None)?;
        }
        let schema = [("schema", SCHEMA)];
        for (key, value) in numbers(&book.state).into_iter().chain(schema) {
            self.sql.exec(PUT_NUMBER, vec![key.into(), number(value)])?;
        }
        for stored in stored {
            self.put_one(book, stored)?;
        }
        let last = stored.last().filter(|_| self.rings && !self.is_due);
        if let Some(stored) = last {
            let at = stored.entry.signed.at.as_millis();
            set_alarm(&self.storage, (at + PUBLISH_AFTER) as f64)?;
        }
        Ok(())
    }

    fn put_one(&self, book: &Book, stored: &Stored<'_>) -> Result<()> {
        for name in &stored.entry.changed {
            if let Some((act, record)) = stored.made(book, name) {
                self.put_record(name, act, record)?;
            }
        }
        for name in stored.forgotten {
            self.sql.exec(FORGET, vec![name.as_str().into()])?;
            self.sql.exec(FORGET_VERSIONS, vec![name.as_str().into()])?;
        }
        for key in stored.overrides {
            self.put_override(book, key)?;
        }
        self.add(stored.entry)
    }

    fn put_record(&self, name: &str, act: Act, record: &Record) -> Result<()> {
        let content = record.content.as_ref();
        let written = || some(content.map(|it| it.written.as_str()));
        let bindings = vec![
            name.into(),
            number(record.version),
            number(record.revision),
            number(record.at.as_millis()),
            record.author.as_str().into(),
            record.reason.as_str().into(),
            written(),
            some(content.map(|it| it.canonical.as_str())),
            some(content.and_then(|it| it.base.as_deref())),
            some(content.and_then(|it| it.parent.as_deref())),
        ];
        self.sql.exec(PUT_RECORD, bindings)?;
        let bindings = vec![
            name.into(),
            number(record.version),
            act.word().into(),
            number(record.at.as_millis()),
            record.author.as_str().into(),
            record.reason.as_str().into(),
            written(),
        ];
        self.sql.exec(ADD_VERSION, bindings)?;
        let bindings = vec![name.into(), number(MAX_VERSIONS as u64)];
        self.sql.exec(TRIM_VERSIONS, bindings)?;
        Ok(())
    }

    fn add(&self, entry: &AuditEntry) -> Result<()> {
        let at = entry.signed.at;
        let bindings = vec![
            entry.act.word().into(),
            number(at.as_millis()),
            entry.signed.author.as_str().into(),
            entry.signed.reason.as_str().into(),
            entry.policy.as_str().into(),
            number(entry.version),
            some(entry.before.as_deref()),
            some(entry.after.as_deref()),
            entry.changed.join(" ").into(), // names have no spaces
        ];
        self.sql.exec(ADD_ENTRY, bindings)?;
        self.sql.exec(TRIM_ENTRIES, vec![number(MAX_AUDIT)])?;
        let from = number(audit_from(at).as_millis());
        self.sql
            .exec(TRIM_OLD, vec![number(DELETED_AT_ONCE), from])?;
        Ok(())
    }

    /// Versions of a name from `from` to before `before`.
    fn versions_between(&self, name: &str, from: u64, before: u64) -> Result<Vec<PastVersion>> {
        if !self.has_tables {
            return Ok(Vec::new());
        }
        let bindings = vec![
            name.into(),
            number(from),
            number(before),
            number(MAX_PAGE as u64),
        ];
        let found = rows(&self.sql, VERSIONS, bindings)?.into_iter();
        let past = found.map(|row| {
            let mut row = Columns(row.into_iter());
            Ok(PastVersion {
                version: row.number()?,
                act: row.act()?,
                signed: row.signed()?,
                written: row.text_or_null(),
            })
        });
        past.collect()
    }
}

impl Storage for Store {
    type Error = Error;

    fn store(&mut self, book: &Book, stored: &[Stored<'_>]) -> Result<()> {
        all_or_none(&self.storage, &mut || self.put(book, stored))?;
        (self.has_tables, self.is_due) = (true, true);
        Ok(())
    }

    fn version(&self, name: &str, version: u64) -> Result<Option<PastVersion>> {
        let mut found = self.versions_between(name, version, version.saturating_add(1))?;
        Ok(found.pop())
    }

    fn versions(&self, name: &str, before: u64) -> Result<Vec<PastVersion>> {
        self.versions_between(name, 0, before)
    }

    fn audit(&self, before: u64, from: Timestamp) -> Result<Vec<AuditEntry>> {
        if !self.has_tables {
            return Ok(Vec::new());
        }
        let bindings = vec![
            number(before),
            number(from.as_millis()),
            number(MAX_PAGE as u64),
        ];
        let found = rows(&self.sql, ENTRIES, bindings)?.into_iter();
        let entries = found.map(|row| entry(Columns(row.into_iter())));
        entries.collect()
    }
}

fn record<C: Iterator<Item = SqlStorageValue>>(mut row: Columns<C>) -> Result<(String, Record)> {
    let name = row.text()?;
    let (version, revision) = (row.number()?, row.number()?);
    let signed = row.signed()?;
    let content = match (row.text_or_null(), row.text_or_null()) {
        (Some(written), Some(canonical)) => Some(Content {
            written,
            canonical,
            base: row.text_or_null(),
            parent: row.text_or_null(),
        }),
        _ => None,
    };
    let record = Record {
        version,
        revision,
        at: signed.at,
        author: signed.author,
        reason: signed.reason,
        content,
    };
    Ok((name, record))
}

fn override_record<C: Iterator<Item = SqlStorageValue>>(
    mut row: Columns<C>,
) -> Result<(OverrideKey, OverrideRecord)> {
    let unreadable = || Error::from("an override cannot be read");
    let target = Target::stored(&row.text()?).map_err(|_| unreadable())?;
    let kind = Kind::from_word(&row.text()?).ok_or_else(unreadable)?;
    let revision = row.number()?;
    let signed = row.signed()?;
    let until = row.number_or_null()?.map(Timestamp::from_millis);
    let effect = row.text_or_null();
    let effect = effect.map(|text| parse_effect(kind, &text)).transpose();
    let record = OverrideRecord {
        revision,
        at: signed.at,
        author: signed.author,
        reason: signed.reason,
        until,
        effect: effect.map_err(|_| unreadable())?,
    };
    Ok(((target, kind), record))
}

fn entry<C: Iterator<Item = SqlStorageValue>>(mut row: Columns<C>) -> Result<AuditEntry> {
    let id = row.number()?;
    let act = row.act()?;
    Ok(AuditEntry {
        id,
        act,
        signed: row.signed()?,
        policy: row.text()?,
        version: row.number()?,
        before: row.text_or_null(),
        after: row.text_or_null(),
        changed: row.text()?.split_whitespace().map(str::to_owned).collect(),
    })
}

impl<C: Iterator<Item = SqlStorageValue>> Columns<C> {
    fn act(&mut self) -> Result<Act> {
        Act::from_word(&self.text()?).ok_or_else(|| Error::from("a column is no word for a change"))
    }

    fn signed(&mut self) -> Result<Signed> {
        Ok(Signed {
            at: Timestamp::from_millis(self.number()?),
            author: self.text()?,
            reason: self.text()?,
        })
    }
}
