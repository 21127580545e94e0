//! By a native rate-limit binding: alone (`consistency: "local"`), or as a first tier that sheds
//! floods in front of an object (`shed`).

use tollgate_core::decision::{Decision, Source};
use tollgate_core::policy::consistency::LocalLimit;
use tollgate_core::store::RateLimitStore;
use tollgate_core::subject_state::Item;
use tollgate_core::Duration;

use super::fallback;
use crate::clock;
use crate::context::Context;
use crate::doors::binding;
use crate::error::ApiError;
use crate::placement;
use crate::telemetry::flush;

/// A first tier may take this part of the deadline. It answers from the same location, or not at
/// all.
const SHARE_OF_FIRST: u64 = 4;

/// The bindings, for the time of one request.
pub(super) struct BindingStore<'a> {
    pub(super) context: &'a Context<'a>,
}

impl RateLimitStore for BindingStore<'_> {
    type Error = ApiError;

    /// The binding decides, or the failure mode where it does not answer.
    async fn decide(&self, object: &str, item: &Item) -> Result<(Decision, Source), ApiError> {
        let context = self.context;
        let limit = item.policy.limits().first().and_then(LocalLimit::of);
        let limit = limit.ok_or_else(ApiError::object_unavailable)?; // no such policy can be built
        find(context, &limit, "consistency")?;
        if item.check.cost == 0 {
            return Ok((Decision::of_binding(clock::now(), true), Source::Binding));
        }
        let key = placement::short_name(object);
        match binding::admits(context.env, &limit, &key, context.deadline()).await {
            Ok(admits) => Ok((Decision::of_binding(clock::now(), admits), Source::Binding)),
            Err(failure) => fallback::decide(context, failure, object, item),
        }
    }
}

/// The refusal of a first tier; `None` where the object is to be asked. A binding that does not
/// answer sheds nothing.
pub(super) async fn shed(
    context: &Context<'_>,
    limit: LocalLimit,
    object: &str,
) -> Result<Option<Decision>, ApiError> {
    find(context, &limit, "shed")?;
    // What is counted in one tier is not counted in the other.
    let key = format!("shed/{}", placement::short_name(object));
    let patience = Duration::from_millis(context.deadline().as_millis() / SHARE_OF_FIRST);
    match binding::admits(context.env, &limit, &key, patience).await {
        Ok(admits) => Ok((!admits).then(|| Decision::of_binding(clock::now(), false))),
        Err(failure) => {
            flush::failed(failure);
            Ok(None)
        }
    }
}

/// Makes sure that a limit has its binding; the error names the field that wants it.
fn find(context: &Context, limit: &LocalLimit, field: &str) -> Result<(), ApiError> {
    if binding::has(context.env, limit) {
        return Ok(());
    }
    Err(ApiError::no_binding(field, limit))
}
