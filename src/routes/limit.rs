//! `POST /limit`: decides and consumes. `POST /acquire`: the same in an older, smaller form.

use tollgate_core::api::request::LimitRequest;
use tollgate_core::api::response::{to_json, AcquireBody};
use tollgate_core::api::{acquire as acquire_form, query, request};

use crate::context::Context;
use crate::decide::{self, Reads};
use crate::error::ApiError;
use crate::reply::Reply;

/// Decides; 200 or 429.
pub(crate) async fn limit(context: &Context<'_>, body: &str) -> Result<Reply, ApiError> {
    let read = || match context.here {
        Some(here) => here.read(body),
        None => request::parse(body),
    };
    decided(context, &read).await
}

/// As [`limit`], of a policy that the query names: without a body.
pub(crate) async fn by_query(context: &Context<'_>, query: &str) -> Result<Reply, ApiError> {
    decided(context, &|| query::check(query)).await
}

async fn decided(context: &Context<'_>, read: Reads<'_, LimitRequest>) -> Result<Reply, ApiError> {
    let outcome = decide::check(context, read).await?;
    let status = status_of(outcome.decision.success);
    let body = to_json(&outcome.body());
    Ok(Reply::decision(status, body, outcome.headers()))
}

/// As [`limit`], always 200.
pub(crate) async fn acquire(context: &Context<'_>, body: &str) -> Result<Reply, ApiError> {
    let outcome = decide::check(context, &|| acquire_form::parse(body)).await?;
    let body = to_json(&AcquireBody::from(&outcome.decision));
    Ok(Reply::decision(200, body, outcome.headers()))
}

/// 200 or 429.
pub(super) const fn status_of(success: bool) -> u16 {
    if success {
        200
    } else {
        429
    }
}
