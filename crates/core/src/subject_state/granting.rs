//! Deciding with units that overrides grant: what the limits have no room for is taken of them, and
//! what is given back goes to them first.

use crate::algorithm::charge::Charge;
use crate::algorithm::state::Moment;
use crate::decide::Check;
use crate::decision::{Decision, Reason};
use crate::Duration;

use super::changed::Changed;
use super::decider::Decider;
use super::granted::{taker, Share};
use super::look::Look;
use super::operations::KeyedCharge;
use super::picked::Picked;
use super::{Effects, Item, Refusal};

/// An item of another cost.
fn of_cost(item: &Item, cost: i64) -> Item {
    Item {
        policy: item.policy.clone(),
        check: Check {
            cost,
            ..item.check.clone()
        },
    }
}

/// Units that an admission charges to each limit.
fn units(item: &Item) -> u64 {
    u64::try_from(item.check.cost).unwrap_or(0)
}

fn charge(share: Share, by: Option<String>) -> KeyedCharge {
    let Share { id, units } = share;
    (Share::key_of(id), Charge::Granted { id, units, by })
}

impl Decider<'_> {
    /// Decides an item that was `refused` by its limits alone, of which grants have units `left`:
    /// the limits are charged what they have, the grants the rest. All or nothing.
    pub(super) fn grant(
        &mut self,
        picked: Picked,
        (refused, left): (&Decision, u64),
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(Decision, Changed), Refusal> {
        let item = picked.item;
        let least = of_cost(item, item.check.beside(left).cost);
        let remaining = refused.limits.iter().map(|it| it.remaining).min();
        let remaining = i64::try_from(remaining.unwrap_or(0)).unwrap_or(i64::MAX);
        let most = remaining.min(item.check.cost - 1).max(least.check.cost);
        let own = of_cost(item, most);
        let mut picked = picked.asking(&own);
        let mut decision = picked.decide(self.limits, None, moment)?;
        if !decision.success && most > least.check.cost {
            picked.item = &least;
            decision = picked.decide(self.limits, None, moment)?;
        }
        let changed = if decision.success {
            self.share(item, &picked, &decision, moment, effects)?
        } else {
            Changed {
                charges: None,
                final_for: picked.put_in_force(self.limits, moment, effects),
            }
        };
        Look::new(item, self.limits).look_ahead(&mut decision, moment)?;
        if decision.success {
            decision.reason = Some(Reason::Override);
        }
        Ok((decision, changed))
    }

    /// Charges what the limits have admitted of an item to them, and the rest to the grants.
    fn share(
        &mut self,
        item: &Item,
        picked: &Picked,
        decision: &Decision,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Changed, Refusal> {
        let own = units(picked.item);
        let at = moment.now.plus(decision.delay.unwrap_or(Duration::ZERO));
        let mut changed = if own > 0 {
            Changed::by(picked, None, at, self.limits, moment, effects)?
        } else {
            Changed {
                charges: None,
                final_for: picked.put_in_force(self.limits, moment, effects),
            }
        };
        let taken = &mut self.limits.taken;
        let by = taker(&item.policy);
        let shares = taken.take(&item.policy, units(item) - own, by.as_deref(), moment.now);
        effects.writes.push(taken.write());
        let charges = changed.charges.get_or_insert_with(Vec::new);
        charges.extend(shares.into_iter().map(|share| charge(share, by.clone())));
        Ok(changed)
    }

    /// Gives units back of which some were taken of grants: these first, the rest to the limits.
    /// `None` where none were. What was charged to those grants before can no longer be taken back.
    pub(super) fn refund(
        &mut self,
        item: &Item,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Option<(Decision, Changed)>, Refusal> {
        let units = item.check.cost.unsigned_abs();
        let taken = &mut self.limits.taken;
        let shares = taken.refund(&item.policy, units, moment.now);
        if shares.is_empty() {
            return Ok(None);
        }
        effects.writes.push(taken.write());
        let given: u64 = shares.iter().map(|share| share.units).sum();
        let rest = of_cost(item, item.check.cost.saturating_add_unsigned(given));
        let (decision, mut changed) = self.one(&rest, None, moment, effects)?;
        changed.charges.get_or_insert_with(Vec::new);
        let keys = shares.into_iter().map(|share| Share::key_of(share.id));
        changed.final_for.extend(keys);
        Ok(Some((decision, changed)))
    }
}
