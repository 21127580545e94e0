//! Limits that classes of callers share in proportion to their weights.

use super::Policy;
use crate::error::InvalidLimit;
use crate::limit::weights::{Asks, ClassName, Weights, MAX_SHARED};
use crate::limit::{in_range, Algorithm, Limit};

const FIELD: &str = "weights";

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

impl Policy {
    /// Divides its limits among classes of callers. Only for plain buckets, which no policy counts
    /// elsewhere than in the subject's object: it alone sees all classes.
    pub fn with_weights(mut self, weights: Weights) -> Result<Policy, InvalidLimit> {
        suits(&self.limits)?;
        self.weights = Some(weights);
        self.checked()
    }

    pub(super) fn shared_checked(&self) -> Result<(), InvalidLimit> {
        if self.weights.is_some() && self.replaces_inline {
            let with = "`replacesInline`: inline limits have no classes";
            return Err(InvalidLimit::Conflict { field: FIELD, with });
        }
        Ok(())
    }

    /// The weights of the classes that share its limits, if it has any.
    pub const fn weights(&self) -> Option<&Weights> {
        self.weights.as_ref()
    }

    /// The class that asks it, as far as it is not the rest.
    pub fn class(&self) -> Option<&str> {
        self.class.as_deref()
    }

    /// The same policy, asked by this class.
    #[must_use]
    pub fn asked_by(mut self, class: ClassName) -> Policy {
        self.class = class;
        self
    }

    /// The same policy, asked with this priority, for this subject below; it changes nothing where
    /// the policy has no weights.
    #[must_use]
    pub fn asked_with(self, priority: Option<&str>, child: Option<&str>) -> Policy {
        let class = (self.weights.as_ref()).and_then(|it| it.class(priority, child));
        self.asked_by(class)
    }

    /// Who asks, where its limits are shared.
    pub(crate) fn asks(&self) -> Option<Asks<'_>> {
        let class = &self.class;
        let weights = self.weights.as_ref()?;
        Some(Asks { weights, class })
    }
}
