//! The time that a request has.

use crate::Duration;

/// The time that a request has used and has in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    /// Since the first object was asked.
    pub elapsed: Duration,
    /// From the first question to the last answer.
    pub deadline: Duration,
}

impl Time {
    /// Whether `more` messages fit before the deadline if each takes as long as the `gone` ones
    /// took on average, each with its answer and one after the other.
    pub fn is_enough_for(self, more: usize, gone: usize) -> bool {
        let (elapsed, deadline) = (self.elapsed.as_millis(), self.deadline.as_millis());
        let needed = elapsed.saturating_mul(more as u64);
        elapsed <= deadline && needed <= (deadline - elapsed).saturating_mul(gone as u64)
    }

    /// The rest until the deadline, at least a millisecond.
    pub fn left(self) -> Duration {
        let left = self.deadline.as_millis();
        let left = left.saturating_sub(self.elapsed.as_millis());
        Duration::from_millis(left.max(1))
    }
}
