//! Durations that say their units.

use tollgate_core::Duration;

use super::civil;
use super::number::Number;

/// The units of Go's durations in nanoseconds, the longer of two that begin alike first.
const UNITS: [(&str, u64); 7] = [
    ("h", 3_600_000_000_000),
    ("ms", 1_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("ns", 1),
];
/// How many parts a duration has at most: one of each unit.
const MAX_PARTS: usize = UNITS.len();

/// A duration as Go prints it, `6m0s` or `1.5s` or `12ms`, rounded up to milliseconds.
pub(super) fn go(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    for _ in 0..MAX_PARTS {
        let is_of_number = |it: char| it.is_ascii_digit() || it == '.';
        let (number, behind) = rest.split_at(rest.find(|it| !is_of_number(it))?);
        let number = Number::parse(number).ok()?;
        let (unit, behind) = UNITS
            .iter()
            .find_map(|(word, unit)| behind.strip_prefix(word).map(|it| (*unit, it)))?;
        total = total.plus(Duration::from_millis(number.millis(unit)));
        if behind.is_empty() {
            return Some(total);
        }
        rest = behind;
    }
    None
}

/// A duration as a clock shows it, `00:00:03`, less than a day.
pub(crate) fn clock(text: &str) -> Option<Duration> {
    let millis = civil::time(text)?;
    u64::try_from(millis).ok().map(Duration::from_millis)
}
