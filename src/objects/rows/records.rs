//! The recorded use of a namespace as rows, in three tables that the first parcel makes:
//!
//! - `about (key, value)`: `schema`, the version of these tables, and `secret`, the key of the
//!   pseudonyms, as hexadecimal digits;
//! - `isolates`: the newest sequence of each isolate, and when it came;
//! - `chunks`: what isolates have sent, and until when it is kept.
//!
//! Instants are Unix ms.

use core::fmt::Write;

use tollgate_core::{Duration, Timestamp};
use tollgate_records::channel::{Parcel, REMEMBERED};
use tollgate_records::keeper::{Room, Row, Storage, MAX_CHUNKS};
use tollgate_records::pseudonym::Secret;
use worker::{Error, Result, SqlStorage, State, Storage as RawStorage};

use super::columns::{number, Columns};
use super::{all_or_none, delete_all, has_table, rows, set_alarm};
use crate::hot;

/// The version of the tables. Another one is neither read nor written.
const SCHEMA: &str = "1";
/// What is over is dropped at the multiples of this, so that no waking puts it off.
const CLEANED: Duration = Duration::from_secs(6 * 3_600);

const CREATE: [&str; 3] = [
    "CREATE TABLE IF NOT EXISTS about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS isolates (id TEXT PRIMARY KEY, sequence INTEGER NOT NULL, \
     at INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS chunks (id INTEGER PRIMARY KEY, until INTEGER NOT NULL, \
     events INTEGER NOT NULL, text TEXT NOT NULL)",
];
const ABOUT: &str = "SELECT key, value FROM about";
const PUT_ABOUT: &str = "INSERT OR REPLACE INTO about (key, value) VALUES (?, ?)";
const NEWEST: &str = "SELECT sequence FROM isolates WHERE id = ?";
const PUT_NEWEST: &str = "INSERT OR REPLACE INTO isolates (id, sequence, at) VALUES (?, ?, ?)";
const FORGET: &str = "DELETE FROM isolates WHERE at < ?";
const ADD: &str = "INSERT INTO chunks (until, events, text) VALUES (?, ?, ?)";
const TRIM: &str = "DELETE FROM chunks WHERE id <= (SELECT max(id) FROM chunks) - ?";
const DROP: &str = "DELETE FROM chunks WHERE until <= ?";
const ANY: &str = "SELECT 1 FROM chunks LIMIT 1";
// The length is told by the row's head, so that no text is read for it.
const SIZES: &str =
    "SELECT id, events, octet_length(text) FROM chunks WHERE until > ? ORDER BY id DESC";
const TEXTS: &str = "SELECT text FROM chunks WHERE id >= ? AND until > ? ORDER BY id DESC";

/// One namespace's storage.
pub(in crate::objects) struct Store {
    storage: RawStorage,
    sql: SqlStorage,
    has_tables: bool,
    secret: Secret,
    /// Whether the alarm is known to be set.
    is_due: bool,
}

impl Store {
    /// Opens the storage; with the key of the pseudonyms, which is drawn now if there is none.
    pub(in crate::objects) fn open(state: &State) -> Result<(Secret, Store)> {
        let storage = state.storage();
        let sql = storage.sql();
        let mut store = Store {
            has_tables: has_table(&sql, "about")?,
            storage,
            sql,
            secret: drawn(),
            is_due: false,
        };
        store.read()?;
        Ok((store.secret, store))
    }

