//! The rows of one object's Redis keys. `tollgate_upstash` defines their content.
//!
//! One table, `keys (key, page, expires, data)`, made at the first write: `expires` is in Unix ms,
//! of page 0, NULL for never. The row with the text `listed` as its key, which no client's key is,
//! holds the name under which the directory lists the object. Before that `own` holds a name that
//! only callers know.

use std::cell::Cell;
use std::rc::Rc;

use tollgate_upstash::error::RedisError;
use tollgate_upstash::keyspace::{Keyspace, Listed, Row, RowChange, Rows};
use tollgate_upstash::values::value::{Kind, ROWS};
use worker::{Result, SqlStorage, SqlStorageValue, State, Storage};

use super::{all_or_none, bytes, delete_all, has_table, integer, rows, set_alarm, text};
use crate::hot;
use crate::objects::listing::KeptName;

const TABLE: &str = "keys";
const CREATE: &str = "CREATE TABLE IF NOT EXISTS keys (key BLOB, page INTEGER, expires INTEGER, data BLOB NOT NULL, PRIMARY KEY (key, page)) WITHOUT ROWID";
const PUT: &str = "INSERT OR REPLACE INTO keys (key, page, expires, data) VALUES (?, ?, ?, ?)";
const TRIM: &str = "DELETE FROM keys WHERE key = ? AND page >= ?";
const WIPE: &str = "DELETE FROM keys WHERE typeof(key) = 'blob'";
const ALL: &str = "SELECT key, page, data FROM keys WHERE typeof(key) = 'blob' ORDER BY key, page";
const SIZE: &str = "SELECT count(*), total(length(data)) FROM (SELECT data FROM keys WHERE typeof(key) = 'blob' LIMIT ?)";
const PAGES: &str = "SELECT page, data FROM keys WHERE key = ? ORDER BY page";
// The first in this order is the one that holds.
const NAME: &str =
    "SELECT key, data FROM keys WHERE key IN ('listed', 'own') AND page = 0 ORDER BY key LIMIT 1";
const UNLIST: &str = "DELETE FROM keys WHERE key = 'listed'";
// The first byte of a row is the version of its form, the second its type. Rows of a version that
// is not read (`?1` to `?2`) are neither swept nor wiped.
const LIST: &str =
    "SELECT key, expires, substr(data, 1, 2) FROM keys WHERE page = 0 AND typeof(key) = 'blob'";
const HEAD: &str = "SELECT key, expires, substr(data, 1, 2) FROM keys WHERE page = 0 AND typeof(key) = 'blob' AND key = ?";
const OTHERS: &str = "SELECT 1 FROM keys WHERE typeof(key) = 'blob' AND NOT substr(data, 1, 1) BETWEEN ?1 AND ?2 LIMIT 1";
const EXPIRED: &str = "SELECT key FROM keys WHERE page = 0 AND typeof(key) = 'blob' AND substr(data, 1, 1) BETWEEN ?1 AND ?2 AND expires <= ?3 LIMIT ?4";
const LEFT: &str = "SELECT count(*) > 0, min(CASE WHEN substr(data, 1, 1) BETWEEN ?1 AND ?2 THEN expires END) FROM keys WHERE page = 0 AND typeof(key) = 'blob'";

/// The versions of rows that are read, as the bytes that they begin with.
fn readable() -> [SqlStorageValue; 2] {
    let versions = ROWS.all_read();
    [*versions.start(), *versions.end()].map(|version| vec![version as u8].into())
}

/// Rows and bytes that an object reads at once when it wakes. If there are more, it reads each key
/// at its first use.
const FEW_ROWS: i64 = 128;
const FEW_BYTES: i64 = 1_048_576;

/// Maximum number of expired keys deleted by one alarm; the next deletes the others.
const MAX_SWEPT: i64 = 1_000;

/// What a row takes in memory beside its bytes.
const ROW: usize = 200;

/// One object's storage.
pub(in crate::objects) struct Store {
    storage: Storage,
    sql: SqlStorage,
    has_table: Rc<Cell<bool>>,
}

/// The state of storage.
pub(in crate::objects) struct Left {
    /// Whether any key is stored.
    pub(in crate::objects) any: bool,
    /// When the first of them expires, Unix ms; `None` when none does.
    pub(in crate::objects) first_expiry: Option<i64>,
}

impl Store {
    /// Opens the storage: the store, its keys, and the object's name as far as a row keeps it.
    pub(in crate::objects) fn open(state: &State) -> Result<(Store, Keyspace, KeptName)> {
        let storage = state.storage();
        let sql = storage.sql();
        let has_table = Rc::new(Cell::new(has_table(&sql, TABLE)?));
        let store = Store {
            storage,
            sql,
            has_table,
        };
        let name = store.name()?;
        let keyspace = store.keyspace()?;
        Ok((store, keyspace, name))
    }

