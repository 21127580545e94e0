//! Where a check is decided: by the subject's object, in the isolate, by a native binding, or in place of an object that does not
//! answer. Each place is a file; this one says which place it is, and tells who has to know what was decided.

pub(crate) mod binding;
pub(crate) mod counts;
mod debts;
mod fallback;
pub(crate) mod object;
mod outcome;
pub(crate) mod session;
pub(crate) mod together;

use tollgate_core::api::request::{LimitRequest, Rule};
use tollgate_core::consistency::Consistency;
use tollgate_core::policy::{FailMode, Policy};
use tollgate_core::subject::Subject;
use tollgate_core::subject_state::Item;

use crate::context::Context;
use crate::error::ApiError;

pub(crate) use outcome::Outcome;

/// One check of one subject, before it is decided.
struct Pending {
    subject: Subject,
    /// The name of the subject's object.
    object: String,
    item: Item,
}

impl Pending {
    /// Finds the limits of a request, and names its subject.
    fn new(context: &Context, request: LimitRequest) -> Result<Pending, ApiError> {
        let subject = context.subject(request.subject);
        let policy = policy_of(request.rule)?;
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
fn policy_of(rule: Rule) -> Result<Policy, ApiError> {
    match rule {
        Rule::Inline(policy) => Ok(policy),
        // Policies are not stored yet, so none has this name.
        Rule::Named(name) => Err(ApiError::unknown_policy(name.as_str())),
    }
}

/// Decides a request where its policy wants it decided.
pub(crate) async fn check(
    context: &Context<'_>,
    request: LimitRequest,
) -> Result<Outcome, ApiError> {
    let pending = Pending::new(context, request)?;
    if pending.item.policy.fail_mode() == FailMode::Eventual && context.kv().is_none() {
        return Err(ApiError::no_kv()); // now, and not first when the object is out of reach
    }
    let (decision, source) = match pending.item.policy.consistency() {
        Consistency::Strong => object::decide(context, &pending).await?,
        // Boxed: the first request waits until all functions that it calls are compiled, with whatever is inlined into them.
        Consistency::Local => Box::pin(binding::decide(context, &pending)).await?,
        Consistency::Eventual => counts::decide(context, &pending)?,
    };
    let outcome = Outcome::new(pending, decision, source);
    outcome.record(context);
    Ok(outcome)
}
