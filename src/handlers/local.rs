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

/// A first tier may take this part of the deadline. It answers from the same location, or not at all.
const SHARE_OF_FIRST: u64 = 4;

/// The native limit that alone decides under this policy.
pub(super) fn limit_of(policy: &Policy) -> Result<LocalLimit, ApiError> {
    let local = policy.limits().first().and_then(LocalLimit::of);
    local.ok_or_else(ApiError::object_unavailable) // no such policy can be built
}

/// Where a binding stands. What is counted in one place is not counted in the other.
pub(super) enum Tier {
    /// It alone decides.
    Alone,
    /// An object decides behind it.
    First,
}

/// Makes sure that a limit has its binding; the error names the field that wants it.
pub(super) fn find(context: &Context, limit: &LocalLimit, field: &str) -> Result<(), ApiError> {
    if runtime::has_binding(&context.env, &limit.binding()) {
        return Ok(());
    }
    Err(ApiError::no_binding(field, limit))
}

/// Asks the binding of a limit.
pub(super) fn ask(context: &Context, limit: &LocalLimit, object: &str, tier: Tier) -> JsValue {
    let name = placement::counted_name(object);
    let deadline = context.config.deadline().as_millis();
    let (key, patience) = match tier {
        Tier::Alone => (name, deadline),
        // The object is still to be asked.
        Tier::First => (format!("shed/{name}").into(), deadline / SHARE_OF_FIRST),
    };
    let patience = u32::try_from(patience.max(1)).unwrap_or(u32::MAX);
    runtime::ask_binding(&context.env, &limit.binding(), &key, patience)
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
        contended: false,
    }
}
