//! What becomes of past use and of promises when a limit's definition changes.
//!
//! A change never makes a unit. What came back until then came at the old rate; counts become whole
//! units, rounded up. What is promised or held is taken over whole, with its instants, above the
//! new limit if it must be.

use super::counts::Counts;
use super::places::Place;
use super::slots::{Slot, Slots};
use super::state::{shape, LimitState, Moment};
use super::used::ttl;
use super::Take;
use crate::calendar::UnknownTimeZone;
use crate::limit::{Algorithm, Limit};

impl LimitState {
    /// The state, kept under `old`, as one under `new`: past use stays, above a lower limit too.
    /// `held` are slots that permits hold beside it, which count again where `new` has slots. The
    /// state must be projected to `moment.now`.
    pub fn adopted(
        &self,
        old: &Limit,
        new: &Limit,
        held: Vec<Slot>,
        moment: Moment,
    ) -> Result<LimitState, UnknownTimeZone> {
        let (from, to) = (old.algorithm(), new.algorithm());
        let same_kind = core::mem::discriminant(from) == core::mem::discriminant(to)
            && old.shares_state_with(new);
        Ok(match (self, shape(from), shape(to)) {
            // Either kind of bucket goes on with the whole: else a change and back would make
            // units.
            (LimitState::Bucket(bucket), Some(from), Some(to)) => {
                LimitState::Bucket(bucket.converted(from, to))
            }
            (LimitState::Slots(slots), _, _) if same_kind => {
                LimitState::Slots(slots.converted(ttl(from), ttl(to), moment.now))
            }
            _ if same_kind => self.clone(),
            _ => self.restarted(from, to, held, moment)?,
        })
    }

    fn restarted(
        &self,
        from: &Algorithm,
        to: &Algorithm,
        held: Vec<Slot>,
        moment: Moment,
    ) -> Result<LimitState, UnknownTimeZone> {
        let mut state = LimitState::fresh(to, moment)?;
        if let LimitState::Slots(slots) = &mut state {
            let fence = Slots::fence_of(&held).unwrap_or(0);
            *slots = Slots::of(held, fence, slots.time);
        }
        state.raise(to, self.used(from, moment.now), moment)?;
        state.promise_all(to, self.promised(from, moment.now), moment)?;
        Ok(state)
    }

    /// Keeps what was promised under another definition as well, but what is promised here for the
    /// same instants. The state must be projected to `moment.now`.
    pub fn promise_all(
        &mut self,
        algorithm: &Algorithm,
        promised: Vec<Place>,
        moment: Moment,
    ) -> Result<(), UnknownTimeZone> {
        let mut known = self.promised(algorithm, moment.now);
        for place in promised {
            let mut units = place.units;
            for same in known.iter_mut().filter(|known| known.at == place.at) {
                let both = units.min(same.units);
                units -= both;
                same.units -= both;
            }
            if units > 0 {
                self.take(algorithm, Take::of(units), place.at, moment)?;
            }
        }
        Ok(())
    }

    /// Raises the use to at least `units`, as if the newest of them had been used now: the least
    /// state that admits no more than either this one or a new one that has used as much. So of two
    /// states the one that tells more use still does so afterwards, and a restart from rows that
    /// run ahead admits no more. The state must be projected to `moment.now`.
    pub fn raise(
        &mut self,
        algorithm: &Algorithm,
        units: u64,
        moment: Moment,
    ) -> Result<(), UnknownTimeZone> {
        if units == 0 || self.raise_for_all(algorithm, units) {
            return Ok(());
        }
        let used = self.used(algorithm, moment.now);
        let units = match (&mut *self, algorithm) {
            // Slots have holders.
            (LimitState::Slots(_), _) => units.saturating_sub(used),
            // Two counts cannot tell which of their units are the newest.
            (LimitState::Sliding(sliding), Algorithm::SlidingWindow(window)) => {
                sliding.counts = Counts::fresh(window, sliding.counts.now(moment.now));
                units.max(used)
            }
            // A window that began earlier ends earlier: what was used now counts in one from now.
            (LimitState::Counter(counter), Algorithm::FirstUse(_)) if counter.ahead.is_none() => {
                counter.used = 0;
                units.max(used)
            }
            _ => {
                self.give_back(algorithm, units, moment.now);
                units
            }
        };
        if units == 0 {
            return Ok(());
        }
        self.take(algorithm, Take::of(units), moment.now, moment)
    }
}
