//! `/overrides`: exceptions from what policies and limits say. The object that keeps the policies
//! keeps them too and makes the bodies; here is what HTTP adds.

use tollgate_core::api::overrides::MAX_REASON;
use tollgate_core::api::query::{parameters, text, LIFT, OVERRIDES};
use tollgate_core::api::{BadRequest, Problem};
use tollgate_core::overrides::{InvalidTarget, Kind, Target};
use tollgate_policies::message::{Call, RequestedOverride};
use tollgate_policies::precondition::Precondition;

use super::policies::ask;
use crate::context::Context;
use crate::decide::policies;
use crate::error::ApiError;
use crate::reply::Reply;

/// `GET /overrides?target=&after=`: those in force, in the order of their targets.
pub(crate) async fn list(context: &Context<'_>, query: &str) -> Result<Reply, ApiError> {
    let [target, after] = parameters(query, OVERRIDES)?;
    let target = target.map(|text| of_text("target", &text, Target::stored));
    let target = target.transpose()?;
    let after = after.map(|text| key("after", &text, Target::stored));
    let after = after.transpose()?;
    ask(context, &Call::Overrides { target, after }).await
}

/// `PUT /overrides/{target}/{kind}`: sets it.
pub(crate) async fn put(
    context: &Context<'_>,
    path: &str,
    query: &str,
    body: String,
) -> Result<Reply, ApiError> {
    let [] = parameters(query, [])?;
    change(context, path, Some(body), String::new()).await
}

/// `DELETE /overrides/{target}/{kind}?reason=`: lifts it.
pub(crate) async fn lift(
    context: &Context<'_>,
    path: &str,
    query: &str,
) -> Result<Reply, ApiError> {
    let [reason] = parameters(query, LIFT)?;
    let reason = text("reason", reason, MAX_REASON)?;
    change(context, path, None, reason).await
}

async fn change(
    context: &Context<'_>,
    path: &str,
    body: Option<String>,
    reason: String,
) -> Result<Reply, ApiError> {
    // What an older build has set can be lifted.
    let read = match body {
        Some(_) => Target::parse,
        None => Target::stored,
    };
    let (target, kind) = key("target", path, read)?;
    let headers = context.headers;
    let (matching, other) = (headers.get("if-match"), headers.get("if-none-match"));
    let requested = RequestedOverride {
        target: target.clone(),
        kind,
        body,
        precondition: Precondition::of_headers(matching.as_deref(), other.as_deref())?,
        author: context.caller.name.clone().unwrap_or_default(),
        reason,
    };
    let reply = ask(context, &Call::Override(requested)).await?;
    policies::refresh(context).await;
    policies::announce(context, &target, reply.version).await;
    Ok(reply)
}

/// What stands in front of the last `/`, and the kind behind it.
fn key(
    field: &str,
    path: &str,
    read: fn(&str) -> Result<Target, InvalidTarget>,
) -> Result<(Target, Kind), ApiError> {
    let (target, kind) = path.rsplit_once('/').unwrap_or(("", path));
    let target = of_text(field, target, read)?;
    let kind = Kind::from_word(kind).ok_or_else(|| {
        let expected =
            "deny, pause, bypass, scale, replace, grant or stage, at the end of the path";
        BadRequest::new("kind", Problem::Malformed { expected })
    })?;
    Ok((target, kind))
}

fn of_text(
    field: &str,
    text: &str,
    read: fn(&str) -> Result<Target, InvalidTarget>,
) -> Result<Target, ApiError> {
    read(text).map_err(|error| BadRequest::new(field, error.into()).into())
}
