//! `POST /limit`: decide and consume. `POST /acquire`: the same in its small older form. What the isolate remembers as refused is answered
//! without the object.

use tollgate_core::api::request::{LimitRequest, Rule};
use tollgate_core::api::response::{to_json, AcquireBody, DecisionBody};
use tollgate_core::api::{acquire as acquire_form, request};
use tollgate_core::bounded::Fingerprint;
use tollgate_core::consistency::Consistency;
use tollgate_core::decide::Check;
use tollgate_core::decision::{Decision, Source};
use tollgate_core::message::{Answer, Call, RefusalCode};
use tollgate_core::policy::{FailMode, Policy};
use tollgate_core::subject::Subject;
use tollgate_core::subject_state::Item;

use super::reply::Reply;
use super::step::{Asked, Step};
use super::{charge_back, observe, Context};
use crate::auth::Caller;
use crate::clock;
use crate::error::{ApiError, Code};
use crate::headers::RateLimitHeaders;
use crate::isolate::memory;
use crate::placement;
use crate::telemetry::{Checked, Failure};

/// One decision, with what it was made of.
pub(super) struct Decided {
    pub(super) subject: Subject,
    pub(super) policy: Policy,
    pub(super) decision: Decision,
    pub(super) source: Source,
}

/// 1 reads the request, 2 finds its limits, 3 names the object, 4 answers from memory or has it asked, 5 answers.
pub(super) fn limit(context: &Context, caller: &Caller, body: &str) -> Result<Step, ApiError> {
    check(context, caller, request::parse(body)?, |decided| Reply {
        status: status_of(decided.decision.success),
        body: to_json(&decided.body()),
        headers: decided.headers(),
    })
}

/// As [`limit`], always 200.
pub(super) fn acquire(context: &Context, caller: &Caller, body: &str) -> Result<Step, ApiError> {
    let request = acquire_form::parse(body)?;
    check(context, caller, request, |decided| Reply {
        status: 200,
        body: to_json(&AcquireBody::from(&decided.decision)),
        headers: decided.headers(),
    })
}

impl Decided {
    /// The decision as JSON shows it.
    pub(super) fn body(&self) -> DecisionBody<'_> {
        DecisionBody::new(&self.decision, &self.policy, &self.subject, self.source)
    }

    /// The decision as headers show it.
    pub(super) fn headers(&self) -> RateLimitHeaders {
        RateLimitHeaders::new(&self.decision, &self.policy)
    }
}

/// 200 or 429.
pub(super) const fn status_of(success: bool) -> u16 {
    if success {
        200
    } else {
        429
    }
}

/// The limits that a request is to be decided under.
pub(super) fn policy_of(rule: Rule) -> Result<Policy, ApiError> {
    match rule {
        Rule::Inline(policy) => served(policy),
        // Policies are not stored yet, so none has this name.
        Rule::Named(name) => Err(ApiError::unknown_policy(name.as_str())),
    }
}

/// Refuses what the core understands and this Worker cannot do yet: answering otherwise than asked would be worse.
fn served(policy: Policy) -> Result<Policy, ApiError> {
    let (field, instead) = if policy.consistency() != Consistency::Strong {
        (
            "consistency",
            "take `strong`, which is also what is meant without it",
        )
    } else if policy.fail_mode() == FailMode::Eventual {
        ("failMode", "take `open`, `closed` or `share`")
    } else if policy.shed().is_some() {
        ("shed", "leave it out")
    } else {
        return Ok(policy);
    };
    let detail = format!("`{field}` is not supported yet: {instead}.");
    Err(ApiError::new(Code::InvalidField, detail).with_field(field))
}

