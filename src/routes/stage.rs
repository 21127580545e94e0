//! `PUT /overrides/subject:<provider>/<scope>/<identifier>/stage`: moves the start of a subject's
//! stages, or stops their clock. 1 the audit says what is about to be set, 2 the subject's object
//! sets it, 3 the audit says from which step to which. So no change goes unseen.

use tollgate_core::api::query::parameters;
use tollgate_core::api::response::{to_json, StageBody, StageClockBody, StagedBody};
use tollgate_core::api::stage::{self as form, NewStage};
use tollgate_core::api::{BadRequest, Problem};
use tollgate_core::limit::Name;
use tollgate_core::message::{Answer, Call};
use tollgate_core::overrides::Target;
use tollgate_core::policy::Policy;
use tollgate_core::subject::{Subject, SubjectParts};
use tollgate_core::subject_state::{StageChange, StageOverride};
use tollgate_policies::message::Call as PolicyCall;
use tollgate_policies::stage::{StageNews, StageNote};

use crate::clock;
use crate::context::Context;
use crate::decide::{object, policies};
use crate::error::{ApiError, Code};
use crate::reply::Reply;

/// Sets it: 201 where the subject had none.
pub(crate) async fn set(
    context: &Context<'_>,
    target: &str,
    query: &str,
    body: &str,
) -> Result<Reply, ApiError> {
    let [] = parameters(query, [])?;
    has_no_precondition(context)?;
    let parts = form::subject(target)?;
    let asked = form::parse(body)?;
    let (subject, policy) = meant(context, parts, asked.policy.as_ref()).await?;
    let target = Target::of_subject(&subject);
    let note = |news| StageNote {
        target: target.clone(),
        news,
        author: context.caller.name.clone().unwrap_or_default(),
        reason: asked.reason.clone().unwrap_or_default(),
    };
    let news = StageNews::Asked {
        asked: to_json(&NewStage {
            reason: None, // stands beside it
            ..asked.clone()
        }),
    };
    // 1
    let version = enter(context, note(news)).await?;
    // 2
    let change = change(context, &subject, asked.set, policy.as_ref()).await?;
    let before = change.before.as_ref().map(StageClockBody::from);
    let news = StageNews::Set {
        version,
        before: before.as_ref().map(to_json),
        after: to_json(&StagedBody::from(&change)),
    };
    // 3; it is set all the same where that fails, and has its first entry.
    let _ = enter(context, note(news)).await;
    let said = [&context.caller.name, &asked.reason];
    let [author, reason] = said.map(|text| text.as_deref().unwrap_or_default());
    let target = target.to_string();
    let body = StageBody::new(&target, version, &change, (author, reason));
    Ok(Reply {
        status: if change.before.is_none() { 201 } else { 200 },
        ..Reply::json(to_json(&body))
    })
}

/// A stage has no version that a precondition could name.
fn has_no_precondition(context: &Context) -> Result<(), ApiError> {
    let headers = context.headers;
    for field in ["If-Match", "If-None-Match"] {
        if headers.get(&field.to_ascii_lowercase()).is_some() {
            let with = "a stage, which has no version: leave it out";
            return Err(BadRequest::new(field, Problem::Conflict { with }).into());
        }
    }
    Ok(())
}

/// The subject that is meant, and the policy that was named. There has to be a limit with stages:
/// the policy's, or one that the subject has been asked by.
async fn meant(
    context: &Context<'_>,
    parts: SubjectParts,
    policy: Option<&Name>,
) -> Result<(Subject, Option<Policy>), ApiError> {
    let Some(name) = policy else {
        let subject = context.subject(parts);
        has_stages(context, &subject).await?;
        return Ok((subject, None));
    };
    let named = policies::look_up(context, name).await?;
    if !named.policy.has_stages() {
        let with = "a stage: none of its limits has `stages`";
        return Err(BadRequest::new("policy", Problem::Conflict { with }).into());
    }
    let parts = named.limited(parts).map_err(|_| {
        let with = "the policy, which has another provider or scope";
        BadRequest::new("target", Problem::Conflict { with })
    })?;
    Ok((context.subject(parts), Some(named.policy.clone())))
}

/// Whether the subject has a stage, or a limit with stages.
async fn has_stages(context: &Context<'_>, subject: &Subject) -> Result<(), ApiError> {
    let status = object::status(context, &subject.object_name(), None).await?;
    if status.stage.is_some() || status.limits.iter().any(|limit| limit.stage.is_some()) {
        return Ok(());
    }
    let detail =
        "The subject has no limit with `stages` yet: name the policy that has them in `policy`.";
    Err(ApiError::new(Code::InvalidField, detail).with_field("policy"))
}

/// Has the subject's object set it. Told are also the steps of the policy that was named.
async fn change(
    context: &Context<'_>,
    subject: &Subject,
    set: StageOverride,
    policy: Option<&Policy>,
) -> Result<StageChange, ApiError> {
    let call = Call::Stage(set);
    let change = match object::call(context, &subject.object_name(), &call).await? {
        Answer::Staged(change) => change,
        other => return Err(object::refused(&other)),
    };
    let Some(policy) = policy else {
        return Ok(change);
    };
    let told = change.clone().with_policy(policy, clock::moment());
    Ok(told.unwrap_or(change)) // it is set all the same
}

/// Makes an entry of the audit; its version.
async fn enter(context: &Context<'_>, note: StageNote) -> Result<u64, ApiError> {
    let (version, ..) = policies::call(context, &PolicyCall::Stage(note)).await?;
    version.ok_or_else(ApiError::policy_unavailable) // it has one
}
