//! How much of a limit is in use, also past it.

use super::div_ceil;
use super::state::{shape, LimitState};
use crate::limit::Algorithm;
use crate::Timestamp;

impl LimitState {
    /// Units in use at `now`, rounded up; more than the limit after it was lowered, and where units were charged past it or promised
    /// ahead. The state must be projected.
    pub fn used(&self, algorithm: &Algorithm, now: Timestamp) -> u64 {
        let gone = algorithm.limit() - self.view(algorithm, now).remaining.min(algorithm.limit());
        let used = match (self, algorithm) {
            (LimitState::Counter(counter), _) => counter.used,
            (LimitState::Sliding(sliding), Algorithm::SlidingWindow(window)) => {
                sliding.used(window, now)
            }
            (LimitState::Log(log), Algorithm::SlidingLog(window)) => log.used(window, now),
            (LimitState::Bucket(bucket), _) => shape(algorithm).map_or(0, |shape| {
                u64::try_from(div_ceil(bucket.deficit, shape.unit())).unwrap_or(u64::MAX)
            }),
            (LimitState::Slots(slots), _) => slots.used(now),
            _ => 0,
        };
        used.max(gone)
    }

    /// The newest time that the state has seen.
    pub const fn seen(&self) -> Timestamp {
        match self {
            LimitState::Counter(counter) => counter.time,
            LimitState::Sliding(sliding) => sliding.time,
            LimitState::Log(log) => log.time,
            LimitState::Bucket(bucket) => bucket.seen,
            LimitState::Slots(slots) => slots.time,
        }
    }
}
