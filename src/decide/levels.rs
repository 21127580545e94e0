//! One policy, with what stands above it, where it wants to be decided.

use core::iter;

use tollgate_core::decision::Source;
use tollgate_core::policy::consistency::Consistency;
use tollgate_core::store::RateLimitStore;

use super::binding::BindingStore;
use super::capped;
use super::counts::CountsStore;
use super::lease::LeaseStore;
use super::lent;
use super::newer;
use super::object::ObjectStore;
use super::outcome::Outcome;
use super::pending::{Levels, Pending};
use crate::context::Context;
use crate::error::ApiError;

/// Decides a check, but for what is asked where it refuses. The outcome is still to be told.
pub(super) async fn decide(context: &Context<'_>, levels: Levels) -> Result<Outcome, ApiError> {
    // Who waits may go away before, and what was charged is taken back then.
    if !levels.above.is_empty() || levels.own.waits {
        return match levels.caps {
            true => Box::pin(capped::check_levels(context, levels)).await,
            false => Box::pin(lent::check_levels(context, levels)).await,
        };
    }
    let pending = levels.own;
    if let Some(refusal) = pending.refusal() {
        pending.record_refusal(context);
        return Ok(Outcome::new(pending, refusal, Source::Cache));
    }
    let Pending {
        object,
        item,
        keyed,
        ..
    } = &pending;
    let keyed = *keyed;
    let decided = match item.policy.consistency() {
        Consistency::Strong => ObjectStore { context, keyed }.decide(object, item).await,
        Consistency::Leased => LeaseStore { context, keyed }.decide(object, item).await,
        // Boxed: the first request waits until all functions that it calls are compiled, with
        // whatever is inlined into them.
        Consistency::Local => Box::pin(BindingStore { context }.decide(object, item)).await,
        Consistency::Eventual => CountsStore { context }.decide(object, item).await,
    };
    let (decision, source) = decided?;
    if pending.is_shadow && matches!(source, Source::Cache | Source::Binding | Source::Lease) {
        let asked = newer::objects(iter::once(&pending));
        newer::rule_out(context, &asked).await?;
    }
    if source == Source::Cache {
        pending.record_refusal(context);
    }
    let outcome = Outcome::new(pending, decision, source);
    outcome.learn(context);
    Ok(outcome)
}
