//! Everything that one object keeps for one subject: the states of its limits, its blocks, its fence, and what it remembers of recent
//! operations. A pure machine: calls and time go in, answers and row changes come out; the object applies them before it answers.
//!
//! **Writing ahead.** Rows run ahead of the real use by up to R − 1 units. Before an admission is answered, the stored row is projected
//! to now by the same arithmetic; if it no longer covers the real use, now and ever after, it is rewritten. So a restart from the rows
//! may refuse up to R − 1 units too many and never admits one too many.

mod answer;
mod blocks;
mod call;
mod charge;
mod entry;
mod operations;
mod permits;
mod pick;
mod status;
mod upkeep;

use std::collections::VecDeque;

pub use blocks::Block;
pub use call::{Effects, Item, Refusal, Write};
pub use entry::Entry;
pub use status::{Denial, LimitStatus, Status, RECENT_DENIALS};
pub use upkeep::ALARM_SPACING;

use operations::{Operation, Operations, Released};

use crate::algorithm::state::{LimitState, Moment};
use crate::calendar::UnknownTimeZone;
use crate::codec::{Line, Unreadable};
use crate::decide::{decide, Check, GrantSeed};
use crate::decision::Decision;
use crate::row::ROW_VERSION;
use crate::{Duration, Timestamp};

/// The most limits a subject has state for at once. Callers choose windows freely, and each is a state of its own.
pub const MAX_ENTRIES: usize = 64;

/// The state of one subject. See the module's documentation.
#[derive(Debug, Default)]
pub struct SubjectState {
    entries: Vec<Entry>,
    blocks: Vec<Block>,
    fence: u64,
    operations: Operations,
    released: Released,
    denials: VecDeque<Denial>,
    /// The cleaning alarm, as far as it is known to be set.
    alarm: Option<Timestamp>,
    unreadable: Option<Unreadable>,
}

