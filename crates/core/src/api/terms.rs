//! The terms of a check that permits have too: what single limits take, what is done with what
//! there is no room for, and what becomes of what nobody settles.

use super::fields::Fields;
use super::{BadRequest, Problem, Unit};
use crate::decide::{OnExpiry, Overage};
use crate::limit::{Costs, Name};
use crate::number::MAX_SAFE;
use crate::policy::MAX_LIMITS;

/// Takes the costs of named limits.
pub(in crate::api) fn costs(fields: &mut Fields<'_>) -> Result<Costs, BadRequest> {
    let Some(mut costs) = fields.object("costs")? else {
        return Ok(Costs::NONE);
    };
    let names: Vec<String> = costs.names().map(str::to_owned).collect();
    if names.is_empty() || names.len() > MAX_LIMITS {
        let problem = Problem::at_most(MAX_LIMITS, Unit::Fields);
        return Err(fields.error("costs", problem));
    }
    let cost = |name: &String| {
        let cost = costs.count(name, 0, MAX_SAFE)?;
        let cost = costs.required(name, cost)?;
        Ok((Name::new("costs", name)?, cost))
    };
    let named = names.iter().map(cost).collect::<Result<_, BadRequest>>()?;
    costs.finish()?;
    Ok(Costs::new(named))
}

const ON_EXPIRY: &str = "keep or giveBack";

/// Takes what becomes of what is held and not settled in time.
pub(in crate::api) fn on_expiry(fields: &mut Fields<'_>) -> Result<OnExpiry, BadRequest> {
    let meaning = |word: &str| {
        let expected = ON_EXPIRY;
        OnExpiry::of_word(word).ok_or(Problem::Malformed { expected })
    };
    Ok(fields
        .word("onExpiry", ON_EXPIRY, meaning)?
        .unwrap_or_default())
}

const OVERAGE: &str = "deny, cap or debt";

fn meaning(word: &str) -> Result<Overage, Problem> {
    Overage::of_word(word).ok_or(Problem::Malformed { expected: OVERAGE })
}

/// Takes what is done with what the limits have no room for.
pub(in crate::api) fn overage(fields: &mut Fields<'_>) -> Result<Overage, BadRequest> {
    Ok(fields
        .word("overage", OVERAGE, meaning)?
        .unwrap_or_default())
}
