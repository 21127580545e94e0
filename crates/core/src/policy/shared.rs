//! Which limits classes of callers can share in proportion to their weights.

use crate::error::InvalidLimit;
use crate::limit::weights::{ClassName, Weights, MAX_SHARED};
use crate::limit::{in_range, Algorithm, Limit};

/// The field of a policy.
pub(super) const FIELD: &str = "weights";

/// Who shares the limits of a policy, and who asks now.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Shared {
    /// The weights; `None` where the policy has none, or is told by its name alone.
    pub(super) weights: Option<Weights>,
    /// The class that asks.
    pub(super) class: ClassName,
}

impl Shared {
    /// Nothing where there is neither.
    pub(super) fn boxed(weights: Option<Weights>, class: ClassName) -> Option<Box<Shared>> {
        let is_any = weights.is_some() || class.is_some();
        is_any.then(|| Box::new(Shared { weights, class }))
    }
}

/// Whether these limits can be divided: plain buckets of up to [`MAX_SHARED`] units.
pub(super) fn suits(limits: &[Limit]) -> Result<(), InvalidLimit> {
    for limit in limits {
        let with = match limit.algorithm() {
            Algorithm::TokenBucket(it) if it.is_stepped() => {
                "`stepped`: what is shared comes back continuously"
            }
            Algorithm::TokenBucket(it) if it.burst_credits().is_some() => {
                "`burstCredits`, which are nobody's share"
            }
            Algorithm::LeakyBucket(it) if it.max_delay().is_some() => {
                "`maxDelay`: a place is promised to one caller after the other"
            }
            Algorithm::TokenBucket(_) | Algorithm::LeakyBucket(_) => {
                in_range(
                    "capacity",
                    limit.largest().algorithm().limit(),
                    0,
                    MAX_SHARED,
                )?;
                continue;
            }
            _ => "limits other than tokenBucket and leakyBucket, which have no shares",
        };
        return Err(InvalidLimit::Conflict { field: FIELD, with });
    }
    Ok(())
}
