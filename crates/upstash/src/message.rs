//! What the Worker says to the object of a shard, and the object's answer: a line with a version
//! and a word, then RESP.
//!
//! Carried as text with one character for each byte, as objects are called with texts. A Worker and
//! an object may run different deployments for some minutes: an object answers in the version that
//! it was asked in, and says so when it cannot read it.
//!
//! Beside the text an object is told its [`Allowance`]. An older object does not look at that, and
//! an older Worker does not tell it.

use tollgate_versions::{Version, Versions};

use crate::bounds::{FREE_REPLY, MAX_LOOKS, MAX_REPLY};
use crate::command::arguments::integer;
use crate::commands;
use crate::error::RedisError;
use crate::glob;
use crate::keyspace::Keyspace;
use crate::protocol::resp::{read_command, read_reply, write_command, write_reply};
use crate::reply::Reply;
use crate::script::{self, Dynamic};
use crate::values::number::parse_integer;

/// The versions of messages and answers.
pub const MESSAGES: Versions = Versions::new(1);

/// The name under which a script travels: never one that a client can send, as the Worker knows no
/// such command.
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

/// What an object answered.
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

fn first_line(version: Version, word: &str) -> String {
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
pub(crate) fn script_command(parts: &script::Parts<'_>) -> Vec<Vec<u8>> {
    let name = parts.script.wire_name();
    let keys = crate::values::number::integer_text(parts.keys.len() as i64);
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

/// An object's answer.
#[derive(Debug, PartialEq)]
pub struct Reaction {
    /// As text.
    pub text: String,
    /// Whether what was changed in memory is to be thrown away and read again from storage, because
    /// nothing of it may stay.
    pub undo: bool,
}

/// Answers a message on the object's side, within one call of the keyspace, in the version that was
/// asked in. Without an allowance, as an older Worker asks, it may take what a request may.
///
/// A command past a bound is refused and the others are answered. But where it had begun to write,
/// the whole message is undone, as is one that does not fit its share.
pub fn answer(
    keyspace: &mut Keyspace,
    (version, message): (Version, &Message),
    allowance: Option<Allowance>,
) -> Reaction {
    let allowed = allowance.unwrap_or_default();
    let meter = keyspace.meter().clone();
    meter.begin(allowed.looks);
    let before = keyspace.changes();
    let answered = replies(keyspace, message, allowed);
    let undo = answered.is_err() && keyspace.changes() != before;
    let word = match answered {
        Err(Undone::More) => "more",
        _ => "done",
    };
    let looks = allowed.looks - meter.left();
    let mut text = match allowance {
        Some(_) => first_line(version, &format!("{word} {looks}")),
        None => first_line(version, word),
    };
    let mut bytes = Vec::new();
    if let Ok(replies) | Err(Undone::Refused(replies)) = answered {
        for reply in replies {
            write_reply(&mut bytes, &reply);
            // Reply by reply, so that they are not held twice.
            text.extend(bytes.drain(..).map(char::from));
        }
    }
    Reaction { text, undo }
}

/// Why nothing of a message may stay.
enum Undone {
    /// It does not fit its share.
    More,
    /// One of its commands passed a bound after it had begun to write: the replies.
    Refused(Vec<Reply>),
}

fn replies(
    keyspace: &mut Keyspace,
    message: &Message,
    allowed: Allowance,
) -> Result<Vec<Reply>, Undone> {
    let commands: &[Vec<Vec<u8>>] = match message {
        Message::Run(commands) => commands,
        _ => &[Vec::new()],
    };
    let mut room = allowed.reply;
    let mut replies = Vec::with_capacity(commands.len());
    for command in commands {
        keyspace.meter().resume();
        let before = keyspace.changes();
        let mut reply = match message {
            Message::Run(_) => run(keyspace, command),
            Message::Keys { pattern, kind } => Reply::of(keys(keyspace, pattern, kind), &[]),
            Message::Clear => {
                keyspace.wipe();
                Reply::ok()
            }
        };
        let mut passed = keyspace.meter().passed();
        if passed.is_none() && !matches!(reply, Reply::Error(_)) {
            let cost = reply.cost(room + FREE_REPLY).saturating_sub(FREE_REPLY);
            match room.checked_sub(cost) {
                Some(left) => room = left,
                None => passed = Some(RedisError::LargeReply),
            }
        }
        if let Some(bound) = passed {
            if !allowed.last {
                return Err(Undone::More);
            }
            reply = Reply::Error(bound.text(command));
        }
        let failed = matches!(reply, Reply::Error(_));
        if failed && keyspace.changes() != before {
            if !allowed.last {
                return Err(Undone::More);
            }
            let undone = Reply::Error(RedisError::Undone.text(&[]));
            let mut refused = vec![undone; commands.len()];
            refused[replies.len()] = reply;
            return Err(Undone::Refused(refused));
        }
        replies.push(reply);
    }
    Ok(replies)
}

fn run(keyspace: &mut Keyspace, command: &[Vec<u8>]) -> Reply {
    match command {
        [name, script, flag, limit, rest @ ..] if name == SCRIPT => {
            Reply::of(run_script(keyspace, [script, flag, limit], rest), &[])
        }
        _ => commands::run(keyspace, command),
    }
}

fn run_script(
    keyspace: &mut Keyspace,
    [name, flag, limit]: [&[u8]; 3],
    rest: &[Vec<u8>],
) -> Result<Reply, RedisError> {
    // A script that only a newer deployment knows: the client sends its text again, and finds this
    // object renewed.
    let script = script::Script::from_wire_name(name).ok_or(RedisError::NoScript)?;
    let (count, rest) = rest.split_first().ok_or(RedisError::Syntax)?;
    let count = usize::try_from(integer(count)?).map_err(|_| RedisError::Syntax)?;
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
    let meter = keyspace.meter();
    let wanted = listed.filter(|listed| {
        let of_kind = kind.is_empty() || kind.eq_ignore_ascii_case(listed.kind.name().as_bytes());
        of_kind && glob::matches(pattern, &listed.key, meter)
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
            assert_eq!(Message::decode(text), Ok((MESSAGES.written(), message)));
        }
        let mut keyspace = Keyspace::new(Box::new(Nothing), true, 7);
        keyspace.begin(0);
        let message = Message::Run(vec![words("SADD s x"), words("GET n"), words("ECHO x")]);
        let allowed = Allowance {
            reply: 100,
            looks: 50,
            last: false,
        };
        for (allowance, first, looks) in [(None, "1 done\n", 0), (Some(allowed), "1 done 1\n", 1)] {
            let Reaction { text, undo } =
                answer(&mut keyspace, (MESSAGES.written(), &message), allowance);
            let rest = text.strip_prefix(first).unwrap();
            assert!(!undo && (rest.starts_with(":1\r\n$-1\r\n-ERR") || looks == 1));
            let replies = decode_answer(text, 3);
            assert!(
                matches!(replies, Some(Answered::Done(replies, n)) if n == looks && replies.len() == 3)
            );
        }
        for (text, answered) in [
            ("1 more 7\n", Answered::More(7)),
            (
                "1 done 3\n$3\r\n\0\u{80}\u{ff}\r\n",
                Answered::Done(vec![Reply::bulk([0, 0x80, 0xff])], 3),
            ),
        ] {
            assert_eq!(decode_answer(text.to_owned(), 1), Some(answered));
        }
    }

    struct Nothing;

    impl crate::keyspace::Rows for Nothing {
        fn read(&mut self, _: &[u8], _: usize) -> Result<Vec<crate::keyspace::Row>, RedisError> {
            Ok(Vec::new())
        }

        fn head(&mut self, _: &[u8]) -> Result<Option<crate::keyspace::Listed>, RedisError> {
            Ok(None)
        }

        fn list(&mut self, _: usize) -> Result<Vec<crate::keyspace::Listed>, RedisError> {
            Ok(Vec::new())
        }
    }

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
