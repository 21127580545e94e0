//! The keys of an object that are in memory, and the bytes that they take.

use super::entry::Entry;
use super::rows::{Listed, RowChange};
use crate::bounds::{MAX_HELD, MAX_KEPT};
use crate::values::table::Touched;

/// How long an expired key may stay in storage, ms. Each sweep is a call and a row written, so one
/// serves many keys.
pub const SWEEP_LAG: i64 = 3_600_000;

/// A cache over the stored rows.
pub(super) struct Memory {
    /// By key.
    entries: Vec<Entry>,
    /// Whether `entries` knows every stored key, so that a key it does not have needs no look into
    /// storage.
    complete: bool,
    /// What the entries take in memory.
    bytes: usize,
}

impl Memory {
    /// No keys; `complete` when storage is known to hold none.
    pub(super) fn new(complete: bool) -> Memory {
        Memory {
            entries: Vec::new(),
            complete,
            bytes: 0,
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Every stored key is known from now on.
    pub(super) fn complete(&mut self) {
        self.complete = true;
    }

    /// The position of a key's entry, or the one that it would have.
    pub(super) fn find(&self, key: &[u8]) -> Result<usize, usize> {
        self.entries.binary_search_by(|entry| (*entry.key).cmp(key))
    }

    pub(super) fn entry(&self, at: usize) -> &Entry {
        &self.entries[at]
    }

    /// For changes that leave the entry's size, or that `resize` counts.
    pub(super) fn entry_mut(&mut self, at: usize) -> &mut Entry {
        &mut self.entries[at]
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn insert(&mut self, at: usize, entry: Entry) {
        self.bytes += entry.size();
        self.entries.insert(at, entry);
    }

    /// Counts that a value took so many bytes before and takes so many now.
    pub(super) fn resize(&mut self, before: usize, now: usize) {
        self.bytes = self.bytes + now - before;
    }

    /// Leaves an entry that knows its key to be absent.
    pub(super) fn clear(&mut self, at: usize) {
        let entry = &mut self.entries[at];
        self.bytes -= entry.value.take().map_or(0, |value| value.memory());
        entry.expires = None;
        entry.touch(Touched::All);
    }

    /// Clears the keys that have expired at `now` (Unix ms).
    pub(super) fn expire(&mut self, now: i64) {
        for at in 0..self.entries.len() {
            if self.entries[at].expires.is_some_and(|time| time <= now) {
                self.clear(at);
            }
        }
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many bytes more may be loaded.
    pub(super) fn room(&self) -> usize {
        MAX_HELD.saturating_sub(self.bytes)
    }

    /// Whether there are no keys, as far as memory knows: `None` when storage may hold others.
    pub(super) fn is_empty(&self) -> Option<bool> {
        let any = self.entries.iter().any(|entry| entry.value.is_some());
        (any || self.complete).then_some(!any)
    }

    /// The keys that are there.
    pub(super) fn listed(&self) -> impl Iterator<Item = Listed> + '_ {
        self.entries.iter().filter_map(|entry| {
            let kind = entry.value.as_ref()?.kind();
            Some(Listed {
                key: entry.key.clone(),
                kind,
                expires: entry.expires,
            })
        })
    }

    /// When the keys should be swept, Unix ms: once the last of them has expired, but no more than
    /// an hour after the first. `None` when none of them expires.
    pub(super) fn sweep_at(&self) -> Option<i64> {
        let times = || self.entries.iter().filter_map(|entry| entry.expires);
        Some(times().max()?.min(times().min()?.saturating_add(SWEEP_LAG)))
    }

    /// Appends the rows to write, and takes them as written. Keeps only what an object may keep
    /// between calls.
    pub(super) fn take_changes(&mut self, changes: &mut Vec<RowChange>) {
        for entry in &mut self.entries {
            entry.take_changes(changes);
        }
        if self.bytes > MAX_KEPT {
            self.forget();
        } else {
            self.entries.retain(|entry| entry.value.is_some());
            self.bytes = self.entries.iter().map(Entry::size).sum();
        }
    }

    /// Drops everything from memory; all of it must be stored.
    pub(super) fn forget(&mut self) {
        self.complete = self.complete && self.is_empty() == Some(true);
        self.entries = Vec::new();
        self.bytes = 0;
    }

    /// Knows that there are no keys.
    pub(super) fn wipe(&mut self) {
        self.entries.clear();
        self.bytes = 0;
        self.complete = true;
    }
}
