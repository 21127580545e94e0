//! Dates and times of day, in UTC, as instants.

use tollgate_core::calendar::{first_day, month_of};
use tollgate_core::Timestamp;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];
/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// A date and a time of day, of which every part may still be too large.
#[derive(Debug, Clone, Copy)]
pub(super) struct Civil {
    pub(super) year: i64,
    /// From 1 on.
    pub(super) month: i64,
    /// From 1 on.
    pub(super) day: i64,
    /// Since midnight, in milliseconds.
    pub(super) time: i64,
}

impl Civil {
    /// The instant at which clocks show this that are so many milliseconds `ahead` of UTC; the
    /// epoch where it is before that. `None` where there is no such date.
    pub(super) fn instant(self, ahead: i64) -> Option<Timestamp> {
        if !(1..=12).contains(&self.month) {
            return None;
        }
        let month = self.year * 12 + self.month - 1;
        let first = first_day(month);
        if !(1..=first_day(month + 1) - first).contains(&self.day) {
            return None;
        }
        let millis = (first + self.day - 1) * DAY + self.time - ahead;
        Some(Timestamp::from_millis(u64::try_from(millis).unwrap_or(0)))
    }
}

/// The year in which an instant lies, in UTC.
pub(super) fn year_of(instant: Timestamp) -> i64 {
    // At most 2^53, so the cast is exact.
    month_of(instant.as_millis() as i64 / DAY).div_euclid(12)
}

/// `08:49:37`, in milliseconds. The last second may be a leap second, which is counted as the one
/// after it.
pub(super) fn time(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let mut next = |highest| {
        parts
            .next()
            .and_then(|it| digits(it, 2))
            .filter(|it| *it <= highest)
    };
    let (hour, minute, second) = (next(23)?, next(59)?, next(60)?);
    let end = parts.next().is_none();
    end.then_some(((hour * 60 + minute) * 60 + second) * 1000)
}

/// Exactly `count` digits, at most nine, as a number.
pub(super) fn digits(text: &str, count: usize) -> Option<i64> {
    let all = text.len() == count && text.bytes().all(|it| it.is_ascii_digit());
    all.then(|| text.parse().ok()).flatten()
}

/// The month of this name, from 1 on.
pub(super) fn month(name: &str) -> Option<i64> {
    (1..)
        .zip(MONTHS)
        .find_map(|(month, it)| (it == name).then_some(month))
}

/// Whether a word is the name of a day of the week, whole or its first three letters.
pub(super) fn is_weekday(word: &str) -> bool {
    WEEKDAYS.iter().any(|it| *it == word || it[..3] == *word)
}
