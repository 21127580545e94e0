//! The rows of one object's keys in its SQLite storage: keyspace.js has the statements, this the way to them. What the rows say is the
//! business of `tollgate_upstash`.

use std::cell::Cell;
use std::rc::Rc;

use js_sys::{Array, Uint8Array};
use tollgate_upstash::error::RedisError;
use tollgate_upstash::keyspace::{Keyspace, Listed, Row, RowChange, Rows};
use tollgate_upstash::value::{Bytes, Kind, ROWS};
use wasm_bindgen::prelude::*;

use crate::runtime::{self, ObjectContext, Sql, Storage};

/// So many rows of so many bytes are read at once when an object wakes; of more, each key when it is asked for.
const FEW_ROWS: u32 = 128;
const FEW_BYTES: f64 = 1_048_576.0;

/// How many expired keys are deleted at once: the next alarm deletes the others.
pub(crate) const MAX_SWEPT: u32 = 1_000;

#[wasm_bindgen(module = "/src/keyspace.js")]
extern "C" {
    fn reads(oldest: u32, newest: u32);
    #[wasm_bindgen(catch)]
    fn exists(sql: &Sql) -> Result<bool, JsValue>;
    #[wasm_bindgen(catch)]
    fn create(sql: &Sql) -> Result<(), JsValue>;
    #[wasm_bindgen(catch)]
    fn change(
        sql: &Sql,
        key: Option<&[u8]>,
        page: u32,
        expires: Option<f64>,
        data: Option<&[u8]>,
    ) -> Result<(), JsValue>;
    #[wasm_bindgen(catch, js_name = changeAll)]
    fn change_all(storage: &Storage, changes: Array) -> Result<(), JsValue>;
    #[wasm_bindgen(catch)]
    fn size(sql: &Sql, most: u32) -> Result<Array, JsValue>;
    #[wasm_bindgen(catch)]
    fn all(sql: &Sql) -> Result<Array, JsValue>;
    #[wasm_bindgen(catch)]
    fn sweep(storage: &Storage, until: f64, most: u32) -> Result<(), JsValue>;
    #[wasm_bindgen(catch)]
    fn read(sql: &Sql, key: &[u8], most: u32) -> Result<Option<Array>, JsValue>;
    #[wasm_bindgen(catch)]
    fn list(sql: &Sql, most: u32) -> Result<Option<Array>, JsValue>;
    #[wasm_bindgen(catch)]
    fn head(sql: &Sql, key: &[u8]) -> Result<Array, JsValue>;
    #[wasm_bindgen(catch)]
    fn left(sql: &Sql) -> Result<Array, JsValue>;
    #[wasm_bindgen(catch)]
    fn listed(sql: &Sql) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch, js_name = setListed)]
    fn set_listed(sql: &Sql, name: &str) -> Result<(), JsValue>;
}

/// One object's storage.
pub(crate) struct Store {
    storage: Storage,
    sql: Sql,
    has_table: Rc<Cell<bool>>,
}

/// What only storage knows.
pub(crate) struct Left {
    /// Whether any key is stored.
    pub(crate) any: bool,
    /// When the first of them expires, Unix ms; `None` when none does.
    pub(crate) first_expiry: Option<i64>,
}

impl Store {
    /// Opens the storage: the store, its keys, and the name under which the directory lists the object, if it does.
    pub(crate) fn open(
        context: &ObjectContext,
    ) -> Result<(Store, Keyspace, Option<String>), JsValue> {
        let storage = context.storage();
        let sql = storage.sql();
        let versions = ROWS.all_read();
        reads(*versions.start(), *versions.end());
        let has_table = Rc::new(Cell::new(exists(&sql)?));
        let store = Store {
            storage,
            sql,
            has_table,
        };
        let known_as = match store.has_table.get() {
            true => listed(&store.sql)?.as_string(),
            false => None,
        };
        let keyspace = store.keyspace()?;
        Ok((store, keyspace, known_as))
    }

    /// The keys, as storage has them.
    pub(crate) fn keyspace(&self) -> Result<Keyspace, JsValue> {
        let make = |empty| {
            let rows = SqlRows {
                sql: self.storage.sql(),
                has_table: Rc::clone(&self.has_table),
            };
            // Which member `SRANDMEMBER` picks is no secret; half of the bits do.
            Keyspace::new(Box::new(rows), empty, runtime::random_bits() as u64)
        };
        if !self.has_table.get() {
            return Ok(make(true));
        }
        let size = size(&self.sql, FEW_ROWS + 1)?;
        let number = |at| size.get(at).as_f64().unwrap_or(f64::MAX);
        let mut keyspace = make(false);
        if number(0) <= f64::from(FEW_ROWS) && number(1) <= FEW_BYTES {
            let found = all(&self.sql)?;
            let rows = found.iter().map(|row| {
                let row: Array = row.unchecked_into();
                (
                    bytes(&row.get(0)),
                    (integer(&row.get(1)) as u32, bytes(&row.get(2))),
                )
            });
            // A row that cannot be read fails the commands on its own key, and no others.
            if keyspace.restore(rows.collect()).is_err() {
                return Ok(make(false));
            }
        }
        Ok(keyspace)
    }

