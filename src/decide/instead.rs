//! By the next policy, where one refuses that falls back to others: one after the other, for the
//! same identifier and within one deadline. Each remembers its own refusals, so that asking past
//! one that refuses all the time costs no call.

use core::mem;

use tollgate_core::multi::Time;

use super::levels::decide;
use super::outcome::Outcome;
use super::pending::Levels;
use crate::clock;
use crate::context::Context;
use crate::error::{ApiError, Code};

/// The decision of the first policy that admits, or the refusal of the first of all. Another one is
/// asked while there is time for an answer that takes as long as those before took.
pub(super) async fn check(context: &Context<'_>, mut levels: Levels) -> Result<Outcome, ApiError> {
    let began = clock::now();
    let others = mem::take(&mut levels.instead);
    let mut first = decide(context, levels).await?;
    let mut refused = Vec::from_iter(first.name());
    for (i, levels) in others.into_iter().enumerate() {
        let time = Time {
            elapsed: clock::now().since(began),
            deadline: context.deadline(),
        };
        if !first.decision.falls_back() || !time.is_enough_for(1, 1 + i) {
            break;
        }
        let name = levels.own.item.policy.name().cloned();
        match decide(&context.within(time.left()), levels).await {
            Ok(outcome) if outcome.decision.success => return Ok(outcome.after(refused)),
            Ok(outcome) => first.decision.admits_none(&outcome.decision),
            // Out of reach and closed: it admits nothing, and the refusals of the others stand.
            Err(error) if error.code() == Code::ObjectUnavailable && !error.is_stale() => {}
            Err(error) => return Err(error),
        }
        refused.extend(name);
    }
    Ok(first)
}
