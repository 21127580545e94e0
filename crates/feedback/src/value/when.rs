//! When something is over: as a wait, or as an instant.

use tollgate_core::{Duration, Timestamp};

use super::duration::go;
use super::http_date::http_date;
use super::iso_date::iso_date;
use super::number::Number;
use crate::{When, Why};

/// How far after an answer a time may lie that it tells, a leap year. What is further away counts
/// as this far: quotas are of a year at most, and who says "in ten years" says "no more".
pub const FURTHEST: Duration = Duration::from_secs(366 * 86_400);
/// How long an instant may have passed that is told as a number. Clocks that differ by more tell
/// nothing, and an older number is more likely something else.
const PASSED: Duration = Duration::from_secs(86_400);
/// A second in nanoseconds.
pub(crate) const SECOND: u64 = 1_000_000_000;

/// A number without a unit, which says when a limit comes back.
///
/// Its size tells what it is, together with the time of the answer:
/// 1. at most [`FURTHEST`] in seconds: so many seconds after the answer;
/// 2. an instant in Unix seconds, if that lies between a day before and [`FURTHEST`] after the
///    answer;
/// 3. or else in Unix milliseconds, likewise;
/// 4. or else nothing is known ([`Why::Implausible`]).
///
/// From 1971 on no number is both.
pub(crate) fn number(number: Number, answered: Timestamp) -> Result<When, Why> {
    let after = Duration::from_millis(number.millis(SECOND));
    if after <= FURTHEST {
        return Ok(When::After(after));
    }
    let near = |millis: u64| {
        let instant = Timestamp::from_millis(millis);
        let ahead = instant.since(answered) <= FURTHEST;
        (ahead && answered.since(instant) <= PASSED).then_some(When::At(instant))
    };
    near(after.as_millis())
        .or_else(|| near(number.ceil()))
        .ok_or(Why::Implausible)
}

/// When a limit comes back: a number, a duration with units, or a date.
pub(crate) fn reset(text: &str, answered: Timestamp) -> Result<When, Why> {
    match Number::parse(text) {
        Ok(it) => number(it, answered),
        Err(Why::Malformed) => worded(text, answered).ok_or(Why::Malformed),
        Err(why) => Err(why),
    }
}

/// How long to wait: seconds, a number of them that is an instant after all, a duration with units,
/// or a date. What has no meaning as a number otherwise is a very long wait.
pub(crate) fn wait(text: &str, answered: Timestamp) -> Result<When, Why> {
    match Number::parse(text) {
        Ok(it) => Ok(number(it, answered).unwrap_or(When::After(FURTHEST))),
        Err(Why::Malformed) => worded(text, answered).ok_or(Why::Malformed),
        Err(why) => Err(why),
    }
}

/// So many milliseconds, whatever the number.
pub(crate) fn millis(text: &str) -> Result<When, Why> {
    Ok(after(Number::parse(text)?.ceil()))
}

/// So long after the answer.
pub(crate) fn after(millis: u64) -> When {
    When::After(Duration::from_millis(millis).min(FURTHEST))
}

/// A time that tells its unit.
fn worded(text: &str, answered: Timestamp) -> Option<When> {
    if let Some(duration) = go(text) {
        return Some(after(duration.as_millis()));
    }
    let instant = iso_date(text).or_else(|| http_date(text, answered))?;
    Some(When::At(instant.min(answered.plus(FURTHEST))))
}
