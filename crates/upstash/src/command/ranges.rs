//! Ranges of sorted sets, by rank and by score: reading, counting and removing them.

use std::ops::Range as Ranks;

use super::arguments::{integer, is_word};
use super::sorted_sets::score_reply;
use crate::error::RedisError;
use crate::keyspace::Keyspace;
use crate::reply::Reply;
use crate::values::bytes::Bytes;
use crate::values::number::scan_double;
use crate::values::order::{Order, Ranked};
use crate::values::value::Kind;

type Answer = Result<Reply, RedisError>;

/// Which members: by rank, or by score with the bounds included or not.
enum Range {
    Rank(i64, i64),
    Score(Bound, Bound),
}

struct Bound {
    score: f64,
    open: bool,
}

fn bound(text: &[u8]) -> Result<Bound, RedisError> {
    let (open, number) = match text {
        [b'(', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let (score, length) = scan_double(number).unwrap_or((0.0, 0));
    if length != number.len() || score.is_nan() {
        return Err(RedisError::NotARange);
    }
    Ok(Bound { score, open })
}

impl Range {
    fn scores(min: &[u8], max: &[u8]) -> Result<Self, RedisError> {
        Ok(Range::Score(bound(min)?, bound(max)?))
    }

    fn ranks(start: &[u8], stop: &[u8]) -> Result<Self, RedisError> {
        Ok(Range::Rank(integer(start)?, integer(stop)?))
    }

    /// The ranks of the members in the range, counted from the lowest; they count from the highest
    /// when `reverse`.
    fn of(&self, order: &Order, reverse: bool) -> Ranks<usize> {
        let length = order.len();
        match self {
            Range::Rank(start, stop) => {
                let from_end = |rank: i64| {
                    if rank < 0 {
                        rank.saturating_add(length as i64).max(-1)
                    } else {
                        rank
                    }
                };
                let start = from_end(*start).max(0);
                let stop = from_end(*stop).min(length as i64 - 1);
                if start > stop {
                    return 0..0;
                }
                let ranks = start as usize..stop as usize + 1;
                match reverse {
                    true => length - ranks.end..length - ranks.start,
                    false => ranks,
                }
            }
            Range::Score(min, max) => {
                let start = order.count_below(|ranked| min.is_above(ranked.score));
                let end = order.count_below(|ranked| !max.is_below(ranked.score));
                start..end.max(start)
            }
        }
    }
}

impl Bound {
    /// Whether, as the lower bound, it excludes this score.
    fn is_above(&self, score: f64) -> bool {
        score < self.score || self.open && score == self.score
    }

    /// Whether, as the upper bound, it excludes this score.
    fn is_below(&self, score: f64) -> bool {
        score > self.score || self.open && score == self.score
    }
}

/// The options that stand behind the bounds.
#[derive(Default)]
struct Options {
    by_score: bool,
    reverse: bool,
    scores: bool,
    limit: Option<(i64, i64)>,
}

fn options(words: &[Vec<u8>]) -> Result<Options, RedisError> {
    let mut found = Options::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match () {
            () if is_word(word, "BYSCORE") => found.by_score = true,
            () if is_word(word, "REV") => found.reverse = true,
            () if is_word(word, "WITHSCORES") => found.scores = true,
            () if is_word(word, "LIMIT") => {
                let (Some(offset), Some(count)) = (words.next(), words.next()) else {
                    return Err(RedisError::Syntax);
                };
                found.limit = Some((integer(offset)?, integer(count)?));
            }
            () if is_word(word, "BYLEX") => {
                return Err(RedisError::NoRangesByLex);
            }
            () => return Err(RedisError::Syntax),
        }
    }
    Ok(found)
}

fn reply(keyspace: &mut Keyspace, key: &[u8], range: &Range, options: &Options) -> Answer {
    let meter = keyspace.meter().clone();
    let Some(order) = keyspace.ordered(key)? else {
        return Ok(Reply::Array(Vec::new()));
    };
    let (offset, count) = options.limit.unwrap_or((0, -1));
    let skip = usize::try_from(offset).unwrap_or(usize::MAX);
    let take = usize::try_from(count).unwrap_or(usize::MAX);
    let found = range.of(order, options.reverse);
    let Ranks { start, end } = match options.reverse {
        true => {
            let end = found.end.saturating_sub(skip).max(found.start);
            end.saturating_sub(take).max(found.start)..end
        }
        false => {
            let start = found.start.saturating_add(skip).min(found.end);
            start..start.saturating_add(take).min(found.end)
        }
    };
    meter.look(end - start);
    meter.check()?;
    let mut replies = Vec::new();
    let mut add = |ranked: &Ranked| {
        replies.push(Reply::Bulk(ranked.member.clone()));
        if options.scores {
            replies.push(score_reply(&meter, ranked.score));
        }
    };
    match options.reverse {
        true => order.range(start, end).rev().for_each(&mut add),
        false => order.range(start, end).for_each(&mut add),
    }
    Ok(Reply::Array(replies))
}

pub(crate) fn zrange(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    let options = options(&arguments[4..])?;
    if options.limit.is_some() && !options.by_score {
        return Err(RedisError::LimitNeedsScores);
    }
    let (first, second) = (&arguments[2], &arguments[3]);
    let range = match (options.by_score, options.reverse) {
        (false, _) => Range::ranks(first, second)?,
        (true, false) => Range::scores(first, second)?,
        (true, true) => Range::scores(second, first)?,
    };
    reply(keyspace, &arguments[1], &range, &options)
}

pub(crate) fn zrevrange(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    let mut options = options(&arguments[4..])?;
    if options.by_score || options.reverse || options.limit.is_some() {
        return Err(RedisError::Syntax);
    }
    options.reverse = true;
    let range = Range::ranks(&arguments[2], &arguments[3])?;
    reply(keyspace, &arguments[1], &range, &options)
}

pub(crate) fn zrangebyscore(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    let options = options(&arguments[4..])?;
    if options.by_score || options.reverse {
        return Err(RedisError::Syntax);
    }
    let range = Range::scores(&arguments[2], &arguments[3])?;
    reply(keyspace, &arguments[1], &range, &options)
}

pub(crate) fn zcount(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    let range = Range::scores(&arguments[2], &arguments[3])?;
    let order = keyspace.ordered(&arguments[1])?;
    Ok(Reply::count(
        order.map_or(0, |order| range.of(order, false).len()),
    ))
}

fn remove(keyspace: &mut Keyspace, key: &[u8], range: &Range) -> Answer {
    let meter = keyspace.meter().clone();
    let Some(order) = keyspace.ordered(key)? else {
        return Ok(Reply::count(0));
    };
    let Ranks { start, end } = range.of(order, false);
    meter.look(end - start);
    meter.check()?;
    let members = order.range(start, end).map(|ranked| ranked.member.clone());
    let members: Vec<Bytes> = members.collect();
    for member in &members {
        keyspace.take(Kind::SortedSet, key, member)?;
    }
    Ok(Reply::count(members.len()))
}

pub(crate) fn zremrangebyscore(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    remove(
        keyspace,
        &arguments[1],
        &Range::scores(&arguments[2], &arguments[3])?,
    )
}

pub(crate) fn zremrangebyrank(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    remove(
        keyspace,
        &arguments[1],
        &Range::ranks(&arguments[2], &arguments[3])?,
    )
}
