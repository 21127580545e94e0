//! How a policy heeds its upstream: what the answers that callers report do to later calls.

use crate::error::InvalidLimit;
use crate::limit::in_range;
use crate::number::{Decimal, MAX_SAFE};
use crate::Duration;

/// The shortest `maxCoolDown`.
pub const MIN_COOL_DOWN: Duration = Duration::from_secs(1);
/// The longest `maxCoolDown`, and the longest back-off.
pub const MAX_COOL_DOWN: Duration = Duration::from_secs(86_400);
/// The longest cool-down of a policy that does not say it: whoever may report may close the gate.
pub const USUAL_MAX_COOL_DOWN: Duration = Duration::from_secs(3_600);
/// The shortest first wait of a back-off.
pub const MIN_FIRST: Duration = Duration::from_millis(100);
/// The largest factor of a back-off.
pub const MAX_FACTOR: u64 = 10;

/// How a policy heeds its upstream; the default is that of a policy that says nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Outbound {
    /// The longest that one report closes the gate, from [`MIN_COOL_DOWN`] to [`MAX_COOL_DOWN`];
    /// `None`: the policy's longest window, at most [`USUAL_MAX_COOL_DOWN`].
    pub max_cool_down: Option<Duration>,
    /// How long a refusal closes it that tells no wait; `None`: [`BackOff::USUAL`].
    pub back_off: Option<BackOff>,
    /// Whether what an upstream says remains is spread over the time until it comes back.
    pub pace: bool,
    /// What stops calls to an upstream that fails.
    pub breaker: Option<Breaker>,
    /// How a limit follows what the upstream bears.
    pub adapt: Option<Adapt>,
}

impl Outbound {
    /// Checks the bounds of `maxCoolDown`.
    pub fn with_max_cool_down(mut self, longest: Duration) -> Result<Outbound, InvalidLimit> {
        let (min, max) = (MIN_COOL_DOWN.as_millis(), MAX_COOL_DOWN.as_millis());
        in_range("maxCoolDown", longest.as_millis(), min, max)?;
        self.max_cool_down = Some(longest);
        Ok(self)
    }

    /// The back-off that holds.
    pub fn back_off(&self) -> BackOff {
        self.back_off.unwrap_or(BackOff::USUAL)
    }

    /// Whether reports are counted against what was admitted.
    pub const fn counts(&self) -> bool {
        self.breaker.is_some() || self.adapt.is_some()
    }

    /// Whether only the object that decides can heed it: it sees every call, and has numbers that
    /// it can change.
    pub const fn needs_object(&self) -> bool {
        self.pace || self.adapt.is_some()
    }

    /// Whether it says nothing.
    pub fn is_default(&self) -> bool {
        *self == Outbound::default()
    }
}

/// Waits that grow with each refusal in a row, where the upstream does not tell how long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BackOff {
    first: Duration,
    /// In thousandths.
    factor: u64,
    max: Duration,
}

impl BackOff {
    /// One second, doubled each time, up to a minute.
    pub const USUAL: BackOff = BackOff {
        first: Duration::from_secs(1),
        factor: 2_000,
        max: Duration::from_secs(60),
    };

    /// `first`: [`MIN_FIRST`] to [`MAX_COOL_DOWN`]; `factor`: 1 to [`MAX_FACTOR`], with at most
    /// three decimals; `max`: `first` to [`MAX_COOL_DOWN`].
    pub fn new(first: Duration, factor: Decimal, max: Duration) -> Result<BackOff, InvalidLimit> {
        let (least, most) = (MIN_FIRST.as_millis(), MAX_COOL_DOWN.as_millis());
        in_range("first", first.as_millis(), least, most)?;
        in_range("max", max.as_millis(), least, most)?;
        if max < first {
            return Err(InvalidLimit::Conflict {
                field: "max",
                with: "a longer `first`",
            });
        }
        let factor = thousandths(factor).filter(|it| (1_000..=MAX_FACTOR * 1_000).contains(it));
        let factor = factor.ok_or(InvalidLimit::Malformed {
            field: "factor",
            expected: FACTOR,
        })?;
        Ok(BackOff { first, factor, max })
    }

    /// The wait of a step, which count from 1.
    pub fn wait(&self, step: u32) -> Duration {
        let max = u128::from(self.max.as_millis());
        let mut wait = u128::from(self.first.as_millis()) * 1_000;
        for _ in 1..step {
            wait = wait * u128::from(self.factor) / 1_000;
            if wait >= max * 1_000 || self.factor == 1_000 {
                break;
            }
        }
        Duration::from_millis((wait / 1_000).min(max) as u64)
    }

