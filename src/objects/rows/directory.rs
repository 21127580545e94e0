//! What a directory lists: two tables, made at the first name.
//!
//! `alive (name, told, policies, exhausted, blocked, paused, overridden)`: each object that has
//! rows; when it said so, in Unix ms by its clock; the names of its policies, joined by commas; and
//! until when it is in each state, 0 where it is not. A state has an index of those that are in it.
//! `limited (policy, name)`: the same by policy.
//!
//! Earlier builds made `alive` with fewer columns, and they pass over the rest.

use core::cell::Cell;

use tollgate_core::summary::{State as Word, Summary, MAX_SCANNED};
use tollgate_core::Timestamp;
use worker::{Result, SqlStorage, SqlStorageValue, State, Storage};

use super::{all_or_none, delete_all, has_table, integer, rows, text};
use crate::directory::Listed;

const TABLE: &str = "alive";
const CREATE: &str =
    "CREATE TABLE IF NOT EXISTS alive (name TEXT PRIMARY KEY, told INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID";
const COLUMNS: &str = "SELECT name FROM pragma_table_info('alive')";
const ADDED: [(&str, &str); 6] = [
    ("told", "INTEGER NOT NULL DEFAULT 0"),
    ("policies", "TEXT NOT NULL DEFAULT ''"),
    ("exhausted", "INTEGER NOT NULL DEFAULT 0"),
    ("blocked", "INTEGER NOT NULL DEFAULT 0"),
    ("paused", "INTEGER NOT NULL DEFAULT 0"),
    ("overridden", "INTEGER NOT NULL DEFAULT 0"),
];
const CREATE_LIMITED: &str = "CREATE TABLE IF NOT EXISTS limited \
    (policy TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (policy, name)) WITHOUT ROWID";

const TOLD: &str = "SELECT told, policies FROM alive WHERE name = ?";
const ADD: &str = "INSERT INTO alive (name, told) VALUES (?, ?) \
    ON CONFLICT (name) DO UPDATE SET told = excluded.told";
const DESCRIBE: &str = "INSERT OR REPLACE INTO alive \
    (name, told, policies, exhausted, blocked, paused, overridden) VALUES (?, ?, ?, ?, ?, ?, ?)";
const ADD_LIMITED: &str = "INSERT OR IGNORE INTO limited (policy, name) VALUES (?, ?)";
const REMOVE_LIMITED: &str = "DELETE FROM limited WHERE policy = ? AND name = ?";
const REMOVE: &str = "DELETE FROM alive WHERE name = ?";
const ANY: &str = "SELECT 1 FROM alive LIMIT 1";
const LIST: &str =
    "SELECT name FROM alive WHERE name >= ?1 AND name > ?2 AND (?3 = '' OR name < ?3) ORDER BY name LIMIT ?4";

/// One directory's storage.
pub(in crate::objects) struct Names {
    storage: Storage,
    sql: SqlStorage,
    /// Whether the tables are known to be as this build makes them.
    is_made: Cell<bool>,
}

impl Names {
    pub(in crate::objects) fn new(state: &State) -> Names {
        let storage = state.storage();
        let sql = storage.sql();
        Names {
            storage,
            sql,
            is_made: Cell::new(false),
        }
    }

    /// After an error: has the tables looked at again.
    pub(in crate::objects) fn doubt(&self) {
        self.is_made.set(false);
    }

    /// Lists a name, with what is told of it. A call that is older than what is known changes
    /// nothing.
    pub(in crate::objects) fn add(
        &self,
        name: &str,
        told: Timestamp,
        summary: Option<&Summary>,
    ) -> Result<()> {
        self.make()?;
        let known = self.known(name)?;
        if known.as_ref().is_some_and(|(at, _)| *at >= told) {
            return Ok(());
        }
        let mut values = vec![name.into(), integer_of(told)];
        let Some(summary) = summary else {
            self.sql.exec(ADD, values)?;
            return Ok(());
        };
        let before = known.map(|(_, policies)| policies).unwrap_or_default();
        let policies = summary.policies().join(",");
        if before != policies {
            self.change_limited(name, &before, &policies)?;
        }
        values.push(policies.into());
        let until = |word| summary.until(word, Timestamp::ZERO).unwrap_or_default();
        values.extend(Word::ALL.map(|word| integer_of(until(word))));
        self.sql.exec(DESCRIBE, values)?;
        Ok(())
    }

    /// Removes a name, unless its object has said since that it is alive: a call that was given up
    /// may arrive late. After the last name the storage is empty.
    pub(in crate::objects) fn remove(&self, name: &str, told: Timestamp) -> Result<()> {
        if !has_table(&self.sql, TABLE)? {
            return Ok(());
        }
        self.make()?;
        if let Some((_, policies)) = self.known(name)?.filter(|(at, _)| *at <= told) {
            self.change_limited(name, &policies, "")?;
            self.sql.exec(REMOVE, vec![name.into()])?;
        }
        if rows(&self.sql, ANY, Vec::new())?.is_empty() {
            self.is_made.set(false);
            delete_all(&self.storage)?;
        }
        Ok(())
    }

