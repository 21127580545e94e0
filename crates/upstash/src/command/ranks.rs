//! Members of sorted sets by their rank: where one stands, and those at either end.

use super::arguments::{integer, is_word};
use super::sorted_sets::score_reply;
use crate::error::RedisError;
use crate::keyspace::Keyspace;
use crate::reply::Reply;
use crate::values::order::Ranked;
use crate::values::table::score_of;
use crate::values::value::Kind;

type Answer = Result<Reply, RedisError>;

/// How many members stand before one, and its score if that is asked for; nil when there is no such
/// member.
fn rank(keyspace: &mut Keyspace, arguments: &[Vec<u8>], reverse: bool) -> Answer {
    let with_score = match &arguments[3..] {
        [] => false,
        [word] if is_word(word, "WITHSCORE") => true,
        [_] => return Err(RedisError::Syntax),
        _ => return Err(RedisError::Arity),
    };
    let (key, member) = (&arguments[1], &arguments[2]);
    let table = keyspace.table(Kind::SortedSet, key)?;
    let score = table
        .and_then(|table| table.get(member))
        .map(|value| score_of(value));
    let (Some(score), Some(order)) = (score, keyspace.ordered(key)?) else {
        return Ok(Reply::Nil);
    };
    let rank = match order.rank(score, member) {
        before if reverse => order.len() - 1 - before,
        before => before,
    };
    Ok(match with_score {
        true => Reply::Array(vec![
            Reply::count(rank),
            score_reply(keyspace.meter(), score),
        ]),
        false => Reply::count(rank),
    })
}

pub(crate) fn zrank(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    rank(keyspace, arguments, false)
}

pub(crate) fn zrevrank(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    rank(keyspace, arguments, true)
}

/// Takes the lowest members out, or the highest when `reverse`; answers them with their scores.
fn pop(keyspace: &mut Keyspace, arguments: &[Vec<u8>], reverse: bool) -> Answer {
    let key = &arguments[1];
    let count = match &arguments[2..] {
        [] => 1,
        [count] => integer(count)
            .ok()
            .filter(|count| *count >= 0)
            .ok_or(RedisError::NotPositive)?,
        _ => return Err(RedisError::Syntax),
    };
    let meter = keyspace.meter().clone();
    let Some(order) = keyspace.ordered(key)? else {
        return Ok(Reply::Array(Vec::new()));
    };
    let count = usize::try_from(count)
        .unwrap_or(usize::MAX)
        .min(order.len());
    meter.look(count);
    meter.check()?;
    let popped: Vec<Ranked> = match reverse {
        true => order
            .range(order.len() - count, order.len())
            .rev()
            .cloned()
            .collect(),
        false => order.range(0, count).cloned().collect(),
    };
    let mut replies = Vec::with_capacity(count * 2);
    for Ranked { member, score } in popped {
        keyspace.take(Kind::SortedSet, key, &member)?;
        replies.extend([Reply::Bulk(member), score_reply(&meter, score)]);
    }
    Ok(Reply::Array(replies))
}

pub(crate) fn zpopmin(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    pop(keyspace, arguments, false)
}

pub(crate) fn zpopmax(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    pop(keyspace, arguments, true)
}
