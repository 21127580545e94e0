//! The decision of a policy of one limit, which most policies are: without a list, and with one
//! projection of the state.

use crate::algorithm::state::{LimitState, Moment};
use crate::algorithm::{Holder, Room};
use crate::calendar::UnknownTimeZone;
use crate::decision::{Decision, Standing, Standings};
use crate::limit::Limit;
use crate::policy::Policy;
use crate::Timestamp;

use super::answer::{decision, grant, room, standing_of, standing_with};
use super::check::{hold_for, Check};

/// Decides `check` under a policy that has this limit alone.
pub(super) fn decide_one(
    policy: &Policy,
    limit: &Limit,
    state: &mut LimitState,
    check: &Check,
    holder: Option<Holder>,
    moment: Moment,
) -> Result<Decision, UnknownTimeZone> {
    let algorithm = limit.algorithm();
    let (standing, goes_at) = match check.ask(policy, limit, moment.now) {
        Some(ask) if !check.peek => {
            let hold = hold_for(limit, check, holder, moment.now);
            let (room, view) = state.admit_and_view(algorithm, &ask, hold, moment)?;
            (standing_with(limit, room, view), goes_at(room))
        }
        _ if check.cost < 0 => {
            if check.changes() {
                state.project(algorithm, moment)?;
                state.give_back(algorithm, check.cost.unsigned_abs(), moment.now);
            }
            let standing = standing_seen(limit, state, Room::At(moment.now), moment)?;
            (standing, Some(moment.now))
        }
        _ => {
            let projected = state.projected(algorithm, moment)?;
            let room = room(
                policy,
                limit,
                projected.as_ref().unwrap_or(state),
                check,
                moment,
            );
            (standing_seen(limit, state, room, moment)?, goes_at(room))
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
