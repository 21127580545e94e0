//! Everything that one object keeps for one subject: the states of its limits, its blocks, its
//! fence, and what it remembers of recent operations. A pure machine: calls and time go in, answers
//! and row changes come out; the object applies them before it answers.
//!
//! [`SubjectState`] is composed of types, each with its rules in the file of its name:
//!
//! | part | what it keeps |
//! |---|---|
//! | `Limits` | one `Entry` a limit: its `Usage`, and how its row is `Written` |
//! | `SubjectStage` | the clock by which its stages run, of which `Limits` decides |
//! | `Begun` | whether the start of that clock may yet be taken back |
//! | `Taken` | what it has taken of the units that overrides grant once, in `Limits` too |
//! | `Policies` | the newest definition of each policy that has versions |
//! | `Blocks`, `Penalties` | who is shut out, until when; who is about to be |
//! | `Outlooks` | what callers have reported of upstreams, one `Outlook` a policy |
//! | `Permits` | the newest fence, and which permits were released lately |
//! | `Leases` | what is lent, to whom, until when |
//! | `Operations` | what recent operations charged, so that it can be taken back |
//! | `Keys` | what was answered to requests that may come again, in a `Shelf` and in rows |
//! | `Denials` | the newest refusals |
//! | `Alarm`, `Loaded` | the cleaning alarm; rows that cannot be read, or are of an older version |
//! | `Calls` | how many calls have come since waking |
//! | `Proof` | when this instance of the object made its last write |
//! | `Revision` | that its overrides have changed lately, for who does not know it yet |
//!
//! A call to decide goes through `Decider`: it picks the states that an item names (`Lookup`,
//! `Picked`), decides, and tells what has `Changed`. `Look` answers what changes nothing,
//! `ahead` finds when a refused request fits although numbers change until then.
//! `Contended` marks refusals that may soon be admissions, and `next` decides on a copy, ahead.
//!
//! **Writing ahead.** Rows run ahead of the real use. Before an admission is answered, the stored
//! row is projected to now by the same arithmetic; if it no longer covers the real use, now and
//! ever after, it is rewritten. So a restart from the rows never admits one unit too many.
//! `written.rs` says how far a row runs ahead, and so how many units a restart may refuse too many.

mod ahead;
mod alarm;
mod begun;
mod blocks;
mod bounds;
mod changed;
mod changes;
mod coming;
mod contended;
mod current;
mod decider;
mod denials;
mod effects;
mod ends;
mod entry;
mod exported;
mod granted;
mod granting;
mod held;
mod holding;
mod holds;
mod item;
mod keys;
mod leases;
mod lent;
mod limits;
mod loaded;
mod look;
mod lookup;
mod next;
mod operations;
mod outlook;
mod overage;
mod penalties;
mod permits;
mod picked;
mod place;
mod policies;
mod recent;
mod refusal;
mod renamed;
mod repeated;
mod reported;
mod restaged;
mod shared;
mod shelf;
mod shut_out;
mod stage;
mod status;
mod summary;
mod told;
mod upkeep;
mod usage;
mod written;

pub(crate) use ahead::{first_fit, Foresight};
pub use alarm::ALARM_SPACING;
pub use bounds::{MAX_DEFINITIONS, MAX_ENTRIES};
pub use current::{ADMITS_UNTIL, REFUSES_UNTIL};
pub use denials::{Denial, RECENT_DENIALS};
pub use effects::{Effects, Write};
pub use holding::{limits_held, Notice, Outcome, Settled, Share, Topped, Topup, TopupStep};
pub use holds::{End, Home, Others, Part, MAX_ENDED, MAX_HELD};
pub use item::Item;
pub use keys::{KEYS, MAX_KEYS};
pub use leases::MAX_BORROWERS;
pub use next::MAX_NEXT;
pub use place::Place;
pub use refusal::Refusal;
pub use restaged::{StageChange, StageOverride, StepChange};
pub(crate) use stage::{get_clock, put_clock};
pub use status::{LimitStatus, OutlookStatus, StageStatus, Status};
pub use written::STEADY;

