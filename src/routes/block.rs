//! `POST /limit/block`: refuses every request of a subject for a duration; duration 0 ends a block.

use tollgate_core::api::block as form;
use tollgate_core::isolate::counts::Command;
use tollgate_core::limit::Name;
use tollgate_core::message::Call;

use crate::clock;
use crate::context::Context;
use crate::decide::counts::subject as counts;
use crate::decide::{object, policies};
use crate::error::ApiError;
use crate::reply::Reply;

/// Blocks or unblocks.
pub(crate) async fn block(context: &Context<'_>, body: &str) -> Result<Reply, ApiError> {
    let block = form::parse(body)?;
    let subject = policies::subject(context, block.subject, block.policy.as_ref()).await?;
    let name = subject.object_name();
    context.may_ask(&name)?;
    let policy = block.policy.as_ref().map(Name::as_str).map(str::to_owned);
    let reason = block.reason.unwrap_or_default();
    let call = Call::Block {
        policy: policy.clone(),
        duration: block.duration,
        reason: reason.clone(),
    };
    let after = object::done_after(object::call(context, &name, &call).await?)?;
    let until = clock::now().plus(block.duration);
    counts::announce(context, &name, policy, Command::Block { until, reason }).await?;
    Ok(after.map_or_else(Reply::done, Reply::done_after))
}
