//! The text of a limit's definition.

use crate::codec::{Line, LineWriter, Unreadable};
use crate::limit::quota::{Anchor, Period, Quota, TimeZoneName};
use crate::limit::{
    Algorithm, BurstCredits, Concurrency, LeakyBucket, Limit, Name, Rate, TokenBucket, Window,
    FORGET_AFTER,
};
use crate::number::Decimal;
use crate::{Duration, InvalidLimit};

use super::schedule::{self, get_schedule, put_schedule};

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
    let line = line.put_some("name", limit.name().map(Name::as_str));
    match limit.schedule() {
        None => put_algorithm(line, "algorithm", limit.algorithm()),
        Some(schedule) => put_schedule(
            put_algorithm(line, schedule::KEY, schedule.own()),
            limit,
            schedule,
        ),
    }
}

/// What stands for windows that begin with the first use. A build that knows of none takes the line
/// for damaged and answers `unavailable`; by the usual word it would count in aligned windows.
const FIRST_USE: &str = "fixedWindowFromFirstUse";

const fn word(algorithm: &Algorithm) -> &'static str {
    match algorithm {
        Algorithm::FirstUse(_) => FIRST_USE,
        _ => algorithm.word(),
    }
}

/// Adds an algorithm with its numbers; its word under `key`.
fn put_algorithm(line: LineWriter, key: &str, algorithm: &Algorithm) -> LineWriter {
    let line = line.put(key, word(algorithm));
    match algorithm {
        Algorithm::FixedWindow(w)
        | Algorithm::FirstUse(w)
        | Algorithm::SlidingWindow(w)
        | Algorithm::SlidingLog(w) => line
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
            (forget_after != FORGET_AFTER).then(|| forget_after.as_millis()),
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
        .map(|name| Name::stored("name", name))
        .transpose()?;
    let (word, is_scheduled) = match line.get(schedule::KEY) {
        None => (line.get("algorithm"), false),
        word => (word, true),
    };
    let algorithm = match word {
        Some("fixedWindow") => Algorithm::FixedWindow(get_window(line)?),
        Some(FIRST_USE) => Algorithm::FirstUse(get_window(line)?),
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
    let limit = Limit::new(name, algorithm);
    match is_scheduled {
        true => get_schedule(line, limit),
        false => Ok(limit),
    }
}

fn duration(line: &Line, key: &'static str) -> Result<Option<Duration>, Unreadable> {
    Ok(line.number(key)?.map(Duration::from_millis))
}

fn needed_duration(line: &Line, key: &'static str) -> Result<Duration, Unreadable> {
    line.needed(key).map(Duration::from_millis)
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
