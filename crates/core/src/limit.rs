//! One limit: an algorithm with its numbers. Fields are private and constructors validate, so a bad limit cannot exist.

use crate::algorithm::bucket::Shape;
use crate::algorithm::{div_ceil, wait};
use crate::error::InvalidLimit;
use crate::number::{Decimal, MAX_SAFE};
use crate::quota::Quota;
use crate::Duration;

/// The longest window, interval, `ttl` or `expiry`: 366 days, so that a leap year fits.
pub const MAX_WINDOW: Duration = Duration::from_millis(366 * 86_400_000);
/// The largest `limit` of a sliding log: it stores every admission.
pub const MAX_LOG: u64 = 1_000;
/// How long a bucket with `initial` or `burstCredits` is remembered when idle, unless `forgetAfter` says otherwise.
pub const FORGET_AFTER: Duration = Duration::from_millis(86_400_000);
/// The longest name of a policy or limit.
pub const MAX_NAME: usize = 64;

/// A name of a policy or a limit: 1 to 64 of `A-Z a-z 0-9 . _ -`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// Checks the grammar; `field` names the JSON field in the error.
    pub fn new(field: &'static str, text: &str) -> Result<Name, InvalidLimit> {
        let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(good) {
            Ok(Name(text.to_owned()))
        } else {
            Err(InvalidLimit::Malformed {
                field,
                expected: "1 to 64 of A-Z a-z 0-9 . _ -",
            })
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One algorithm with its numbers, optionally named.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Limit {
    name: Option<Name>,
    algorithm: Algorithm,
}

impl Limit {
    /// A limit; the algorithm has validated itself.
    pub const fn new(name: Option<Name>, algorithm: Algorithm) -> Limit {
        Limit { name, algorithm }
    }

    /// The limit's own name in its policy, if it has one.
    pub const fn name(&self) -> Option<&Name> {
        self.name.as_ref()
    }

    /// What it does, with its numbers.
    pub const fn algorithm(&self) -> &Algorithm {
        &self.algorithm
    }
}

/// The seven algorithms.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Counts in windows aligned to the Unix epoch.
    FixedWindow(Window),
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
    /// The word for it in JSON.
    pub const fn word(&self) -> &'static str {
        match self {
            Algorithm::FixedWindow(_) => "fixedWindow",
            Algorithm::SlidingWindow(_) => "slidingWindow",
            Algorithm::SlidingLog(_) => "slidingLog",
            Algorithm::TokenBucket(_) => "tokenBucket",
            Algorithm::LeakyBucket(_) => "leakyBucket",
            Algorithm::Quota(_) => "quota",
            Algorithm::Concurrency(_) => "concurrency",
        }
    }

    /// The most units ever admitted at once: `limit` or `capacity`.
    pub const fn limit(&self) -> u64 {
        match self {
            Algorithm::FixedWindow(w) | Algorithm::SlidingWindow(w) | Algorithm::SlidingLog(w) => {
                w.limit
            }
            Algorithm::TokenBucket(b) => b.capacity,
            Algorithm::LeakyBucket(b) => b.capacity,
            Algorithm::Quota(q) => q.limit(),
            Algorithm::Concurrency(c) => c.limit,
        }
    }
}

/// `value` when between `min` and `max`, else the error that names the field and both bounds.
pub(crate) fn bounded(
    field: &'static str,
    value: u64,
    min: u64,
    max: u64,
) -> Result<u64, InvalidLimit> {
    if (min..=max).contains(&value) {
        Ok(value)
    } else {
        Err(InvalidLimit::OutOfRange { field, min, max })
    }
}

/// A window or interval: 1 ms to [`MAX_WINDOW`].
fn span(field: &'static str, value: Duration) -> Result<Duration, InvalidLimit> {
    bounded(field, value.as_millis(), 1, MAX_WINDOW.as_millis()).map(|_| value)
}

/// `limit` units per `window`: the numbers of the three window algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    limit: u64,
    window: Duration,
}

impl Window {
    /// `limit` 0 (deny all) to 2^53, `window` 1 ms to 366 d.
    pub fn new(limit: u64, window: Duration) -> Result<Window, InvalidLimit> {
        Ok(Window {
            limit: bounded("limit", limit, 0, MAX_SAFE)?,
            window: span("window", window)?,
        })
    }

