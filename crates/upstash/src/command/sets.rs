//! Commands on sets.

use super::arguments::integer;
use crate::error::RedisError;
use crate::keyspace::{Expiry, Keyspace};
use crate::reply::Reply;
use crate::values::bytes::Bytes;
use crate::values::table::Table;
use crate::values::value::{Kind, Value};

type Answer = Result<Reply, RedisError>;

/// The longest list that `SRANDMEMBER` with repetition answers; Redis allows more, but an answer
/// has to fit into memory.
const MAX_REPEATED: i64 = 1 << 16;

pub(crate) fn sadd(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    let nothing = Bytes::default();
    let mut new = 0;
    for member in &arguments[2..] {
        new += usize::from(keyspace.insert(Kind::Set, &arguments[1], member, nothing.clone())?);
    }
    Ok(Reply::count(new))
}

/// Takes members out of a hash, set or sorted set; answers how many were there.
pub(super) fn remove_all(keyspace: &mut Keyspace, kind: Kind, arguments: &[Vec<u8>]) -> Answer {
    let mut removed = 0;
    for member in &arguments[2..] {
        removed += usize::from(keyspace.take(kind, &arguments[1], member)?);
    }
    Ok(Reply::count(removed))
}

pub(crate) fn srem(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    remove_all(keyspace, Kind::Set, arguments)
}

pub(crate) fn scard(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    Ok(Reply::count(
        keyspace
            .table(Kind::Set, &arguments[1])?
            .map_or(0, Table::len),
    ))
}

/// Every member of a set; empty when there is none.
pub(crate) fn members(keyspace: &mut Keyspace, key: &[u8]) -> Result<Vec<Bytes>, RedisError> {
    let table = keyspace.table(Kind::Set, key)?;
    Ok(table
        .into_iter()
        .flat_map(Table::iter)
        .map(|item| item.field.clone())
        .collect())
}

pub(crate) fn smembers(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    Ok(Reply::bulks(members(keyspace, &arguments[1])?))
}

pub(crate) fn sismember(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    let table = keyspace.table(Kind::Set, &arguments[1])?;
    Ok(Reply::flag(
        table.is_some_and(|table| table.get(&arguments[2]).is_some()),
    ))
}

/// For each of `wanted` whether the set has it.
pub(crate) fn has_each(keyspace: &mut Keyspace, key: &[u8], wanted: &[Vec<u8>]) -> Answer {
    let table = keyspace.table(Kind::Set, key)?;
    let has =
        |member: &Vec<u8>| Reply::flag(table.is_some_and(|table| table.get(member).is_some()));
    Ok(Reply::Array(wanted.iter().map(has).collect()))
}

pub(crate) fn smismember(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    has_each(keyspace, &arguments[1], &arguments[2..])
}

/// Without a count one member or nil; with a positive count distinct members, with a negative one
/// members that may repeat.
pub(crate) fn srandmember(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    let count = match &arguments[2..] {
        [] => None,
        [count] => Some(integer(count)?),
        _ => return Err(RedisError::Syntax),
    };
    let mut members = members(keyspace, &arguments[1])?;
    if members.is_empty() {
        return Ok(if count.is_some() {
            Reply::Array(vec![])
        } else {
            Reply::Nil
        });
    }
    match count {
        None => {
            let at = keyspace.random_below(members.len());
            Ok(Reply::bulk(members.swap_remove(at)))
        }
        Some(count) if count >= 0 => {
            let count = members
                .len()
                .min(usize::try_from(count).unwrap_or(usize::MAX));
            for at in 0..count {
                let other = at + keyspace.random_below(members.len() - at);
                members.swap(at, other);
            }
            members.truncate(count);
            Ok(Reply::bulks(members))
        }
        Some(count) if count >= -MAX_REPEATED => {
            let pick = |_| members[keyspace.random_below(members.len())].clone();
            Ok(Reply::bulks((0..-count).map(pick)))
        }
        Some(_) => Err(RedisError::OutOfRange),
    }
}

/// Sets a key to these members, or deletes it when there are none; answers how many.
pub(crate) fn store_set(keyspace: &mut Keyspace, key: &[u8], table: Table) -> Answer {
    let count = table.len();
    if count == 0 {
        keyspace.remove(key)?;
    } else {
        keyspace.put(key, Value::Table(Kind::Set, table), Expiry::Never)?;
    }
    Ok(Reply::count(count))
}

pub(crate) fn sunionstore(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    let nothing = Bytes::default();
    let mut union = Table::new(keyspace.meter());
    for key in &arguments[2..] {
        for member in members(keyspace, key)? {
            union.insert(member, nothing.clone());
        }
    }
    keyspace.meter().check()?;
    store_set(keyspace, &arguments[1], union)
}

pub(crate) fn sdiffstore(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    let meter = keyspace.meter().clone();
    let mut difference = keyspace
        .table(Kind::Set, &arguments[2])?
        .map_or_else(|| Table::new(&meter), Table::copy);
    for key in &arguments[3..] {
        for item in keyspace
            .table(Kind::Set, key)?
            .into_iter()
            .flat_map(Table::iter)
        {
            difference.remove(&item.field);
        }
    }
    meter.check()?;
    store_set(keyspace, &arguments[1], difference)
}
