//! What counts as equal: what Redis leaves open (order of sets and hashes, the wording of Lua's own
//! complaints) and what time does (a TTL that has run for some milliseconds) is levelled out,
//! nothing else.

use tollgate_upstash::reply::Reply;

/// How a reply is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// As it is.
    Exact,
    /// An array in no order.
    Unordered,
    /// An array of fields and values in no order.
    Pairs,
    /// An array of such arrays, and whatever else.
    Nested(&'static Shape),
    /// Something exact and milliseconds to live.
    Left,
    /// Milliseconds to live.
    Milliseconds,
    /// Seconds to live.
    Seconds,
}

/// How long a sequence of commands may have taken, ms.
const PATIENCE: i64 = 20_000;

pub(crate) fn same(ours: &Reply, theirs: &Reply, shape: Shape) -> bool {
    match (ours, theirs) {
        (Reply::Error(ours), Reply::Error(theirs)) => same_error(ours, theirs),
        (Reply::Integer(ours), Reply::Integer(theirs)) if *ours > 0 => match shape {
            Shape::Milliseconds => (0..PATIENCE).contains(&(ours - theirs)),
            Shape::Seconds => (0..PATIENCE / 1000).contains(&(ours - theirs)),
            _ => ours == theirs,
        },
        (Reply::Array(ours), Reply::Array(theirs))
            if shape == Shape::Left && ours.len() == 2 && theirs.len() == 2 =>
        {
            ours[0] == theirs[0] && same(&ours[1], &theirs[1], Shape::Milliseconds)
        }
        _ => level(ours, shape) == level(theirs, shape),
    }
}

fn level(reply: &Reply, shape: Shape) -> Reply {
    let Reply::Array(items) = reply else {
        return reply.clone();
    };
    let mut items = items.clone();
    let text = |reply: &Reply| format!("{reply:?}");
    match shape {
        Shape::Unordered => items.sort_by_key(text),
        Shape::Pairs => {
            let mut pairs: Vec<Vec<Reply>> = items.chunks(2).map(<[Reply]>::to_vec).collect();
            pairs.sort_by_key(|pair| format!("{pair:?}"));
            items = pairs.concat();
        }
        Shape::Nested(inner) => items = items.iter().map(|item| level(item, *inner)).collect(),
        _ => {}
    }
    Reply::Array(items)
}

/// The same error word; and the same sentence, unless Lua itself complains, about which only that
/// it does is compared.
fn same_error(ours: &str, theirs: &str) -> bool {
    let word = |text: &str| text.split(' ').next().map(str::to_owned);
    if ours.starts_with("ERR user_script") && theirs.starts_with("ERR") {
        return true;
    }
    if theirs.starts_with("ERR user_script") || theirs.contains("Lua redis lib command arguments") {
        return ours.starts_with("ERR");
    }
    let theirs = theirs.split(" script: ").next().unwrap();
    word(ours) == word(theirs) && (ours.starts_with(theirs) || theirs.starts_with(ours))
}
