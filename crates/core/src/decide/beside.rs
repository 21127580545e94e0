//! Deciding beside units that are held: each limit is as much smaller as is held of it.

use super::decide;
use super::Check;
use crate::algorithm::state::{LimitState, Moment};
use crate::algorithm::Holder;
use crate::calendar::UnknownTimeZone;
use crate::decision::Decision;
use crate::policy::Policy;
use crate::Duration;

/// Decides as [`decide`] does, where of each limit so many units are `on_hold`. No isolate may
/// remember a refusal: a hold may end at any time.
pub(crate) fn decide_beside(
    policy: &Policy,
    on_hold: &[u64],
    states: &mut [&mut LimitState],
    check: &Check,
    holder: Option<Holder>,
    moment: Moment,
) -> Result<Decision, UnknownTimeZone> {
    let lessened = policy.lessened(on_hold);
    let mut decision = decide(&lessened, states, check, holder, moment)?;
    decision.cache_for = Duration::ZERO;
    decision.tell_whole(policy);
    Ok(decision)
}
