//! Reading the SDK's analytics: hourly sorted sets of events (JSON texts) and how often each
//! happened.

use std::cmp::Ordering;

use super::call::Call;
use super::lua::{integer, number, text, to_number};
use crate::command::arguments::integer as strict_integer;
use crate::command::sorted_sets::score_reply;
use crate::error::RedisError;
use crate::meter::Meter;
use crate::protocol::json::{self, Json};
use crate::reply::Reply;
use crate::values::bytes::Bytes;
use crate::values::number::double_text;
use crate::values::order::Ranked;
use crate::values::table::{Item, Table};
use crate::values::value::{Kind, Value};

type Answer = Result<Reply, RedisError>;

/// Significant digits of a number that Lua joins to a text.
const LUA_DIGITS: usize = 14;

/// The most buckets of one call: what Lua can hand to a command.
const MAX_BUCKETS: i64 = 7999;

/// So many places move in the time of looking at one member.
const MOVED_AT_ONCE: usize = 1_024;

/// The most values of an event; those of the SDK have a dozen.
const MAX_VALUES: usize = 1_000;

/// What parsing JSON costs, as a multiple of looking at its bytes.
const LOOKS_TO_PARSE: usize = 16;

/// Events grouped by one of their fields, with the sum of each group.
pub(super) fn aggregate(call: &mut Call<'_>) -> Answer {
    let key = call.key(0)?;
    let field = call.arguments.first();
    let meter = call.keyspace.meter().clone();
    let mut groups: Vec<(Json, f64)> = Vec::new();
    // The places of the groups, in the order of what they are grouped by.
    let mut sorted: Vec<usize> = Vec::new();
    for event in in_order(call, key)? {
        meter.look_at_bytes(LOOKS_TO_PARSE * event.member.len());
        meter.check()?;
        let Ok(Json::Object(members)) = json::parse(&event.member, MAX_VALUES) else {
            return Err(RedisError::ScriptEvent);
        };
        let found = members
            .into_iter()
            .rev()
            .find(|(name, _)| Some(name) == field);
        let (_, value) = found.ok_or(RedisError::ScriptIndex)?;
        let value = plain(&meter, value);
        match sorted.binary_search_by(|&place| groups[place].0.cmp(&value)) {
            Ok(at) => groups[sorted[at]].1 += event.score,
            Err(at) => {
                // Those behind it move up.
                meter.look(sorted.len() / MOVED_AT_ONCE);
                sorted.insert(at, groups.len());
                groups.push((value, event.score));
            }
        }
    }
    meter.check()?;
    let pair = |(value, sum): (Json, f64)| Reply::Array(vec![reply(value), integer(sum)]);
    Ok(Reply::Array(groups.into_iter().map(pair).collect()))
}

/// The events of one bucket, lowest first.
fn in_order(call: &mut Call<'_>, key: &[u8]) -> Result<Vec<Ranked>, RedisError> {
    let meter = call.keyspace.meter().clone();
    let Some(order) = call.keyspace.ordered(key)? else {
        return Ok(Vec::new());
    };
    meter.look(order.len());
    meter.check()?;
    Ok(order.range(0, order.len()).cloned().collect())
}

/// Numbers that are equal are one group, however they are written.
fn plain(meter: &Meter, value: Json) -> Json {
    match value {
        Json::Number(text) => {
            let number = to_number(&text).unwrap_or(0.0);
            let may = meter.read(&text) && meter.convert(number);
            Json::Number(if may {
                double_text(number, 17)
            } else {
                Vec::new()
            })
        }
        other => other,
    }
}

/// A JSON value as a script answers it.
fn reply(value: Json) -> Reply {
    match value {
        Json::Bool(true) => Reply::Integer(1),
        Json::Null | Json::Bool(false) => Reply::Nil,
        Json::Number(text) => to_number(&text).map_or(Reply::Nil, integer),
        Json::String(text) => Reply::bulk(text),
        Json::Array(items) => Reply::Array(items.into_iter().map(reply).collect()),
        Json::Object(_) => Reply::Array(Vec::new()),
    }
}

/// The events of several hours together, lowest sum first.
fn union(call: &mut Call<'_>) -> Result<Vec<Ranked>, RedisError> {
    let prefix = call.key(0)?;
    let first = number(text(call.arguments, 0)?)?;
    let step = number(text(call.arguments, 1)?)?;
    let buckets = strict_integer(&double_text(number(text(call.arguments, 2)?)?, 17))?;
    if !(1..=MAX_BUCKETS).contains(&buckets) {
        return Err(RedisError::ScriptUnion);
    }
    let meter = call.keyspace.meter().clone();
    let mut sums = Table::new(&meter);
    for back in 0..buckets {
        let time = first - back as f64 * step;
        meter.convert(time);
        meter.check()?;
        let key = [prefix, b":", &double_text(time, LUA_DIGITS)].concat();
        for (member, score) in scores(call, &key)? {
            let sum = sums
                .get(&member)
                .map_or(0.0, |sum| crate::values::table::score_of(sum))
                + score;
            // The sum of both infinities, which is no number, counts as nothing.
            let sum = if sum.is_nan() { 0.0 } else { sum };
            sums.insert(member, sum.to_le_bytes().into());
        }
    }
    let ordered = sums.ordered();
    let events = ordered.map(|order| order.range(0, order.len()).cloned().collect());
    meter.check()?;
    Ok(events.unwrap_or_default())
}

/// The members of a bucket and their scores; a plain set counts 1 for each.
fn scores(call: &mut Call<'_>, key: &[u8]) -> Result<Vec<(Bytes, f64)>, RedisError> {
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
    let meter = call.keyspace.meter();
    let pair = |event: Ranked| [Reply::Bulk(event.member), score_reply(meter, event.score)];
    Ok(Reply::Array(events.into_iter().flat_map(pair).collect()))
}

/// The most frequent events of each verdict, highest first. With `denied` the verdicts are three,
/// else two; with `bounded` only so many events are looked at as the caller says.
pub(super) fn top(call: &mut Call<'_>, denied: bool, bounded: bool) -> Answer {
    const VERDICTS: [&[u8]; 3] = [b"success\":true", b"success\":false", b"success\":\"denied"];
    let verdicts = &VERDICTS[..if denied { 3 } else { 2 }];
    let events = union(call)?;
    let meter = call.keyspace.meter();
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
        let score = event.score;
        meter.look_at_bytes(LOOKS_TO_PARSE * event.member.len());
        meter.check()?;
        if score.partial_cmp(&0.0) != Some(Ordering::Greater) {
            continue;
        }
        let matching = |verdict: &[u8]| {
            event
                .member
                .windows(verdict.len())
                .any(|part| part == verdict)
        };
        // A full group lets the event fall through to the next verdict, which it hardly has too.
        let group = (0..verdicts.len())
            .find(|&group| matching(verdicts[group]) && (groups[group].len() as f64) < wanted);
        if let Some(group) = group {
            groups[group].push(Reply::Array(vec![
                integer(score),
                Reply::Bulk(event.member),
            ]));
            found += 1.0;
        }
    }
    Ok(Reply::Array(groups.into_iter().map(Reply::Array).collect()))
}
