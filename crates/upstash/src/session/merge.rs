//! Merges the answers of several objects to one command.

use crate::reply::Reply;

/// The reply to two parts of one command, which are about different keys.
pub(crate) fn merge(before: Reply, next: Reply) -> Reply {
    match (before, next) {
        (error @ Reply::Error(_), _) | (_, error @ Reply::Error(_)) => error,
        (Reply::Integer(a), Reply::Integer(b)) => Reply::Integer(a + b),
        (Reply::Array(mut a), Reply::Array(b)) => {
            a.extend(b);
            Reply::Array(a)
        }
        (before, _) => before,
    }
}

/// The reply about one key that either of two objects may hold: that of the first, unless it has
/// nothing.
pub(crate) fn either(first: Reply, second: Reply) -> Reply {
    match (first, second) {
        (error @ Reply::Error(_), _) | (_, error @ Reply::Error(_)) => error,
        // 0 may also be the seconds that a key of the first has left.
        (Reply::Integer(0), Reply::Integer(other)) => Reply::Integer(other.max(0)),
        (first, second) => {
            if is_nothing(&first) {
                second
            } else {
                first
            }
        }
    }
}

/// Whether an object answers this for a missing key.
fn is_nothing(reply: &Reply) -> bool {
    match reply {
        Reply::Nil | Reply::Integer(-2) => true,
        Reply::Status(word) => **word == *b"none",
        Reply::Array(items) => items.iter().all(|item| *item == Reply::Nil),
        _ => false,
    }
}
