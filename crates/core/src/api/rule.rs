//! By what a check is limited: the name of a policy, one limit at the top of the request, or
//! several in `limits`.

use super::fields::Fields;
use super::inline::{self, at};
use super::{BadRequest, Problem};
use crate::limit::{Limit, Name, MAX_WINDOW};
use crate::number::MAX_SAFE;
use crate::policy::consistency::{Consistency, LocalLimit};
use crate::policy::{FailMode, Policy, MAX_LIMITS};
use crate::{Duration, InvalidLimit};

/// The limits of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// A stored policy.
    Named(Name),
    /// One that came with the request.
    Inline(Policy),
}

/// The shortest duration that is read where only some are right.
const SHORTEST: Duration = Duration::from_millis(1);

/// How an inline policy behaves: a named one has its own.
pub(super) const SETTINGS: [&str; 5] = ["failMode", "consistency", "shed", "refunds", "writeAhead"];

/// Takes the policy's name, or the limits and settings of an inline policy.
pub(super) fn take(fields: &mut Fields<'_>) -> Result<Rule, BadRequest> {
    let written = fields.find(|name| inline::FIELDS.contains(&name));
    let conflict = |field: &str, with| Err(fields.error(field, Problem::Conflict { with }));
    match (fields.has("policy"), fields.has("limits"), written) {
        (true, false, None) => named(fields),
        (true, _, _) => conflict("policy", "a limit in the request: give one or the other"),
        (false, true, None) => several(fields),
        (false, true, Some(field)) => conflict(
            field,
            "`limits`: write it into the elements that it is meant for",
        ),
        (false, false, Some(_)) => {
            let limit = inline::limit(fields)?;
            inline_policy(fields, vec![limit])
        }
        (false, false, None) => {
            let expected =
                "given, or else a limit: such as `limit` and `window`, or several in `limits`";
            Err(fields.error("policy", Problem::Malformed { expected }))
        }
    }
}

fn named(fields: &mut Fields<'_>) -> Result<Rule, BadRequest> {
    if let Some(setting) = SETTINGS.iter().find(|name| fields.has(name)) {
        let with = "`policy`, which has its own";
        return Err(fields.error(setting, Problem::Conflict { with }));
    }
    let name = inline::name(fields, "policy")?;
    fields.required("policy", name).map(Rule::Named)
}

fn several(fields: &mut Fields<'_>) -> Result<Rule, BadRequest> {
    let elements = fields.array("limits", MAX_LIMITS)?.unwrap_or_default();
    let limits = elements.into_iter().map(|element| {
        let mut fields = element.object()?;
        fields.only(&[&inline::FIELDS, &["maxDelay"]])?;
        let limit = inline::limit(&mut fields)?;
        fields.finish()?;
        Ok(limit)
    });
    let limits = limits.collect::<Result<Vec<Limit>, BadRequest>>()?;
    inline_policy(fields, limits)
}

fn inline_policy(fields: &mut Fields<'_>, limits: Vec<Limit>) -> Result<Rule, BadRequest> {
    // More units than the largest limit has are never ahead of it.
    let most = limits
        .iter()
        .map(|limit| limit.algorithm().limit())
        .max()
        .unwrap_or(1)
        .max(1);
    let mut policy = Policy::new(limits).map_err(|error| at(fields, error))?;
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
    if let Some(inner) = fields.object("shed")? {
        let shed = local_limit(inner)?;
        policy = policy.with_shed(shed).map_err(|error| at(fields, error))?;
    }
    if fields.boolean("refunds")? == Some(false) {
        policy = policy.without_refunds();
    }
    if let Some(units) = fields.count("writeAhead", 1, most)? {
        policy = policy
            .with_write_ahead(units)
            .map_err(|error| at(fields, error))?;
    }
    Ok(Rule::Inline(policy))
}

const UNCOUNTABLE: &str = "these limits when it is `eventual`, which adds up fixedWindow, slidingWindow and quota of 10m and longer through KV: take open, closed or share";

const FAIL_MODES: &str = "open, closed, share or eventual";

fn fail_mode(word: &str) -> Result<FailMode, Problem> {
    FailMode::from_word(word).ok_or(Problem::Malformed {
        expected: FAIL_MODES,
    })
}

const CONSISTENCY: &str = "strong, eventual or local";

fn consistency(word: &str) -> Result<Consistency, Problem> {
    if word == "leased" {
        let why = "take strong, eventual or local";
        return Err(Problem::Unsupported { why });
    }
    Consistency::from_word(word).ok_or(Problem::Malformed {
        expected: CONSISTENCY,
    })
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
    let window = fields.duration("window", SHORTEST, MAX_WINDOW)?;
    let window = fields.required("window", window)?;
    let shed = LocalLimit::new(limit, window).map_err(|error| at(&fields, error))?;
    fields.finish()?;
    Ok(shed)
}
