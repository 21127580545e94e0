//! Numbers as headers have them: digits, perhaps with a fraction, and no exponent.

use tollgate_core::number::MAX_SAFE;
use tollgate_core::Duration;

use crate::Why;

/// A number of zero or more, at most 2^53, as written but for digits beyond the ninth decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number {
    whole: u64,
    /// Billionths.
    nanos: u32,
    /// Whether it is a little more than that.
    more: bool,
}

impl Number {
    pub(crate) fn parse(text: &str) -> Result<Number, Why> {
        match text.strip_prefix('-') {
            Some(text) => Err(Number::unsigned(text).map_or(Why::Malformed, |_| Why::Negative)),
            None => Number::unsigned(text),
        }
    }

    fn unsigned(text: &str) -> Result<Number, Why> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        if !is_digits(whole) || !is_digits(decimals) {
            return Err(Why::Malformed);
        }
        let (kept, rest) = decimals.split_at(decimals.len().min(9));
        let number = Number {
            // Nothing but digits, so it only fails by being too large.
            whole: whole.parse().map_err(|_| Why::TooLarge)?,
            nanos: format!("{kept:0<9}").parse().map_err(|_| Why::Malformed)?,
            more: rest.bytes().any(|it| it != b'0'),
        };
        if number.ceil() > MAX_SAFE {
            return Err(Why::TooLarge);
        }
        Ok(number)
    }

    /// A whole number.
    pub(crate) const fn whole(whole: u64) -> Number {
        Number {
            whole,
            nanos: 0,
            more: false,
        }
    }

    /// Rounded down.
    pub(crate) const fn floor(self) -> u64 {
        self.whole
    }

    /// Rounded up.
    pub(crate) const fn ceil(self) -> u64 {
        self.whole
            .saturating_add((self.nanos > 0 || self.more) as u64)
    }

    /// So many units of `unit` nanoseconds each in milliseconds, rounded up; 2^64 − 1 where they
    /// are more.
    pub(crate) fn millis(self, unit: u64) -> u64 {
        let billionths = u128::from(self.whole) * 1_000_000_000 + u128::from(self.nanos);
        let scaled = (billionths + u128::from(self.more)) * u128::from(unit);
        // Billionths of nanoseconds.
        let millis = scaled.div_ceil(1_000_000_000 * 1_000_000);
        u64::try_from(millis).unwrap_or(u64::MAX)
    }
}

/// A whole number that is only ever written as one, such as a part of `32/40`.
pub(crate) fn integer(text: &str) -> Result<u64, Why> {
    if !is_digits(text) {
        return Err(Number::parse(text).err().unwrap_or(Why::Malformed));
    }
    Number::parse(text).map(Number::floor)
}

/// `used/limit`.
pub(crate) fn ratio(text: &str) -> Result<(u64, u64), Why> {
    let (used, limit) = text.split_once('/').ok_or(Why::Malformed)?;
    Ok((integer(used.trim_end())?, integer(limit.trim_start())?))
}

/// A window of so many milliseconds. It is longer than nothing.
pub(crate) fn window(millis: u64) -> Result<Duration, Why> {
    match millis {
        0 => Err(Why::Malformed),
        1..=MAX_SAFE => Ok(Duration::from_millis(millis)),
        _ => Err(Why::TooLarge),
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit())
}
