//! `POST /policies/{name}/rollback`: a policy is to be as it was written in an earlier version.

use serde::Serialize;

use crate::api::fields::Fields;
use crate::api::BadRequest;
use crate::number::MAX_SAFE;

/// The fields of the body.
pub const FIELDS: [&str; 2] = ["version", "reason"];
/// The longest reason, in bytes of UTF-8.
pub const MAX_REASON: usize = 1_024;

/// Which version, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rollback {
    /// The version: 1 to 2^53.
    pub version: u64,
    /// Why, for people: 1 to 1,024 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Reads `{version, reason?}`.
///
/// ```
/// let body = r#"{"version": 3, "reason": "too tight"}"#;
/// assert_eq!(tollgate_core::api::policy::rollback::parse(body).unwrap().version, 3);
/// ```
pub fn parse(body: &str) -> Result<Rollback, BadRequest> {
    let mut fields = Fields::parse(body)?;
    fields.only(&[&FIELDS])?;
    let version = fields.integer("version", 1, MAX_SAFE as i64)?;
    let rollback = Rollback {
        version: fields.required("version", version)?.unsigned_abs(),
        reason: fields.text("reason", 1, MAX_REASON)?.map(String::from),
    };
    fields.finish()?;
    Ok(rollback)
}
