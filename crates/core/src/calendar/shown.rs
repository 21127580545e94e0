//! What the clocks of a zone show, and when they next show certain times of the day.

use super::marks::DAY;
use super::{timestamp, Clock, TimeZone, UnknownTimeZone};
use crate::limit::quota::TimeZoneName;
use crate::Timestamp;

/// What clocks show at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// Seconds since midnight on the clock.
    pub second_of_day: u32,
    /// The day of the week: Monday 0 to Sunday 6.
    pub weekday: u8,
}

/// What the clocks of `zone` show now.
pub fn shown_at(
    zone: &TimeZoneName,
    zones: &dyn TimeZone,
    now: Timestamp,
) -> Result<Shown, UnknownTimeZone> {
    let second = (now.as_millis() / 1000) as i64;
    let local = second + Clock { zones, zone }.offset(second)?;
    Ok(Shown {
        second_of_day: local.rem_euclid(DAY) as u32,
        // 1970-01-01 was a Thursday.
        weekday: (local.div_euclid(DAY) + 3).rem_euclid(7) as u8,
    })
}

/// The next instant at which the clocks of `zone` may begin or cease to show one of these times of
/// the day, in seconds since midnight: it is shown, or the clocks are set on or back before. At
/// most a day ahead; `None` at the end of time.
pub fn next_shown(
    zone: &TimeZoneName,
    times: &[u32],
    zones: &dyn TimeZone,
    now: Timestamp,
) -> Result<Option<Timestamp>, UnknownTimeZone> {
    let clock = Clock { zones, zone };
    let second = (now.as_millis() / 1000) as i64;
    let offset = clock.offset(second)?;
    let local = second + offset;
    let next = |time: &u32| local - (local - i64::from(*time)).rem_euclid(DAY) + DAY;
    let Some(mark) = times.iter().map(next).min() else {
        return Ok(None);
    };
    let unchanged = mark - offset;
    let next = if clock.offset(unchanged)? == offset {
        unchanged
    } else {
        clock.change(second, unchanged)?
    };
    Ok(Some(timestamp(next)).filter(|next| *next > now))
}