    fn name(&self) -> Result<KeptName> {
        let row = match self.has_table.get() {
            true => rows(&self.sql, NAME, Vec::new())?.pop(),
            false => None,
        };
        let mut columns = row.unwrap_or_default().into_iter();
        let (key, name) = (text(columns.next()), text(columns.next()));
        Ok(match (key.as_deref(), name) {
            (Some("listed"), Some(name)) => KeptName::Listed(name),
            (Some(_), Some(name)) => KeptName::Own(name),
            _ => KeptName::None,
        })
    }

    /// The keys, as storage has them.
    pub(in crate::objects) fn keyspace(&self) -> Result<Keyspace> {
        let make = |empty| {
            let rows = SqlRows {
                sql: self.sql.clone(),
                has_table: Rc::clone(&self.has_table),
            };
            // Which member `SRANDMEMBER` picks is no secret; half of the bits do.
            Keyspace::new(Box::new(rows), empty, hot::random_bits() as u64)
        };
        if !self.has_table.get() {
            return Ok(make(true));
        }
        let mut size = rows(&self.sql, SIZE, vec![(FEW_ROWS + 1).into()])?
            .into_iter()
            .flatten();
        let mut number = || integer(size.next()).unwrap_or(i64::MAX);
        let mut keyspace = make(false);
        if number() <= FEW_ROWS && number() <= FEW_BYTES {
            let found = rows(&self.sql, ALL, Vec::new())?.into_iter().map(|row| {
                let mut columns = row.into_iter();
                let key = bytes(columns.next()).unwrap_or_default();
                (key, page(&mut columns))
            });
            // A row that cannot be read fails the commands on its own key, and no others.
            if keyspace.restore(found.collect()).is_err() {
                return Ok(make(false));
            }
        }
        Ok(keyspace)
    }

    /// Applies changes, all or none. A sweep comes first and is committed separately.
    pub(in crate::objects) fn apply(&self, changes: Vec<RowChange>) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        if !self.has_table.replace(true) {
            self.sql.exec(CREATE, None)?;
        }
        let mut changes = changes.into_iter().peekable();
        while let Some(RowChange::Sweep { until }) =
            changes.next_if(|change| matches!(change, RowChange::Sweep { .. }))
        {
            self.sweep(until)?;
        }
        let mut changes: Vec<RowChange> = changes.collect();
        match changes.len() {
            0 => Ok(()),
            1 => self.change(changes.remove(0)),
            _ => all_or_none(&self.storage, &mut || {
                changes.drain(..).try_for_each(|change| self.change(change))
            }),
        }
    }

    fn change(&self, change: RowChange) -> Result<()> {
        match change {
            RowChange::Put {
                key,
                page,
                expires,
                data,
            } => {
                let expires = expires.map_or(SqlStorageValue::Null, SqlStorageValue::Integer);
                let page = i64::from(page);
                self.sql.exec(
                    PUT,
                    vec![key.to_vec().into(), page.into(), expires, data.into()],
                )?;
            }
            RowChange::Trim { key, from } => {
                self.sql
                    .exec(TRIM, vec![key.to_vec().into(), i64::from(from).into()])?;
            }
            RowChange::Wipe => self.wipe()?,
            RowChange::Sweep { until } => self.sweep(until)?,
        }
        Ok(())
    }

    /// Deletes every key, or none if one has an unknown version.
    fn wipe(&self) -> Result<()> {
        if !rows(&self.sql, OTHERS, readable().into())?.is_empty() {
            return Err("there are keys of a version that this build does not read".into());
        }
        self.sql.exec(WIPE, None).map(drop)
    }

    /// Deletes the keys that have expired by `until`, so many at most.
    fn sweep(&self, until: i64) -> Result<()> {
        let [oldest, newest] = readable();
        let bindings = vec![oldest, newest, until.into(), MAX_SWEPT.into()];
        let expired = rows(&self.sql, EXPIRED, bindings)?;
        let mut keys = expired.into_iter().flatten();
        all_or_none(&self.storage, &mut || {
            keys.by_ref()
                .try_for_each(|key| self.sql.exec(TRIM, vec![key, 0.into()]).map(drop))
        })
    }

    /// Reads the state of storage.
    pub(in crate::objects) fn left(&self) -> Result<Left> {
        let found = match self.has_table.get() {
            true => rows(&self.sql, LEFT, readable().into())?,
            false => Vec::new(),
        };
        let mut columns = found.into_iter().flatten();
        Ok(Left {
            any: integer(columns.next()).is_some_and(|count| count > 0),
            first_expiry: integer(columns.next()),
        })
    }

    /// Notes that the directory lists the object under this name.
    pub(in crate::objects) fn set_listed(&self, name: &str) -> Result<()> {
        self.put_name("listed", name)
    }

    /// Stores a name that only callers know, of an object that the directory does not list yet.
    pub(in crate::objects) fn keep_name(&self, name: &str) -> Result<()> {
        self.put_name("own", name)
    }

    fn put_name(&self, key: &str, name: &str) -> Result<()> {
        if !self.has_table.replace(true) {
            self.sql.exec(CREATE, None)?;
        }
        let never = SqlStorageValue::Null;
        self.sql
            .exec(PUT, vec![key.into(), 0.into(), never, name.into()])?;
        Ok(())
    }

    /// Deletes the name under which the directory lists the object.
    pub(in crate::objects) fn set_unlisted(&self) -> Result<()> {
        if self.has_table.get() {
            self.sql.exec(UNLIST, None)?;
        }
        Ok(())
    }

    /// Empties the storage wholly, table and alarm included.
    pub(in crate::objects) fn empty(&self) -> Result<()> {
        self.has_table.set(false);
        delete_all(&self.storage)
    }

    /// Sets the alarm (Unix ms), which replaces any other.
    pub(in crate::objects) fn set_alarm(&self, at: i64) -> Result<()> {
        set_alarm(&self.storage, at as f64)
    }
}

