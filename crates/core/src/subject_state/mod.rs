//! Everything that one object keeps for one subject: the states of its limits, its blocks, its fence, and what it remembers of recent
//! operations. A pure machine: calls and time go in, answers and row changes come out; the object applies them before it answers.
//!
//! **Writing ahead.** Rows run ahead of the real use by up to R − 1 units. Before an admission is answered, the stored row is projected
//! to now by the same arithmetic; if it no longer covers the real use, now and ever after, it is rewritten. So a restart from the rows
//! may refuse up to R − 1 units too many and never admits one too many.

mod entry;
mod operations;

use std::collections::VecDeque;

pub use entry::Entry;
use operations::{Operation, Operations, Released};

use crate::algorithm::state::{LimitState, Moment};
use crate::calendar::UnknownTimeZone;
use crate::codec::{Line, LineWriter, Unreadable};
use crate::decide::{decide, Check, GrantSeed};
use crate::decision::{Decision, Grant, Reason, Standings};
use crate::policy::Policy;
use crate::row::ROW_VERSION;
use crate::{Duration, Limit, Timestamp};

/// The most limits a subject has state for at once. Callers choose windows freely, and each is a state of its own.
pub const MAX_ENTRIES: usize = 64;
/// How many refusals are remembered, in memory only, for whoever asks why.
pub const RECENT_DENIALS: usize = 20;
/// The least time between two cleaning alarms: each is a billed request and a row written.
pub const ALARM_SPACING: Duration = Duration::from_secs(60);

/// One policy asked in a call, and what is asked of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The limits.
    pub policy: Policy,
    /// Cost and conditions.
    pub check: Check,
}

/// A change to the stored rows. All changes of one call are applied together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Insert or replace.
    Put {
        /// The row's key.
        key: String,
        /// The row's text.
        row: String,
    },
    /// Remove.
    Delete {
        /// The row's key.
        key: String,
    },
    /// Remove every row.
    DeleteAll,
}

/// What the object does before it answers.
#[derive(Debug, Default)]
pub struct Effects {
    /// Row changes, in order.
    pub writes: Vec<Write>,
    /// Set the cleaning alarm to this instant.
    pub alarm: Option<Timestamp>,
}

/// Why a call has no answer of its own kind. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A quota names a zone that the runtime does not know.
    #[error("there is no time zone `{0}`")]
    UnknownTimeZone(String),
    /// The operation was cancelled before it came.
    #[error("the operation was cancelled")]
    Cancelled,
    /// The permit was never given, or is over.
    #[error("the permit is unknown or has expired")]
    UnknownPermit,
    /// The subject has [`MAX_ENTRIES`] states, all in use.
    #[error("a subject has at most {MAX_ENTRIES} limits in use at once")]
    TooManyLimits,
    /// The stored rows cannot be read by this version, and are left as they are.
    #[error("the stored state cannot be read: {0}")]
    Unavailable(Unreadable),
}

impl From<UnknownTimeZone> for Refusal {
    fn from(unknown: UnknownTimeZone) -> Refusal {
        Refusal::UnknownTimeZone(unknown.zone.as_str().to_owned())
    }
}

/// A subject, or one policy of it, shut out until an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The policy it is for; `None` means all.
    pub policy: Option<String>,
    /// From this instant on it is over.
    pub until: Timestamp,
    /// What whoever set it said.
    pub reason: String,
}

/// One refusal, as remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// When.
    pub at: Timestamp,
    /// The policy's name, empty for inline.
    pub policy: String,
    /// The limit that decided, if one did.
    pub limited_by: Option<String>,
    /// The cost asked.
    pub cost: i64,
    /// Why.
    pub reason: Reason,
}

/// One limit's state, for whoever looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitStatus {
    /// The policy's name, empty for inline.
    pub policy: String,
    /// The policy's version when it was last charged.
    pub version: u64,
    /// The limit as last charged.
    pub limit: Limit,
    /// Units left.
    pub remaining: u64,
    /// As in a decision.
    pub reset: Timestamp,
}

