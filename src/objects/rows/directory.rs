//! The names that a directory lists: one table, `alive (name, told)`, made at the first name.
//! `told` is when the object said so, in Unix ms by its clock.

use tollgate_core::Timestamp;
use worker::{Result, SqlStorage, SqlStorageValue, State, Storage};

use super::{delete_all, has_table, rows, text};

const TABLE: &str = "alive";
const CREATE: &str =
    "CREATE TABLE IF NOT EXISTS alive (name TEXT PRIMARY KEY, told INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID";
// Earlier builds made the table without it.
const KNOWS_TOLD: &str = "SELECT 1 FROM pragma_table_info('alive') WHERE name = 'told'";
const ADD_TOLD: &str = "ALTER TABLE alive ADD COLUMN told INTEGER NOT NULL DEFAULT 0";
const ADD: &str = "INSERT INTO alive (name, told) VALUES (?, ?) \
    ON CONFLICT (name) DO UPDATE SET told = excluded.told WHERE alive.told < excluded.told";
const REMOVE: &str = "DELETE FROM alive WHERE name = ? AND told <= ?";
const ANY: &str = "SELECT 1 FROM alive LIMIT 1";
const LIST: &str =
    "SELECT name FROM alive WHERE name >= ?1 AND name > ?2 AND (?3 = '' OR name < ?3) ORDER BY name LIMIT ?4";

/// One directory's storage.
pub(in crate::objects) struct Names {
    storage: Storage,
    sql: SqlStorage,
}

impl Names {
    pub(in crate::objects) fn new(state: &State) -> Names {
        let storage = state.storage();
        let sql = storage.sql();
        Names { storage, sql }
    }

    /// Lists a name, if it is not listed already.
    pub(in crate::objects) fn add(&self, name: &str, told: Timestamp) -> Result<()> {
        self.sql.exec(CREATE, None)?;
        self.learn_told()?;
        self.sql.exec(ADD, vec![name.into(), integer_of(told)])?;
        Ok(())
    }

    /// Removes a name, unless its object has said since that it is alive: a call that was given up
    /// may arrive late. After the last name the storage is empty.
    pub(in crate::objects) fn remove(&self, name: &str, told: Timestamp) -> Result<()> {
        if !has_table(&self.sql, TABLE)? {
            return Ok(());
        }
        self.learn_told()?;
        self.sql.exec(REMOVE, vec![name.into(), integer_of(told)])?;
        if rows(&self.sql, ANY, Vec::new())?.is_empty() {
            delete_all(&self.storage)?;
        }
        Ok(())
    }

    fn learn_told(&self) -> Result<()> {
        if rows(&self.sql, KNOWS_TOLD, Vec::new())?.is_empty() {
            self.sql.exec(ADD_TOLD, None)?;
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
}

fn integer_of(told: Timestamp) -> SqlStorageValue {
    SqlStorageValue::Integer(told.as_millis() as i64) // far below 2^63
}
