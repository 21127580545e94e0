//! The keys that one object holds: what commands and scripts read and change, with expiry, and the rows to be written for it.
//!
//! Memory is a cache over the stored rows. A value is read from storage when it is first asked for; every change stays marked
//! until `take_changes` hands it out as rows, which the object writes in one step before it answers. Time is set once per call
//! and stands still in it.

mod entry;
mod rows;
#[cfg(test)]
mod tests;

pub use rows::{Listed, Row, RowChange, Rows};

use entry::Entry;

use crate::error::RedisError;
use crate::table::{Table, Touched};
use crate::value::{Kind, Value};

/// Bytes that may stay in memory between calls; beyond it, what is also stored is forgotten. Objects share an isolate's 128 MB.
const KEEP_BYTES: usize = 8 << 20;

/// Bytes that one call may come to hold; beyond it, growing commands are refused.
const MOST_BYTES: usize = 40 << 20;

/// How long an expired key may stay in storage, ms. Each sweep is a call and a row written, so one serves many keys.
pub const SWEEP_LAG: i64 = 3_600_000;

/// When a key that is written shall expire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Expiry {
    /// As it does now; never, when the key is new.
    Keep,
    /// Never.
    Never,
    /// At this Unix time in ms.
    At(i64),
}

/// The keys of one object.
pub struct Keyspace {
    rows: Box<dyn Rows>,
    /// By key.
    entries: Vec<Entry>,
    /// Whether `entries` knows every stored key, so that a key it does not have needs no look into storage.
    complete: bool,
    bytes: usize,
    now: i64,
    random: u64,
}

impl Keyspace {
    /// Over the rows of an object; `empty` when storage is known to hold none. `random` are bits that decide what `SRANDMEMBER` picks.
    pub fn new(rows: Box<dyn Rows>, empty: bool, random: u64) -> Self {
        Keyspace {
            rows,
            entries: Vec::new(),
            complete: empty,
            bytes: 0,
            now: 0,
            random: random | 1, // never 0, which would stay 0
        }
    }

    /// Begins a call at `now` (Unix ms; never runs backwards).
    pub fn begin(&mut self, now: i64) {
        self.now = self.now.max(now);
        for at in 0..self.entries.len() {
            if self.entries[at].expires.is_some_and(|at| at <= self.now) {
                self.clear(at);
            }
        }
    }

    /// The time of this call, Unix ms.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// A random number below `bound`, which is above 0.
    pub fn random_below(&mut self, bound: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        ((self.random >> 11) % bound as u64) as usize
    }

    /// Whether growing commands have to be refused.
    pub fn is_full(&self) -> bool {
        self.bytes > MOST_BYTES
    }

    /// The position of a key's entry, which is made and read from storage when it is not there.
    fn load(&mut self, key: &[u8]) -> Result<usize, RedisError> {
        let at = match self
            .entries
            .binary_search_by(|entry| entry.key[..].cmp(key))
        {
            Ok(at) => return Ok(at),
            Err(at) => at,
        };
        let rows = if self.complete {
            Vec::new()
        } else {
            self.rows.read(key)?
        };
        self.insert_entry(at, key, &rows)?;
        Ok(at)
    }

    /// Adds a key that was read from storage.
    fn add_stored(&mut self, key: &[u8], rows: &[Row]) -> Result<(), RedisError> {
        match self
            .entries
            .binary_search_by(|entry| entry.key[..].cmp(key))
        {
            Ok(_) => Ok(()),
            Err(at) => self.insert_entry(at, key, rows),
        }
    }

    fn insert_entry(&mut self, at: usize, key: &[u8], rows: &[Row]) -> Result<(), RedisError> {
        let (value, expires) = match rows {
            [] => (None, None),
            rows => Value::decode(rows).map(|(value, expires)| (Some(value), expires))?,
        };
        let stored = rows.len() as u32;
        let entry = Entry::new(key, value, expires, stored);
        self.bytes += entry.size();
        self.entries.insert(at, entry);
        if expires.is_some_and(|expires| expires <= self.now) {
            self.clear(at);
        }
        Ok(())
    }

