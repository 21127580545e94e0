//! Deciding items: under the definitions that they name, all or nothing, once for each operation.

use crate::algorithm::state::{LimitState, Moment};
use crate::algorithm::{Holder, Take};
use crate::calendar::UnknownTimeZone;
use crate::decide::{decide, hold_for, Check};
use crate::decision::Decision;
use crate::{Duration, Limit, Timestamp};

use super::operations::{KeyedCharge, Operation};
use super::pick::Picked;
use super::{Effects, Item, Refusal, SubjectState};

/// What an admission or a refund has changed.
#[derive(Default)]
pub(super) struct Changed {
    /// What was charged, so that it can be taken back.
    charges: Vec<KeyedCharge>,
    /// Keys of the entries to which earlier charges can no longer be taken back.
    final_for: Vec<String>,
}

impl Item {
    /// Whether an answer to this may change anything. What changes nothing does not put its
    /// definition in force either.
    const fn changes(&self) -> bool {
        self.check.cost != 0 && !self.check.peek
    }

    /// Units that an admission charges.
    fn units(&self) -> u64 {
        u64::try_from(self.check.cost).unwrap_or(0)
    }

    pub(super) fn peek(&self) -> Item {
        Item {
            check: Check {
                peek: true,
                ..self.check
            },
            policy: self.policy.clone(),
        }
    }
}

