//! The Lua scripts of the published rate limiters, run natively.
//!
//! Every release of the packages sends one of 76 texts, by its SHA1 or in full. They come down to
//! some fifty behaviours, and these to a few functions with switches. A text that is new but
//! differs from a known one only in comments or white space is taken for it; any other is refused,
//! as there is no Lua here. The texts themselves are not part of this repository: `known` holds
//! their hashes, which a test computes anew from the packages.

mod analytics;
mod behaviour;
mod buckets;
mod call;
mod hits;
mod known;
mod lists;
mod lua;
mod published;
mod recognition;
mod regions;
mod windows;

pub use call::Dynamic;
pub use published::Script;
pub use recognition::{by_sha1, by_text, normalize};

use call::Call;

use crate::command::arguments::integer;
use crate::error::RedisError;
use crate::keyspace::Keyspace;
use crate::reply::Reply;

/// The parts of `EVAL` and `EVALSHA`: which script, its keys, its arguments.
pub struct Parts<'a> {
    /// The script.
    pub script: Script,
    /// `KEYS`.
    pub keys: &'a [Vec<u8>],
    /// `ARGV`.
    pub arguments: &'a [Vec<u8>],
}

/// Takes `EVAL` or `EVALSHA` apart; `by_sha1` knows the scripts by hash.
pub(crate) fn parts(
    command: &[Vec<u8>],
    by_sha1: impl Fn(&[u8]) -> Option<Script>,
) -> Result<Parts<'_>, RedisError> {
    let by_name = command[0].len() >= 7 && command[0][4..7].eq_ignore_ascii_case(b"SHA");
    let count = integer(&command[2])?;
    let rest = &command[3..];
    if count > rest.len() as i64 {
        return Err(RedisError::TooManyKeys);
    }
    let count = usize::try_from(count).map_err(|_| RedisError::NegativeKeys)?;
    let script = match by_name {
        true => by_sha1(&command[1]).ok_or(RedisError::NoScript)?,
        false => by_text(&command[1])?,
    };
    let parts = Parts {
        script,
        keys: &rest[..count],
        arguments: &rest[count..],
    };
    let read_only = command[0]
        .last()
        .is_some_and(|letter| letter.eq_ignore_ascii_case(&b'O'));
    if read_only && !script.reads_only() {
        return Err(RedisError::ReadOnlyScript);
    }
    Ok(parts)
}

/// `EVAL` and `EVAL_RO`, with a dynamic limit read here.
pub(crate) fn eval(keyspace: &mut Keyspace, command: &[Vec<u8>]) -> Result<Reply, RedisError> {
    run(keyspace, &parts(command, by_sha1)?, Dynamic::Stored)
}

/// Runs a script. When it fails, it has changed nothing.
pub fn run(
    keyspace: &mut Keyspace,
    parts: &Parts<'_>,
    dynamic: Dynamic<'_>,
) -> Result<Reply, RedisError> {
    let call = &mut Call {
        keyspace,
        keys: parts.keys,
        arguments: parts.arguments,
        dynamic,
    };
    behaviour::run(parts.script, call)
}
