//! Admitting beyond what limits have room for: what is left, or all of it as debt. And charging
//! what has happened already.

use crate::algorithm::state::Moment;
use crate::algorithm::Holder;
use crate::calendar::UnknownTimeZone;
use crate::decide::{capped, Check, Overage};
use crate::decision::Decision;

use super::changed::Changed;
use super::decider::Decider;
use super::limits::Limits;
use super::look::Look;
use super::picked::Picked;
use super::{Effects, Item, Refusal};

impl Picked<'_> {
    /// Whether a check that was refused may be admitted as debt: no limit that it asks is in debt
    /// already, and none would owe more than the whole of it.
    pub(super) fn may_owe(
        &self,
        check: &Check,
        limits: &Limits,
        moment: Moment,
    ) -> Result<bool, UnknownTimeZone> {
        let on_hold = limits.on_hold(&self.item.policy);
        for (i, (&place, limit)) in self
            .places
            .iter()
            .zip(self.item.policy.limits())
            .enumerate()
        {
            let usage = &limits.entries[place].usage;
            let most = usage.algorithm().limit();
            let held = on_hold.as_ref().map_or(0, |units| units[i]);
            let used = usage.used(moment)?.saturating_add(held);
            let units = check.units_of(limit);
            if units > 0 && (used > most || used.saturating_add(units) > most.saturating_mul(2)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Decider<'_> {
    /// Decides an item beyond what its limits, which `refused` it, have room for.
    pub(super) fn over(
        &mut self,
        picked: Picked,
        refused: Decision,
        holder: Option<Holder>,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(Decision, Changed), Refusal> {
        let item = picked.item;
        let check = &item.check;
        let left = match check.overage {
            Overage::Cap => capped(check, core::iter::once((&item.policy, &refused))),
            _ => None,
        };
        if let Some(left) = left {
            let less = Item {
                policy: item.policy.clone(),
                check: left.clone(),
            };
            let picked = picked.asking(&less);
            let mut decision = picked.decide(self.limits, holder, moment)?;
            if !decision.success {
                return self.refused(item, &picked, refused, moment, effects);
            }
            let now = moment.now;
            let changed = Changed::by(&picked, holder, now, self.limits, moment, effects)?;
            Look::new(&less, self.limits).look_ahead(&mut decision, moment)?;
            decision.granted = Some(left.into());
            return Ok((decision, changed));
        }
        if check.overage == Overage::Debt && picked.may_owe(check, self.limits, moment)? {
            return self.record(&picked, moment, effects);
        }
        self.refused(item, &picked, refused, moment, effects)
    }

    /// The refusal of an item: its definitions come into force, and its wait is told.
    pub(super) fn refused(
        &mut self,
        item: &Item,
        picked: &Picked,
        mut refused: Decision,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(Decision, Changed), Refusal> {
        let charges = None;
        let final_for = picked.put_in_force(self.limits, moment, effects);
        Look::new(item, self.limits).look_ahead(&mut refused, moment)?;
        Ok((refused, Changed { charges, final_for }))
    }

    /// Charges what has happened: past the limits as debt, of each at most the whole of it.
    pub(super) fn record(
        &mut self,
        picked: &Picked,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(Decision, Changed), Refusal> {
        let item = picked.item;
        for &place in &picked.places {
            let usage = &mut self.limits.entries[place].usage;
            let units = item.units_of(&usage.limit);
            usage.charge_as_debt(units, moment)?;
        }
        let changed = Changed::by(picked, None, moment.now, self.limits, moment, effects)?;
        Ok((self.standing(item, None, moment)?, changed))
    }
}
