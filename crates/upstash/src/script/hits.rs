//! Counters of hits that begin to expire with their first: the stores of the rate limiters for
//! Express, Hono and Fastify.

use super::call::Call;
use super::lua::{as_argument, integers, min, present, to_number};
use crate::command::arguments::{expiry_after_now, positive_expiry_after_now};
use crate::command::keys::milliseconds_to_live;
use crate::command::strings::sum;
use crate::error::RedisError;
use crate::keyspace::{Expiry, Keyspace};
use crate::reply::Reply;
use crate::values::number::integer_text;
use crate::values::value::Value;

type Answer = Result<Reply, RedisError>;

/// The longest time that backing off comes to, ms: the largest whole number that JavaScript holds
/// exactly.
const MAX_BACKOFF: f64 = 9_007_199_254_740_991.0;

/// How a release counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hits {
    /// Whether a first argument, when it is `1`, lets every hit begin the window anew.
    pub(super) renewable: bool,
    /// Whether a key that does not expire is replaced, whatever it holds; else it is counted on and
    /// begins to expire.
    pub(super) replaces: bool,
}

/// Counts a hit; answers the hits of the window and the milliseconds that it lasts.
pub(super) fn count(call: &mut Call<'_>, kind: &Hits) -> Answer {
    let key = call.key(0)?;
    let window = numeric(call, usize::from(kind.renewable));
    let renews = kind.renewable && is(call, 0, b"1");
    let left = milliseconds_to_live(call.keyspace, key)?;
    if kind.replaces && left <= 0 {
        let time = positive_expiry_after_now(call.keyspace, &handed(window)?)?;
        put(call.keyspace, key, 1, Expiry::At(time))?;
        return Ok(integers(&[Some(1.0), window]));
    }
    let hits = sum(call.keyspace, key, 1)?;
    if left > 0 && !renews {
        put(call.keyspace, key, hits, Expiry::Keep)?;
        return Ok(integers(&[Some(hits as f64), Some(left as f64)]));
    }
    let time = expiry_after_now(call.keyspace, &handed(window)?)?;
    put(call.keyspace, key, hits, Expiry::At(time))?;
    Ok(integers(&[Some(hits as f64), window]))
}

/// The hits as they are stored, and the milliseconds left.
pub(super) fn read(call: &mut Call<'_>) -> Answer {
    let key = call.key(0)?;
    let hits = Reply::bulk_or_nil(call.keyspace.string(key)?);
    let left = milliseconds_to_live(call.keyspace, key)?;
    Ok(Reply::Array(vec![hits, Reply::Integer(left)]))
}

/// Takes one hit back, if there is any.
pub(super) fn take_back(call: &mut Call<'_>) -> Answer {
    let key = call.key(0)?;
    let hits = call.keyspace.string(key)?.and_then(|hits| to_number(hits));
    if hits.is_some_and(|hits| hits > 0.0) {
        let hits = sum(call.keyspace, key, -1)?;
        put(call.keyspace, key, hits, Expiry::Keep)?;
    }
    Ok(Reply::Nil)
}

/// Counts a hit. Above the limit each one may begin the window anew, or double what it lasts.
pub(super) fn count_with_backoff(call: &mut Call<'_>) -> Answer {
    let key = call.key(0)?;
    let (window, limit) = (numeric(call, 0), numeric(call, 1));
    let hits = sum(call.keyspace, key, 1)?;
    let current = hits as f64;
    let exceeds = || present(limit).map(|limit| current > limit);
    let begins = current == 1.0 || is(call, 2, b"true") && exceeds()?;
    let lasts = if begins {
        window.ok_or(RedisError::ScriptArgument)?
    } else if is(call, 3, b"true") && exceeds()? {
        let doublings = current - present(limit)? - 1.0;
        min(present(window)? * two_to(doublings), MAX_BACKOFF)
    } else {
        let left = milliseconds_to_live(call.keyspace, key)?;
        put(call.keyspace, key, hits, Expiry::Keep)?;
        return Ok(integers(&[Some(current), Some(left as f64)]));
    };
    let time = expiry_after_now(call.keyspace, &as_argument(lasts))?;
    put(call.keyspace, key, hits, Expiry::At(time))?;
    Ok(integers(&[Some(current), Some(lasts)]))
}

/// The hits and the milliseconds left; 0 where there are none.
pub(super) fn read_with_backoff(call: &mut Call<'_>) -> Answer {
    let key = call.key(0)?;
    let Some(hits) = call.keyspace.string(key)? else {
        return Ok(integers(&[Some(0.0), Some(0.0)]));
    };
    let hits = to_number(hits);
    let left = milliseconds_to_live(call.keyspace, key)?.max(0);
    Ok(integers(&[hits, Some(left as f64)]))
}

fn put(keyspace: &mut Keyspace, key: &[u8], hits: i64, expiry: Expiry) -> Result<(), RedisError> {
    keyspace.put(key, Value::String(integer_text(hits).into()), expiry)
}

/// `tonumber` of an argument.
fn numeric(call: &Call<'_>, at: usize) -> Option<f64> {
    call.arguments.get(at).and_then(|text| to_number(text))
}

fn is(call: &Call<'_>, at: usize, word: &[u8]) -> bool {
    call.arguments.get(at).is_some_and(|text| text == word)
}

/// A number, or the nil of `tonumber`, handed to a command.
fn handed(value: Option<f64>) -> Result<Vec<u8>, RedisError> {
    value.map(as_argument).ok_or(RedisError::ScriptArgument)
}

/// 2 to a power above -1; exact for whole powers.
fn two_to(power: f64) -> f64 {
    if power >= 1024.0 {
        return f64::INFINITY;
    }
    let whole = power.floor();
    let rest = (power - whole) * std::f64::consts::LN_2;
    // The series of the exponential function; below 0.7 its terms vanish soon.
    let (mut sum, mut term) = (1.0, 1.0);
    for number in 1..=20 {
        term *= rest / f64::from(number);
        sum += term;
    }
    let scale = f64::from_bits(((whole as i64 + 1023) as u64) << 52);
    sum * scale
}
