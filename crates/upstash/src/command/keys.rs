//! Commands on keys of any type: existence and expiry.

use super::arguments::{instant, is_word};
use crate::error::RedisError;
use crate::key::is_analytics_bucket;
use crate::keyspace::Keyspace;
use crate::reply::Reply;
use crate::values::value::Kind;

type Answer = Result<Reply, RedisError>;

/// How long the hourly buckets of the SDK's analytics are kept. The SDK never gives them a TTL; its
/// dashboard looks back 90 days.
const ANALYTICS_KEPT: i64 = 90 * 24 * 3600 * 1000;

fn count(keys: &[Vec<u8>], mut counts: impl FnMut(&[u8]) -> Result<bool, RedisError>) -> Answer {
    keys.iter()
        .try_fold(0, |sum, key| Ok(sum + usize::from(counts(key)?)))
        .map(Reply::count)
}

pub(crate) fn del(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    count(&arguments[1..], |key| keyspace.remove(key))
}

pub(crate) fn exists(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    count(&arguments[1..], |key| Ok(keyspace.kind(key)?.is_some()))
}

pub(crate) fn type_name(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    let kind = keyspace.kind(&arguments[1])?;
    Ok(Reply::status(kind.map_or("none", Kind::name)))
}

/// Milliseconds to live; -1 for ever, -2 for no such key.
pub(crate) fn milliseconds_to_live(keyspace: &mut Keyspace, key: &[u8]) -> Result<i64, RedisError> {
    let now = keyspace.now();
    Ok(match keyspace.expires(key)? {
        None => -2,
        Some(None) => -1,
        Some(Some(time)) => time - now,
    })
}

/// Seconds to live, rounded to the nearest; -1 for ever, -2 for no such key.
pub(crate) fn seconds_to_live(keyspace: &mut Keyspace, key: &[u8]) -> Result<i64, RedisError> {
    let remaining = milliseconds_to_live(keyspace, key)?;
    Ok(if remaining < 0 {
        remaining
    } else {
        (remaining + 500) / 1000
    })
}

pub(crate) fn ttl(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    seconds_to_live(keyspace, &arguments[1]).map(Reply::Integer)
}

pub(crate) fn pttl(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    milliseconds_to_live(keyspace, &arguments[1]).map(Reply::Integer)
}

/// The conditions of `EXPIRE`.
#[derive(Default)]
struct Conditions {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
}

fn conditions(words: &[Vec<u8>]) -> Result<Conditions, RedisError> {
    let mut found = Conditions::default();
    for word in words {
        let flag = match () {
            () if is_word(word, "NX") => &mut found.nx,
            () if is_word(word, "XX") => &mut found.xx,
            () if is_word(word, "GT") => &mut found.gt,
            () if is_word(word, "LT") => &mut found.lt,
            () => return Err(RedisError::UnsupportedOption),
        };
        *flag = true;
    }
    if found.nx && (found.xx || found.gt || found.lt) {
        return Err(RedisError::ExpireNxAlone);
    }
    if found.gt && found.lt {
        return Err(RedisError::ExpireGtOrLt);
    }
    Ok(found)
}

fn set_expiry(keyspace: &mut Keyspace, arguments: &[Vec<u8>], unit: i64, relative: bool) -> Answer {
    let wanted = conditions(&arguments[3..])?;
    let time = instant(keyspace, &arguments[2], unit, relative)?;
    let key = &arguments[1];
    let Some(current) = keyspace.expires(key)? else {
        return Ok(Reply::flag(false));
    };
    // A key that lasts for ever counts as expiring later than any other.
    let refused = wanted.nx && current.is_some()
        || wanted.xx && current.is_none()
        || wanted.gt && current.is_none_or(|current| time <= current)
        || wanted.lt && current.is_some_and(|current| time >= current);
    if !refused {
        keyspace.expire_at(key, time)?;
    }
    Ok(Reply::flag(!refused))
}

pub(crate) fn expire(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    set_expiry(keyspace, arguments, 1000, true)
}

pub(crate) fn pexpire(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    set_expiry(keyspace, arguments, 1, true)
}

pub(crate) fn expireat(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    set_expiry(keyspace, arguments, 1000, false)
}

pub(crate) fn pexpireat(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    set_expiry(keyspace, arguments, 1, false)
}

pub(crate) fn persist(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    keyspace.persist(&arguments[1]).map(Reply::flag)
}

/// Gives a new bucket of the SDK's analytics (`<prefix>:events:<ms>`) the TTL that the SDK forgets.
pub(super) fn expire_analytics(keyspace: &mut Keyspace, key: &[u8]) -> Result<(), RedisError> {
    if is_analytics_bucket(key) {
        keyspace.expire_at(key, keyspace.now() + ANALYTICS_KEPT)?;
    }
    Ok(())
}
