//! The numbers of each algorithm, read from the fields of a limit.
//!
//! Bounds are those of [`crate::limit`]; here they are checked first under the name that the caller
//! used, so that an error about `maxTokens` says so.

use serde::{Deserialize, Serialize};

use crate::api::fields::Fields;
use crate::api::{problem_of, BadRequest, Problem};
use crate::limit::quota::{Anchor, Period, Quota, TimeZoneName, MAX_ZONE_NAME};
use crate::limit::{BurstCredits, Concurrency, LeakyBucket, Rate, TokenBucket, Window, MAX_WINDOW};
use crate::number::{Decimal, MAX_SAFE};
use crate::{Algorithm, Duration, InvalidLimit};

/// The shortest window, interval and `ttl`.
const MIN_DURATION: Duration = Duration::from_millis(1);
/// What an amount without an interval is for: `refillRate` and `leakRate` alone are units per
/// second.
const SECOND: Duration = Duration::from_secs(1);

/// The error of a core rule, with the path of its field.
pub(in crate::api) fn at(fields: &Fields<'_>, error: InvalidLimit) -> BadRequest {
    let (field, problem) = problem_of(error);
    fields.error(field, problem)
}

/// Which of two words for one thing is there; the first when neither is.
fn spelled(fields: &Fields<'_>, word: &'static str, other: &'static str) -> &'static str {
    if fields.has(other) {
        other
    } else {
        word
    }
}

/// `limit`, or `requests`.
fn most(fields: &mut Fields<'_>, max: u64) -> Result<u64, BadRequest> {
    let name = spelled(fields, "limit", "requests");
    let limit = fields.count(name, 0, max)?;
    fields.required(name, limit)
}

pub(super) fn window(fields: &mut Fields<'_>, max: u64) -> Result<Window, BadRequest> {
    let limit = most(fields, max)?;
    let window = span(fields, "window")?;
    let window = fields.required("window", window)?;
    Window::new(limit, window).map_err(|error| at(fields, error))
}

/// What the windows of `fixedWindow` begin with: `start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Start {
    /// The Unix epoch: they follow each other without a gap.
    Epoch,
    /// The first use after the end of the one before.
    FirstUse,
}

pub(super) fn fixed_window(fields: &mut Fields<'_>) -> Result<Algorithm, BadRequest> {
    const EXPECTED: &str = "epoch or firstUse";
    let start = fields.word("start", EXPECTED, |word| match word {
        "epoch" => Ok(Start::Epoch),
        "firstUse" => Ok(Start::FirstUse),
        _ => Err(Problem::Malformed { expected: EXPECTED }),
    })?;
    let window = window(fields, MAX_SAFE)?;
    Ok(match start {
        Some(Start::FirstUse) => Algorithm::FirstUse(window),
        Some(Start::Epoch) | None => Algorithm::FixedWindow(window),
    })
}

pub(super) fn span(fields: &mut Fields<'_>, name: &str) -> Result<Option<Duration>, BadRequest> {
    fields.duration(name, MIN_DURATION, MAX_WINDOW)
}

pub(super) fn token_bucket(fields: &mut Fields<'_>) -> Result<TokenBucket, BadRequest> {
    let name = spelled(fields, "capacity", "maxTokens");
    let capacity = fields.count(name, 0, MAX_SAFE)?;
    let capacity = fields.required(name, capacity)?;
    let refill = rate(fields, "refill", ("refillRate", "refillInterval"))?;
    let mut bucket = TokenBucket::new(capacity, refill);
    let name = spelled(fields, "initial", "initialTokens");
    if let Some(initial) = fields.count(name, 0, capacity)? {
        bucket = bucket.and_then(|bucket| bucket.with_initial(initial));
    }
    if fields.boolean("stepped")? == Some(true) {
        bucket = bucket.and_then(TokenBucket::stepped);
    }
    if let Some(credits) = fields.object("burstCredits")? {
        let credits = burst_credits(credits)?;
        bucket = bucket.and_then(|bucket| bucket.with_burst_credits(credits));
    }
    if let Some(forget_after) = span(fields, "forgetAfter")? {
        bucket = bucket.and_then(|bucket| bucket.with_forget_after(forget_after));
    }
    bucket.map_err(|error| at(fields, error))
}

/// A token bucket by its older names, `maxTokens` and `refillRate` in tokens per second: the form
/// of `/acquire`. Its `refillInterval` said how often a timer refilled; here tokens come back
/// continuously, so it is read and has no effect.
pub(in crate::api) fn tokens_per_second(
    fields: &mut Fields<'_>,
) -> Result<TokenBucket, BadRequest> {
    let capacity = fields.count("maxTokens", 0, MAX_SAFE)?;
    let capacity = fields.required("maxTokens", capacity)?;
    let amount = fields.decimal("refillRate")?;
    let amount = fields.required("refillRate", amount)?;
    span(fields, "refillInterval")?;
    Rate::new("refillRate", amount, SECOND)
        .and_then(|refill| TokenBucket::new(capacity, refill))
        .map_err(|error| at(fields, error))
}

