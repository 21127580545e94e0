//! Reading the SDK's analytics: hourly sorted sets of events (JSON texts) and how often each happened.

use std::cmp::Ordering;

use super::lua::{integer, number, text, to_number};
use super::Call;
use crate::command::{integer as strict_integer, score_reply};
use crate::error::RedisError;
use crate::json::{self, Json};
use crate::number::double_text;
use crate::reply::Reply;
use crate::table::{Item, Table};
use crate::value::{Kind, Value};

type Answer = Result<Reply, RedisError>;

/// Significant digits of a number that Lua joins to a text.
const LUA_DIGITS: usize = 14;

/// The most buckets of one call: what Lua can hand to a command.
const MOST_BUCKETS: i64 = 7999;

/// Events grouped by one of their fields, with the sum of each group.
pub(super) fn aggregate(call: &mut Call<'_>) -> Answer {
    let key = call.key(0)?;
    let field = call.arguments.first();
    let mut groups: Vec<(Json, f64)> = Vec::new();
    let events = call
        .keyspace
        .table(Kind::SortedSet, key)?
        .map_or_else(Vec::new, Table::by_score);
    for event in events {
        let Some(Json::Object(members)) = json::parse(&event.field) else {
            return Err(RedisError::ScriptEvent);
        };
        let found = members
            .into_iter()
            .rev()
            .find(|(name, _)| Some(name) == field);
        let (_, value) = found.ok_or(RedisError::ScriptIndex)?;
        let value = plain(value);
        match groups.iter_mut().find(|(known, _)| *known == value) {
            Some((_, sum)) => *sum += event.score(),
            None => groups.push((value, event.score())),
        }
    }
    let pair = |(value, sum): (Json, f64)| Reply::Array(vec![reply(value), integer(sum)]);
    Ok(Reply::Array(groups.into_iter().map(pair).collect()))
}

/// Numbers that are equal are one group, however they are written.
fn plain(value: Json) -> Json {
    match value {
        Json::Number(text) => Json::Number(double_text(to_number(&text).unwrap_or(0.0), 17)),
        other => other,
    }
}

/// A JSON value as a script answers it.
fn reply(value: Json) -> Reply {
    match value {
        Json::Bool(true) => Reply::Integer(1),
        Json::Null | Json::Bool(false) => Reply::Nil,
        Json::Number(text) => to_number(&text).map_or(Reply::Nil, integer),
        Json::String(text) => Reply::Bulk(text),
        Json::Array(items) => Reply::Array(items.into_iter().map(reply).collect()),
        Json::Object(_) => Reply::Array(Vec::new()),
    }
}

/// The events of several hours together, lowest sum first.
fn union(call: &mut Call<'_>) -> Result<Vec<Item>, RedisError> {
    let prefix = call.key(0)?;
    let first = number(text(call.arguments, 0)?)?;
    let step = number(text(call.arguments, 1)?)?;
    let buckets = strict_integer(&double_text(number(text(call.arguments, 2)?)?, 17))?;
    if !(1..=MOST_BUCKETS).contains(&buckets) {
        return Err(RedisError::ScriptUnion);
    }
    let mut sums = Table::default();
    for back in 0..buckets {
        let time = double_text(first - back as f64 * step, LUA_DIGITS);
        let key = [prefix, b":", &time].concat();
        for (member, score) in scores(call, &key)? {
            let sum = sums.get(&member).map_or(0.0, crate::table::score_of) + score;
            // The sum of both infinities, which is no number, counts as nothing.
            let sum = if sum.is_nan() { 0.0 } else { sum };
            sums.insert(member, sum.to_le_bytes().to_vec());
        }
    }
    Ok(sums.by_score().into_iter().cloned().collect())
}

/// The members of a bucket and their scores; a plain set counts 1 for each.
fn scores(call: &mut Call<'_>, key: &[u8]) -> Result<Vec<(Vec<u8>, f64)>, RedisError> {
    let (kind, table) = match call.keyspace.value(key)? {
        None => return Ok(Vec::new()),
        Some(Value::Table(kind @ (Kind::Set | Kind::SortedSet), table)) => (*kind, table),
        Some(_) => return Err(RedisError::WrongType),
    };
    let score = |item: &Item| if kind == Kind::Set { 1.0 } else { item.score() };
    Ok(table
        .iter()
        .map(|item| (item.field.clone(), score(item)))
        .collect())
}

/// All events of the hours with their sums.
pub(super) fn usage(call: &mut Call<'_>) -> Answer {
    let events = union(call)?;
    let pair = |event: Item| [Reply::Bulk(event.field.clone()), score_reply(event.score())];
    Ok(Reply::Array(events.into_iter().flat_map(pair).collect()))
}

/// The most frequent events of each verdict, highest first. With `denied` the verdicts are three, else two; with `bounded` only
/// so many events are looked at as the caller says.
pub(super) fn top(call: &mut Call<'_>, denied: bool, bounded: bool) -> Answer {
    const VERDICTS: [&[u8]; 3] = [b"success\":true", b"success\":false", b"success\":\"denied"];
    let verdicts = &VERDICTS[..if denied { 3 } else { 2 }];
    let events = union(call)?;
    let wanted = number(text(call.arguments, 3)?)?;
    let length = events.len() as f64 * 2.0;
    let cutoff = if bounded {
        length - 2.0 * number(text(call.arguments, 4)?)?
    } else {
        f64::NEG_INFINITY
    };
    let mut groups = vec![Vec::new(); verdicts.len()];
    let mut found = 0.0;
    for (at, event) in events.into_iter().enumerate().rev() {
        // The position that the event has in Lua's list of events and scores.
        let position = at as f64 * 2.0 + 1.0;
        if found >= wanted * verdicts.len() as f64 || position < cutoff {
            break;
        }
        let score = event.score();
        if score.partial_cmp(&0.0) != Some(Ordering::Greater) {
            continue;
        }
        let matching = |verdict: &[u8]| {
            event
                .field
                .windows(verdict.len())
                .any(|part| part == verdict)
        };
        // A full group lets the event fall through to the next verdict, which it hardly has too.
        let group = (0..verdicts.len())
            .find(|&group| matching(verdicts[group]) && (groups[group].len() as f64) < wanted);
        if let Some(group) = group {
            groups[group].push(Reply::Array(vec![integer(score), Reply::Bulk(event.field)]));
            found += 1.0;
        }
    }
    Ok(Reply::Array(groups.into_iter().map(Reply::Array).collect()))
}
