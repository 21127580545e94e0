//! The keys that one object holds: what commands and scripts read and change, with expiry, and the
//! rows to be written for it.
//!
//! Memory is a cache over the stored rows. A value is read from storage when it is first asked for;
//! every change stays marked until `take_changes` hands it out as rows, which the object writes in
//! one step before it answers. Time is set once per call and stands still in it.

mod entry;
mod memory;
mod rows;
#[cfg(test)]
mod tests;

pub use memory::SWEEP_LAG;
pub use rows::{Listed, Row, RowChange, Rows};

use entry::Entry;
use memory::Memory;

use crate::bounds::{LOOKS_PER_READ, LOOK_BYTES, MAX_HELD, MAX_LOOKS};
use crate::error::RedisError;
use crate::meter::Meter;
use crate::values::bytes::Bytes;
use crate::values::order::Order;
use crate::values::table::{Table, Touched};
use crate::values::value::{is_older, Kind, Value};

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
    memory: Memory,
    now: i64,
    random: u64,
    meter: Meter,
    /// How often anything was changed.
    changes: u64,
    /// The change of all rows at once that is to be written before the others.
    whole: Option<RowChange>,
}

impl Keyspace {
    /// Over the rows of an object; `empty` when storage is known to hold none. `random` are bits
    /// that decide what `SRANDMEMBER` picks.
    pub fn new(rows: Box<dyn Rows>, empty: bool, random: u64) -> Self {
        Keyspace {
            rows,
            memory: Memory::new(empty),
            now: 0,
            random: random | 1, // never 0, which would stay 0
            meter: Meter::default(),
            changes: 0,
            whole: None,
        }
    }

    /// Begins a call at `now` (Unix ms; never runs backwards).
    pub fn begin(&mut self, now: i64) {
        self.now = self.now.max(now);
        self.meter.begin(MAX_LOOKS);
        self.memory.expire(self.now);
    }

    /// The time of this call, Unix ms.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// The meter of this call.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// A number that rises with every change that a command makes.
    pub fn changes(&self) -> u64 {
        self.changes
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
        self.memory.bytes() > MAX_HELD
    }

    /// The position of a key's entry, which is made and read from storage when it is not there.
    fn load(&mut self, key: &[u8]) -> Result<usize, RedisError> {
        let at = match self.memory.find(key) {
            Ok(at) => return Ok(at),
            Err(at) => at,
        };
        let rows = if self.memory.is_complete() {
            Vec::new()
        } else {
            self.read(key)?
        };
        self.insert_entry(at, key, rows)?;
        Ok(at)
    }

    /// The stored rows of a key, as far as there is room for them.
    fn read(&mut self, key: &[u8]) -> Result<Vec<Row>, RedisError> {
        self.meter.look(LOOKS_PER_READ);
        self.meter.check()?;
        let room = self.memory.room();
        let rows = self.rows.read(key, room);
        match &rows {
            Ok(rows) => {
                let bytes = rows.iter().map(|(_, data)| data.len()).sum();
                self.meter.look_at_bytes(bytes);
                self.meter.check()?;
            }
            Err(_) => self.meter.waste(room / LOOK_BYTES),
        }
        rows
    }

    /// Adds a key that was read from storage.
    fn add_stored(&mut self, key: &[u8], rows: Vec<Row>) -> Result<(), RedisError> {
        match self.memory.find(key) {
            Ok(_) => Ok(()),
            Err(at) => self.insert_entry(at, key, rows),
        }
    }

    fn insert_entry(&mut self, at: usize, key: &[u8], rows: Vec<Row>) -> Result<(), RedisError> {
        let stored = rows.len() as u32;
        let older = is_older(&rows);
        let (value, expires) = match stored {
            0 => (None, None),
            _ => {
                let (value, expires) = Value::decode(rows, &self.meter)?;
                (Some(value), expires)
            }
        };
        let members = match &value {
            Some(Value::Table(_, table)) => table.len(),
            _ => 0,
        };
        // Those behind it move up.
        self.meter.look(members + self.memory.len() / LOOK_BYTES);
        self.meter.check()?;
        let mut entry = Entry::new(key, value, expires, stored);
        if older {
            entry.touch(Touched::All);
        }
        if stored > 0 && self.memory.bytes() + entry.size() > MAX_HELD {
            return Err(RedisError::MuchHeld);
        }
        self.memory.insert(at, entry);
        if expires.is_some_and(|expires| expires <= self.now) {
            self.memory.clear(at);
        }
        Ok(())
    }

