//! How many calls were admitted lately, and how many of them were reported: nobody reports more
//! answers than there were calls. In memory only; what the limits have in use stands for what was
//! admitted before the object woke.

use crate::{Duration, Timestamp};

/// For so long at least a call may be reported after it was admitted.
const REMEMBERED: Duration = Duration::from_secs(60);

/// The calls of one policy.
#[derive(Debug, Clone, Default)]
pub(super) struct Admitted {
    since: Timestamp,
    current: Calls,
    previous: Calls,
}

/// Calls in one span of time.
#[derive(Debug, Clone, Copy, Default)]
struct Calls {
    admitted: u64,
    reported: u64,
}

impl Admitted {
    /// So many units were admitted.
    pub(super) fn admit(&mut self, units: u64, window: Duration, now: Timestamp) {
        self.turn(window, now);
        self.current.admitted = self.current.admitted.saturating_add(units);
    }

    /// Counts up to so many reports; how many. `in_use`: units that the limits have in use.
    pub(super) fn report(
        &mut self,
        reports: u64,
        in_use: u64,
        window: Duration,
        now: Timestamp,
    ) -> u64 {
        self.turn(window, now);
        let both = |of: fn(&Calls) -> u64| of(&self.current).saturating_add(of(&self.previous));
        let admitted = both(|it| it.admitted).max(in_use);
        let counted = reports.min(admitted.saturating_sub(both(|it| it.reported)));
        self.current.reported = self.current.reported.saturating_add(counted);
        counted
    }

    /// Goes on to the span of time that holds `now`.
    fn turn(&mut self, window: Duration, now: Timestamp) {
        let span = window.max(REMEMBERED);
        let passed = now.since(self.since);
        if passed < span && self.since <= now {
            return;
        }
        self.previous = match passed < span.plus(span) && self.since <= now {
            true => self.current,
            false => Calls::default(),
        };
        self.current = Calls::default();
        self.since = now;
    }
}
