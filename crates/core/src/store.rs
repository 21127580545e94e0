//! Places where an item is decided for a subject, behind one trait: a subject's object, the counts
//! of an isolate, a native binding, and the store in memory.
//!
//! Asynchronous only in form: nothing here runs or needs a runtime, and the store in memory is
//! ready at once. What else is done with a subject (shown, reset, blocked, its permits) is not the
//! same in every place, and no part of the trait.

use core::cell::RefCell;
use core::future::Future;
use std::collections::HashMap;

use crate::algorithm::state::Moment;
use crate::calendar::TimeZone;
use crate::decision::{Decision, Source};
use crate::subject_state::{Effects, Item, Refusal, SubjectState};
use crate::Timestamp;

/// A place where an item is decided for a subject.
pub trait RateLimitStore {
    /// Why there is no decision. A refusal is one.
    type Error;

    /// Decides `item` for the subject whose object is named `object`
    /// ([`object_name`](crate::subject::Subject::object_name)), and tells how good the answer is.
    /// An admission is remembered for as long as the store promises.
    fn decide(
        &self,
        object: &str,
        item: &Item,
    ) -> impl Future<Output = Result<(Decision, Source), Self::Error>>;
}

/// Keeps every subject in memory, each as its object would: for tests, simulations and programs of
/// one process. The clock and the randomness are the owner's.
pub struct MemoryStore<Clock, Random> {
    subjects: RefCell<HashMap<String, SubjectState>>,
    clock: Clock,
    random: RefCell<Random>,
    zones: Box<dyn TimeZone>,
}

impl<Clock: Fn() -> Timestamp, Random: FnMut() -> u128> MemoryStore<Clock, Random> {
    /// An empty store that reads the time from `clock` and permits from `random`.
    pub fn new(clock: Clock, random: Random, zones: Box<dyn TimeZone>) -> Self {
        MemoryStore {
            subjects: RefCell::default(),
            clock,
            random: random.into(),
            zones,
        }
    }

    fn moment(&self) -> Moment<'_> {
        Moment {
            now: (self.clock)(),
            zones: &*self.zones,
        }
    }

    /// Forgets subjects that are idle; answers how many are left. Memory has no alarms, so its
    /// owner calls this now and then.
    pub fn clean(&self) -> usize {
        let moment = self.moment();
        let mut subjects = self.subjects.borrow_mut();
        subjects.retain(|_, state| {
            let mut effects = Effects::default();
            // A zone that was known when the limit was used is known now; if not, the subject
            // stays.
            state.clean(moment, &mut effects).is_err() || state.has_rows()
        });
        subjects.len()
    }
}

impl<Clock: Fn() -> Timestamp, Random: FnMut() -> u128> RateLimitStore
    for MemoryStore<Clock, Random>
{
    type Error = Refusal;

    async fn decide(&self, object: &str, item: &Item) -> Result<(Decision, Source), Refusal> {
        let moment = self.moment();
        let mut subjects = self.subjects.borrow_mut();
        let state = subjects.entry(object.to_owned()).or_default();
        let random = &mut *self.random.borrow_mut();
        let unused = &mut Effects::default();
        let mut decided = state.limit(core::slice::from_ref(item), None, random, moment, unused)?;
        Ok((decided.remove(0), Source::Object)) // one for the item
    }
}
