//! In place of an object that does not answer, by the policy's failure mode.

use tollgate_core::decision::{Decision, Source};
use tollgate_core::policy::FailMode;
use tollgate_core::replay::trace::Apart;
use tollgate_core::subject_state::Item;

use super::counts;
use crate::clock;
use crate::context::Context;
use crate::doors::Failure;
use crate::error::ApiError;
use crate::isolate;
use crate::recording;
use crate::telemetry::flush;

/// Decides without the object, or without the binding, that failed.
pub(super) fn decide(
    context: &Context,
    failure: Failure,
    object: &str,
    item: &Item,
) -> Result<(Decision, Source), ApiError> {
    flush::failed(failure);
    recording::apart(context, object, item, Apart::Elsewhere);
    let Item { policy, check } = item;
    if policy.fail_mode() == FailMode::Eventual {
        let decision = counts::decide_degraded(context, object, item)?;
        return Ok((decision, Source::Kv));
    }
    isolate::with(|isolate| isolate.shares.decide(object, policy, check, clock::now()))
        .map(|decision| (decision, Source::Fallback))
        .ok_or_else(ApiError::object_unavailable) // the failure mode is closed
}

/// Gives back what [`decide`] gave out for a request that was refused by another subject's limit.
pub(super) fn give_back(context: &Context, object: &str, item: &Item, decision: &Decision) {
    let Item { policy, check } = item;
    if policy.fail_mode() == FailMode::Eventual {
        counts::give_back(context, object, item);
        return;
    }
    isolate::with(|isolate| {
        isolate.shares.give_back(object, policy, check, decision.at);
    });
}
