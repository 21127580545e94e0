//! `POST /limit/report`: a caller tells what an upstream answered. The headers are read here; the
//! subject's object heeds what they say.

use tollgate_core::api::report as form;
use tollgate_core::api::response::{to_json, ReportBody};
use tollgate_core::Timestamp;
use tollgate_feedback::{read, Why};

use crate::clock;
use crate::context::Context;
use crate::decide::reports;
use crate::error::ApiError;
use crate::reply::Reply;

/// Has it heeded, and tells what was understood of it and what it did.
pub(crate) async fn report(context: &Context<'_>, body: &str) -> Result<Reply, ApiError> {
    let request = form::parse(body)?;
    let headers = request.headers.iter();
    let headers = headers.map(|(name, value)| (name.as_str(), value.as_str()));
    let now = clock::now();
    let answered = now.as_millis().saturating_sub(request.age.as_millis());
    let feedback = read(request.status, headers, Timestamp::from_millis(answered));
    let heeded = reports::heed(context, &request, &feedback).await?;
    let ignored = feedback.ignored.iter();
    let ignored = ignored.map(|it| (it.header.as_str(), Why::as_str(it.why)));
    let outcome = (&heeded.outcome, now);
    let body = ReportBody::new(&heeded.subject, &heeded.report, outcome, ignored);
    Ok(Reply::json(to_json(&body)))
}
