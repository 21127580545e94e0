//! All limits of one subject: found in rows, shown, given back to, and forgotten when idle.

use std::borrow::Cow;

use crate::algorithm::charge::Charge;
use crate::algorithm::state::{LimitState, Moment};
use crate::calendar::UnknownTimeZone;
use crate::decision::Grant;
use crate::limit::schedule::StageClock;
use crate::{Duration, Limit, Timestamp};

use super::entry::Entry;
use super::granted::{Share, Taken};
use super::holds::Holds;
use super::operations::Operations;
use super::stage::SubjectStage;
use super::{Effects, Item, LimitStatus, Refusal, Write};

/// The limits, in the order of first use.
#[derive(Debug, Clone, Default)]
pub(super) struct Limits {
    pub(super) entries: Vec<Entry>,
    /// The subject's stage, where it has one.
    pub(super) stage: Option<SubjectStage>,
    /// What was taken of grants.
    pub(super) taken: Taken,
    /// What permits hold.
    pub(super) holds: Holds,
}

impl Limits {
    /// Adds what a row tells; the newest fence that it knows.
    pub(super) fn add_found(&mut self, found: Entry) -> u64 {
        let fence = found.usage.newest_fence();
        let same = |known: &&mut Entry| known.keeps(&found.policy, &found.usage.limit);
        match self.entries.iter_mut().find(same) {
            Some(known) => known.merge(found),
            None => self.entries.push(found),
        }
        fence
    }

    /// The clock by which the stages of the limits run; `None` before the first admission.
    pub(super) fn clock(&self) -> Option<&StageClock> {
        self.stage.as_ref().map(|stage| &stage.clock)
    }

