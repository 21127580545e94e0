//! When the counts of a subject are written and read.

use crate::{Duration, Timestamp};

/// How often an isolate writes and reads the counts of a subject that is in use.
pub const INTERVAL: Duration = Duration::from_secs(10);
/// The shortest time between two writes of one key that KV allows; also the delay of a subject's
/// first synchronisation.
pub const MIN_INTERVAL: Duration = Duration::from_secs(1);
/// After this many failures in a row, decisions have the reason `degraded`.
const ALONE_AFTER: u32 = 3;
/// The longest interval after failures.
pub(super) const MAX_INTERVAL: Duration = Duration::from_secs(60);
/// A synchronisation without an outcome after this time was cancelled with its request.
const OVERDUE: Duration = Duration::from_secs(30);

/// The times of a subject's synchronisations.
#[derive(Debug, Default)]
pub(super) struct Timing {
    /// When the next is due; `None` without requests since the last.
    pub(super) next: Option<Timestamp>,
    /// When the last started.
    pub(super) last: Option<Timestamp>,
    /// When the pending one started.
    pub(super) under_way: Option<Timestamp>,
    /// From one to the next; `None` before the first has ended.
    pub(super) interval: Option<Duration>,
    /// Failures in a row.
    pub(super) failures: u32,
}

impl Timing {
    /// Records a request; when the next synchronisation is due.
    pub(super) fn touch(&mut self, now: Timestamp) -> Timestamp {
        let interval = self.interval.unwrap_or(MIN_INTERVAL);
        let last = self.last;
        *self.next.get_or_insert_with(|| match last {
            Some(last) => last.plus(interval).max(now),
            None => now.plus(interval),
        })
    }

    /// There is something to tell at once: as soon as KV takes another writing. When that is due.
    pub(super) fn hurry(&mut self, now: Timestamp) -> Timestamp {
        let soonest = self
            .last
            .map_or(now, |last| last.plus(MIN_INTERVAL).max(now));
        let next = self.next.map_or(soonest, |next| next.min(soonest));
        self.next = Some(next);
        next
    }

    /// Whether the last synchronisations have failed.
    pub(super) const fn is_alone(&self) -> bool {
        self.failures >= ALONE_AFTER
    }

    /// Whether a synchronisation has to start now; false while one is pending.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let under_way = |since: Timestamp| since <= now && now < since.plus(OVERDUE);
        self.next.is_some_and(|next| next <= now) && !self.under_way.is_some_and(under_way)
    }
}
