//! The rows of one subject. They are texts whose content the core defines; only the row `listed` is
//! defined here.
//!
//! One table, `state (key, row)`, made at the first write, so that a subject that stores nothing
//! has no table either. The key `listed` is the shell's: it is there while the directory lists the
//! subject, and holds the object's name. Before that it holds a name that only callers know as
//! `own`, behind an empty `name`, which earlier builds take for no listing.
//!
//! Another table, `answers (id, number, until, row)`, has what was answered under idempotency keys,
//! a row each: they are looked up one by one, and not read at waking. The row about all of them,
//! which is, stands there too, under an empty `id`, so that a build from before never meets it.

use tollgate_core::codec::{Line, LineWriter, Unreadable};
use tollgate_core::row::ROWS;
use tollgate_core::subject_state::{Write, KEYS};
use tollgate_core::summary::{Summary, Told};
use tollgate_core::Timestamp;
use worker::{Error, Result, SqlStorage, State, Storage};

use super::{delete_all, integer, rows, set_alarm, text};
use crate::objects::listing::KeptName;

const CREATE: &str =
    "CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, row TEXT NOT NULL) WITHOUT ROWID";
const READ: &str = "SELECT key, row FROM state";
const PUT: &str = "INSERT OR REPLACE INTO state (key, row) VALUES (?, ?)";
const DELETE: &str = "DELETE FROM state WHERE key = ?";
const DELETE_ALL: &str = "DELETE FROM state WHERE key <> 'listed'";
const LISTED: &str = "listed";

const TABLES: &str =
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN ('state', 'answers')";
const CREATE_KEYS: &str = "CREATE TABLE IF NOT EXISTS answers (id TEXT PRIMARY KEY, \
    number INTEGER NOT NULL, until INTEGER NOT NULL, row TEXT NOT NULL) WITHOUT ROWID";
const PUT_KEY: &str = "INSERT OR REPLACE INTO answers (id, number, until, row) VALUES (?, ?, ?, ?)";
const FIND_KEY: &str = "SELECT number, row FROM answers WHERE id = ?";
const DELETE_KEY: &str = "DELETE FROM answers WHERE id = ?";
const DROP_KEYS: &str = "DELETE FROM answers WHERE id IN \
    (SELECT id FROM answers WHERE id <> '' AND (number < ? OR until <= ?) LIMIT 100)";
const DELETE_ALL_KEYS: &str = "DELETE FROM answers";
/// The `id` of the row about all keys.
const ALL_KEYS: &str = "";

/// One subject's storage.
pub(in crate::objects) struct Store {
    storage: Storage,
    sql: SqlStorage,
    has_table: bool,
    has_keys: bool,
}

/// The stored state, read on waking.
#[derive(Default)]
pub(in crate::objects) struct Found {
    /// Key and text of each of the core's rows.
    pub(in crate::objects) rows: Vec<(String, String)>,
    /// The object's name, as far as the row `listed` keeps it.
    pub(in crate::objects) name: KeptName,
    /// What the directory was told of it, where the row says so.
    pub(in crate::objects) told: Option<Told>,
    /// Whether the row that would say so has a version that is not known.
    pub(in crate::objects) is_foreign: bool,
}

impl Store {
    /// Opens the storage and reads all of it, once in the object's life.
    pub(in crate::objects) fn open(state: &State) -> Result<(Store, Found)> {
        let storage = state.storage();
        let sql = storage.sql();
        let tables = rows(&sql, TABLES, Vec::new())?;
        let has = |name: &str| {
            let mut names = tables.iter().map(|row| text(row.first().cloned()));
            names.any(|it| it.as_deref() == Some(name))
        };
        let (has_table, has_keys) = (has("state"), has("answers"));
        let mut found = Found::default();
        if has_table {
            for row in rows(&sql, READ, Vec::new())? {
                let mut columns = row.into_iter();
                let (Some(key), Some(row)) = (text(columns.next()), text(columns.next())) else {
                    return Err(Error::from("a row is not of texts"));
                };
                if key == LISTED {
                    found.name = kept_name(&row, state);
                    found.told = told(&row);
                    let version = Line::versioned(&row, ROWS);
                    found.is_foreign = matches!(version, Err(Unreadable::Version { .. }));
                } else {
                    found.rows.push((key, row));
                }
            }
        }
        let store = Store {
            storage,
            sql,
            has_table,
            has_keys,
        };
        if let Some((_, row)) = store.find(ALL_KEYS)? {
            found.rows.push((KEYS.to_owned(), row));
        }
        Ok((store, found))
    }

    /// The row of an idempotency key, and its number in the order of all.
    pub(in crate::objects) fn find_key(&self, id: u128) -> Result<Option<(u64, String)>> {
        self.find(&id_of(id))
    }

    fn find(&self, id: &str) -> Result<Option<(u64, String)>> {
        if !self.has_keys {
            return Ok(None);
        }
        let Some(found) = rows(&self.sql, FIND_KEY, vec![id.into()])?.pop() else {
            return Ok(None);
        };
        let mut columns = found.into_iter();
        match (integer(columns.next()), text(columns.next())) {
            (Some(number), Some(row)) => Ok(Some((number.unsigned_abs(), row))),
            _ => Err(Error::from("a row of a key is not of a number and a text")),
        }
    }

