//! Divisions that round the way that a limit needs, and what follows from them.

use crate::Duration;

/// `a / b`. Nearly all operands fit in 64 bits, where the machine divides by itself.
#[inline]
pub(crate) const fn divide(a: u128, b: u128) -> u128 {
    if (a | b) >> 64 == 0 {
        (a as u64 / b as u64) as u128
    } else {
        a / b
    }
}

/// `ceil(a / b)`, for waits: never too short.
#[inline]
pub(crate) const fn div_ceil(a: u128, b: u128) -> u128 {
    if a == 0 {
        0
    } else {
        divide(a - 1, b) + 1
    }
}

/// A wait as a duration; more than JSON carries becomes the largest.
pub(crate) fn wait(millis: u128) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// The greatest common divisor; of 0 and a number that number.
pub(crate) fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
