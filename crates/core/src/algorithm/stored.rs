//! How a stored row stands to the real state: ahead of it, by so much.

use super::state::{shape, LimitState};
use crate::limit::Algorithm;
use crate::Timestamp;

impl LimitState {
    /// Whether a subject restarted from this state, at `now` or later, would never be given more
    /// than one with `real`. Both must be projected to one instant.
    pub fn covers(&self, real: &LimitState, algorithm: &Algorithm, now: Timestamp) -> bool {
        match (self, real) {
            (LimitState::Counter(kept), LimitState::Counter(real)) => kept.covers(real),
            (LimitState::Sliding(kept), LimitState::Sliding(real)) => kept.covers(real),
            (LimitState::Bucket(kept), LimitState::Bucket(real)) => {
                shape(algorithm).is_some_and(|shape| kept.covers(real, shape))
            }
            (LimitState::Log(kept), LimitState::Log(real)) => match algorithm {
                Algorithm::SlidingLog(window) => kept.covers(real, window, now),
                _ => false,
            },
            (LimitState::Slots(kept), LimitState::Slots(real)) => kept == real,
            _ => false,
        }
    }

    /// Whether it has more burst credits than `real`. Those that are spent or over by now are there
    /// for a restart under a clock that stepped back.
    pub const fn has_more_credits(&self, real: &LimitState) -> bool {
        match (self, real) {
            (LimitState::Bucket(kept), LimitState::Bucket(real)) => {
                kept.level.credits > real.level.credits
            }
            _ => false,
        }
    }

    /// The state with up to `units` more used, and how many more: what is stored, so that the next
    /// admissions need no write. Logs and slots are kept as they are. The state must be projected,
    /// unless `units` is 0.
    #[must_use]
    pub fn ahead(&self, algorithm: &Algorithm, units: u64) -> (LimitState, u64) {
        if units == 0 {
            return (self.clone(), 0); // taking nothing would still pay a deficit above the capacity with credits
        }
        // A count at the limit admits nothing: more would only refuse longer after the limit is
        // raised.
        let room = |used: u64| units.min(algorithm.limit().saturating_sub(used));
        let mut next = self.clone();
        let ahead = match &mut next {
            LimitState::Counter(counter) => {
                let more = room(counter.used);
                counter.used += more;
                more
            }
            LimitState::Sliding(sliding) => {
                let more = room(sliding.counts.current);
                sliding.counts.current += more;
                more
            }
            LimitState::Bucket(bucket) => match shape(algorithm) {
                Some(shape) => bucket.run_ahead(shape, units),
                None => 0,
            },
            LimitState::Log(_) | LimitState::Slots(_) => 0,
        };
        (next, ahead)
    }

    /// Whether both stand in one window or period. Kinds without windows always do.
    pub fn is_in_window_of(&self, other: &LimitState) -> bool {
        match (self, other) {
            (LimitState::Counter(a), LimitState::Counter(b)) => a.span.start == b.span.start,
            (LimitState::Sliding(a), LimitState::Sliding(b)) => a.counts.start == b.counts.start,
            _ => true,
        }
    }
}
