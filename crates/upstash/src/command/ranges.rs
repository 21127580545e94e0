//! Ranges of sorted sets, by rank and by score: reading, counting and removing them.

use super::arguments::{integer, is_word};
use super::sorted_sets::score_reply;
use crate::error::RedisError;
use crate::keyspace::Keyspace;
use crate::number::scan_double;
use crate::reply::Reply;
use crate::table::Item;
use crate::value::Kind;

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
    fn scores(least: &[u8], most: &[u8]) -> Result<Self, RedisError> {
        Ok(Range::Score(bound(least)?, bound(most)?))
    }

    fn ranks(start: &[u8], stop: &[u8]) -> Result<Self, RedisError> {
        Ok(Range::Rank(integer(start)?, integer(stop)?))
    }

    /// The members of the range, lowest first; ranks count from the highest when `reverse`, and then the highest is first.
    fn of<'a>(&self, mut items: Vec<&'a Item>, reverse: bool) -> Vec<&'a Item> {
        if reverse {
            items.reverse();
        }
        match self {
            Range::Rank(start, stop) => {
                let length = items.len() as i64;
                let from_end = |rank: i64| {
                    if rank < 0 {
                        rank.saturating_add(length).max(-1)
                    } else {
                        rank
                    }
                };
                let start = from_end(*start).max(0);
                let stop = from_end(*stop).min(length - 1);
                if start > stop {
                    return Vec::new();
                }
                items[start as usize..=stop as usize].to_vec()
            }
            Range::Score(least, most) => {
                items.retain(|item| {
                    let score = item.score();
                    let above = if least.open {
                        score > least.score
                    } else {
                        score >= least.score
                    };
                    let below = if most.open {
                        score < most.score
                    } else {
                        score <= most.score
                    };
                    above && below
                });
                items
            }
        }
    }
}

fn find<'a>(
    keyspace: &'a mut Keyspace,
    key: &[u8],
    range: &Range,
    reverse: bool,
) -> Result<Vec<&'a Item>, RedisError> {
    let table = keyspace.table(Kind::SortedSet, key)?;
    Ok(table.map_or_else(Vec::new, |table| range.of(table.by_score(), reverse)))
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

fn reply(items: &[&Item], options: &Options) -> Reply {
    let (offset, count) = options.limit.unwrap_or((0, -1));
    let skip = usize::try_from(offset).unwrap_or(usize::MAX);
    let take = usize::try_from(count).unwrap_or(usize::MAX);
    let mut replies = Vec::new();
    for item in items.iter().skip(skip).take(take) {
        replies.push(Reply::Bulk(item.field.clone()));
        if options.scores {
            replies.push(score_reply(item.score()));
        }
    }
    Reply::Array(replies)
}

pub(super) fn zrange(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
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
    Ok(reply(
        &find(keyspace, &arguments[1], &range, options.reverse)?,
        &options,
    ))
}

pub(super) fn zrevrange(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    let options = options(&arguments[4..])?;
    if options.by_score || options.reverse || options.limit.is_some() {
        return Err(RedisError::Syntax);
    }
    let range = Range::ranks(&arguments[2], &arguments[3])?;
    Ok(reply(
        &find(keyspace, &arguments[1], &range, true)?,
        &options,
    ))
}

pub(super) fn zrangebyscore(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    let options = options(&arguments[4..])?;
    if options.by_score || options.reverse {
        return Err(RedisError::Syntax);
    }
    let range = Range::scores(&arguments[2], &arguments[3])?;
    Ok(reply(
        &find(keyspace, &arguments[1], &range, false)?,
        &options,
    ))
}

pub(super) fn zcount(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    let range = Range::scores(&arguments[2], &arguments[3])?;
    Ok(Reply::count(
        find(keyspace, &arguments[1], &range, false)?.len(),
    ))
}

fn remove(keyspace: &mut Keyspace, key: &[u8], range: &Range) -> Answer {
    let members = find(keyspace, key, range, false)?;
    let members: Vec<Vec<u8>> = members.into_iter().map(|item| item.field.clone()).collect();
    for member in &members {
        keyspace.take(Kind::SortedSet, key, member)?;
    }
    Ok(Reply::count(members.len()))
}

pub(super) fn zremrangebyscore(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    remove(
        keyspace,
        &arguments[1],
        &Range::scores(&arguments[2], &arguments[3])?,
    )
}

pub(super) fn zremrangebyrank(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Answer {
    remove(
        keyspace,
        &arguments[1],
        &Range::ranks(&arguments[2], &arguments[3])?,
    )
}
