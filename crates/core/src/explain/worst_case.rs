//! The most units that a limit admits in a window of time.
//!
//! A window of n milliseconds is any n of them that follow each other, so the last admission in it
//! comes at most n − 1 ms after the first. Units that a negative cost gave back count as never
//! admitted. `tests/explain.rs` holds every admission of random histories against these numbers,
//! and reaches them with histories made for it.

use crate::algorithm::state::Moment;
use crate::arithmetic::{div_ceil, divide};
use crate::calendar::{period_at, Span, UnknownTimeZone};
use crate::limit::quota::Quota;
use crate::limit::{LeakyBucket, Rate, TokenBucket, Window};
use crate::number::MAX_SAFE;
use crate::{Algorithm, Duration, Limit, Timestamp};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// The most units that one limit admits, each number at most 2^53.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorstCase {
    /// The length of the window that `units` is about: the limit's own; of a quota the shortest of
    /// the period under way and the two beside it; of a bucket the time from empty to full. `None`
    /// for `concurrency`, whose `units` are held at one instant.
    pub window: Option<Duration>,
    /// The most units in any window of that length, wherever it starts.
    pub units: u64,
    /// The most units in a window or period of the limit's own, where these start at fixed
    /// instants.
    pub aligned: Option<u64>,
    /// The most units in any hour and in any 24 hours, of a bucket.
    pub sustained: Option<Sustained>,
}

/// What a bucket admits in windows longer than the one in which it fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sustained {
    /// The most units in any hour.
    pub per_hour: u64,
    /// The most units in any 24 hours.
    pub per_day: u64,
}

impl WorstCase {
    /// The worst case of `limit`, decided in one place; of one whose numbers change that with the
    /// largest of them, beyond which no step and no window over several of them goes. The moment
    /// tells which period of a quota is under way, and nothing else.
    ///
    /// | algorithm | units |
    /// |---|---|
    /// | `fixedWindow`, `quota` | 2 · limit; limit in a window of 1 ms |
    /// | `slidingWindow` | 2 · limit − ⌈2 · limit / window⌉, at least limit |
    /// | `slidingLog`, `concurrency` | limit |
    /// | `tokenBucket` | capacity + cap of `burstCredits` + refill · (window − 1 ms) |
    /// | the same, `stepped` | capacity + amount · ⌈(window − 1 ms) / interval⌉ |
    /// | `leakyBucket` | capacity + leak · window |
    ///
    /// The numbers are reached; a stepped bucket, and a leaky one whose callers wait for their
    /// turn, may miss one unit. Where more comes back in a millisecond than a bucket has room for,
    /// what is lost is in none of them.
    pub fn of(limit: &Limit, moment: Moment) -> Result<WorstCase, UnknownTimeZone> {
        let of_window = |window: &Window, units: u64, aligned| WorstCase {
            window: Some(window.window()),
            units,
            aligned,
            sustained: None,
        };
        Ok(match limit.largest().algorithm() {
            Algorithm::FixedWindow(w) => {
                of_window(w, across(w.limit(), w.window()), Some(w.limit()))
            }
            Algorithm::FirstUse(w) => of_window(w, across(w.limit(), w.window()), None),
            Algorithm::SlidingWindow(w) => of_window(w, sliding(w), Some(w.limit())),
            Algorithm::SlidingLog(w) => of_window(w, w.limit(), None),
            Algorithm::TokenBucket(bucket) => {
                let (rate, is_stepped) = (bucket.refill(), bucket.is_stepped());
                of_bucket(rate.time_for(bucket.capacity(), is_stepped), &|window| {
                    refilled(bucket, window)
                })
            }
            Algorithm::LeakyBucket(bucket) => of_bucket(
                bucket.leak().time_for(bucket.capacity(), false),
                &|window| leaked(bucket, window),
            ),
            Algorithm::Quota(quota) => {
                let window = shortest_near(quota, moment)?;
                WorstCase {
                    window: Some(window),
                    units: across(quota.limit(), window),
                    aligned: Some(quota.limit()),
                    sustained: None,
                }
            }
            Algorithm::Concurrency(slots) => WorstCase {
                window: None,
                units: slots.limit(),
                aligned: None,
                sustained: None,
            },
        })
    }
}

