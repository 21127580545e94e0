//! What becomes of past use when a limit's definition changes.

use super::slots::Slot;
use super::state::{shape, LimitState, Moment};
use crate::calendar::UnknownTimeZone;
use crate::limit::{Algorithm, Limit};

impl LimitState {
    /// The state, kept under `old`, as one under `new`: past use stays. Under another algorithm it starts with min(used, limit).
    /// The state must be projected to `moment.now`.
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
        let used = from
            .limit()
            .saturating_sub(self.view(from, moment.now).remaining);
        let mut state = LimitState::fresh(to, moment)?;
        let already = to
            .limit()
            .saturating_sub(state.view(to, moment.now).remaining);
        let units = used.min(to.limit()).saturating_sub(already);
        if units > 0 {
            let ttl = if let Algorithm::Concurrency(slots) = to {
                slots.ttl()
            } else {
                crate::Duration::ZERO
            };
            // Use that nobody holds a permit for: no permit is zero, so it goes at its deadline only.
            let slot = Slot {
                permit: 0,
                units,
                fence: 0,
                deadline: moment.now.plus(ttl),
            };
            state.take(to, slot, moment.now, moment)?;
        }
        Ok(state)
    }
}
