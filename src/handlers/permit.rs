//! `POST /limit/renew` and `POST /limit/release`: what a caller does with the permit of a slot. The permit says whose it is; the namespace
//! is the caller's.

use tollgate_core::api::permit as form;
use tollgate_core::api::response::{to_json, RenewedBody};
use tollgate_core::message::{Answer, Call};
use tollgate_core::permit::Permit;

use super::answer::{answer_of, done, refused};
use super::reply::Reply;
use super::step::Step;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::placement;

/// Holds it longer.
pub(super) fn renew(caller: &Caller, body: &str) -> Result<Step, ApiError> {
    let form = form::parse_renew(body)?;
    let permit = known(caller, &form.permit)?;
    let call = Call::Renew {
        permit: permit.bits,
        hold: form.hold,
    };
    let object = placement::object_of(&permit.subject);
    Ok(Step::ask(object, call, |_, asked| {
        match answer_of(asked)? {
            Answer::Renewed(grant) => Ok(Step::Done(Reply::json(to_json(&RenewedBody {
                success: true,
                permit: form.permit,
                fence: grant.fence,
                expires: grant.expires.as_millis(),
            })))),
            other => Err(refused(&other)),
        }
    }))
}

/// Gives it back.
pub(super) fn release(caller: &Caller, body: &str) -> Result<Step, ApiError> {
    let form = form::parse_release(body)?;
    let permit = known(caller, &form.permit)?;
    let call = Call::Release {
        permit: permit.bits,
    };
    let object = placement::object_of(&permit.subject);
    Ok(Step::ask(object, call, |_, asked| done(answer_of(asked)?)))
}

fn known(caller: &Caller, text: &str) -> Result<Permit, ApiError> {
    Permit::parse(caller.namespace.clone(), text).ok_or_else(ApiError::unknown_permit)
}
