//! A rate as it was written, kept exactly.

use super::bounds::span;
use crate::arithmetic::{div_ceil, gcd, wait};
use crate::error::InvalidLimit;
use crate::number::Decimal;
use crate::Duration;

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
    /// `amount` above 0 and at most 2^53, `interval` 1 ms to 366 d. `field` names the interval's
    /// JSON field.
    pub fn new(
        field: &'static str,
        amount: Decimal,
        interval: Duration,
    ) -> Result<Rate, InvalidLimit> {
        span(field, interval)?;
        let unit = 10u128.pow(u32::from(amount.scale())) * u128::from(interval.as_millis());
        let common = gcd(u128::from(amount.mantissa()), unit);
        // The greatest common divisor divides the mantissa, so the quotient fits where the mantissa
        // did.
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

    /// Whether less comes back than by another.
    pub(crate) fn is_slower_than(&self, other: &Rate) -> bool {
        // Each factor is below 2^53 and 2^65.
        u128::from(self.parts) * other.unit < u128::from(other.parts) * self.unit
    }

    /// How many parts come back in a millisecond. One unit has [`Rate::unit`] parts.
    pub const fn parts(&self) -> u64 {
        self.parts
    }

    /// How many parts make one unit; below 2^65.
    pub const fn unit(&self) -> u128 {
        self.unit
    }

    /// How long it takes until at least so many units (at most 2^53) have come back: continuously,
    /// or in whole intervals.
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
