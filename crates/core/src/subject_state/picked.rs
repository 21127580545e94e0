//! The states that an item is decided on, brought under the definitions that it names.

use crate::algorithm::state::{LimitState, Moment};
use crate::algorithm::Holder;
use crate::calendar::UnknownTimeZone;
use crate::decide::{decide, decide_beside};
use crate::decision::Decision;
use crate::Limit;

use super::entry::Entry;
use super::limits::Limits;
use super::lookup::{Asker, Found, Lookup};
use super::{Effects, Item, Refusal};

/// The entries picked for an item, and those of them that were changed to take part.
pub(super) struct Picked<'a> {
    pub(super) item: &'a Item,
    /// The entry of each limit, in the policy's order.
    pub(super) places: Vec<usize>,
    /// The entries as they were under another definition.
    before: Vec<(usize, Entry)>,
    /// The entries at which a class is new.
    joined: Vec<usize>,
    /// How many entries there were; those behind are new.
    pub(super) known: usize,
    /// Whether the item's limits are all that its policy has.
    pub(super) is_whole: bool,
}

impl<'a> Picked<'a> {
    /// Finds or makes the entry of each limit, under the definition asked for. Nothing is written
    /// yet but the deletion of what is idle, where there was no room. After an error some entries
    /// may have changed: the caller restores them.
    pub(super) fn pick(
        item: &'a Item,
        limits: &mut Limits,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Picked<'a>, Refusal> {
        Picked::pick_for(item, Asker::Class, limits, moment, effects)
    }

    /// The same, for the class of the item or for none.
    pub(super) fn pick_for(
        item: &'a Item,
        asker: Asker,
        limits: &mut Limits,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Picked<'a>, Refusal> {
        if (Lookup { item, limits }).may_lack_room() {
            limits.drop_idle(moment, effects);
            (Lookup { item, limits }).has_room(moment)?;
        }
        let mut picked = Picked {
            item,
            places: Vec::with_capacity(item.policy.limits().len()),
            before: Vec::new(),
            joined: Vec::new(),
            known: limits.entries.len(),
            is_whole: true,
        };
        for limit in item.policy.limits() {
            let place = picked.place(limit, asker, limits, moment)?;
            if asker == Asker::Class {
                limits.entries[place].usage.turn_to(&item.policy);
            }
            picked.places.push(place);
        }
        Ok(picked)
    }

    fn place(
        &mut self,
        limit: &Limit,
        asker: Asker,
        limits: &mut Limits,
        moment: Moment,
    ) -> Result<usize, UnknownTimeZone> {
        let item = self.item;
        match (Lookup { item, limits }).find_for(limit, asker, moment)? {
            Found::InForce(place) => Ok(place),
            Found::Joined(place, entry) => {
                limits.entries[place] = *entry;
                self.joined.push(place);
                Ok(place)
            }
            Found::Changed(place, entry) | Found::Stepped(place, entry) => {
                let before = core::mem::replace(&mut limits.entries[place], *entry);
                self.before.push((place, before));
                Ok(place)
            }
            Found::New(entry) => {
                limits.entries.push(*entry);
                Ok(limits.entries.len() - 1)
            }
        }
    }

    /// The same states, of which something else is asked under the same policy.
    pub(super) fn asking<'b>(self, item: &'b Item) -> Picked<'b>
    where
        'a: 'b,
    {
        Picked { item, ..self }
    }

    /// Decides the item; an admission charges the states.
    pub(super) fn decide(
        &self,
        limits: &mut Limits,
        holder: Option<Holder>,
        moment: Moment,
    ) -> Result<Decision, UnknownTimeZone> {
        let Item { policy, check } = self.item;
        let on_hold = limits.on_hold(policy);
        if let [place] = self.places[..] {
            let state = &mut limits.entries[place].usage.state;
            return match on_hold {
                None => decide(policy, &mut [state], check, holder, moment),
                Some(units) => decide_beside(policy, &units, &mut [state], check, holder, moment),
            };
        }
        let mut states: Vec<(usize, &mut LimitState)> = (limits.entries.iter_mut().enumerate())
            .filter_map(|(i, entry)| {
                let order = self.places.iter().position(|place| *place == i)?;
                Some((order, &mut entry.usage.state))
            })
            .collect();
        states.sort_by_key(|(order, _)| *order);
        let mut states: Vec<&mut LimitState> = states.into_iter().map(|(_, state)| state).collect();
        match on_hold {
            None => decide(policy, &mut states, check, holder, moment),
            Some(units) => decide_beside(policy, &units, &mut states, check, holder, moment),
        }
    }

    /// Whether what was charged to this entry before can still be taken back.
    pub(super) fn counts_on(&self, place: usize, limits: &Limits) -> bool {
        let mut before = self.before.iter();
        let counts_on = |before: &Entry| before.counts_as(&limits.entries[place]);
        place < self.known && before.all(|(changed, before)| *changed != place || counts_on(before))
    }

    /// Puts the definitions asked for in force although nothing was charged: what comes back from
    /// now on comes at their rates, so their rows are written before the refusal is answered. What
    /// would answer as a new subject does is not kept. Answers the keys of the states to which
    /// earlier charges can no longer be taken back.
    pub(super) fn put_in_force(
        &self,
        limits: &mut Limits,
        moment: Moment,
        effects: &mut Effects,
    ) -> Vec<String> {
        let mut final_for = Vec::new();
        for &(place, _) in &self.before {
            if !self.counts_on(place, limits) {
                final_for.push(limits.entries[place].key());
            }
            self.enforce(&mut limits.entries[place], moment, effects);
        }
        for &place in self.places.iter().filter(|place| **place < self.known) {
            let becomes_another = limits.entries[place].becomes_another(&self.item.policy);
            if becomes_another || self.joined.contains(&place) {
                self.enforce(&mut limits.entries[place], moment, effects);
            }
        }
        // It may be what is held that has refused.
        let is_held = limits.on_hold(&self.item.policy).is_some();
        let begun = limits.entries.split_off(self.known);
        let is_lasting = |entry: &Entry| is_held || entry.usage.is_lasting(moment.now);
        for mut entry in begun.into_iter().filter(is_lasting) {
            self.enforce(&mut entry, moment, effects);
            final_for.push(entry.key());
            limits.entries.push(entry);
        }
        final_for
    }

    /// Has the class that was refused fill up to what it asked for, where that is more than its
    /// part.
    pub(super) fn reserve(
        &self,
        limits: &mut Limits,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), UnknownTimeZone> {
        if self.item.policy.weights().is_none() {
            return Ok(());
        }
        // At a limit that is new the first class owns all.
        for &place in self.places.iter().filter(|place| **place < self.known) {
            let entry = &mut limits.entries[place];
            if entry
                .usage
                .reserve(self.item.units_of(&entry.usage.limit), moment)?
            {
                self.enforce(entry, moment, effects);
            }
        }
        Ok(())
    }

    /// Has a picked entry take the settings of the policy.
    pub(super) fn set_policy(&self, entry: &mut Entry) {
        entry.set_policy(&self.item.policy, self.is_whole);
    }

    fn enforce(&self, entry: &mut Entry, moment: Moment, effects: &mut Effects) {
        self.set_policy(entry);
        entry.write_exact(moment, effects);
    }
}
