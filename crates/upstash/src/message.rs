//! The messages between the Worker and the object of a shard: a line with a version and a word,
//! then RESP.
//!
//! Carried as text with one character for each byte, as objects are called with texts. A Worker and
//! an object may run different deployments for some minutes: an object answers in the version that
//! it was asked in, and says so when it cannot read it.
//!
//! An [`Allowance`] is sent beside the text. An older object ignores it, and an older Worker does
//! not send it.

use tollgate_versions::{Version, Versions};

use crate::bounds::{MAX_LOOKS, MAX_REPLY};
use crate::protocol::resp::{read_command, read_reply, write_command};
use crate::reply::Reply;
use crate::script::Parts;
use crate::values::number::{integer_text, parse_integer};

/// The versions of messages and answers.
pub const MESSAGES: Versions = Versions::new(1);

/// The name under which a script travels: never one that a client can send, as the Worker knows no
/// such command.
pub(crate) const SCRIPT: &[u8] = b"@script";

/// A message to an object.
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

/// What answering one message may take: bytes of replies and looks at members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Bytes of all replies together; small ones are not counted.
    pub reply: usize,
    /// Members looked at.
    pub looks: usize,
    /// Whether it is all that the request has. Otherwise it is a share: a message that needs more
    /// is not executed, and asked again.
    pub last: bool,
}

impl Default for Allowance {
    /// Everything that a request may take.
    fn default() -> Self {
        Allowance {
            reply: MAX_REPLY,
            looks: MAX_LOOKS,
            last: true,
        }
    }
}

/// Why a message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is of a version that this build does not read.
    OtherVersion,
    /// It is not in the form of its version.
    Damaged,
}

impl Message {
    /// The message as text, in the version that is written.
    pub fn encode(&self) -> String {
        self.encode_in(MESSAGES.written())
    }

    /// The message as text, for an object that reads this version.
    pub fn encode_in(&self, version: Version) -> String {
        match self {
            Message::Run(commands) => encode(version, "run", commands.iter().map(Vec::as_slice)),
            Message::Keys { pattern, kind } => {
                encode(version, "keys", [&[pattern.clone(), kind.clone()][..]])
            }
            Message::Clear => encode(version, "clear", []),
        }
    }

    /// Reads a message, and the version in which it is to be answered.
    pub fn decode(text: &str) -> Result<(Version, Message), Unreadable> {
        let bytes = to_bytes(text);
        let (version, word, body) = read_line(&bytes)?;
        let message = Message::read(word, body).ok_or(Unreadable::Damaged)?;
        Ok((version, message))
    }

    fn read(word: &[u8], mut body: &[u8]) -> Option<Message> {
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

/// The message to run these commands, as text.
pub(crate) fn encode_run<'a>(commands: impl IntoIterator<Item = &'a [Vec<u8>]>) -> String {
    encode(MESSAGES.written(), "run", commands)
}

/// A message that was encoded, in another version; `None` when it cannot be read.
pub fn in_version(text: &str, version: Version) -> Option<String> {
    let (_, message) = Message::decode(text).ok()?;
    Some(message.encode_in(version))
}

fn encode<'a>(
    version: Version,
    word: &str,
    commands: impl IntoIterator<Item = &'a [Vec<u8>]>,
) -> String {
    let mut text = first_line(version, word);
    let mut bytes = Vec::new();
    for command in commands {
        write_command(&mut bytes, command);
        // Command by command, so that they are not held twice.
        text.extend(bytes.drain(..).map(char::from));
    }
    text
}

/// An object's answer.
#[derive(Debug, PartialEq)]
pub(crate) enum Answered {
    /// One reply for each command, and how many members were looked at for them.
    Done(Vec<Reply>, usize),
    /// Nothing was executed: it needs more than it was allowed. So many members were looked at.
    More(usize),
}

/// Reads an object's answer, which has to hold as many replies as were asked for.
pub(crate) fn decode_answer(text: String, count: usize) -> Option<Answered> {
    let bytes = to_bytes(&text);
    drop(text);
    let (_, line, mut body) = read_line(&bytes).ok()?;
    let (word, looks) = match line.iter().position(|&byte| byte == b' ') {
        Some(space) => (&line[..space], parse_integer(&line[space + 1..])?),
        None => (line, 0),
    };
    let looks = usize::try_from(looks).ok()?;
    match word {
        b"done" => {
            let replies: Option<Vec<Reply>> = (0..count).map(|_| read_reply(&mut body)).collect();
            let replies = replies.filter(|_| body.is_empty())?;
            Some(Answered::Done(replies, looks))
        }
        b"more" => Some(Answered::More(looks)),
        _ => None,
    }
}

pub(crate) fn first_line(version: Version, word: &str) -> String {
    format!("{version} {}{word}\n", version.mark())
}

/// The version, the rest of the first line, and what follows it.
fn read_line(bytes: &[u8]) -> Result<(Version, &[u8], &[u8]), Unreadable> {
    let space = bytes.iter().position(|&byte| byte == b' ');
    let (number, rest) = bytes.split_at(space.ok_or(Unreadable::Damaged)?);
    let number = core::str::from_utf8(number).ok();
    let number = number.and_then(|number| number.parse().ok());
    let version = MESSAGES
        .read(number.ok_or(Unreadable::Damaged)?)
        .ok_or(Unreadable::OtherVersion)?;
    let rest = &rest[1..];
    let end = rest.iter().position(|&byte| byte == b'\n');
    let (line, body) = rest.split_at(end.ok_or(Unreadable::Damaged)?);
    let line = line.strip_prefix(version.mark().as_bytes());
    Ok((version, line.ok_or(Unreadable::Damaged)?, &body[1..]))
}

/// A character beyond a byte is never written; its low byte then makes the message damaged.
fn to_bytes(text: &str) -> Vec<u8> {
    text.chars().map(|letter| letter as u32 as u8).collect()
}

/// A script as the Worker hands it to the object, which reads the dynamic limit itself unless
/// `give_limit` says what it is.
pub(crate) fn script_command(parts: &Parts<'_>) -> Vec<Vec<u8>> {
    let name = parts.script.wire_name();
    let keys = integer_text(parts.keys.len() as i64);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Script;
    use crate::tests::words;

    #[test]
    fn other_versions_and_what_is_damaged_are_refused() {
        for text in ["0 clear\n", "2 clear\n", "10 clear\n"] {
            assert_eq!(
                Message::decode(text),
                Err(Unreadable::OtherVersion),
                "{text}"
            );
        }
        for text in [
            "clear\n",
            "x clear\n",
            "1\n",
            "",
            "1 dance\n",
            "1 run\n*1\r\n",
            "1 clear",
        ] {
            assert_eq!(Message::decode(text), Err(Unreadable::Damaged), "{text}");
        }
        for (text, count) in [
            ("1 done\n:1\r\n", 2),
            ("1 done\n:1\r\n:2\r\n", 1),
            ("2 done\n", 0),
            ("1 refused code=unavailable detail=otherVersion", 0),
            ("1 refused\n", 0),
            ("1 done x\n", 0),
        ] {
            assert_eq!(decode_answer(text.to_owned(), count), None, "{text}");
        }
    }

    #[test]
    fn a_script_travels_with_its_limit() {
        let (keys, arguments) = (words("p:u:7 p:dynamic:global"), words("5 60000 1"));
        let parts = Parts {
            script: Script::F3,
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
