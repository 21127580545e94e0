//! When the counts of a subject are written and read.

use crate::{Duration, Timestamp};

/// How often an isolate writes and reads the counts of a subject that is in use.
pub const INTERVAL: Duration = Duration::from_secs(10);
/// The least time between two writes of one key, which is what KV takes; also how soon a new
/// subject is first told and read.
pub const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
/// After this many failures in a row an isolate says that it counts alone.
const ALONE_AFTER: u32 = 3;
/// The longest interval after failures.
pub(super) const LONGEST_INTERVAL: Duration = Duration::from_secs(60);
/// Whoever was to sync and has not come back after this long has been cancelled with its request.
const OVERDUE: Duration = Duration::from_secs(30);

/// When a subject was and will be synced.
#[derive(Debug, Default)]
pub(super) struct Timing {
    /// When it is due; `None` while nobody asks for it.
    pub(super) next: Option<Timestamp>,
    /// When it was last taken out to be synced.
    pub(super) last: Option<Timestamp>,
    /// Since when a sync is under way.
    pub(super) under_way: Option<Timestamp>,
    /// From one sync to the next; `None` before the first has ended.
    pub(super) interval: Option<Duration>,
    /// Syncs that failed in a row.
    pub(super) failures: u32,
}

impl Timing {
    /// The subject has been asked for: when it is due.
    pub(super) fn touch(&mut self, now: Timestamp) -> Timestamp {
        let interval = self.interval.unwrap_or(SHORTEST_INTERVAL);
        let last = self.last;
        *self.next.get_or_insert_with(|| match last {
            Some(last) => last.plus(interval).max(now),
            None => now.plus(interval),
        })
    }

    /// Whether nothing has been heard of the others for long.
    pub(super) const fn is_alone(&self) -> bool {
        self.failures >= ALONE_AFTER
    }

    /// Whether it is to be synced now: nobody does so already.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let under_way = |since: Timestamp| since <= now && now < since.plus(OVERDUE);
        self.next.is_some_and(|next| next <= now) && !self.under_way.is_some_and(under_way)
    }
}