    /// Makes the tables, or adds what an earlier build's have not.
    fn make(&self) -> Result<()> {
        if self.is_made.get() {
            return Ok(());
        }
        self.sql.exec(CREATE, None)?;
        let columns = rows(&self.sql, COLUMNS, Vec::new())?;
        let columns = columns.into_iter().map(|row| text(row.into_iter().next()));
        let known: Vec<String> = columns.flatten().collect();
        all_or_none(&self.storage, &mut || {
            for (name, kind) in ADDED {
                if !known.iter().any(|it| it == name) {
                    let add = format!("ALTER TABLE alive ADD COLUMN {name} {kind}");
                    self.sql.exec(&add, None)?;
                }
            }
            for word in Word::ALL.map(Word::word) {
                let index = format!(
                    "CREATE INDEX IF NOT EXISTS alive_{word} ON alive (name) WHERE {word} > 0"
                );
                self.sql.exec(&index, None)?;
            }
            self.sql.exec(CREATE_LIMITED, None)?;
            Ok(())
        })?;
        self.is_made.set(true);
        Ok(())
    }

    /// When a name was told of, and its policies.
    fn known(&self, name: &str) -> Result<Option<(Timestamp, String)>> {
        let found = rows(&self.sql, TOLD, vec![name.into()])?;
        let known = found.into_iter().next().map(|row| {
            let mut columns = row.into_iter();
            let told = instant(columns.next());
            (told, text(columns.next()).unwrap_or_default())
        });
        Ok(known)
    }

    /// Brings the rows by policy from the policies before, joined by commas, to those of now.
    fn change_limited(&self, name: &str, before: &str, now: &str) -> Result<()> {
        let lists = |list: &str, policy: &str| list.split(',').any(|it| it == policy);
        for (sql, of, other) in [(REMOVE_LIMITED, before, now), (ADD_LIMITED, now, before)] {
            let policies = of.split(',').filter(|policy| !policy.is_empty());
            for policy in policies.filter(|policy| !lists(other, policy)) {
                self.sql.exec(sql, vec![policy.into(), name.into()])?;
            }
        }
        Ok(())
    }

    /// Up to `limit` names in order: from `prefix` on, after `after`, and before `end` unless that
    /// is empty. Reading creates no table.
    pub(in crate::objects) fn list(
        &self,
        prefix: &str,
        after: &str,
        end: &str,
        limit: u32,
    ) -> Result<Vec<String>> {
        if !has_table(&self.sql, TABLE)? {
            return Ok(Vec::new());
        }
        let bindings = vec![
            prefix.into(),
            after.into(),
            end.into(),
            i64::from(limit).into(),
        ];
        let found = rows(&self.sql, LIST, bindings)?;
        Ok(found
            .into_iter()
            .filter_map(|row| text(row.into_iter().next()))
            .collect())
    }

    /// Hands subjects to `take` in the order of their names until it has enough: those from
    /// `prefix` on, after `after` and before `end`; of `policy`, or else told to be in `state`,
    /// where that is given. The name after which there may be more. At most [`MAX_SCANNED`] rows
    /// are read.
    pub(in crate::objects) fn scan(
        &self,
        (prefix, after, end): (&str, &str, &str),
        policy: Option<&str>,
        state: Option<Word>,
        take: &mut dyn FnMut(Listed) -> bool,
    ) -> Result<Option<String>> {
        if !has_table(&self.sql, TABLE)? {
            return Ok(None);
        }
        self.make()?;
        let (from, of) = match (policy, state) {
            // In this order, so that no more rows are read than are found.
            (Some(_), _) => (
                "limited CROSS JOIN alive USING (name)".to_owned(),
                "policy = ?5".to_owned(),
            ),
            (None, Some(word)) => {
                let word = word.word();
                let from = format!("alive INDEXED BY alive_{word}");
                (from, format!("{word} > 0 AND ?5 = ''"))
            }
            (None, None) => ("alive".to_owned(), "?5 = ''".to_owned()),
        };
        let query = format!(
            "SELECT name, told, policies, exhausted, blocked, paused, overridden FROM {from} \
            WHERE {of} AND name >= ?1 AND name > ?2 AND (?3 = '' OR name < ?3) \
            ORDER BY name LIMIT ?4"
        );
        let bindings = vec![
            prefix.into(),
            after.into(),
            end.into(),
            (MAX_SCANNED as i64).into(), // a small constant
            policy.unwrap_or("").into(),
        ];
        let mut scanned = 0;
        for row in self.sql.exec(&query, bindings)?.raw() {
            let listed = listed(row?);
            let name = listed.name.clone();
            scanned += 1;
            if !take(listed) || scanned == MAX_SCANNED {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }
}

fn listed(row: Vec<SqlStorageValue>) -> Listed {
    let mut columns = row.into_iter();
    let name = text(columns.next()).unwrap_or_default();
    let told = instant(columns.next());
    let policies = text(columns.next()).unwrap_or_default();
    let policies = policies.split(',').filter(|it| !it.is_empty());
    let mut summary = Summary::of(policies.map(str::to_owned));
    for word in Word::ALL {
        summary.set(word, Some(instant(columns.next())));
    }
    Listed {
        name,
        told,
        summary,
    }
}

fn instant(column: Option<SqlStorageValue>) -> Timestamp {
    Timestamp::from_millis(integer(column).unwrap_or(0).unsigned_abs())
}

fn integer_of(at: Timestamp) -> SqlStorageValue {
    SqlStorageValue::Integer(at.as_millis() as i64) // at most 2^53
}
