//! What an object decides that is asked itself, and not through the Worker.

use tollgate_core::policy::Policy;

use super::pending::Levels;
use crate::context::Context;
use crate::error::ApiError;

/// Makes sure that a check is this object's to decide: about its subject, exact, and at once.
pub(super) fn suits(context: &Context, levels: &Levels) -> Result<(), ApiError> {
    let own = &levels.own;
    context.may_ask(&own.object)?;
    counts(&own.item.policy)?;
    if own.waits {
        let what = "an answer that is held would keep the object in memory, which is billed. Ask the Worker, or wait out `retryAfter`; with `maxDelay` a place is promised.";
        return Err(ApiError::of_the_worker("wait", what));
    }
    Ok(())
}

/// Makes sure that objects count by a policy, and isolates do not.
pub(super) fn counts(policy: &Policy) -> Result<(), ApiError> {
    if policy.consistency().is_of_object() {
        return Ok(());
    }
    let field = match policy.name() {
        Some(_) => "policy",
        None => "consistency",
    };
    let what = "the limit is counted in isolates and not in objects. Ask the Worker.";
    Err(ApiError::of_the_worker(field, what))
}
