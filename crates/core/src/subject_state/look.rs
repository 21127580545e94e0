//! What only looks: its answer is the one that the same request would get now, and its wait the
//! first instant at which that request, as the next one that is decided, is admitted.

use core::cell::RefCell;
use std::borrow::Cow;

use crate::algorithm::state::{LimitState, Moment};
use crate::calendar::UnknownTimeZone;
use crate::decide::{decide, decide_beside, Check};
use crate::decision::{Decision, Reason};
use crate::{Duration, Limit, Timestamp};

use super::ahead::{first_admitted, first_fit, reset, Foresight, MAX_CHANGES};
use super::changes::Changes;
use super::coming::Coming;
use super::entry::Entry;
use super::limits::Limits;
use super::lookup::{Found, Lookup};
use super::{Effects, Item, Refusal};

/// A look at what an item would be answered, now and as its limits change by themselves.
pub(super) struct Look<'a> {
    item: &'a Item,
    /// As they are if nothing is decided until the instant that was last looked at.
    limits: Cow<'a, Limits>,
    /// Of the definitions that have a say; `None` before it was looked ahead.
    changes: RefCell<Option<Changes>>,
    /// Over how many ends of holds it was looked.
    expiries: usize,
}

/// Over so many ends of holds it is looked one by one; then it is looked at the last of them.
const MAX_EXPIRIES: usize = MAX_CHANGES / 2;

impl<'a> Look<'a> {
    pub(super) const fn new(item: &'a Item, limits: &'a Limits) -> Look<'a> {
        Look {
            item,
            limits: Cow::Borrowed(limits),
            changes: RefCell::new(None),
            expiries: 0,
        }
    }

    fn lookup(&self) -> Lookup<'_> {
        Lookup {
            item: self.item,
            limits: &self.limits,
        }
    }

    /// The answer. Under another definition than the one in force, which stays so until somebody is
    /// decided, the wait has to be found at the rates of that one, and no isolate may remember it:
    /// it is not that of a request that is decided.
    pub(super) fn answer(mut self, moment: Moment) -> Result<Decision, Refusal> {
        if self.limits.has_ended(moment.now) || self.limits.has_expired(moment.now) {
            self.advance(moment)?;
        }
        self.lookup().has_room(moment)?;
        let (mut decision, redefines) = self.seen(moment)?;
        if !redefines || decision.success {
            self.look_ahead(&mut decision, moment)?;
        } else {
            decision.cache_for = Duration::ZERO;
            if decision.retry_after.is_some() || self.next_change(moment)?.is_some() {
                if let Some(at) = first_admitted(&mut self, moment)? {
                    decision.comes_at(Some(at));
                }
            }
        }
        Ok(decision)
    }

    /// Tells a decision that was made under the definitions in force what their changes mean for
    /// it: when it fits, and when limits have all of their room again.
    pub(super) fn look_ahead(
        mut self,
        decision: &mut Decision,
        moment: Moment,
    ) -> Result<(), UnknownTimeZone> {
        let item = self.item;
        let changes = item.policy.is_scheduled() || item.policy.is_overridden();
        let changes = changes || self.limits.on_hold(&item.policy).is_some();
        if !changes || decision.deciding.is_none() {
            return Ok(());
        }
        let until = item.policy.in_force_until(moment.now);
        for (i, limit) in item.policy.limits().iter().enumerate() {
            let standing = decision.limits.get(i);
            let is_over = |reset| until.is_some_and(|until| until < reset);
            if standing.is_some_and(|it| is_over(it.reset)) {
                decision.set_reset(i, self.reset_of(limit, moment)?);
            }
        }
        if !decision.success {
            decision.comes_at(first_fit(&mut self, decision, moment)?);
        }
        Ok(())
    }

    /// When a limit has all of its room again.
    fn reset_of(&self, limit: &Limit, moment: Moment) -> Result<Timestamp, UnknownTimeZone> {
        let clock = self.limits.clock();
        let coming = Coming::of(&self.item.policy, limit);
        let found = self.lookup().find(limit, moment)?;
        let usage = match &found {
            Found::InForce(place) => &self.limits.entries[*place].usage,
            Found::Changed(_, entry)
            | Found::Stepped(_, entry)
            | Found::Joined(_, entry)
            | Found::New(entry) => &entry.usage,
        };
        reset(usage, &coming, clock, moment)
    }

    /// The states that have a say in the item.
    fn concerned(&self) -> impl Iterator<Item = &Entry> {
        let entries = self.limits.entries.iter();
        entries.filter(|entry| self.concerns(entry))
    }

    fn concerns(&self, entry: &Entry) -> bool {
        let policy = &self.item.policy;
        policy
            .definitions()
            .any(|limit| entry.concerns(policy, limit))
    }

    /// An item with the numbers that are in force at this moment, and until when. When the next
    /// change comes is known where it was looked ahead, but for a subject that begins to begin.
    fn present(&self, item: &Item, moment: Moment) -> Result<Item, UnknownTimeZone> {
        let has_begun = self.limits.clock().is_some() || !item.policy.has_stages();
        let mut changes = self.changes.borrow_mut();
        match changes.as_mut().filter(|_| has_begun) {
            Some(changes) => self.limits.item_till(item, moment, |clock, moment| {
                changes.next_of(item.policy.limits(), Some(clock), moment)
            }),
            None => self.limits.item_at(item, moment),
        }
    }

    /// When the next hold ends by itself; the last of them once it was looked over many.
    fn next_expiry(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.limits.on_hold(&self.item.policy)?;
        self.expiries += 1;
        let holds = &self.limits.holds;
        let next = match self.expiries > MAX_EXPIRIES {
            true => holds.last_end(),
            false => holds.next_end(),
        };
        next.filter(|next| *next > now)
    }

    /// Whether the numbers of a state have changed since it was last brought to those in force.
    fn has_changed(&self, entry: &Entry, moment: Moment) -> Result<bool, UnknownTimeZone> {
        match &*self.changes.borrow() {
            Some(changes) => Ok(changes.has_come(&entry.usage.limit, moment.now)),
            None => entry.usage.has_changed(self.limits.clock(), moment),
        }
    }

    /// What the item would be answered at this moment, if nothing is decided until then; and
    /// whether a definition came into force by it.
    fn seen(&self, moment: Moment) -> Result<(Decision, bool), UnknownTimeZone> {
        if self.item.policy.is_open_by(moment.now) {
            return Ok((Decision::bare(moment.now, true, None), false));
        }
        let limits = &*self.limits;
        let ended = self.item.after_ends(moment.now);
        let item = ended.as_ref().unwrap_or(self.item);
        let present = match item.policy.is_scheduled() {
            true => Some(self.present(item, moment)?),
            false => None,
        };
        let item = present.as_ref().unwrap_or(item);
        let mut states = Vec::with_capacity(item.policy.limits().len());
        let mut redefines = false;
        for limit in item.policy.limits() {
            states.push(match (Lookup { item, limits }).find(limit, moment)? {
                Found::InForce(place) => limits.entries[place].usage.state.clone(),
                Found::Changed(_, entry) => {
                    redefines = true;
                    entry.usage.state
                }
                Found::Stepped(_, entry) | Found::Joined(_, entry) => entry.usage.state,
                Found::New(entry) => {
                    redefines |= limit.name().is_some();
                    entry.usage.state
                }
            });
        }
        let asks = item.policy.asks();
        (states.iter_mut()).for_each(|state: &mut LimitState| state.turn_to(asks.as_ref()));
        let mut states: Vec<&mut LimitState> = states.iter_mut().collect();
        let check = item.peek().check;
        let (policy, on_hold) = (&item.policy, limits.on_hold(&item.policy));
        let mut look = |check: &Check| match &on_hold {
            None => decide(policy, &mut states, check, None, moment),
            Some(units) => decide_beside(policy, units, &mut states, check, None, moment),
        };
        let decision = look(&check)?;
        if decision.success {
            return Ok((decision, redefines));
        }
        let left = limits.taken.left(&item.policy, moment.now);
        if left == 0 || item.holds() || !item.check.costs.is_empty() {
            return Ok((decision, redefines));
        }
        let mut decision = look(&check.beside(left))?;
        if decision.success {
            decision.reason = Some(Reason::Override);
        }
        Ok((decision, redefines))
    }
}

