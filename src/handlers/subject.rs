//! `GET /limit`: a subject's full state, consuming nothing. `DELETE /limit`: forgets its use.

use tollgate_core::api::query;
use tollgate_core::api::response::{to_json, StatusBody};
use tollgate_core::eventual::{CountedLimit, Said};
use tollgate_core::limit::Name;
use tollgate_core::message::{Answer, Call};
use tollgate_core::subject::Subject;

use super::answer::{answer_of, refused};
use super::reply::Reply;
use super::step::{Asked, Step};
use super::{eventual, Context};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::placement;

/// Shows.
pub(super) fn status(caller: &Caller, query: &str) -> Result<Step, ApiError> {
    let (subject, policy) = asked_for(caller, query)?;
    let object = placement::object_of(&subject);
    let named = policy.clone();
    let call = Call::Status { policy };
    Ok(Step::ask(object, call, move |context, asked| {
        let object = asked.object.clone();
        let status = match answer_of(asked)? {
            Answer::Status(status) => status,
            other => return Err(refused(&other)),
        };
        Ok(eventual::standings(context, &object, move |counted| {
            let wanted = |it: &CountedLimit| {
                let policy = &it.definition.policy;
                named.as_ref().is_none_or(|name| name == policy)
            };
            let counted: Option<Vec<_>> =
                counted.map(|all| all.into_iter().filter(wanted).collect());
            let body = StatusBody::new(&subject, &status, counted.as_deref());
            Reply::json(to_json(&body))
        }))
    }))
}

/// Forgets.
pub(super) fn reset(caller: &Caller, query: &str) -> Result<Step, ApiError> {
    let (subject, policy) = asked_for(caller, query)?;
    let object = placement::object_of(&subject);
    let named = policy.clone();
    let call = Call::Reset { policy };
    Ok(Step::ask(object, call, |context, asked| {
        done_and_told(context, asked, named, Said::Reset)
    }))
}

fn asked_for(caller: &Caller, query: &str) -> Result<(Subject, Option<String>), ApiError> {
    let query = query::parse(query)?;
    let policy = query.policy.as_ref().map(Name::as_str).map(str::to_owned);
    let subject = query.subject.in_namespace(caller.namespace.clone());
    Ok((subject, policy))
}

/// What the object has done, those isolates that count through KV are told.
pub(super) fn done_and_told(
    context: &Context,
    asked: Asked,
    policy: Option<String>,
    what: Said,
) -> Result<Step, ApiError> {
    let object = asked.object.clone();
    match answer_of(asked)? {
        Answer::Done => Ok(eventual::tell(context, &object, policy, what)),
        other => Err(refused(&other)),
    }
}
