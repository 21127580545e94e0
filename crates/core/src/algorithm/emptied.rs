//! Buckets that are empty at an instant ahead: a gate opens on them, so that everybody who was told
//! that instant does not go at once.

use super::bucket::Bucket;
use super::classes::Payer;
use super::state::{shape, LimitState};
use crate::limit::{Algorithm, Shape};
use crate::{Duration, Timestamp};

impl LimitState {
    /// Spends so much of a bucket that nothing of it is left at `at`, however much comes back until
    /// then; whether anything had to be spent. A shaper spaces its callers anyway, and no other
    /// algorithm is a bucket. The state must be projected to now.
    pub fn empty_at(&mut self, algorithm: &Algorithm, at: Timestamp) -> bool {
        match (self, shape(algorithm)) {
            (LimitState::Bucket(bucket), Some(shape)) if shape.shaper.is_none() => {
                bucket.empty_at(shape, at)
            }
            _ => false,
        }
    }
}

/// The time in which an empty bucket is full again; `None` where it is no bucket.
pub(crate) fn time_to_full(algorithm: &Algorithm) -> Option<Duration> {
    shape(algorithm).map(|shape| shape.time_for(shape.capacity))
}

impl Bucket {
    fn empty_at(&mut self, shape: &Shape, at: Timestamp) -> bool {
        let back = self.pace(shape).back(at);
        let deficit = shape.capacity.saturating_add(back);
        if self.level.deficit >= deficit && self.level.credits == 0 {
            return false;
        }
        self.level.credits = 0;
        self.charge(
            shape,
            deficit.saturating_sub(self.level.deficit),
            Payer::All,
        );
        true
    }
}
