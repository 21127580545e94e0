//! A limit written into a request: an algorithm's word and its numbers.
//!
//! The same fields stand at the top of a request with one limit and in each element of `limits`.
//! Bounds are those of [`crate::limit`]; here they are checked first under the name that the caller
//! used, so that an error about `maxTokens` says so.

use super::fields::Fields;
use super::{problem_of, BadRequest, Problem};
use crate::limit::quota::{Anchor, Period, Quota, TimeZoneName, MAX_ZONE_NAME};
use crate::limit::{
    Algorithm, BurstCredits, Concurrency, LeakyBucket, Limit, Name, Rate, TokenBucket, Window,
    MAX_LOG, MAX_NAME, MAX_WINDOW,
};
use crate::number::{Decimal, MAX_SAFE};
use crate::{Duration, InvalidLimit};

/// Every field of a limit. `maxDelay` is not among them: beside these it may also belong to the
/// request.
pub(super) const FIELDS: [&str; 23] = [
    "name",
    "algorithm",
    "strategy",
    "limit",
    "requests",
    "window",
    "capacity",
    "maxTokens",
    "refill",
    "refillRate",
    "refillInterval",
    "initial",
    "initialTokens",
    "stepped",
    "burstCredits",
    "forgetAfter",
    "leak",
    "leakRate",
    "leakInterval",
    "period",
    "timeZone",
    "anchor",
    "ttl",
];

/// Another word for a field, from the vocabularies of other limiters.
pub(super) struct Alias {
    /// The field's own word.
    pub(super) word: &'static str,
    /// The other word, or one of two that stand for it together.
    pub(super) other: &'static str,
    /// What a request is told that gives both.
    with: &'static str,
}

/// A request gives one word for one thing; who gives one does not get the other as a default.
pub(super) const ALIASES: [Alias; 8] = [
    alias("algorithm", "strategy", "`algorithm`, which is the same"),
    alias("limit", "requests", "`limit`, which is the same"),
    alias("capacity", "maxTokens", "`capacity`, which is the same"),
    alias("refill", "refillRate", "`refill`, which is the same"),
    alias(
        "refill",
        "refillInterval",
        "`refill`, which has the interval",
    ),
    alias("initial", "initialTokens", "`initial`, which is the same"),
    alias("leak", "leakRate", "`leak`, which is the same"),
    alias("leak", "leakInterval", "`leak`, which has the interval"),
];

const fn alias(word: &'static str, other: &'static str, with: &'static str) -> Alias {
    Alias { word, other, with }
}

/// Shortest and longest window, interval and `ttl`.
const SPAN: (Duration, Duration) = (Duration::from_millis(1), MAX_WINDOW);
const WORDS: &str =
    "fixedWindow, slidingWindow, slidingLog, tokenBucket, leakyBucket, quota or concurrency";
const STRATEGIES: &str = "sliding-window, fixed-window, token-bucket or leaky-bucket";
/// What an amount without an interval is for: `refillRate` and `leakRate` alone are units per
/// second.
const SECOND: Duration = Duration::from_secs(1);

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
    one_word_each(fields)?;
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

/// Refuses two words for one thing.
fn one_word_each(fields: &Fields<'_>) -> Result<(), BadRequest> {
    let both = |alias: &&Alias| fields.has(alias.word) && fields.has(alias.other);
    match ALIASES.iter().find(both) {
        Some(Alias { other, with, .. }) => Err(fields.error(other, Problem::Conflict { with })),
        None => Ok(()),
    }
}

/// Which of two words for one thing is there; the first when neither is.
fn spelled(fields: &Fields<'_>, word: &'static str, other: &'static str) -> &'static str {
    if fields.has(other) {
        other
    } else {
        word
    }
}

/// A token bucket by its older names, `maxTokens` and `refillRate` in tokens per second: the form
/// of `/acquire`. Its `refillInterval` said how often a timer refilled; here tokens come back
/// continuously, so it is read and has no effect.
pub(super) fn tokens_per_second(fields: &mut Fields<'_>) -> Result<Limit, BadRequest> {
    let capacity = fields.count("maxTokens", 0, MAX_SAFE)?;
    let capacity = fields.required("maxTokens", capacity)?;
    let amount = fields.decimal("refillRate")?;
    let amount = fields.required("refillRate", amount)?;
    span(fields, "refillInterval")?;
    let bucket = Rate::new("refillRate", amount, SECOND)
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

/// The algorithm: by its word; a limit and a window alone mean `slidingWindow`.
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
    let strategy = fields.word("strategy", STRATEGIES, |word| match word {
        "sliding-window" => Ok(Kind::SlidingWindow),
        "fixed-window" => Ok(Kind::FixedWindow),
        "token-bucket" => Ok(Kind::TokenBucket),
        "leaky-bucket" => Ok(Kind::LeakyBucket),
        _ => Err(Problem::Malformed {
            expected: STRATEGIES,
        }),
    })?;
    const PLAIN: [&str; 3] = ["limit", "requests", "window"];
    let plain = fields.has_any(&PLAIN)
        && fields
            .untaken(|name| FIELDS.contains(&name) && !PLAIN.contains(&name))
            .is_none();
    match word.or(strategy) {
        None if plain => Ok(Kind::SlidingWindow),
        word => fields.required("algorithm", word),
    }
}

/// `limit`, or `requests`.
fn most(fields: &mut Fields<'_>, max: u64) -> Result<u64, BadRequest> {
    let name = spelled(fields, "limit", "requests");
    let limit = fields.count(name, 0, max)?;
    fields.required(name, limit)
}

fn window(fields: &mut Fields<'_>, max: u64) -> Result<Window, BadRequest> {
    let limit = most(fields, max)?;
    let window = span(fields, "window")?;
    let window = fields.required("window", window)?;
    Window::new(limit, window).map_err(|error| at(fields, error))
}

fn span(fields: &mut Fields<'_>, name: &str) -> Result<Option<Duration>, BadRequest> {
    fields.duration(name, SPAN.0, SPAN.1)
}

fn token_bucket(fields: &mut Fields<'_>) -> Result<TokenBucket, BadRequest> {
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
fn rate_object(fields: &mut Fields<'_>, name: &'static str) -> Result<Rate, BadRequest> {
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
    let leak = rate(fields, "leak", ("leakRate", "leakInterval"))?;
    let bucket = LeakyBucket::new(capacity, leak).map_err(|error| at(fields, error))?;
    match fields.duration("maxDelay", Duration::ZERO, MAX_WINDOW)? {
        Some(max_delay) => bucket
            .with_max_delay(max_delay)
            .map_err(|error| at(fields, error)),
        None => Ok(bucket),
    }
}

fn quota(fields: &mut Fields<'_>) -> Result<Quota, BadRequest> {
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

fn concurrency(fields: &mut Fields<'_>) -> Result<Concurrency, BadRequest> {
    let limit = most(fields, Concurrency::MAX_SLOTS)?;
    let ttl = span(fields, "ttl")?;
    let ttl = fields.required("ttl", ttl)?;
    Concurrency::new(limit, ttl).map_err(|error| at(fields, error))
}
