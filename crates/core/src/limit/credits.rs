//! Credits that a token bucket earns while it is full.

use super::bounds::{in_range, span};
use crate::error::InvalidLimit;
use crate::number::MAX_SAFE;
use crate::Duration;

/// Tokens earned while the bucket is full, beyond `capacity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BurstCredits {
    cap: u64,
    expiry: Duration,
}

impl BurstCredits {
    /// At most `cap` credits (1 to 2^53); what is not spent goes `expiry` (1 ms to 366 d) after the
    /// bucket was last full.
    pub fn new(cap: u64, expiry: Duration) -> Result<BurstCredits, InvalidLimit> {
        Ok(BurstCredits {
            cap: in_range("burstCredits.cap", cap, 1, MAX_SAFE)?,
            expiry: span("burstCredits.expiry", expiry)?,
        })
    }

    /// The most credits.
    pub const fn cap(&self) -> u64 {
        self.cap
    }

    /// How long they last after the bucket was last full.
    pub const fn expiry(&self) -> Duration {
        self.expiry
    }
}
