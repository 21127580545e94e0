//! Finding or making the entries that an item is decided on, under the definitions that it names.

use crate::algorithm::state::{LimitState, Moment};
use crate::calendar::UnknownTimeZone;
use crate::Limit;

use super::{Effects, Entry, Item, Refusal, SubjectState, MAX_ENTRIES};

/// Entries picked for an item, and how to put back those that were changed to take part.
pub(super) struct Picked {
    /// The entry of each limit, in the policy's order.
    pub(super) places: Vec<usize>,
    /// The entries as they were under another definition.
    before: Vec<(usize, Entry)>,
    /// How many entries there were; those behind are new.
    known: usize,
}

impl Picked {
    /// Whether an entry was changed, or perhaps made from others, to take part.
    pub(super) fn redefines(&self, entries: &[Entry]) -> bool {
        let is_named = |entry: &Entry| entry.limit.name().is_some();
        !self.before.is_empty() || entries[self.known..].iter().any(is_named)
    }
}

/// On what a limit is decided.
enum Found {
    /// On the entry as it is.
    InForce(usize),
    /// On the entry under another definition.
    Changed(usize, Box<Entry>),
    /// On an entry that is not there yet.
    New(Box<Entry>),
}

impl SubjectState {
    /// Finds or makes the entry of each limit, under the definition asked for. Nothing is written yet.
    pub(super) fn pick(
        &mut self,
        item: &Item,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Picked, Refusal> {
        let policy = item.policy.name_or_empty();
        if self.entries.len() + item.policy.limits().len() > MAX_ENTRIES {
            self.drop_idle(moment, effects);
        }
        let mut picked = Picked {
            places: Vec::with_capacity(item.policy.limits().len()),
            before: Vec::new(),
            known: self.entries.len(),
        };
        for limit in item.policy.limits() {
            match self.place(policy, limit, moment, &mut picked) {
                Ok(place) => picked.places.push(place),
                Err(refusal) => {
                    self.put_back(picked);
                    return Err(refusal);
                }
            }
        }
        Ok(picked)
    }

    fn place(
        &mut self,
        policy: &str,
        limit: &Limit,
        moment: Moment,
        picked: &mut Picked,
    ) -> Result<usize, Refusal> {
        match self.find(policy, limit, moment)? {
            Found::InForce(place) => Ok(place),
            Found::Changed(place, entry) => {
                let before = core::mem::replace(&mut self.entries[place], *entry);
                picked.before.push((place, before));
                Ok(place)
            }
            Found::New(_) if self.entries.len() == MAX_ENTRIES => {
                Err(Refusal::TooManyLimits(self.names()))
            }
            Found::New(entry) => {
                self.entries.push(*entry);
                Ok(self.entries.len() - 1)
            }
        }
    }

    /// How many different names the limits have.
    fn names(&self) -> usize {
        let is_first = |&(i, entry): &(usize, &Entry)| {
            let mut before = self.entries[..i].iter();
            entry.limit.name().is_some()
                && !before.any(|other| other.is_named_as(&entry.policy, &entry.limit))
        };
        self.entries.iter().enumerate().filter(is_first).count()
    }

    /// The state on which `limit` would be decided at this moment, if nothing is decided until then.
    pub(super) fn state_under(
        &self,
        policy: &str,
        limit: &Limit,
        moment: Moment,
    ) -> Result<LimitState, UnknownTimeZone> {
        Ok(match self.find(policy, limit, moment)? {
            Found::InForce(place) => self.entries[place].state.clone(),
            Found::Changed(_, entry) | Found::New(entry) => entry.state,
        })
    }

    fn find(&self, policy: &str, limit: &Limit, moment: Moment) -> Result<Found, UnknownTimeZone> {
        let known = self
            .entries
            .iter()
            .position(|entry| entry.keeps(policy, limit));
        let newest = self
            .entries
            .iter()
            .filter(|entry| entry.is_named_as(policy, limit))
            .map(|entry| entry.turn)
            .max();
        let Some(place) = known else {
            let mut begun = self.begin(policy, limit, moment)?;
            begun.turn = newest.map_or(0, |newest| newest + 1);
            return Ok(Found::New(Box::new(begun)));
        };
        let entry = &self.entries[place];
        let was_last = newest.is_none_or(|newest| newest == entry.turn);
        if was_last && entry.limit == *limit {
            return Ok(Found::InForce(place));
        }
        // What another definition admitted was charged to this one too, but not while it was idle: then it begins as a new one does.
        let mut next = if was_last || entry.idle_at(moment.now) > moment.now {
            entry.redefined(limit, moment)?
        } else {
            self.begin(policy, limit, moment)?
        };
        next.turn = entry.turn;
        if !was_last {
            next.turn = newest.map_or(0, |newest| newest + 1);
        }
        Ok(Found::Changed(place, Box::new(next)))
    }

    /// A new entry. A named limit whose window or algorithm changed starts with the most that any of its definitions in use has counted:
    /// each of them was charged with what the others admitted, so none has counted more than was used.
    fn begin(&self, policy: &str, limit: &Limit, moment: Moment) -> Result<Entry, UnknownTimeZone> {
        let mut begun = Entry::fresh(policy, limit, moment)?;
        for other in self
            .entries
            .iter()
            .filter(|entry| entry.is_named_as(policy, limit))
        {
            let entry = other.redefined(limit, moment)?;
            if entry.used(moment.now) > begun.used(moment.now) {
                begun = entry;
            }
        }
        Ok(begun)
    }

    /// Puts the entries back as they were: nobody was decided by the definitions asked for.
    pub(super) fn put_back(&mut self, picked: Picked) {
        self.entries.truncate(picked.known);
        for (place, entry) in picked.before {
            self.entries[place] = entry;
        }
    }

    /// Puts the definitions asked for in force although nothing was charged: what comes back from now on comes at their rates, so their
    /// rows are written before the refusal is answered. What would answer as a new subject does is not kept.
    pub(super) fn put_in_force(
        &mut self,
        item: &Item,
        picked: &Picked,
        moment: Moment,
        effects: &mut Effects,
    ) {
        for &(place, _) in &picked.before {
            self.enforce(place, item, moment, effects);
        }
        let begun = self.entries.split_off(picked.known);
        let lasting = |entry: &Entry| entry.idle_at(moment.now) > moment.now;
        self.entries.extend(begun.into_iter().filter(lasting));
        for place in picked.known..self.entries.len() {
            self.enforce(place, item, moment, effects);
        }
    }

    fn enforce(&mut self, place: usize, item: &Item, moment: Moment, effects: &mut Effects) {
        let entry = &mut self.entries[place];
        entry.set_policy(&item.policy);
        entry.write_exact(moment, effects);
        // A bucket counts in other units now: taking a charge back could give units twice.
        self.operations.drop_charges_of(&entry.key());
    }
}
