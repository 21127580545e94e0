//! Commands that change sorted sets or look at single members. Ranges are in `ranges`.

use super::arguments::is_word;
use crate::error::RedisError;
use crate::keyspace::Keyspace;
use crate::meter::Meter;
use crate::reply::Reply;
use crate::values::bytes::Bytes;
use crate::values::number::{double_text, parse_double, EXACT};
use crate::values::table::{score_of, Table};
use crate::values::value::Kind;

type Answer = Result<Reply, RedisError>;

/// A score as Redis answers it; nil when the call may do no more.
pub(crate) fn score_reply(meter: &Meter, score: f64) -> Reply {
    let may = meter.convert(score);
    if !may {
        return Reply::Nil;
    }
    Reply::bulk(double_text(score, EXACT))
}

fn score(keyspace: &mut Keyspace, key: &[u8], member: &[u8]) -> Result<Option<f64>, RedisError> {
    Ok(keyspace
        .table(Kind::SortedSet, key)?
        .and_then(|table| table.get(member))
        .map(|value| score_of(value)))
}

/// The options of `ZADD`.
#[derive(Default)]
struct AddOptions {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
    changed: bool,
    increment: bool,
}

/// Reads the options; answers them and where the first score stands.
fn add_options(arguments: &[Vec<u8>]) -> (AddOptions, usize) {
    let mut options = AddOptions::default();
    for (at, word) in arguments.iter().enumerate().skip(2) {
        let option = match () {
            () if is_word(word, "NX") => &mut options.nx,
            () if is_word(word, "XX") => &mut options.xx,
            () if is_word(word, "GT") => &mut options.gt,
            () if is_word(word, "LT") => &mut options.lt,
            () if is_word(word, "CH") => &mut options.changed,
            () if is_word(word, "INCR") => &mut options.increment,
            () => return (options, at),
        };
        *option = true;
    }
    (options, arguments.len())
}

pub(crate) fn zadd(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    let (options, start) = add_options(arguments);
    let pairs = &arguments[start..];
    if pairs.is_empty() || pairs.len() % 2 == 1 {
        return Err(RedisError::Syntax);
    }
    if options.nx && options.xx {
        return Err(RedisError::AddNxOrXx);
    }
    if options.nx && (options.gt || options.lt) || options.gt && options.lt {
        return Err(RedisError::AddGtOrLt);
    }
    if options.increment && pairs.len() > 2 {
        return Err(RedisError::IncrementOnePair);
    }
    add(keyspace, &arguments[1], pairs, &options)
}

/// Adds scores and members in turn. Everything is judged before anything is changed.
fn add(keyspace: &mut Keyspace, key: &[u8], pairs: &[Vec<u8>], options: &AddOptions) -> Answer {
    let meter = keyspace.meter().clone();
    let score_of = |text: &Vec<u8>| {
        meter.read(text);
        meter.check()?;
        parse_double(text).ok_or(RedisError::NotADouble)
    };
    let scores: Vec<f64> = pairs
        .iter()
        .step_by(2)
        .map(score_of)
        .collect::<Result<_, _>>()?;
    keyspace.table(Kind::SortedSet, key)?;
    let (mut added, mut updated) = (0, 0);
    let mut last = Reply::Nil;
    for (given, member) in scores.into_iter().zip(pairs.iter().skip(1).step_by(2)) {
        let old = score(keyspace, key, member)?;
        let new = if options.increment {
            old.unwrap_or(0.0) + given
        } else {
            given
        };
        if new.is_nan() {
            return Err(RedisError::ScoreNotANumber);
        }
        let refused = match old {
            None => options.xx,
            Some(old) => options.nx || options.gt && new <= old || options.lt && new >= old,
        };
        if refused {
            continue;
        }
        if options.increment {
            last = score_reply(&meter, new);
        }
        if old == Some(new) {
            continue;
        }
        keyspace.insert(Kind::SortedSet, key, member, new.to_le_bytes().to_vec())?;
        added += usize::from(old.is_none());
        updated += usize::from(old.is_some());
    }
    Ok(match options {
        AddOptions {
            increment: true, ..
        } => last,
        AddOptions { changed: true, .. } => Reply::count(added + updated),
        _ => Reply::count(added),
    })
}

pub(crate) fn zincrby(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    let key = &arguments[1];
    let new = keyspace.value(key)?.is_none();
    let options = AddOptions {
        increment: true,
        ..AddOptions::default()
    };
    let answer = add(keyspace, key, &arguments[2..], &options)?;
    if new {
        super::keys::expire_analytics(keyspace, key)?;
    }
    Ok(answer)
}

pub(crate) fn zrem(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    super::sets::remove_all(keyspace, Kind::SortedSet, arguments)
}

pub(crate) fn zcard(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    Ok(Reply::count(
        keyspace
            .table(Kind::SortedSet, &arguments[1])?
            .map_or(0, Table::len),
    ))
}

pub(crate) fn zscore(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    let score = score(keyspace, &arguments[1], &arguments[2])?;
    Ok(score.map_or(Reply::Nil, |score| score_reply(keyspace.meter(), score)))
}

pub(crate) fn zmscore(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    let meter = keyspace.meter().clone();
    let table = keyspace.table(Kind::SortedSet, &arguments[1])?;
    let score = |member| table.and_then(|table| table.get(member));
    let reply = |value: &Bytes| score_reply(&meter, score_of(value));
    let members = arguments[2..].iter();
    Ok(Reply::Array(
        members
            .map(|member| score(member).map_or(Reply::Nil, reply))
            .collect(),
    ))
}
