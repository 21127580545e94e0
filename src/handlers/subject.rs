//! `GET /limit`: a subject's full state, consuming nothing. `DELETE /limit`: forgets its use.

use tollgate_core::api::query;
use tollgate_core::api::response::{to_json, StatusBody};
use tollgate_core::limit::Name;
use tollgate_core::message::{Answer, Call};
use tollgate_core::subject::Subject;

use super::limit::refused;
use super::observe;
use super::reply::Reply;
use super::step::{Asked, Step};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::placement;

/// Shows.
pub(super) fn status(caller: &Caller, query: &str) -> Result<Step, ApiError> {
    let (subject, policy) = asked_for(caller, query)?;
    let object = placement::object_of(&subject);
    let call = Call::Status { policy };
    Ok(Step::ask(object, call, move |_, asked| {
        match answer_of(asked)? {
            Answer::Status(status) => Ok(Reply::json(to_json(&StatusBody::new(&subject, &status)))),
            other => Err(refused(&other)),
        }
    }))
}

/// Forgets.
pub(super) fn reset(caller: &Caller, query: &str) -> Result<Step, ApiError> {
    let (subject, policy) = asked_for(caller, query)?;
    let object = placement::object_of(&subject);
    let call = Call::Reset { policy };
    Ok(Step::ask(object, call, |_, asked| done(answer_of(asked)?)))
}

fn asked_for(caller: &Caller, query: &str) -> Result<(Subject, Option<String>), ApiError> {
    let query = query::parse(query)?;
    let policy = query.policy.as_ref().map(Name::as_str).map(str::to_owned);
    let subject = query.subject.in_namespace(caller.namespace.clone());
    Ok((subject, policy))
}

/// The answer to something that no failure mode can answer.
pub(super) fn answer_of(asked: Asked) -> Result<Answer, ApiError> {
    asked.answer.map_err(|failure| {
        observe::failed(failure);
        ApiError::object_unavailable()
    })
}

/// Done, or why not.
pub(super) fn done(answer: Answer) -> Result<Reply, ApiError> {
    match answer {
        Answer::Done => Ok(Reply::done()),
        other => Err(refused(&other)),
    }
}