use alarm::Alarm;
use begun::Begun;
use blocks::Blocks;
use changed::Changed;
use contended::Contended;
use current::Proof;
use decider::Decider;
use denials::Denials;
use entry::Entry;
use holds::{Held, Terms};
use keys::Keys;
use leases::{Lease, Leases};
use limits::Limits;
use loaded::Loaded;
use operations::{Operation, Operations};
use permits::Permits;
use place::Calls;
use policies::Policies;
use stage::SubjectStage;

use std::borrow::Cow;

use crate::algorithm::state::Moment;
use crate::block::Block;
use crate::codec::{Line, Unreadable};
use crate::decision::{Decision, Grant};
use crate::limit::Real;
use crate::overrides::Revision;
use crate::row::{get_policy, ROWS};
use crate::{Duration, Timestamp};

/// The state of one subject, of which rows are stored.
#[derive(Debug, Clone, Default)]
pub struct SubjectState {
    limits: Limits,
    policies: Policies,
    blocks: Blocks,
    permits: Permits,
    operations: Operations,
    keys: Keys,
    leases: Leases,
    begun: Begun,
    denials: Denials,
    alarm: Alarm,
    loaded: Loaded,
    calls: Calls,
    proof: Proof,
    /// The newest revision of its overrides that the subject was told of.
    overrides: Revision,
}

