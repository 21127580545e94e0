//! What becomes of past use when a limit's definition changes.

use super::slots::Slot;
use super::state::{shape, LimitState, Moment};
use crate::calendar::UnknownTimeZone;
use crate::limit::{Algorithm, Limit};
use crate::Duration;

impl LimitState {
    /// The state, kept under `old`, as one under `new`: past use stays, above a lower limit too. The state must be projected to
    /// `moment.now`.
    pub fn adopted(
        &self,
        old: &Limit,
        new: &Limit,
        moment: Moment,
    ) -> Result<LimitState, UnknownTimeZone> {
        let (from, to) = (old.algorithm(), new.algorithm());
        if core::mem::discriminant(from) != core::mem::discriminant(to)
            || !old.shares_state_with(new)
        {
            return self.restarted(from, to, moment);
        }
        Ok(match (self, shape(from), shape(to)) {
            (LimitState::Bucket(bucket), Some(from), Some(to)) => {
                LimitState::Bucket(bucket.converted(from, to))
            }
            _ => self.clone(),
        })
    }

    fn restarted(
        &self,
        from: &Algorithm,
        to: &Algorithm,
        moment: Moment,
    ) -> Result<LimitState, UnknownTimeZone> {
        let mut state = LimitState::fresh(to, moment)?;
        state.raise(to, self.used(from, moment.now), moment)?;
        Ok(state)
    }

    /// Raises the use to at least `units`, as if the newest of them had been used now: the least state that admits no more than either
    /// this one or a new one that has used as much. So of two states the one that tells more use still does so afterwards, and a
    /// restart from rows that run ahead admits no more. The state must be projected to `moment.now`.
    pub fn raise(
        &mut self,
        algorithm: &Algorithm,
        units: u64,
        moment: Moment,
    ) -> Result<(), UnknownTimeZone> {
        if units == 0 {
            return Ok(());
        }
        let used = self.used(algorithm, moment.now);
        let units = match (&mut *self, algorithm) {
            // Slots have holders. Use that nobody holds a permit for goes at its deadline only.
            (LimitState::Slots(_), _) => units.saturating_sub(used),
            // Two counts cannot tell which of their units are the newest.
            (LimitState::Sliding(_), _) => {
                *self = LimitState::fresh(algorithm, moment)?;
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
        let held = match algorithm {
            Algorithm::Concurrency(slots) => slots.ttl(),
            _ => Duration::ZERO,
        };
        let slot = Slot {
            permit: 0,
            units,
            fence: 0,
            deadline: moment.now.plus(held),
        };
        self.take(algorithm, slot, moment.now, moment)
    }
}
