//! What callers send and what they are answered, in JSON and in query strings.
//!
//! Requests are read strictly, turned into validated types, or refused with a reason. Strict means:
//! a string is not a number, `null` is not absent, unknown and repeated fields are errors, integers
//! end at 2^53 and never pass through a floating point number. [`fields`] is the reader; the other
//! modules each know one kind of request. A refusal is data, and its sentence names the field, the
//! bound and what to do.
//!
//! Whatever is read can be written too, each by one canonical form: [`to_json`] writes the types
//! that the readers of requests return, and serde reads the bodies of [`response`]. So a client can
//! use the types that the Worker uses.

pub mod acquire;
mod bad_request;
pub mod block;
mod element;
pub mod fields;
pub mod multi;
pub mod overrides;
pub mod permit;
pub mod policy;
pub mod query;
mod raw;
pub mod refused;
mod repeat;
pub mod report;
pub mod request;
pub mod response;
mod rule;
mod scalars;
pub mod stage;
mod subject;
pub mod subjects;
mod suits;
mod terms;
mod values;

pub(crate) use bad_request::{bytes_between, clipped, problem_of};
pub use bad_request::{BadRequest, Problem, Unit, BODY};

use serde::Serialize;

/// The JSON of a request or of an answer. These hold only texts, numbers, and objects and lists of
/// them, so writing them cannot fail.
pub fn to_json(body: &impl Serialize) -> String {
    serde_json::to_string(body).unwrap_or_default()
}
