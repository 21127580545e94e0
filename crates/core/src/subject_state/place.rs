//! The place of a call among all of its subject, so that whoever replays them knows whether one is
//! missing.

use crate::Timestamp;

/// The place of a call among all calls of a subject that may change anything. It is counted in
/// memory, so that a new life of the object begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// When the first such call came since the object woke, by its clock.
    pub since: Timestamp,
    /// The number of the call, from 1 on.
    pub number: u64,
}

impl Place {
    /// Whether no call is known to have come between `before` and this one. What came last before
    /// the object fell asleep, nobody can know.
    pub fn follows(self, before: Place) -> bool {
        let is_next = self.since == before.since && self.number == before.number + 1;
        is_next || (self.since > before.since && self.number == 1)
    }
}

/// Counts the calls since waking.
#[derive(Debug, Clone, Default)]
pub(super) struct Calls {
    since: Option<Timestamp>,
    number: u64,
}

impl Calls {
    /// Counts a call; its place.
    pub(super) fn count(&mut self, now: Timestamp) -> Place {
        let since = *self.since.get_or_insert(now);
        self.number += 1;
        Place {
            since,
            number: self.number,
        }
    }
}
