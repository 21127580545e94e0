//! What the Worker says to the object of a shard, and the object's answer: a line with a version and a word, then RESP.
//!
//! Carried as text with one character for each byte, as objects are called with texts. Version N understands N − 1 and N + 1,
//! because a Worker and an object may run different deployments for some minutes.

use crate::command;
use crate::error::RedisError;
use crate::glob;
use crate::keyspace::Keyspace;
use crate::reply::Reply;
use crate::resp::{read_command, read_reply, write_command, write_reply};
use crate::script::{self, Dynamic};

/// The version written here.
const VERSION: u8 = 1;

/// The name under which a script travels: never one that a client can send, as the Worker knows no such command.
const SCRIPT: &[u8] = b"@script";

/// What an object is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// To run commands, in order.
    Run(Vec<Vec<Vec<u8>>>),
    /// For its keys that fit a pattern and, unless that is empty, are of a type.
    Keys {
        /// The pattern.
        pattern: Vec<u8>,
        /// The type, as the command `TYPE` names it, or empty.
        kind: Vec<u8>,
    },
    /// To delete everything.
    Clear,
}

impl Message {
    /// The message as text.
    pub fn encode(&self) -> String {
        let mut bytes = Vec::new();
        let word = match self {
            Message::Run(_) => "run",
            Message::Keys { .. } => "keys",
            Message::Clear => "clear",
        };
        write_line(&mut bytes, word);
        match self {
            Message::Run(commands) => commands
                .iter()
                .for_each(|command| write_command(&mut bytes, command)),
            Message::Keys { pattern, kind } => {
                write_command(&mut bytes, &[pattern.clone(), kind.clone()])
            }
            Message::Clear => {}
        }
        to_text(&bytes)
    }

    /// Reads a message; `None` when it is damaged or of a version too far away.
    pub fn decode(text: &str) -> Option<Message> {
        let bytes = to_bytes(text);
        let (word, mut body) = read_line(&bytes)?;
        Some(match word {
            b"run" => {
                let mut commands = Vec::new();
                while !body.is_empty() {
                    commands.push(read_command(&mut body)?);
                }
                Message::Run(commands)
            }
            b"keys" => {
                let mut parts = read_command(&mut body)?.into_iter();
                Message::Keys {
                    pattern: parts.next()?,
                    kind: parts.next()?,
                }
            }
            b"clear" => Message::Clear,
            _ => return None,
        })
    }
}

/// An object's answer as text.
pub fn encode_replies(replies: &[Reply]) -> String {
    let mut bytes = Vec::new();
    write_line(&mut bytes, "done");
    replies
        .iter()
        .for_each(|reply| write_reply(&mut bytes, reply));
    to_text(&bytes)
}

/// Reads an object's answer, which has to hold as many replies as were asked for.
pub fn decode_replies(text: &str, count: usize) -> Option<Vec<Reply>> {
    let bytes = to_bytes(text);
    let (word, mut body) = read_line(&bytes)?;
    if word != b"done" {
        return None;
    }
    let replies: Option<Vec<Reply>> = (0..count).map(|_| read_reply(&mut body)).collect();
    replies.filter(|_| body.is_empty())
}

fn write_line(bytes: &mut Vec<u8>, word: &str) {
    bytes.extend_from_slice(&[b'0' + VERSION, b' ']);
    bytes.extend_from_slice(word.as_bytes());
    bytes.push(b'\n');
}

/// The word of the first line, and what follows it.
fn read_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|&byte| byte == b'\n')?;
    let [version, b' ', word @ ..] = &bytes[..end] else {
        return None;
    };
    let near = version
        .checked_sub(b'0')
        .is_some_and(|version| version.abs_diff(VERSION) <= 1);
    near.then_some((word, &bytes[end + 1..]))
}

