//! The answers of several objects to one command, as one.

use crate::command::Place;
use crate::reply::Reply;

/// One reply of two: that of a command's parts so far, and that of the next part.
pub(crate) fn merge(place: Place, before: Reply, next: Reply) -> Reply {
    match (before, next) {
        (error @ Reply::Error(_), _) | (_, error @ Reply::Error(_)) => error,
        (Reply::Integer(a), Reply::Integer(b)) if place == Place::Sum => Reply::Integer(a + b),
        // Of two objects that may hold a key, one does not: it says -2, 0, none, or nothing.
        (Reply::Integer(a), Reply::Integer(b)) => Reply::Integer(a.max(b)),
        (Reply::Array(mut a), Reply::Array(b)) => {
            a.extend(b);
            Reply::Array(a)
        }
        (Reply::Status(word), next) if word == b"none" => next,
        (before, _) => before,
    }
}
