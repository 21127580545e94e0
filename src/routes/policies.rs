//! `/policies` and `/audit`: which policies there are, how they were before, and changes of them.
//! The object that keeps them does all of it and makes the bodies; here is what HTTP adds.

use tollgate_core::api::policy::rollback::{self as form, MAX_REASON};
use tollgate_core::api::query::{
    flag, number, optional_subject, parameters, text, CHANGE, DRY_RUN, PAGE,
};
use tollgate_core::api::response::{to_json, ExplainBody};
use tollgate_core::api::BadRequest;
use tollgate_core::explain::explain as explained;
use tollgate_core::limit::Name;
use tollgate_core::number::MAX_SAFE;
use tollgate_policies::message::{Action, Call, Requested};
use tollgate_policies::precondition::Precondition;
use tollgate_records::preview::beside;

use crate::clock;
use crate::context::Context;
use crate::decide::{policies, preview};
use crate::error::ApiError;
use crate::reply::Reply;
use crate::schema;

/// `GET /schemas/policy.json`: what a policy may look like, for editors.
pub(crate) fn schema() -> Reply {
    Reply::json(schema::POLICY.to_owned())
}

/// `GET /policies`: all of them.
pub(crate) async fn list(context: &Context<'_>, query: &str) -> Result<Reply, ApiError> {
    let [] = parameters(query, [])?;
    ask(context, &Call::List).await
}

/// `GET /policies/{name}`: one of them.
pub(crate) async fn get(context: &Context<'_>, name: &str, query: &str) -> Result<Reply, ApiError> {
    let [] = parameters(query, [])?;
    ask(context, &Call::Get(known(name)?)).await
}

/// `GET /policies/{name}/versions?before=`: its last versions, the newest first.
pub(crate) async fn versions(
    context: &Context<'_>,
    name: &str,
    query: &str,
) -> Result<Reply, ApiError> {
    let name = known(name)?;
    let before = before(query)?;
    ask(context, &Call::Versions { name, before }).await
}

/// `GET /policies/{name}/explain?identifier=&provider=&scope=`: what it admits at worst, how it
/// comes back, and when a subject is admitted next.
pub(crate) async fn explain(
    context: &Context<'_>,
    name: &str,
    query: &str,
) -> Result<Reply, ApiError> {
    let name = known(name)?;
    let subject = optional_subject(query)?;
    let named = policies::look_up(context, &name).await?;
    let explained = explained(&named.policy, clock::moment());
    let explained = explained.map_err(|it| ApiError::unknown_time_zone(it.zone.as_str()))?;
    let next = match subject {
        Some(subject) => policies::next_of(context, &named, subject).await?,
        None => None,
    };
    let body = ExplainBody::new(&named.policy, &explained, next.as_deref());
    Ok(Reply::json(to_json(&body)))
}

/// `GET /audit?before=`: what was changed, the newest first.
pub(crate) async fn audit(context: &Context<'_>, query: &str) -> Result<Reply, ApiError> {
    let before = before(query)?;
    ask(context, &Call::Audit { before }).await
}

/// `PUT /policies/{name}?reason=&dryRun=`: makes or changes it.
pub(crate) async fn put(
    context: &Context<'_>,
    name: &str,
    query: &str,
    body: String,
) -> Result<Reply, ApiError> {
    change(context, name, query, Action::Put { written: body }).await
}

/// `DELETE /policies/{name}?reason=&dryRun=`: deletes it.
pub(crate) async fn delete(
    context: &Context<'_>,
    name: &str,
    query: &str,
) -> Result<Reply, ApiError> {
    change(context, name, query, Action::Delete).await
}

/// `POST /policies/{name}/rollback?dryRun=`, with `{version, reason?}`: makes it once more as it
/// was written then.
pub(crate) async fn rollback(
    context: &Context<'_>,
    name: &str,
    query: &str,
    body: &str,
) -> Result<Reply, ApiError> {
    let form = form::parse(body)?;
    let [is_dry_run] = parameters(query, DRY_RUN)?;
    let action = Action::Rollback {
        version: form.version,
    };
    let reason = form.reason.unwrap_or_default();
    let is_dry_run = flag("dryRun", is_dry_run.as_deref())?;
    send(context, name, action, reason, is_dry_run).await
}

async fn change(
    context: &Context<'_>,
    name: &str,
    query: &str,
    action: Action,
) -> Result<Reply, ApiError> {
    let (reason, is_dry_run) = why(query)?;
    send(context, name, action, reason, is_dry_run).await
}

/// `reason` and `dryRun` of a change.
pub(super) fn why(query: &str) -> Result<(String, bool), ApiError> {
    let [reason, is_dry_run] = parameters(query, CHANGE)?;
    let reason = text("reason", reason, MAX_REASON)?;
    Ok((reason, flag("dryRun", is_dry_run.as_deref())?))
}

async fn send(
    context: &Context<'_>,
    name: &str,
    action: Action,
    reason: String,
    is_dry_run: bool,
) -> Result<Reply, ApiError> {
    let headers = context.headers;
    let (matching, other) = (headers.get("if-match"), headers.get("if-none-match"));
    let requested = Requested {
        name: match action {
            Action::Delete => known(name)?,
            Action::Put { .. } | Action::Rollback { .. } => named(name)?,
        },
        action,
        precondition: Precondition::of_headers(matching.as_deref(), other.as_deref())?,
        author: context.caller.name.clone().unwrap_or_default(),
        reason,
        is_dry_run,
    };
    if requested.is_dry_run && requested.action != Action::Delete {
        return Box::pin(tried(context, requested)).await;
    }
    let reply = ask(context, &Call::Change(requested)).await?;
    policies::outdate(context);
    Ok(reply)
}

/// What a change would do, and what it would have decided of what is recorded.
async fn tried(context: &Context<'_>, requested: Requested) -> Result<Reply, ApiError> {
    let name = requested.name.clone();
    let (_, _, body) = policies::call(context, &Call::Change(requested)).await?;
    let preview = preview::of(context, name, &body).await;
    Ok(Reply::json(beside(&body, &preview)))
}

/// The reply to a call of the object that keeps the policies.
pub(super) async fn ask(context: &Context<'_>, call: &Call) -> Result<Reply, ApiError> {
    let (version, is_new, body) = policies::call(context, call).await?;
    let status = if is_new { 201 } else { 200 };
    Ok(Reply {
        status,
        version,
        ..Reply::json(body)
    })
}

/// The name in a path. Names need no encoding, so a sign that is encoded is none of theirs.
fn named(name: &str) -> Result<Name, ApiError> {
    Ok(Name::new("name", name).map_err(BadRequest::from)?)
}

/// The same of a policy that an older build may have made.
fn known(name: &str) -> Result<Name, ApiError> {
    Ok(Name::stored("name", name).map_err(BadRequest::from)?)
}

/// What a page begins before.
fn before(query: &str) -> Result<Option<u64>, ApiError> {
    let [before] = parameters(query, PAGE)?;
    let before = number("before", before.as_deref(), (0, MAX_SAFE as i64))?;
    Ok(before.map(i64::unsigned_abs))
}
