//! Token buckets, kept as a hash of the time of the last refill and the tokens.

use super::call::Call;
use super::lua::{argument, as_argument, integer_or_nil, integers, min, present, to_number};
use crate::command::arguments::expiry_after_now;
use crate::error::RedisError;
use crate::keyspace::Keyspace;
use crate::reply::Reply;
use crate::values::value::Kind;

type Answer = Result<Reply, RedisError>;

/// The field that every release calls alike.
const TOKENS: &[u8] = b"tokens";

/// A number that `tonumber` may have left nil.
type Number = Option<f64>;

/// The two fields of a bucket; `None` when the first is not there.
fn read(
    keyspace: &mut Keyspace,
    key: &[u8],
    time: &str,
) -> Result<Option<(Number, Number)>, RedisError> {
    let Some(table) = keyspace.table(Kind::Hash, key)? else {
        return Ok(None);
    };
    let tokens = table.get(TOKENS).and_then(|tokens| to_number(tokens));
    Ok(table
        .get(time.as_bytes())
        .map(|time| (to_number(time), tokens)))
}

fn write(
    keyspace: &mut Keyspace,
    key: &[u8],
    time: Option<(&str, f64)>,
    tokens: f64,
) -> Result<(), RedisError> {
    if let Some((field, time)) = time {
        keyspace.insert(Kind::Hash, key, field.as_bytes(), as_argument(time))?;
    }
    keyspace
        .insert(Kind::Hash, key, TOKENS, as_argument(tokens))
        .map(|_| ())
}

/// When a call is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reject {
    /// With no token left.
    Empty,
    /// With no token left, but never a refund.
    EmptyConsuming,
    /// With fewer tokens than wanted, but never a refund.
    ShortConsuming,
    /// With fewer tokens than wanted.
    Short,
}

/// How a release's bucket differs from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bucket {
    /// The field with the time of the last refill.
    pub(super) time: &'static str,
    /// Whether the increment is an argument; else 1.
    pub(super) rate: bool,
    /// When a call is rejected.
    pub(super) reject: Reject,
    /// Whether an expiry that is not positive leaves the old one.
    pub(super) keep_expiry: bool,
    /// Whether the limit can be replaced by a dynamic one, and is answered.
    pub(super) dynamic: bool,
}

/// Refills in whole intervals, then takes the tokens.
pub(super) fn bucket(call: &mut Call<'_>, kind: &Bucket) -> Answer {
    let first = usize::from(kind.dynamic);
    let limit = if kind.dynamic {
        call.limit(1, 0)?
    } else {
        call.arguments.first().and_then(|text| to_number(text))
    };
    let key = call.key(0)?;
    let stored = read(call.keyspace, key, kind.time)?;
    let increment = if kind.rate {
        call.arguments.get(4).and_then(|text| to_number(text))
    } else {
        Some(1.0)
    };
    let interval = argument(call.arguments, 1)?;
    let refill = call.arguments.get(2).and_then(|text| to_number(text));
    let now = argument(call.arguments, 3)?;
    let (refilled, mut tokens) = stored.unwrap_or((Some(now), limit));
    let mut refilled = present(refilled)?;
    if now >= refilled + interval {
        let refills = ((now - refilled) / interval).floor();
        tokens = Some(min(
            present(limit)?,
            present(tokens)? + refills * present(refill)?,
        ));
        refilled += refills * interval;
    }
    let answer = |remaining: f64| match first {
        0 => integers(&[Some(remaining), Some(refilled + interval)]),
        _ => integers(&[Some(remaining), Some(refilled + interval), limit]),
    };
    let rejected = match kind.reject {
        Reject::Empty => tokens == Some(0.0),
        Reject::EmptyConsuming => tokens == Some(0.0) && present(increment)? > 0.0,
        Reject::ShortConsuming => {
            present(increment)? > 0.0 && present(tokens)? < present(increment)?
        }
        Reject::Short => present(tokens)? < present(increment)?,
    };
    if rejected {
        return Ok(answer(-1.0));
    }
    let remaining = present(tokens)? - present(increment)?;
    let expiry = ((present(limit)? - remaining) / present(refill)?).ceil() * interval;
    let expiry = match kind.keep_expiry && (expiry <= 0.0 || expiry.is_nan()) {
        true => None,
        false => Some(expiry_after_now(call.keyspace, &as_argument(expiry))?),
    };
    write(call.keyspace, key, Some((kind.time, refilled)), remaining)?;
    if let Some(time) = expiry {
        call.keyspace.expire_at(key, time)?;
    }
    Ok(answer(remaining))
}