    /// The first wait.
    pub const fn first(&self) -> Duration {
        self.first
    }

    /// By how much the next one is longer, in thousandths.
    pub const fn factor(&self) -> u64 {
        self.factor
    }

    /// The longest wait, and how long after a gate has opened its step is forgotten.
    pub const fn max(&self) -> Duration {
        self.max
    }
}

/// The most entries in `statuses` of a breaker.
pub const MAX_STATUSES: usize = 16;
/// The most failures in a row that a breaker waits for.
pub const MAX_THRESHOLD: u64 = 1_000;
/// The shortest window and open time of a breaker.
pub const MIN_BREAK: Duration = Duration::from_secs(1);
/// The longest window and open time of a breaker.
pub const MAX_BREAK: Duration = Duration::from_secs(3_600);
/// The most probes at a time.
pub const MAX_PROBES: u64 = 100;
/// The status of a refusal for a limit's sake, which is no failure.
pub const RATE_LIMITED: u16 = 429;

/// A circuit breaker: it opens when calls to an upstream fail, and lets a few through after a while
/// to see whether it has recovered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Breaker {
    statuses: Vec<Failing>,
    threshold: u64,
    window: Duration,
    open: Duration,
    probes: u64,
}

/// Statuses that are failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failing {
    /// One, 400 to 599 but for 429.
    Status(u16),
    /// All from 400 to 499 but for 429 (4), or from 500 to 599 (5).
    Class(u8),
}

impl Failing {
    /// From a status, or from its first digit.
    pub fn new(number: u64) -> Result<Failing, InvalidLimit> {
        match u16::try_from(number) {
            Ok(class @ 4..=5) => Ok(Failing::Class(class as u8)), // a digit
            Ok(status @ 400..=599) if status != RATE_LIMITED => Ok(Failing::Status(status)),
            _ => Err(InvalidLimit::Malformed {
                field: "statuses",
                expected: FAILING,
            }),
        }
    }

    /// As [`Failing::new`] takes it.
    pub const fn number(self) -> u16 {
        match self {
            Failing::Status(status) => status,
            Failing::Class(class) => class as u16,
        }
    }

    const fn is(self, status: u16) -> bool {
        match self {
            Failing::Status(own) => own == status,
            Failing::Class(class) => status / 100 == class as u16 && status != RATE_LIMITED,
        }
    }
}

/// What statuses of a breaker are.
pub const FAILING: &str =
    "a status from 400 to 599, \"4xx\" or \"5xx\"; never 429, which is a limit and no failure";

impl Breaker {
    /// Failures without `statuses`.
    pub const USUAL_STATUSES: [Failing; 1] = [Failing::Class(5)];
    /// Failures that open it.
    pub const USUAL_THRESHOLD: u64 = 5;
    /// Within this time.
    pub const USUAL_WINDOW: Duration = Duration::from_secs(30);
    /// For this long.
    pub const USUAL_OPEN: Duration = Duration::from_secs(30);
    /// Probes at a time after that.
    pub const USUAL_PROBES: u64 = 1;

    /// `statuses`: 1 to [`MAX_STATUSES`]; `threshold`: 1 to [`MAX_THRESHOLD`] failures; `window`
    /// and `open`: [`MIN_BREAK`] to [`MAX_BREAK`]; `probes`: 1 to [`MAX_PROBES`].
    pub fn new(
        statuses: Vec<Failing>,
        (threshold, window): (u64, Duration),
        (open, probes): (Duration, u64),
    ) -> Result<Breaker, InvalidLimit> {
        let (least, most) = (MIN_BREAK.as_millis(), MAX_BREAK.as_millis());
        in_range("statuses", statuses.len() as u64, 1, MAX_STATUSES as u64)?;
        in_range("threshold", threshold, 1, MAX_THRESHOLD)?;
        in_range("window", window.as_millis(), least, most)?;
        in_range("open", open.as_millis(), least, most)?;
        in_range("probes", probes, 1, MAX_PROBES)?;
        Ok(Breaker {
            statuses,
            threshold,
            window,
            open,
            probes,
        })
    }

    /// Whether an answer of this status is a failure.
    pub fn is_failure(&self, status: u16) -> bool {
        self.statuses.iter().any(|it| it.is(status))
    }

