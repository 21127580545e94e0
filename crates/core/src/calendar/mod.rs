//! When a quota's period starts and ends: calendar arithmetic in seconds, and the trait through
//! which the time zone comes in.
//!
//! **Days and longer** follow the calendar: a period starts when the zone's clocks first reach its
//! mark, such as midnight on the first. Clocks that jump over the mark start it at the jump. Clocks
//! that are set back do not start it again, so one day has 25 hours and another 23, and a day that
//! the zone skipped as a whole has no period. **Minutes and hours** are elapsed time: each time the
//! clocks reach or jump over a mark starts one, so the hour that is repeated counts anew. Otherwise
//! the minute before clocks are set back would last 61.
//!
//! All that is known of a zone is its offset at an instant. From that a start is exact as long as
//! the zone changes its offset at most once in 48 hours and at whole seconds: true of every zone
//! since 1970. Before 1970, the offset of 1970 is taken.

mod marks;
mod remembered;
mod shown;

pub use marks::{first_day, month_of};
pub use remembered::Remembered;
pub use shown::{next_shown, shown_at, Shown};

use thiserror::Error;

use self::marks::{Marks, DAY};
use crate::limit::quota::{Period, Quota, TimeZoneName};
use crate::Timestamp;

/// The last second that JavaScript has a date for, and so the last for which a zone is asked; later
/// it stays as it is then.
const LAST_DATE: i64 = 8_640_000_000_000;

/// Knows how far a zone's clocks are from UTC. Asked only when a period turns, about five times;
/// never for UTC.
pub trait TimeZone {
    /// Seconds that the clocks of `zone` are ahead of UTC at `instant` (Berlin in winter: 3,600),
    /// at most a day either way; `None` when there is no such zone. `instant` is a whole second,
    /// and never later than JavaScript's last date.
    fn offset_at(&self, zone: &TimeZoneName, instant: Timestamp) -> Option<i32>;
}

/// Knows no zone at all, which is enough for quotas in UTC.
#[derive(Debug, Clone, Copy, Default)]
pub struct UtcOnly;

impl TimeZone for UtcOnly {
    fn offset_at(&self, _zone: &TimeZoneName, _instant: Timestamp) -> Option<i32> {
        None
    }
}

/// The zone does not exist, as far as the runtime knows.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is no time zone `{}`", zone.as_str())]
pub struct UnknownTimeZone {
    /// The name asked for.
    pub zone: TimeZoneName,
}

/// One period: every instant from `start` on and before `end`. Periods follow each other without
/// gap and without overlap.
///
/// The period of the epoch starts at the epoch, and the one that reaches [`Timestamp::MAX`] ends
/// there and includes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// The first instant of the period.
    pub start: Timestamp,
    /// The first instant of the next period.
    pub end: Timestamp,
}

/// The period in which `now` lies. The one after it is that of its `end`.
///
/// ```
/// use tollgate_core::calendar::{period_at, UtcOnly};
/// use tollgate_core::limit::quota::{Anchor, Period, Quota, TimeZoneName};
/// use tollgate_core::Timestamp;
///
/// let daily = Quota::new(100, Period::Day, TimeZoneName::default(), Anchor::default())?;
/// let span = period_at(&daily, &UtcOnly, Timestamp::from_millis(86_400_001))?;
/// assert_eq!(span.start.as_millis(), 86_400_000);
/// assert_eq!(span.end.as_millis(), 2 * 86_400_000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn period_at(
    quota: &Quota,
    zones: &dyn TimeZone,
    now: Timestamp,
) -> Result<Span, UnknownTimeZone> {
    let clock = Clock {
        zones,
        zone: quota.time_zone(),
    };
    let marks = Marks::of(quota);
    // 2^53 ms are far below the largest i64.
    let second = (now.as_millis() / 1000) as i64;
    let (start, end) = if quota.period() < Period::Day {
        clock.elapsed_period(&marks, second)?
    } else {
        clock.calendar_period(&marks, second)?
    };
    Ok(Span {
        // `start` is later only if the zone's answers contradict each other; `end` is later than
        // `second` whatever they are.
        start: timestamp(start.min(second)),
        end: timestamp(end),
    })
}

fn timestamp(second: i64) -> Timestamp {
    Timestamp::from_millis(second.max(0) as u64 * 1000)
}

/// A zone's clocks. Instants are seconds since the epoch; "local" is what the clocks show, in
/// seconds since their 1970-01-01.
struct Clock<'a> {
    zones: &'a dyn TimeZone,
    zone: &'a TimeZoneName,
}

impl Clock<'_> {
    fn offset(&self, instant: i64) -> Result<i64, UnknownTimeZone> {
        if self.zone.is_utc() {
            return Ok(0);
        }
        let offset = self
            .zones
            .offset_at(self.zone, timestamp(instant.min(LAST_DATE)))
            .ok_or_else(|| UnknownTimeZone {
                zone: self.zone.clone(),
            })?;
        // Whatever it says, the search then stays within days.
        Ok(i64::from(offset).clamp(-DAY, DAY))
    }

    /// The period of `now` on the calendar: from when its mark was first reached until the next one
    /// is.
    fn calendar_period(&self, marks: &Marks, now: i64) -> Result<(i64, i64), UnknownTimeZone> {
        let mut index = marks.index(now + self.offset(now)?);
        let mut start = self.first_reached(marks.at(index))?;
        loop {
            index += 1;
            let end = self.first_reached(marks.at(index))?;
            if end > now {
                return Ok((start, end));
            }
            // The clocks had been further already before they were set back.
            start = end;
        }
    }

    /// The first instant at which the clocks show `local` or later.
    fn first_reached(&self, local: i64) -> Result<i64, UnknownTimeZone> {
        // No clock is further ahead than a day, so this is before `local` is reached, and before
        // any change that matters.
        let before = self.offset(local - DAY)?;
        let unchanged = local - before;
        let after = self.offset(unchanged)?;
        let changed = local - after;
        // No change, or set back on the way: then `local` comes later by as much.
        if after <= before || self.offset(changed)? == after {
            return Ok(changed);
        }
        // The clocks never showed `local`: it is reached by the jump itself.
        self.change(changed, unchanged)
    }

    /// The period of `now` in elapsed time: since the clocks last reached or jumped over a mark,
    /// until they next do.
    fn elapsed_period(&self, marks: &Marks, now: i64) -> Result<(i64, i64), UnknownTimeZone> {
        let offset = self.offset(now)?;
        let index = marks.index(now + offset);
        let (mark, next) = (marks.at(index), marks.at(index + 1));

        let mut start = mark - offset;
        let before = self.offset(start)?;
        if before != offset {
            let change = self.change(start, now)?;
            start = if before < offset {
                change.min(mark - before)
            } else {
                // The last mark that was reached before the clocks were set back.
                marks.at(marks.index(change + before - 1)) - before
            };
        }

        let mut end = next - offset;
        let after = self.offset(end)?;
        if after != offset {
            let change = self.change(now, end)?;
            end = if after > offset {
                change.max(next - after)
            } else {
                // The first mark from where the clocks were set back to.
                marks.at(marks.index(change + after - 1) + 1) - after
            };
        }
        Ok((start, end))
    }

    /// When the offset changed between two instants with different offsets: the first instant of
    /// the new one.
    fn change(&self, mut earlier: i64, mut later: i64) -> Result<i64, UnknownTimeZone> {
        let new = self.offset(later)?;
        while later - earlier > 1 {
            let middle = earlier + (later - earlier) / 2;
            if self.offset(middle)? == new {
                later = middle;
            } else {
                earlier = middle;
            }
        }
        Ok(later)
    }
}