/// A subject's full state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// Each limit that is not idle, in the order of first use.
    pub limits: Vec<LimitStatus>,
    /// Blocks in force.
    pub blocks: Vec<Block>,
    /// The newest refusals, oldest first; forgotten when the object sleeps.
    pub denials: Vec<Denial>,
}

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
            if let Err(unreadable) = state.read(key, row) {
                state.unreadable = Some(unreadable);
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

    /// Whether anything is stored, so that there has to be a cleaning alarm.
    pub fn has_rows(&self) -> bool {
        self.unreadable.is_some()
            || !self.blocks.is_empty()
            || self.entries.iter().any(Entry::is_stored)
    }

    /// Tells that the cleaning alarm is set to this instant, or not set: what the object learnt from its storage.
    pub fn alarm_is(&mut self, alarm: Option<Timestamp>) {
        self.alarm = alarm;
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
        if let Some(grant) = answers.iter().find_map(|answer| answer.grant) {
            self.fence = grant.fence;
        }
        self.ensure_alarm(moment, effects)?;
        Ok(answers)
    }

    /// Randomness and fence for a grant, where one may be given. The fence starts from the clock, so that it goes on rising after the
    /// subject's storage was emptied.
    fn seed(&self, items: &[Item], random: &mut dyn FnMut() -> u128, now: Timestamp) -> GrantSeed {
        if !items
            .iter()
            .any(|item| item.policy.gives_permits() && !item.check.peek)
        {
            return GrantSeed::default();
        }
        GrantSeed {
            permit: random().max(1),
            fence: (self.fence + 1).max(now.as_millis()),
        }
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

    fn blocked(&self, item: &Item, now: Timestamp) -> Option<Decision> {
        if item.check.cost < 0 {
            return None; // what was used may be given back
        }
        let named = |block: &&Block| {
            block
                .policy
                .as_deref()
                .is_none_or(|name| name == item.policy.name_or_empty())
        };
        let block = self
            .blocks
            .iter()
            .filter(named)
            .filter(|block| block.until > now)
            .max_by_key(|block| block.until)?;
        Some(Decision {
            success: false,
            reason: Some(Reason::Blocked),
            deciding: None,
            // A block until the end of time is for good: waiting cannot help.
            retry_after: (block.until < Timestamp::MAX).then(|| block.until.since(now)),
            delay: None,
            limits: Standings::Many(Vec::new()),
            grant: None,
            cache_for: crate::decide::CACHE_CAP.min(block.until.since(now)),
        })
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

    /// The subject's state, of one policy or all. Changes nothing.
    pub fn status(&self, policy: Option<&str>, moment: Moment) -> Result<Status, Refusal> {
        self.readable()?;
        let wanted = |name: &str| policy.is_none_or(|policy| policy == name);
        let mut limits = Vec::new();
        for entry in self.entries.iter().filter(|entry| wanted(&entry.policy)) {
            limits.push(entry.status(moment)?);
        }
        let in_force = |block: &&Block| block.until > moment.now;
        let asked = |block: &&Block| block.policy.as_deref().is_none_or(wanted);
        Ok(Status {
            limits,
            blocks: self
                .blocks
                .iter()
                .filter(in_force)
                .filter(asked)
                .cloned()
                .collect(),
            denials: self
                .denials
                .iter()
                .filter(|denial| wanted(&denial.policy))
                .cloned()
                .collect(),
        })
    }

    /// Forgets all use, of one policy or all. Blocks stay: they are somebody's decision. Fences go on rising.
    pub fn reset(
        &mut self,
        policy: Option<&str>,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        match &self.unreadable {
            Some(Unreadable::Damaged(_)) if policy.is_none() => {
                effects.writes.push(Write::DeleteAll);
                *self = SubjectState {
                    alarm: self.alarm,
                    ..SubjectState::default()
                };
            }
            _ => self.readable()?,
        }
        let (dropped, kept) = self
            .entries
            .drain(..)
            .partition(|entry: &Entry| policy.is_none_or(|policy| policy == entry.policy));
        self.entries = kept;
        self.delete_rows(&dropped, effects);
        self.operations = Operations::default();
        self.denials.clear();
        if self.fence >= moment.now.as_millis() {
            let row = LineWriter::new(ROW_VERSION, "fence")
                .put("fence", self.fence)
                .finish();
            effects.writes.push(Write::Put {
                key: "fence".to_owned(),
                row,
            });
        }
        self.ensure_alarm(moment, effects)
    }

    fn delete_rows(&mut self, dropped: &[Entry], effects: &mut Effects) {
        let stored = dropped.iter().filter(|entry| entry.is_stored());
        effects
            .writes
            .extend(stored.map(|entry| Write::Delete { key: entry.key() }));
    }

    /// Shuts the subject out of one policy or all for `duration`; zero lets it in again.
    pub fn block(
        &mut self,
        policy: Option<&str>,
        duration: Duration,
        reason: &str,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        self.readable()?;
        let key = format!("block/{}", policy.unwrap_or(""));
        self.blocks
            .retain(|block| block.policy.as_deref() != policy);
        if duration == Duration::ZERO {
            effects.writes.push(Write::Delete { key });
            return Ok(());
        }
        let block = Block {
            policy: policy.map(str::to_owned),
            until: moment.now.plus(duration),
            reason: reason.to_owned(),
        };
        let row = LineWriter::new(ROW_VERSION, "block")
            .put_some("policy", policy)
            .put("until", block.until.as_millis())
            .text("reason", reason)
            .finish();
        effects.writes.push(Write::Put { key, row });
        self.blocks.push(block);
        self.ensure_alarm(moment, effects)
    }

    /// Moves a permit's deadline to `hold` from now (its limit's `ttl` when absent, and never longer), and never to an earlier instant.
    pub fn renew(
        &mut self,
        permit: u128,
        hold: Option<Duration>,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Grant, Refusal> {
        self.readable()?;
        let mut grant: Option<Grant> = None;
        for entry in &mut self.entries {
            if let Some(slot) = entry.renew(permit, hold, moment.now) {
                let expires = grant.map_or(slot.deadline, |grant| grant.expires.min(slot.deadline));
                grant = Some(Grant {
                    permit,
                    fence: slot.fence,
                    expires,
                });
                entry.write_ahead(true, moment, effects)?;
            }
        }
        grant.ok_or(Refusal::UnknownPermit)
    }

    /// Frees a permit's slots. Releasing once more, soon after, is answered alike.
    pub fn release(
        &mut self,
        permit: u128,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        self.readable()?;
        let mut found = self.released.contains(permit, moment.now);
        for entry in &mut self.entries {
            if entry.release(permit, moment.now) {
                found = true;
                entry.write_ahead(true, moment, effects)?;
                self.released.remember(permit, moment.now);
            }
        }
        if found {
            Ok(())
        } else {
            Err(Refusal::UnknownPermit)
        }
    }

    /// The cleaning alarm has come: forgets what is idle, in memory and in storage in one step, and sets the next alarm if anything is
    /// left. A subject that is idle ends with no row at all.
    pub fn clean(&mut self, moment: Moment, effects: &mut Effects) -> Result<(), Refusal> {
        self.alarm = None;
        self.readable()?;
        self.drop_idle(moment, effects)?;
        let over = |block: &Block| block.until <= moment.now;
        for block in self.blocks.iter().filter(|block| over(block)) {
            effects.writes.push(Write::Delete {
                key: format!("block/{}", block.policy.as_deref().unwrap_or("")),
            });
        }
        self.blocks.retain(|block| !over(block));
        if self.entries.is_empty() && self.blocks.is_empty() && self.fence < moment.now.as_millis()
        {
            effects.writes = vec![Write::DeleteAll];
            return Ok(());
        }
        self.ensure_alarm(moment, effects)
    }

    fn drop_idle(&mut self, moment: Moment, effects: &mut Effects) -> Result<(), Refusal> {
        let mut idle = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            idle.push(entry.idle_at(moment)? <= moment.now);
        }
        let mut idle = idle.into_iter();
        let (dropped, kept) = self
            .entries
            .drain(..)
            .partition(|_| idle.next().unwrap_or(false));
        self.entries = kept;
        self.delete_rows(&dropped, effects);
        Ok(())
    }

    /// Sets the alarm when something is stored and none is set: once per idle period, not per admission.
    fn ensure_alarm(&mut self, moment: Moment, effects: &mut Effects) -> Result<(), Refusal> {
        if self.alarm.is_some() || (effects.writes.is_empty() && !self.has_rows()) {
            return Ok(());
        }
        let mut last = moment.now.plus(ALARM_SPACING);
        for entry in &self.entries {
            last = last.max(entry.idle_at(moment)?);
        }
        last = self
            .blocks
            .iter()
            .fold(last, |last, block| last.max(block.until));
        self.alarm = Some(last);
        effects.alarm = Some(last);
        Ok(())
    }

    fn remember_denials(&mut self, items: &[Item], answers: &[Decision], now: Timestamp) {
        for (item, answer) in items
            .iter()
            .zip(answers)
            .filter(|(item, answer)| !answer.success && !item.check.peek)
        {
            if self.denials.len() == RECENT_DENIALS {
                self.denials.pop_front();
            }
            self.denials.push_back(Denial {
                at: now,
                policy: item.policy.name_or_empty().to_owned(),
                limited_by: answer
                    .deciding
                    .and_then(|i| item.policy.limits().get(i))
                    .map(Limit::label),
                cost: item.check.cost,
                reason: answer.reason.unwrap_or(Reason::Limit),
            });
        }
    }
}

/// Entries picked for an item, and how to put back those that were changed to take part.
struct Picked {
    places: Vec<usize>,
    before: Vec<(usize, Entry)>,
}

impl Picked {
    fn undo(self, entries: &mut [Entry]) {
        for (place, entry) in self.before {
            entries[place] = entry;
        }
    }
}

impl SubjectState {
    /// Finds or makes the entry of each limit, under the definition asked for.
    fn pick(
        &mut self,
        item: &Item,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Picked, Refusal> {
        let policy = item.policy.name_or_empty();
        if self.entries.len() + item.policy.limits().len() > MAX_ENTRIES {
            self.drop_idle(moment, effects)?;
        }
        let before = self.entries.len();
        let mut picked = Picked {
            places: Vec::with_capacity(item.policy.limits().len()),
            before: Vec::new(),
        };
        for limit in item.policy.limits() {
            let place = self
                .entries
                .iter()
                .position(|entry| entry.keeps(policy, limit));
            let place = match place {
                Some(place) if self.entries[place].limit == *limit => place,
                Some(place) => {
                    let adopted = self.entries[place].adopted(limit, moment)?;
                    picked
                        .before
                        .push((place, core::mem::replace(&mut self.entries[place], adopted)));
                    place
                }
                None if self.entries.len() == MAX_ENTRIES => {
                    self.entries.truncate(before);
                    picked.undo(&mut self.entries);
                    return Err(Refusal::TooManyLimits);
                }
                None => {
                    let entry = self.begin(policy, limit, moment)?;
                    self.entries.push(entry);
                    self.entries.len() - 1
                }
            };
            picked.places.push(place);
        }
        Ok(picked)
    }

    /// A new entry. A named limit whose window changed starts with what its newest entry has used.
    fn begin(&self, policy: &str, limit: &Limit, moment: Moment) -> Result<Entry, Refusal> {
        let same_name =
            |entry: &&Entry| entry.policy == policy && entry.limit.name() == limit.name();
        let last = self
            .entries
            .iter()
            .rfind(same_name)
            .filter(|_| limit.name().is_some());
        match last {
            Some(entry) => Ok(entry.adopted(limit, moment)?),
            None => Ok(Entry::fresh(policy, limit, moment)?),
        }
    }
}
