//! The texts of definitions and states, in rows and in messages.
//!
//! A stored row holds the definition beside the state, so a build can show and continue it without
//! the request or the policy that created it.

mod places;

use tollgate_versions::Versions;

use crate::algorithm::allowance::Lost;
use crate::algorithm::counter::Counter;
use crate::algorithm::counts::Counts;
use crate::algorithm::level::Level;
use crate::algorithm::log::Log;
use crate::algorithm::slots::{Slot, Slots};
use crate::algorithm::state::{shape, LimitState};
use crate::algorithm::Holder;
use crate::calendar::Span;
use crate::codec::{Line, LineWriter, Unreadable};
use crate::limit::quota::{Anchor, Period, Quota, TimeZoneName};
use crate::limit::{
    Algorithm, BurstCredits, Concurrency, LeakyBucket, Limit, Name, Rate, TokenBucket, Window,
};
use crate::number::Decimal;
use crate::{Duration, InvalidLimit, Timestamp};

/// The versions of stored rows.
pub const ROWS: Versions = Versions::new(1);

impl From<InvalidLimit> for Unreadable {
    fn from(invalid: InvalidLimit) -> Unreadable {
        Unreadable::Damaged(match invalid {
            InvalidLimit::OutOfRange { field, .. }
            | InvalidLimit::Malformed { field, .. }
            | InvalidLimit::Conflict { field, .. } => field,
            InvalidLimit::UnknownTimeZone => "timeZone",
        })
    }
}

/// Adds a limit's definition to a line.
pub fn put_limit(line: LineWriter, limit: &Limit) -> LineWriter {
    let line = line
        .put_some("name", limit.name().map(Name::as_str))
        .put("algorithm", limit.algorithm().word());
    match limit.algorithm() {
        Algorithm::FixedWindow(w) | Algorithm::SlidingWindow(w) | Algorithm::SlidingLog(w) => line
            .put("limit", w.limit())
            .put("window", w.window().as_millis()),
        Algorithm::TokenBucket(bucket) => put_token_bucket(line, bucket),
        Algorithm::LeakyBucket(bucket) => {
            put_rate(line.put("capacity", bucket.capacity()), bucket.leak())
                .put_some("maxDelay", bucket.max_delay().map(Duration::as_millis))
        }
        Algorithm::Quota(quota) => put_quota(line, quota),
        Algorithm::Concurrency(slots) => line
            .put("limit", slots.limit())
            .put("ttl", slots.ttl().as_millis()),
    }
}

fn put_rate(line: LineWriter, rate: Rate) -> LineWriter {
    line.put("amount", rate.amount())
        .put("interval", rate.interval().as_millis())
}

fn put_token_bucket(line: LineWriter, bucket: &TokenBucket) -> LineWriter {
    let forget_after = bucket.forget_after();
    put_rate(line.put("capacity", bucket.capacity()), bucket.refill())
        .put_some("initial", bucket.initial())
        .flag("stepped", bucket.is_stepped())
        .put_some(
            "creditsCap",
            bucket.burst_credits().map(|credits| credits.cap()),
        )
        .put_some(
            "creditsExpiry",
            bucket
                .burst_credits()
                .map(|credits| credits.expiry().as_millis()),
        )
        .put_some(
            "forgetAfter",
            (forget_after != crate::limit::FORGET_AFTER).then(|| forget_after.as_millis()),
        )
}

fn put_quota(line: LineWriter, quota: &Quota) -> LineWriter {
    let anchor = quota.anchor();
    line.put("limit", quota.limit())
        .put("period", quota.period().word())
        .put("timeZone", quota.time_zone().as_str())
        .put_some("anchorTime", anchor.clock_time())
        .put_some(
            "anchorWeekday",
            anchor.weekday().map(|weekday| weekday.word()),
        )
        .put_some("anchorDay", anchor.day())
        .put_some("anchorMonth", anchor.month())
}

