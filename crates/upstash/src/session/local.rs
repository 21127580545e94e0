//! Commands that need no keys: answered where they arrive.

use super::cache::SessionCache;
use crate::command::arguments::is_word;
use crate::command::Access;
use crate::error::RedisError;
use crate::reply::Reply;
use crate::script;
use crate::sha1::{hex, sha1};
use crate::values::number::integer_text;

type Answer = Result<Reply, RedisError>;

/// Answers such a command at `now` (Unix ms).
pub(crate) fn run(
    name: &str,
    command: &[Vec<u8>],
    access: Access,
    now: i64,
    cache: &mut SessionCache,
) -> Answer {
    match (name, &command[1..]) {
        ("PING", []) => Ok(Reply::status("PONG")),
        ("PING" | "ECHO", [message]) => Ok(Reply::bulk(&message[..])),
        ("TIME", _) => Ok(Reply::bulks([
            integer_text(now / 1000),
            integer_text(now % 1000 * 1000),
        ])),
        ("INFO", _) => Ok(Reply::bulk(INFO)),
        ("SCRIPT", [word, rest @ ..]) => script_command(word, rest, access, cache),
        _ => Err(RedisError::Arity),
    }
}

/// What a client may look for: which Redis this is like.
const INFO: &[u8] =
    b"# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\nserver_name:tollgate\r\n";

fn script_command(
    word: &[u8],
    rest: &[Vec<u8>],
    access: Access,
    cache: &mut SessionCache,
) -> Answer {
    match rest {
        [text] if is_word(word, "LOAD") => {
            cache.load(sha1(text), script::by_text(text)?);
            Ok(Reply::bulk(hex(&sha1(text)).into_bytes()))
        }
        [_, ..] if is_word(word, "EXISTS") => {
            let known = |sha1: &Vec<u8>| Reply::flag(cache.script(sha1).is_some());
            Ok(Reply::Array(rest.iter().map(known).collect()))
        }
        // There is nothing to forget: the scripts are built in.
        _ if is_word(word, "FLUSH") && access < Access::Admin => Err(RedisError::NoPermission),
        _ if is_word(word, "FLUSH") && rest.len() < 2 => Ok(Reply::ok()),
        _ => Err(RedisError::ScriptSubcommand),
    }
}
