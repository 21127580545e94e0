//! `GET /limit`: shows a subject's full state and consumes nothing. `DELETE /limit`: resets its
//! use.

use tollgate_core::api::query;
use tollgate_core::api::response::{to_json, StatusBody};
use tollgate_core::isolate::counts::Command;
use tollgate_core::limit::Name;
use tollgate_core::message::Call;
use tollgate_core::subject::Subject;

use crate::context::Context;
use crate::decide::counts::subject as counts;
use crate::decide::{object, policies};
use crate::error::ApiError;
use crate::reply::Reply;

/// Shows a subject's state.
pub(crate) async fn status(context: &Context<'_>, query: &str) -> Result<Reply, ApiError> {
    let (subject, named) = asked_for(context, query).await?;
    let policy = named.as_ref().map(|name| name.as_str().to_owned());
    let name = subject.object_name();
    let status = object::status(context, &name, policy.clone()).await?;
    let mut counted = counts::standings(context, &name).await?;
    if let (Some(counted), Some(policy)) = (&mut counted, &policy) {
        counted.retain(|it| it.definition.policy == *policy);
    }
    let overrides = policies::overrides_of(context, &subject, named.as_ref()).await;
    let body = StatusBody::new(&subject, &status, counted.as_deref(), &overrides);
    Ok(Reply::json(to_json(&body)))
}

/// Resets a subject's use.
pub(crate) async fn reset(context: &Context<'_>, query: &str) -> Result<Reply, ApiError> {
    let (subject, named) = asked_for(context, query).await?;
    let policy = named.map(|name| name.as_str().to_owned());
    let name = subject.object_name();
    let call = Call::Reset {
        policy: policy.clone(),
    };
    object::done(object::call(context, &name, &call).await?)?;
    counts::announce(context, &name, policy, Command::Reset).await?;
    Ok(Reply::done())
}

async fn asked_for(
    context: &Context<'_>,
    query: &str,
) -> Result<(Subject, Option<Name>), ApiError> {
    let query = query::parse(query)?;
    let subject = policies::subject(context, query.subject, query.policy.as_ref()).await?;
    context.may_ask(&subject.object_name())?;
    Ok((subject, query.policy))
}
