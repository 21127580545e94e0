//! Admitting what several levels have left, where that is less than was asked for: all are asked
//! for the whole, and where they refuse it once more for what they said they had.

use tollgate_core::decide::Check;

use super::outcome::Outcome;
use super::pending::Levels;
use super::together;
use crate::context::Context;
use crate::error::ApiError;

/// Decides one check with all its levels.
pub(super) async fn check_levels(
    context: &Context<'_>,
    mut levels: Levels,
) -> Result<Outcome, ApiError> {
    let whole = together::check_levels(context, levels.clone(), true).await?;
    let Some(left) = whole.left.clone().filter(|_| !whole.decision.success) else {
        return Ok(whole);
    };
    for level in [&mut levels.own].into_iter().chain(&mut levels.above) {
        let Check { cost, costs, .. } = (*left).clone();
        level.item.check.cost = cost;
        level.item.check.costs = costs;
    }
    let mut outcome = together::check_levels(context, levels, false).await?;
    if outcome.decision.success {
        outcome.decision.granted = Some((*left).into());
        return Ok(outcome);
    }
    Ok(whole)
}
