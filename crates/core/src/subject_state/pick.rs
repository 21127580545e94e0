//! Finding or making the entries that an item is decided on, under the definitions that it names.

use crate::algorithm::state::Moment;
use crate::calendar::UnknownTimeZone;
use crate::Limit;

use super::{Effects, Entry, Item, Refusal, SubjectState, MAX_DEFINITIONS, MAX_ENTRIES};

/// Entries picked for an item, and how to put back those that were changed to take part.
pub(super) struct Picked {
    /// The entry of each limit, in the policy's order.
    pub(super) places: Vec<usize>,
    /// The entries as they were under another definition.
    before: Vec<(usize, Entry)>,
    /// How many entries there were; those behind are new.
    known: usize,
}

/// On what a limit is decided.
pub(super) enum Found {
    /// On the entry as it is.
    InForce(usize),
    /// On the entry under another definition.
    Changed(usize, Box<Entry>),
    /// On an entry that is not there yet.
    New(Box<Entry>),
}

impl Picked {
    /// Whether what was charged to this entry before can still be taken back.
    pub(super) fn counts_on(&self, place: usize, entries: &[Entry]) -> bool {
        let mut before = self.before.iter();
        place < self.known
            && before
                .all(|(changed, before)| *changed != place || before.counts_as(&entries[place]))
    }
}