    /// Type and expiry of a key, also of one that is too large to be loaded.
    fn head(&mut self, key: &[u8]) -> Result<Option<(Kind, Option<i64>)>, RedisError> {
        match self.load(key) {
            Err(RedisError::MuchHeld) => {
                let head = self.rows.head(key)?;
                let there = head.filter(|head| head.expires.is_none_or(|time| time > self.now));
                Ok(there.map(|head| (head.kind, head.expires)))
            }
            at => {
                let entry = self.memory.entry(at?);
                let kind = entry.value.as_ref().map(Value::kind);
                Ok(kind.map(|kind| (kind, entry.expires)))
            }
        }
    }

    /// The value of a key.
    pub fn value(&mut self, key: &[u8]) -> Result<Option<&Value>, RedisError> {
        let at = self.load(key)?;
        Ok(self.memory.entry(at).value.as_ref())
    }

    /// The type of a key; `None` when there is none.
    pub fn kind(&mut self, key: &[u8]) -> Result<Option<Kind>, RedisError> {
        Ok(self.head(key)?.map(|(kind, _)| kind))
    }

    /// The byte string of a key; an error when it holds something else.
    pub fn string(&mut self, key: &[u8]) -> Result<Option<&Bytes>, RedisError> {
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

    /// The members of a sorted set in their order; an error when the key holds something else.
    pub fn ordered(&mut self, key: &[u8]) -> Result<Option<&Order>, RedisError> {
        self.table(Kind::SortedSet, key)?;
        let at = self.load(key)?;
        let Some(Value::Table(_, table)) = &mut self.memory.entry_mut(at).value else {
            return Ok(None);
        };
        let before = table.memory();
        let made = table.ordered().is_some();
        let now = table.memory();
        self.memory.resize(before, now);
        match &mut self.memory.entry_mut(at).value {
            Some(Value::Table(_, table)) if made => Ok(table.ordered()),
            _ => Err(self.meter.passed().unwrap_or(RedisError::ManyMembers)),
        }
    }

    /// When a key expires: `None` for no such key, `Some(None)` for never.
    pub fn expires(&mut self, key: &[u8]) -> Result<Option<Option<i64>>, RedisError> {
        Ok(self.head(key)?.map(|(_, expires)| expires))
    }

    /// Sets a key, whatever it held; an expiry that is not in the future deletes it.
    pub fn put(&mut self, key: &[u8], value: Value, expiry: Expiry) -> Result<(), RedisError> {
        let at = self.load(key)?;
        let old = self.memory.entry(at).value.as_ref();
        let (old, new) = (old.map_or(0, Value::memory), value.memory());
        self.meter.look_at_bytes(new);
        self.meter.check()?;
        if new > old && self.memory.bytes() - old + new > MAX_HELD {
            return Err(RedisError::OutOfMemory);
        }
        self.changes += 1;
        self.memory.resize(old, new);
        let entry = self.memory.entry_mut(at);
        // A string over a string is one row over another; anything else may leave pages behind.
        let touched = match (&entry.value, &value) {
            (Some(Value::String(_)), Value::String(_)) => Touched::Page(0),
            _ => Touched::All,
        };
        entry.value = Some(value);
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
        let there = self.memory.entry(at).value.is_some();
        if there {
            self.expire(at, time);
        }
        Ok(there)
    }

    fn expire(&mut self, at: usize, time: i64) {
        self.changes += 1;
        if time <= self.now {
            return self.memory.clear(at);
        }
        let entry = self.memory.entry_mut(at);
        entry.expires = Some(time);
        entry.touch(Touched::Page(0));
    }

    /// Makes a key last; false when there is none or it did so already.
    pub fn persist(&mut self, key: &[u8]) -> Result<bool, RedisError> {
        let at = self.load(key)?;
        let entry = self.memory.entry_mut(at);
        let changed = entry.expires.take().is_some();
        if changed {
            entry.touch(Touched::Page(0));
            self.changes += 1;
        }
        Ok(changed)
    }

    /// Deletes a key, also one that is too large to be loaded; false when there is none.
    pub fn remove(&mut self, key: &[u8]) -> Result<bool, RedisError> {
        let there = self.head(key)?.is_some();
        if !there {
            return Ok(false);
        }
        self.changes += 1;
        match self.memory.find(key) {
            Ok(at) => self.memory.clear(at),
            Err(at) => {
                let mut entry = Entry::new(key, None, None, 1);
                entry.touch(Touched::All);
                self.memory.insert(at, entry);
            }
        }
        Ok(true)
    }

    /// Adds or replaces one member; true when it is new. Makes the key when there is none.
    pub fn insert(
        &mut self,
        kind: Kind,
        key: &[u8],
        field: &[u8],
        value: impl Into<Bytes>,
    ) -> Result<bool, RedisError> {
        self.table(kind, key)?;
        let at = self.load(key)?;
        if self.is_full() {
            return Err(RedisError::OutOfMemory);
        }
        let entry = self.memory.entry_mut(at);
        if entry.value.is_none() {
            entry.touch(Touched::All);
        }
        let meter = &self.meter;
        let Value::Table(_, table) = entry
            .value
            .get_or_insert_with(|| Value::Table(kind, Table::new(meter)))
        else {
            return Err(RedisError::WrongType);
        };
        self.changes += 1;
        let before = table.memory();
        let (new, touched) = table.insert(field.into(), value.into());
        let now = table.memory();
        entry.touch(touched);
        self.memory.resize(before, now);
        self.meter.check()?;
        Ok(new)
    }

    /// Takes one member out; false when it was not there. The key goes with its last member.
    pub fn take(&mut self, kind: Kind, key: &[u8], field: &[u8]) -> Result<bool, RedisError> {
        self.table(kind, key)?;
        let at = self.load(key)?;
        let entry = self.memory.entry_mut(at);
        let Some(Value::Table(_, table)) = &mut entry.value else {
            return Ok(false);
        };
        let before = table.memory();
        let Some((_, touched)) = table.remove(field) else {
            self.meter.check()?;
            return Ok(false);
        };
        self.changes += 1;
        let (now, empty) = (table.memory(), table.is_empty());
        entry.touch(touched);
        self.memory.resize(before, now);
        if empty {
            self.memory.clear(at);
        }
        Ok(true)
    }

    /// Every key that is there now.
    pub fn keys(&mut self) -> Result<Vec<Listed>, RedisError> {
        let mut listed = if self.memory.is_complete() {
            Vec::new()
        } else {
            self.rows.list(self.memory.room())?
        };
        self.meter.look(listed.len() + self.memory.len());
        self.meter.check()?;
        listed.retain(|stored| {
            let known = self.memory.find(&stored.key).is_ok();
            !known && stored.expires.is_none_or(|time| time > self.now)
        });
        listed.extend(self.memory.listed());
        Ok(listed)
    }

    /// Takes over all stored rows, ordered by key and page: then absent keys are known without a
    /// look into storage.
    pub fn restore(&mut self, rows: Vec<(Vec<u8>, Row)>) -> Result<(), RedisError> {
        for group in rows.chunk_by(|a, b| a.0 == b.0) {
            let pages: Vec<Row> = group.iter().map(|(_, row)| row.clone()).collect();
            self.add_stored(&group[0].0, pages)?;
        }
        self.memory.complete();
        Ok(())
    }

    /// Whether there are no keys, as far as memory knows: `None` when storage may hold others.
    pub fn is_empty(&self) -> Option<bool> {
        self.memory.is_empty()
    }

    /// When the keys in memory should be swept, Unix ms: once the last of them has expired, but no
    /// more than an hour after the first. `None` when none of them expires.
    pub fn sweep_at(&self) -> Option<i64> {
        self.memory.sweep_at()
    }

    /// The rows to write for everything that changed since the last time. Afterwards memory and
    /// storage are taken as equal.
    pub fn take_changes(&mut self) -> Vec<RowChange> {
        let mut changes: Vec<RowChange> = self.whole.take().into_iter().collect();
        self.memory.take_changes(&mut changes);
        changes
    }

    /// Drops everything from memory; all of it must be stored.
    pub fn forget(&mut self) {
        self.memory.forget();
    }

    /// What the keys take in memory, bytes.
    pub fn held(&self) -> usize {
        self.memory.bytes()
    }

    /// Deletes every key, without reading any.
    pub fn wipe(&mut self) {
        self.changes += 1;
        self.whole = Some(RowChange::Wipe);
        self.memory.wipe();
    }

    /// Deletes what has expired, also what is only in storage; the rows follow from `take_changes`.
    pub fn sweep(&mut self) {
        if !self.memory.is_complete() {
            self.whole = Some(RowChange::Sweep { until: self.now });
        }
    }
}
