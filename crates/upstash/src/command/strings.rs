//! Commands on byte strings and counters.

use super::arguments::{expiry_after, expiry_option, integer, is_word};
use crate::bounds::MAX_STRING;
use crate::error::RedisError;
use crate::keyspace::{Expiry, Keyspace};
use crate::reply::Reply;
use crate::values::bytes::Bytes;
use crate::values::extended::Extended;
use crate::values::number::{integer_text, parse_integer};
use crate::values::value::Value;

type Answer = Result<Reply, RedisError>;

pub(crate) fn get(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    Ok(Reply::bulk_or_nil(keyspace.string(&arguments[1])?))
}

/// A key that holds something else than a string reads as nil.
pub(crate) fn mget(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    let values = arguments[1..].iter().map(|key| match keyspace.string(key) {
        Err(RedisError::WrongType) => Ok(Reply::Nil),
        value => value.map(Reply::bulk_or_nil),
    });
    values.collect::<Result<_, _>>().map(Reply::Array)
}

pub(crate) fn strlen(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    Ok(Reply::count(
        keyspace.string(&arguments[1])?.map_or(0, |text| text.len()),
    ))
}

pub(crate) fn append(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    let key = &arguments[1];
    let old = keyspace.string(key)?.map_or(&[][..], |old| old);
    if old.len() + arguments[2].len() > MAX_STRING {
        return Err(RedisError::LongString);
    }
    let new = [old, &arguments[2]].concat();
    // Copying takes far less than comparing, byte by byte.
    keyspace.meter().look_at_bytes(new.len() / 16);
    keyspace.meter().check()?;
    put(keyspace, key, &new, Expiry::Keep)?;
    Ok(Reply::count(new.len()))
}

fn put(
    keyspace: &mut Keyspace,
    key: &[u8],
    value: &[u8],
    expiry: Expiry,
) -> Result<(), RedisError> {
    keyspace.put(key, Value::String(value.into()), expiry)
}

/// The options of `SET`.
struct SetOptions {
    expiry: Option<Expiry>,
    only_if: Option<bool>,
    get: bool,
}

fn set_options(keyspace: &Keyspace, arguments: &[Vec<u8>]) -> Result<SetOptions, RedisError> {
    let mut options = SetOptions {
        expiry: None,
        only_if: None,
        get: false,
    };
    let mut words = arguments[3..].iter();
    // The expiry is judged after the syntax, as Redis does.
    let mut time = None;
    while let Some(word) = words.next() {
        let condition = [("NX", false), ("XX", true)]
            .into_iter()
            .find(|(name, _)| is_word(word, name));
        if let Some((_, exists)) = condition {
            if options.only_if.is_some_and(|other| other != exists) {
                return Err(RedisError::Syntax);
            }
            options.only_if = Some(exists);
        } else if is_word(word, "GET") {
            options.get = true;
        } else if options.expiry.is_some() {
            return Err(RedisError::Syntax);
        } else if is_word(word, "KEEPTTL") {
            options.expiry = Some(Expiry::Keep);
        } else {
            let (unit, relative) = expiry_option(word).ok_or(RedisError::Syntax)?;
            time = Some((words.next().ok_or(RedisError::Syntax)?, unit, relative));
            options.expiry = Some(Expiry::Never);
        }
    }
    if let Some((argument, unit, relative)) = time {
        options.expiry = Some(Expiry::At(expiry_after(
            keyspace, argument, unit, relative,
        )?));
    }
    Ok(options)
}

pub(crate) fn set(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    let options = set_options(keyspace, arguments)?;
    let key = &arguments[1];
    let old = if options.get {
        get(keyspace, arguments)?
    } else {
        Reply::Nil
    };
    let exists = keyspace.value(key)?.is_some();
    if options.only_if.is_some_and(|wanted| wanted != exists) {
        return Ok(old);
    }
    put(
        keyspace,
        key,
        &arguments[2],
        options.expiry.unwrap_or(Expiry::Never),
    )?;
    Ok(if options.get { old } else { Reply::ok() })
}

fn set_with_expiry(keyspace: &mut Keyspace, arguments: &[Vec<u8>], unit: i64) -> Answer {
    let time = expiry_after(keyspace, &arguments[2], unit, true)?;
    put(keyspace, &arguments[1], &arguments[3], Expiry::At(time))?;
    Ok(Reply::ok())
}

