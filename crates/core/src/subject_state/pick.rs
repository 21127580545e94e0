//! Finding or making the entries that an item is decided on.

use crate::algorithm::state::Moment;
use crate::Limit;

use super::{Effects, Entry, Item, Refusal, SubjectState, MAX_ENTRIES};

/// Entries picked for an item, and how to put back those that were changed to take part.
pub(super) struct Picked {
    pub(super) places: Vec<usize>,
    before: Vec<(usize, Entry)>,
}

impl Picked {
    pub(super) fn undo(self, entries: &mut [Entry]) {
        for (place, entry) in self.before {
            entries[place] = entry;
        }
    }
}

impl SubjectState {
    /// Finds or makes the entry of each limit, under the definition asked for.
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