    /// Applies changes, in order. There is no await between them, so the runtime commits all or
    /// none.
    pub(in crate::objects) fn apply(&mut self, writes: &[Write]) -> Result<()> {
        for write in writes {
            match write {
                Write::Put { key, row } if key == KEYS => self.put_key(ALL_KEYS, 0, 0, row)?,
                Write::Put { key, row } => self.put(key, row)?,
                Write::PutKey {
                    id,
                    number,
                    until,
                    row,
                } => self.put_key(&id_of(*id), *number, until.as_millis(), row)?,
                Write::Delete { key } if key == KEYS => self.change_keys(DELETE_KEY, ALL_KEYS)?,
                Write::DeleteKey { id } => self.change_keys(DELETE_KEY, &id_of(*id))?,
                Write::DropKeys { before, until } => self.drop_keys(*before, *until)?,
                Write::Delete { key } => self.change(DELETE, Some(key))?,
                Write::DeleteAll => {
                    self.change(DELETE_ALL, None)?;
                    if self.has_keys {
                        self.sql.exec(DELETE_ALL_KEYS, None)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Without a table there is no row to change.
    fn change(&self, statement: &str, key: Option<&str>) -> Result<()> {
        if self.has_table {
            let bindings = key.map(|key| vec![key.into()]);
            self.sql.exec(statement, bindings)?;
        }
        Ok(())
    }

    fn change_keys(&self, statement: &str, id: &str) -> Result<()> {
        if self.has_keys {
            self.sql.exec(statement, vec![id.into()])?;
        }
        Ok(())
    }

    fn put_key(&mut self, id: &str, number: u64, until: u64, row: &str) -> Result<()> {
        if !self.has_keys {
            self.sql.exec(CREATE_KEYS, None)?;
            self.has_keys = true;
        }
        // A number of JavaScript, as these are, is exact up to 2^53.
        let (number, until) = (number as i64, until as i64);
        let bindings = vec![id.into(), number.into(), until.into(), row.into()];
        self.sql.exec(PUT_KEY, bindings)?;
        Ok(())
    }

    fn drop_keys(&self, before: u64, until: Timestamp) -> Result<()> {
        if self.has_keys {
            let bindings = vec![(before as i64).into(), (until.as_millis() as i64).into()];
            self.sql.exec(DROP_KEYS, bindings)?;
        }
        Ok(())
    }

    fn put(&mut self, key: &str, row: &str) -> Result<()> {
        if !self.has_table {
            self.sql.exec(CREATE, None)?;
            self.has_table = true;
        }
        self.sql.exec(PUT, vec![key.into(), row.into()])?;
        Ok(())
    }

    /// Notes that the directory lists the subject under this name, and what it was told of it.
    pub(in crate::objects) fn set_listed(&mut self, name: &str, told: &Told) -> Result<()> {
        let row = LineWriter::new(ROWS.written(), "listed").text("name", name);
        let row = told.summary.put(row).put("at", told.at.as_millis());
        self.put(LISTED, &row.finish())
    }

    /// Stores a name that only callers know, of a subject that the directory does not list yet.
    pub(in crate::objects) fn keep_name(&mut self, name: &str) -> Result<()> {
        let row = LineWriter::new(ROWS.written(), "listed").text("name", "");
        self.put(LISTED, &row.text("own", name).finish())
    }

    /// Deletes the name under which the directory lists the subject.
    pub(in crate::objects) fn set_unlisted(&self) -> Result<()> {
        if self.has_table {
            self.sql.exec(DELETE, vec![LISTED.into()])?;
        }
        Ok(())
    }

    /// Empties the storage wholly, tables and alarm included.
    pub(in crate::objects) fn empty(&mut self) -> Result<()> {
        (self.has_table, self.has_keys) = (false, false);
        delete_all(&self.storage)
    }

    /// Sets the alarm, which replaces any other.
    pub(in crate::objects) fn set_alarm(&self, at: Timestamp) -> Result<()> {
        set_alarm(&self.storage, at.as_millis() as f64)
    }
}

fn id_of(key: u128) -> String {
    format!("{key:032x}")
}

/// What the row `listed` says that the directory was told; `None` where it does not say, as in rows
/// of earlier builds: then it is told anew.
fn told(row: &str) -> Option<Told> {
    let (_, line) = Line::versioned(row, ROWS).ok()?;
    let line = Line::parse(line);
    Some(Told {
        summary: Summary::get(&line).ok()??,
        at: Timestamp::from_millis(line.needed("at").ok()?),
    })
}

/// The name in the row `listed`. A damaged row is written anew at the next call to the directory. A
/// row of an unknown version is left as it is, and the directory is taken to list the object.
fn kept_name(row: &str, state: &State) -> KeptName {
    match Line::versioned(row, ROWS) {
        Ok((_, line)) => {
            let line = Line::parse(line);
            let name = |key| line.text(key).ok().filter(|name| !name.is_empty());
            let listed = name("name").map(KeptName::Listed);
            listed.or_else(|| name("own").map(KeptName::Own))
        }
        Err(Unreadable::Version { .. }) => state.id().name().map(KeptName::Listed),
        Err(Unreadable::Damaged(_)) => None,
    }
    .unwrap_or_default()
}