/// The three forms from before whole intervals were counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Early {
    /// One refill at most; every accepted call moves the time.
    Moving,
    /// One refill at most, and only a refill moves the time; tokens go below zero.
    Anchored,
    /// Python's: whole intervals, tokens go below zero, no expiry.
    Grid,
}

/// An early bucket: takes one token always.
pub(super) fn early(call: &mut Call<'_>, kind: Early) -> Answer {
    let field = if kind == Early::Grid {
        "updated_at"
    } else {
        "updatedAt"
    };
    let key = call.key(0)?;
    let stored = read(call.keyspace, key, field)?;
    // Some paths do without these, and then do not mind when they are no numbers.
    let limit = call.arguments.first().and_then(|text| to_number(text));
    let refill = call.arguments.get(2).and_then(|text| to_number(text));
    let interval = argument(call.arguments, 1)?;
    let now = argument(call.arguments, 3)?;
    let refills_to_full = |remaining: f64| Some(((limit? - remaining) / refill?).ceil());
    let Some((updated, tokens)) = stored else {
        let expiry = match kind {
            Early::Grid => None,
            _ => Some(expiry_after_now(call.keyspace, &as_argument(interval))?),
        };
        let remaining = present(limit)? - 1.0;
        write(call.keyspace, key, Some((field, now)), remaining)?;
        match expiry {
            Some(time) => drop(call.keyspace.expire_at(key, time)?),
            None => forget_when_full(call.keyspace, key, refills_to_full(remaining), interval)?,
        }
        return Ok(integers(&[Some(remaining), Some(now + interval)]));
    };
    let (updated, tokens) = (present(updated)?, present(tokens)?);
    if now >= updated + interval {
        let (refills, time) = match kind {
            Early::Grid => {
                let refills = ((now - updated) / interval).floor();
                (refills, updated + refills * interval)
            }
            _ => (1.0, now),
        };
        let debt_forgiven = kind != Early::Moving && tokens <= 0.0;
        let full = refills * present(refill)? + if debt_forgiven { 0.0 } else { tokens };
        let remaining = min(present(limit)?, full) - 1.0;
        write(call.keyspace, key, Some((field, time)), remaining)?;
        if kind == Early::Grid {
            forget_when_full(call.keyspace, key, refills_to_full(remaining), interval)?;
        }
        return Ok(integers(&[Some(remaining), Some(time + interval)]));
    }
    let mut remaining = tokens - 1.0;
    match kind {
        Early::Moving if tokens > 0.0 => write(call.keyspace, key, Some((field, now)), remaining)?,
        Early::Moving => remaining = 0.0,
        _ => write(call.keyspace, key, None, remaining)?,
    }
    if kind == Early::Grid {
        forget_when_full(call.keyspace, key, refills_to_full(remaining), interval)?;
    }
    Ok(integers(&[Some(remaining), Some(updated + interval)]))
}

/// Gives a bucket, whose release forgot to, the expiry of later releases: when it is full again.
/// Numbers that make no such time leave it as it is.
fn forget_when_full(
    keyspace: &mut Keyspace,
    key: &[u8],
    refills: Number,
    interval: f64,
) -> Result<(), RedisError> {
    let expiry = refills.map_or(0.0, |refills| refills * interval);
    if expiry > 0.0 {
        if let Ok(time) = expiry_after_now(keyspace, &as_argument(expiry)) {
            keyspace.expire_at(key, time)?;
        }
    }
    Ok(())
}

/// What a release answers about a bucket without touching it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// The tokens.
    Tokens,
    /// The tokens and the time of the last refill.
    Both,
    /// The same and the limit, which a dynamic one may replace.
    Limit,
}

/// The stored tokens, refill not counted; the limit when there is no bucket.
pub(super) fn look(call: &mut Call<'_>, kind: Look) -> Answer {
    let limit = match kind {
        Look::Limit => call.limit(1, 0)?,
        _ => call.arguments.first().and_then(|text| to_number(text)),
    };
    let key = call.key(0)?;
    if kind == Look::Tokens {
        let table = call.keyspace.table(Kind::Hash, key)?;
        let tokens = table.and_then(|table| table.get(TOKENS));
        return Ok(integer_or_nil(
            tokens.map_or(limit, |tokens| to_number(tokens)),
        ));
    }
    let (refilled, tokens) = read(call.keyspace, key, "refilledAt")?.unwrap_or((Some(-1.0), limit));
    Ok(match kind {
        Look::Limit => integers(&[tokens, refilled, limit]),
        _ => integers(&[tokens, refilled]),
    })
}
