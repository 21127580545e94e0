//! The policies of the caller's namespace: asked of the object that keeps them, and looked up in
//! the copy of them that this isolate has ([`copy`]).

pub(super) mod copy;

use std::rc::Rc;

use tollgate_core::api::policy::named::NamedPolicy;
use tollgate_core::decide::Check;
use tollgate_core::limit::Name;
use tollgate_core::message::{Answer, Call as ObjectCall};
use tollgate_core::overrides::{Effect, Override, Revision, Stopped, Target};
use tollgate_core::policy::Policy;
use tollgate_core::subject::{Subject, SubjectParts};
use tollgate_core::subject_state::{Item, MAX_NEXT};
use tollgate_core::summary::{State, Summary};
use tollgate_core::Duration;
use tollgate_policies::copy::Missing;
use tollgate_policies::message::{Answer as PolicyAnswer, Call};

use super::object;
use crate::clock;
use crate::context::Context;
use crate::doors::policies;
use crate::error::{ApiError, Code};
use crate::hot;
use crate::placement;
use crate::telemetry::flush;

use copy::with_copy;
pub(crate) use copy::{catch_up, outdate, refresh};
pub(super) use copy::{confirm, confirm_or_go_on, confirmed, notice};

/// Makes a call to the object that keeps the policies: its body for the caller, with the version
/// that it is about and whether that is the first.
pub(crate) async fn call(
    context: &Context<'_>,
    call: &Call,
) -> Result<(Option<u64>, bool, String), ApiError> {
    let object = placement::policies_of(context.namespace());
    let deployed = context.config.deployed().text();
    match policies::ask(context.env, &object, (call, deployed), context.deadline()).await {
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

/// The policy of this name, which the caller may ask. `is_degraded`: the copy may be out of date,
/// so that a policy may be missing in it.
pub(super) fn policy(
    context: &Context,
    name: &Name,
    is_degraded: bool,
) -> Result<Rc<NamedPolicy>, ApiError> {
    let policy = find(context, name, is_degraded)?;
    // Whoever binds the class has no token that `askedBy` could name.
    if context.here.is_some() {
        return Ok(policy);
    }
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
        Err(Missing::Unfit(why)) => Err(ApiError::unfit_policy(name.as_str(), &why)),
        Err(Missing::Unreadable(why)) => {
            hot::log_error(&format!(
                "tollgate: this build cannot read the policy `{}`: {why}",
                name.as_str()
            ));
            Err(ApiError::policy_unavailable())
        }
    }
}

/// What the overrides say of a check.
pub(super) struct Overridden {
    /// Why everything is refused for the subject, if it is.
    pub(super) stopped: Option<Stopped>,
    /// Whether all limits are lifted for it.
    pub(super) bypasses: bool,
    /// The policy under the overrides that change limits, where there are such.
    pub(super) policy: Option<Policy>,
}

/// What the overrides say of a subject under a policy, or an inline limit.
pub(super) fn overridden(context: &Context, subject: &Subject, policy: &Policy) -> Overridden {
    let now = clock::now();
    with_copy(context, |copy| {
        let matched = copy.overrides(subject, policy.name(), now);
        let nearest = matched.nearest();
        let bypasses = nearest.is_some_and(|it| it.effect == Effect::Bypass);
        let changed = matched.policy(policy);
        let at = copy.adjusted(now);
        // A version is also newer where an override has ended.
        let is_newer = at > 0 && policy.version().is_given();
        let changed = changed.or_else(|| is_newer.then(|| policy.clone()));
        let policy = changed.map(|changed| changed.adjusted_at(at));
        Overridden {
            stopped: matched.stopped(),
            bypasses,
            policy,
        }
    })
}

/// What the overrides change in how a subject is limited by a policy, the nearest first.
pub(super) fn changes(context: &Context, subject: &Subject, policy: &Policy) -> Vec<Override> {
    let now = clock::now();
    with_copy(context, |copy| {
        copy.overrides(subject, policy.name(), now).changes()
    })
}

/// Tells a subject's object that overrides of the subject have changed, with this revision where it
/// is known, and as far as this isolate knows them now: isolates that do not know it yet are asked
/// to look. Without that they learn it by themselves, so a failure is nobody's.
pub(crate) async fn announce(context: &Context<'_>, target: &Target, revision: Option<u64>) {
    let Some(parts) = target.subject() else {
        return;
    };
    let known = copy::revision(context);
    let call = ObjectCall::Overridden(Revision {
        number: known.number.max(revision.unwrap_or(0)),
        ..known
    });
    let object = context.subject(parts).object_name();
    let _ = object::call(context, &object, &call).await;
}

/// The overrides that hold for a subject, decided by a policy or by an inline limit, as far as the
/// isolate can know them.
pub(crate) async fn overrides_of(
    context: &Context<'_>,
    subject: &Subject,
    policy: Option<&Name>,
) -> Vec<Override> {
    let _ = confirm(context).await; // else by the last that is known
    let now = clock::now();
    with_copy(context, |copy| {
        let matched = copy.overrides(subject, policy, now);
        matched.iter().cloned().collect()
    })
}

/// Puts a subject's summary into the states in which overrides have it: as far as they match it by
/// its name, or by one of its policies.
pub(crate) async fn put_states(context: &Context<'_>, subjects: &mut [(Subject, Summary)]) {
    let _ = confirm(context).await; // else by the last that is known
    let now = clock::now();
    with_copy(context, |copy| {
        for (subject, summary) in subjects {
            let names = summary.policies().iter();
            let names: Vec<Name> = names
                .filter_map(|it| Name::stored("policy", it).ok())
                .collect();
            let policies = names.iter().map(Some).chain([None]);
            let matched: Vec<_> = policies
                .map(|policy| copy.overrides(subject, policy, now))
                .collect();
            for (state, are_pauses) in [(State::Paused, true), (State::Overridden, false)] {
                let ends = matched.iter().filter_map(|it| it.last_end(are_pauses));
                summary.set(state, ends.max());
            }
        }
    });
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
    if !named.policy.consistency().is_of_object() {
        return Ok(None);
    }
    let item = Item {
        policy: named.policy.clone(),
        check: Check::ONE,
    };
    let count = MAX_NEXT;
    let item = Box::new(item);
    let call = ObjectCall::Next { item, count };
    match object::call(context, &subject.object_name(), &call).await {
        Ok(Answer::Next(next)) => Ok(Some(next)),
        _ => Ok(None),
    }
}

/// The subject that is meant by what names a policy of it, or none: with the policy's provider and
/// scope, as far as there is such a policy. Where that cannot be known no subject is meant, rather
/// than another one.
pub(crate) async fn subject(
    context: &Context<'_>,
    parts: SubjectParts,
    policy: Option<&Name>,
) -> Result<Subject, ApiError> {
    let Some(name) = policy else {
        return Ok(context.subject(parts));
    };
    let parts = match look_up(context, name).await {
        Ok(policy) => policy.limited(parts)?,
        Err(error) if error.code() == Code::UnknownPolicy => parts,
        Err(error) => return Err(error),
    };
    Ok(context.subject(parts))
}