impl Foresight for Look<'_> {
    fn decided_at(&self, moment: Moment) -> Result<Decision, UnknownTimeZone> {
        Ok(self.seen(moment)?.0)
    }

    fn forgotten_at(&self, now: Timestamp) -> Timestamp {
        let forgotten = self.concerned().map(|it| it.usage.idle_at(now));
        forgotten.max().unwrap_or(now)
    }

    /// Brings every state to the definition and the numbers that are in force then: so each change
    /// is made once, however far it is looked.
    fn advance(&mut self, moment: Moment) -> Result<(), UnknownTimeZone> {
        if self.limits.has_ended(moment.now) {
            (self.limits.to_mut()).end(moment, &mut Effects::default());
        }
        if self.limits.has_expired(moment.now) {
            (self.limits.to_mut()).expire(moment, &mut Effects::default())?;
        }
        let clock = self.limits.clock().copied();
        for place in 0..self.limits.entries.len() {
            let entry = &self.limits.entries[place];
            if self.concerns(entry) && self.has_changed(entry, moment)? {
                self.limits.to_mut().entries[place].follow(clock.as_ref(), moment)?;
            }
        }
        Ok(())
    }

    /// Of the item's own limits, and of those that it would take the place of; and the ends of
    /// overrides.
    fn next_change(&mut self, moment: Moment) -> Result<Option<Timestamp>, UnknownTimeZone> {
        let expiry = self.next_expiry(moment.now);
        let mut changes = self.changes.borrow_mut();
        let changes = changes.get_or_insert_with(|| {
            let states = self.concerned().flat_map(Entry::definitions);
            Changes::of(self.item.policy.definitions().chain(states))
        });
        let next = changes.next(self.limits.clock(), moment)?;
        let policy = &self.item.policy;
        let end = self.limits.taken.next_end(policy, moment.now);
        let later = policy.next_later(moment.now);
        let ends = self
            .concerned()
            .filter_map(|it| it.coming.next_at(moment.now));
        Ok(ends.chain(next).chain(end).chain(later).chain(expiry).min())
    }
}
