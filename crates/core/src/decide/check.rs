//! What a request asks of a policy.

use super::hold::OnExpiry;
use super::overage::Overage;
use crate::algorithm::{Ask, Hold, Holder};
use crate::limit::{Algorithm, Costs, Limit};
use crate::policy::Policy;
use crate::{Duration, Timestamp};

/// What is asked of a policy, beside the subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Units wanted, −2^53 to 2^53. Zero always has room; below zero gives units back.
    pub cost: i64,
    /// What the limits of these names take instead; not beside a cost below zero.
    pub costs: Costs,
    /// Answer as the same request would be answered, and change nothing.
    pub peek: bool,
    /// Admit also what can go ahead within this time, and promise it the place.
    pub max_delay: Option<Duration>,
    /// How long a slot is held; its limit's `ttl` when absent, and never longer.
    pub hold: Option<Duration>,
    /// What becomes of what is held if nobody settles it in time.
    pub on_expiry: OnExpiry,
    /// What is done with what the limits have no room for.
    pub overage: Overage,
    /// Charge what has happened already: past the limits as debt, and whatever refuses.
    pub record: bool,
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
            costs: Costs::NONE,
            peek: false,
            max_delay: None,
            hold: None,
            on_expiry: OnExpiry::Keep,
            overage: Overage::Deny,
            record: false,
            bypass: false,
        }
    }

    /// What is asked of limits where `granted` units come from elsewhere: the rest.
    #[must_use]
    pub(crate) fn beside(&self, granted: u64) -> Check {
        let granted = i64::try_from(granted).unwrap_or(i64::MAX);
        Check {
            cost: self.cost.saturating_sub(granted).max(0),
            ..self.clone()
        }
    }

    /// Whether an admission of this check changes anything.
    pub fn changes(&self) -> bool {
        !self.wants_nothing() && !self.peek
    }

    /// Whether it asks for no units and gives none back.
    pub fn wants_nothing(&self) -> bool {
        self.cost == 0 && self.costs.most() == 0
    }

    /// What `limit` takes; below zero it is given units back.
    #[inline]
    pub fn cost_of(&self, limit: &Limit) -> i64 {
        let named = self.costs.of(limit);
        named.map_or(self.cost, |cost| i64::try_from(cost).unwrap_or(i64::MAX))
    }

    /// Whether it asks for nothing but one cost for all limits, whole.
    pub fn is_plain(&self) -> bool {
        let is_whole = self.overage == Overage::Deny && !self.record;
        self.costs.is_empty() && is_whole
    }

    /// The cost, where it is one for all limits, above zero, whole, without waiting and without a
    /// permit.
    pub fn plain_cost(&self) -> Option<u64> {
        let cost = u64::try_from(self.cost).ok()?;
        (self.is_now() && self.is_plain() && cost > 0).then_some(cost)
    }

    /// Whether it neither waits nor takes a permit.
    fn is_now(&self) -> bool {
        self.max_delay.is_none() && self.hold.is_none()
    }

    /// Whether units may be lent with its answer: limits decide it, and it asks for nothing or for
    /// what could be spent from a lease.
    pub fn may_borrow(&self) -> bool {
        self.cost >= 0 && self.is_now() && self.is_plain() && !self.peek && !self.bypass
    }

    /// The cost, where it may be spent from a lease: it changes something, and limits decide it.
    pub fn spendable(&self) -> Option<u64> {
        self.plain_cost().filter(|_| self.may_borrow())
    }

    /// The units that an admission charges to `limit`.
    #[inline]
    pub fn units_of(&self, limit: &Limit) -> u64 {
        u64::try_from(self.cost_of(limit)).unwrap_or(0)
    }

    /// The most units that an admission charges to any limit.
    pub fn most_units(&self) -> u64 {
        u64::try_from(self.cost).unwrap_or(0).max(self.costs.most())
    }

    /// The question to `limit` of `policy` at `now`; `None` where nothing or less than nothing is
    /// wanted of it, which always has room.
    #[inline]
    pub(super) fn ask(&self, policy: &Policy, limit: &Limit, now: Timestamp) -> Option<Ask> {
        let cost = Some(self.units_of(limit)).filter(|cost| *cost > 0)?;
        Some(self.ask_for(cost, policy, now))
    }

    /// The question for `cost` units, at least 1.
    #[inline]
    pub(super) fn ask_for(&self, cost: u64, policy: &Policy, now: Timestamp) -> Ask {
        Ask {
            cost,
            now,
            // Where classes share a limit, no place is promised.
            max_delay: self.max_delay.filter(|_| policy.weights().is_none()),
            before: policy.in_force_until(now),
        }
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