    fn clear(&mut self, at: usize) {
        let entry = &mut self.entries[at];
        self.bytes -= entry.value.take().map_or(0, |value| value.bytes());
        entry.expires = None;
        entry.touch(Touched::All);
    }

    /// The value of a key.
    pub fn value(&mut self, key: &[u8]) -> Result<Option<&Value>, RedisError> {
        let at = self.load(key)?;
        Ok(self.entries[at].value.as_ref())
    }

    /// The byte string of a key; an error when it holds something else.
    pub fn string(&mut self, key: &[u8]) -> Result<Option<&[u8]>, RedisError> {
        match self.value(key)? {
            None => Ok(None),
            Some(Value::String(bytes)) => Ok(Some(bytes)),
            Some(_) => Err(RedisError::WrongType),
        }
    }

    /// The members of a key; an error when it holds something else than `kind`.
    pub fn table(&mut self, kind: Kind, key: &[u8]) -> Result<Option<&Table>, RedisError> {
        match self.value(key)? {
            None => Ok(None),
            Some(Value::Table(found, table)) if *found == kind => Ok(Some(table)),
            Some(_) => Err(RedisError::WrongType),
        }
    }

    /// When a key expires: `None` for no such key, `Some(None)` for never.
    pub fn expires(&mut self, key: &[u8]) -> Result<Option<Option<i64>>, RedisError> {
        let at = self.load(key)?;
        let entry = &self.entries[at];
        Ok(entry.value.as_ref().map(|_| entry.expires))
    }

    /// Sets a key, whatever it held; an expiry that is not in the future deletes it.
    pub fn put(&mut self, key: &[u8], value: Value, expiry: Expiry) -> Result<(), RedisError> {
        let at = self.load(key)?;
        let entry = &mut self.entries[at];
        // A string over a string is one row over another; anything else may leave pages behind.
        let touched = match (&entry.value, &value) {
            (Some(Value::String(_)), Value::String(_)) => Touched::Page(0),
            _ => Touched::All,
        };
        self.bytes += value.bytes();
        self.bytes -= entry.value.replace(value).map_or(0, |old| old.bytes());
        entry.touch(touched);
        match expiry {
            Expiry::Keep => {}
            Expiry::Never => entry.expires = None,
            Expiry::At(time) => self.expire(at, time),
        }
        Ok(())
    }

    /// Makes a key expire; false when there is none. A time that is not in the future deletes it.
    pub fn expire_at(&mut self, key: &[u8], time: i64) -> Result<bool, RedisError> {
        let at = self.load(key)?;
        let there = self.entries[at].value.is_some();
        if there {
            self.expire(at, time);
        }
        Ok(there)
    }

    fn expire(&mut self, at: usize, time: i64) {
        if time <= self.now {
            return self.clear(at);
        }
        self.entries[at].expires = Some(time);
        self.entries[at].touch(Touched::Page(0));
    }

    /// Makes a key last; false when there is none or it did so already.
    pub fn persist(&mut self, key: &[u8]) -> Result<bool, RedisError> {
        let at = self.load(key)?;
        let entry = &mut self.entries[at];
        let changed = entry.expires.take().is_some();
        if changed {
            entry.touch(Touched::Page(0));
        }
        Ok(changed)
    }

    /// Deletes a key; false when there is none.
    pub fn remove(&mut self, key: &[u8]) -> Result<bool, RedisError> {
        let at = self.load(key)?;
        let there = self.entries[at].value.is_some();
        if there {
            self.clear(at);
        }
        Ok(there)
    }

