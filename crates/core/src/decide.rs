//! The decision: every limit of a policy is asked, then all are charged or none.

use crate::algorithm::state::{LimitState, Moment};
use crate::algorithm::together::{self, Asked};
use crate::algorithm::{Ask, Hold, Holder, Room, Take, View};
use crate::calendar::UnknownTimeZone;
use crate::decision::{Decision, Grant, Reason, Standing, Standings};
use crate::limit::{Algorithm, Limit};
use crate::policy::Policy;
use crate::{Duration, Timestamp};

/// The longest that a caller's isolate may remember a refusal.
pub const CACHE_CAP: Duration = Duration::from_secs(1);

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
        }
    }
}

/// Decides `check` under `policy`: one pure function of policy, states, check and time. `states`
/// stand in the policy's order and are changed only by an admission; a denial and a peek leave them
/// as they were.
///
/// ```
/// use tollgate_core::algorithm::state::{LimitState, Moment};
/// use tollgate_core::calendar::UtcOnly;
/// use tollgate_core::decide::{decide, Check};
/// use tollgate_core::{limit::Window, policy::Policy, Algorithm, Duration, Limit, Timestamp};
///
/// let one_a_second = Algorithm::FixedWindow(Window::new(1, Duration::from_secs(1))?);
/// let moment = Moment { now: Timestamp::from_millis(200), zones: &UtcOnly };
/// let mut state = LimitState::fresh(&one_a_second, moment)?;
/// let policy = Policy::new(vec![Limit::new(None, one_a_second)])?;
///
/// let mut ask = || decide(&policy, &mut [&mut state], &Check::ONE, None, moment);
/// assert!(ask()?.success);
/// assert_eq!(ask()?.retry_after, Some(Duration::from_millis(800)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn decide(
    policy: &Policy,
    states: &mut [&mut LimitState],
    check: &Check,
    holder: Option<Holder>,
    moment: Moment,
) -> Result<Decision, UnknownTimeZone> {
    match (policy.limits(), states) {
        // The usual policy has one limit: its answer needs no list.
        ([limit], [state]) => decide_one(policy, limit, state, check, holder, moment),
        (_, states) => decide_many(policy, states, check, holder, moment),
    }
}

fn decide_one(
    policy: &Policy,
    limit: &Limit,
    state: &mut LimitState,
    check: &Check,
    holder: Option<Holder>,
    moment: Moment,
) -> Result<Decision, UnknownTimeZone> {
    let algorithm = limit.algorithm();
    let (standing, goes_at) = match u64::try_from(check.cost) {
        Ok(cost) if cost > 0 && !check.peek => {
            let ask = Ask {
                cost,
                now: moment.now,
                max_delay: check.max_delay,
            };
            let hold = hold_for(limit, check, holder, moment.now);
            let (room, view) = state.admit_and_view(algorithm, &ask, hold, moment)?;
            (standing_with(limit, room, view), goes_at(room))
        }
        Ok(_) => {
            let projected = state.projected(algorithm, moment)?;
            let room = room(limit, projected.as_ref().unwrap_or(state), check, moment);
            (standing_seen(limit, state, room, moment)?, goes_at(room))
        }
        Err(_) => {
            if changes(check) {
                state.project(algorithm, moment)?;
                state.give_back(algorithm, check.cost.unsigned_abs(), moment.now);
            }
            (
                standing_seen(limit, state, Room::At(moment.now), moment)?,
                Some(moment.now),
            )
        }
    };
    let grant = grant(policy, core::iter::once(&*state), holder, moment.now);
    Ok(decision(
        policy,
        Standings::One([standing]),
        check,
        goes_at,
        grant,
        moment,
    ))
}

/// How a limit stands whose state is not projected.
fn standing_seen(
    limit: &Limit,
    state: &LimitState,
    room: Room,
    moment: Moment,
) -> Result<Standing, UnknownTimeZone> {
    let projected = state.projected(limit.algorithm(), moment)?;
    Ok(standing_of(
        limit,
        projected.as_ref().unwrap_or(state),
        room,
        moment,
    ))
}

/// The instant at which the caller goes ahead, if it does.
const fn goes_at(room: Room) -> Option<Timestamp> {
    match room {
        Room::At(at) => Some(at),
        _ => None,
    }
}

