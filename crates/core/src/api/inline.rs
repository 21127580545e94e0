//! A limit written into a request: an algorithm's word and its numbers.
//!
//! The same fields stand at the top of a request with one limit and in each element of `limits`. Bounds are those of
//! [`crate::limit`]; here they are checked first under the name that the caller used, so that an error about `maxTokens` says so.

use super::fields::Fields;
use super::{problem_of, BadRequest, Problem};
use crate::limit::{
    Algorithm, BurstCredits, Concurrency, LeakyBucket, Limit, Name, Rate, TokenBucket, Window,
    MAX_LOG, MAX_NAME, MAX_WINDOW,
};
use crate::number::{Decimal, MAX_SAFE};
use crate::quota::{Anchor, Period, Quota, TimeZoneName, MAX_ZONE_NAME};
use crate::{Duration, InvalidLimit};

/// Every field of a limit. `maxDelay` is not among them: beside these it may also belong to the request.
pub(super) const FIELDS: [&str; 18] = [
    "name",
    "algorithm",
    "limit",
    "window",
    "capacity",
    "maxTokens",
    "refill",
    "refillRate",
    "refillInterval",
    "initial",
    "stepped",
    "burstCredits",
    "forgetAfter",
    "leak",
    "period",
    "timeZone",
    "anchor",
    "ttl",
];

/// Two spellings of one thing: who gives one does not get the other as a default.
pub(super) const ALIASES: [(&str, &str); 3] = [
    ("capacity", "maxTokens"),
    ("refill", "refillRate"),
    ("refill", "refillInterval"),
];

/// Shortest and longest window, interval and `ttl`.
const SPAN: (Duration, Duration) = (Duration::from_millis(1), MAX_WINDOW);
const WORDS: &str =
    "fixedWindow, slidingWindow, slidingLog, tokenBucket, leakyBucket, quota or concurrency";

/// The algorithms' words, before there are numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    FixedWindow,
    SlidingWindow,
    SlidingLog,
    TokenBucket,
    LeakyBucket,
    Quota,
    Concurrency,
}

/// Takes one limit out of `fields`. The fields of another algorithm are errors.
pub(super) fn limit(fields: &mut Fields<'_>) -> Result<Limit, BadRequest> {
    let name = name(fields, "name")?;
    let kind = kind(fields)?;
    let algorithm = match kind {
        Kind::FixedWindow => Algorithm::FixedWindow(window(fields, MAX_SAFE)?),
        Kind::SlidingWindow => Algorithm::SlidingWindow(window(fields, MAX_SAFE)?),
        Kind::SlidingLog => Algorithm::SlidingLog(window(fields, MAX_LOG)?),
        Kind::TokenBucket => Algorithm::TokenBucket(token_bucket(fields)?),
        Kind::LeakyBucket => Algorithm::LeakyBucket(leaky_bucket(fields)?),
        Kind::Quota => Algorithm::Quota(quota(fields)?),
        Kind::Concurrency => Algorithm::Concurrency(concurrency(fields)?),
    };
    match fields.untaken(|name| FIELDS.contains(&name)) {
        Some(stray) => Err(fields.error(
            stray,
            Problem::Conflict {
                with: algorithm.word(),
            },
        )),
        None => Ok(Limit::new(name, algorithm)),
    }
}

/// A token bucket by its older names, `maxTokens` and `refillRate` in tokens per second: the form of `/acquire`.
pub(super) fn tokens_per_second(fields: &mut Fields<'_>) -> Result<Limit, BadRequest> {
    let capacity = fields.count("maxTokens", 0, MAX_SAFE)?;
    let capacity = fields.required("maxTokens", capacity)?;
    let amount = fields.decimal("refillRate")?;
    let amount = fields.required("refillRate", amount)?;
    let bucket = Rate::new("refillRate", amount, Duration::from_secs(1))
        .and_then(|refill| TokenBucket::new(capacity, refill));
    let bucket = bucket.map_err(|error| at(fields, error))?;
    Ok(Limit::new(None, Algorithm::TokenBucket(bucket)))
}

/// A name of a policy or a limit.
pub(super) fn name(
    fields: &mut Fields<'_>,
    field: &'static str,
) -> Result<Option<Name>, BadRequest> {
    match fields.text(field, 1, MAX_NAME)? {
        Some(text) => Name::new(field, &text)
            .map(Some)
            .map_err(|error| at(fields, error)),
        None => Ok(None),
    }
}

/// The error of a core rule, with the path of its field.
pub(super) fn at(fields: &Fields<'_>, error: InvalidLimit) -> BadRequest {
    let (field, problem) = problem_of(error);
    fields.error(field, problem)
}

