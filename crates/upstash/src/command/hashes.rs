//! Commands on hashes.

use super::arguments::integer;
use super::strings::float;
use crate::error::RedisError;
use crate::keyspace::Keyspace;
use crate::reply::Reply;
use crate::values::bytes::Bytes;
use crate::values::number::{integer_text, parse_integer};
use crate::values::table::Item;
use crate::values::value::Kind;

type Answer = Result<Reply, RedisError>;

fn field<'a>(
    keyspace: &'a mut Keyspace,
    key: &[u8],
    field: &[u8],
) -> Result<Option<&'a Bytes>, RedisError> {
    Ok(keyspace
        .table(Kind::Hash, key)?
        .and_then(|table| table.get(field)))
}

/// Sets fields and values in turn; answers how many fields are new.
fn set_all(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Result<usize, RedisError> {
    if arguments.len() % 2 == 1 {
        return Err(RedisError::Arity);
    }
    let mut new = 0;
    for pair in arguments[2..].chunks_exact(2) {
        new += usize::from(keyspace.insert(Kind::Hash, &arguments[1], &pair[0], &pair[1][..])?);
    }
    Ok(new)
}

pub(crate) fn hset(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    set_all(keyspace, arguments).map(Reply::count)
}

pub(crate) fn hmset(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    set_all(keyspace, arguments).map(|_| Reply::ok())
}

pub(crate) fn hsetnx(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    let absent = field(keyspace, &arguments[1], &arguments[2])?.is_none();
    if absent {
        set_all(keyspace, arguments)?;
    }
    Ok(Reply::flag(absent))
}

pub(crate) fn hget(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    Ok(Reply::bulk_or_nil(field(
        keyspace,
        &arguments[1],
        &arguments[2],
    )?))
}

pub(crate) fn hmget(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    let table = keyspace.table(Kind::Hash, &arguments[1])?;
    let value = |field: &Vec<u8>| Reply::bulk_or_nil(table.and_then(|table| table.get(field)));
    Ok(Reply::Array(arguments[2..].iter().map(value).collect()))
}

pub(crate) fn hexists(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    Ok(Reply::flag(
        field(keyspace, &arguments[1], &arguments[2])?.is_some(),
    ))
}

pub(crate) fn hlen(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    Ok(Reply::count(
        keyspace
            .table(Kind::Hash, &arguments[1])?
            .map_or(0, |table| table.len()),
    ))
}

/// All fields, with what `parts` takes of each.
fn collect(keyspace: &mut Keyspace, key: &[u8], parts: fn(&Item) -> Vec<&Bytes>) -> Answer {
    let table = keyspace.table(Kind::Hash, key)?;
    let items = table
        .into_iter()
        .flat_map(|table| table.iter())
        .flat_map(parts);
    Ok(Reply::bulks(items.cloned()))
}

/// Every field followed by its value.
pub(crate) fn all(keyspace: &mut Keyspace, key: &[u8]) -> Answer {
    collect(keyspace, key, |item| vec![&item.field, &item.value])
}

pub(crate) fn hgetall(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    all(keyspace, &arguments[1])
}

pub(crate) fn hkeys(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    collect(keyspace, &arguments[1], |item| vec![&item.field])
}

pub(crate) fn hvals(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    collect(keyspace, &arguments[1], |item| vec![&item.value])
}

pub(crate) fn hdel(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    super::sets::remove_all(keyspace, Kind::Hash, arguments)
}

pub(crate) fn hincrby(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    let increment = integer(&arguments[3])?;
    let key = &arguments[1];
    let new = keyspace.value(key)?.is_none();
    let value = match field(keyspace, key, &arguments[2])? {
        Some(text) => parse_integer(text).ok_or(RedisError::HashNotAnInteger)?,
        None => 0,
    };
    let value = value.checked_add(increment).ok_or(RedisError::Overflow)?;
    keyspace.insert(Kind::Hash, key, &arguments[2], integer_text(value))?;
    if new {
        super::keys::expire_analytics(keyspace, key)?;
    }
    Ok(Reply::Integer(value))
}

pub(crate) fn hincrbyfloat(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    let (key, name) = (&arguments[1], &arguments[2]);
    let increment = float(keyspace, &arguments[3])?.ok_or(RedisError::NotADouble)?;
    if increment.is_infinite() {
        return Err(RedisError::InfiniteIncrement);
    }
    let stored = field(keyspace, key, name)?.map_or_else(|| b"0"[..].into(), Bytes::clone);
    let stored = float(keyspace, &stored)?.ok_or(RedisError::HashNotAFloat)?;
    let sum = stored.plus(increment).ok_or(RedisError::NotFinite)?.text();
    keyspace.insert(Kind::Hash, key, name, sum.clone())?;
    Ok(Reply::bulk(sum))
}