fn to_text(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

/// A character beyond a byte is never written; its low byte then makes the message damaged.
fn to_bytes(text: &str) -> Vec<u8> {
    text.chars().map(|letter| letter as u32 as u8).collect()
}

/// A script as the Worker hands it to the object, which reads the dynamic limit itself unless `give_limit` says what it is.
pub(crate) fn script_command(parts: &script::Parts<'_>) -> Vec<Vec<u8>> {
    let name = parts.script.wire_name();
    let keys = crate::number::integer_text(parts.keys.len() as i64);
    let head = [SCRIPT, name.as_bytes(), b"stored", b"", &keys];
    let rest = parts.keys.iter().chain(parts.arguments).cloned();
    head.iter().map(|word| word.to_vec()).chain(rest).collect()
}

/// Adds to a script's command what its dynamic-limit key holds, where that lives in another object.
pub(crate) fn give_limit(command: &mut [Vec<u8>], limit: Option<&[u8]>) {
    command[2] = if limit.is_some() {
        b"given".to_vec()
    } else {
        b"none".to_vec()
    };
    command[3] = limit.unwrap_or_default().to_vec();
}

/// Answers a message on the object's side, within one call of the keyspace.
pub fn answer(keyspace: &mut Keyspace, message: &Message) -> Vec<Reply> {
    match message {
        Message::Run(commands) => commands
            .iter()
            .map(|command| run(keyspace, command))
            .collect(),
        Message::Keys { pattern, kind } => vec![Reply::of(keys(keyspace, pattern, kind), &[])],
        Message::Clear => {
            keyspace.wipe();
            vec![Reply::ok()]
        }
    }
}

fn run(keyspace: &mut Keyspace, command: &[Vec<u8>]) -> Reply {
    match command {
        [name, script, flag, limit, rest @ ..] if name == SCRIPT => {
            Reply::of(run_script(keyspace, [script, flag, limit], rest), &[])
        }
        _ => command::run(keyspace, command),
    }
}

fn run_script(
    keyspace: &mut Keyspace,
    [name, flag, limit]: [&[u8]; 3],
    rest: &[Vec<u8>],
) -> Result<Reply, RedisError> {
    // A script that only a newer deployment knows: the client sends its text again, and finds this object renewed.
    let script = script::Script::from_wire_name(name).ok_or(RedisError::NoScript)?;
    let (count, rest) = rest.split_first().ok_or(RedisError::Syntax)?;
    let count = usize::try_from(command::integer(count)?).map_err(|_| RedisError::Syntax)?;
    let (keys, arguments) = rest.split_at_checked(count).ok_or(RedisError::Syntax)?;
    if keyspace.is_full() && !script.reads_only() {
        return Err(RedisError::OutOfMemory);
    }
    let dynamic = match flag {
        b"given" => Dynamic::Given(Some(limit)),
        b"none" => Dynamic::Given(None),
        _ => Dynamic::Stored,
    };
    script::run(
        keyspace,
        &script::Parts {
            script,
            keys,
            arguments,
        },
        dynamic,
    )
}

fn keys(keyspace: &mut Keyspace, pattern: &[u8], kind: &[u8]) -> Result<Reply, RedisError> {
    let listed = keyspace.keys()?.into_iter();
    let wanted = listed.filter(|listed| {
        let of_kind = kind.is_empty() || kind.eq_ignore_ascii_case(listed.kind.name().as_bytes());
        of_kind && glob::matches(pattern, &listed.key)
    });
    Ok(Reply::bulks(wanted.map(|listed| listed.key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Vec<u8>> {
        text.split(' ')
            .map(|word| word.as_bytes().to_vec())
            .collect()
    }

    #[test]
    fn messages_and_answers_have_these_forms_on_the_wire() {
        for (message, text) in [
            (
                Message::Run(vec![words("GET k"), vec![vec![0xff]]]),
                "1 run\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n$1\r\n\u{ff}\r\n",
            ),
            (
                Message::Keys {
                    pattern: b"*".to_vec(),
                    kind: vec![],
                },
                "1 keys\n*2\r\n$1\r\n*\r\n$0\r\n\r\n",
            ),
            (Message::Clear, "1 clear\n"),
        ] {
            assert_eq!(message.encode(), text);
            assert_eq!(Message::decode(text), Some(message));
        }
        let replies = [Reply::Integer(1), Reply::bulk([0, 0x80, 0xff])];
        let text = encode_replies(&replies);
        assert_eq!(text, "1 done\n:1\r\n$3\r\n\0\u{80}\u{ff}\r\n");
        assert_eq!(decode_replies(&text, 2), Some(replies.to_vec()));
    }

    #[test]
    fn the_versions_beside_this_one_are_understood_and_others_refused() {
        assert_eq!(Message::decode("2 clear\n"), Some(Message::Clear));
        for text in [
            "3 clear\n",
            "clear\n",
            "",
            "1 dance\n",
            "1 run\n*1\r\n",
            "1 clear",
        ] {
            assert_eq!(Message::decode(text), None, "{text}");
        }
        for (text, count) in [
            ("1 done\n:1\r\n", 2),
            ("1 done\n:1\r\n:2\r\n", 1),
            ("4 done\n", 0),
            ("1 refused\n", 0),
        ] {
            assert_eq!(decode_replies(text, count), None, "{text}");
        }
    }

    #[test]
    fn a_script_travels_with_its_limit() {
        let (keys, arguments) = (words("p:u:7 p:dynamic:global"), words("5 60000 1"));
        let parts = script::Parts {
            script: script::Script::F3,
            keys: &keys,
            arguments: &arguments,
        };
        let mut command = script_command(&parts);
        give_limit(&mut command, Some(b"9"));
        assert_eq!(
            command,
            words("@script 472e55443b62f60d given 9 2 p:u:7 p:dynamic:global 5 60000 1")
        );
    }
}
