//! `POST /limit/multi`: several checks over several subjects, all or nothing.

use tollgate_core::api::multi as form;
use tollgate_core::api::response::{to_json, MultiBody};
use tollgate_core::multi::deciding;

use super::limit::status_of;
use crate::context::Context;
use crate::decide::together::check_all;
use crate::decide::Outcome;
use crate::error::ApiError;
use crate::reply::Reply;

/// Decides; 200 or 429. The headers are those of the entry that decided.
pub(crate) async fn multi(context: &Context<'_>, body: &str) -> Result<Reply, ApiError> {
    let together = check_all(context, &|| form::parse(body)).await?;
    let decisions = together.outcomes.iter().map(|it| Some(&it.decision));
    let deciding = deciding(together.success, decisions);
    let deciding = deciding.map(|i| &together.outcomes[i]);
    let retry_after = deciding.and_then(|it| it.decision.retry_after);
    let permit = together.outcomes.iter().find_map(Outcome::held_permit);
    let results = together.outcomes.iter().map(Outcome::body).collect();
    let success = together.success;
    let body = to_json(&MultiBody::new(success, retry_after, permit, results));
    let headers = deciding.map(Outcome::headers).unwrap_or_default();
    let status = status_of(together.success);
    Ok(Reply::decision(status, body, headers))
}
