//! `POST /limit/block`: nothing for this subject until a time has passed. What is read can be
//! written, with the duration in whole milliseconds.

use serde::Serialize;

use super::fields::Fields;
use super::policy::limit;
use super::{subject, BadRequest, Problem};
use crate::limit::{Name, MAX_WINDOW};
use crate::subject::SubjectParts;
use crate::Duration;

/// The fields of the body.
pub const FIELDS: [&str; 6] = [
    "provider",
    "scope",
    "identifier",
    "policy",
    "duration",
    "reason",
];
/// The longest reason, in bytes of UTF-8.
pub const MAX_REASON: usize = 256;

/// What looks like all subjects of a provider, and would be one subject of this name. It can be
/// unblocked, in case that somebody has blocked it so.
const EVERYBODY: &str = "*";
const ONE: &str = "one subject's: to stop all of a provider, PUT /overrides/provider:<name>/pause";

/// A subject to block or unblock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Block {
    /// Who.
    #[serde(flatten)]
    pub subject: SubjectParts,
    /// The one policy that is blocked for it; `None` blocks all of them, inline limits too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Name>,
    /// For how long from now: 0 (unblocks) to 366 d.
    pub duration: Duration,
    /// Why, for people: 1 to 256 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Reads `{provider?, scope?, identifier, policy?, duration, reason?}`.
///
/// ```
/// let body = r#"{"identifier": "u1", "duration": "1h", "reason": "abuse"}"#;
/// assert_eq!(tollgate_core::api::block::parse(body).unwrap().duration.to_string(), "1h");
/// ```
pub fn parse(body: &str) -> Result<Block, BadRequest> {
    let mut fields = Fields::parse(body)?;
    fields.only(&[&FIELDS])?;
    let duration = fields.duration("duration", Duration::ZERO, MAX_WINDOW)?;
    let block = Block {
        subject: subject::take(&mut fields)?,
        policy: limit::name(&mut fields, "policy")?,
        duration: fields.required("duration", duration)?,
        reason: fields.text("reason", 1, MAX_REASON)?.map(String::from),
    };
    if block.subject.identifier() == EVERYBODY && block.duration > Duration::ZERO {
        return Err(fields.error("identifier", Problem::Malformed { expected: ONE }));
    }
    fields.finish()?;
    Ok(block)
}
