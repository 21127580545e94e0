//! A check on its way to the place that decides it: whose it is, and by which limits.

use tollgate_core::api::request::{LimitRequest, Rule};
use tollgate_core::policy::{FailMode, Policy};
use tollgate_core::subject::Subject;
use tollgate_core::subject_state::Item;

use crate::context::Context;
use crate::error::ApiError;

/// One check of one subject, before it is decided.
pub(super) struct Pending {
    pub(super) subject: Subject,
    /// The name of the subject's object.
    pub(super) object: String,
    pub(super) item: Item,
}

impl Pending {
    /// Finds the limits of a request, and names its subject. What its failure mode needs is missed
    /// now, and not first when the object is out of reach.
    pub(super) fn new(context: &Context, request: LimitRequest) -> Result<Pending, ApiError> {
        let subject = context.subject(request.subject);
        let policy = policy_of(context, request.rule)?;
        if policy.fail_mode() == FailMode::Eventual && !context.has_kv() {
            return Err(ApiError::no_kv());
        }
        Ok(Pending {
            object: subject.object_name(),
            subject,
            item: Item {
                policy,
                check: request.check,
            },
        })
    }
}

/// The limits that a request is to be decided under.
fn policy_of(context: &Context, rule: Rule) -> Result<Policy, ApiError> {
    match rule {
        Rule::Inline(policy) if context.caller.inline => Ok(policy),
        Rule::Inline(_) => Err(ApiError::inline_forbidden()),
        // Policies are not stored yet, so none has this name.
        Rule::Named(name) => Err(ApiError::unknown_policy(name.as_str())),
    }
}
