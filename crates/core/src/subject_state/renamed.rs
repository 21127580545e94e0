//! Rows of one quota under several names of its time zone.
//!
//! Earlier builds took each name for a zone of its own, and a build with a newer list of names may
//! know that two of them are one. What such rows tell adds up, as all of it was admitted. They stay
//! until the limit's row is next written or deleted; until then a restart finds them and adds them
//! up again.

use crate::algorithm::state::LimitState;
use crate::Timestamp;

use super::written::Written;
use super::{Effects, Entry, SubjectState, Write};

impl SubjectState {
    /// Adds what a row tells.
    pub(super) fn add_found(&mut self, found: Entry) {
        let same = |known: &&mut Entry| known.keeps(&found.policy, &found.limit);
        match self.entries.iter_mut().find(same) {
            Some(known) => known.merge(found),
            None => self.entries.push(found),
        }
    }
}

impl Entry {
    /// Adds the use that another row tells of the same limit, unless its period is over. The newer
    /// row's definition stays.
    fn merge(&mut self, mut other: Entry) {
        if other.newest() > self.newest() {
            core::mem::swap(self, &mut other);
        }
        self.other_keys.append(&mut other.other_keys);
        let (LimitState::Counter(counter), LimitState::Counter(older)) =
            (&mut self.state, &other.state)
        else {
            return; // only quotas have zones
        };
        if older.last_span().0.end <= counter.span.start {
            return;
        }
        counter.merge(older);
        self.written = Some(Written::found(self.state.clone()));
        let (algorithm, allowance) = (self.limit.algorithm(), other.allowance());
        let left = other
            .lost
            .left(allowance, &other.state, other.limit.algorithm());
        self.lost
            .add(allowance - left, self.allowance(), &self.state, algorithm);
    }

    /// The start of its period, and when it was last used.
    fn newest(&self) -> (Timestamp, Timestamp) {
        match &self.state {
            LimitState::Counter(counter) => (counter.span.start, counter.time),
            _ => Default::default(),
        }
    }

    /// Deletes the further rows, before the one under the limit's own key is written or deleted.
    pub(super) fn delete_others(&mut self, effects: &mut Effects) {
        let keys = core::mem::take(&mut self.other_keys);
        effects
            .writes
            .extend(keys.into_iter().map(|key| Write::Delete { key }));
    }
}
