//! By what a check is limited: the name of a policy, or a policy that is written into the request.

use serde::Serialize;

use super::fields::Fields;
use super::policy::schedule::INLINE_STAGES;
use super::policy::{self, limit, settings::SETTINGS};
use super::{BadRequest, Problem};
use crate::limit::{Limit, Name};
use crate::policy::Policy;

/// The limits of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(
    clippy::large_enum_variant,
    reason = "one a request, taken apart at once: a box would only be one allocation more"
)]
pub enum Rule {
    /// A stored policy.
    #[serde(rename = "policy")]
    Named(Name),
    /// One that comes with the request.
    #[serde(untagged)]
    Inline(Policy),
}

/// Takes the policy's name, or an inline policy.
pub(super) fn take(fields: &mut Fields<'_>) -> Result<Rule, BadRequest> {
    let is_written = fields.has("limits") || fields.has_any(&limit::FIELDS);
    match (fields.has("policy"), is_written) {
        (true, false) => named(fields),
        (true, true) => {
            let with = "a limit in the request: give one or the other";
            Err(fields.error("policy", Problem::Conflict { with }))
        }
        (false, true) => inline(fields),
        (false, false) => {
            let expected =
                "given, or else a limit: such as `limit` and `window`, or several in `limits`";
            Err(fields.error("policy", Problem::Malformed { expected }))
        }
    }
}

fn inline(fields: &mut Fields<'_>) -> Result<Rule, BadRequest> {
    let is_list = fields.has("limits");
    let policy = policy::take(fields)?;
    match policy.limits().iter().position(Limit::has_stages) {
        None => Ok(Rule::Inline(policy)),
        Some(i) if is_list => {
            let field = format!("limits[{i}].stages");
            Err(fields.error(&field, INLINE_STAGES))
        }
        Some(_) => Err(fields.error("stages", INLINE_STAGES)),
    }
}

fn named(fields: &mut Fields<'_>) -> Result<Rule, BadRequest> {
    if let Some(setting) = SETTINGS.iter().find(|name| fields.has(name)) {
        let with = "`policy`, which has its own";
        return Err(fields.error(setting, Problem::Conflict { with }));
    }
    let name = limit::name(fields, "policy")?;
    fields.required("policy", name).map(Rule::Named)
}