/// The object `name`; or so many units, in a field of their own, per an interval that is a second
/// unless said.
fn rate(
    fields: &mut Fields<'_>,
    name: &'static str,
    (amount_name, interval_name): (&'static str, &'static str),
) -> Result<Rate, BadRequest> {
    if !fields.has_any(&[amount_name, interval_name]) {
        return rate_object(fields, name);
    }
    let amount = fields.decimal(amount_name)?;
    let amount = fields.required(amount_name, amount)?;
    let interval = span(fields, interval_name)?.unwrap_or(SECOND);
    Rate::new(interval_name, amount, interval).map_err(|error| at(fields, error))
}

/// `{amount, interval}`.
pub(super) fn rate_object(fields: &mut Fields<'_>, name: &'static str) -> Result<Rate, BadRequest> {
    let inner = fields.object(name)?;
    let mut inner = fields.required(name, inner)?;
    let amount: Option<Decimal> = inner.decimal("amount")?;
    let amount = inner.required("amount", amount)?;
    let interval = span(&mut inner, "interval")?;
    let interval = inner.required("interval", interval)?;
    let rate = Rate::new("interval", amount, interval).map_err(|error| at(&inner, error))?;
    inner.finish()?;
    Ok(rate)
}

fn burst_credits(mut fields: Fields<'_>) -> Result<BurstCredits, BadRequest> {
    let cap = fields.count("cap", 1, MAX_SAFE)?;
    let cap = fields.required("cap", cap)?;
    let expiry = span(&mut fields, "expiry")?;
    let expiry = fields.required("expiry", expiry)?;
    let credits = BurstCredits::new(cap, expiry).map_err(BadRequest::from)?;
    fields.finish()?;
    Ok(credits)
}

pub(super) fn leaky_bucket(fields: &mut Fields<'_>) -> Result<LeakyBucket, BadRequest> {
    let capacity = fields.count("capacity", 0, MAX_SAFE)?;
    let capacity = fields.required("capacity", capacity)?;
    let leak = rate(fields, "leak", ("leakRate", "leakInterval"))?;
    let bucket = LeakyBucket::new(capacity, leak).map_err(|error| at(fields, error))?;
    match fields.duration("maxDelay", Duration::ZERO, MAX_WINDOW)? {
        Some(max_delay) => bucket
            .with_max_delay(max_delay)
            .map_err(|error| at(fields, error)),
        None => Ok(bucket),
    }
}

pub(super) fn quota(fields: &mut Fields<'_>) -> Result<Quota, BadRequest> {
    let limit = most(fields, MAX_SAFE)?;
    let period = fields.word("period", "a string", |word| {
        Period::parse(word).map_err(|error| problem_of(error).1)
    })?;
    let period = fields.required("period", period)?;
    let zone = match fields.text("timeZone", 1, MAX_ZONE_NAME)? {
        Some(text) => TimeZoneName::new(&text).map_err(|error| at(fields, error))?,
        None => TimeZoneName::default(),
    };
    let anchor = match fields.object("anchor")? {
        Some(inner) => anchor(inner)?,
        None => Anchor::default(),
    };
    Quota::new(limit, period, zone, anchor).map_err(|error| at(fields, error))
}

fn anchor(mut fields: Fields<'_>) -> Result<Anchor, BadRequest> {
    let mut anchor = Anchor::default();
    let problem = |error| problem_of(error).1;
    if let Some(time) = fields.word("time", "a string", |text| {
        anchor.with_time(text).map_err(problem)
    })? {
        anchor = time;
    }
    if let Some(weekday) = fields.word("weekday", "a string", |text| {
        anchor.with_weekday(text).map_err(problem)
    })? {
        anchor = weekday;
    }
    if let Some(day) = fields.count("day", 1, 31)? {
        anchor = anchor.with_day(day).map_err(BadRequest::from)?;
    }
    if let Some(month) = fields.count("month", 1, 12)? {
        anchor = anchor.with_month(month).map_err(BadRequest::from)?;
    }
    fields.finish()?;
    Ok(anchor)
}

pub(super) fn concurrency(fields: &mut Fields<'_>) -> Result<Concurrency, BadRequest> {
    let limit = most(fields, Concurrency::MAX_SLOTS)?;
    let ttl = span(fields, "ttl")?;
    let ttl = fields.required("ttl", ttl)?;
    Concurrency::new(limit, ttl).map_err(|error| at(fields, error))
}
