//! A whole policy as one JSON object: its limits and how it behaves.
//!
//! [`parse`] reads it strictly, and what serde writes of a [`Policy`] is its canonical form:
//! `limits`, also where there is only one, each with its `algorithm`; durations in whole
//! milliseconds; nothing that is as by default. Neither form has the policy's own name and version,
//! because they say where it is kept and not what it is.
//!
//! A request with an inline limit has the same fields beside its own ([`super::request`]). No other
//! module knows them.

pub mod definition;
pub mod extended;
pub mod fall_back;
mod ipv6_prefix;
mod lease;
pub(super) mod limit;
pub mod named;
pub(super) mod numbers;
pub(super) mod outbound;
pub mod parent;
mod penalty;
pub mod rate;
pub mod record;
pub mod rollback;
pub mod schedule;
pub(super) mod settings;
mod weights;
mod written;

pub use limit::FIELDS as LIMIT;
pub use settings::SETTINGS;

use self::numbers::at;
use super::fields::Fields;
use super::{BadRequest, Problem};
use crate::limit::Limit;
use crate::policy::{Policy, MAX_LIMITS};

/// The fields of a policy's limits that no single limit of a request has to itself: the list, and
/// what beside a limit may also belong to the request.
pub const LIMITS: [&str; 2] = ["limits", "maxDelay"];
/// The fields that were called otherwise before.
const RENAMED: [(&str, &str); 1] = [("reserve", "writeAhead")];

/// Reads a policy: 1 to 8 limits in `limits` or one beside the settings, and `consistency`,
/// `failMode`, `shed`, `writeAhead`, `refunds`, `ipv6Prefix`, `penalty`, and `weights` with `by`
/// where they are not as by default.
///
/// ```
/// use tollgate_core::api::{policy::parse, to_json};
///
/// let policy = parse(r#"{"limit": 100, "window": "15m", "failMode": "closed"}"#)?;
/// let limit = r#"{"algorithm":"slidingWindow","limit":100,"window":900000}"#;
/// let canonical = format!(r#"{{"limits":[{limit}],"failMode":"closed"}}"#);
/// assert_eq!(to_json(&policy), canonical);
/// assert_eq!(parse(&canonical)?, policy);
/// # Ok::<(), tollgate_core::api::BadRequest>(())
/// ```
pub fn parse(body: &str) -> Result<Policy, BadRequest> {
    let mut fields = Fields::parse(body)?;
    let known = fields.only(&[&LIMITS, &limit::FIELDS, &SETTINGS]);
    known.map_err(|error| renamed(&fields).unwrap_or(error))?;
    if !fields.has("limits") && !fields.has_any(&limit::FIELDS) {
        return Err(fields.error("limits", Problem::Missing));
    }
    let policy = take(&mut fields)?;
    fields.finish()?;
    Ok(policy)
}

/// The error that says how the first field that has an older name is called now.
pub(super) fn renamed(fields: &Fields<'_>) -> Option<BadRequest> {
    let &(name, now) = RENAMED.iter().find(|(name, _)| fields.has(name))?;
    Some(fields.error(name, Problem::Renamed { now }))
}

/// Takes a policy out of `fields`, which have `limits` or fields of one limit.
pub(super) fn take(fields: &mut Fields<'_>) -> Result<Policy, BadRequest> {
    let limits = limits(fields)?;
    let policy = Policy::new(limits).map_err(|error| at(fields, error))?;
    settings::take(fields, policy)
}

/// Takes the limits of a policy out of `fields`: no two share a state.
pub(super) fn checked_limits(fields: &mut Fields<'_>) -> Result<Vec<Limit>, BadRequest> {
    let limits = limits(fields)?;
    let policy = Policy::new(limits).map_err(|error| at(fields, error))?;
    Ok(policy.limits().to_vec())
}

fn limits(fields: &mut Fields<'_>) -> Result<Vec<Limit>, BadRequest> {
    if !fields.has("limits") {
        return Ok(vec![limit::limit(fields)?]);
    }
    if let Some(field) = fields.find(|name| limit::FIELDS.contains(&name)) {
        let with = "`limits`: write it into the elements that it is meant for";
        return Err(fields.error(field, Problem::Conflict { with }));
    }
    let elements = fields.array("limits", MAX_LIMITS)?.unwrap_or_default();
    let limits = elements.into_iter().map(|element| {
        let mut fields = element.object()?;
        fields.only(&[&limit::FIELDS, &LIMITS[1..]])?;
        let limit = limit::limit(&mut fields)?;
        fields.finish()?;
        Ok(limit)
    });
    limits.collect()
}
