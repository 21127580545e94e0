//! The numbers of `tokenBucket` and `leakyBucket`, made ready for the arithmetic.
//!
//! Amounts are in *parts* of a unit, as many as the exact rate needs ([`Rate::unit`]), so nothing
//! is ever rounded away.

use super::credits::BurstCredits;
use super::rate::Rate;
use crate::Duration;

/// The numbers of a bucket, whichever end it is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    /// How fast it gives back.
    pub(crate) rate: Rate,
    /// The capacity, in parts.
    pub(crate) capacity: u128,
    /// What a new subject's bucket lacks, in parts.
    pub(crate) missing: u128,
    /// Whether whole intervals give back at once.
    pub(crate) stepped: bool,
    /// Whether it is a leaky bucket.
    pub(crate) leaky: bool,
    /// What is earned beyond the capacity.
    pub(crate) credits: Option<BurstCredits>,
    /// The longest wait of a shaper.
    pub(crate) shaper: Option<Duration>,
    /// How long it is remembered when idle, where a full one still differs from a new one.
    pub(crate) forget_after: Option<Duration>,
}

impl Shape {
    /// A continuous bucket that starts full.
    pub(crate) fn new(capacity: u64, rate: Rate) -> Shape {
        Shape {
            rate,
            capacity: u128::from(capacity) * rate.unit(),
            missing: 0,
            stepped: false,
            leaky: false,
            credits: None,
            shaper: None,
            forget_after: None,
        }
    }

    /// The numbers of a leaky bucket.
    pub(crate) fn of_leaky_bucket(capacity: u64, leak: Rate, max_delay: Option<Duration>) -> Shape {
        Shape {
            leaky: true,
            shaper: max_delay,
            ..Shape::new(capacity, leak)
        }
    }

    /// How many parts make one unit.
    pub(crate) const fn unit(&self) -> u128 {
        self.rate.unit()
    }

    /// So many units in parts.
    pub(crate) fn parts(&self, units: u64) -> u128 {
        u128::from(units) * self.rate.unit()
    }
}
