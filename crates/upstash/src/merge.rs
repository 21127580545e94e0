//! The answers of several objects to one command, as one.

use crate::command::Place;
use crate::reply::Reply;

/// One reply of several, in the order of the command's keys.
pub(crate) fn merge(place: Place, mut replies: Vec<Reply>) -> Reply {
    if place != Place::Each && replies.len() == 1 {
        return replies.pop().unwrap_or(Reply::Nil);
    }
    if let Some(error) = replies
        .iter()
        .find(|reply| matches!(reply, Reply::Error(_)))
    {
        return error.clone();
    }
    match place {
        Place::Sum => Reply::Integer(replies.iter().map(integer).sum()),
        Place::Each => Reply::Array(replies.into_iter().flat_map(items).collect()),
        Place::Pairs => Reply::ok(),
        _ => replies.into_iter().reduce(fuller).unwrap_or(Reply::Nil),
    }
}

fn integer(reply: &Reply) -> i64 {
    match reply {
        Reply::Integer(value) => *value,
        _ => 0,
    }
}

fn items(reply: Reply) -> Vec<Reply> {
    match reply {
        Reply::Array(items) => items,
        other => vec![other],
    }
}

/// Of the answers of the two objects that may hold a key, the one of that which does.
fn fuller(a: Reply, b: Reply) -> Reply {
    let b_is = match (&a, &b) {
        (Reply::Integer(a), Reply::Integer(b)) => b > a,
        (Reply::Array(a), Reply::Array(b)) => b.len() > a.len(),
        (Reply::Status(a), _) => a == b"none",
        _ => false,
    };
    if b_is {
        b
    } else {
        a
    }
}
