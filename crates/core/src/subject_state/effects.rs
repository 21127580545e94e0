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
    /// Remove every row.
    DeleteAll,
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
        });
        match last {
            Some(Write::Put { row: old, .. }) => *old = row,
            _ => self.writes.push(Write::Put { key, row }),
        }
    }
}