    /// Which statuses are failures.
    pub fn statuses(&self) -> &[Failing] {
        &self.statuses
    }

    /// So many failures open it.
    pub const fn threshold(&self) -> u64 {
        self.threshold
    }

    /// Within this time.
    pub const fn window(&self) -> Duration {
        self.window
    }

    /// For how long it is open, and how long a probe is waited for.
    pub const fn open(&self) -> Duration {
        self.open
    }

    /// How many calls go at a time after that, until one succeeds.
    pub const fn probes(&self) -> u64 {
        self.probes
    }
}

/// A limit that falls by a factor when the upstream refuses and rises by units when it answers
/// well, within bounds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Adapt {
    /// The label of the limit, or what it [is known as](crate::Limit::known_as); `None`: the
    /// policy's only one.
    pub limit: Option<String>,
    floor: u64,
    ceiling: Option<u64>,
    increase: u64,
    /// In thousandths.
    decrease: u64,
    /// The limit's number before an override has scaled it.
    scaled_from: Option<u64>,
}

impl Adapt {
    /// The least limit.
    pub const USUAL_FLOOR: u64 = 1;
    /// Units for each success.
    pub const USUAL_INCREASE: u64 = 1;
    /// The factor of a decrease, in thousandths.
    pub const USUAL_DECREASE: u64 = 500;

    /// `floor`: 1 to `ceiling`; `ceiling`: up to the limit's own number, which it is unless said;
    /// `increase`: 1 to 2^53 units; `decrease`: 0.1 to 0.99, with at most three decimals.
    pub fn new(
        limit: Option<String>,
        (floor, ceiling): (u64, Option<u64>),
        increase: u64,
        decrease: Decimal,
    ) -> Result<Adapt, InvalidLimit> {
        in_range("floor", floor, 1, MAX_SAFE)?;
        in_range("increase", increase, 1, MAX_SAFE)?;
        if let Some(ceiling) = ceiling {
            in_range("ceiling", ceiling, floor, MAX_SAFE)?;
        }
        let decrease = thousandths(decrease).filter(|it| (100..=990).contains(it));
        let decrease = decrease.ok_or(InvalidLimit::Malformed {
            field: "decrease",
            expected: DECREASE,
        })?;
        Ok(Adapt {
            limit,
            floor,
            ceiling,
            increase,
            decrease,
            scaled_from: None,
        })
    }

    /// The same where an override has scaled the limit, which had this number: that is what
    /// adapts, and the scaled one follows it in proportion.
    #[must_use]
    pub(crate) const fn of_scaled(mut self, from: u64) -> Adapt {
        self.scaled_from = Some(from);
        self
    }

    /// The limit's number before an override has scaled it, if one has.
    pub const fn scaled_from(&self) -> Option<u64> {
        self.scaled_from
    }

    /// The least that it falls to; at most its ceiling.
    pub const fn floor(&self) -> u64 {
        self.floor
    }

    /// The most that it rises to, where that is below the limit's own number.
    pub const fn ceiling(&self) -> Option<u64> {
        self.ceiling
    }

    /// Units that each success adds.
    pub const fn increase(&self) -> u64 {
        self.increase
    }

    /// The factor of a decrease, in thousandths.
    pub const fn decrease(&self) -> u64 {
        self.decrease
    }

    /// The limit after a refusal, when it was `now`: never below the floor, unless it was before.
    pub fn lowered(&self, now: u64) -> u64 {
        let lower = u128::from(now) * u128::from(self.decrease) / 1_000;
        (lower as u64).max(self.floor.min(now)) // below `now`
    }

    /// Units that so many successes add.
    pub const fn rise(&self, successes: u64) -> u64 {
        self.increase.saturating_mul(successes)
    }

    /// The most that a limit of this number rises to.
    pub fn most(&self, own: u64) -> u64 {
        self.ceiling.map_or(own, |ceiling| ceiling.min(own))
    }
}

/// What a decrease is.
pub const DECREASE: &str = "a number between 0.1 and 0.99, with at most 3 decimals";

/// What a factor is.
pub const FACTOR: &str = "a number between 1 and 10, with at most 3 decimals";

/// A decimal in thousandths; `None` where it is finer.
pub(crate) fn thousandths(number: Decimal) -> Option<u64> {
    let finer = 3u8.checked_sub(number.scale())?;
    number.mantissa().checked_mul(10u64.pow(u32::from(finer)))
}
