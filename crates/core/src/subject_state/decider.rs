//! Deciding items: all or nothing, blocks before limits.

use crate::algorithm::charge::Charge;
use crate::algorithm::state::Moment;
use crate::algorithm::Holder;
use crate::decide::{Check, Overage};
use crate::decision::{Decision, Reason};
use crate::Duration;

use super::blocks::Blocks;
use super::changed::Changed;
use super::holds::Terms;
use super::limits::Limits;
use super::look::Look;
use super::lookup::{Found, Lookup};
use super::picked::Picked;
use super::{Effects, Item, Refusal};

/// What decides, for the time of one call.
pub(super) struct Decider<'a> {
    pub(super) limits: &'a mut Limits,
    pub(super) blocks: &'a Blocks,
    /// On what terms units are held.
    pub(super) terms: Terms,
    /// The permit that the call has taken by now.
    pub(super) taken: Option<u128>,
}

impl Decider<'_> {
    /// Decides every item, all or nothing: the answers in order, and what was changed. An error
    /// leaves the limits and `effects` as they were.
    pub(super) fn decide(
        &mut self,
        items: &[Item],
        holder: Option<Holder>,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(Vec<Decision>, Changed), Refusal> {
        if let [item] = items {
            if !self.blocks.may_change(item, moment.now) && !self.brings_class(item, moment) {
                return Ok((vec![self.look(item, moment)?], Changed::default()));
            }
            let limits = &*self.limits;
            if !(Lookup { item, limits }).may_fail() {
                let (answer, changed) = self.one(item, holder, moment, effects)?;
                return Ok((vec![answer], changed));
            }
        }
        self.or_restored(effects, |decider, before, effects| match items {
            [item] => {
                let (answer, changed) = decider.one(item, holder, moment, effects)?;
                Ok((vec![answer], changed))
            }
            items => decider.several(items, holder, before, moment, effects),
        })
    }

    /// Runs a step that may fail after it has changed something. After an error the limits are
    /// restored, and its effects are dropped. `step` is given the limits as they were.
    pub(super) fn or_restored<T>(
        &mut self,
        effects: &mut Effects,
        step: impl FnOnce(&mut Self, &Limits, &mut Effects) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let before = self.limits.clone();
        let done = effects.keep_if_ok(|effects| step(self, &before, effects));
        if done.is_err() {
            *self.limits = before;
        }
        done
    }

    /// Decides one item. After an error the limits may have changed: the caller restores them.
    pub(super) fn one(
        &mut self,
        item: &Item,
        holder: Option<Holder>,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(Decision, Changed), Refusal> {
        if !self.blocks.may_change(item, moment.now) {
            let final_for = self.bring_class(item, moment, effects)?;
            let changed = Changed {
                charges: None,
                final_for,
            };
            return Ok((self.look(item, moment)?, changed));
        }
        if item.check.cost < 0 && !self.limits.taken.is_empty() {
            if let Some(refunded) = self.refund(item, moment, effects)? {
                return Ok(refunded);
            }
        }
        let picked = Picked::pick(item, self.limits, moment, effects)?;
        if let Some(holder) = holder.filter(|_| item.holds()) {
            return self.hold(picked, holder, moment, effects);
        }
        if item.check.record {
            return self.record(&picked, moment, effects);
        }
        let mut decision = picked.decide(self.limits, holder, moment)?;
        if item.check.bypass {
            if !decision.success {
                return self.let_through(&picked, moment, effects);
            }
            decision.reason = Some(Reason::Override);
        }
        let changed = if decision.success {
            let at = moment.now.plus(decision.delay.unwrap_or(Duration::ZERO));
            let mut changed = Changed::by(&picked, holder, at, self.limits, moment, effects)?;
            if let Some(holder) = holder.filter(|_| at > moment.now) {
                let charges = changed.charges.get_or_insert_with(Vec::new);
                decision.grant = self.keep_place(item, charges, (holder, at), effects);
                if decision.grant.is_some() {
                    let permit = holder.permit;
                    charges.push((String::new(), Charge::Held { permit }));
                }
            }
            changed
        } else {
            let left = self.limits.taken.left(&item.policy, moment.now);
            if left > 0 && item.check.costs.is_empty() {
                return self.grant(picked, (&decision, left), moment, effects);
            }
            if item.check.overage != Overage::Deny {
                return self.over(picked, decision, holder, moment, effects);
            }
            let final_for = picked.put_in_force(self.limits, moment, effects);
            picked.reserve(self.limits, moment, effects)?;
            Changed {
                charges: None,
                final_for,
            }
        };
        Look::new(item, self.limits).look_ahead(&mut decision, moment)?;
        Ok((decision, changed))
    }

    /// Whether an item that is refused for its upstream's sake is asked by a class of those that
    /// share its limits.
    fn brings_class(&self, item: &Item, moment: Moment) -> bool {
        is_of_class(item) && self.blocks.shut(item, moment.now).is_some()
    }

    /// Has the class come that asks an item that is refused for its upstream's sake, and keeps for
    /// it what the limits would refuse it as well when the gate opens: so the wait that it is told
    /// is true. Another definition comes into force only where the limits decide. Answers the keys
    /// of the states to which earlier charges can no longer be taken back.
    fn bring_class(
        &mut self,
        item: &Item,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Vec<String>, Refusal> {
        let Some(shut) = (self.blocks.shut(item, moment.now)).filter(|_| is_of_class(item)) else {
            return Ok(Vec::new());
        };
        for limit in item.policy.limits() {
            let limits = &*self.limits;
            if let Found::Changed(..) = (Lookup { item, limits }).find(limit, moment)? {
                return Ok(Vec::new());
            }
        }
        let picked = Picked::pick(item, self.limits, moment, effects)?;
        let final_for = picked.put_in_force(self.limits, moment, effects);
        let opens = Moment {
            now: shut.until,
            ..moment
        };
        if !Look::new(&item.peek(), self.limits).answer(opens)?.success {
            let picked = Picked::pick(item, self.limits, moment, effects)?;
            picked.reserve(self.limits, moment, effects)?;
        }
        Ok(final_for)
    }

    /// Admits what an override lets through although its limits refuse it: it is counted as far as
    /// each of them has room, and takes no slot. That is not taken back.
    fn let_through(
        &mut self,
        picked: &Picked,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(Decision, Changed), Refusal> {
        let item = picked.item;
        let on_hold = self.limits.on_hold(&item.policy);
        for (i, &place) in picked.places.iter().enumerate() {
            let entry = &mut self.limits.entries[place];
            let limit = entry.usage.limit.clone();
            let units = item.units_of(&limit);
            let on_hold = on_hold.as_ref().map_or(0, |held| held[i]);
            let units = entry.usage.take_left(units, on_hold, moment)?;
            picked.set_policy(entry);
            entry.write_ahead(units, moment, effects)?;
        }
        let changed = Changed {
            charges: Some(Vec::new()),
            final_for: Vec::new(),
        };
        let reason = Some(Reason::Override);
        Ok((self.standing(item, reason, moment)?, changed))
    }

    /// How the limits of an item stand that is let through.
    pub(super) fn standing(
        &self,
        item: &Item,
        reason: Option<Reason>,
        moment: Moment,
    ) -> Result<Decision, Refusal> {
        let nothing = Item {
            policy: item.policy.clone(),
            check: Check {
                peek: true,
                ..Check::of(0)
            },
        };
        let mut decision = Look::new(&nothing, self.limits).answer(moment)?;
        decision.reason = reason;
        Ok(decision)
    }

    /// What the item would be answered, changing nothing.
    fn look(&self, item: &Item, moment: Moment) -> Result<Decision, Refusal> {
        let blocked = self.blocks.refusal(item, moment.now);
        if let Some(shut) = self.blocks.shut(item, moment.now) {
            let refused = self.shut_out(item, shut, moment)?;
            return Ok(match blocked {
                Some(blocked) if !refused.is_longer_than(&blocked) => blocked,
                _ => refused,
            });
        }
        match blocked {
            Some(denied) => Ok(denied),
            None if item.check.bypass => self.standing(item, Some(Reason::Override), moment),
            None => Look::new(item, self.limits).answer(moment),
        }
    }

    /// Several policies at once: charged one after the other, and put back as they were `before`
    /// when one denies.
    fn several(
        &mut self,
        items: &[Item],
        holder: Option<Holder>,
        before: &Limits,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(Vec<Decision>, Changed), Refusal> {
        let mut charged = Effects::default();
        let mut answers = Vec::with_capacity(items.len());
        let mut all = Changed::default();
        for item in items {
            let (answer, changed) = self.one(item, holder, moment, &mut charged)?;
            answers.push(answer);
            all.extend(changed);
        }
        if answers.iter().all(|answer| answer.success) {
            *effects = charged; // nothing was to be written before
            return Ok((answers, all));
        }
        self.limits.clone_from(before);
        self.undone(items, answers, moment, effects)
    }

    /// The answers of a call that charged nothing: who had room still says so, with what is left
    /// now. All of their definitions are in force nevertheless: else no wait that was told would
    /// hold.
    fn undone(
        &mut self,
        items: &[Item],
        answers: Vec<Decision>,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(Vec<Decision>, Changed), Refusal> {
        let mut final_for = Vec::new();
        let decided = |item: &&Item| self.blocks.may_change(item, moment.now);
        for (item, answer) in items.iter().zip(&answers) {
            if !decided(&item) {
                final_for.extend(self.bring_class(item, moment, effects)?);
                continue;
            }
            let picked = Picked::pick(item, self.limits, moment, effects)?;
            final_for.extend(picked.put_in_force(self.limits, moment, effects));
            if !answer.success {
                picked.reserve(self.limits, moment, effects)?;
            }
        }
        let undo = |(item, answer): (&Item, Decision)| match answer.success {
            true => self.look(&item.peek(), moment),
            false => Ok(answer),
        };
        let answers: Result<Vec<Decision>, Refusal> = items.iter().zip(answers).map(undo).collect();
        let charges = None;
        Ok((answers?, Changed { charges, final_for }))
    }

    /// Counts what was given out elsewhere, past any limit and any block: it has been used. All
    /// items are charged, or none after an error. Of each limit at most the whole is charged, so
    /// that a long absence is not followed by an equally long refusal. Answers the keys of the
    /// states to which earlier charges can no longer be taken back.
    pub(super) fn charge(
        &mut self,
        items: &[Item],
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Vec<String>, Refusal> {
        self.or_restored(effects, |decider, _, effects| {
            let mut final_for = Vec::new();
            for item in items {
                final_for.extend(decider.charge_one(item, moment, effects)?.final_for);
            }
            Ok(final_for)
        })
    }

    /// Charges one item, if that is possible.
    fn charge_one(
        &mut self,
        item: &Item,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Changed, Refusal> {
        if !item.is_chargeable() {
            return Ok(Changed::default());
        }
        let mut picked = Picked::pick(item, self.limits, moment, effects)?;
        picked.is_whole = false;
        for &place in &picked.places {
            let usage = &mut self.limits.entries[place].usage;
            let units = item.units_of(&usage.limit);
            usage.charge_whole(units, moment)?;
        }
        Changed::by(&picked, None, moment.now, self.limits, moment, effects)
    }
}

/// Whether an item that may be refused is asked by a class of those that share its limits.
fn is_of_class(item: &Item) -> bool {
    item.policy.weights().is_some() && !item.check.peek
}
