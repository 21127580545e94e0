//! `POST /limit/block`: nothing for a subject until a time has passed; duration 0 lets it in again.

use tollgate_core::api::block as form;
use tollgate_core::eventual::Said;
use tollgate_core::limit::Name;
use tollgate_core::message::Call;

use super::step::Step;
use super::subject;
use crate::auth::Caller;
use crate::clock;
use crate::error::ApiError;
use crate::placement;

/// Blocks or unblocks.
pub(super) fn block(caller: &Caller, body: &str) -> Result<Step, ApiError> {
    let block = form::parse(body)?;
    let subject = block.subject.in_namespace(caller.namespace.clone());
    let policy = block.policy.as_ref().map(Name::as_str).map(str::to_owned);
    let reason = block.reason.unwrap_or_default();
    let call = Call::Block {
        policy: policy.clone(),
        duration: block.duration,
        reason: reason.clone(),
    };
    let object = placement::object_of(&subject);
    Ok(Step::ask(object, call, move |context, asked| {
        let until = clock::now().plus(block.duration);
        subject::done_and_told(context, asked, policy, Said::Block { until, reason })
    }))
}
