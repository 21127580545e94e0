//! `POST /limit`: decide and consume. `POST /acquire`: the same in its small older form.

use tollgate_core::api::response::{to_json, AcquireBody};
use tollgate_core::api::{acquire as acquire_form, request};

use super::check::check;
use super::reply::Reply;
use super::step::Step;
use super::Context;
use crate::auth::Caller;
use crate::error::ApiError;

/// 1 reads the request, 2 finds its limits, 3 names the object, 4 answers from memory or has it asked, 5 answers.
pub(super) fn limit(context: &Context, caller: &Caller, body: &str) -> Result<Step, ApiError> {
    check(context, caller, request::parse(body)?, |decided| Reply {
        status: status_of(decided.decision.success),
        body: to_json(&decided.body()),
        headers: decided.headers(),
    })
}

/// As [`limit`], always 200.
pub(super) fn acquire(context: &Context, caller: &Caller, body: &str) -> Result<Step, ApiError> {
    let request = acquire_form::parse(body)?;
    check(context, caller, request, |decided| Reply {
        status: 200,
        body: to_json(&AcquireBody::from(&decided.decision)),
        headers: decided.headers(),
    })
}

/// 200 or 429.
pub(super) const fn status_of(success: bool) -> u16 {
    if success {
        200
    } else {
        429
    }
}