    /// Applies changes, all or none; but a sweep, which comes first, by itself.
    pub(crate) fn apply(&self, changes: Vec<RowChange>) -> Result<(), JsValue> {
        if changes.is_empty() {
            return Ok(());
        }
        self.ensure_table()?;
        if let [only] = &changes[..] {
            return match *only {
                RowChange::Sweep { until } => sweep(&self.storage, until as f64, MAX_SWEPT),
                _ => {
                    let (key, page, expires, data) = parts(only);
                    change(&self.sql, key.map(|key| &key[..]), page, expires, data)
                }
            };
        }
        let flat = Array::new();
        let mut last: Option<(Bytes, Uint8Array)> = None;
        for one in changes {
            if let RowChange::Sweep { until } = one {
                sweep(&self.storage, until as f64, MAX_SWEPT)?;
                continue;
            }
            let (key, page, expires, data) = parts(&one);
            // The pages of a key share one copy of it.
            let known = last.take().filter(|(known, _)| Some(known) == key);
            last = known.or_else(|| key.map(|key| (key.clone(), Uint8Array::from(&key[..]))));
            let key = last.as_ref().map(|(_, copy)| copy.clone().into());
            flat.push(&key.unwrap_or(JsValue::UNDEFINED));
            flat.push(&page.into());
            flat.push(&expires.map_or(JsValue::UNDEFINED, JsValue::from));
            flat.push(&data.map_or(JsValue::UNDEFINED, |data| Uint8Array::from(data).into()));
        }
        change_all(&self.storage, flat)
    }

    fn ensure_table(&self) -> Result<(), JsValue> {
        if !self.has_table.replace(true) {
            create(&self.sql)?;
        }
        Ok(())
    }

    /// What storage holds.
    pub(crate) fn left(&self) -> Result<Left, JsValue> {
        if !self.has_table.get() {
            return Ok(Left {
                any: false,
                first_expiry: None,
            });
        }
        let left = left(&self.sql)?;
        Ok(Left {
            any: integer(&left.get(0)) > 0,
            first_expiry: left.get(1).as_f64().map(|time| time as i64),
        })
    }

    /// Notes that the directory lists the object under this name.
    pub(crate) fn set_listed(&self, name: &str) -> Result<(), JsValue> {
        self.ensure_table()?;
        set_listed(&self.sql, name)
    }

    /// Empties the storage wholly, table and alarm included.
    pub(crate) fn empty(&self) -> Result<(), JsValue> {
        self.has_table.set(false);
        self.storage.delete_all().map(|_| ())
    }

    /// Sets the alarm (Unix ms), which replaces any other.
    pub(crate) fn set_alarm(&self, at: i64) -> Result<(), JsValue> {
        self.storage.set_alarm(at as f64).map(|_| ())
    }
}

fn parts(change: &RowChange) -> (Option<&Bytes>, u32, Option<f64>, Option<&[u8]>) {
    match change {
        RowChange::Put {
            key,
            page,
            expires,
            data,
        } => (
            Some(key),
            *page,
            expires.map(|time| time as f64),
            Some(data),
        ),
        RowChange::Trim { key, from } => (Some(key), *from, None, None),
        RowChange::Wipe | RowChange::Sweep { .. } => (None, 0, None, None),
    }
}

fn bytes(value: &JsValue) -> Vec<u8> {
    Uint8Array::new(value).to_vec()
}

fn integer(value: &JsValue) -> i64 {
    value.as_f64().unwrap_or(0.0) as i64
}

/// The rows, for keys that are not in memory.
struct SqlRows {
    sql: Sql,
    has_table: Rc<Cell<bool>>,
}

/// A row that cannot be read, or a storage that does not answer. The cause is logged.
fn failed(error: &JsValue) -> RedisError {
    runtime::log_error(&format!(
        "tollgate: keys cannot be read: {}",
        runtime::said(error)
    ));
    RedisError::Unreadable
}

/// A key as storage lists it. One of a version that is not read is an error: it is neither passed over nor taken for something else.
fn listed_key(row: JsValue) -> Result<Listed, RedisError> {
    let row: Array = row.unchecked_into();
    let kind = match bytes(&row.get(2))[..] {
        [version, kind, ..] => Kind::of_row([version, kind])?,
        _ => return Err(RedisError::UnknownForm),
    };
    Ok(Listed {
        key: bytes(&row.get(0)).into(),
        kind,
        expires: row.get(1).as_f64().map(|time| time as i64),
    })
}

/// A number of bytes as JavaScript is told it.
fn limit(most: usize) -> u32 {
    u32::try_from(most).unwrap_or(u32::MAX)
}

impl Rows for SqlRows {
    fn read(&mut self, key: &[u8], most: usize) -> Result<Vec<Row>, RedisError> {
        if !self.has_table.get() {
            return Ok(Vec::new());
        }
        let rows = read(&self.sql, key, limit(most)).map_err(|error| failed(&error))?;
        let rows = rows.ok_or(RedisError::MuchHeld)?;
        let row = |row: JsValue| {
            let row: Array = row.unchecked_into();
            (integer(&row.get(0)) as u32, bytes(&row.get(1)))
        };
        Ok(rows.iter().map(row).collect())
    }

    fn head(&mut self, key: &[u8]) -> Result<Option<Listed>, RedisError> {
        if !self.has_table.get() {
            return Ok(None);
        }
        let rows = head(&self.sql, key).map_err(|error| failed(&error))?;
        rows.iter().next().map(listed_key).transpose()
    }

    fn list(&mut self, most: usize) -> Result<Vec<Listed>, RedisError> {
        if !self.has_table.get() {
            return Ok(Vec::new());
        }
        let rows = list(&self.sql, limit(most)).map_err(|error| failed(&error))?;
        let rows = rows.ok_or(RedisError::MuchHeld)?;
        rows.iter().map(listed_key).collect()
    }
}
