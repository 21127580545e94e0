//! The policies of the caller's namespace: asked of the object that keeps them, and as this isolate
//! has them.
//!
//! Requests use the isolate's copy; [`tollgate_policies::copy`] says when it has to be confirmed,
//! and by whom. Each request that waits asks for itself: no promise is shared.

use tollgate_core::api::policy::named::NamedPolicy;
use tollgate_core::decide::Check;
use tollgate_core::limit::Name;
use tollgate_core::message::{Answer, Call as ObjectCall};
use tollgate_core::policy::consistency::Consistency;
use tollgate_core::policy::Policy;
use tollgate_core::subject::{Subject, SubjectParts};
use tollgate_core::subject_state::{Item, MAX_NEXT};
use tollgate_core::{Duration, Timestamp};
use tollgate_policies::copy::{Copy, Missing, Next};
use tollgate_policies::message::{Answer as PolicyAnswer, Call};
use tollgate_policies::snapshot::Changes;
use worker::Env;

use std::rc::Rc;

use super::object;
use crate::clock;
use crate::context::Context;
use crate::doors::kv::Kv;
use crate::doors::{policies, Failure};
use crate::error::{ApiError, Code};
use crate::hot;
use crate::isolate;
use crate::placement;
use crate::task;
use crate::telemetry::flush;

/// How often a request looks whether another one has got an answer.
const LOOK: Duration = Duration::from_millis(10);

/// Makes a call to the object that keeps the policies: its body for the caller, with the version
/// that it is about and whether that is the first.
pub(crate) async fn call(
    context: &Context<'_>,
    call: &Call,
) -> Result<(Option<u64>, bool, String), ApiError> {
    let object = placement::policies_of(context.namespace());
    match policies::ask(context.env, &object, call, context.deadline()).await {
        Ok(PolicyAnswer::Body {
            version,
            is_new,
            json,
        }) => Ok((version, is_new, json)),
        Ok(PolicyAnswer::Refused {
            code,
            field,
            detail,
        }) => {
            let code = Code::from_word(&code).unwrap_or(Code::PolicyUnavailable);
            let error = ApiError::new(code, detail);
            Err(match field {
                Some(field) => error.with_field(field),
                None => error,
            })
        }
        Err(failure) => {
            flush::failed(failure);
            Err(ApiError::policies_silent())
        }
    }
}

/// Whether the isolate's copy can be used as it is; then whether it may be out of date. `None`
/// where [`confirm`] has to be awaited.
pub(super) fn confirmed(context: &Context) -> Option<bool> {
    match with_copy(context, |copy| copy.next(clock::now())) {
        Next::Use { asks, is_degraded } => {
            if asks {
                ask_later(context);
            }
            Some(is_degraded)
        }
        _ => None,
    }
}

/// Waits until the isolate's copy can be used; whether it may be out of date, because the object
/// that keeps the policies is out of reach.
pub(super) async fn confirm(context: &Context<'_>) -> Result<bool, ApiError> {
    loop {
        if let Some(is_degraded) = confirmed(context) {
            return Ok(is_degraded);
        }
        match with_copy(context, |copy| copy.next(clock::now())) {
            Next::Ask => return ask(context).await,
            Next::Unavailable => return Err(ApiError::policy_unavailable()),
            Next::Join | Next::Use { .. } => task::wait(LOOK).await,
        }
    }
}

/// Asks what has changed. Where that fails the last that KV kept takes its place, if it is newer.
async fn ask(context: &Context<'_>) -> Result<bool, ApiError> {
    let object = placement::policies_of(context.namespace());
    if refresh(
        context.env,
        &object,
        context.namespace().as_str(),
        context.deadline(),
    )
    .await
    {
        return Ok(false);
    }
    if let Some(changes) = kept(context, &object).await {
        with_copy(context, |copy| copy.restore(changes));
    }
    if with_copy(context, |copy| copy.is_empty()) {
        return Err(ApiError::policy_unavailable());
    }
    Ok(true)
}

fn ask_later(context: &Context) {
    let object = placement::policies_of(context.namespace());
    let namespace = context.namespace().as_str().to_owned();
    let (env, deadline) = (context.env.clone(), context.deadline());
    with_copy(context, |copy| drop(copy.ask(clock::now()))); // this one will
    context.in_background(async move {
        refresh(&env, &object, &namespace, deadline).await;
    });
}

