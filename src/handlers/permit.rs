//! `POST /limit/renew` and `POST /limit/release`: what a caller does with the permit of a slot. The permit says whose it is; the namespace
//! is the caller's.

use tollgate_core::api::permit as form;
use tollgate_core::api::response::{to_json, RenewedBody};
use tollgate_core::message::{Answer, Call};
use tollgate_core::permit::Permit;

use super::limit::refused;
use super::reply::Reply;
use super::subject::{ask, done};
use super::Context;
use crate::auth::Caller;
use crate::error::ApiError;

/// Holds it longer.
pub(super) async fn renew(
    context: &Context,
    caller: &Caller,
    body: &str,
) -> Result<Reply, ApiError> {
    let form = form::parse_renew(body)?;
    let permit = known(caller, &form.permit)?;
    let call = Call::Renew {
        permit: permit.bits,
        hold: form.hold,
    };
    match ask(context, &permit.subject, &call).await? {
        Answer::Renewed(grant) => Ok(Reply::json(to_json(&RenewedBody {
            success: true,
            permit: form.permit,
            fence: grant.fence,
            expires: grant.expires.as_millis(),
        }))),
        other => Err(refused(&other)),
    }
}

/// Gives it back.
pub(super) async fn release(
    context: &Context,
    caller: &Caller,
    body: &str,
) -> Result<Reply, ApiError> {
    let form = form::parse_release(body)?;
    let permit = known(caller, &form.permit)?;
    let call = Call::Release {
        permit: permit.bits,
    };
    done(&ask(context, &permit.subject, &call).await?)
}

fn known(caller: &Caller, text: &str) -> Result<Permit, ApiError> {
    Permit::parse(caller.namespace.clone(), text).ok_or_else(ApiError::unknown_permit)
}
