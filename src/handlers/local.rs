//! Native rate-limit bindings: alone (`consistency: "local"`), or as a first tier that sheds floods in front of an object (`shed`).

use tollgate_core::consistency::LocalLimit;
use tollgate_core::decision::{Decision, Reason, Standings};
use tollgate_core::policy::Policy;
use tollgate_core::Duration;
use wasm_bindgen::JsValue;

use super::{observe, Context};
use crate::clock;
use crate::error::ApiError;
use crate::placement;
use crate::runtime;
use crate::task::Settled;
use crate::telemetry::Failure;

/// The native limit that alone decides under this policy.
pub(super) fn limit_of(policy: &Policy) -> Result<LocalLimit, ApiError> {
    let local = policy.limits().first().and_then(LocalLimit::of);
    local.ok_or_else(ApiError::object_unavailable) // no such policy can be built
}

/// Asks the binding of a limit; an error where there is none, naming the field that wants it.
pub(super) fn ask(
    context: &Context,
    limit: &LocalLimit,
    field: &str,
    object: &str,
) -> Result<JsValue, ApiError> {
    let binding = limit.binding();
    if !runtime::has_binding(&context.env, &binding) {
        return Err(ApiError::no_binding(field, limit));
    }
    let key = placement::counted_name(object);
    let deadline = context.config.deadline().as_millis();
    let deadline = u32::try_from(deadline).unwrap_or(u32::MAX);
    Ok(runtime::ask_binding(&context.env, &binding, &key, deadline))
}

/// Whether the binding admits; `None` where it did not answer.
pub(super) fn admits(settled: Settled) -> Option<bool> {
    let admits = settled.ok().and_then(|value| value.as_bool());
    if admits.is_none() {
        observe::failed(Failure::Binding);
    }
    admits
}

/// What a binding said, as a decision: it tells neither what is left nor when to come back.
pub(super) fn decision(success: bool) -> Decision {
    Decision {
        at: clock::now(),
        success,
        reason: (!success).then_some(Reason::Limit),
        deciding: (!success).then_some(0),
        retry_after: None,
        delay: None,
        limits: Standings::Many(Vec::new()),
        grant: None,
        cache_for: Duration::ZERO,
    }
}
