//! By what a check is limited: the name of a policy, one limit at the top of the request, or several in `limits`.

use super::fields::Fields;
use super::inline::{self, at};
use super::request::Rule;
use super::{BadRequest, Problem};
use crate::limit::Limit;
use crate::policy::{FailMode, Policy, MAX_LIMITS};

/// How an inline policy behaves: a named one has its own.
pub(super) const SETTINGS: [&str; 4] = ["failMode", "consistency", "refunds", "reserve"];

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
        policy = policy.with_fail_mode(mode);
    }
    fields.word("consistency", CONSISTENCY, consistency)?;
    if fields.boolean("refunds")? == Some(false) {
        policy = policy.without_refunds();
    }
    if let Some(reserve) = fields.count("reserve", 1, most)? {
        policy = policy
            .with_reserve(reserve)
            .map_err(|error| at(fields, error))?;
    }
    Ok(Rule::Inline(policy))
}

const FAIL_MODES: &str = "open, closed or share";

fn fail_mode(word: &str) -> Result<FailMode, Problem> {
    if word == "eventual" {
        let why = "take open, closed or share";
        return Err(Problem::Unsupported { why });
    }
    FailMode::from_word(word).ok_or(Problem::Malformed {
        expected: FAIL_MODES,
    })
}

const CONSISTENCY: &str = "strong";

fn consistency(word: &str) -> Result<(), Problem> {
    match word {
        "strong" => Ok(()),
        "leased" | "eventual" | "local" => Err(Problem::Unsupported {
            why: "every limit is `strong`; take that, or leave it out",
        }),
        _ => Err(Problem::Malformed {
            expected: CONSISTENCY,
        }),
    }
}
