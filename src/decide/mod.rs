//! Where a check is decided: by the subject's object, in the isolate, by a native binding, or in
//! place of an object that does not answer. Each place is a file. Those that a policy may choose
//! are a [`RateLimitStore`] each; this file says which of them it is, and tells who has to know
//! what was decided.

mod asking;
pub(crate) mod binding;
pub(crate) mod counts;
mod debts;
mod fallback;
pub(crate) mod object;
mod outcome;
mod pending;
pub(crate) mod policies;
pub(crate) mod session;
pub(crate) mod together;

use core::slice;

use tollgate_core::api::request::LimitRequest;
use tollgate_core::decision::Source;
use tollgate_core::policy::consistency::Consistency;
use tollgate_core::store::RateLimitStore;

use crate::context::Context;
use crate::error::ApiError;

use binding::BindingStore;
use counts::CountsStore;
use object::ObjectStore;
pub(crate) use outcome::Outcome;
use pending::{Levels, Pending};

/// Decides a request where its policy wants it decided.
pub(crate) async fn check(
    context: &Context<'_>,
    request: LimitRequest,
) -> Result<Outcome, ApiError> {
    let is_degraded = pending::confirmed(context, slice::from_ref(&request)).await?;
    let levels = Levels::of(context, request, is_degraded)?;
    if !levels.above.is_empty() {
        return Box::pin(together::check_levels(context, levels)).await;
    }
    let pending = levels.own;
    if let Some(refusal) = pending.refusal() {
        let outcome = Outcome::new(pending, refusal, Source::Cache);
        outcome.record(context);
        return Ok(outcome);
    }
    let Pending { object, item, .. } = &pending;
    let decided = match item.policy.consistency() {
        Consistency::Strong => ObjectStore { context }.decide(object, item).await,
        // Boxed: the first request waits until all functions that it calls are compiled, with
        // whatever is inlined into them.
        Consistency::Local => Box::pin(BindingStore { context }.decide(object, item)).await,
        Consistency::Eventual => CountsStore { context }.decide(object, item).await,
    };
    let (decision, source) = decided?;
    let outcome = Outcome::new(pending, decision, source);
    outcome.record(context);
    Ok(outcome)
}
