//! How many calls were admitted lately, and how many of them were reported: nobody reports more
//! answers than there were calls. In memory only; after a sleep the units that were in use by then,
//! and for which no report counted, stand for the calls from before.

use crate::{Duration, Timestamp};

use super::accounted::{Accounted, InUse};

/// For so long at least a call may be reported after it was admitted.
pub(super) const REMEMBERED: Duration = Duration::from_secs(60);
/// So many policies' calls are counted at most.
const MAX_COUNTED: usize = 64;

/// The calls of policies whose reports are counted.
#[derive(Debug, Clone, Default)]
pub(super) struct Calls(Vec<Admitted>);

/// The calls of one policy.
#[derive(Debug, Clone, Default)]
struct Admitted {
    policy: String,
    /// When the first of them was known since the object woke.
    first: Option<Timestamp>,
    /// Units that were admitted since then.
    units: u64,
    /// Whether calls from before are counted.
    is_complete: bool,
    since: Timestamp,
    current: Counts,
    previous: Counts,
}

/// Calls in one span of time.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    admitted: u64,
    reported: u64,
}

/// Units of a policy that were admitted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Admission {
    pub(super) units: u64,
    /// Whether they are of another call than the last ones.
    pub(super) is_new: bool,
}

/// What is to be counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    /// So many calls are reported.
    pub(super) reports: u64,
    pub(super) in_use: InUse,
    pub(super) accounted: Accounted,
    /// For how long calls are counted.
    pub(super) window: Duration,
}

impl Calls {
    /// A call was admitted, or more units of it.
    pub(super) fn admit(
        &mut self,
        policy: &str,
        admission: Admission,
        window: Duration,
        now: Timestamp,
    ) {
        let admitted = self.of(policy);
        admitted.first.get_or_insert(now);
        admitted.units = admitted.units.saturating_add(admission.units);
        admitted.turn(window, now);
        let counts = &mut admitted.current;
        counts.admitted = counts.admitted.saturating_add(u64::from(admission.is_new));
    }

    /// A call that was admitted is not made.
    pub(super) fn take_back(&mut self, policy: &str) {
        let Some(admitted) = self.0.iter_mut().find(|it| it.policy == policy) else {
            return;
        };
        let counts = match admitted.current.admitted {
            0 => &mut admitted.previous,
            _ => &mut admitted.current,
        };
        counts.admitted = counts.admitted.saturating_sub(1);
    }

    /// Counts up to so many reports of a policy; how many.
    pub(super) fn report(&mut self, policy: &str, claim: Claim, now: Timestamp) -> u64 {
        let admitted = self.of(policy);
        admitted.turn(claim.window, now);
        let accounted = claim.accounted.units(now);
        let in_use = claim.in_use.units;
        let left = match claim.in_use.is_elsewhere {
            true => in_use.saturating_sub(admitted.reported().max(accounted)),
            false => {
                admitted.wake(in_use.saturating_sub(accounted), claim.window, now);
                admitted.admitted().saturating_sub(admitted.reported())
            }
        };
        let counted = claim.reports.min(left);
        let counts = &mut admitted.current;
        counts.reported = counts.reported.saturating_add(counted);
        counted
    }

    fn of(&mut self, policy: &str) -> &mut Admitted {
        let at = self.0.iter().position(|it| it.policy == policy);
        let at = at.unwrap_or_else(|| {
            if self.0.len() == MAX_COUNTED {
                self.0.remove(0);
            }
            self.0.push(Admitted {
                policy: policy.to_owned(),
                ..Admitted::default()
            });
            self.0.len() - 1
        });
        &mut self.0[at]
    }
}

impl Admitted {
    fn admitted(&self) -> u64 {
        let (current, previous) = (self.current.admitted, self.previous.admitted);
        current.saturating_add(previous)
    }

    fn reported(&self) -> u64 {
        let (current, previous) = (self.current.reported, self.previous.reported);
        current.saturating_add(previous)
    }

    /// Once after waking: of the `unreported` units in use those from before are calls.
    fn wake(&mut self, unreported: u64, window: Duration, now: Timestamp) {
        let first = *self.first.get_or_insert(now);
        let is_first = !core::mem::replace(&mut self.is_complete, true);
        if is_first && now.since(first) < span(window) {
            let before = unreported.saturating_sub(self.units);
            self.current.admitted = self.current.admitted.saturating_add(before);
        }
    }

    /// Goes on to the span of time that holds `now`.
    fn turn(&mut self, window: Duration, now: Timestamp) {
        let span = span(window);
        let passed = now.since(self.since);
        if passed < span && self.since <= now {
            return;
        }
        self.previous = match passed < span.plus(span) && self.since <= now {
            true => self.current,
            false => Counts::default(),
        };
        self.current = Counts::default();
        self.since = now;
    }
}

/// For how long calls are counted at least.
fn span(window: Duration) -> Duration {
    window.max(REMEMBERED)
}
