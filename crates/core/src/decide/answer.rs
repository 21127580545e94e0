//! The answer, from what each limit says: how each one stands, which one decides, and how long a
//! refusal may be remembered.

use crate::algorithm::state::{LimitState, Moment};
use crate::algorithm::{Holder, Room, View};
use crate::decision::{Decision, Grant, Reason, Standing, Standings};
use crate::limit::Limit;
use crate::policy::Policy;
use crate::{Duration, Timestamp};

use super::check::Check;

/// The longest that a caller's isolate may remember a refusal.
pub const MAX_CACHE_FOR: Duration = Duration::from_secs(1);

/// Asks one limit. Nothing and less than nothing always have room.
#[inline]
pub(super) fn room(
    policy: &Policy,
    limit: &Limit,
    state: &LimitState,
    check: &Check,
    moment: Moment,
) -> Room {
    match check.ask(policy, limit, moment.now) {
        Some(ask) => state.room(limit.algorithm(), &ask),
        None => Room::At(moment.now),
    }
}

/// How a limit stands whose state is projected to now.
pub(super) fn standing_of(
    limit: &Limit,
    state: &LimitState,
    room: Room,
    moment: Moment,
) -> Standing {
    standing_with(limit, room, state.view(limit.algorithm(), moment.now))
}

/// How a limit stands, from its answer and its view.
#[inline]
pub(super) fn standing_with(limit: &Limit, room: Room, view: View) -> Standing {
    let (refused, retry_at) = match room {
        Room::At(_) => (None, None),
        Room::Wait(until) => (Some(Reason::Limit), Some(until)),
        Room::Never => (Some(Reason::CostExceedsCapacity), None),
    };
    Standing {
        limit: limit.algorithm().limit(),
        remaining: view.remaining,
        reset: view.reset,
        refused,
        retry_at,
    }
}

/// The decision, from how each limit stands and the instant at which the caller goes ahead.
#[inline]
pub(super) fn decision(
    policy: &Policy,
    limits: Standings,
    check: &Check,
    goes_at: Option<Timestamp>,
    grant: Option<Box<Grant>>,
    moment: Moment,
) -> Decision {
    let success = goes_at.is_some();
    let deciding = if success {
        least_left(&limits)
    } else {
        longest_wait(&limits)
    };
    let refusal = deciding.and_then(|i| limits.get(i)).copied();
    let retry_after = refusal
        .and_then(|standing| standing.retry_at)
        .map(|at| at.since(moment.now));
    let reason = refusal.and_then(|standing| standing.refused);
    // By a refusal of one class an isolate would refuse all.
    let is_special = policy.gives_permits() || policy.shapes() || policy.weights().is_some();
    let timeless = is_special || check.max_delay.is_some() || !check.costs.is_empty();
    Decision {
        at: moment.now,
        success,
        reason,
        deciding: deciding.map(|i| i as u8), // at most MAX_LIMITS
        retry_after,
        delay: goes_at
            .filter(|_| check.max_delay.is_some() || policy.shapes())
            .map(|at| at.since(moment.now)),
        grant,
        granted: None,
        cache_for: if success || timeless {
            Duration::ZERO
        } else {
            let longest = retry_after.unwrap_or(MAX_CACHE_FOR).min(MAX_CACHE_FOR);
            let until = policy.in_force_until(moment.now);
            until.map_or(longest, |until| longest.min(until.since(moment.now)))
        },
        limits,
        contended: false,
        newer: None,
        keeps_policy: false,
        recognition: None,
        while_lent: false,
        loan: None,
    }
}

fn least_left(limits: &[Standing]) -> Option<usize> {
    (0..limits.len()).min_by_key(|&i| limits[i].remaining)
}

/// The refusal that lasts longest; one that never ends lasts longest of all.
pub(crate) fn longest_wait(limits: &[Standing]) -> Option<usize> {
    let refused = (0..limits.len()).filter(|&i| limits[i].refused.is_some());
    refused.max_by_key(|&i| {
        (
            limits[i].retry_at.unwrap_or(Timestamp::MAX),
            core::cmp::Reverse(i),
        )
    })
}

/// The permit of an admission that took slots: it ends with the first of them.
pub(super) fn grant<'a>(
    policy: &Policy,
    states: impl Iterator<Item = &'a LimitState>,
    holder: Option<Holder>,
    now: Timestamp,
) -> Option<Box<Grant>> {
    let Holder { permit, fence } = holder.filter(|_| policy.gives_permits())?;
    let held = states.filter_map(|state| match state {
        LimitState::Slots(slots) => slots.find(permit, now),
        _ => None,
    });
    let expires = held.map(|slot| slot.deadline).min()?;
    Some(Box::new(Grant {
        permit,
        fence,
        expires,
    }))
}