fn check(
    context: &Context,
    caller: &Caller,
    request: LimitRequest,
    render: fn(&Decided) -> Reply,
) -> Result<Step, ApiError> {
    let policy = policy_of(request.rule)?;
    let check = request.check;
    let subject = request.subject.in_namespace(caller.namespace.clone());
    let object = placement::object_of(&subject);
    let key = memory(|memory| memory.refusals.key(&object, &policy));
    if let Some(decision) = remembered(key, &policy, &check) {
        let decided = Decided {
            subject,
            policy,
            decision,
            source: Source::Cache,
        };
        note(context, &decided, &object, check.cost);
        return Ok(Step::Done(render(&decided)));
    }
    let call = Call::Limit {
        operation: None,
        items: vec![Item { policy, check }],
    };
    Ok(Step::ask(object, call, move |context, asked| {
        decide(context, subject, key, asked).map(|decided| render(&decided))
    }))
}

/// What the object refused a moment ago and would refuse still.
pub(super) fn remembered(key: Fingerprint, policy: &Policy, check: &Check) -> Option<Decision> {
    memory(|memory| memory.refusals.find(key, policy, check, clock::now()))
}

/// The object's decision, or that of the failure mode.
fn decide(
    context: &Context,
    subject: Subject,
    key: Fingerprint,
    asked: Asked,
) -> Result<Decided, ApiError> {
    let item = match asked.call {
        Call::Limit { mut items, .. } => items.pop(),
        _ => None,
    };
    // The call is the one that was made above.
    let Item { policy, check } = item.ok_or_else(ApiError::object_unavailable)?;
    let (decision, source) = match asked.answer {
        Ok(answer) => {
            let decision = only(decisions(answer)?)?;
            memory(|memory| {
                let refusals = &mut memory.refusals;
                refusals.learn(key, &check, asked.times, &decision);
            });
            (decision, Source::Object)
        }
        Err(failure) => {
            let decision = without_object(failure, &asked.object, &policy, &check)?;
            if decision.success && !failure.may_have_counted() {
                charge_back::owe(&asked.object, &policy, &check);
            }
            (decision, Source::Fallback)
        }
    };
    let decided = Decided {
        subject,
        policy,
        decision,
        source,
    };
    note(context, &decided, &asked.object, check.cost);
    Ok(decided)
}

/// Counts and logs a decision, and remembers what remains where the failure mode wants to know.
pub(super) fn note(context: &Context, decided: &Decided, object: &str, cost: i64) {
    if decided.policy.fail_mode() == FailMode::Share && decided.source == Source::Object {
        memory(|memory| {
            let shares = &mut memory.shares;
            shares.learn(object, &decided.policy, &decided.decision);
        });
    }
    observe::checked(
        context,
        &Checked {
            subject: &decided.subject,
            policy: &decided.policy,
            cost,
            decision: &decided.decision,
            source: decided.source,
        },
    );
}

/// What the failure mode says.
pub(super) fn without_object(
    failure: Failure,
    object: &str,
    policy: &Policy,
    check: &Check,
) -> Result<Decision, ApiError> {
    observe::failed(failure);
    memory(|memory| memory.shares.decide(object, policy, check, clock::now()))
        .ok_or_else(ApiError::object_unavailable)
}

/// The decisions in an answer, or why there are none.
pub(super) fn decisions(answer: Answer) -> Result<Vec<Decision>, ApiError> {
    match answer {
        Answer::Decided(decisions) => Ok(decisions),
        other => Err(refused(&other)),
    }
}

fn only(mut decisions: Vec<Decision>) -> Result<Decision, ApiError> {
    decisions.pop().ok_or_else(ApiError::object_unavailable)
}

/// An answer that is not the one that was asked for, as an error.
pub(super) fn refused(answer: &Answer) -> ApiError {
    match answer {
        Answer::Refused(RefusalCode::UnknownTimeZone, zone) => {
            let detail =
                format!("There is no time zone `{zone}`: take a name such as Europe/Berlin.");
            ApiError::new(Code::UnknownTimeZone, detail).with_field("timeZone")
        }
        Answer::Refused(RefusalCode::UnknownPermit, _) => ApiError::unknown_permit(),
        Answer::Refused(RefusalCode::TooManyLimits, _) => {
            let detail = "The subject has 64 limits in use, which is the most: reset it, or use fewer different windows.";
            ApiError::new(Code::TooManyLimits, detail)
        }
        _ => ApiError::object_unavailable(),
    }
}
