//! What an admission charged, and how it is taken back.

use super::level::Level;
use super::state::{shape, LimitState};
use super::Take;
use crate::limit::weights::ClassName;
use crate::limit::Algorithm;
use crate::Timestamp;

/// What an admission charged to one limit: enough to take exactly it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Charge {
    /// Units charged for `at`: now, or the instant of a place.
    At {
        /// The instant charged.
        at: Timestamp,
        /// Units charged.
        units: u64,
    },
    /// Units of a bucket, whose level was `after` just after `at`.
    Bucket {
        /// The level just after the instant charged.
        after: Level,
        /// The instant charged: now, or that of a place.
        at: Timestamp,
        /// Units charged.
        units: u64,
        /// The class that was charged, where the bucket has classes.
        class: Option<ClassName>,
    },
    /// Units that an override grants.
    Granted {
        /// Which grant.
        id: u64,
        /// Units taken.
        units: u64,
        /// By whom, where that is known.
        by: Option<String>,
    },
    /// What a permit holds of all its limits.
    Held {
        /// The permit.
        permit: u128,
    },
    /// The slots of a permit.
    Slots {
        /// The permit.
        permit: u128,
    },
}

impl LimitState {
    /// What an admission that took `take` for `at` charged, read just after it. `None` for slots
    /// that nobody holds: they have no permit by which they could be taken back.
    pub fn charge(&self, algorithm: &Algorithm, take: &Take, at: Timestamp) -> Option<Charge> {
        let units = take.units;
        Some(match (self, shape(algorithm)) {
            (LimitState::Bucket(bucket), Some(shape)) => Charge::Bucket {
                after: bucket.level_after(shape, at),
                at,
                units,
                class: bucket.asking(),
            },
            (LimitState::Slots(_), _) => Charge::Slots {
                permit: take.hold?.holder.permit,
            },
            // Under a clock that stepped back it was charged for the newest time seen.
            _ => Charge::At {
                at: at.max(self.seen()),
                units,
            },
        })
    }

    /// Takes a charge back as far as its units are still counted; nothing when its window has
    /// passed. A place ahead is free again at its instant, and no other place moves. The state must
    /// be projected. Answers what a bucket took back, in parts: what was charged on top of it later
    /// has to be lowered as much.
    pub fn cancel(&mut self, algorithm: &Algorithm, charge: &Charge, now: Timestamp) -> u128 {
        match (self, charge, algorithm) {
            (LimitState::Counter(counter), Charge::At { at, units }, _) => {
                counter.cancel(*at, *units, now);
            }
            (
                LimitState::Sliding(sliding),
                Charge::At { at, units },
                Algorithm::SlidingWindow(window),
            ) => sliding.cancel(window, *at, *units),
            (LimitState::Log(log), Charge::At { at, units }, _) => log.cancel(*at, *units, now),
            (
                LimitState::Bucket(bucket),
                Charge::Bucket {
                    after,
                    at,
                    units,
                    class,
                },
                _,
            ) => {
                let charged = (after, class.as_ref());
                return shape(algorithm)
                    .map_or(0, |shape| bucket.cancel(shape, charged, *at, *units));
            }
            (LimitState::Slots(slots), Charge::Slots { permit }, _) => slots.release(*permit, now),
            _ => {}
        }
        0
    }
}
