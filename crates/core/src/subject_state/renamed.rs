//! Rows of one quota under several names of its time zone.
//!
//! Earlier builds took each name for a zone of its own, and a build with a newer list of names may
//! know that two of them are one. What such rows tell adds up, as all of it was admitted. They stay
//! until the limit's row is next written or deleted; until then a restart finds them and adds them
//! up again.

use super::{Effects, Write};

/// Keys of further rows of one limit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Renamed(Vec<String>);

impl Renamed {
    /// Adds a key under which a row was found that is not the limit's own.
    pub(super) fn add(&mut self, key: &str) {
        self.0.push(key.to_owned());
    }

    /// Adds the keys of another row of the same limit.
    pub(super) fn append(&mut self, mut other: Renamed) {
        self.0.append(&mut other.0);
    }

    /// Deletes the further rows, before the one under the limit's own key is written or deleted.
    pub(super) fn delete(&mut self, effects: &mut Effects) {
        let keys = core::mem::take(&mut self.0).into_iter();
        effects.writes.extend(keys.map(|key| Write::Delete { key }));
    }
}