pub(crate) fn setex(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    set_with_expiry(keyspace, arguments, 1000)
}

pub(crate) fn psetex(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    set_with_expiry(keyspace, arguments, 1)
}

pub(crate) fn setnx(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    let absent = keyspace.value(&arguments[1])?.is_none();
    if absent {
        put(keyspace, &arguments[1], &arguments[2], Expiry::Never)?;
    }
    Ok(Reply::flag(absent))
}

pub(crate) fn getset(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    let old = get(keyspace, arguments)?;
    put(keyspace, &arguments[1], &arguments[2], Expiry::Never)?;
    Ok(old)
}

pub(crate) fn getdel(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    let old = get(keyspace, arguments)?;
    keyspace.remove(&arguments[1])?;
    Ok(old)
}

pub(crate) fn getex(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    let key = &arguments[1];
    let expiry = match &arguments[2..] {
        [] => None,
        [word] if is_word(word, "PERSIST") => Some(Expiry::Never),
        [word, time] => {
            let (unit, relative) = expiry_option(word).ok_or(RedisError::Syntax)?;
            // Redis looks at the key before it looks at the time.
            if keyspace.string(key)?.is_none() {
                return Ok(Reply::Nil);
            }
            Some(Expiry::At(expiry_after(keyspace, time, unit, relative)?))
        }
        _ => return Err(RedisError::Syntax),
    };
    let value = get(keyspace, arguments)?;
    match expiry {
        Some(Expiry::At(time)) => {
            keyspace.expire_at(key, time)?;
        }
        Some(_) => {
            keyspace.persist(key)?;
        }
        None => {}
    }
    Ok(value)
}

pub(crate) fn mset(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    if arguments.len().is_multiple_of(2) {
        return Err(RedisError::Arity);
    }
    for pair in arguments[1..].chunks_exact(2) {
        put(keyspace, &pair[0], &pair[1], Expiry::Never)?;
    }
    Ok(Reply::ok())
}

/// What a counter would hold after adding, without changing it.
pub(crate) fn sum(keyspace: &mut Keyspace, key: &[u8], increment: i64) -> Result<i64, RedisError> {
    let value = match keyspace.string(key)? {
        Some(text) => parse_integer(text).ok_or(RedisError::NotAnInteger)?,
        None => 0,
    };
    value.checked_add(increment).ok_or(RedisError::Overflow)
}

fn add(keyspace: &mut Keyspace, key: &[u8], increment: i64) -> Answer {
    let value = sum(keyspace, key, increment)?;
    put(keyspace, key, &integer_text(value), Expiry::Keep)?;
    Ok(Reply::Integer(value))
}

pub(crate) fn incr(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    add(keyspace, &arguments[1], 1)
}

pub(crate) fn decr(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    add(keyspace, &arguments[1], -1)
}

pub(crate) fn incrby(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    add(keyspace, &arguments[1], integer(&arguments[2])?)
}

pub(crate) fn decrby(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    let decrement = integer(&arguments[2])?;
    let increment = decrement
        .checked_neg()
        .ok_or(RedisError::DecrementOverflow)?;
    add(keyspace, &arguments[1], increment)
}

/// Reads a float, which may be a long one; `None` when the text is none.
pub(super) fn float(keyspace: &Keyspace, text: &[u8]) -> Result<Option<Extended>, RedisError> {
    let meter = keyspace.meter();
    meter.read(text);
    meter.check()?;
    let float = Extended::parse(text);
    meter.look(float.map_or(0, Extended::looks));
    meter.check()?;
    Ok(float)
}

pub(crate) fn incrbyfloat(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    let key = &arguments[1];
    let stored = keyspace
        .string(key)?
        .map_or_else(|| b"0"[..].into(), Bytes::clone);
    let stored = float(keyspace, &stored)?.ok_or(RedisError::NotADouble)?;
    let increment = float(keyspace, &arguments[2])?.ok_or(RedisError::NotADouble)?;
    let sum = stored.plus(increment).ok_or(RedisError::NotFinite)?.text();
    put(keyspace, key, &sum, Expiry::Keep)?;
    Ok(Reply::bulk(sum))
}