/// The most units that a limit admits in any window of this length, as far as one number says it:
/// `None` of a quota, whose periods are those of a calendar, and of `concurrency`, which counts
/// what is held. Exact for a bucket; for other limits as many of their own worst windows as are
/// needed.
pub fn most_in(limit: &Limit, window: Duration) -> Option<u64> {
    let window = Duration::from_millis(window.as_millis().max(1));
    let spans = |of: &Window| u128::from(window.as_millis().div_ceil(of.window().as_millis()));
    match limit.algorithm() {
        Algorithm::TokenBucket(bucket) => Some(refilled(bucket, window)),
        Algorithm::LeakyBucket(bucket) => Some(leaked(bucket, window)),
        // So long as n of them, a window may touch n + 1.
        Algorithm::FixedWindow(of) | Algorithm::FirstUse(of) => {
            Some(safe(u128::from(of.limit()) * (spans(of) + 1)))
        }
        Algorithm::SlidingWindow(of) => Some(safe(u128::from(sliding(of)) * spans(of))),
        Algorithm::SlidingLog(of) => Some(safe(u128::from(of.limit()) * spans(of))),
        Algorithm::Quota(_) | Algorithm::Concurrency(_) => None,
    }
}

/// A window that touches two of the limit's own: the whole limit at the end of one, and at the
/// start of the next.
fn across(limit: u64, window: Duration) -> u64 {
    match window.as_millis() {
        1 => limit,
        _ => safe(2 * u128::from(limit)),
    }
}

/// The whole limit in the last millisecond of one window, and in the next, 2 ms before its end,
/// what the estimate then leaves of another limit.
fn sliding(window: &Window) -> u64 {
    let limit = u128::from(window.limit());
    let kept = div_ceil(2 * limit, u128::from(window.window().as_millis()));
    safe((2 * limit).saturating_sub(kept).max(limit))
}

fn of_bucket(fills: Duration, most_in: &dyn Fn(Duration) -> u64) -> WorstCase {
    // An empty window would say nothing; a longer one than JSON carries is never over.
    let window = Duration::from_millis(fills.as_millis().clamp(1, MAX_SAFE));
    WorstCase {
        window: Some(window),
        units: most_in(window),
        aligned: None,
        sustained: Some(Sustained {
            per_hour: most_in(HOUR),
            per_day: most_in(DAY),
        }),
    }
}

/// All that a token bucket holds, in the first millisecond of the window, and all that comes back
/// by the last. Steps come when they were begun before: the first of them in the second
/// millisecond.
fn refilled(bucket: &TokenBucket, window: Duration) -> u64 {
    let room = bucket.capacity() + bucket.burst_credits().map_or(0, |credits| credits.cap());
    if room == 0 {
        return 0;
    }
    let (rate, later) = (bucket.refill(), u128::from(window.as_millis() - 1));
    let back = if bucket.is_stepped() {
        let interval = u128::from(rate.interval().as_millis());
        let step = u128::from(rate.parts()) * interval;
        taken(&rate, room, step, div_ceil(later, interval))
    } else {
        taken(&rate, room, rate.parts().into(), later)
    };
    safe(back + u128::from(room))
}

/// The units that somebody gets who takes each whole unit at once, from an empty bucket with `room`
/// for at least one, when `each` parts come back so many `times`. What does not fit is lost. All of
/// them together are what comes back in 2^54 ms at most, so nothing here reaches 2^120.
fn taken(rate: &Rate, room: u64, each: u128, times: u128) -> u128 {
    let (unit, room) = (rate.unit(), u128::from(room));
    let fits = (room - 1) * unit; // beside a fraction of a unit that is left over
    if each <= fits {
        return divide(each * times, unit);
    }
    if each >= room * unit {
        return room * times;
    }
    // All but one unit each time, and that one as often as the fractions make it up. Then the
    // bucket is full, and what is beyond is lost.
    let makes_up = div_ceil(unit, each - fits);
    (room - 1) * times + divide(times, makes_up)
}

/// What a leaky bucket holds, and what leaks. Callers who wait go at the first whole millisecond
/// after their turn, so the turns of a window reach back to the one before it.
fn leaked(bucket: &LeakyBucket, window: Duration) -> u64 {
    let (rate, capacity) = (bucket.leak(), u128::from(bucket.capacity()));
    // No more leaks in a millisecond than there is.
    let each = u128::from(rate.parts()).min(capacity * rate.unit());
    let leaks = each * u128::from(window.as_millis()); // below 2^117
    safe(divide(leaks, rate.unit()) + capacity)
}

/// The shortest of the period under way, the one before and the one after: a window of that length
/// among them touches two of them at most.
fn shortest_near(quota: &Quota, moment: Moment) -> Result<Duration, UnknownTimeZone> {
    let at = |now| period_at(quota, moment.zones, now);
    let length = |span: &Span| span.end.since(span.start);
    let present = at(moment.now)?;
    let mut shortest = length(&present).min(length(&at(present.end)?));
    if let Some(before) = present.start.as_millis().checked_sub(1) {
        shortest = shortest.min(length(&at(Timestamp::from_millis(before))?));
    }
    // The last period that JSON can tell may have no time left.
    Ok(shortest.max(Duration::from_millis(1)))
}

/// The number, or the largest that JSON carries.
fn safe(units: u128) -> u64 {
    units.min(MAX_SAFE.into()) as u64
}
