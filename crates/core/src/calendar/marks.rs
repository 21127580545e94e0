//! Where periods start on the clocks and calendar of a place: plain Gregorian arithmetic, in
//! seconds since its 1970-01-01 00:00, which knows nothing of time zones.

use crate::limit::quota::{Period, Quota};

/// Seconds of a day on the calendar.
pub(super) const DAY: i64 = 86_400;

/// The local times at which periods start, numbered upwards.
pub(super) enum Marks {
    /// Every so many `seconds`, one of them at `first`.
    Every { seconds: i64, first: i64 },
    /// Every so many months (counted from January of year 0), one of them at month `first`: on its
    /// `day` (from 0) at `time`.
    Months {
        every: i64,
        first: i64,
        day: i64,
        time: i64,
    },
}

impl Marks {
    pub(super) fn of(quota: &Quota) -> Marks {
        let anchor = quota.anchor();
        let time = i64::from(anchor.time().unwrap_or(0));
        let every = |seconds, first| Marks::Every { seconds, first };
        let months = |every| Marks::Months {
            every,
            first: i64::from(anchor.month().unwrap_or(1)) - 1,
            day: i64::from(anchor.day().unwrap_or(1)) - 1,
            time,
        };
        match quota.period() {
            Period::Minute => every(60, 0),
            Period::Hour => every(3_600, 0),
            Period::Day => every(DAY, time),
            // The first Monday was 1970-01-05.
            Period::Week => {
                let weekday = anchor.weekday().map_or(0, |weekday| weekday as i64);
                every(7 * DAY, (4 + weekday) * DAY + time)
            }
            Period::Month => months(1),
            Period::Quarter => months(3),
            Period::Year => months(12),
        }
    }

    /// The local time of a mark.
    pub(super) fn at(&self, index: i64) -> i64 {
        match *self {
            Marks::Every { seconds, first } => first + index * seconds,
            Marks::Months {
                every,
                first,
                day,
                time,
            } => {
                let month = first + index * every;
                let start = first_day(month);
                (start + day.min(first_day(month + 1) - start - 1)) * DAY + time
            }
        }
    }

    /// The last mark that is not after `local`.
    pub(super) fn index(&self, local: i64) -> i64 {
        match *self {
            Marks::Every { seconds, first } => (local - first).div_euclid(seconds),
            Marks::Months { every, first, .. } => {
                let month = month_of(local.div_euclid(DAY));
                let index = (month - first).div_euclid(every);
                // Within its month, the mark may still be to come.
                index - i64::from(self.at(index) > local)
            }
        }
    }
}

/// The day (from 1970-01-01) on which a month (from January of year 0) begins, in the Gregorian
/// calendar.
///
/// After Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": years that begin in March
/// have their leap day at the end, and from March on the lengths of months repeat, 153 days in five
/// of them.
pub fn first_day(month: i64) -> i64 {
    let from_march = month - 2;
    let (year, month) = (from_march.div_euclid(12), from_march.rem_euclid(12));
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719,468 days lie between the first of March of year 0 and the epoch.
    365 * year + leap_days + (153 * month + 2) / 5 - 719_468
}

/// The month (from January of year 0) in which a day (from 1970-01-01) lies.
pub fn month_of(day: i64) -> i64 {
    // 4,800 months have 146,097 days; the lengths of months move the estimate by one at most.
    let mut month = ((day + 719_528) * 4_800).div_euclid(146_097) + 1;
    while first_day(month) > day {
        month -= 1;
    }
    month
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_days_are_those_of_the_gregorian_calendar_until_9999() {
        for month in 12..9_999 * 12 + 12 {
            let (year, of_year) = ((month / 12) as i16, (month % 12) as i8 + 1);
            let date = jiff::civil::Date::constant(year, of_year, 1);
            let epoch = jiff::civil::Date::constant(1970, 1, 1);
            assert_eq!(first_day(month), date.duration_since(epoch).as_hours() / 24);
        }
    }

    #[test]
    fn every_day_lies_in_the_month_that_begins_before_it_until_the_end_of_time() {
        // Far past the last timestamp, in year 287,396.
        for month in 1_900 * 12..300_000 * 12 {
            assert_eq!(month_of(first_day(month)), month);
            assert_eq!(month_of(first_day(month + 1) - 1), month);
        }
    }
}
