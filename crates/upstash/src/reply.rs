//! What a command answers.

use crate::error::RedisError;

/// The answer to one command.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Nothing there.
    Nil,
    /// An integer.
    Integer(i64),
    /// A byte string.
    Bulk(Vec<u8>),
    /// A short word such as `OK` or the name of a type.
    Status(Vec<u8>),
    /// Any replies, to any depth.
    Array(Vec<Reply>),
    /// A refusal; inside an array only where commands were executed together.
    Error(String),
}

impl Reply {
    /// The status `OK`.
    pub fn ok() -> Self {
        Reply::Status(b"OK".to_vec())
    }

    /// 1 for true, 0 for false.
    pub fn flag(value: bool) -> Self {
        Reply::Integer(i64::from(value))
    }

    /// A count of things in memory.
    pub fn count(value: usize) -> Self {
        Reply::Integer(value as i64)
    }

    /// A byte string, or nil.
    pub fn bulk_or_nil(value: Option<&[u8]>) -> Self {
        value.map_or(Reply::Nil, |value| Reply::Bulk(value.to_vec()))
    }

    /// Byte strings as an array.
    pub fn bulks(items: Vec<Vec<u8>>) -> Self {
        Reply::Array(items.into_iter().map(Reply::Bulk).collect())
    }

    /// The answer to `command`, also when it was refused.
    pub fn of(result: Result<Reply, RedisError>, command: &[Vec<u8>]) -> Self {
        result.unwrap_or_else(|error| Reply::Error(error.text(command)))
    }
}
