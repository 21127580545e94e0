//! How many units above a limit counting through KV may admit in one aligned window. `GET /limit`
//! shows these numbers and docs/consistency.md explains them.
//!
//! With n isolates, limit L, a demand of r units a second in all, a writing and reading interval F,
//! and KV's delay D:
//! - **hard**: (n − 1) · L. Each isolate admits at most L by itself, whatever it knows of others. n
//!   counts every isolate that took part, those that have ended too.
//! - **expected**: what others admit before an isolate hears of it, (n − 1) / n · r · (F + D / 2),
//!   and never more than the hard one. On average a unit waits half an interval to be written, half
//!   of KV's longest delay, and half an interval to be read ([`Conditions::unseen`]).
//!
//! The simulation in `tests/eventual_simulation.rs` checks every admission against the exact form
//! of the hard bound, and its means against the expected one. The latter is generous, because
//! isolates also extrapolate the others' last known rate.

use crate::Duration;

use super::timing::INTERVAL;

/// The time after which a write to KV is visible everywhere, as its documentation says. Longer
/// times have been observed.
pub const KV_DELAY: Duration = Duration::from_secs(60);

/// The conditions under which a limit is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conditions {
    /// Units in a window.
    pub limit: u64,
    /// Isolates that counted in the window, at least 1.
    pub isolates: u64,
    /// Demand at all isolates together, in units per million seconds.
    pub rate: u64,
    /// The longest time until a write is visible to other isolates.
    pub delay: Duration,
}

/// Units above the limit, in one aligned window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The most on average.
    pub expected: u64,
    /// The most in any case.
    pub hard: u64,
}

impl Conditions {
    /// The bounds under these conditions.
    ///
    /// ```
    /// use tollgate_core::isolate::counts::bounds::{Conditions, KV_DELAY};
    ///
    /// let rate = 100 * 1_000_000; // 100 a second
    /// let conditions = Conditions { limit: 100_000, isolates: 20, rate, delay: KV_DELAY };
    /// let bounds = conditions.bounds();
    /// assert_eq!((bounds.expected, bounds.hard), (3_800, 1_900_000));
    /// ```
    pub fn bounds(&self) -> Bounds {
        let isolates = u128::from(self.isolates.max(1));
        let others = isolates - 1;
        let hard = others * u128::from(self.limit);
        let unseen = u128::from(self.unseen().as_millis());
        // Units per million seconds times milliseconds: below 2^128, because a rate is at most
        // 2^64.
        let all = u128::from(self.rate).saturating_mul(unseen) / 1_000_000_000;
        let expected = all.saturating_mul(others) / isolates;
        let units = |units: u128| u64::try_from(units).unwrap_or(u64::MAX);
        Bounds {
            expected: units(expected.min(hard)),
            hard: units(hard),
        }
    }

    /// How long it takes on average until the others know of a unit: F + D / 2.
    pub const fn unseen(&self) -> Duration {
        Duration::from_millis(INTERVAL.as_millis() + self.delay.as_millis() / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(isolates: u64, rate: u64) -> Bounds {
        let conditions = Conditions {
            limit: 1_000,
            isolates,
            rate: rate * 1_000_000,
            delay: KV_DELAY,
        };
        conditions.bounds()
    }

    #[test]
    fn one_isolate_knows_everything() {
        let none = Bounds {
            expected: 0,
            hard: 0,
        };
        assert_eq!(bounds(1, 1_000_000), none);
        assert_eq!(bounds(0, 1), none);
    }

    #[test]
    fn the_expectation_grows_with_the_rate_up_to_the_hard_bound() {
        assert_eq!(bounds(2, 1).expected, 20);
        assert_eq!(bounds(2, 10).expected, 200);
        assert_eq!(bounds(2, 1_000_000).expected, 1_000);
        assert_eq!(bounds(200, 10).hard, 199_000);
    }

    #[test]
    fn no_numbers_overflow() {
        let conditions = Conditions {
            limit: u64::MAX,
            isolates: u64::MAX,
            rate: u64::MAX,
            delay: Duration::from_millis(u64::MAX),
        };
        assert_eq!(conditions.bounds().hard, u64::MAX);
    }
}
