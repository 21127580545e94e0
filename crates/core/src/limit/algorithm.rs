//! The seven algorithms, each with its numbers.

use super::bounds::{in_range, span};
use super::buckets::{LeakyBucket, TokenBucket};
use super::quota::Quota;
use crate::error::InvalidLimit;
use crate::number::MAX_SAFE;
use crate::Duration;

/// The largest `limit` of a sliding log: it stores every admission.
pub const MAX_LOG: u64 = 1_000;
/// The seven algorithms.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Counts in windows aligned to the Unix epoch.
    FixedWindow(Window),
    /// Counts in windows each of which begins with the first use after the end of the one before:
    /// `fixedWindow` with `start: "firstUse"`.
    FirstUse(Window),
    /// Two counts, the older weighted by what of it still overlaps.
    SlidingWindow(Window),
    /// Exact times: never more than the limit in any window.
    SlidingLog(Window),
    /// Tokens that refill; a burst up to capacity.
    TokenBucket(TokenBucket),
    /// A level that leaks: a meter, or with `maxDelay` a shaper.
    LeakyBucket(LeakyBucket),
    /// Counts in calendar periods of a time zone.
    Quota(Quota),
    /// Slots with a deadline.
    Concurrency(Concurrency),
}

impl Algorithm {
    /// The most units ever admitted at once: `limit` or `capacity`.
    pub const fn limit(&self) -> u64 {
        match self {
            Algorithm::FixedWindow(w)
            | Algorithm::FirstUse(w)
            | Algorithm::SlidingWindow(w)
            | Algorithm::SlidingLog(w) => w.limit,
            Algorithm::TokenBucket(b) => b.capacity(),
            Algorithm::LeakyBucket(b) => b.capacity(),
            Algorithm::Quota(q) => q.limit(),
            Algorithm::Concurrency(c) => c.limit,
        }
    }
}

/// `limit` units per `window`: the numbers of the window algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    limit: u64,
    window: Duration,
}

impl Window {
    /// `limit` 0 (deny all) to 2^53, `window` 1 ms to 366 d.
    pub fn new(limit: u64, window: Duration) -> Result<Window, InvalidLimit> {
        Ok(Window {
            limit: in_range("limit", limit, 0, MAX_SAFE)?,
            window: span("window", window)?,
        })
    }

    /// As [`Window::new`], with `limit` at most [`MAX_LOG`]: for `slidingLog`.
    pub fn new_log(limit: u64, window: Duration) -> Result<Window, InvalidLimit> {
        in_range("limit", limit, 0, MAX_LOG)?;
        Window::new(limit, window)
    }

    /// The same window with another limit.
    pub(super) const fn with_limit(self, limit: u64) -> Window {
        Window { limit, ..self }
    }

    /// The most units per window.
    pub const fn limit(&self) -> u64 {
        self.limit
    }

    /// The window's length.
    pub const fn window(&self) -> Duration {
        self.window
    }
}

/// At most `limit` slots held at once, each at most `ttl` unless renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Concurrency {
    limit: u64,
    ttl: Duration,
}

impl Concurrency {
    /// The most slots: each is stored, and all of them are rewritten when one changes.
    pub const MAX_SLOTS: u64 = 1_000;

    /// `limit` 0 (deny all) to [`Concurrency::MAX_SLOTS`], `ttl` 1 ms to 366 d.
    pub fn new(limit: u64, ttl: Duration) -> Result<Concurrency, InvalidLimit> {
        Ok(Concurrency {
            limit: in_range("limit", limit, 0, Concurrency::MAX_SLOTS)?,
            ttl: span("ttl", ttl)?,
        })
    }

    /// The same slots, so many of them.
    pub(super) const fn with_limit(self, limit: u64) -> Concurrency {
        Concurrency { limit, ..self }
    }

    /// The most slots held at once.
    pub const fn limit(&self) -> u64 {
        self.limit
    }

    /// How long a slot is held unless it is renewed or released.
    pub const fn ttl(&self) -> Duration {
        self.ttl
    }
}