/// The algorithm: by its word; `limit` and `window` alone mean `slidingWindow`.
fn kind(fields: &mut Fields<'_>) -> Result<Kind, BadRequest> {
    let word = fields.word("algorithm", WORDS, |word| match word {
        "fixedWindow" => Ok(Kind::FixedWindow),
        "slidingWindow" => Ok(Kind::SlidingWindow),
        "slidingLog" => Ok(Kind::SlidingLog),
        "tokenBucket" => Ok(Kind::TokenBucket),
        "leakyBucket" => Ok(Kind::LeakyBucket),
        "quota" => Ok(Kind::Quota),
        "concurrency" => Ok(Kind::Concurrency),
        _ => Err(Problem::Malformed { expected: WORDS }),
    })?;
    let plain = fields.has_any(&["limit", "window"])
        && fields
            .untaken(|name| FIELDS.contains(&name) && !matches!(name, "limit" | "window"))
            .is_none();
    match word {
        None if plain => Ok(Kind::SlidingWindow),
        word => fields.required("algorithm", word),
    }
}

fn window(fields: &mut Fields<'_>, max: u64) -> Result<Window, BadRequest> {
    let limit = fields.count("limit", 0, max)?;
    let limit = fields.required("limit", limit)?;
    let window = span(fields, "window")?;
    let window = fields.required("window", window)?;
    Window::new(limit, window).map_err(|error| at(fields, error))
}

fn span(fields: &mut Fields<'_>, name: &str) -> Result<Option<Duration>, BadRequest> {
    fields.duration(name, SPAN.0, SPAN.1)
}

fn token_bucket(fields: &mut Fields<'_>) -> Result<TokenBucket, BadRequest> {
    if fields.has("capacity") && fields.has("maxTokens") {
        return Err(fields.error(
            "maxTokens",
            Problem::Conflict {
                with: "`capacity`, which is the same",
            },
        ));
    }
    let name = if fields.has("maxTokens") {
        "maxTokens"
    } else {
        "capacity"
    };
    let capacity = fields.count(name, 0, MAX_SAFE)?;
    let capacity = fields.required(name, capacity)?;
    let refill = refill(fields)?;
    let mut bucket = TokenBucket::new(capacity, refill);
    if let Some(initial) = fields.count("initial", 0, capacity)? {
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

/// `refill`, or `refillRate` tokens per `refillInterval` (one second).
fn refill(fields: &mut Fields<'_>) -> Result<Rate, BadRequest> {
    if !fields.has_any(&["refillRate", "refillInterval"]) {
        return rate(fields, "refill");
    }
    if fields.has("refill") {
        return Err(fields.error(
            "refill",
            Problem::Conflict {
                with: "`refillRate` and `refillInterval`",
            },
        ));
    }
    let amount = fields.decimal("refillRate")?;
    let amount = fields.required("refillRate", amount)?;
    let interval = span(fields, "refillInterval")?.unwrap_or(Duration::from_secs(1));
    Rate::new("refillInterval", amount, interval).map_err(|error| at(fields, error))
}

/// `{amount, interval}`.
fn rate(fields: &mut Fields<'_>, name: &'static str) -> Result<Rate, BadRequest> {
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

fn leaky_bucket(fields: &mut Fields<'_>) -> Result<LeakyBucket, BadRequest> {
    let capacity = fields.count("capacity", 0, MAX_SAFE)?;
    let capacity = fields.required("capacity", capacity)?;
    let leak = rate(fields, "leak")?;
    let bucket = LeakyBucket::new(capacity, leak).map_err(|error| at(fields, error))?;
    match fields.duration("maxDelay", Duration::ZERO, MAX_WINDOW)? {
        Some(max_delay) => bucket
            .with_max_delay(max_delay)
            .map_err(|error| at(fields, error)),
        None => Ok(bucket),
    }
}

fn quota(fields: &mut Fields<'_>) -> Result<Quota, BadRequest> {
    let limit = fields.count("limit", 0, MAX_SAFE)?;
    let limit = fields.required("limit", limit)?;
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

fn concurrency(fields: &mut Fields<'_>) -> Result<Concurrency, BadRequest> {
    let limit = fields.count("limit", 0, Concurrency::MAX_SLOTS)?;
    let limit = fields.required("limit", limit)?;
    let ttl = span(fields, "ttl")?;
    let ttl = fields.required("ttl", ttl)?;
    Concurrency::new(limit, ttl).map_err(|error| at(fields, error))
}
