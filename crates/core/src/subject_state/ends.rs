//! Definitions that come into force by themselves, at the end of an override that was known when it
//! was decided by.
//!
//! **Rule.** What a bucket has lost comes back at the rates that were in force, each for its time.
//! So an end takes effect at its instant and not with the next request: the definition behind it is
//! put in force as if somebody had been decided by it then. Each entry keeps what becomes of it, in
//! its row too, and what has ended is made up for before anything else is done with the limits.

use std::borrow::Cow;

use crate::algorithm::state::Moment;
use crate::decide::Check;
use crate::policy::{Later, MAX_LATER};
use crate::{Limit, Timestamp};

use super::entry::Entry;
use super::limits::Limits;
use super::picked::Picked;
use super::{Effects, Item, SubjectState, MAX_ENTRIES};

impl Limits {
    /// The first of the instants at which a definition becomes another one by itself.
    pub(super) fn next_end(&self) -> Option<Timestamp> {
        self.entries
            .iter()
            .filter_map(|it| it.coming.first_at())
            .min()
    }

    /// Whether any has come that nothing was done about.
    pub(super) fn has_ended(&self, now: Timestamp) -> bool {
        self.next_end().is_some_and(|end| end <= now)
    }

    /// The limits after all ends until now, of overrides and of holds.
    pub(super) fn after_ends(&self, moment: Moment) -> Cow<'_, Limits> {
        let mut limits = Cow::Borrowed(self);
        if self.has_ended(moment.now) {
            limits.to_mut().end(moment, &mut Effects::default());
        }
        if self.has_expired(moment.now) {
            // Where a time zone is gone they are shown as held still.
            let _ = limits.to_mut().expire(moment, &mut Effects::default());
        }
        limits
    }

    /// Forgets ends of which whoever asks now, by a newer version of a policy, knows that they
    /// never came: the override was set anew meanwhile, and ends later.
    pub(super) fn forget_ends(&mut self, items: &[Item]) {
        for policy in items.iter().map(|it| &it.policy) {
            let version = policy.version();
            let known = self
                .entries
                .iter_mut()
                .filter(|it| policy.name().is_some_and(|name| name.as_str() == it.policy));
            for entry in known.filter(|it| !policy.is_reference() && version > it.version()) {
                let adjusted = Timestamp::from_millis(version.adjusted);
                entry.coming.forget_unknown(policy, adjusted);
            }
        }
    }

    /// Puts every definition in force that has come into force by itself until now, one after the
    /// other; their rows are written. Answers the keys of the states to which charges can no longer
    /// be taken back.
    pub(super) fn end(&mut self, moment: Moment, effects: &mut Effects) -> Vec<String> {
        let mut final_for = Vec::new();
        for _ in 0..MAX_ENTRIES * MAX_LATER {
            let due = self.next_end().filter(|end| *end <= moment.now);
            let Some(end) = due else { break };
            final_for.extend(self.end_at(end, moment, effects));
        }
        final_for
    }

    /// Those of one name, of those that end at one instant. Where their next definitions cannot be
    /// put in force, because there is no room for them or a time zone is gone, they are when
    /// somebody is decided by them.
    fn end_at(&mut self, end: Timestamp, moment: Moment, effects: &mut Effects) -> Vec<String> {
        let mut entries = self.entries.iter();
        let Some(first) = entries
            .find(|it| it.coming.first_at() == Some(end))
            .cloned()
        else {
            return Vec::new();
        };
        let next = self.take_next(&first, end);
        let before = self.clone();
        let put = effects.keep_if_ok(|effects| {
            let put = self.put_next(&first, next, moment, effects);
            put.ok_or(())
        });
        put.unwrap_or_else(|()| {
            *self = before;
            Vec::new()
        })
    }

    fn put_next(
        &mut self,
        first: &Entry,
        next: Next,
        moment: Moment,
        effects: &mut Effects,
    ) -> Option<Vec<String>> {
        let policy = first.policy_of(next.limits).ok()?.with_later(next.later);
        let check = Check::of(0);
        let at = Moment {
            now: next.from,
            ..moment
        };
        let item = self.item_at(&Item { policy, check }, at).ok()?;
        let mut picked = Picked::pick(&item, self, at, effects).ok()?;
        picked.is_whole = false;
        Some(picked.put_in_force(self, at, effects))
    }

    /// What the entries of one name become that end at one instant. Those that are not in force
    /// become nothing: they are behind the one that is.
    fn take_next(&mut self, first: &Entry, end: Timestamp) -> Next {
        let (policy, limit) = (&first.policy, &first.usage.limit);
        let newest = self.of_name(policy, limit).map(|it| it.turn).max();
        let mut all = Next {
            from: end,
            limits: Vec::new(),
            later: Vec::new(),
        };
        let ends = |it: &&mut Entry| {
            it.coming.first_at() == Some(end)
                && (it.keeps(policy, limit) || it.is_named_as(policy, limit))
        };
        for entry in self.entries.iter_mut().filter(ends) {
            let next = entry.coming.take_first();
            if newest.is_none_or(|newest| entry.turn == newest) {
                all.from = all.from.max(entry.usage.state.seen());
                add(&mut all.limits, &next);
                all.add_later(entry.coming.all());
            }
        }
        all
    }
}

/// What definitions of one name become.
struct Next {
    /// From this instant on: no use that is known came later.
    from: Timestamp,
    limits: Vec<Limit>,
    /// What they become then.
    later: Vec<Later>,
}

impl Next {
    fn add_later(&mut self, later: &[Later]) {
        for it in later {
            match self.later.iter_mut().find(|known| known.at == it.at) {
                Some(known) => add(&mut known.limits, &it.limits),
                None => self.later.push(it.clone()),
            }
        }
        self.later.sort_by_key(|it| it.at);
    }
}

/// Adds limits that count in other states than these.
fn add(limits: &mut Vec<Limit>, others: &[Limit]) {
    for other in others {
        if !limits.iter().any(|it| it.shares_state_with(other)) {
            limits.push(other.clone());
        }
    }
}

impl SubjectState {
    /// Makes up for what has come into force by itself.
    pub(super) fn end(&mut self, moment: Moment, effects: &mut Effects) {
        if self.limits.has_ended(moment.now) {
            let final_for = self.limits.end(moment, effects);
            self.operations.drop_charges_of(&final_for);
        }
    }
}
