//! Who shares the limits, and how: `weights: {"high": 3}`, `by`.

use super::numbers::at;
use crate::api::fields::Fields;
use crate::api::{bytes_between, clipped, BadRequest, Problem, Unit};
use crate::limit::weights::{By, Weights, MAX_CLASS, MAX_WEIGHT, MAX_WRITTEN};
use crate::policy::Policy;

/// The field of the weights.
pub(super) const FIELD: &str = "weights";
/// The field of what tells callers apart.
pub(super) const BY: &str = "by";

const BYS: &str = "priority or child";

/// Takes `weights` and `by`, if they are there, for `policy`.
pub(super) fn take(fields: &mut Fields<'_>, policy: Policy) -> Result<Policy, BadRequest> {
    let by = fields.word(BY, BYS, |word| {
        By::from_word(word).ok_or(Problem::Malformed { expected: BYS })
    })?;
    let Some(mut inner) = fields.object(FIELD)? else {
        if by.is_some() {
            return Err(fields.error(FIELD, Problem::Missing));
        }
        return Ok(policy);
    };
    let mut written = Vec::new();
    while let Some(name) = inner.untaken(|_| true).map(str::to_owned) {
        if written.len() == MAX_WRITTEN {
            return Err(fields.error(FIELD, Problem::at_most(MAX_WRITTEN, Unit::Fields)));
        }
        if !(1..=MAX_CLASS).contains(&name.len()) {
            return Err(inner.error(&clipped(&name), bytes_between(1, MAX_CLASS)));
        }
        let weight = inner.count(&name, 1, MAX_WEIGHT)?;
        written.push((name, weight.unwrap_or(1))); // it is there
    }
    if written.is_empty() {
        return Err(fields.error(FIELD, Problem::at_most(MAX_WRITTEN, Unit::Fields)));
    }
    let weights = Weights::new(by.unwrap_or_default(), written);
    let weights = weights.map_err(|error| at(fields, error))?;
    policy
        .with_weights(weights)
        .map_err(|error| at(fields, error))
}
