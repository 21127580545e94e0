//! How a policy behaves, read beside its limits.

use super::ipv6_prefix;
use super::lease;
use super::numbers::{at, span};
use super::penalty;
use super::weights;
use crate::api::fields::Fields;
use crate::api::{BadRequest, Problem};
use crate::idempotency::{MAX_KEPT_FOR, MIN_KEPT_FOR};
use crate::number::MAX_SAFE;
use crate::policy::consistency::{Consistency, LocalLimit};
use crate::policy::{FailMode, Policy};
use crate::InvalidLimit;

/// The fields of the settings.
pub const SETTINGS: [&str; 13] = [
    "failMode",
    "consistency",
    lease::FIELDS[0],
    lease::FIELDS[1],
    lease::FIELDS[2],
    "shed",
    "refunds",
    "writeAhead",
    ipv6_prefix::FIELD,
    "penalty",
    weights::FIELD,
    weights::BY,
    "idempotencyFor",
];

const UNCOUNTABLE: &str = "these limits when it is `eventual`, which adds up fixedWindow, slidingWindow and quota of 10m and longer through KV: take open, closed or share";

const FAIL_MODES: &str = "open, closed, share or eventual";

fn fail_mode(word: &str) -> Result<FailMode, Problem> {
    FailMode::from_word(word).ok_or(Problem::Malformed {
        expected: FAIL_MODES,
    })
}

const CONSISTENCY: &str = "strong, leased, eventual or local";

fn consistency(word: &str) -> Result<Consistency, Problem> {
    Consistency::from_word(word).ok_or(Problem::Malformed {
        expected: CONSISTENCY,
    })
}

/// Takes the settings of `policy`. What is not given stays as it is.
pub(super) fn take(fields: &mut Fields<'_>, mut policy: Policy) -> Result<Policy, BadRequest> {
    if let Some(mode) = fields.word("failMode", FAIL_MODES, fail_mode)? {
        policy = policy
            .with_fail_mode(mode)
            .map_err(|_| fields.error("failMode", Problem::Conflict { with: UNCOUNTABLE }))?;
    }
    if let Some(mode) = fields.word("consistency", CONSISTENCY, consistency)? {
        policy = policy
            .with_consistency(mode)
            .map_err(|error| of_consistency(fields, error))?;
    }
    policy = lease::take(fields, policy)?;
    if let Some(inner) = fields.object("shed")? {
        let shed = local_limit(inner)?;
        policy = policy.with_shed(shed).map_err(|error| at(fields, error))?;
    }
    if fields.boolean("refunds")? == Some(false) {
        policy = policy.without_refunds();
    }
    if let Some(units) = fields.count("writeAhead", 1, policy.max_write_ahead())? {
        policy = policy
            .with_write_ahead(units)
            .map_err(|error| at(fields, error))?;
    }
    if let Some(prefix) = ipv6_prefix::take(fields)? {
        policy = policy.with_ipv6_prefix(prefix);
    }
    let kept_for = fields.duration("idempotencyFor", MIN_KEPT_FOR, MAX_KEPT_FOR)?;
    if let Some(kept_for) = kept_for {
        policy = policy
            .with_idempotency_for(kept_for)
            .map_err(|error| at(fields, error))?;
    }
    let policy = penalty::take(fields, policy)?;
    weights::take(fields, policy)
}

/// Limits that cannot be decided as wanted are an error of the setting, whichever of their fields
/// it is about.
fn of_consistency(fields: &Fields<'_>, error: InvalidLimit) -> BadRequest {
    match error {
        InvalidLimit::Conflict { with, .. } => {
            fields.error("consistency", Problem::Conflict { with })
        }
        other => at(fields, other),
    }
}

/// `{limit, window}`.
fn local_limit(mut fields: Fields<'_>) -> Result<LocalLimit, BadRequest> {
    let limit = fields.count("limit", 1, MAX_SAFE)?;
    let limit = fields.required("limit", limit)?;
    let window = span(&mut fields, "window")?;
    let window = fields.required("window", window)?;
    let shed = LocalLimit::new(limit, window).map_err(|error| at(&fields, error))?;
    fields.finish()?;
    Ok(shed)
}
