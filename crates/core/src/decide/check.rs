//! What a request asks of a policy.

use crate::algorithm::{Ask, Hold, Holder};
use crate::limit::{Algorithm, Limit};
use crate::policy::Policy;
use crate::{Duration, Timestamp};

/// What is asked of a policy, beside the subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    /// Units wanted, −2^53 to 2^53. Zero always has room; below zero gives units back.
    pub cost: i64,
    /// Answer as the same request would be answered, and change nothing.
    pub peek: bool,
    /// Admit also what can go ahead within this time, and promise it the place.
    pub max_delay: Option<Duration>,
    /// How long a slot is held; its limit's `ttl` when absent, and never longer.
    pub hold: Option<Duration>,
    /// Admit also what the limits refuse, and count it as far as they have room: an override lets
    /// the subject through.
    pub bypass: bool,
}

impl Check {
    /// One unit, now.
    pub const ONE: Check = Check::of(1);

    /// `cost` units, now.
    pub const fn of(cost: i64) -> Check {
        Check {
            cost,
            peek: false,
            max_delay: None,
            hold: None,
            bypass: false,
        }
    }

    /// What is asked of limits where `granted` units come from elsewhere: the rest.
    #[must_use]
    pub(crate) fn beside(&self, granted: u64) -> Check {
        let granted = i64::try_from(granted).unwrap_or(i64::MAX);
        Check {
            cost: self.cost.saturating_sub(granted).max(0),
            ..*self
        }
    }

    /// Whether an admission of this check changes anything.
    pub(super) const fn changes(&self) -> bool {
        self.cost != 0 && !self.peek
    }

    /// The question to a limit of `policy` at `now`; `None` where nothing or less than nothing is
    /// wanted, which always has room.
    #[inline]
    pub(super) fn ask(&self, policy: &Policy, now: Timestamp) -> Option<Ask> {
        let cost = u64::try_from(self.cost).ok().filter(|cost| *cost > 0)?;
        Some(Ask {
            cost,
            now,
            max_delay: self.max_delay,
            before: policy.in_force_until(now),
        })
    }
}

/// How an admission holds the slots that it takes; `None` where the limit has no slots.
pub(crate) fn hold_for(
    limit: &Limit,
    check: &Check,
    holder: Option<Holder>,
    now: Timestamp,
) -> Option<Hold> {
    let Algorithm::Concurrency(slots) = limit.algorithm() else {
        return None;
    };
    let held = check.hold.map_or(slots.ttl(), |hold| hold.min(slots.ttl()));
    holder.map(|holder| Hold {
        holder,
        deadline: now.plus(held),
    })
}
