//! The text of a limit's state.

use crate::algorithm::counter::Counter;
use crate::algorithm::counts::Counts;
use crate::algorithm::level::Level;
use crate::algorithm::log::Log;
use crate::algorithm::slots::Slots;
use crate::algorithm::state::{shape, LimitState};
use crate::calendar::Span;
use crate::codec::{Line, LineWriter, Unreadable};
use crate::limit::Algorithm;
use crate::Timestamp;

use super::slots::{get_slots, slots_text};
use super::{instant, items, places};

/// Adds the state of a limit with this algorithm to a line.
pub fn put_state(line: LineWriter, state: &LimitState, algorithm: &Algorithm) -> LineWriter {
    match state {
        LimitState::Counter(counter) => places::put_counter(line, counter),
        LimitState::Sliding(sliding) => match algorithm {
            Algorithm::SlidingWindow(window) => places::put_sliding(line, sliding, window),
            _ => line,
        },
        LimitState::Bucket(bucket) => match shape(algorithm) {
            Some(shape) => places::put_bucket(line, bucket, shape),
            None => line,
        },
        LimitState::Log(log) => line
            .put("used", log_text(log))
            .put("time", log.time.as_millis()),
        LimitState::Slots(slots) => line
            .put("used", slots_text(slots.held()))
            .put("fence", slots.fence)
            .put("time", slots.time.as_millis()),
    }
}

/// Reads the state that belongs to an algorithm.
pub fn get_state(line: &Line, algorithm: &Algorithm) -> Result<LimitState, Unreadable> {
    let time = instant(line, "time")?;
    Ok(match algorithm {
        Algorithm::FixedWindow(_) | Algorithm::FirstUse(_) | Algorithm::Quota(_) => {
            let span = Span {
                start: instant(line, "start")?,
                end: instant(line, "end")?,
            };
            let counter = Counter {
                used: line.needed("used")?,
                ..Counter::fresh(span, time)
            };
            LimitState::Counter(places::get_counter(line, counter)?)
        }
        Algorithm::SlidingWindow(_) => {
            let counts = Counts {
                start: instant(line, "start")?,
                previous: line.needed("previous")?,
                current: line.needed("used")?,
                time,
            };
            LimitState::Sliding(places::get_sliding(line, counts)?)
        }
        Algorithm::TokenBucket(_) | Algorithm::LeakyBucket(_) => {
            let level = Level {
                deficit: line.needed("used")?,
                credits: line.number("credits")?.unwrap_or(0),
                credits_until: Timestamp::from_millis(line.number("creditsUntil")?.unwrap_or(0)),
                time,
                seen: line.number("seen")?.map_or(time, Timestamp::from_millis),
            };
            LimitState::Bucket(places::get_bucket(line, level)?)
        }
        Algorithm::SlidingLog(_) => LimitState::Log(Log::of(get_log(line)?, time)),
        Algorithm::Concurrency(_) => LimitState::Slots(Slots::of(
            get_slots(line, "used")?,
            line.needed("fence")?,
            time,
        )),
    })
}

/// `time:units`, each time as the distance from the one before.
fn log_text(log: &Log) -> String {
    let mut last = 0;
    let entry = |&(at, units): &(Timestamp, u64)| {
        let distance = at.as_millis() - core::mem::replace(&mut last, at.as_millis());
        format!("{distance}:{units}")
    };
    log.entries().map(entry).collect::<Vec<_>>().join(",")
}

fn get_log(line: &Line) -> Result<Vec<(Timestamp, u64)>, Unreadable> {
    let damaged = Unreadable::Damaged("used");
    let mut last = 0u64;
    let entry = |item: &str| {
        let (distance, units) = item.split_once(':')?;
        last = last.checked_add(distance.parse().ok()?)?;
        Some((Timestamp::from_millis(last), units.parse().ok()?))
    };
    items(line, "used")
        .map(entry)
        .collect::<Option<_>>()
        .ok_or(damaged)
}
