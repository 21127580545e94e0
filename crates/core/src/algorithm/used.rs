//! How much of a limit is in use, also past it, and how much of it is promised.

use super::places::Place;
use super::sliding::Sliding;
use super::state::{shape, LimitState};
use crate::limit::Algorithm;
use crate::{Duration, Timestamp};

impl LimitState {
    /// Units in use at `now`, rounded up, those that are promised for later left out; more than the
    /// limit after it was lowered, and where units were charged past it. The state must be
    /// projected.
    pub fn used(&self, algorithm: &Algorithm, now: Timestamp) -> u64 {
        let limit = algorithm.limit();
        match (self, algorithm) {
            // Everything before a span ahead counts as full.
            (LimitState::Counter(counter), _) if counter.span.start > now => limit,
            (LimitState::Counter(counter), _) => counter.used,
            (LimitState::Sliding(sliding), _) if sliding.counts.start > now => limit,
            (LimitState::Sliding(sliding), Algorithm::SlidingWindow(window)) => {
                sliding.counts.used(window, now)
            }
            (LimitState::Log(log), Algorithm::SlidingLog(window)) => log.spent(window, now),
            (LimitState::Bucket(bucket), _) => {
                shape(algorithm).map_or(0, |shape| bucket.used(shape))
            }
            (LimitState::Slots(slots), _) => {
                let waiting = slots.carried(ttl(algorithm), now).map(|place| place.units);
                let waiting = waiting.fold(0, u64::saturating_add);
                slots.used(now).saturating_sub(waiting)
            }
            _ => 0,
        }
    }

    /// The newest time that the state has seen.
    pub const fn seen(&self) -> Timestamp {
        match self {
            LimitState::Counter(counter) => counter.time,
            LimitState::Sliding(sliding) => sliding.counts.time,
            LimitState::Log(log) => log.time,
            LimitState::Bucket(bucket) => bucket.level.seen,
            LimitState::Slots(slots) => slots.time,
        }
    }

    /// What is promised for later. The state must be projected.
    pub fn promised(&self, algorithm: &Algorithm, now: Timestamp) -> Vec<Place> {
        let mut promised = Vec::new();
        // Rows of before places were kept one by one tell a window ahead instead.
        let window = match self {
            LimitState::Counter(counter) => (counter.span.start, counter.used),
            LimitState::Sliding(Sliding { counts, .. }) => (counts.start, counts.current),
            _ => (now, 0),
        };
        if window.0 > now {
            promised.push(Place::new(window.0, window.1));
        }
        let listed = match self {
            LimitState::Counter(counter) => counter.ahead.as_ref().map(|ahead| &ahead.places),
            LimitState::Sliding(sliding) => sliding.places.as_deref(),
            LimitState::Bucket(bucket) => bucket.queue.as_ref().map(|queue| &queue.places),
            LimitState::Log(log) => {
                promised.extend(log.ahead(now).map(|&(at, units)| Place::new(at, units)));
                None
            }
            LimitState::Slots(slots) => {
                promised.extend(slots.carried(ttl(algorithm), now));
                None
            }
        };
        promised.extend(listed.into_iter().flatten());
        promised
    }
}

/// How long a slot is held; nothing for algorithms without slots.
pub(super) fn ttl(algorithm: &Algorithm) -> Duration {
    match algorithm {
        Algorithm::Concurrency(slots) => slots.ttl(),
        _ => Duration::ZERO,
    }
}