impl SubjectState {
    /// The state that `rows` (key and text) describe. A row that cannot be read makes every call
    /// but a reset answer [`Refusal::Unavailable`]: it is never taken as empty.
    pub fn from_rows<'a>(rows: impl IntoIterator<Item = (&'a str, &'a str)>) -> SubjectState {
        let mut state = SubjectState::default();
        for (key, row) in rows {
            if let Err(unreadable) = state.read(key, row) {
                state.loaded.failed(unreadable);
            }
        }
        state.permits.add_found(state.limits.found_holds());
        state.leases.tell(&mut state.limits.entries);
        state
    }

    fn read(&mut self, key: &str, row: &str) -> Result<(), Unreadable> {
        let (version, text) = Line::versioned(row, ROWS)?;
        let line = Line::parse(text);
        let is_older = version.number() < ROWS.written().number();
        match line.word() {
            "fence" => self.loaded.older.fence = is_older,
            _ => self.loaded.older.rows |= is_older,
        }
        match line.word() {
            "limit" => {
                let found = Entry::from_line(&line, key)?;
                if line.flag("whole") {
                    let limits = vec![found.usage.limit.own()];
                    self.policies.add_whole(get_policy(&line, limits)?);
                }
                let fence = self.limits.add_found(found);
                self.permits.add_found(fence);
            }
            "policy" => self.policies.add_found(text, key)?,
            "block" => self.blocks.add_found(&line)?,
            "stage" => self.limits.stage = Some(SubjectStage::get(&line)?),
            "granted" => self.limits.taken.add_found(&line)?,
            "lease" => self.leases.add(Lease::get(text)?),
            "permit" => self.limits.holds.add(Held::get(text)?),
            "fence" => self.permits.add_found(line.needed("fence")?),
            KEYS => self.keys.add_found(&line)?,
            _ => return Err(Unreadable::Damaged("word")),
        }
        Ok(())
    }

    /// Keeps every operation at least this long, so that it can be taken back: twice the longest
    /// that a caller waits for an answer. Two seconds unless said.
    #[must_use]
    pub fn keeping_operations(mut self, kept: Duration) -> SubjectState {
        self.operations = Operations::kept_for(Some(kept));
        self
    }

    /// Decides every item, all or nothing, and answers them in order. An item that names an older
    /// version of its policy than was decided here is decided by the newest one. With an operation
    /// id, a repeated call gets the first answer and charges nothing more, and
    /// [`SubjectState::cancel`] takes the charge back. `random` gives 128 random bits for a permit.
    pub fn limit(
        &mut self,
        items: &[Item],
        operation: Option<u128>,
        random: &mut dyn FnMut() -> u128,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Vec<Decision>, Refusal> {
        let home = Home::default();
        let terms = Terms { operation, home };
        self.limit_on(items, terms, random, moment, effects)
    }

    /// As [`SubjectState::limit`], where what is held has further parts in other objects: `home`
    /// says where its outcome is known. All of them are given the same bits by `random`.
    pub fn hold(
        &mut self,
        items: &[Item],
        operation: Option<u128>,
        home: &Home,
        random: &mut dyn FnMut() -> u128,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Vec<Decision>, Refusal> {
        let home = home.clone();
        let terms = Terms { operation, home };
        self.limit_on(items, terms, random, moment, effects)
    }

    fn limit_on(
        &mut self,
        items: &[Item],
        terms: Terms,
        random: &mut dyn FnMut() -> u128,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Vec<Decision>, Refusal> {
        let operation = terms.operation;
        self.loaded.readable()?;
        if let Some(id) = operation {
            if let Some(known) = self.operations.find(id, moment.now) {
                return known.answers().ok_or(Refusal::Cancelled);
            }
            self.operations.make_room(moment.now)?;
        }
        let asked = items;
        let items = &*self.newest(asked, moment);
        Policies::are_whole(items)?;
        self.limits.forget_ends(items);
        self.blocks.outlooks.step_back(moment.now);
        let decides = |item: &Item| self.blocks.may_change(item, moment.now);
        if items.iter().any(decides) {
            self.make_up(moment, effects)?;
        }
        let in_force = &*self.in_force(items, moment)?;
        let holder = self.permits.holder(items, random, moment.now);
        let decided = self
            .decider(terms)
            .decide(in_force, holder, moment, effects);
        let (mut answers, Changed { charges, final_for }) = decided?;
        self.operations.drop_charges_of(&final_for);
        self.take_up(items, moment, effects);
        let mut calls = Vec::new();
        if answers.iter().all(|it| it.success) {
            let outlooks = &mut self.blocks.outlooks;
            calls = outlooks.admitted(items, operation, moment.now, effects);
            self.note_admission(items, operation, moment, effects);
        }
        self.contended().mark(in_force, &mut answers, moment);
        self.mark_lent(in_force, &mut answers, moment);
        self.blocks
            .penalize(items, &mut answers, moment.now, effects);
        self.policies.tell(asked, items, &mut answers);
        if let (Some(id), Some(charges)) = (operation, charges) {
            let operation = Operation::new(id, charges, answers.clone(), moment.now);
            self.operations.remember(operation.calling(calls));
        }
        self.denials.remember(in_force, &answers, moment.now);
        self.permits.granted(&answers);
        self.ensure_alarm(moment, effects);
        Ok(answers)
    }

    /// The subject's overrides have changed, with this revision.
    pub fn overridden(&mut self, at: Revision) {
        self.overrides = self.overrides.max(at);
    }

    /// Whether the subject was told of newer overrides than these.
    pub fn is_ahead_of(&self, known: Revision) -> bool {
        self.overrides > known
    }

    /// Counts a call that may change something; its place.
    pub(crate) fn count_call(&mut self, now: Timestamp) -> Place {
        self.calls.count(now)
    }

    /// Fills in what is kept of policies that items ask by name and version alone, in the version
    /// that they ask. Deciding does the same each time; a call that is kept is so completed once.
    pub fn complete(&self, items: &mut [Item]) {
        for item in items.iter_mut() {
            if let Some(whole) = self.policies.whole(&item.policy) {
                item.policy = whole;
            }
        }
    }

    /// The items under the newest versions of their policies.
    fn newest<'a>(&self, items: &'a [Item], moment: Moment) -> Cow<'a, [Item]> {
        let decides = |item: &Item| self.blocks.may_change(item, moment.now);
        self.policies.newest(items, &decides)
    }

    /// The items with the numbers that are in force: by the hour and the subject's stage, and as
    /// upstreams bear them.
    fn in_force<'a>(&self, items: &'a [Item], moment: Moment) -> Result<Cow<'a, [Item]>, Refusal> {
        let items = self.limits.in_force(items, moment)?;
        Ok(self.blocks.outlooks.adapted(items, moment.now))
    }

    /// Takes up the versions of the items that were decided.
    fn take_up(&mut self, items: &[Item], moment: Moment, effects: &mut Effects) {
        let decides = |item: &&Item| self.blocks.may_change(item, moment.now);
        for item in items.iter().filter(decides) {
            self.policies.take_up(&item.policy);
        }
        self.policies.settle(&self.limits, effects);
    }

    /// After an admission, where it was under a limit with stages: it starts the subject's clock,
    /// unless that goes, and is written down so that the clock is kept.
    fn note_admission(
        &mut self,
        items: &[Item],
        operation: Option<u128>,
        moment: Moment,
        effects: &mut Effects,
    ) {
        let charges = |item: &Item| item.changes() && item.charges() && item.policy.has_stages();
        if items.iter().any(charges) {
            (self.begun).admitted(operation, self.limits.stage.is_none());
            let (stage, is_to_write) = SubjectStage::admitted(self.limits.stage, moment.now);
            self.limits.stage = Some(stage);
            if is_to_write {
                effects.writes.push(stage.row());
            }
        }
    }

    /// Sets the clock by which the subject's stages run; the limits are those of the new step at
    /// once. An error changes nothing.
    pub fn set_stage(
        &mut self,
        set: &StageOverride,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<StageChange, Refusal> {
        self.loaded.readable()?;
        self.end(moment, effects);
        let (change, final_for) = restaged::set(&mut self.limits, set, moment, effects)?;
        self.operations.drop_charges_of(&final_for);
        self.begun.stays();
        self.ensure_alarm(moment, effects);
        Ok(change)
    }

    fn decider(&mut self, terms: Terms) -> Decider<'_> {
        Decider {
            limits: &mut self.limits,
            blocks: &self.blocks,
            terms,
            taken: None,
        }
    }

    const fn contended(&self) -> Contended<'_> {
        Contended {
            limits: &self.limits,
            blocks: &self.blocks,
            operations: &self.operations,
        }
    }

    /// Counts what was given out while this object could not be asked, past any limit and any
    /// block: it has been used. Of each limit at most the whole is charged. A repeated call charges
    /// nothing more. Slots and refunds change nothing. An error charges no item. An item may name
    /// some of its policy's limits alone: it is charged under the newest version that was decided,
    /// and takes up none.
    pub fn charge(
        &mut self,
        items: &[Item],
        operation: u128,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        self.loaded.readable()?;
        if self.operations.find(operation, moment.now).is_some() {
            return Ok(());
        }
        self.operations.make_room(moment.now)?;
        self.make_up(moment, effects)?;
        let items = self.policies.parts(items);
        let items = self.in_force(&items, moment)?;
        let final_for = self
            .decider(Terms::default())
            .charge(&items, moment, effects)?;
        let outlooks = &mut self.blocks.outlooks;
        outlooks.admitted(&items, None, moment.now, effects);
        self.note_admission(&items, None, moment, effects);
        self.operations.drop_charges_of(&final_for);
        self.policies.settle(&self.limits, effects);
        let done = Operation::new(operation, Vec::new(), Vec::new(), moment.now);
        self.operations.remember(done);
        self.ensure_alarm(moment, effects);
        Ok(())
    }

    /// Takes back what the operation charged here, as far as its windows have not passed, unless
    /// another attempt of its request was given the same answers; its key is forgotten. Doing it
    /// again, or for an operation that never came, changes nothing; one that comes after its
    /// cancellation is not charged. An error takes nothing back, so that it can be done again.
    pub fn cancel(
        &mut self,
        operation: u128,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        self.make_up(moment, effects)?;
        let operations = &mut self.operations;
        if operations.leave(operation, moment.now) {
            return Ok(());
        }
        let charged = operations.charged_as(operation);
        if charged.is_none() {
            // Memory has lost it, but not the place.
            self.limits.leave_place(operation, moment, effects)?;
        }
        self.limits
            .take_back(operation, operations, moment, effects)?;
        let (charged_as, key) = charged.unwrap_or((operation, None));
        self.make_no_call(charged_as, effects);
        if self.begun.is_taken_back(charged_as) {
            self.limits.stage = None;
            effects.writes.push(SubjectStage::deletion());
        }
        if let Some(key) = key {
            self.keys.forget(key, effects);
        }
        Ok(())
    }

    /// An operation was taken back, so that its call is not made.
    fn make_no_call(&mut self, operation: u128, effects: &mut Effects) {
        let calls = self.operations.take_calls(operation);
        let outlooks = &mut self.blocks.outlooks;
        outlooks.taken_back(operation, &calls, effects);
    }

    /// Moves a permit's deadline to `hold` from now (its limit's `ttl` when absent, and never
    /// longer), and never to an earlier instant. One whose slots are free by now is not renewed.
    pub fn renew(
        &mut self,
        permit: u128,
        hold: Option<Duration>,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Grant, Refusal> {
        self.make_up(moment, effects)?;
        let slots = self.limits.renew(permit, hold, moment, effects);
        if slots.is_none() && self.limits.holds.has_lost_slots(permit) {
            return Err(Refusal::PermitEnded(End::Expired)); // another one may have them
        }
        match self.limits.renew_held(permit, hold, moment, effects) {
            Ok(grant) => {
                let expires = slots.map_or(grant.expires, |slots| slots.expires.min(grant.expires));
                self.ensure_alarm(moment, effects);
                Ok(Grant { expires, ..grant })
            }
            Err(Refusal::UnknownPermit) => slots.ok_or(Refusal::UnknownPermit),
            Err(refusal) => Err(refusal),
        }
    }

    /// Makes up for what has come by itself: ends of overrides, of holds, and of leases. An error
    /// where rows cannot be read.
    fn make_up(&mut self, moment: Moment, effects: &mut Effects) -> Result<(), Refusal> {
        self.loaded.readable()?;
        self.end(moment, effects);
        self.limits.expire(moment, effects)?;
        Ok(self.expire_leases(moment, effects)?)
    }

    /// Charges the real cost of what a permit holds, whole, and ends it; its slots are free. A
    /// repeated call is answered alike, one that comes after the deadline charges the difference.
    pub fn settle(
        &mut self,
        permit: u128,
        real: &Real,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Settled, Refusal> {
        self.make_up(moment, effects)?;
        let settled = self.limits.settle(permit, real, moment, effects);
        if matches!(settled, Err(Refusal::UnknownPermit)) {
            self.release(permit, moment, effects)?;
            let (how, shares) = (End::Released, Vec::new());
            return Ok(Settled { how, shares });
        }
        let settled = settled?;
        self.limits.release(permit, moment, effects);
        self.ensure_alarm(moment, effects);
        Ok(settled)
    }

    /// Holds other units of what a permit holds: as many in all as it names.
    pub fn top_up(
        &mut self,
        topup: &Topup,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Topped, Refusal> {
        self.make_up(moment, effects)?;
        self.limits.top_up(topup, moment, effects)
    }

    /// The home of a permit tells how it has ended.
    pub fn conclude(
        &mut self,
        permit: u128,
        outcome: &Outcome,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        self.make_up(moment, effects)?;
        self.limits.conclude(permit, outcome, moment, effects)?;
        self.limits.release(permit, moment, effects);
        self.ensure_alarm(moment, effects);
        Ok(())
    }

    /// Other objects have decided by limits of these names what is one permit with what is held
    /// here, where its home is: costs of these names may be meant for them.
    pub fn know_names(
        &mut self,
        permit: u128,
        limits: &[String],
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        self.make_up(moment, effects)?;
        self.limits.know_names(permit, limits, effects)
    }

    /// The objects that have further parts of a permit whose home is here.
    pub fn others(&self, permit: u128) -> Vec<String> {
        self.limits.holds.others(permit)
    }

    /// What other objects are to be told of permits that have ended: it is told again and again
    /// until they have it.
    pub fn notices(&self) -> Vec<Notice> {
        self.limits.notices()
    }

    /// Whether there is anything to tell.
    pub fn has_notices(&self) -> bool {
        self.limits.has_notices()
    }

    /// An object has what it was to be told.
    pub fn acknowledge(&mut self, notice: &Notice, effects: &mut Effects) {
        self.acknowledge_all(&[notice], effects);
    }

    /// The same of several, in one step: each permit's row is written once.
    pub fn acknowledge_all(&mut self, notices: &[&Notice], effects: &mut Effects) {
        self.limits.acknowledge(notices, effects);
    }

    /// Ends a permit and charges nothing; its slots are free. Releasing once more, soon after, is
    /// answered alike.
    pub fn release(
        &mut self,
        permit: u128,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        self.make_up(moment, effects)?;
        let operation = self.limits.holds.operation_of_place(permit);
        match self.limits.release_held(permit, moment, effects) {
            Ok(()) => {
                if let Some(operation) = operation {
                    self.operations.cancel(operation, moment.now);
                    self.make_no_call(operation, effects);
                }
                self.limits.release(permit, moment, effects);
                self.ensure_alarm(moment, effects);
                Ok(())
            }
            Err(Refusal::UnknownPermit) => {
                let has_freed = self.limits.release(permit, moment, effects);
                self.permits.release(permit, has_freed, moment.now)
            }
            Err(refusal) => Err(refusal),
        }
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
        self.loaded.readable()?;
        if duration == Duration::ZERO {
            effects.writes.extend(self.blocks.lift(policy));
            return Ok(());
        }
        effects.writes.push(self.blocks.set(Block {
            policy: policy.map(str::to_owned),
            until: moment.now.plus(duration),
            reason: reason.to_owned(),
            step: None,
        }));
        self.ensure_alarm(moment, effects);
        Ok(())
    }

    /// The subject's state, of one policy or all. Changes nothing.
    pub fn status(&self, policy: Option<&str>, moment: Moment) -> Result<Status, Refusal> {
        self.loaded.readable()?;
        let wanted = |name: &str| policy.is_none_or(|policy| policy == name);
        let known = |name: &str| self.policies.find(name);
        let outlooks = &self.blocks.outlooks;
        Ok(Status {
            limits: self.limits.after_ends(moment).status(wanted, moment)?,
            stage: self.limits.clock().copied(),
            taken: self
                .limits
                .taken
                .all()
                .map(|it| (it.id, it.units))
                .collect(),
            blocks: self.blocks.in_force(wanted, moment.now).cloned().collect(),
            outlooks: outlooks.status(wanted, known, moment.now),
            denials: self.denials.of(wanted),
            lent_for: self.lent_for(moment.now),
        })
    }

    /// Forgets what is spent, of one policy or all, and what was reported of its upstream. Blocks
    /// stay: they are somebody's decision. So do slots, as long as somebody holds them, and with
    /// them the version of their policy. Fences go on rising, stages run on, and grants do not come
    /// back. Damaged rows are deleted, when all is to be forgotten.
    pub fn reset(
        &mut self,
        policy: Option<&str>,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        if self.loaded.is_damaged() && policy.is_none() {
            effects.writes.push(Write::DeleteAll);
            effects.writes.extend(self.limits.kept_rows());
            *self = SubjectState {
                limits: Limits {
                    stage: self.limits.stage,
                    taken: core::mem::take(&mut self.limits.taken),
                    ..Limits::default()
                },
                permits: core::mem::take(&mut self.permits),
                alarm: self.alarm,
                calls: core::mem::take(&mut self.calls),
                proof: self.proof,
                overrides: self.overrides,
                keys: core::mem::take(&mut self.keys),
                operations: Operations::kept_for(self.operations.kept()),
                ..SubjectState::default()
            };
        }
        self.make_up(moment, effects)?; // else it would be charged after the reset
        let is_of = |name: &str| policy.is_none_or(|policy| policy == name);
        effects.writes.extend(self.blocks.outlooks.forget(is_of));
        let final_for = self.limits.reset(policy, moment, effects);
        self.policies.settle(&self.limits, effects);
        self.operations.drop_charges_of(&final_for);
        self.denials.clear();
        self.keys.give_up_all(moment.now, effects);
        if self.permits.is_fence_ahead(moment.now) {
            effects.writes.push(self.permits.row());
        }
        self.ensure_alarm(moment, effects);
        Ok(())
    }
}
