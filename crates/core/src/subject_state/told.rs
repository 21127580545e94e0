//! The use of a limit, as an upstream tells it: never less than is known here.

use crate::algorithm::state::{LimitState, Moment};
use crate::calendar::UnknownTimeZone;
use crate::Timestamp;

use super::usage::Usage;

impl Usage {
    /// Units in use now.
    pub(super) fn in_use(&self, moment: Moment) -> Result<u64, UnknownTimeZone> {
        let algorithm = self.limit.algorithm();
        let projected = self.state.projected(algorithm, moment)?;
        let state = projected.as_ref().unwrap_or(&self.state);
        Ok(state.used(algorithm, moment.now))
    }

    /// Counts at least as many units as leave so many of the limit; what is left before and after
    /// that. Slots are freed by their holders alone.
    pub(super) fn leave(
        &mut self,
        remaining: u64,
        moment: Moment,
    ) -> Result<(u64, u64), UnknownTimeZone> {
        let from = self.left_of_whole(moment)?;
        if from <= remaining || matches!(self.state, LimitState::Slots(_)) {
            return Ok((from, from));
        }
        let algorithm = self.limit.algorithm();
        self.state.project(algorithm, moment)?;
        let units = algorithm.limit().saturating_sub(remaining);
        self.state.raise(algorithm, units, moment)?;
        if let LimitState::Bucket(bucket) = &mut self.state {
            bucket.level.credits = 0; // else they would be left as well
        }
        Ok((from, self.left_of_whole(moment)?.min(from)))
    }

    /// Spends so much of a bucket that it is empty at this instant; whether anything had to be.
    pub(super) fn empty_at(
        &mut self,
        at: Timestamp,
        moment: Moment,
    ) -> Result<bool, UnknownTimeZone> {
        let algorithm = self.limit.algorithm();
        if !matches!(self.state, LimitState::Bucket(_)) {
            return Ok(false);
        }
        self.state.project(algorithm, moment)?;
        Ok(self.state.empty_at(algorithm, at))
    }
}
