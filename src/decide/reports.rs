//! What an upstream answered, on its way to the object that heeds it: whose it is, what of it the
//! object is told, and when.

use std::cell::Cell;

use tollgate_core::api::policy::named::NamedPolicy;
use tollgate_core::api::report::{ReportRequest, NO_SUCH_LIMIT};
use tollgate_core::api::request::Rule;
use tollgate_core::api::{BadRequest, Problem};
use tollgate_core::isolate::reports::Sending;
use tollgate_core::message::{Answer, Call};
use tollgate_core::policy::consistency::Consistency;
use tollgate_core::policy::Policy;
use tollgate_core::report::{Outcome, Report, Reported, Told};
use tollgate_core::subject::{Subject, SubjectParts};
use tollgate_core::Duration;
use tollgate_feedback::Feedback;

use super::later::{Pending, Work};
use super::{counts, here, object, pending, policies};
use crate::clock;
use crate::context::Context;
use crate::doors::limiter::{Limiter, Question};
use crate::error::ApiError;
use crate::isolate;
use crate::telemetry::flush;

thread_local! {
    static SENDING: Pending = const { Cell::new(None) };
}

/// What was summed up is sent when it is due.
static SENDINGS: Work = Work {
    pending: &SENDING,
    overdue: Duration::from_secs(5),
    shift: None,
    wait: || isolate::with(|isolate| isolate.reports.wait(clock::now())),
};

/// A report, and what it did.
pub(crate) struct Heeded {
    pub(crate) subject: Subject,
    pub(crate) report: Report,
    pub(crate) outcome: Outcome,
}

/// Has the subject's object heed what an upstream's answer said, now or with others of its kind.
pub(crate) async fn heed(
    context: &Context<'_>,
    request: &ReportRequest,
    feedback: &Feedback,
) -> Result<Heeded, ApiError> {
    let (subject, policy) = meant(context, request).await?;
    let mut report = told(context, request, policy, feedback);
    let subject = context.subject(subject);
    let object = subject.object_name();
    context.may_ask(&object)?;
    if context.here.is_some() {
        here::counts(&report.policy)?;
    }
    report.in_use = counts::in_use(context, &object, &report.policy)?;
    let outcome = match sending(context, &object, &report) {
        Sending::Now => Outcome::Done(ask(context, &object, &report).await?),
        Sending::Later(_) => {
            SENDINGS.later(context, send_due);
            Outcome::Later
        }
        Sending::Needless => Outcome::Needless,
        Sending::TooMany => Outcome::TooMany,
    };
    Ok(Heeded {
        subject,
        report,
        outcome,
    })
}

/// What becomes of a report. To be summed up saves calls; of the object that runs the request it
/// saves none, and would keep it in memory.
fn sending(context: &Context, object: &str, report: &Report) -> Sending {
    if context.is_here(object) {
        return Sending::Now;
    }
    isolate::with(|isolate| isolate.reports.ask(object, report, clock::now()))
}

async fn ask(context: &Context<'_>, object: &str, report: &Report) -> Result<Reported, ApiError> {
    let call = Call::Report(Box::new(report.clone()));
    let Answer::Reported(reported) = object::call(context, object, &call).await? else {
        return Err(ApiError::object_unavailable());
    };
    learn(object, report, &reported);
    counts::sync_later(context);
    Ok(reported)
}

/// Has the isolate know that a success is worth telling, and shut out what it counts itself.
fn learn(object: &str, report: &Report, reported: &Reported) {
    counts::subject::hear(object, report, reported);
    let now = clock::now();
    if let Some(gate) = &reported.gate {
        let opens = now.plus(gate.until.since(reported.at));
        isolate::with(|isolate| isolate.reports.cooled(object, &report.policy, opens, now));
    }
}

/// Sends what is due of what was summed up.
async fn send_due(limiter: &Limiter) {
    let due = isolate::with(|isolate| isolate.reports.take_due(clock::now()));
    for (object, report) in due {
        send(limiter, &object, &report).await;
    }
}

async fn send(limiter: &Limiter, object: &str, report: &Report) {
    let call = Call::Report(Box::new(report.clone()));
    match limiter.ask(&Question::new(object, &call)).await.answer {
        Ok(Answer::Reported(reported)) => learn(object, report, &reported),
        Ok(_) => {}
        Err(failure) => flush::failed(failure),
    }
}

/// Whose upstream, and which policy: that of the request, or its parent where that is meant.
async fn meant(
    context: &Context<'_>,
    request: &ReportRequest,
) -> Result<(SubjectParts, Policy), ApiError> {
    let (subject, policy) = match &request.rule {
        Rule::Inline(policy) => {
            let policy = pending::inline(context, policy.clone())?;
            (request.subject.clone(), policy)
        }
        Rule::Named(name) => {
            let is_degraded = policies::confirm(context).await?;
            let named = policies::policy(context, name, is_degraded)?;
            match request.is_of_parent {
                true => above(context, &named, &request.subject, is_degraded)?,
                false => {
                    let subject = named.limited(request.subject.clone())?;
                    (subject, named.policy.clone())
                }
            }
        }
    };
    if policy.consistency() == Consistency::Local {
        let with = "a report: native bindings hear of none; take `strong` or `eventual`";
        return Err(BadRequest::new("policy", Problem::Conflict { with }).into());
    }
    if policy.consistency() == Consistency::Eventual && !context.has_kv() {
        return Err(ApiError::no_kv());
    }
    let is_named = |label: &String| policy.limits().iter().any(|it| it.label() == *label);
    if request.limit.as_ref().is_some_and(|label| !is_named(label)) {
        return Err(BadRequest::new("limit", NO_SUCH_LIMIT).into());
    }
    Ok((subject, policy))
}

/// The one subject above all of a policy, and the policy by which that is limited.
fn above(
    context: &Context,
    named: &NamedPolicy,
    below: &SubjectParts,
    is_degraded: bool,
) -> Result<(SubjectParts, Policy), ApiError> {
    let parent = named.parent.as_ref().filter(|it| it.is_of_all());
    let parent = parent.ok_or_else(|| BadRequest::new("identifier", Problem::Missing))?;
    let above = policies::find(context, &parent.policy, is_degraded)?;
    let subject = parent.subject(&named.limited(below.clone())?)?;
    Ok((above.limited(subject)?, above.policy.clone()))
}

/// What the object is told: numbers, and times as the upstream told them.
fn told(context: &Context, request: &ReportRequest, policy: Policy, feedback: &Feedback) -> Report {
    Report {
        policy,
        limit: request.limit.clone(),
        status: request.status,
        refused: feedback.refused,
        wait: feedback.wait,
        limits: feedback.limits.iter().map(Told::from).collect(),
        age: request.age,
        by: context.caller.name.clone().unwrap_or_default(),
        count: 1,
        in_use: None,
    }
}