/// Reads a limit's definition from a line.
pub fn get_limit(line: &Line) -> Result<Limit, Unreadable> {
    let name = line
        .get("name")
        .map(|name| Name::new("name", name))
        .transpose()?;
    let algorithm = match line.get("algorithm") {
        Some("fixedWindow") => Algorithm::FixedWindow(get_window(line)?),
        Some("slidingWindow") => Algorithm::SlidingWindow(get_window(line)?),
        Some("slidingLog") => {
            let window = get_window(line)?;
            Algorithm::SlidingLog(Window::new_log(window.limit(), window.window())?)
        }
        Some("tokenBucket") => Algorithm::TokenBucket(get_token_bucket(line)?),
        Some("leakyBucket") => Algorithm::LeakyBucket(get_leaky_bucket(line)?),
        Some("quota") => Algorithm::Quota(get_quota(line)?),
        Some("concurrency") => Algorithm::Concurrency(Concurrency::new(
            line.needed("limit")?,
            needed_duration(line, "ttl")?,
        )?),
        _ => return Err(Unreadable::Damaged("algorithm")),
    };
    Ok(Limit::new(name, algorithm))
}

fn duration(line: &Line, key: &'static str) -> Result<Option<Duration>, Unreadable> {
    Ok(line.number(key)?.map(Duration::from_millis))
}

fn needed_duration(line: &Line, key: &'static str) -> Result<Duration, Unreadable> {
    line.needed(key).map(Duration::from_millis)
}

fn instant(line: &Line, key: &'static str) -> Result<Timestamp, Unreadable> {
    line.needed(key).map(Timestamp::from_millis)
}

fn get_window(line: &Line) -> Result<Window, Unreadable> {
    Ok(Window::new(
        line.needed("limit")?,
        needed_duration(line, "window")?,
    )?)
}

fn get_rate(line: &Line) -> Result<Rate, Unreadable> {
    let amount = line
        .get("amount")
        .and_then(|text| Decimal::parse(text).ok());
    let amount = amount.ok_or(Unreadable::Damaged("amount"))?;
    Ok(Rate::new(
        "interval",
        amount,
        needed_duration(line, "interval")?,
    )?)
}

fn get_token_bucket(line: &Line) -> Result<TokenBucket, Unreadable> {
    let mut bucket = TokenBucket::new(line.needed("capacity")?, get_rate(line)?)?;
    if let Some(initial) = line.number("initial")? {
        bucket = bucket.with_initial(initial)?;
    }
    if line.flag("stepped") {
        bucket = bucket.stepped()?;
    }
    if let Some(cap) = line.number("creditsCap")? {
        bucket = bucket.with_burst_credits(BurstCredits::new(
            cap,
            needed_duration(line, "creditsExpiry")?,
        )?)?;
    }
    match duration(line, "forgetAfter")? {
        Some(forget_after) => Ok(bucket.with_forget_after(forget_after)?),
        None => Ok(bucket),
    }
}

fn get_leaky_bucket(line: &Line) -> Result<LeakyBucket, Unreadable> {
    let bucket = LeakyBucket::new(line.needed("capacity")?, get_rate(line)?)?;
    match duration(line, "maxDelay")? {
        Some(max_delay) => Ok(bucket.with_max_delay(max_delay)?),
        None => Ok(bucket),
    }
}

fn get_quota(line: &Line) -> Result<Quota, Unreadable> {
    let mut anchor = Anchor::default();
    if let Some(time) = line.get("anchorTime") {
        anchor = anchor.with_time(time)?;
    }
    if let Some(weekday) = line.get("anchorWeekday") {
        anchor = anchor.with_weekday(weekday)?;
    }
    if let Some(day) = line.number("anchorDay")? {
        anchor = anchor.with_day(day)?;
    }
    if let Some(month) = line.number("anchorMonth")? {
        anchor = anchor.with_month(month)?;
    }
    let period = Period::parse(line.get("period").unwrap_or(""))?;
    let zone = TimeZoneName::stored(line.get("timeZone").unwrap_or(""))?;
    Ok(Quota::new(line.needed("limit")?, period, zone, anchor)?)
}

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
            .put("used", slots_text(&slots.held))
            .put("fence", slots.fence)
            .put("time", slots.time.as_millis()),
    }
}

