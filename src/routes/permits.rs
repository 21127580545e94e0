//! `POST /limit/settle`, `/topup`, `/renew` and `/release`, under `/limit`: what a caller does with
//! a permit. The permit names the subject of its first part; the namespace is the caller's.

use tollgate_core::api::permit as form;
use tollgate_core::api::response::{to_json, RenewedBody, SettledBody, ToppedBody};
use tollgate_core::message::{Answer, Call};
use tollgate_core::parts::{Failed, NewTotal, Next, Renewal, Step};
use tollgate_core::permit::Permit;
use tollgate_core::subject_state::Topup;

use super::limit::status_of;
use crate::clock;
use crate::context::Context;
use crate::decide::object;
use crate::error::ApiError;
use crate::headers::RateLimitHeaders;
use crate::reply::Reply;

/// Renews a permit in all of its parts.
pub(crate) async fn renew(context: &Context<'_>, body: &str) -> Result<Reply, ApiError> {
    let form = form::parse_renew(body)?;
    let permit = known(context, &form.permit)?;
    let home = permit.subject.object_name();
    let asked = (permit.bits, form.hold);
    let (mut renewal, step) = Renewal::begin(home, asked, context.deadline(), clock::now());
    let next = |answers| renewal.step(answers, clock::now());
    let grant = in_all_parts(context, step, next).await?;
    Ok(Reply::json(to_json(&RenewedBody {
        success: true,
        permit: form.permit,
        fence: grant.fence,
        expires: grant.expires.as_millis(),
    })))
}

/// Charges the real cost of what a permit holds, and ends it.
pub(crate) async fn settle(context: &Context<'_>, body: &str) -> Result<Reply, ApiError> {
    let form = form::parse_settle(body)?;
    let permit = known(context, &form.permit)?;
    let call = Call::Settle {
        permit: permit.bits,
        real: form.real,
    };
    match object::call(context, &permit.subject.object_name(), &call).await? {
        Answer::Settled(settled) => Ok(Reply::json(to_json(&SettledBody::of(&settled)))),
        other => Err(object::refused(&other)),
    }
}

/// Has a permit hold other units than before, in all of its parts or in none; 200 or 429.
pub(crate) async fn top_up(context: &Context<'_>, body: &str) -> Result<Reply, ApiError> {
    let form = form::parse_topup(body)?;
    let permit = known(context, &form.permit)?;
    let home = permit.subject.object_name();
    let topup = Topup::new(permit.bits, form.total, form.overage);
    let (mut total, step) = NewTotal::begin(home, topup, context.deadline());
    let topped = in_all_parts(context, step, |answers| total.step(answers)).await?;
    let body = to_json(&ToppedBody::of(&topped, form.permit));
    let status = status_of(topped.success);
    Ok(Reply::decision(status, body, RateLimitHeaders::default()))
}

/// Has the parts of a permit do what `step` says, and what `next` says after their answers.
async fn in_all_parts<T>(
    context: &Context<'_>,
    mut step: Step<T>,
    mut next: impl FnMut(Vec<Option<Answer>>) -> Step<T>,
) -> Result<T, ApiError> {
    loop {
        object::tell_later(context, &step.tell);
        let (calls, patience) = match step.next {
            Next::Ask { calls, patience } => (calls, patience),
            Next::Done(Ok(done)) => return Ok(done),
            Next::Done(Err(Failed::Silent)) => return Err(ApiError::object_unavailable()),
            Next::Done(Err(Failed::Refused(answer))) => return Err(object::refused(&answer)),
        };
        step = next(object::call_all(context, &calls, patience).await);
    }
}

/// Releases a permit.
pub(crate) async fn release(context: &Context<'_>, body: &str) -> Result<Reply, ApiError> {
    let form = form::parse_release(body)?;
    let permit = known(context, &form.permit)?;
    let call = Call::Release {
        permit: permit.bits,
    };
    object::done(object::call(context, &permit.subject.object_name(), &call).await?)?;
    Ok(Reply::done())
}

fn known(context: &Context, text: &str) -> Result<Permit, ApiError> {
    let permit = Permit::parse(context.namespace().clone(), text);
    let permit = permit.ok_or_else(ApiError::unknown_permit)?;
    context.may_ask(&permit.subject.object_name())?;
    Ok(permit)
}
