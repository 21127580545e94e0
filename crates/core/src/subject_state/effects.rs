//! What a call changes in storage, applied before its answer is sent.

use crate::Timestamp;

/// A change to the stored rows. All changes of one call are applied together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Insert or replace.
    Put {
        /// The row's key.
        key: String,
        /// The row's text.
        row: String,
    },
    /// Remove.
    Delete {
        /// The row's key.
        key: String,
    },
    /// Remove every row, those of keys too.
    DeleteAll,
    /// Insert or replace the row of a key: those are apart, and not read at waking.
    PutKey {
        /// The key's number of 128 bits.
        id: u128,
        /// Its number in the order of all keys.
        number: u64,
        /// Until when it is needed.
        until: Timestamp,
        /// The row's text.
        row: String,
    },
    /// Remove the row of a key.
    DeleteKey {
        /// The key's number of 128 bits.
        id: u128,
    },
    /// Remove a hundred of the rows of keys that are before a number, or were needed until then.
    DropKeys {
        /// The first number that is needed.
        before: u64,
        /// The instant.
        until: Timestamp,
    },
}

/// What the object does before it answers.
#[derive(Debug, Default)]
pub struct Effects {
    /// Row changes, in order.
    pub writes: Vec<Write>,
    /// Set the cleaning alarm to this instant.
    pub alarm: Option<Timestamp>,
}

impl Effects {
    /// Runs a step whose effects count only if it succeeds: the effects of a step that fails are
    /// dropped, and rows that were to be written before it stay as they are.
    pub(super) fn keep_if_ok<T, E>(
        &mut self,
        step: impl FnOnce(&mut Effects) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut effects = Effects::default();
        let done = step(&mut effects)?;
        for write in effects.writes {
            match write {
                Write::Put { key, row } => self.put(key, row),
                other => self.writes.push(other),
            }
        }
        self.alarm = effects.alarm.or(self.alarm);
        Ok(done)
    }

    /// Stores a row, in place of what this call has put under its key before: a call of several may
    /// charge one limit many times.
    pub(super) fn put(&mut self, key: String, row: String) {
        let last = self.writes.iter_mut().rev().find(|write| match write {
            Write::Put { key: known, .. } | Write::Delete { key: known } => *known == key,
            Write::DeleteAll => true,
            Write::PutKey { .. } | Write::DeleteKey { .. } | Write::DropKeys { .. } => false,
        });
        match last {
            Some(Write::Put { row: old, .. }) => *old = row,
            _ => self.writes.push(Write::Put { key, row }),
        }
    }
}
