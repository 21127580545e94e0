//! The numbers of `tokenBucket` and `leakyBucket`, made ready for the arithmetic.
//!
//! Amounts are in *parts* of a unit, as many as the exact rate needs ([`Rate::unit`]), so nothing is ever rounded away.

use super::credits::BurstCredits;
use super::rate::Rate;
use crate::Duration;

/// The numbers of a bucket, whichever end it is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    pub(crate) rate: Rate,
    /// The capacity, in parts.
    pub(crate) capacity: u128,
    /// What a new subject's bucket lacks, in parts.
    pub(crate) missing: u128,
    pub(crate) stepped: bool,
    pub(crate) leaky: bool,
    pub(crate) credits: Option<BurstCredits>,
    pub(crate) shaper: Option<Duration>,
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