fn decide_many(
    policy: &Policy,
    states: &mut [&mut LimitState],
    check: &Check,
    holder: Option<Holder>,
    moment: Moment,
) -> Result<Decision, UnknownTimeZone> {
    let mut seen = Vec::with_capacity(states.len());
    for (limit, state) in policy.limits().iter().zip(states.iter()) {
        seen.push(state.projected(limit.algorithm(), moment)?);
    }
    let asked: Vec<Asked> = (policy.limits().iter().zip(states.iter()).zip(&seen))
        .map(|((limit, state), seen)| (limit.algorithm(), seen.as_ref().unwrap_or(state)))
        .collect();
    let mut rooms: Vec<Room> = (policy.limits().iter().zip(&asked))
        .map(|(limit, (_, state))| room(limit, state, check, moment))
        .collect();
    let goes_at = if let Some(ask) = waits_together(policy, &asked, check, moment) {
        agree(&asked, &ask, &mut rooms)
    } else {
        all_have_room(&rooms).then_some(moment.now)
    };
    if let (Some(at), true) = (goes_at, changes(check)) {
        for ((limit, state), seen) in policy.limits().iter().zip(states.iter_mut()).zip(&mut seen) {
            if let Some(seen) = seen.take() {
                **state = seen;
            }
            commit(limit, state, check, holder, at, moment)?;
        }
    }
    let standings: Standings = (policy
        .limits()
        .iter()
        .zip(states.iter())
        .zip(&seen)
        .zip(&rooms))
    .map(|(((limit, state), seen), room)| {
        standing_of(limit, seen.as_ref().unwrap_or(state), *room, moment)
    })
    .collect();
    let grant = grant(
        policy,
        states.iter().map(|state| &**state),
        holder,
        moment.now,
    );
    Ok(decision(policy, standings, check, goes_at, grant, moment))
}

/// Whether an admission of this check changes anything.
const fn changes(check: &Check) -> bool {
    check.cost != 0 && !check.peek
}

/// Asks one limit. Nothing and less than nothing always have room.
#[inline]
fn room(limit: &Limit, state: &LimitState, check: &Check, moment: Moment) -> Room {
    match u64::try_from(check.cost) {
        Ok(cost) if cost > 0 => state.room(
            limit.algorithm(),
            &Ask {
                cost,
                now: moment.now,
                max_delay: check.max_delay,
            },
        ),
        _ => Room::At(moment.now),
    }
}

fn all_have_room(rooms: &[Room]) -> bool {
    rooms.iter().all(|room| matches!(room, Room::At(_)))
}

/// The question to all limits, where an answer may lie ahead of now, or not last: then each has to
/// suit the instant of the others.
fn waits_together(policy: &Policy, asked: &[Asked], check: &Check, moment: Moment) -> Option<Ask> {
    let waits = check.max_delay.is_some()
        || policy.shapes()
        || asked.iter().any(|(_, state)| state.may_lose_room());
    let cost = u64::try_from(check.cost).ok().filter(|cost| *cost > 0)?;
    waits.then_some(Ask {
        cost,
        now: moment.now,
        max_delay: check.max_delay,
    })
}

/// The instant that suits all limits. Where there is none, the limit that answers tells the wait
/// until there is one: it may be longer than that of any limit alone.
fn agree(asked: &[Asked], ask: &Ask, rooms: &mut [Room]) -> Option<Timestamp> {
    match together::room(asked, ask) {
        Room::At(at) => {
            rooms.fill(Room::At(at));
            Some(at)
        }
        Room::Never => None,
        Room::Wait(until) => {
            let waits = |room: &Room| match room {
                Room::Wait(at) => *at,
                _ => Timestamp::ZERO,
            };
            let longest = (0..rooms.len()).rev().max_by_key(|&i| waits(&rooms[i]));
            if let Some(longest) = longest {
                rooms[longest] = Room::Wait(until);
            }
            None
        }
    }
}

/// Charges one limit at `at`, or gives back to it. The state is projected to now.
#[inline]
fn commit(
    limit: &Limit,
    state: &mut LimitState,
    check: &Check,
    holder: Option<Holder>,
    at: Timestamp,
    moment: Moment,
) -> Result<(), UnknownTimeZone> {
    match u64::try_from(check.cost) {
        Ok(units) => state.take(
            limit.algorithm(),
            Take {
                units,
                hold: hold_for(limit, check, holder, moment.now),
            },
            at,
            moment,
        ),
        Err(_) => {
            state.give_back(limit.algorithm(), check.cost.unsigned_abs(), moment.now);
            Ok(())
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

fn standing_of(limit: &Limit, state: &LimitState, room: Room, moment: Moment) -> Standing {
    standing_with(limit, room, state.view(limit.algorithm(), moment.now))
}

#[inline]
fn standing_with(limit: &Limit, room: Room, view: View) -> Standing {
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

#[inline]
fn decision(
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
    let timeless = policy.gives_permits() || check.max_delay.is_some() || policy.shapes();
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
        cache_for: if success || timeless {
            Duration::ZERO
        } else {
            retry_after.unwrap_or(CACHE_CAP).min(CACHE_CAP)
        },
        limits,
        contended: false,
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
fn grant<'a>(
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
