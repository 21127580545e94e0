//! `POST /acquire`: the small older form, a token bucket with `refillRate` in tokens per second.
//! (On `/limit` the same word is tokens per `refillInterval`.)

use super::fields::Fields;
use super::policy::numbers::{at, tokens_per_second};
use super::request::{cost, LimitRequest, Rule};
use super::subject::part;
use super::BadRequest;
use crate::decide::Check;
use crate::limit::{Algorithm, Limit};
use crate::policy::Policy;
use crate::subject::{SubjectParts, MAX_IDENTIFIER};

/// The fields of the body.
pub const FIELDS: [&str; 5] = [
    "identifier",
    "cost",
    "maxTokens",
    "refillRate",
    "refillInterval",
];

/// Reads `{identifier, cost?, maxTokens, refillRate, refillInterval?}` as a check of an inline
/// token bucket. `refillInterval` is a duration of 1 ms to 366 d that has no effect.
///
/// ```
/// let body = r#"{"identifier": "grok", "maxTokens": 60, "refillRate": 1.67}"#;
/// assert_eq!(tollgate_core::api::acquire::parse(body).unwrap().check.cost, 1);
/// ```
pub fn parse(body: &str) -> Result<LimitRequest, BadRequest> {
    let mut fields = Fields::parse(body)?;
    fields.only(&[&FIELDS])?;
    let identifier = part(&mut fields, "identifier", 1, MAX_IDENTIFIER)?;
    let identifier = fields.required("identifier", identifier)?;
    let bucket = tokens_per_second(&mut fields)?;
    let limit = Limit::new(None, Algorithm::TokenBucket(bucket));
    let request = LimitRequest {
        subject: SubjectParts::new(identifier)?,
        rule: Rule::Inline(Policy::new(vec![limit]).map_err(|error| at(&fields, error))?),
        check: Check::of(cost(&mut fields)?),
        wait: None,
        pressure: false,
        priority: None,
        repeat: None,
    };
    fields.finish()?;
    Ok(request)
}