/// Brings the copy of a namespace up to date; whether the object has answered.
async fn refresh(env: &Env, object: &str, namespace: &str, patience: Duration) -> bool {
    let sent = clock::now();
    let call = isolate::with(|isolate| isolate.policies.of(namespace).ask(sent));
    let answer = policies::changes(env, object, &call, patience).await;
    isolate::with(|isolate| learn(isolate.policies.of(namespace), answer, sent))
}

fn learn(copy: &mut Copy, answer: Result<Changes, Failure>, sent: Timestamp) -> bool {
    match answer {
        Ok(changes) => {
            copy.learn(changes, sent);
            true
        }
        Err(failure) => {
            flush::failed(failure);
            copy.fail(clock::now());
            false
        }
    }
}

/// What KV kept, if it can be read.
async fn kept(context: &Context<'_>, object: &str) -> Option<Changes> {
    let kv: Kv = context.kv()?;
    let read = kv.read(&[object.to_owned()], context.deadline()).await;
    match read {
        Ok(values) => Changes::decode(values.first()?).ok(),
        Err(failure) => {
            flush::failed(failure);
            None
        }
    }
}

/// The policy of this name, which the caller may ask. `is_degraded`: the copy may be out of date,
/// so that a policy may be missing in it.
pub(super) fn policy(
    context: &Context,
    name: &Name,
    is_degraded: bool,
) -> Result<Rc<NamedPolicy>, ApiError> {
    let policy = find(context, name, is_degraded)?;
    let asker = context.caller.name.as_deref();
    let is_asker = |name: &String| asker == Some(name.as_str());
    if !policy.asked_by.is_empty() && !policy.asked_by.iter().any(is_asker) {
        return Err(ApiError::not_asked_by(name.as_str()));
    }
    Ok(policy)
}

/// The policy of this name, whoever asks.
pub(super) fn find(
    context: &Context,
    name: &Name,
    is_degraded: bool,
) -> Result<Rc<NamedPolicy>, ApiError> {
    match with_copy(context, |copy| copy.policy(name)) {
        Ok(policy) => Ok(policy),
        Err(Missing::Unknown) if is_degraded => Err(ApiError::policy_unavailable()),
        Err(Missing::Unknown) => Err(ApiError::unknown_policy(name.as_str())),
        Err(Missing::Unreadable(why)) => {
            hot::log_error(&format!(
                "tollgate: this build cannot read the policy `{}`: {why}",
                name.as_str()
            ));
            Err(ApiError::policy_unavailable())
        }
    }
}

/// The policy of this name, for whoever wants to see it.
pub(crate) async fn look_up(
    context: &Context<'_>,
    name: &Name,
) -> Result<Rc<NamedPolicy>, ApiError> {
    let is_degraded = confirm(context).await?;
    find(context, name, is_degraded)
}

/// The times until a subject's next admissions of one unit under a policy; `None` where its object
/// does not decide them, or does not tell.
pub(crate) async fn next_of(
    context: &Context<'_>,
    named: &NamedPolicy,
    subject: SubjectParts,
) -> Result<Option<Vec<Duration>>, ApiError> {
    let subject = context.subject(named.limited(subject)?);
    if named.policy.consistency() != Consistency::Strong {
        return Ok(None);
    }
    let item = Item {
        policy: named.policy.clone(),
        check: Check::ONE,
    };
    let count = MAX_NEXT;
    let call = ObjectCall::Next { item, count };
    match object::call(context, &subject.object_name(), &call).await {
        Ok(Answer::Next(next)) => Ok(Some(next)),
        _ => Ok(None),
    }
}

/// The subject that is meant by what names a policy of it, or none: with the policy's provider and
/// scope, as far as there is such a policy.
pub(crate) async fn subject(
    context: &Context<'_>,
    parts: SubjectParts,
    policy: Option<&Name>,
) -> Result<Subject, ApiError> {
    let Some(name) = policy else {
        return Ok(context.subject(parts));
    };
    confirm(context).await?;
    let parts = match with_copy(context, |copy| copy.policy(name)) {
        Ok(policy) => policy.limited(parts)?,
        Err(_) => parts,
    };
    Ok(context.subject(parts))
}

/// An object has decided by a newer version than this isolate has.
pub(super) fn notice(context: &Context, newer: &Policy) {
    let Some(name) = newer.name() else { return };
    with_copy(context, |copy| {
        copy.notice(name, newer.version(), clock::now())
    });
    confirmed(context);
}

fn with_copy<T>(context: &Context, run: impl FnOnce(&mut Copy) -> T) -> T {
    isolate::with(|isolate| run(isolate.policies.of(context.namespace().as_str())))
}
