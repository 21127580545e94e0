//! `GET /limit`: a subject's full state, consuming nothing. `DELETE /limit`: forgets its use.

use tollgate_core::api::query;
use tollgate_core::api::response::{to_json, StatusBody};
use tollgate_core::limit::Name;
use tollgate_core::message::{Answer, Call};
use tollgate_core::subject::Subject;

use super::limit::refused;
use super::reply::Reply;
use super::{observe, Context};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::placement;

/// Shows.
pub(super) async fn status(
    context: &Context,
    caller: &Caller,
    query: &str,
) -> Result<Reply, ApiError> {
    let (subject, policy) = asked(caller, query)?;
    match ask(context, &subject, &Call::Status { policy }).await? {
        Answer::Status(status) => Ok(Reply::json(to_json(&StatusBody::new(&subject, &status)))),
        other => Err(refused(&other)),
    }
}

/// Forgets.
pub(super) async fn reset(
    context: &Context,
    caller: &Caller,
    query: &str,
) -> Result<Reply, ApiError> {
    let (subject, policy) = asked(caller, query)?;
    done(&ask(context, &subject, &Call::Reset { policy }).await?)
}

fn asked(caller: &Caller, query: &str) -> Result<(Subject, Option<String>), ApiError> {
    let query = query::parse(query)?;
    let policy = query.policy.as_ref().map(Name::as_str).map(str::to_owned);
    let subject = query.subject.in_namespace(caller.namespace.clone());
    Ok((subject, policy))
}

/// Asks a subject's object something that no failure mode can answer.
pub(super) async fn ask(
    context: &Context,
    subject: &Subject,
    call: &Call,
) -> Result<Answer, ApiError> {
    let object = placement::object_of(subject);
    context
        .limiter()
        .call(&object, call)
        .await
        .map_err(|failure| {
            observe::failed(failure);
            ApiError::object_unavailable()
        })
}

/// Done, or why not.
pub(super) fn done(answer: &Answer) -> Result<Reply, ApiError> {
    match answer {
        Answer::Done => Ok(Reply::done()),
        other => Err(refused(other)),
    }
}
