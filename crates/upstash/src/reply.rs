//! Replies of commands.

use crate::error::RedisError;
use crate::values::bytes::Bytes;

/// The least that a reply costs: a number or nil takes so much in memory, and no more as text.
const ELEMENT: usize = 24;

/// The answer to one command.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Nothing there.
    Nil,
    /// An integer.
    Integer(i64),
    /// A byte string, shared with the key that holds it.
    Bulk(Bytes),
    /// A short word such as `OK` or the name of a type.
    Status(Bytes),
    /// Any replies, to any depth.
    Array(Vec<Reply>),
    /// A refusal; inside an array only where commands were executed together.
    Error(String),
}

impl Reply {
    /// The status `OK`.
    pub fn ok() -> Self {
        Reply::status("OK")
    }

    /// A short word.
    pub fn status(word: &str) -> Self {
        Reply::Status(word.as_bytes().into())
    }

    /// 1 for true, 0 for false.
    pub fn flag(value: bool) -> Self {
        Reply::Integer(i64::from(value))
    }

    /// A count of things in memory.
    pub fn count(value: usize) -> Self {
        Reply::Integer(value as i64)
    }

    /// A byte string.
    pub fn bulk(bytes: impl Into<Bytes>) -> Self {
        Reply::Bulk(bytes.into())
    }

    /// A byte string, or nil.
    pub fn bulk_or_nil(value: Option<&Bytes>) -> Self {
        value.map_or(Reply::Nil, |value| Reply::Bulk(value.clone()))
    }

    /// Byte strings as an array.
    pub fn bulks(items: impl IntoIterator<Item = impl Into<Bytes>>) -> Self {
        Reply::Array(items.into_iter().map(Reply::bulk).collect())
    }

    /// What it takes in the body of an answer, in bytes: as JSON or in base64, whichever is longer,
    /// and at least what it takes in memory. Counts no further than `max`.
    pub fn cost(&self, max: usize) -> usize {
        match self {
            Reply::Nil | Reply::Integer(_) => ELEMENT,
            Reply::Bulk(bytes) | Reply::Status(bytes) => text_cost(bytes, max),
            Reply::Error(text) => text_cost(text.as_bytes(), max),
            Reply::Array(items) => {
                let mut cost = ELEMENT;
                for item in items {
                    if cost > max {
                        break;
                    }
                    cost += item.cost(max - cost);
                }
                cost
            }
        }
    }

    /// The answer to `command`, also when it was refused.
    pub fn of(result: Result<Reply, RedisError>, command: &[Vec<u8>]) -> Self {
        result.unwrap_or_else(|error| Reply::Error(error.text(command)))
    }
}

/// What a text costs: bytes that JSON spells out take six, those that are no UTF-8 become a
/// character of three.
fn text_cost(bytes: &[u8], max: usize) -> usize {
    let mut cost = ELEMENT + bytes.len() + bytes.len() / 3;
    if cost > max {
        return cost;
    }
    let mut json = ELEMENT;
    for part in bytes.utf8_chunks() {
        let spelled = |byte: u8| match byte {
            0..=0x1f => 6,
            b'"' | b'\\' => 2,
            _ => 1,
        };
        json += part.valid().bytes().map(spelled).sum::<usize>();
        json += 3 * usize::from(!part.invalid().is_empty());
    }
    cost = cost.max(json);
    cost
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::answer_single;

    #[test]
    fn no_answer_is_longer_than_what_its_reply_costs() {
        let every_byte: Vec<u8> = (0..=255).collect();
        for reply in [
            Reply::Nil,
            Reply::Integer(i64::MIN),
            Reply::bulk(vec![1; 1_000]),
            Reply::bulk(vec![0xff; 1_000]),
            Reply::bulk(vec![b'"'; 1_000]),
            Reply::bulk("é🔑".repeat(300).into_bytes()),
            Reply::bulk(every_byte),
            Reply::bulks(vec![vec![7, b'a']; 100]),
            Reply::Array(vec![Reply::Array(vec![Reply::Nil; 50]); 50]),
        ] {
            let cost = reply.cost(usize::MAX);
            for base64 in [false, true] {
                let body = answer_single(&reply, base64).1;
                let frame = r#"{"result":}"#.len();
                assert!(body.len() <= cost + frame, "{} {cost}", body.len());
            }
            assert_eq!(reply.cost(cost), cost);
            assert!(reply.cost(cost - 1) > cost - 1);
        }
    }
}
