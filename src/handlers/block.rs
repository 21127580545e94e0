//! `POST /limit/block`: nothing for a subject until a time has passed; duration 0 lets it in again.

use tollgate_core::api::block as form;
use tollgate_core::limit::Name;
use tollgate_core::message::Call;

use super::reply::Reply;
use super::subject::{ask, done};
use super::Context;
use crate::auth::Caller;
use crate::error::ApiError;

/// Blocks or unblocks.
pub(super) async fn block(
    context: &Context,
    caller: &Caller,
    body: &str,
) -> Result<Reply, ApiError> {
    let block = form::parse(body)?;
    let subject = block.subject.in_namespace(caller.namespace.clone());
    let call = Call::Block {
        policy: block.policy.as_ref().map(Name::as_str).map(str::to_owned),
        duration: block.duration,
        reason: block.reason.unwrap_or_default(),
    };
    done(&ask(context, &subject, &call).await?)
}
