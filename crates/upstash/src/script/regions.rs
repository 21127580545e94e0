//! Windows of the multi-region limiters: the requests themselves are kept, as members of a set or
//! fields of a hash, so that the client can carry them from one region to the others.

use super::call::Call;
use super::lua::{argument, as_argument, integer, number, passed, present, text, to_number};
use crate::command::arguments::expiry_after_now;
use crate::command::hashes::all as hash_fields;
use crate::command::sets::members;
use crate::error::RedisError;
use crate::keyspace::Keyspace;
use crate::reply::Reply;
use crate::values::value::Kind;

type Answer = Result<Reply, RedisError>;

/// Adds a request to the window; answers all of them.
pub(super) fn fixed(call: &mut Call<'_>, kind: Kind) -> Answer {
    let key = call.key(0)?;
    let id = text(call.arguments, 0)?;
    let value = match kind {
        Kind::Set => Vec::new(),
        _ => as_argument(argument(call.arguments, 2)?),
    };
    let count = call.keyspace.table(kind, key)?.map_or(0, |table| {
        table.len() + usize::from(table.get(id).is_none())
    });
    let ttl = call.arguments.get(1).map_or(&[][..], |ttl| ttl);
    let alone = match kind {
        Kind::Set => vec![Reply::bulk(id)],
        _ => vec![Reply::bulk(id), Reply::bulk(&value[..])],
    };
    add(call.keyspace, kind, key, (id, value), count < 2, ttl)?;
    // A window of no length is gone at once, and is answered as it was.
    match call.keyspace.value(key)? {
        Some(_) => requests(call.keyspace, kind, key),
        None => Ok(Reply::Array(alone)),
    }
}

/// Adds a request. The first one makes the window expire; so does any other one where the copying
/// between regions, which sets no expiry, has made the window first. Everything is judged before
/// anything is changed.
fn add(
    keyspace: &mut Keyspace,
    kind: Kind,
    key: &[u8],
    (id, value): (&[u8], Vec<u8>),
    first: bool,
    ttl: &[u8],
) -> Result<(), RedisError> {
    let lasting = keyspace.expires(key)? == Some(None);
    let time = match expiry_after_now(keyspace, ttl) {
        Ok(time) => Some(time).filter(|time| first || lasting && *time > keyspace.now()),
        Err(error) if first => return Err(error),
        Err(_) => None,
    };
    keyspace.insert(kind, key, id, value)?;
    if let Some(time) = time {
        keyspace.expire_at(key, time)?;
    }
    Ok(())
}

fn requests(keyspace: &mut Keyspace, kind: Kind, key: &[u8]) -> Answer {
    match kind {
        Kind::Set => members(keyspace, key).map(Reply::bulks),
        _ => hash_fields(keyspace, key),
    }
}

/// All requests of a window.
pub(super) fn fixed_used(call: &mut Call<'_>) -> Answer {
    let key = call.key(0)?;
    hash_fields(call.keyspace, key)
}

/// How a release's sliding window differs from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Region {
    /// A set of requests, or a hash of requests and their rates.
    pub(super) kind: Kind,
    /// Whether the answer ends with whether the call was accepted.
    pub(super) verdict: bool,
    /// Whether the request's own rate counts, and a refund is never rejected.
    pub(super) counts_itself: bool,
}

/// Sum of the rates of a hash, or number of the members of a set.
fn total(keyspace: &mut Keyspace, kind: Kind, key: &[u8]) -> Result<f64, RedisError> {
    let meter = keyspace.meter().clone();
    let Some(table) = keyspace.table(kind, key)? else {
        return Ok(0.0);
    };
    if kind == Kind::Set {
        return Ok(table.len() as f64);
    }
    let sum = table.iter().try_fold(0.0, |sum, item| {
        meter.read(&item.value);
        meter.check()?;
        Ok(sum + number(&item.value)?)
    });
    meter.check().and(sum)
}

/// Decides over both windows and adds an accepted request to the current one.
pub(super) fn sliding(call: &mut Call<'_>, how: &Region) -> Answer {
    let (current, previous) = (call.key(0)?, call.key(1)?);
    let used = total(call.keyspace, how.kind, current)?;
    let used_before = total(call.keyspace, how.kind, previous)?;
    let limit = call.arguments.first().and_then(|text| to_number(text));
    let now = argument(call.arguments, 1)?;
    let window = argument(call.arguments, 2)?;
    let sum = used_before * (1.0 - passed(now, window)) + used;
    let rate = call.arguments.get(4).and_then(|text| to_number(text));
    let rejected = match how.counts_itself {
        true => present(rate)? > 0.0 && sum + present(rate)? > present(limit)?,
        false => sum >= present(limit)?,
    };
    // The requests as they were before this one; a set's answer has this one too.
    let mut requests_now = requests(call.keyspace, how.kind, current)?;
    let requests_before = requests(call.keyspace, how.kind, previous)?;
    if !rejected {
        let id = text(call.arguments, 3)?;
        let value = match how.kind {
            Kind::Set => Vec::new(),
            _ => as_argument(present(rate)?),
        };
        // Long enough to overlap with the next window, and a second more.
        let ttl = as_argument(window * 2.0 + 1000.0);
        add(
            call.keyspace,
            how.kind,
            current,
            (id, value),
            used == 0.0,
            &ttl,
        )?;
        if let (Kind::Set, Reply::Array(requests)) = (how.kind, &mut requests_now) {
            requests.push(Reply::bulk(id));
        }
    }
    let mut answer = vec![requests_now, requests_before];
    if how.verdict {
        answer.push(if rejected {
            Reply::Nil
        } else {
            Reply::Integer(1)
        });
    }
    Ok(Reply::Array(answer))
}

/// The rates of the current window and the share of the previous one.
pub(super) fn sliding_used(call: &mut Call<'_>) -> Answer {
    let (current, previous) = (call.key(0)?, call.key(1)?);
    let used = total(call.keyspace, Kind::Hash, current)?;
    let used_before = total(call.keyspace, Kind::Hash, previous)?;
    let passed = passed(argument(call.arguments, 0)?, argument(call.arguments, 1)?);
    Ok(integer(used + ((1.0 - passed) * used_before).floor()))
}
