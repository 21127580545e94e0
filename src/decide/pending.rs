//! A check on its way to the place that decides it: whose it is, and by which limits.

use tollgate_core::api::request::{suits, LimitRequest, Rule};
use tollgate_core::policy::{FailMode, Policy};
use tollgate_core::subject::Subject;
use tollgate_core::subject_state::Item;

use super::policies;
use crate::context::Context;
use crate::error::ApiError;

/// One check of one subject, before it is decided.
pub(super) struct Pending {
    pub(super) subject: Subject,
    /// The name of the subject's object.
    pub(super) object: String,
    pub(super) item: Item,
    /// Whether the policy may be out of date.
    pub(super) is_degraded: bool,
}

/// Sees to it that the policies can be used that these requests name; whether they may be out of
/// date. All of one request are decided by one revision.
pub(super) async fn confirmed(
    context: &Context<'_>,
    requests: &[LimitRequest],
) -> Result<bool, ApiError> {
    let is_named = |request: &LimitRequest| matches!(request.rule, Rule::Named(_));
    if !requests.iter().any(is_named) {
        return Ok(false);
    }
    match policies::confirmed(context) {
        Some(is_degraded) => Ok(is_degraded),
        // Boxed, because it is rare.
        None => Box::pin(policies::confirm(context)).await,
    }
}

impl Pending {
    /// Finds the limits of a request, and names its subject. What its failure mode needs is missed
    /// now, and not first when the object is out of reach.
    pub(super) fn new(
        context: &Context,
        request: LimitRequest,
        is_degraded: bool,
    ) -> Result<Pending, ApiError> {
        let LimitRequest {
            subject,
            rule,
            check,
        } = request;
        let (subject, policy, is_degraded) = match rule {
            Rule::Inline(policy) => (subject, inline(context, policy)?, false),
            Rule::Named(name) => {
                let named = policies::policy(context, &name, is_degraded)?;
                let policy = named.policy.clone();
                suits(&check, &policy)?;
                (named.limited(subject)?, policy, is_degraded)
            }
        };
        let subject = context.subject(subject);
        if policy.fail_mode() == FailMode::Eventual && !context.has_kv() {
            return Err(ApiError::no_kv());
        }
        Ok(Pending {
            object: subject.object_name(),
            subject,
            item: Item { policy, check },
            is_degraded,
        })
    }
}

/// The limits that a request brings along, if its caller may bring any.
fn inline(context: &Context, policy: Policy) -> Result<Policy, ApiError> {
    if context.caller.inline {
        Ok(policy)
    } else {
        Err(ApiError::inline_forbidden())
    }
}
