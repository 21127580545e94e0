//! `DirectoryDO`: which subjects of a namespace are alive.
//!
//! One object per namespace, named by [`crate::placement`]. One table, `alive`, of object names. Answers the messages of
//! [`crate::directory`], each in one synchronous step. Emptied when the last name is gone.

use js_sys::Array;
use tollgate_core::codec::Unreadable;
use wasm_bindgen::prelude::*;

use crate::directory::{end_of, Listing, Notice, NOTICES};
use crate::runtime::{said, ObjectContext, Storage};

const CREATE: &str = "CREATE TABLE IF NOT EXISTS alive (name TEXT PRIMARY KEY) WITHOUT ROWID";
const EXISTS: &str = "SELECT 1 FROM sqlite_master WHERE name = 'alive'";
const ADD: &str = "INSERT OR IGNORE INTO alive (name) VALUES (?)";
const REMOVE: &str = "DELETE FROM alive WHERE name = ?";
const ANY: &str = "SELECT 1 FROM alive LIMIT 1";
const LIST: &str =
    "SELECT name FROM alive WHERE name >= ?1 AND name > ?2 AND (?3 = '' OR name < ?3) ORDER BY name LIMIT ?4";

/// The directory of one namespace.
#[wasm_bindgen]
pub struct DirectoryDO {
    context: ObjectContext,
}

#[wasm_bindgen]
impl DirectoryDO {
    /// Made by src/entry.js for the first call of an object in this wasm instance.
    #[wasm_bindgen(constructor)]
    pub fn new(context: JsValue, _env: JsValue) -> DirectoryDO {
        DirectoryDO {
            context: context.unchecked_into(),
        }
    }

    /// Answers one notice, as text. Values, not strings, on both sides: nothing is copied into wasm before it is known to be alive.
    pub fn call(&self, text: &JsValue) -> JsValue {
        let text = text.as_string().unwrap_or_default();
        let (version, answer) = match Notice::decode(&text) {
            Ok((version, notice)) => (version, self.answer(&notice).map_err(|error| said(&error))),
            Err(Unreadable::Version { .. }) => return JsValue::from_str(&NOTICES.other()),
            Err(damaged) => (NOTICES.written(), Err(damaged.to_string())),
        };
        let answer = answer.unwrap_or_else(Listing::Refused);
        JsValue::from_str(&answer.encode_in(version))
    }
}

impl DirectoryDO {
    fn answer(&self, notice: &Notice) -> Result<Listing, JsValue> {
        let storage: Storage = self.context.storage();
        let sql = storage.sql();
        // Who only asks leaves nothing behind.
        let is_empty = || Ok::<bool, JsValue>(sql.exec(EXISTS)?.raw().to_array()?.length() == 0);
        match notice {
            Notice::Alive { name } => {
                sql.exec(CREATE)?;
                sql.exec1(ADD, name)?;
            }
            Notice::List { .. } if is_empty()? => return Ok(Listing::Names(Vec::new())),
            Notice::Gone { .. } if is_empty()? => {}
            Notice::Gone { name } => {
                sql.exec1(REMOVE, name)?;
                if sql.exec(ANY)?.raw().to_array()?.length() == 0 {
                    storage.delete_all()?;
                }
            }
            Notice::List {
                prefix,
                after,
                limit,
            } => {
                let end = end_of(prefix).unwrap_or_default();
                let rows = sql
                    .exec4(LIST, prefix, after, &end, *limit)?
                    .raw()
                    .to_array()?;
                let name = |row: JsValue| row.unchecked_into::<Array>().get(0).as_string();
                return Ok(Listing::Names(rows.iter().filter_map(name).collect()));
            }
        }
        Ok(Listing::Done)
    }
}