    fn read(&mut self) -> Result<()> {
        if !self.has_tables {
            return Ok(());
        }
        for row in rows(&self.sql, ABOUT, Vec::new())? {
            let mut row = Columns(row.into_iter());
            match (row.text()?.as_str(), row.text()?) {
                ("schema", schema) if schema != SCHEMA => {
                    let why =
                        format!("the tables are of version {schema}, this build knows {SCHEMA}");
                    return Err(Error::from(why));
                }
                ("secret", digits) => {
                    let secret = from_hex(&digits);
                    self.secret = secret.ok_or_else(|| Error::from("the secret is damaged"))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The alarm has come: drops what is over, all of it where nothing else is left.
    pub(in crate::objects) fn clean(&mut self, now: Timestamp) -> Result<()> {
        self.is_due = false;
        if !self.has_tables {
            return Ok(());
        }
        let before = now.since(Timestamp::ZERO).as_millis();
        let before = before.saturating_sub(REMEMBERED.as_millis());
        self.sql.exec(FORGET, vec![number(before)])?;
        self.sql.exec(DROP, vec![number(now.as_millis())])?;
        if rows(&self.sql, ANY, Vec::new())?.is_empty() {
            self.has_tables = false;
            return delete_all(&self.storage);
        }
        self.ring_after(now)
    }

    fn ring_after(&mut self, now: Timestamp) -> Result<()> {
        let step = CLEANED.as_millis();
        let at = (now.as_millis() / step + 1) * step;
        set_alarm(&self.storage, at as f64)?;
        self.is_due = true;
        Ok(())
    }

    fn put(&self, parcel: &Parcel, row: Option<&Row>, now: Timestamp) -> Result<()> {
        if !self.has_tables {
            for table in CREATE {
                self.sql.exec(table, None)?;
            }
            for (key, value) in [("schema", SCHEMA.to_owned()), ("secret", hex(&self.secret))] {
                self.sql.exec(PUT_ABOUT, vec![key.into(), value.into()])?;
            }
        }
        let bindings = vec![
            id(parcel.isolate).into(),
            number(parcel.sequence),
            number(now.as_millis()),
        ];
        self.sql.exec(PUT_NEWEST, bindings)?;
        if let Some(row) = row {
            let bindings = vec![
                number(row.until.as_millis()),
                number(row.events),
                row.text.as_str().into(),
            ];
            self.sql.exec(ADD, bindings)?;
            self.sql.exec(TRIM, vec![number(MAX_CHUNKS)])?;
        }
        Ok(())
    }
}

impl Storage for Store {
    type Error = Error;

    fn newest(&self, isolate: u64) -> Result<Option<u64>> {
        if !self.has_tables {
            return Ok(None);
        }
        let found = rows(&self.sql, NEWEST, vec![id(isolate).into()])?.pop();
        found
            .map(|row| Columns(row.into_iter()).number())
            .transpose()
    }

    fn keep(&mut self, parcel: &Parcel, row: Option<&Row>, now: Timestamp) -> Result<()> {
        all_or_none(&self.storage, &mut || self.put(parcel, row, now))?;
        self.has_tables = true;
        if self.is_due {
            return Ok(());
        }
        self.ring_after(now)
    }

    fn chunks(&self, mut room: Room, now: Timestamp) -> Result<(Vec<String>, bool)> {
        if !self.has_tables {
            return Ok((Vec::new(), false));
        }
        let over = || number(now.as_millis());
        let (mut first, mut is_cut) = (None, false);
        for row in rows(&self.sql, SIZES, vec![over()])? {
            let mut row = Columns(row.into_iter());
            let id = row.number()?;
            if !room.has(row.number()?, row.number()?) {
                is_cut = true;
                break;
            }
            first = Some(id);
        }
        let Some(first) = first else {
            return Ok((Vec::new(), false));
        };
        let texts = rows(&self.sql, TEXTS, vec![number(first), over()])?;
        let texts = texts.into_iter().map(|row| Columns(row.into_iter()).text());
        Ok((texts.collect::<Result<_>>()?, is_cut))
    }
}

fn id(isolate: u64) -> String {
    format!("{isolate:016x}")
}

fn drawn() -> Secret {
    let mut secret = Secret::default();
    let (first, second) = secret.split_at_mut(16);
    first.copy_from_slice(&hot::random_bits().to_le_bytes());
    second.copy_from_slice(&hot::random_bits().to_le_bytes());
    secret
}

fn hex(secret: &Secret) -> String {
    let mut text = String::with_capacity(2 * secret.len());
    for byte in secret {
        let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
    }
    text
}

fn from_hex(digits: &str) -> Option<Secret> {
    let mut secret = Secret::default();
    if digits.len() != 2 * secret.len() {
        return None;
    }
    for (i, byte) in secret.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * i..2 * i + 2)?, 16).ok()?;
    }
    Some(secret)
}