impl SubjectState {
    /// Finds or makes the entry of each limit, under the definition asked for. Nothing is written yet.
    pub(super) fn pick(
        &mut self,
        item: &Item,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Picked, Refusal> {
        let new = self.new_limits(item, |_| true).count();
        if new > 0
            && (self.entries.len() + new > MAX_ENTRIES || self.crowded(item, |_| true).is_some())
        {
            self.drop_idle(moment, effects);
            self.has_room_for(item, moment)?;
        }
        let mut picked = Picked {
            places: Vec::with_capacity(item.policy.limits().len()),
            before: Vec::new(),
            known: self.entries.len(),
        };
        for limit in item.policy.limits() {
            match self.place(item, limit, moment, &mut picked) {
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
        item: &Item,
        limit: &Limit,
        moment: Moment,
        picked: &mut Picked,
    ) -> Result<usize, Refusal> {
        match self.find(item, limit, moment)? {
            Found::InForce(place) => Ok(place),
            Found::Changed(place, entry) => {
                let before = core::mem::replace(&mut self.entries[place], *entry);
                picked.before.push((place, before));
                Ok(place)
            }
            Found::New(entry) => {
                self.entries.push(*entry);
                Ok(self.entries.len() - 1)
            }
        }
    }

    /// Whether the subject has room for the states of the item's limits, once the idle ones are dropped.
    pub(super) fn has_room_for(&self, item: &Item, moment: Moment) -> Result<(), Refusal> {
        let lasting = |entry: &Entry| !self.is_to_drop(entry, moment.now);
        let new = self.new_limits(item, lasting).count();
        if new == 0 {
            return Ok(());
        }
        if let Some(name) = self.crowded(item, lasting) {
            return Err(Refusal::TooManyDefinitions(name));
        }
        let lasting = self.entries.iter().filter(|entry| lasting(entry)).count();
        if lasting + new > MAX_ENTRIES {
            return Err(Refusal::TooManyLimits(self.names()));
        }
        Ok(())
    }

    /// The limits of the item that none of the `lasting` entries keeps.
    fn new_limits<'a>(
        &'a self,
        item: &'a Item,
        lasting: impl Fn(&Entry) -> bool + 'a,
    ) -> impl Iterator<Item = &'a Limit> {
        let policy = item.policy.name_or_empty();
        (item.policy.limits().iter()).filter(move |limit| {
            let mut entries = self.entries.iter();
            !entries.any(|entry| entry.keeps(policy, limit) && lasting(entry))
        })
    }

    /// The name of which the item brings one definition too many, beside those that are `lasting`.
    fn crowded(&self, item: &Item, lasting: impl Fn(&Entry) -> bool) -> Option<String> {
        let policy = item.policy.name_or_empty();
        let too_many = |limit: &&Limit| {
            let named = |entry: &&Entry| entry.is_named_as(policy, limit) && lasting(entry);
            let new = self.new_limits(item, &lasting);
            let new = new.filter(|other| other.name() == limit.name()).count();
            self.entries.iter().filter(named).count() + new > MAX_DEFINITIONS
        };
        let mut new = self.new_limits(item, &lasting);
        let limit = new.find(|limit| limit.name().is_some() && too_many(limit))?;
        limit.name().map(|name| name.as_str().to_owned())
    }

    /// How many different names the limits have.
    pub(super) fn names(&self) -> usize {
        let is_first = |&(i, entry): &(usize, &Entry)| {
            let mut before = self.entries[..i].iter();
            entry.limit.name().is_some()
                && !before.any(|other| other.is_named_as(&entry.policy, &entry.limit))
        };
        self.entries.iter().enumerate().filter(is_first).count()
    }

    /// On what `limit` of the item would be decided at this moment, if nothing is decided until then.
    pub(super) fn find(
        &self,
        item: &Item,
        limit: &Limit,
        moment: Moment,
    ) -> Result<Found, UnknownTimeZone> {
        let policy = item.policy.name_or_empty();
        let mut entries = self.entries.iter();
        let Some(place) = entries.position(|entry| entry.keeps(policy, limit)) else {
            let moment = self.not_before(policy, limit, moment);
            let fresh = Entry::fresh(policy, limit, moment)?;
            let begun = self.in_force(item, fresh, moment)?;
            return Ok(Found::New(Box::new(begun)));
        };
        let entry = &self.entries[place];
        let mut of_name = self.entries.iter();
        let is_in_force =
            !of_name.any(|other| other.is_named_as(policy, limit) && other.turn > entry.turn);
        if is_in_force && entry.limit == *limit {
            return Ok(Found::InForce(place));
        }
        let moment = self.not_before(policy, limit, moment);
        let mut next = entry.redefined(limit, moment)?;
        if !is_in_force {
            next = self.in_force(item, next, moment)?;
        }
        Ok(Found::Changed(place, Box::new(next)))
    }

    /// The moment, or the newest that the limit has seen under any definition: a clock that steps back refills nothing.
    fn not_before<'a>(&self, policy: &str, limit: &Limit, moment: Moment<'a>) -> Moment<'a> {
        let of_limit = (self.entries.iter())
            .filter(|entry| entry.keeps(policy, limit) || entry.is_named_as(policy, limit));
        let seen = of_limit.map(|entry| entry.state.seen());
        Moment {
            now: seen.fold(moment.now, Ord::max),
            ..moment
        }
    }

    /// The entry, new or of another time, as the one in force of its name: it counts at least what any of the others in use has counted.
    /// Each of them was charged with what the others admitted, so none has counted more than was used.
    fn in_force(
        &self,
        item: &Item,
        mut entry: Entry,
        moment: Moment,
    ) -> Result<Entry, UnknownTimeZone> {
        let (policy, limit) = (entry.policy.clone(), entry.limit.clone());
        let of_name = (self.entries.iter()).filter(|other| other.is_named_as(&policy, &limit));
        let Some(newest) = of_name.clone().map(|other| other.turn).max() else {
            return Ok(entry);
        };
        for other in of_name
            .clone()
            .filter(|other| !other.keeps(&policy, &limit))
        {
            if other.idle_at(moment.now) > moment.now {
                entry.take_over(other, moment)?;
            }
        }
        // One item may ask several definitions of one name: then all of them are in force.
        let asks = |other: &Entry| {
            let mut limits = item.policy.limits().iter();
            limits.any(|limit| other.keeps(&policy, limit))
        };
        let is_asked = of_name
            .clone()
            .any(|other| other.turn == newest && asks(other));
        entry.turn = newest + u64::from(!is_asked);
        Ok(entry)
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
            let counts_on = picked.counts_on(place, &self.entries);
            self.enforce(place, counts_on, item, moment, effects);
        }
        let begun = self.entries.split_off(picked.known);
        let lasting = |entry: &Entry| entry.idle_at(moment.now) > moment.now;
        self.entries.extend(begun.into_iter().filter(lasting));
        for place in picked.known..self.entries.len() {
            self.enforce(place, false, item, moment, effects);
        }
    }

    fn enforce(
        &mut self,
        place: usize,
        counts_on: bool,
        item: &Item,
        moment: Moment,
        effects: &mut Effects,
    ) {
        let entry = &mut self.entries[place];
        entry.set_policy(&item.policy);
        entry.write_exact(moment, effects);
        if !counts_on {
            self.operations.drop_charges_of(&entry.key());
        }
    }
}
