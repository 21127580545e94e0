//! An object's side of a message: runs what it asks on the object's keys, within its allowance.

use tollgate_versions::Version;

use crate::bounds::FREE_REPLY;
use crate::command::arguments::integer;
use crate::commands;
use crate::error::RedisError;
use crate::glob;
use crate::keyspace::Keyspace;
use crate::message::{first_line, Allowance, Message, SCRIPT};
use crate::protocol::resp::write_reply;
use crate::reply::Reply;
use crate::script::{self, Dynamic};

/// An object's answer.
#[derive(Debug, PartialEq)]
pub struct Reaction {
    /// As text.
    pub text: String,
    /// Whether the object has to drop the changes in memory and load its keys from storage again.
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

/// Why a message is undone.
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
    use crate::keyspace::{Listed, Row, Rows};
    use crate::message::{decode_answer, Answered, MESSAGES};
    use crate::tests::words;

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

    impl Rows for Nothing {
        fn read(&mut self, _: &[u8], _: usize) -> Result<Vec<Row>, RedisError> {
            Ok(Vec::new())
        }

        fn head(&mut self, _: &[u8]) -> Result<Option<Listed>, RedisError> {
            Ok(None)
        }

        fn list(&mut self, _: usize) -> Result<Vec<Listed>, RedisError> {
            Ok(Vec::new())
        }
    }
}
