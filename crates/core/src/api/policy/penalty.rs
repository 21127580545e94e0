//! What becomes of who goes on being refused: `penalty: {after, within, block}`.

use super::numbers::at;
use crate::api::element::Element;
use crate::api::fields::Fields;
use crate::api::BadRequest;
use crate::limit::MAX_WINDOW;
use crate::policy::penalty::{Penalty, MAX_AFTER, MAX_STEPS, MAX_WITHIN, SPACING};
use crate::policy::Policy;

/// Takes `penalty`, if it is there, for `policy`.
pub(super) fn take(fields: &mut Fields<'_>, policy: Policy) -> Result<Policy, BadRequest> {
    let Some(mut inner) = fields.object("penalty")? else {
        return Ok(policy);
    };
    let after = inner.count("after", 1, MAX_AFTER)?;
    let after = inner.required("after", after)?;
    let within = inner.duration("within", SPACING, MAX_WITHIN)?;
    let within = inner.required("within", within)?;
    let block = inner.array("block", MAX_STEPS)?;
    let step = |step: Element<'_>| step.duration(SPACING, MAX_WINDOW);
    let block = inner.required("block", block)?.into_iter().map(step);
    let block = block.collect::<Result<_, _>>()?;
    let penalty = Penalty::new(after, within, block).map_err(|error| at(&inner, error))?;
    inner.finish()?;
    let penalized = policy.with_penalty(penalty);
    penalized.map_err(|error| at(fields, error))
}
