//! The names that a directory lists: one table, `alive (name)`, made at the first name.

use worker::{Result, SqlStorage, State, Storage};

use super::{delete_all, has_table, rows, text};

const TABLE: &str = "alive";
const CREATE: &str = "CREATE TABLE IF NOT EXISTS alive (name TEXT PRIMARY KEY) WITHOUT ROWID";
const ADD: &str = "INSERT OR IGNORE INTO alive (name) VALUES (?)";
const REMOVE: &str = "DELETE FROM alive WHERE name = ?";
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
    pub(in crate::objects) fn add(&self, name: &str) -> Result<()> {
        self.sql.exec(CREATE, None)?;
        self.sql.exec(ADD, vec![name.into()])?;
        Ok(())
    }

    /// Removes a name. After the last one the storage is empty.
    pub(in crate::objects) fn remove(&self, name: &str) -> Result<()> {
        if !has_table(&self.sql, TABLE)? {
            return Ok(());
        }
        self.sql.exec(REMOVE, vec![name.into()])?;
        if rows(&self.sql, ANY, Vec::new())?.is_empty() {
            delete_all(&self.storage)?;
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
