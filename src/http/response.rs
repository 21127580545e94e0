//! Builds the runtime's response: status, body and headers in one step.

use wasm_bindgen::JsValue;

use super::cors::Cors;
use crate::error::ApiError;
use crate::headers;
use crate::hot;
use crate::reply::Reply;

/// The response for a route's reply.
pub(super) fn of_reply(reply: &Reply, cors: &Cors) -> JsValue {
    match &reply.headers.limits {
        Some(limits) if !cors.allows() => {
            // None of the three can hold a line break.
            let text = [&limits.policy, "\n", &limits.state, "\n", &reply.body].concat();
            made(hot::decided(
                reply.status,
                &text,
                // All at most 2^53, and a reset in seconds far below.
                limits.limit as f64,
                limits.remaining as f64,
                limits.reset_seconds as f64,
                reply.headers.retry_after.unwrap_or(0) as f64,
            ))
        }
        _ => {
            let version = reply.version.map(headers::etag).unwrap_or_default();
            let own = reply.headers.lines();
            let lines = [headers::JSON, &own, &version, &cors.lines()].concat();
            of_lines(reply.status, &reply.body, &lines)
        }
    }
}

/// The response of a status, a body and headers as `name: value` lines.
pub(super) fn of_lines(status: u16, body: &str, lines: &str) -> JsValue {
    made(hot::answer(status, body, lines))
}

/// The response. Where the runtime refuses to make it, null, which `drive` in hot.js answers with
/// status 500: only this request fails.
fn made(response: Result<JsValue, JsValue>) -> JsValue {
    response.unwrap_or_else(|error| {
        let error = worker::Error::from(error);
        hot::log_error(&format!("tollgate: a response cannot be made: {error}"));
        JsValue::NULL
    })
}

/// The response for an error.
#[inline(never)]
pub(super) fn of_problem(error: &ApiError, request_id: &str, cors: &Cors) -> JsValue {
    let lines = [headers::PROBLEM, &error.header_lines(), &cors.lines()].concat();
    of_lines(error.code().status(), &error.to_json(request_id), &lines)
}

/// The response to a preflight request.
pub(super) fn of_preflight(methods: &str, cors: &Cors) -> JsValue {
    let lines = [headers::preflight(methods), cors.lines()].concat();
    of_lines(200, "", &lines)
}
