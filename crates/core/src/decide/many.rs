//! The decision of a policy of several limits: all are asked, then all are charged or none.

use crate::algorithm::state::{LimitState, Moment};
use crate::algorithm::together::{self, Asked};
use crate::algorithm::{Ask, Holder, Room, Take};
use crate::calendar::UnknownTimeZone;
use crate::decision::{Decision, Standings};
use crate::limit::Limit;
use crate::policy::Policy;
use crate::Timestamp;

use super::answer::{decision, grant, room, standing_of};
use super::check::{hold_for, Check};

/// Decides `check` under a policy of any number of limits.
pub(super) fn decide_many(
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
    let projected: Vec<&LimitState> = (states.iter().zip(&seen))
        .map(|(state, seen)| seen.as_ref().unwrap_or(state))
        .collect();
    let mut rooms: Vec<Room> = (policy.limits().iter().zip(&projected))
        .map(|(limit, state)| room(policy, limit, state, check, moment))
        .collect();
    let wanting = |(place, limit): (usize, &'_ Limit)| {
        let units = check.units_of(limit);
        (units > 0).then_some((place, units))
    };
    let wanting: Vec<(usize, u64)> = (policy.limits().iter().enumerate())
        .filter_map(wanting)
        .collect();
    let asked: Vec<Asked> = (wanting.iter())
        .map(|&(place, cost)| Asked {
            algorithm: policy.limits()[place].algorithm(),
            state: projected[place],
            cost,
        })
        .collect();
    let goes_at = if let Some(ask) = waits_together(policy, &asked, check, moment) {
        agree(&asked, &ask, &wanting, &mut rooms)
    } else {
        all_have_room(&rooms).then_some(moment.now)
    };
    if let (Some(at), true) = (goes_at, check.changes()) {
        for ((limit, state), seen) in policy.limits().iter().zip(states.iter_mut()).zip(&mut seen) {
            if let Some(projected) = seen.take() {
                **state = projected;
            }
            commit(limit, state, check, holder, at, moment)?;
            if check.cost < 0 {
                // Units that are given back may fill a bucket: it is then full since now.
                *seen = state.projected(limit.algorithm(), moment)?;
            }
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

fn all_have_room(rooms: &[Room]) -> bool {
    rooms.iter().all(|room| matches!(room, Room::At(_)))
}

/// The question to all limits, where an answer may lie ahead of now, or not last: then each has to
/// suit the instant of the others.
fn waits_together(policy: &Policy, asked: &[Asked], check: &Check, moment: Moment) -> Option<Ask> {
    let waits = check.max_delay.is_some()
        || policy.shapes()
        || asked.iter().any(|it| it.state.may_lose_room());
    (waits && !asked.is_empty()).then(|| check.ask_for(1, policy, moment.now))
}

/// The instant that suits all limits that are `wanting` something. Where there is none, the limit
/// that answers tells the wait until there is one: it may be longer than that of any limit alone.
fn agree(
    asked: &[Asked],
    ask: &Ask,
    wanting: &[(usize, u64)],
    rooms: &mut [Room],
) -> Option<Timestamp> {
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
            let places = wanting.iter().rev().map(|(place, _)| *place);
            if let Some(longest) = places.max_by_key(|&i| waits(&rooms[i])) {
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
    match u64::try_from(check.cost_of(limit)) {
        Ok(0) => Ok(()),
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