    /// As [`Window::new`], with `limit` at most [`MAX_LOG`]: for `slidingLog`.
    pub fn new_log(limit: u64, window: Duration) -> Result<Window, InvalidLimit> {
        bounded("limit", limit, 0, MAX_LOG)?;
        Window::new(limit, window)
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

/// `amount` units per `interval`, kept exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    amount: Decimal,
    interval: Duration,
    /// Units per millisecond are `parts / unit`, reduced.
    parts: u64,
    unit: u128,
}

impl Rate {
    /// `amount` above 0 and at most 2^53, `interval` 1 ms to 366 d. `field` names the interval's JSON field.
    pub fn new(
        field: &'static str,
        amount: Decimal,
        interval: Duration,
    ) -> Result<Rate, InvalidLimit> {
        span(field, interval)?;
        let unit = 10u128.pow(u32::from(amount.scale())) * u128::from(interval.as_millis());
        let common = gcd(u128::from(amount.mantissa()), unit);
        // The greatest common divisor divides the mantissa, so the quotient fits where the mantissa did.
        let parts = (u128::from(amount.mantissa()) / common) as u64;
        Ok(Rate {
            amount,
            interval,
            parts,
            unit: unit / common,
        })
    }

    /// The amount, as written.
    pub const fn amount(&self) -> Decimal {
        self.amount
    }

    /// The interval, as written.
    pub const fn interval(&self) -> Duration {
        self.interval
    }

    /// How many parts come back in a millisecond. One unit has [`Rate::unit`] parts.
    pub const fn parts(&self) -> u64 {
        self.parts
    }

    /// How many parts make one unit; below 2^65.
    pub const fn unit(&self) -> u128 {
        self.unit
    }

    /// How many whole units come back within `time`, continuously.
    pub(crate) fn units_within(&self, time: Duration) -> u64 {
        let parts = u128::from(self.parts) * u128::from(time.as_millis());
        u64::try_from(parts / self.unit).unwrap_or(u64::MAX)
    }

    /// How long it takes until at least so many units (at most 2^53) have come back: continuously, or in whole intervals.
    pub(crate) fn time_for(&self, units: u64, stepped: bool) -> Duration {
        let parts = u128::from(units) * self.unit;
        let interval = u128::from(self.interval.as_millis());
        if stepped {
            let step = u128::from(self.parts) * interval;
            wait(div_ceil(parts, step).saturating_mul(interval))
        } else {
            wait(div_ceil(parts, u128::from(self.parts)))
        }
    }
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

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

/// Tokens earned while the bucket is full, beyond `capacity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BurstCredits {
    cap: u64,
    expiry: Duration,
}

impl BurstCredits {
    /// At most `cap` credits (1 to 2^53); what is not spent goes `expiry` (1 ms to 366 d) after the bucket was last full.
    pub fn new(cap: u64, expiry: Duration) -> Result<BurstCredits, InvalidLimit> {
        Ok(BurstCredits {
            cap: bounded("burstCredits.cap", cap, 1, MAX_SAFE)?,
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

impl TokenBucket {
    /// A continuous bucket that starts full. `capacity` 0 (deny all) to 2^53.
    pub fn new(capacity: u64, refill: Rate) -> Result<TokenBucket, InvalidLimit> {
        let capacity = bounded("capacity", capacity, 0, MAX_SAFE)?;
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
        self.initial = Some(bounded("initial", initial, 0, self.capacity)?);
        self.checked()
    }

    /// Refills whole amounts at whole intervals instead of continuously. Not together with burst credits, which accrue continuously.
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
        self.shape = Shape::of_token_bucket(&self);
        Ok(self)
    }

    /// How long an idle bucket with `initial` or `burstCredits` is remembered: 1 ms to 366 d, and never less than its time to full.
    pub fn with_forget_after(
        mut self,
        forget_after: Duration,
    ) -> Result<TokenBucket, InvalidLimit> {
        self.forget_after = span("forgetAfter", forget_after)?;
        self.checked()
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
        let capacity = bounded("capacity", capacity, 0, MAX_SAFE)?;
        Ok(LeakyBucket {
            capacity,
            leak,
            max_delay: None,
            shape: Shape::of_leaky_bucket(capacity, leak, None),
        })
    }

    /// A shaper: callers are spaced at the leak rate and wait at most `max_delay` (0 to 366 d).
    pub fn with_max_delay(mut self, max_delay: Duration) -> Result<LeakyBucket, InvalidLimit> {
        bounded("maxDelay", max_delay.as_millis(), 0, MAX_WINDOW.as_millis())?;
        self.max_delay = Some(max_delay);
        self.shape = Shape::of_leaky_bucket(self.capacity, self.leak, self.max_delay);
        Ok(self)
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
            limit: bounded("limit", limit, 0, Concurrency::MAX_SLOTS)?,
            ttl: span("ttl", ttl)?,
        })
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