    /// Adds or replaces one member; true when it is new. Makes the key when there is none.
    pub fn insert(
        &mut self,
        kind: Kind,
        key: &[u8],
        field: &[u8],
        value: Vec<u8>,
    ) -> Result<bool, RedisError> {
        self.table(kind, key)?;
        let at = self.load(key)?;
        let entry = &mut self.entries[at];
        if entry.value.is_none() {
            entry.touch(Touched::All);
        }
        let Value::Table(_, table) = entry
            .value
            .get_or_insert_with(|| Value::Table(kind, Table::default()))
        else {
            return Err(RedisError::WrongType);
        };
        let before = table.bytes();
        let (new, touched) = table.insert(field.to_vec(), value);
        self.bytes = self.bytes + table.bytes() - before;
        entry.touch(touched);
        Ok(new)
    }

    /// Takes one member out; false when it was not there. The key goes with its last member.
    pub fn take(&mut self, kind: Kind, key: &[u8], field: &[u8]) -> Result<bool, RedisError> {
        self.table(kind, key)?;
        let at = self.load(key)?;
        let entry = &mut self.entries[at];
        let Some(Value::Table(_, table)) = &mut entry.value else {
            return Ok(false);
        };
        let Some((item, touched)) = table.remove(field) else {
            return Ok(false);
        };
        self.bytes -= item.size();
        let empty = table.is_empty();
        entry.touch(touched);
        if empty {
            self.clear(at);
        }
        Ok(true)
    }

    /// Every key that is there now.
    pub fn keys(&mut self) -> Result<Vec<Listed>, RedisError> {
        let mut listed = if self.complete {
            Vec::new()
        } else {
            self.rows.list()?
        };
        listed.retain(|stored| {
            let known = self
                .entries
                .binary_search_by(|entry| entry.key.cmp(&stored.key))
                .is_ok();
            !known && stored.expires.is_none_or(|time| time > self.now)
        });
        listed.extend(self.entries.iter().filter_map(|entry| {
            let kind = entry.value.as_ref()?.kind();
            Some(Listed {
                key: entry.key.clone(),
                kind,
                expires: entry.expires,
            })
        }));
        Ok(listed)
    }

    /// Takes over all stored rows, ordered by key and page: then absent keys are known without a look into storage.
    pub fn restore(&mut self, rows: Vec<(Vec<u8>, Row)>) -> Result<(), RedisError> {
        for group in rows.chunk_by(|a, b| a.0 == b.0) {
            let pages: Vec<Row> = group.iter().map(|(_, row)| row.clone()).collect();
            self.add_stored(&group[0].0, &pages)?;
        }
        self.complete = true;
        Ok(())
    }

    /// Whether there are no keys, as far as memory knows: `None` when storage may hold others.
    pub fn is_empty(&self) -> Option<bool> {
        let any = self.entries.iter().any(|entry| entry.value.is_some());
        (any || self.complete).then_some(!any)
    }

    /// When the keys in memory should be swept, Unix ms: once the last of them has expired, but no more than an hour after the first.
    /// `None` when none of them expires.
    pub fn sweep_at(&self) -> Option<i64> {
        let times = || self.entries.iter().filter_map(|entry| entry.expires);
        Some(times().max()?.min(times().min()?.saturating_add(SWEEP_LAG)))
    }

    /// The rows to write for everything that changed since the last time. Afterwards memory and storage are taken as equal.
    pub fn take_changes(&mut self) -> Vec<RowChange> {
        let mut changes = Vec::new();
        for entry in &mut self.entries {
            entry.take_changes(&mut changes);
        }
        self.forget();
        changes
    }

    /// Drops absent keys where that loses nothing, and everything when there is too much; all of it is stored.
    fn forget(&mut self) {
        if self.bytes > KEEP_BYTES {
            self.entries.clear();
            self.complete = false;
        } else {
            self.entries.retain(|entry| entry.value.is_some());
        }
        self.bytes = self.entries.iter().map(Entry::size).sum();
    }

    /// Deletes what has expired, also what is only in storage; the rows follow from `take_changes`.
    pub fn sweep(&mut self) -> Result<(), RedisError> {
        if !self.complete {
            for listed in self.rows.list()? {
                if listed.expires.is_some_and(|time| time <= self.now) {
                    self.load(&listed.key)?;
                }
            }
        }
        Ok(())
    }
}
