//! Fixed and sliding windows counted in plain integers.

use super::call::Call;
use super::lua::{
    argument, as_argument, integer, integers, number, passed, present, text, to_number,
};
use crate::command::arguments::{expiry_after_now, integer as strict_integer};
use crate::command::strings::sum;
use crate::error::RedisError;
use crate::keyspace::{Expiry, Keyspace};
use crate::reply::Reply;
use crate::values::number::integer_text;
use crate::values::value::Value;

type Answer = Result<Reply, RedisError>;

/// How a release's fixed window differs from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fixed {
    /// Whether a limit comes first, can be replaced by a dynamic one, and is answered.
    pub(super) limit: bool,
    /// Whether the increment is an argument.
    pub(super) rate: bool,
}

/// Counts a call in the window. Whether it is one too many is for the client to see.
pub(super) fn fixed(call: &mut Call<'_>, kind: &Fixed) -> Answer {
    let first = usize::from(kind.limit);
    let effective = if kind.limit { call.limit(1, 0)? } else { None };
    let increment = if kind.rate {
        strict_integer(text(call.arguments, first + 1)?)?
    } else {
        1
    };
    let key = call.key(0)?;
    let count = increase(call.keyspace, key, increment, || {
        text(call.arguments, first)
    })?;
    Ok(if kind.limit {
        integers(&[Some(count), effective])
    } else {
        integer(count)
    })
}

/// Adds to a counter, which begins to expire when it then equals the increment; all is judged
/// before anything is changed.
fn increase<'a>(
    keyspace: &mut Keyspace,
    key: &[u8],
    increment: i64,
    ttl: impl FnOnce() -> Result<&'a [u8], RedisError>,
) -> Result<f64, RedisError> {
    let exact = sum(keyspace, key, increment)?;
    // Lua holds every number as a double.
    let count = exact as f64;
    let expiry = match count == increment as f64 {
        true => Expiry::At(expiry_after_now(keyspace, ttl()?)?),
        false => Expiry::Keep,
    };
    keyspace.put(key, Value::String(integer_text(exact).into()), expiry)?;
    Ok(count)
}

/// The counter as it is stored, or 0.
pub(super) fn fixed_used(call: &mut Call<'_>) -> Answer {
    let key = call.key(0)?;
    Ok(match call.keyspace.string(key)? {
        Some(value) => Reply::Bulk(value.clone()),
        None => Reply::Integer(0),
    })
}

/// What is left of the limit, and the limit.
pub(super) fn fixed_remaining(call: &mut Call<'_>) -> Answer {
    let effective = call.limit(1, 0)?;
    let key = call.key(0)?;
    let used = call.keyspace.string(key)?;
    let used = used.map_or(Some(0.0), |used| to_number(used));
    let remaining = present(effective)? - present(used)?;
    Ok(integers(&[Some(remaining), effective]))
}

/// How a release's sliding window differs from the others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sliding {
    /// What an absent current window counts as.
    pub(super) absent: f64,
    /// What a rejected call is answered.
    pub(super) rejected: f64,
    /// Whether the previous window's share is rounded down, and taken off what remains.
    pub(super) floored: bool,
    /// How the increment is given.
    pub(super) rate: Rate,
    /// Whether the limit can be replaced by a dynamic one, and is answered.
    pub(super) dynamic: bool,
}

/// How the increment is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rate {
    /// Always 1.
    One,
    /// As text.
    Text,
    /// As a number; one that is not positive is a refund and never rejected.
    Number,
}

/// The counters of both windows; `absent` for a current one that is not there.
fn counters(call: &mut Call<'_>, absent: f64) -> Result<(f64, f64), RedisError> {
    let (current, previous) = (call.key(0)?, call.key(1)?);
    let mut count = |key, absent| {
        let stored = call.keyspace.string(key)?;
        Ok(stored.map(|text| number(text)).unwrap_or(Ok(absent)))
    };
    let (current, previous) = (count(current, absent)?, count(previous, 0.0)?);
    Ok((current?, previous?))
}

/// Decides over the current window and the share of the previous one that is still in sight, and
/// counts an accepted call.
pub(super) fn sliding(call: &mut Call<'_>, kind: &Sliding) -> Answer {
    let limit = if kind.dynamic {
        call.limit(2, 0)?
    } else {
        to_number(text(call.arguments, 0)?)
    };
    let (current, previous) = counters(call, kind.absent)?;
    let now = argument(call.arguments, 1)?;
    let window = argument(call.arguments, 2)?;
    let mut share = previous * (1.0 - passed(now, window));
    if kind.floored {
        share = share.floor();
    }
    // Only the form with refunds looks at the rate before it decides.
    let rate = match kind.rate {
        Rate::Number => Some(argument(call.arguments, 3)?),
        _ => None,
    };
    let refund = rate.is_some_and(|rate| rate <= 0.0 || rate.is_nan());
    let limit = present(limit)?;
    let answer = |remaining: f64| match kind.dynamic {
        true => integers(&[Some(remaining), Some(limit)]),
        false => integer(remaining),
    };
    if !refund && share + current >= limit {
        return Ok(answer(kind.rejected));
    }
    let increment = match (kind.rate, rate) {
        (Rate::One, _) => 1,
        (_, Some(rate)) => strict_integer(&as_argument(rate))?,
        (_, None) => strict_integer(text(call.arguments, 3)?)?,
    };
    // Long enough to overlap with the next window, and a second more.
    let ttl = as_argument(window * 2.0 + 1000.0);
    let key = call.key(0)?;
    let count = increase(call.keyspace, key, increment, || Ok(&ttl))?;
    Ok(answer(
        limit - (count + if kind.floored { share } else { 0.0 }),
    ))
}

/// What both windows count now.
pub(super) fn sliding_used(call: &mut Call<'_>) -> Answer {
    used(call, 0).map(integer)
}

/// What is left of the limit, and the limit.
pub(super) fn sliding_remaining(call: &mut Call<'_>) -> Answer {
    let limit = call.limit(2, 0)?;
    let used = used(call, 1)?;
    Ok(integers(&[Some(present(limit)? - used), limit]))
}

/// What both windows count; the time and the window stand at `first` and behind it.
fn used(call: &mut Call<'_>, first: usize) -> Result<f64, RedisError> {
    let (current, previous) = counters(call, 0.0)?;
    let passed = passed(
        argument(call.arguments, first)?,
        argument(call.arguments, first + 1)?,
    );
    Ok(((1.0 - passed) * previous).floor() + current)
}