    /// The items with the numbers that are in force for this subject. Under a clock that steps back
    /// those that a limit has been decided by stay in force.
    pub(super) fn in_force<'a>(
        &self,
        items: &'a [Item],
        moment: Moment,
    ) -> Result<Cow<'a, [Item]>, UnknownTimeZone> {
        let mut items = Cow::Borrowed(items);
        for i in 0..items.len() {
            if let Some(ended) = items[i].after_ends(moment.now) {
                items.to_mut()[i] = ended;
            }
            if items[i].policy.is_scheduled() {
                items.to_mut()[i] = self.item_at(&items[i], moment)?;
            }
        }
        Ok(items)
    }

    /// One item with the numbers that are in force at this moment.
    pub(super) fn item_at(&self, item: &Item, moment: Moment) -> Result<Item, UnknownTimeZone> {
        let next_change = |clock: &StageClock, moment: Moment| {
            let policy = &item.policy;
            policy.next_change(Some(clock), moment)
        };
        self.item_till(item, moment, next_change)
    }

    /// The same, where `next_change` tells until when.
    pub(super) fn item_till(
        &self,
        item: &Item,
        moment: Moment,
        next_change: impl FnOnce(&StageClock, Moment) -> Result<Option<Timestamp>, UnknownTimeZone>,
    ) -> Result<Item, UnknownTimeZone> {
        let is_asked = |entry: &&Entry| {
            let concerns = |limit: &Limit| entry.concerns(&item.policy, limit);
            entry.usage.limit.schedule().is_some() && item.policy.limits().iter().any(concerns)
        };
        let seen = self.entries.iter().filter(is_asked);
        let now = (seen.map(|entry| entry.usage.state.seen())).fold(moment.now, Ord::max);
        // An admission would start the clock, and what it promises has to fit its first step.
        let begins = StageClock::starting(now);
        let clock = self.clock().unwrap_or(&begins);
        let at = Moment { now, ..moment };
        let until = next_change(clock, at)?;
        Ok(Item {
            policy: item.policy.in_force_till(until, Some(clock), at)?,
            check: item.check.clone(),
        })
    }

    /// Until when something is to be known of the subject although it is idle; `None` where nothing
    /// is.
    pub(super) fn kept_until(&self) -> Option<Timestamp> {
        let stage = self.stage.map(|stage| stage.kept_until());
        stage.max(self.taken.kept_until())
    }

    /// The rows that an idle subject keeps.
    pub(super) fn kept_rows(&self) -> impl Iterator<Item = Write> {
        let taken = (!self.taken.is_empty()).then(|| self.taken.write());
        self.stage.map(|stage| stage.row()).into_iter().chain(taken)
    }

    /// The one of this key.
    pub(super) fn of_key(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key() == key)
    }

    /// The same, to be changed.
    pub(super) fn of_key_mut(&mut self, key: &str) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.key() == key)
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether any has a row.
    pub(super) fn has_rows(&self) -> bool {
        self.entries.iter().any(Entry::is_stored)
    }

    /// The states of the named limit of which `limit` is a definition.
    pub(super) fn of_name<'a>(
        &'a self,
        policy: &'a str,
        limit: &'a Limit,
    ) -> impl Iterator<Item = &'a Entry> + Clone {
        let is_of_name = |entry: &&Entry| entry.is_named_as(policy, limit);
        self.entries.iter().filter(is_of_name)
    }

    /// How many different names the limits have.
    pub(super) fn names(&self) -> usize {
        let is_first = |&(i, entry): &(usize, &Entry)| {
            let mut before = self.entries[..i].iter();
            entry.usage.limit.name().is_some()
                && !before.any(|other| other.is_named_as(&entry.policy, &entry.usage.limit))
        };
        self.entries.iter().enumerate().filter(is_first).count()
    }

    /// When the last of them is idle; `None` when there is none.
    pub(super) fn idle_at(&self, now: Timestamp) -> Option<Timestamp> {
        let idle = self.entries.iter().map(|it| it.usage.idle_at(now)).max();
        idle.max(self.holds.known_until())
    }

    /// How those of the policies that are wanted stand.
    pub(super) fn status(
        &self,
        wanted: impl Fn(&str) -> bool,
        moment: Moment,
    ) -> Result<Vec<LimitStatus>, Refusal> {
        let wanted = self.entries.iter().filter(|entry| wanted(&entry.policy));
        let status = wanted.map(|entry| entry.status(self.clock(), moment));
        Ok(status.collect::<Result<_, _>>()?)
    }

    /// Takes back what the operation charged, as far as its windows have not passed. An error takes
    /// nothing back, and the operation can be cancelled again.
    pub(super) fn take_back(
        &mut self,
        operation: u128,
        operations: &mut Operations,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        let clock = self.clock().copied();
        for (key, _) in operations.charges_of(operation) {
            if let Some(entry) = self.of_key(key) {
                entry.usage.can_cancel(clock.as_ref(), moment)?;
            }
        }
        let Some((place, charges)) = operations.cancel(operation, moment.now) else {
            return Ok(());
        };
        for (key, charge) in charges {
            if let Charge::Held { permit } = charge {
                self.drop_hold(permit, operation, effects);
                continue;
            }
            if let Charge::Granted { id, units, by } = charge {
                self.taken.give_back(Share { id, units }, by.as_deref());
                effects.writes.push(self.taken.write());
                continue;
            }
            if let Some(entry) = self.of_key_mut(&key) {
                if entry.follow(clock.as_ref(), moment)? {
                    entry.write_exact(moment, effects);
                    continue;
                }
                let parts = entry.usage.cancel(&charge, moment)?;
                operations.lower_later(place, &key, parts);
                entry.write_exact(moment, effects);
            }
        }
        Ok(())
    }

    /// Whether a limit here holds a permit.
    pub(super) fn gives(&mut self, permit: u128, now: Timestamp) -> bool {
        let mut holding = self.entries.iter_mut().filter_map(|it| it.usage.holding());
        holding.any(|it| it.holds(permit, now))
    }

    /// Moves a permit's deadline to `hold` from now; `None` when no limit here holds it.
    pub(super) fn renew(
        &mut self,
        permit: u128,
        hold: Option<Duration>,
        moment: Moment,
        effects: &mut Effects,
    ) -> Option<Grant> {
        let mut grant: Option<Grant> = None;
        for entry in &mut self.entries {
            let holding = entry.usage.holding();
            if let Some(held) = holding.and_then(|mut it| it.renew(permit, hold, moment.now)) {
                let expires = grant.map_or(held.deadline, |grant| grant.expires.min(held.deadline));
                grant = Some(Grant {
                    permit,
                    fence: held.holder.fence,
                    expires,
                });
                entry.write_exact(moment, effects);
            }
        }
        grant
    }

    /// Frees a permit's slots; `false` when no limit here holds it.
    pub(super) fn release(&mut self, permit: u128, moment: Moment, effects: &mut Effects) -> bool {
        let mut is_held = false;
        for entry in &mut self.entries {
            let holding = entry.usage.holding();
            if holding.is_some_and(|mut it| it.release(permit, moment.now)) {
                is_held = true;
                entry.write_exact(moment, effects);
            }
        }
        is_held
    }

    /// Forgets what is spent, of one policy or all. Slots stay as long as somebody holds them: a
    /// reset of their count would let another in beside the holder. Answers the keys of the states
    /// to which charges can no longer be taken back.
    pub(super) fn reset(
        &mut self,
        policy: Option<&str>,
        moment: Moment,
        effects: &mut Effects,
    ) -> Vec<String> {
        let mut final_for = Vec::new();
        let mut dropped = Vec::new();
        // Together with a policy goes what is charged together with it: it would be counted again.
        let is_of = |entry: &Entry| policy.is_none_or(|policy| policy == entry.policy);
        let is_meant = |entry: &Entry| {
            let mut others = self.entries.iter();
            is_of(entry) || others.any(|other| is_of(other) && other.is_beside_entry(entry))
        };
        let meant: Vec<bool> = self.entries.iter().map(is_meant).collect();
        let entries = core::mem::take(&mut self.entries);
        for (mut entry, is_meant) in entries.into_iter().zip(meant) {
            if !is_meant {
                self.entries.push(entry);
            } else if entry.usage.forget_spent(moment) | self.holds_of(&entry, moment.now) {
                if !matches!(entry.usage.state, LimitState::Slots(_)) {
                    final_for.push(entry.key());
                }
                entry.write_exact(moment, effects);
                self.entries.push(entry);
            } else {
                final_for.push(entry.key());
                dropped.push(entry);
            }
        }
        dropped.iter_mut().for_each(|entry| entry.delete(effects));
        final_for
    }

    /// Forgets those that are idle, in memory and in storage.
    pub(super) fn drop_idle(&mut self, moment: Moment, effects: &mut Effects) {
        let to_drop: Vec<bool> = (self.entries.iter())
            .map(|entry| self.is_to_drop(entry, moment.now))
            .collect();
        let mut to_drop = to_drop.into_iter();
        let (mut dropped, kept): (Vec<Entry>, Vec<Entry>) = self
            .entries
            .drain(..)
            .partition(|_| to_drop.next() == Some(true));
        self.entries = kept;
        dropped.iter_mut().for_each(|entry| entry.delete(effects));
    }

    /// Whether units of this limit are lent, or a permit holds or held some and is to be known.
    fn holds_of(&self, entry: &Entry, now: Timestamp) -> bool {
        let is_held = !self.holds.is_empty() && self.holds.concern(&entry.key(), now);
        is_held || entry.lent.units > 0
    }

    /// Whether nothing tells the entry from a new one. Of several definitions of one named limit
    /// the one in force stays while another is in use, and of limits that are charged together each
    /// while another is: as a new one it would start with what that one has counted.
    pub(super) fn is_to_drop(&self, entry: &Entry, now: Timestamp) -> bool {
        if entry.usage.idle_at(now) > now || self.holds_of(entry, now) {
            return false;
        }
        let in_use = |other: &Entry| other.set_aside() > 0 || other.usage.idle_at(now) > now;
        let mut of_name = self.of_name(&entry.policy, &entry.usage.limit);
        let is_in_force = of_name.clone().all(|other| other.turn <= entry.turn);
        let mut beside = self.entries.iter();
        let is_kept = (is_in_force && of_name.any(in_use))
            || beside.any(|other| other.is_beside_entry(entry) && in_use(other));
        !is_kept
    }

    /// Writes the rows of all, as the states are.
    pub(super) fn write_all(&mut self, moment: Moment, effects: &mut Effects) {
        for entry in &mut self.entries {
            entry.write_exact(moment, effects);
        }
    }

    /// When [`Limits::close`] has something to write, if nothing is admitted until then.
    pub(super) fn closes_at(&self) -> Option<Timestamp> {
        self.entries.iter().filter_map(Entry::closes_at).min()
    }

    /// Writes exact every row that ran ahead and has not been used lately.
    pub(super) fn close(&mut self, moment: Moment, effects: &mut Effects) {
        for entry in &mut self.entries {
            entry.close(moment, effects);
        }
    }
}
