//! Where limits are decided: one trait over memory, an object, KV and a native binding, so that a caller can take any of them.
//!
//! Asynchronous only in form: nothing here runs or needs a runtime, and the store in memory is ready at once.

use core::future::Future;
use std::collections::HashMap;

use crate::algorithm::state::Moment;
use crate::message::{Answer, Call};
use crate::subject::Subject;
use crate::subject_state::{Effects, SubjectState};
use crate::Timestamp;

/// Something that answers calls about subjects: decides, shows, resets, blocks, holds.
pub trait RateLimitStore {
    /// Why there is no answer, such as an object out of reach.
    type Error;

    /// Answers `call` for `subject`. An admission that is answered is remembered for as long as the store promises.
    fn call(
        &self,
        subject: &Subject,
        call: &Call,
    ) -> impl Future<Output = Result<Answer, Self::Error>>;
}

/// Keeps every subject in memory: for tests, simulations and programs of one process. The clock and the randomness are the owner's.
pub struct MemoryStore<Clock, Random> {
    subjects: core::cell::RefCell<HashMap<String, SubjectState>>,
    clock: Clock,
    random: core::cell::RefCell<Random>,
    zones: Box<dyn crate::calendar::TimeZone>,
}

impl<Clock: Fn() -> Timestamp, Random: FnMut() -> u128> MemoryStore<Clock, Random> {
    /// An empty store that reads the time from `clock` and permits from `random`.
    pub fn new(clock: Clock, random: Random, zones: Box<dyn crate::calendar::TimeZone>) -> Self {
        MemoryStore {
            subjects: core::cell::RefCell::default(),
            clock,
            random: random.into(),
            zones,
        }
    }

    /// Forgets subjects that are idle; answers how many are left. Memory has no alarms, so its owner calls this now and then.
    pub fn clean(&self) -> usize {
        let moment = Moment {
            now: (self.clock)(),
            zones: &*self.zones,
        };
        let mut subjects = self.subjects.borrow_mut();
        subjects.retain(|_, state| {
            let mut effects = Effects::default();
            // A zone that was known when the limit was used is known now; if not, the subject stays.
            state.clean(moment, &mut effects).is_err() || state.has_rows()
        });
        subjects.len()
    }
}

impl<Clock: Fn() -> Timestamp, Random: FnMut() -> u128> RateLimitStore
    for MemoryStore<Clock, Random>
{
    type Error = core::convert::Infallible;

    async fn call(&self, subject: &Subject, call: &Call) -> Result<Answer, Self::Error> {
        let moment = Moment {
            now: (self.clock)(),
            zones: &*self.zones,
        };
        let mut subjects = self.subjects.borrow_mut();
        let state = subjects.entry(subject.object_name()).or_default();
        Ok(state.answer(
            call,
            &mut *self.random.borrow_mut(),
            moment,
            &mut Effects::default(),
        ))
    }
}