/// Adds the allowance that a limit has lost by waking, if any. An older build ignores it.
pub fn put_lost(line: LineWriter, lost: &Lost) -> LineWriter {
    match *lost {
        Lost::Nothing => line,
        Lost::InWindow { units, before, .. } => line
            .put_some("lost", (units > 0).then_some(units))
            .put_some("lostBefore", (before > 0).then_some(before)),
        Lost::Until(until) => line.put_some(
            "lostUntil",
            (until > Timestamp::ZERO).then(|| until.as_millis()),
        ),
    }
}

/// Reads the allowance lost by waking, in the window of `state`.
pub fn get_lost(line: &Line, state: &LimitState) -> Result<Lost, Unreadable> {
    let window = match state {
        LimitState::Counter(counter) => counter.span.start,
        LimitState::Sliding(sliding) => sliding.counts.start,
        LimitState::Bucket(_) => {
            let until = line.number("lostUntil")?.unwrap_or(0);
            return Ok(Lost::Until(Timestamp::from_millis(until)));
        }
        LimitState::Log(_) | LimitState::Slots(_) => return Ok(Lost::Nothing),
    };
    Ok(Lost::InWindow {
        window,
        units: line.number("lost")?.unwrap_or(0),
        before: line.number("lostBefore")?.unwrap_or(0),
    })
}

/// `time:units`, each time as the distance from the one before.
fn log_text(log: &Log) -> String {
    let mut last = 0;
    let entry = |&(at, units): &(Timestamp, u64)| {
        let distance = at.as_millis() - core::mem::replace(&mut last, at.as_millis());
        format!("{distance}:{units}")
    };
    log.entries.iter().map(entry).collect::<Vec<_>>().join(",")
}

/// `permit:units:fence:deadline`, the permit in hexadecimal; permit and fence are 0 where nobody
/// holds the slots.
pub(crate) fn slots_text(slots: &[Slot]) -> String {
    let slot = |slot: &Slot| {
        let holder = slot.holder.map(|holder| (holder.permit, holder.fence));
        let (permit, fence) = holder.unwrap_or((0, 0));
        format!(
            "{:x}:{}:{}:{}",
            permit,
            slot.units,
            fence,
            slot.deadline.as_millis()
        )
    };
    slots.iter().map(slot).collect::<Vec<_>>().join(",")
}

/// Reads the state that belongs to an algorithm.
pub fn get_state(line: &Line, algorithm: &Algorithm) -> Result<LimitState, Unreadable> {
    let time = instant(line, "time")?;
    Ok(match algorithm {
        Algorithm::FixedWindow(_) | Algorithm::Quota(_) => {
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
        Algorithm::SlidingLog(_) => LimitState::Log(Log {
            entries: get_log(line)?,
            time,
        }),
        Algorithm::Concurrency(_) => LimitState::Slots(Slots {
            held: get_slots(line, "used")?,
            fence: line.needed("fence")?,
            time,
        }),
    })
}

fn items<'a>(line: &Line<'a>, key: &str) -> impl Iterator<Item = &'a str> {
    line.get(key)
        .unwrap_or("")
        .split(',')
        .filter(|item| !item.is_empty())
}

fn get_log(line: &Line) -> Result<std::collections::VecDeque<(Timestamp, u64)>, Unreadable> {
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

/// Reads the slots under `key`; none where there is no such field.
pub(crate) fn get_slots(line: &Line, key: &'static str) -> Result<Vec<Slot>, Unreadable> {
    let slot = |item: &str| {
        let mut parts = item.split(':');
        let permit = u128::from_str_radix(parts.next()?, 16).ok()?;
        let units = parts.next()?.parse().ok()?;
        let fence = parts.next()?.parse().ok()?;
        Some(Slot {
            holder: (permit != 0).then_some(Holder { permit, fence }),
            units,
            deadline: Timestamp::from_millis(parts.next()?.parse().ok()?),
        })
    };
    items(line, key)
        .map(slot)
        .collect::<Option<_>>()
        .ok_or(Unreadable::Damaged(key))
}
