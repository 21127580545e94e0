//! Which overrides change the limits of a policy for a recorded subject: known since the check was
//! about to be decided, until they are recorded with the call.

use std::collections::HashMap;

use tollgate_core::message::Call;
use tollgate_core::overrides::Override;
use tollgate_core::subject_state::Item;

use crate::sampling;

/// Of how many subjects and policies that is remembered. Requests under way are few of them.
const MAX_UNDER: usize = 4_096;

/// What was said last, by the hash of a subject's and a policy's name.
#[derive(Debug, Default)]
pub(crate) struct Under(HashMap<u64, (u64, Vec<Override>)>);

fn key((subject, policy): (u64, &str)) -> u64 {
    subject.rotate_left(1) ^ sampling::hash(policy)
}

impl Under {
    /// The overrides that change a policy's limits for a subject, at the instant `adjusted` of the
    /// isolate's overrides.
    pub(crate) fn set(&mut self, of: (u64, &str), adjusted: u64, overrides: &[Override]) {
        let key = key(of);
        if overrides.is_empty() && !self.0.contains_key(&key) {
            return; // as with nearly all
        }
        if self.0.len() >= MAX_UNDER {
            self.0.clear();
        }
        self.0.insert(key, (adjusted, overrides.to_vec()));
    }

    /// The overrides of the items of a call that decides; `None` where an item was made ready
    /// before its overrides have changed, so that those which made it are not known any more.
    pub(crate) fn of_call(&self, subject: u64, call: &Call) -> Option<Vec<Vec<Override>>> {
        let Call::Limit { items, .. } = call else {
            return Some(Vec::new());
        };
        if self.0.is_empty() {
            return Some(Vec::new()); // as always where no override is in force
        }
        items.iter().map(|item| self.of(subject, item)).collect()
    }

    fn of(&self, subject: u64, item: &Item) -> Option<Vec<Override>> {
        let of = (subject, item.policy.name_or_empty());
        match self.0.get(&key(of)) {
            None => Some(Vec::new()),
            Some((adjusted, overrides)) => {
                let is_it = *adjusted == item.policy.version().adjusted;
                is_it.then(|| overrides.clone())
            }
        }
    }
}
