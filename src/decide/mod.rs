//! Where a check is decided: by the subject's object, in the isolate, by a native binding, or in
//! place of an object that does not answer. Each place is a file; this one says which place it is,
//! and tells who has to know what was decided.

pub(crate) mod binding;
pub(crate) mod counts;
mod debts;
mod fallback;
pub(crate) mod object;
mod outcome;
mod pending;
pub(crate) mod session;
pub(crate) mod together;

use tollgate_core::api::request::LimitRequest;
use tollgate_core::policy::consistency::Consistency;
use tollgate_core::policy::FailMode;

use crate::context::Context;
use crate::error::ApiError;

pub(crate) use outcome::Outcome;
use pending::Pending;

/// Decides a request where its policy wants it decided.
pub(crate) async fn check(
    context: &Context<'_>,
    request: LimitRequest,
) -> Result<Outcome, ApiError> {
    let pending = Pending::new(context, request)?;
    if pending.item.policy.fail_mode() == FailMode::Eventual && !context.has_kv() {
        return Err(ApiError::no_kv()); // now, and not first when the object is out of reach
    }
    let (decision, source) = match pending.item.policy.consistency() {
        Consistency::Strong => object::decide(context, &pending).await?,
        // Boxed: the first request waits until all functions that it calls are compiled, with
        // whatever is inlined into them.
        Consistency::Local => Box::pin(binding::decide(context, &pending)).await?,
        Consistency::Eventual => counts::decide(context, &pending)?,
    };
    let outcome = Outcome::new(pending, decision, source);
    outcome.record(context);
    Ok(outcome)
}
