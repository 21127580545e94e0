//! `POST /limit/multi`: several checks over several subjects, all or nothing.

use tollgate_core::api::multi as form;
use tollgate_core::api::response::{to_json, MultiBody};
use tollgate_core::Duration;

use super::limit::status_of;
use crate::context::Context;
use crate::decide::together::{check_all, Together};
use crate::decide::Outcome;
use crate::error::ApiError;
use crate::reply::Reply;

/// Decides; 200 or 429. The headers are those of the entry that decided.
pub(crate) async fn multi(context: &Context<'_>, body: &str) -> Result<Reply, ApiError> {
    let together = check_all(context, form::parse(body)?).await?;
    let deciding = deciding(&together);
    let retry_after = deciding.and_then(|it| it.decision.retry_after);
    let body = to_json(&MultiBody {
        success: together.success,
        retry_after: retry_after.map(Duration::as_millis),
        results: together.outcomes.iter().map(Outcome::body).collect(),
    });
    let headers = deciding.map(Outcome::headers).unwrap_or_default();
    let status = status_of(together.success);
    Ok(Reply::decision(status, body, headers))
}

/// On success the entry with the fewest remaining units. On denial the refused entry with the
/// longest wait; one that can never be admitted counts as the longest.
fn deciding(together: &Together) -> Option<&Outcome> {
    let outcomes = together.outcomes.iter();
    if together.success {
        let left = |it: &Outcome| it.decision.deciding().map(|standing| standing.remaining);
        return outcomes
            .filter(|it| left(it).is_some())
            .min_by_key(|it| left(it));
    }
    let wait = |it: &Outcome| {
        let wait = it.decision.retry_after;
        wait.map_or(u64::MAX, |wait| wait.as_millis())
    };
    let refused = outcomes.filter(|it| !it.decision.success);
    refused.max_by_key(|it| wait(it))
}
