//! The numbers of `tokenBucket` and `leakyBucket`.

use super::bounds::{in_range, span, MAX_WINDOW};
use super::credits::BurstCredits;
use super::rate::Rate;
use super::shape::Shape;
use crate::error::InvalidLimit;
use crate::number::MAX_SAFE;
use crate::Duration;

/// How long a bucket with `initial` or `burstCredits` is remembered when idle, unless `forgetAfter`
/// says otherwise.
pub const FORGET_AFTER: Duration = Duration::from_millis(86_400_000);

/// Tokens up to `capacity`, refilled at a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenBucket {
    capacity: u64,
    refill: Rate,
    initial: Option<u64>,
    stepped: bool,
    burst_credits: Option<BurstCredits>,
    forget_after: Duration,
    shape: Shape,
}

impl TokenBucket {
    /// A continuous bucket that starts full. `capacity` 0 (deny all) to 2^53.
    pub fn new(capacity: u64, refill: Rate) -> Result<TokenBucket, InvalidLimit> {
        let capacity = in_range("capacity", capacity, 0, MAX_SAFE)?;
        Ok(TokenBucket {
            capacity,
            refill,
            initial: None,
            stepped: false,
            burst_credits: None,
            forget_after: FORGET_AFTER,
            shape: Shape::new(capacity, refill),
        })
    }

    /// Starts a new subject with `initial` tokens, 0 to capacity.
    pub fn with_initial(mut self, initial: u64) -> Result<TokenBucket, InvalidLimit> {
        self.initial = Some(in_range("initial", initial, 0, self.capacity)?);
        self.checked()
    }

    /// Refills whole amounts at whole intervals instead of continuously. Not together with burst
    /// credits, which accrue continuously.
    pub fn stepped(mut self) -> Result<TokenBucket, InvalidLimit> {
        self.stepped = true;
        self.checked()
    }

    /// Earns credits while full. Not together with [`TokenBucket::stepped`].
    pub fn with_burst_credits(
        mut self,
        credits: BurstCredits,
    ) -> Result<TokenBucket, InvalidLimit> {
        self.burst_credits = Some(credits);
        self.checked()
    }

    fn checked(mut self) -> Result<TokenBucket, InvalidLimit> {
        if self.stepped && self.burst_credits.is_some() {
            return Err(InvalidLimit::Conflict {
                field: "burstCredits",
                with: "`stepped`",
            });
        }
        self.shape = self.prepared();
        Ok(self)
    }

    /// The numbers as the arithmetic takes them.
    fn prepared(&self) -> Shape {
        let shape = Shape::new(self.capacity, self.refill);
        let missing = self.capacity - self.initial.unwrap_or(self.capacity);
        let lasting = missing > 0 || self.burst_credits.is_some();
        Shape {
            missing: shape.parts(missing),
            stepped: self.stepped,
            credits: self.burst_credits,
            forget_after: lasting.then_some(self.forget_after),
            ..shape
        }
    }

    /// How long an idle bucket with `initial` or `burstCredits` is remembered: 1 ms to 366 d, and
    /// never less than its time to full.
    pub fn with_forget_after(
        mut self,
        forget_after: Duration,
    ) -> Result<TokenBucket, InvalidLimit> {
        self.forget_after = span("forgetAfter", forget_after)?;
        self.checked()
    }

    /// The same bucket with other numbers. A new subject starts with at most the capacity.
    #[must_use]
    pub(super) fn with_numbers(&self, capacity: u64, refill: Rate) -> TokenBucket {
        let mut bucket = TokenBucket {
            capacity,
            refill,
            initial: self.initial.map(|initial| initial.min(capacity)),
            ..*self
        };
        bucket.shape = bucket.prepared();
        bucket
    }

    /// The numbers, made ready for the arithmetic.
    pub(crate) const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The most tokens.
    pub const fn capacity(&self) -> u64 {
        self.capacity
    }

    /// How fast they come back.
    pub const fn refill(&self) -> Rate {
        self.refill
    }

    /// The tokens of a new subject; `None` means full.
    pub const fn initial(&self) -> Option<u64> {
        self.initial
    }

    /// Whether whole intervals refill at once.
    pub const fn is_stepped(&self) -> bool {
        self.stepped
    }

    /// What is earned beyond capacity, if anything.
    pub const fn burst_credits(&self) -> Option<BurstCredits> {
        self.burst_credits
    }

    /// How long it is remembered when idle.
    pub const fn forget_after(&self) -> Duration {
        self.forget_after
    }
}

/// A level that rises with use and leaks at a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeakyBucket {
    capacity: u64,
    leak: Rate,
    max_delay: Option<Duration>,
    shape: Shape,
}

impl LeakyBucket {
    /// A meter. `capacity` 0 (deny all) to 2^53.
    pub fn new(capacity: u64, leak: Rate) -> Result<LeakyBucket, InvalidLimit> {
        let capacity = in_range("capacity", capacity, 0, MAX_SAFE)?;
        Ok(LeakyBucket {
            capacity,
            leak,
            max_delay: None,
            shape: Shape::of_leaky_bucket(capacity, leak, None),
        })
    }

    /// A shaper: callers are spaced at the leak rate and wait at most `max_delay` (0 to 366 d).
    pub fn with_max_delay(mut self, max_delay: Duration) -> Result<LeakyBucket, InvalidLimit> {
        in_range("maxDelay", max_delay.as_millis(), 0, MAX_WINDOW.as_millis())?;
        self.max_delay = Some(max_delay);
        self.shape = Shape::of_leaky_bucket(self.capacity, self.leak, self.max_delay);
        Ok(self)
    }

    /// The same bucket with other numbers.
    #[must_use]
    pub(super) fn with_numbers(&self, capacity: u64, leak: Rate) -> LeakyBucket {
        LeakyBucket {
            capacity,
            leak,
            max_delay: self.max_delay,
            shape: Shape::of_leaky_bucket(capacity, leak, self.max_delay),
        }
    }

    /// The numbers, made ready for the arithmetic.
    pub(crate) const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The highest level, and with `maxDelay` the longest queue.
    pub const fn capacity(&self) -> u64 {
        self.capacity
    }

    /// How fast it leaks.
    pub const fn leak(&self) -> Rate {
        self.leak
    }

    /// The longest wait of a shaper; `None` for a meter.
    pub const fn max_delay(&self) -> Option<Duration> {
        self.max_delay
    }
}