/// Page and data, the two last columns of a row.
fn page(columns: &mut impl Iterator<Item = SqlStorageValue>) -> Row {
    let page = integer(columns.next()).unwrap_or(0) as u32;
    (page, bytes(columns.next()).unwrap_or_default())
}

/// The rows, for keys that are not in memory.
struct SqlRows {
    sql: SqlStorage,
    has_table: Rc<Cell<bool>>,
}

impl SqlRows {
    /// The rows of a statement, read until their bytes, as `counted` measures them, exceed `most`.
    fn up_to(
        &self,
        most: usize,
        (query, bindings): (&str, Vec<SqlStorageValue>),
        counted: usize,
    ) -> core::result::Result<Vec<Vec<SqlStorageValue>>, RedisError> {
        let mut found = Vec::new();
        if !self.has_table.get() {
            return Ok(found);
        }
        let mut left = most;
        let cursor = self
            .sql
            .exec(query, bindings)
            .map_err(|error| failed(&error))?;
        for row in cursor.raw() {
            let row = row.map_err(|error| failed(&error))?;
            let bytes = match row.get(counted) {
                Some(SqlStorageValue::Blob(bytes)) => bytes.len(),
                _ => 0,
            };
            left = left.checked_sub(bytes + ROW).ok_or(RedisError::MuchHeld)?;
            found.push(row);
        }
        Ok(found)
    }
}

/// A row that cannot be read, or a storage that does not answer. The cause is logged.
fn failed(error: &worker::Error) -> RedisError {
    worker::console_error!("tollgate: keys cannot be read: {error}");
    RedisError::Unreadable
}

/// A key as storage lists it. A key of an unknown version is an error: it is neither skipped nor
/// misread.
fn listed_key(row: Vec<SqlStorageValue>) -> core::result::Result<Listed, RedisError> {
    let mut columns = row.into_iter();
    let (key, expires) = (bytes(columns.next()), integer(columns.next()));
    let kind = match bytes(columns.next()).as_deref() {
        Some(&[version, kind, ..]) => Kind::of_row([version, kind])?,
        _ => return Err(RedisError::UnknownForm),
    };
    Ok(Listed {
        key: key.unwrap_or_default().into(),
        kind,
        expires,
    })
}

impl Rows for SqlRows {
    fn read(&mut self, key: &[u8], most: usize) -> core::result::Result<Vec<Row>, RedisError> {
        let found = self.up_to(most, (PAGES, vec![key.to_vec().into()]), 1)?;
        Ok(found
            .into_iter()
            .map(|row| page(&mut row.into_iter()))
            .collect())
    }

    fn head(&mut self, key: &[u8]) -> core::result::Result<Option<Listed>, RedisError> {
        let found = self.up_to(usize::MAX, (HEAD, vec![key.to_vec().into()]), 0)?;
        found.into_iter().next().map(listed_key).transpose()
    }

    fn list(&mut self, most: usize) -> core::result::Result<Vec<Listed>, RedisError> {
        let found = self.up_to(most, (LIST, Vec::new()), 0)?;
        found.into_iter().map(listed_key).collect()
    }
}
