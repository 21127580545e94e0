//! Numbers that were of use lately: released permits, and operations that were cancelled before
//! they came.

use std::collections::{HashMap, VecDeque};

use crate::{Duration, Timestamp};

/// How long an operation or a released permit is remembered while there is room: longer than any
/// caller's deadline and its retries.
pub(super) const REMEMBERED: Duration = Duration::from_secs(60);
/// How many released permits, and cancellations of operations that never came, are remembered. More
/// within a minute, and the oldest is forgotten early: a permit released twice is then unknown, an
/// operation that comes after its cancellation is charged.
const MAX_REMEMBERED: usize = 16_384;

/// At most [`MAX_REMEMBERED`] numbers, each for [`REMEMBERED`].
#[derive(Debug, Clone, Default)]
pub(super) struct Recent {
    order: VecDeque<(u128, Timestamp)>,
    newest: HashMap<u128, Timestamp>,
}

impl Recent {
    /// Whether it was of use lately.
    pub(super) fn contains(&self, id: u128, now: Timestamp) -> bool {
        self.newest
            .get(&id)
            .is_some_and(|at| at.plus(REMEMBERED) > now)
    }

    /// Remembers that it is.
    pub(super) fn remember(&mut self, id: u128, now: Timestamp) {
        let is_old = |&(_, at): &(u128, Timestamp)| at.plus(REMEMBERED) <= now;
        while self.order.len() >= MAX_REMEMBERED || self.order.front().is_some_and(is_old) {
            if let Some((id, at)) = self.order.pop_front() {
                // Remembered anew since, it stays.
                if self.newest.get(&id) == Some(&at) {
                    self.newest.remove(&id);
                }
            }
        }
        self.order.push_back((id, now));
        self.newest.insert(id, now);
    }
}
