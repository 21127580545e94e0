//! `POST /limit/renew` and `POST /limit/release`: what a caller does with a permit.
//!
//! A permit is opaque here: whether it is one, and whose, the permit's own code and the subject's
//! object know. What is read can be written, with durations in whole milliseconds.

use serde::Serialize;

use super::fields::Fields;
use super::BadRequest;
use crate::limit::MAX_WINDOW;
use crate::Duration;

/// The longest text that is looked at as a permit, in bytes; every permit is shorter.
pub const MAX_PERMIT: usize = 4_096;

/// A permit to extend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Renew {
    /// The permit as presented: 1 to 4,096 bytes.
    pub permit: String,
    /// For how long from now: 1 ms to 366 d; `None` means the limit's own `ttl`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Duration>,
}

/// A permit to give back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Release {
    /// The permit as presented: 1 to 4,096 bytes.
    pub permit: String,
}

/// Reads `{permit, hold?}`.
pub fn parse_renew(body: &str) -> Result<Renew, BadRequest> {
    let mut fields = Fields::parse(body)?;
    fields.only(&[&["permit", "hold"]])?;
    let renew = Renew {
        permit: permit(&mut fields)?,
        hold: fields.duration("hold", Duration::from_millis(1), MAX_WINDOW)?,
    };
    fields.finish()?;
    Ok(renew)
}

/// Reads `{permit}`.
pub fn parse_release(body: &str) -> Result<Release, BadRequest> {
    let mut fields = Fields::parse(body)?;
    fields.only(&[&["permit"]])?;
    let permit = permit(&mut fields)?;
    fields.finish()?;
    Ok(Release { permit })
}

fn permit(fields: &mut Fields<'_>) -> Result<String, BadRequest> {
    let permit = fields.text("permit", 1, MAX_PERMIT)?;
    fields.required("permit", permit).map(String::from)
}
