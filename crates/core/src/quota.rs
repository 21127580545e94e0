//! Calendar quotas: what a period is, when it starts, and the trait through which the time zone comes in.

use crate::error::InvalidLimit;

/// `limit` units per calendar period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    limit: u64,
}

impl Quota {
    /// The most units per period.
    pub const fn limit(&self) -> u64 {
        self.limit
    }

    /// Placeholder until the calendar lands.
    pub fn placeholder(limit: u64) -> Result<Quota, InvalidLimit> {
        crate::limit::bounded("limit", limit, 0, crate::number::MAX_SAFE)
            .map(|limit| Quota { limit })
    }
}
