//! The rows of one subject in its object's SQLite storage. It reads and writes texts and understands none but its own: what they say is
//! the core's business.
//!
//! One table, `state (key, row)`, made at the first write, so that a subject that stores nothing has no table either. The key
//! `listed` is the shell's: it is there while the directory lists the subject, and holds the object's name.

use js_sys::Array;
use tollgate_core::codec::{Line, LineWriter, Unreadable};
use tollgate_core::row::ROWS;
use tollgate_core::subject_state::Write;
use wasm_bindgen::prelude::*;

use crate::runtime::{ObjectContext, Sql, Storage};

const EXISTS: &str = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'state'";
const CREATE: &str =
    "CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, row TEXT NOT NULL) WITHOUT ROWID";
const READ: &str = "SELECT key, row FROM state";
const PUT: &str = "INSERT OR REPLACE INTO state (key, row) VALUES (?, ?)";
const DELETE: &str = "DELETE FROM state WHERE key = ?";
const DELETE_ALL: &str = "DELETE FROM state WHERE key <> 'listed'";
const LISTED: &str = "listed";

/// One subject's storage.
pub(crate) struct Store {
    storage: Storage,
    sql: Sql,
    has_table: bool,
}

/// What was found on waking.
pub(crate) struct Found {
    /// Key and text of each of the core's rows.
    pub(crate) rows: Vec<(String, String)>,
    /// The name under which the directory lists the subject, if it does.
    pub(crate) listed: Option<String>,
}

impl Store {
    /// Opens the storage and reads all of it: the only time in the object's life.
    pub(crate) fn open(context: &ObjectContext) -> Result<(Store, Found), JsValue> {
        let storage = context.storage();
        let sql = storage.sql();
        let mut found = Found {
            rows: Vec::new(),
            listed: None,
        };
        let has_table = sql.exec(EXISTS)?.raw().to_array()?.length() > 0;
        if has_table {
            for row in sql.exec(READ)?.raw().to_array()?.iter() {
                let row: Array = row.unchecked_into();
                let (Some(key), Some(text)) = (row.get(0).as_string(), row.get(1).as_string())
                else {
                    return Err(JsValue::from_str("a row is not of texts"));
                };
                if key == LISTED {
                    found.listed = listed_name(&text, context);
                } else {
                    found.rows.push((key, text));
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

    /// Applies changes, in order. There is no await between them, so the runtime commits all or none.
    pub(crate) fn apply(&mut self, writes: &[Write]) -> Result<(), JsValue> {
        for write in writes {
            match write {
                Write::Put { key, row } => self.put(key, row)?,
                Write::Delete { key } => self.with_table(|sql| sql.exec1(DELETE, key))?,
                Write::DeleteAll => self.with_table(|sql| sql.exec(DELETE_ALL))?,
            }
        }
        Ok(())
    }

    fn put(&mut self, key: &str, row: &str) -> Result<(), JsValue> {
        if !self.has_table {
            self.sql.exec(CREATE)?;
            self.has_table = true;
        }
        self.sql.exec2(PUT, key, row).map(|_| ())
    }

    /// Does nothing where there is no table, and so no row.
    fn with_table<T>(&self, run: impl Fn(&Sql) -> Result<T, JsValue>) -> Result<(), JsValue> {
        if self.has_table {
            run(&self.sql)?;
        }
        Ok(())
    }

    /// Notes that the directory lists the subject under this name.
    pub(crate) fn set_listed(&mut self, name: &str) -> Result<(), JsValue> {
        let row = LineWriter::new(ROWS.written(), "listed").text("name", name);
        self.put(LISTED, &row.finish())
    }

    /// Empties the storage wholly, tables and alarm included.
    pub(crate) fn empty(&mut self) -> Result<(), JsValue> {
        self.has_table = false;
        self.storage.delete_all().map(|_| ())
    }

    /// Sets the alarm, which replaces any other.
    pub(crate) fn set_alarm(&self, at: tollgate_core::Timestamp) -> Result<(), JsValue> {
        self.storage.set_alarm(at.as_millis() as f64).map(|_| ())
    }
}

/// The name in the shell's own row. A damaged one is written anew when the directory is told again; one of a version that is not read is
/// left as it is, and means that the directory knows.
fn listed_name(row: &str, context: &ObjectContext) -> Option<String> {
    match Line::versioned(row, ROWS) {
        Ok((_, line)) => {
            let name = Line::parse(line).text("name").ok();
            name.filter(|name| !name.is_empty())
        }
        Err(Unreadable::Version { .. }) => context.id().name(),
        Err(Unreadable::Damaged(_)) => None,
    }
}
