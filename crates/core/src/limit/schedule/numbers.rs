//! The numbers of a limit that a step may change.

use crate::error::InvalidLimit;
use crate::limit::{in_range, Algorithm, Concurrency, Rate, MAX_LOG};
use crate::number::MAX_SAFE;

/// What a step gives in place of the limit's own numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Numbers {
    /// `limit` or `capacity`; `None`: the limit's own.
    pub most: Option<u64>,
    /// `refill` or `leak`, of a bucket; `None`: the limit's own.
    pub rate: Option<Rate>,
}

impl Numbers {
    /// Those of an algorithm, all of them.
    pub(crate) const fn of(algorithm: &Algorithm) -> Numbers {
        Numbers {
            most: Some(algorithm.limit()),
            rate: match algorithm {
                Algorithm::TokenBucket(bucket) => Some(bucket.refill()),
                Algorithm::LeakyBucket(bucket) => Some(bucket.leak()),
                _ => None,
            },
        }
    }

    /// These, and those of `own` for what is not given.
    pub(crate) fn or(&self, own: &Numbers) -> Numbers {
        Numbers {
            most: self.most.or(own.most),
            rate: self.rate.or(own.rate),
        }
    }

    /// The smaller one of each.
    pub(crate) fn smaller(&self, other: &Numbers) -> Numbers {
        Numbers {
            most: self.most.min(other.most),
            rate: match (self.rate, other.rate) {
                (Some(own), Some(other)) if other.is_slower_than(&own) => Some(other),
                (own, _) => own,
            },
        }
    }

    /// The larger one of each.
    pub(crate) fn larger(&self, other: &Numbers) -> Numbers {
        Numbers {
            most: self.most.max(other.most),
            rate: match (self.rate, other.rate) {
                (Some(own), Some(other)) if own.is_slower_than(&other) => Some(other),
                (own, _) => own,
            },
        }
    }

    /// Whether an algorithm has such numbers, within its bounds.
    pub(super) fn suits(&self, algorithm: &Algorithm) -> Result<(), InvalidLimit> {
        let (field, max) = match algorithm {
            Algorithm::TokenBucket(_) | Algorithm::LeakyBucket(_) => ("capacity", MAX_SAFE),
            Algorithm::SlidingLog(_) => ("limit", MAX_LOG),
            Algorithm::Concurrency(_) => ("limit", Concurrency::MAX_SLOTS),
            _ => ("limit", MAX_SAFE),
        };
        in_range(field, self.most.unwrap_or(0), 0, max)?;
        if self.rate.is_some() && field == "limit" {
            return Err(InvalidLimit::Conflict {
                field: "refill",
                with: algorithm.word(),
            });
        }
        Ok(())
    }
}

impl Algorithm {
    /// The same algorithm with other numbers. What a new subject starts with is at most the
    /// capacity.
    #[must_use]
    pub(crate) fn with(&self, numbers: &Numbers) -> Algorithm {
        let limit = numbers.most.unwrap_or(self.limit());
        match self {
            Algorithm::FixedWindow(it) => Algorithm::FixedWindow(it.with_limit(limit)),
            Algorithm::FirstUse(it) => Algorithm::FirstUse(it.with_limit(limit)),
            Algorithm::SlidingWindow(it) => Algorithm::SlidingWindow(it.with_limit(limit)),
            Algorithm::SlidingLog(it) => Algorithm::SlidingLog(it.with_limit(limit)),
            Algorithm::TokenBucket(bucket) => Algorithm::TokenBucket(
                bucket.with_numbers(limit, numbers.rate.unwrap_or(bucket.refill())),
            ),
            Algorithm::LeakyBucket(bucket) => Algorithm::LeakyBucket(
                bucket.with_numbers(limit, numbers.rate.unwrap_or(bucket.leak())),
            ),
            Algorithm::Quota(quota) => Algorithm::Quota(quota.with_limit(limit)),
            Algorithm::Concurrency(slots) => Algorithm::Concurrency(slots.with_limit(limit)),
        }
    }
}