impl SubjectState {
    /// Decides every item, all or nothing, and answers them in order. With an operation id, a
    /// repeated call gets the first answer and charges nothing more, and [`SubjectState::cancel`]
    /// takes the charge back. `random` gives 128 random bits for a permit.
    pub fn limit(
        &mut self,
        items: &[Item],
        operation: Option<u128>,
        random: &mut dyn FnMut() -> u128,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Vec<Decision>, Refusal> {
        self.readable()?;
        if let Some(id) = operation {
            if let Some(known) = self.operations.find(id, moment.now) {
                return known.answers().ok_or(Refusal::Cancelled);
            }
            self.operations.make_room(moment.now)?;
        }
        let holder = self.holder(items, random, moment.now);
        let (mut answers, changed) = match items {
            [item] => {
                let (answer, changed) = self.limit_one(item, holder, moment, effects)?;
                (vec![answer], changed)
            }
            items => self.limit_all(items, holder, moment, effects)?,
        };
        if let Some(changed) = changed {
            for key in &changed.final_for {
                self.operations.drop_charges_of(key);
            }
            if let Some(id) = operation {
                let operation = Operation::new(id, changed.charges, answers.clone(), moment.now);
                self.operations.remember(operation);
            }
        }
        self.mark_contended(items, &mut answers, moment)?;
        self.denials.remember(items, &answers, moment.now);
        if let Some(grant) = answers.iter().find_map(|answer| answer.grant.as_deref()) {
            self.fence = self.fence.max(grant.fence);
        }
        self.ensure_alarm(moment, effects);
        Ok(answers)
    }

    /// Decides one item; with what it changed, where it was admitted and changes anything.
    pub(super) fn limit_one(
        &mut self,
        item: &Item,
        holder: Option<Holder>,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(Decision, Option<Changed>), Refusal> {
        if let Some(denied) = self.blocks.refusal(item, moment.now) {
            return Ok((denied, None));
        }
        if !item.changes() {
            return Ok((self.looked(item, moment)?, None));
        }
        let picked = self.pick(item, moment, effects)?;
        let decision = match self.decide(item, &picked.places, holder, moment) {
            Ok(decision) => decision,
            Err(unknown) => {
                self.put_back(picked);
                return Err(unknown.into());
            }
        };
        if !decision.success {
            self.put_in_force(item, &picked, moment, effects);
            return Ok((decision, None));
        }
        let final_for = self.store(item, &picked, moment, effects)?;
        let mut charges = Vec::new();
        if item.units() > 0 {
            let at = moment.now.plus(decision.delay.unwrap_or(Duration::ZERO));
            charges.extend(self.charges(item, &picked.places, holder, at, moment.now));
            charges.extend(self.charge_others(item, &picked.places, at, moment, effects)?);
        }
        Ok((decision, Some(Changed { charges, final_for })))
    }

    /// Several policies at once: charged one after the other, and put back as they were when one
    /// denies.
    pub(super) fn limit_all(
        &mut self,
        items: &[Item],
        holder: Option<Holder>,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(Vec<Decision>, Option<Changed>), Refusal> {
        let before = self.entries.clone();
        let mut kept = Effects::default();
        let mut answers = Vec::with_capacity(items.len());
        let mut all = Changed::default();
        for item in items {
            match self.limit_one(item, holder, moment, &mut kept) {
                Ok((answer, changed)) => {
                    answers.push(answer);
                    let changed = changed.unwrap_or_default();
                    all.charges.extend(changed.charges);
                    all.final_for.extend(changed.final_for);
                }
                Err(refusal) => {
                    self.entries = before;
                    return Err(refusal);
                }
            }
        }
        if answers.iter().all(|answer| answer.success) {
            effects.writes.append(&mut kept.writes); // each key once: nothing was written before
            return Ok((answers, Some(all)));
        }
        self.entries = before;
        let answers = self.undone(items, answers, moment, effects)?;
        Ok((answers, None))
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
    ) -> Result<Vec<Decision>, Refusal> {
        for item in items.iter().filter(|item| item.changes()) {
            if self.blocks.refusal(item, moment.now).is_none() {
                let picked = self.pick(item, moment, effects)?;
                self.put_in_force(item, &picked, moment, effects);
            }
        }
        let undo = |(item, answer): (&Item, Decision)| {
            if !answer.success {
                return Ok(answer);
            }
            let unused = &mut Effects::default();
            self.limit_one(&item.peek(), None, moment, unused)
                .map(|(answer, _)| answer)
        };
        items.iter().zip(answers).map(undo).collect()
    }

    fn decide(
        &mut self,
        item: &Item,
        places: &[usize],
        holder: Option<Holder>,
        moment: Moment,
    ) -> Result<Decision, UnknownTimeZone> {
        if let [place] = places {
            return decide(
                &item.policy,
                &mut [&mut self.entries[*place].state],
                &item.check,
                holder,
                moment,
            );
        }
        let mut states: Vec<(usize, &mut LimitState)> = (self.entries.iter_mut().enumerate())
            .filter_map(|(i, entry)| {
                Some((
                    places.iter().position(|place| *place == i)?,
                    &mut entry.state,
                ))
            })
            .collect();
        states.sort_by_key(|(order, _)| *order);
        let mut states: Vec<&mut LimitState> = states.into_iter().map(|(_, state)| state).collect();
        decide(&item.policy, &mut states, &item.check, holder, moment)
    }

    /// Stores what an admission or a refund has changed. Answers the keys of those whose earlier
    /// charges can no longer be taken back: they were given back already, or are counted in other
    /// units now, and taking them back as well could give units twice.
    pub(super) fn store(
        &mut self,
        item: &Item,
        picked: &Picked,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Vec<String>, Refusal> {
        let refund = item.check.cost < 0;
        let mut final_for = Vec::new();
        for &place in &picked.places {
            let counts_on = picked.counts_on(place, &self.entries);
            let entry = &mut self.entries[place];
            entry.set_policy(&item.policy);
            if refund || !counts_on {
                final_for.push(entry.key());
            }
            if refund {
                entry.write_exact(moment, effects);
            } else {
                entry.write_ahead(item.units(), moment, effects)?;
            }
        }
        Ok(final_for)
    }

    /// What an admission charged, for its cancellation.
    fn charges<'a>(
        &'a self,
        item: &'a Item,
        places: &'a [usize],
        holder: Option<Holder>,
        at: Timestamp,
        now: Timestamp,
    ) -> impl Iterator<Item = KeyedCharge> + 'a {
        let units = item.units();
        let limits = places.iter().zip(item.policy.limits());
        limits.filter_map(move |(&place, limit)| {
            let hold = hold_for(limit, &item.check, holder, now);
            let entry = &self.entries[place];
            let algorithm = entry.limit.algorithm();
            let charge = entry.state.charge(algorithm, &Take { units, hold }, at)?;
            Some((entry.key(), charge))
        })
    }

    /// Charges an admission to the other definitions of its named limits that are still in use, so
    /// that no change of window or algorithm, forth or back, makes a unit. Answers what was
    /// charged.
    pub(super) fn charge_others(
        &mut self,
        item: &Item,
        places: &[usize],
        at: Timestamp,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Vec<KeyedCharge>, Refusal> {
        let mut charges = Vec::new();
        let policy = item.policy.name_or_empty();
        let named: Vec<&Limit> = item
            .policy
            .limits()
            .iter()
            .filter(|limit| limit.name().is_some())
            .collect();
        if named.is_empty() {
            return Ok(charges);
        }
        for (i, entry) in self.entries.iter_mut().enumerate() {
            let is_another =
                !places.contains(&i) && named.iter().any(|limit| entry.is_named_as(policy, limit));
            if !is_another || entry.idle_at(moment.now) <= moment.now {
                continue;
            }
            if let Some(charge) = entry.charge_past(item.units(), at, moment)? {
                charges.push((entry.key(), charge));
            }
            entry.write_ahead(item.units(), moment, effects)?;
        }
        Ok(charges)
    }
}
