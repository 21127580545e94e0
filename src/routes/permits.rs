//! `POST /limit/renew` and `POST /limit/release`: a caller renews or releases a permit. The permit
//! names the subject; the namespace is the caller's.

use tollgate_core::api::permit as form;
use tollgate_core::api::response::{to_json, RenewedBody};
use tollgate_core::message::{Answer, Call};
use tollgate_core::permit::Permit;

use crate::context::Context;
use crate::decide::object;
use crate::error::ApiError;
use crate::reply::Reply;

/// Renews a permit.
pub(crate) async fn renew(context: &Context<'_>, body: &str) -> Result<Reply, ApiError> {
    let form = form::parse_renew(body)?;
    let permit = known(context, &form.permit)?;
    let call = Call::Renew {
        permit: permit.bits,
        hold: form.hold,
    };
    match object::call(context, &permit.subject.object_name(), &call).await? {
        Answer::Renewed(grant) => Ok(Reply::json(to_json(&RenewedBody {
            success: true,
            permit: form.permit,
            fence: grant.fence,
            expires: grant.expires.as_millis(),
        }))),
        other => Err(object::refused(&other)),
    }
}

/// Releases a permit.
pub(crate) async fn release(context: &Context<'_>, body: &str) -> Result<Reply, ApiError> {
    let form = form::parse_release(body)?;
    let permit = known(context, &form.permit)?;
    let call = Call::Release {
        permit: permit.bits,
    };
    object::done(object::call(context, &permit.subject.object_name(), &call).await?)?;
    Ok(Reply::done())
}

fn known(context: &Context, text: &str) -> Result<Permit, ApiError> {
    Permit::parse(context.namespace().clone(), text).ok_or_else(ApiError::unknown_permit)
}
