//! Commands that need no keys: answered where they arrive.

use crate::command::{display_name, is_word, Access};
use crate::isolate::Isolate;
use crate::number::integer_text;
use crate::reply::{RedisError, Reply};
use crate::script;
use crate::sha1::{hex, sha1};

type Answer = Result<Reply, RedisError>;

/// Answers such a command at `now` (Unix ms).
pub(crate) fn run(command: &[Vec<u8>], access: Access, now: i64, isolate: &mut Isolate) -> Answer {
    let name = display_name(&command[0]);
    match (name.as_str(), &command[1..]) {
        ("ping", []) => Ok(Reply::Status(b"PONG".to_vec())),
        ("ping" | "echo", [message]) => Ok(Reply::Bulk(message.clone())),
        ("time", _) => Ok(Reply::Array(
            [now / 1000, now % 1000 * 1000]
                .map(|part| Reply::Bulk(integer_text(part)))
                .into(),
        )),
        ("info", _) => Ok(Reply::Bulk(INFO.to_vec())),
        ("script", [word, rest @ ..]) => script_command(word, rest, access, isolate),
        _ => Err(RedisError::Arity(name)),
    }
}

/// What a client may look for: which Redis this is like.
const INFO: &[u8] =
    b"# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\nserver_name:tollgate\r\n";

fn script_command(word: &[u8], rest: &[Vec<u8>], access: Access, isolate: &mut Isolate) -> Answer {
    match rest {
        [text] if is_word(word, "LOAD") => {
            isolate.load(sha1(text), script::by_text(text)?);
            Ok(Reply::Bulk(hex(&sha1(text)).into_bytes()))
        }
        [_, ..] if is_word(word, "EXISTS") => {
            let known = |sha1: &Vec<u8>| Reply::flag(isolate.script(sha1).is_some());
            Ok(Reply::Array(rest.iter().map(known).collect()))
        }
        // There is nothing to forget: the scripts are built in.
        _ if is_word(word, "FLUSH") && access < Access::Admin => Err(RedisError::NoPermission("script|flush".to_owned())),
        _ if is_word(word, "FLUSH") && rest.len() < 2 => Ok(Reply::ok()),
        _ => Err(RedisError::Plain("ERR unknown subcommand or wrong number of arguments for 'script': there are LOAD, EXISTS and FLUSH")),
    }
}