impl SubjectState {
    /// The state that `rows` (key and text) describe. A row that cannot be read makes every call but a reset answer
    /// [`Refusal::Unavailable`]: it is never taken as empty.
    pub fn from_rows<'a>(rows: impl IntoIterator<Item = (&'a str, &'a str)>) -> SubjectState {
        let mut state = SubjectState::default();
        for (key, row) in rows {
            match (state.read(key, row), &state.unreadable) {
                (Ok(()), _) | (Err(_), Some(Unreadable::Version { .. })) => {}
                (Err(unreadable), _) => state.unreadable = Some(unreadable),
            }
        }
        state
    }

    fn read(&mut self, key: &str, row: &str) -> Result<(), Unreadable> {
        let line = Line::parse(Line::versioned(row, ROW_VERSION)?);
        match line.word() {
            "limit" => {
                let entry = Entry::from_line(&line, key)?;
                self.fence = self.fence.max(entry.newest_fence());
                self.entries.push(entry);
            }
            "block" => self.blocks.push(Block {
                policy: line.get("policy").map(str::to_owned),
                until: Timestamp::from_millis(line.needed("until")?),
                reason: line.text("reason")?,
            }),
            "fence" => self.fence = self.fence.max(line.needed("fence")?),
            _ => return Err(Unreadable::Damaged("word")),
        }
        Ok(())
    }

    fn readable(&self) -> Result<(), Refusal> {
        self.unreadable
            .clone()
            .map_or(Ok(()), |unreadable| Err(Refusal::Unavailable(unreadable)))
    }

    /// Decides every item, all or nothing, and answers them in order. With an operation id, a repeated call gets the first answer and
    /// charges nothing more, and [`SubjectState::cancel`] takes the charge back. `random` gives 128 random bits for a permit.
    pub fn limit(
        &mut self,
        items: &[Item],
        operation: Option<u128>,
        random: &mut dyn FnMut() -> u128,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Vec<Decision>, Refusal> {
        self.readable()?;
        if let Some(known) = operation.and_then(|id| self.operations.find(id)) {
            return known.answers().ok_or(Refusal::Cancelled);
        }
        let seed = self.seed(items, random, moment.now);
        let answers = match items {
            [item] => vec![self.limit_one(item, seed, operation, moment, effects)?],
            items => self.limit_all(items, seed, operation, moment, effects)?,
        };
        self.remember_denials(items, &answers, moment.now);
        if let Some(grant) = answers.iter().find_map(|answer| answer.grant.as_deref()) {
            self.fence = grant.fence;
        }
        self.ensure_alarm(moment, effects);
        Ok(answers)
    }

    fn limit_one(
        &mut self,
        item: &Item,
        seed: GrantSeed,
        operation: Option<u128>,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Decision, Refusal> {
        if let Some(denied) = self.blocked(item, moment.now) {
            return Ok(denied);
        }
        let before = self.entries.len();
        let picked = self.pick(item, moment, effects)?;
        let decided = self.decide(item, &picked.places, seed, moment);
        let charged = matches!(&decided, Ok(decision) if decision.success && item.check.cost != 0 && !item.check.peek);
        if !charged {
            self.entries.truncate(before);
            picked.undo(&mut self.entries);
            return Ok(decided?);
        }
        let decision = decided?;
        self.store(item, &picked.places, moment, effects)?;
        if let Some(id) = operation {
            let operation = self.charged(id, item, &picked.places, seed, &decision, moment);
            self.operations.remember(operation);
        }
        Ok(decision)
    }

    /// Several policies at once: charged one after the other, and put back as they were when one denies.
    fn limit_all(
        &mut self,
        items: &[Item],
        seed: GrantSeed,
        operation: Option<u128>,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Vec<Decision>, Refusal> {
        let before = self.entries.clone();
        let mut kept = Effects::default();
        let mut answers = Vec::with_capacity(items.len());
        let mut charges = Vec::new();
        for item in items {
            let id = operation.unwrap_or_default();
            match self.limit_one(item, seed, Some(id), moment, &mut kept) {
                Ok(answer) => answers.push(answer),
                Err(refusal) => {
                    self.operations.forget(id);
                    self.entries = before;
                    return Err(refusal);
                }
            }
            charges.extend(
                self.operations
                    .forget(id)
                    .map(|operation| operation.charges)
                    .unwrap_or_default(),
            );
        }
        if answers.iter().all(|answer| answer.success) {
            effects.writes.append(&mut kept.writes);
            if let Some(id) = operation {
                let operation = Operation::new(id, charges, answers.clone(), moment.now);
                self.operations.remember(operation);
            }
            return Ok(answers);
        }
        self.entries = before;
        self.undone(items, answers, moment)
    }

    /// The answers of a call that charged nothing: who had room still says so, with what is left now.
    fn undone(
        &mut self,
        items: &[Item],
        answers: Vec<Decision>,
        moment: Moment,
    ) -> Result<Vec<Decision>, Refusal> {
        let mut unused = Effects::default();
        let undo = |(item, answer): (&Item, Decision)| {
            if !answer.success {
                return Ok(answer);
            }
            let peek = Item {
                check: Check {
                    peek: true,
                    ..item.check
                },
                policy: item.policy.clone(),
            };
            self.limit_one(&peek, GrantSeed::default(), None, moment, &mut unused)
        };
        items.iter().zip(answers).map(undo).collect()
    }

    fn decide(
        &mut self,
        item: &Item,
        places: &[usize],
        seed: GrantSeed,
        moment: Moment,
    ) -> Result<Decision, UnknownTimeZone> {
        if let [place] = places {
            return decide(
                &item.policy,
                &mut [&mut self.entries[*place].state],
                &item.check,
                seed,
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
        decide(&item.policy, &mut states, &item.check, seed, moment)
    }

    fn store(
        &mut self,
        item: &Item,
        places: &[usize],
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        let refund = item.check.cost < 0;
        for &place in places {
            let entry = &mut self.entries[place];
            entry.set_policy(&item.policy);
            if refund || !entry.is_stored() {
                // Given back already, or counted in other units now: taking the charge back as well could give units twice.
                self.operations.drop_charges_of(&entry.key());
            }
            entry.write_ahead(refund, moment, effects)?;
        }
        Ok(())
    }

    fn charged(
        &self,
        id: u128,
        item: &Item,
        places: &[usize],
        seed: GrantSeed,
        decision: &Decision,
        moment: Moment,
    ) -> Operation {
        let at = moment.now.plus(decision.delay.unwrap_or(Duration::ZERO));
        let units = u64::try_from(item.check.cost).unwrap_or(0);
        let charges = places
            .iter()
            .zip(item.policy.limits())
            .filter(|_| units > 0)
            .map(|(&place, limit)| {
                let slot = crate::decide::slot_for(limit, &item.check, units, seed, moment.now);
                (
                    self.entries[place].key(),
                    self.entries[place].state.charge(&slot, at),
                )
            });
        Operation::new(id, charges.collect(), vec![decision.clone()], moment.now)
    }

    /// Takes back what the operation charged here, as far as its windows have not passed. Doing it again, or for an operation that never
    /// came, changes nothing; one that comes after its cancellation is not charged.
    pub fn cancel(
        &mut self,
        operation: u128,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        self.readable()?;
        let Some((number, charges)) = self.operations.cancel(operation, moment.now) else {
            return Ok(());
        };
        for (key, charge) in charges {
            if let Some(entry) = self.entries.iter_mut().find(|entry| entry.key() == key) {
                let parts = entry.cancel(&charge, moment)?;
                self.operations.lower_later(number, &key, parts);
                entry.write_ahead(true, moment, effects)?;
            }
        }
        Ok(())
    }
}
