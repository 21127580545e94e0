//! What isolates remember of one subject's refusals, while its calls are decided once more: a
//! request that an isolate would have refused by what the object had said reaches no object, and
//! is refused for up to a second after a reset, too.

use crate::decision::Decision;
use crate::isolate::bounded::Secret;
use crate::isolate::refusals::{CallTimes, Refusals};
use crate::subject_state::Item;
use crate::Timestamp;

/// All isolates that asked about one subject, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Isolates(Vec<(u64, Refusals)>);

impl Isolates {
    fn of(&mut self, isolate: u64) -> &mut Refusals {
        let known = self.0.iter().position(|(number, _)| *number == isolate);
        let place = known.unwrap_or(self.0.len());
        if known.is_none() {
            // Whoever is recorded meets nobody here but himself: no secret is needed.
            let empty = Refusals::new(Secret::new(0));
            self.0.push((isolate, empty));
        }
        &mut self.0[place].1
    }

    /// What an isolate answers by itself, if it does.
    pub(super) fn refusal(
        &mut self,
        isolate: u64,
        item: &Item,
        now: Timestamp,
    ) -> Option<Decision> {
        let refusals = self.of(isolate);
        let key = refusals.key("", &item.policy);
        refusals.find(key, &item.policy, &item.check, now)
    }

    /// The object has told an isolate this.
    pub(super) fn learn(&mut self, isolate: u64, item: &Item, now: Timestamp, told: &Decision) {
        let refusals = self.of(isolate);
        let key = refusals.key("", &item.policy);
        let times = CallTimes {
            sent: now,
            received: now,
        };
        refusals.record_decision(key, &item.check, times, told);
    }
}
