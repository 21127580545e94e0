//! `/presets`: what providers are known to bear, and the policies that are made of it.

use tollgate_core::api::query::parameters;
use tollgate_core::api::{BadRequest, Problem};
use tollgate_policies::message::{Call, Installation};
use tollgate_policies::precondition::Precondition;
use tollgate_policies::presets::{all, body_of, chosen, Preset};

use super::policies::{ask, why};
use crate::context::Context;
use crate::decide::policies;
use crate::error::{ApiError, Code};
use crate::reply::Reply;

/// `GET /presets`: all of them.
pub(crate) fn list(query: &str) -> Result<Reply, ApiError> {
    let [] = parameters(query, [])?;
    Ok(Reply::json(body_of(&presets()?)))
}

/// `POST /presets/{name}?reason=&dryRun=`: makes the policies of a provider, or one of them.
pub(crate) async fn install(
    context: &Context<'_>,
    name: &str,
    query: &str,
) -> Result<Reply, ApiError> {
    let (reason, is_dry_run) = why(query)?;
    only_where_there_is_none(context)?;
    let chosen = chosen(presets()?, name);
    if chosen.is_empty() {
        let detail = "There is no preset of this name: GET /presets lists those that there are.";
        return Err(ApiError::new(Code::UnknownPreset, detail));
    }
    let installation = Installation {
        policies: chosen.iter().filter_map(Preset::policy).collect(),
        author: context.caller.name.clone().unwrap_or_default(),
        reason,
        is_dry_run,
    };
    let reply = ask(context, &Call::Install(installation)).await?;
    policies::outdate(context);
    Ok(reply)
}

/// Presets are made where there is no policy of the name, so that there is no version to match.
fn only_where_there_is_none(context: &Context<'_>) -> Result<(), ApiError> {
    let headers = context.headers;
    let (matching, other) = (headers.get("if-match"), headers.get("if-none-match"));
    match Precondition::of_headers(matching.as_deref(), other.as_deref())? {
        Precondition::None | Precondition::Absent => Ok(()),
        Precondition::Present | Precondition::Version(_) => {
            let with = "a preset, which is made only where there is no such policy: leave it out";
            Err(BadRequest::new("If-Match", Problem::Conflict { with }).into())
        }
    }
}

/// A file that cannot be read is a fault of this program.
fn presets() -> Result<Vec<Preset>, ApiError> {
    all().map_err(|why| ApiError::new(Code::Internal, why.to_string()))
}
