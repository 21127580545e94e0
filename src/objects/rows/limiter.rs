//! The rows of one subject. They are texts whose content the core defines; only the row `listed` is
//! defined here.
//!
//! One table, `state (key, row)`, made at the first write, so that a subject that stores nothing
//! has no table either. The key `listed` is the shell's: it is there while the directory lists the
//! subject, and holds the object's name. Before that it holds a name that only callers know as
//! `own`, behind an empty `name`, which earlier builds take for no listing.

use tollgate_core::codec::{Line, LineWriter, Unreadable};
use tollgate_core::row::ROWS;
use tollgate_core::subject_state::Write;
use tollgate_core::summary::{Summary, Told};
use tollgate_core::Timestamp;
use worker::{Error, Result, SqlStorage, State, Storage};

use super::{delete_all, has_table, rows, set_alarm, text};
use crate::objects::listing::KeptName;

const TABLE: &str = "state";
const CREATE: &str =
    "CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, row TEXT NOT NULL) WITHOUT ROWID";
const READ: &str = "SELECT key, row FROM state";
const PUT: &str = "INSERT OR REPLACE INTO state (key, row) VALUES (?, ?)";
const DELETE: &str = "DELETE FROM state WHERE key = ?";
const DELETE_ALL: &str = "DELETE FROM state WHERE key <> 'listed'";
const LISTED: &str = "listed";

/// One subject's storage.
pub(in crate::objects) struct Store {
    storage: Storage,
    sql: SqlStorage,
    has_table: bool,
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
        let has_table = has_table(&sql, TABLE)?;
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
        };
        Ok((store, found))
    }

    /// Applies changes, in order. There is no await between them, so the runtime commits all or
    /// none.
    pub(in crate::objects) fn apply(&mut self, writes: &[Write]) -> Result<()> {
        for write in writes {
            match write {
                Write::Put { key, row } => self.put(key, row)?,
                // Without a table there is no row.
                _ if !self.has_table => {}
                Write::Delete { key } => drop(self.sql.exec(DELETE, vec![key.as_str().into()])?),
                Write::DeleteAll => drop(self.sql.exec(DELETE_ALL, None)?),
            }
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
        self.has_table = false;
        delete_all(&self.storage)
    }

    /// Sets the alarm, which replaces any other.
    pub(in crate::objects) fn set_alarm(&self, at: Timestamp) -> Result<()> {
        set_alarm(&self.storage, at.as_millis() as f64)
    }
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
