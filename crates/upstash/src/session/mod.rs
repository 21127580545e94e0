//! One HTTP request's commands, from beginning to end: which objects are asked what, in which order, and what comes of the answers.
//!
//! No I/O happens here. `advance` says what to ask next, all at once, and is called again with the answers. Commands that touch the
//! same key keep their order; commands on different objects run at the same time; an object that does not answer fails its own
//! commands and no others.

mod plan;

use plan::{Piece, Step};

use crate::command::Access;
use crate::error::RedisError;
use crate::everywhere::Everywhere;
use crate::isolate::Isolate;
use crate::merge::{either, merge};
use crate::message::{decode_replies, give_limit, Message};
use crate::protocol::Sent;
use crate::reply::Reply;

/// Something to ask.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// An object of a shard, by name.
    Object {
        /// The name.
        name: String,
        /// The message.
        text: String,
    },
    /// The directory, for names of objects in their order.
    Names {
        /// What they begin with.
        prefix: String,
        /// Only names behind this one; empty for the first.
        after: String,
        /// How many at most.
        limit: u32,
    },
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// An object's answer.
    Text(String),
    /// The directory's.
    Names(Vec<String>),
    /// None came.
    Failed,
}

/// How it goes on.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// All of these are to be asked at once; their answers belong in the same order into `advance`.
    Ask(Vec<Ask>),
    /// One reply for each command.
    Done(Vec<Reply>),
}

/// One part of a command, for one object.
struct Part {
    /// The command's place in the request.
    slot: usize,
    /// Whether it asks another object what the part before it asks.
    again: bool,
    /// Which of the wave's objects.
    object: usize,
    command: Vec<Vec<u8>>,
    /// Object and key of the dynamic limit that a script needs beforehand.
    limit: Option<(String, Vec<u8>)>,
    /// What came of it, once that is known.
    reply: Option<Reply>,
}

/// What is asked at once: the parts of commands in their order, and the objects that they are for.
#[derive(Default)]
struct Wave {
    objects: Vec<String>,
    parts: Vec<Part>,
    /// The dynamic limits that have to be read before.
    limits: Vec<(String, Vec<u8>)>,
}

/// What is under way.
enum Waiting {
    Nothing,
    Limits(Wave),
    Replies(Wave),
    Everywhere(usize, Everywhere),
}

/// The commands of one request.
pub struct Session {
    access: Access,
    prefix: String,
    commands: Vec<Sent>,
    replies: Vec<Reply>,
    /// The first command that has not been looked at.
    at: usize,
    /// The one object of a transaction.
    only: Option<String>,
    asked_at: i64,
    waiting: Waiting,
}

impl Session {
    /// Begins. `prefix` is what the names of the namespace's objects begin with.
    pub fn new(commands: Vec<Sent>, access: Access, prefix: String) -> Session {
        let replies = vec![Reply::Nil; commands.len()];
        let waiting = Waiting::Nothing;
        Session {
            access,
            prefix,
            commands,
            replies,
            at: 0,
            only: None,
            asked_at: 0,
            waiting,
        }
    }

    /// The same for a transaction: refused as a whole when any command cannot be run at all, or when its keys live in different
    /// objects, as it would then not be one. The error with the command that it is about.
    pub fn transaction(
        commands: Vec<Sent>,
        access: Access,
        prefix: String,
        isolate: &mut Isolate,
    ) -> Result<Session, String> {
        let mut session = Session::new(commands, access, prefix);
        match session.common_object(isolate) {
            Ok(only) => {
                session.only = only;
                Ok(session)
            }
            Err((slot, error)) => {
                Err(error.text(session.commands[slot].as_deref().unwrap_or_default()))
            }
        }
    }

    /// The object that can run every command; `None` when none of them needs any.
    fn common_object(&self, isolate: &mut Isolate) -> Result<Option<String>, (usize, RedisError)> {
        let mut common: Option<Vec<String>> = None;
        for slot in 0..self.commands.len() {
            let pieces = match self.step(slot, isolate).map_err(|error| (slot, error))? {
                Step::Reply(_) => continue,
                Step::Everywhere(..) => return Err((slot, RedisError::CrossShard)),
                Step::Pieces(pieces) => pieces,
            };
            for piece in pieces {
                let homes = match common {
                    None => piece.homes,
                    Some(mut common) => {
                        common.retain(|home| piece.homes.contains(home));
                        common
                    }
                };
                if homes.is_empty() {
                    return Err((slot, RedisError::CrossShard));
                }
                common = Some(homes);
            }
        }
        Ok(common.and_then(|homes| homes.into_iter().next()))
    }

    /// Goes on with the answers to what was asked last; at the first call there are none. `now` is Unix ms.
    pub fn advance(&mut self, answers: Vec<Answer>, isolate: &mut Isolate, now: i64) -> Next {
        match std::mem::replace(&mut self.waiting, Waiting::Nothing) {
            Waiting::Nothing => {}
            Waiting::Limits(mut wave) => {
                for ((object, key), answer) in
                    std::mem::take(&mut wave.limits).into_iter().zip(answers)
                {
                    let reply = replies_in(&answer, 1).pop().unwrap_or(Reply::Nil);
                    wave.give(&object, &key, &reply);
                    if let Some(value) = limit_of(reply) {
                        isolate.set_limit(object, key, value, self.asked_at);
                    }
                }
                if let Some(next) = self.send(wave, isolate) {
                    return next;
                }
            }
            Waiting::Replies(mut wave) => {
                wave.receive(&answers);
                self.finish(wave, isolate);
            }
            Waiting::Everywhere(slot, mut everywhere) => match everywhere.receive(answers) {
                Ok(reply) => self.replies[slot] = reply,
                Err(asks) => {
                    self.waiting = Waiting::Everywhere(slot, everywhere);
                    return Next::Ask(asks);
                }
            },
        }
        self.asked_at = now;
        while self.at < self.commands.len() {
            if let Some(next) = self.begin(isolate) {
                return next;
            }
        }
        Next::Done(std::mem::take(&mut self.replies))
    }

    /// Takes as many of the next commands together as can be asked at once; `None` when nothing needs asking.
    fn begin(&mut self, isolate: &mut Isolate) -> Option<Next> {
        let mut wave = Wave::default();
        while self.at < self.commands.len() {
            let slot = self.at;
            match self.step(slot, isolate) {
                Err(error) => {
                    let command = self.commands[slot].as_deref().unwrap_or_default();
                    self.replies[slot] = Reply::Error(error.text(command));
                }
                Ok(Step::Reply(reply)) => self.replies[slot] = reply,
                Ok(Step::Pieces(pieces)) => {
                    if pieces.iter().any(|piece| wave.may_change_limit_of(piece)) {
                        break;
                    }
                    for piece in pieces {
                        wave.add(slot, piece, self.only.as_ref());
                    }
                }
                // What comes before it has to be done first, and what comes behind has to wait.
                Ok(Step::Everywhere(..)) if !wave.parts.is_empty() => break,
                Ok(Step::Everywhere(everywhere, asks)) => {
                    self.at += 1;
                    isolate.forget_limits(&self.prefix);
                    self.waiting = Waiting::Everywhere(slot, everywhere);
                    return Some(Next::Ask(asks));
                }
            }
            self.at += 1;
        }
        wave.find_limits(isolate, self.asked_at);
        if wave.limits.is_empty() {
            return self.send(wave, isolate);
        }
        let asks = wave.limits.iter().map(|(object, key)| {
            let text = Message::Run(vec![vec![b"GET".to_vec(), key.clone()]]).encode();
            Ask::Object {
                name: object.clone(),
                text,
            }
        });
        let next = Next::Ask(asks.collect());
        self.waiting = Waiting::Limits(wave);
        Some(next)
    }

    /// Asks the objects; `None` when nothing is left to ask.
    fn send(&mut self, wave: Wave, isolate: &mut Isolate) -> Option<Next> {
        let mut asks = Vec::new();
        for (object, name) in wave.objects.iter().enumerate() {
            let open = wave
                .parts
                .iter()
                .filter(|part| part.object == object && part.reply.is_none());
            let commands: Vec<_> = open.map(|part| part.command.clone()).collect();
            if !commands.is_empty() {
                asks.push(Ask::Object {
                    name: name.clone(),
                    text: Message::Run(commands).encode(),
                });
            }
        }
        if asks.is_empty() {
            self.finish(wave, isolate);
            return None;
        }
        self.waiting = Waiting::Replies(wave);
        Some(Next::Ask(asks))
    }

    /// Makes of each command's parts one reply.
    fn finish(&mut self, wave: Wave, isolate: &mut Isolate) {
        let mut last = None;
        let mut parts = wave.parts.into_iter().peekable();
        while let Some(part) = parts.next() {
            // It may have been a dynamic limit that this has changed.
            if let [name, key, ..] = &part.command[..] {
                isolate.forget_limit_if_written(&wave.objects[part.object], key, name);
            }
            let mut reply = part.reply.unwrap_or(Reply::Nil);
            while let Some(other) = parts.next_if(|next| next.again) {
                reply = either(reply, other.reply.unwrap_or(Reply::Nil));
            }
            self.replies[part.slot] = match last {
                Some(slot) if slot == part.slot => {
                    let before = std::mem::replace(&mut self.replies[part.slot], Reply::Nil);
                    merge(before, reply)
                }
                _ => reply,
            };
            last = Some(part.slot);
        }
    }
}

impl Wave {
    fn add(&mut self, slot: usize, piece: Piece, only: Option<&String>) {
        let mut again = false;
        for home in piece.homes {
            if only.is_some_and(|only| *only != home) {
                continue;
            }
            let known = self.objects.iter().position(|object| *object == home);
            let object = known.unwrap_or_else(|| {
                self.objects.push(home);
                self.objects.len() - 1
            });
            let (command, limit) = (piece.command.clone(), piece.limit.clone());
            self.parts.push(Part {
                slot,
                again,
                object,
                command,
                limit,
                reply: None,
            });
            again = true;
        }
    }

    /// Whether the dynamic limit that a piece needs may be changed by what is asked before it.
    fn may_change_limit_of(&self, piece: &Piece) -> bool {
        piece.limit.as_ref().is_some_and(|(_, key)| {
            self.parts.iter().any(|part| {
                part.command.contains(key)
                    && part.limit.as_ref().is_none_or(|(_, limit)| limit != key)
            })
        })
    }

    /// Gives every script the dynamic limit that is known, and notes those that have to be read.
    fn find_limits(&mut self, isolate: &Isolate, now: i64) {
        for part in &mut self.parts {
            let Some(limit) = &part.limit else { continue };
            match isolate.limit(&limit.0, &limit.1, now) {
                Some(value) => give_limit(&mut part.command, value),
                None if !self.limits.contains(limit) => self.limits.push(limit.clone()),
                None => {}
            }
        }
    }

    /// Gives a dynamic limit that was read, or the error of reading it, to the scripts that need it.
    fn give(&mut self, object: &str, key: &[u8], read: &Reply) {
        for part in &mut self.parts {
            if !part
                .limit
                .as_ref()
                .is_some_and(|limit| limit.0 == object && limit.1 == key)
            {
                continue;
            }
            match read {
                Reply::Bulk(value) => give_limit(&mut part.command, Some(value)),
                Reply::Nil => give_limit(&mut part.command, None),
                error => part.reply = Some(error.clone()),
            }
        }
    }

    /// Takes the answers of the objects that had anything to answer.
    fn receive(&mut self, answers: &[Answer]) {
        let mut answers = answers.iter();
        for object in 0..self.objects.len() {
            let open = |part: &&mut Part| part.object == object && part.reply.is_none();
            let parts: Vec<&mut Part> = self.parts.iter_mut().filter(open).collect();
            if parts.is_empty() {
                continue;
            }
            let replies = replies_in(answers.next().unwrap_or(&Answer::Failed), parts.len());
            for (part, reply) in parts.into_iter().zip(replies) {
                part.reply = Some(reply);
            }
        }
    }
}

/// So many replies, out of the answer of an object; all of them errors when there is none.
fn replies_in(answer: &Answer, count: usize) -> Vec<Reply> {
    let replies = match answer {
        Answer::Text(text) => decode_replies(text, count),
        _ => None,
    };
    replies.unwrap_or_else(|| vec![Reply::Error(RedisError::Unreachable.text(&[])); count])
}

/// What a dynamic limit's key holds; the outer `None` when that could not be read.
fn limit_of(reply: Reply) -> Option<Option<Vec<u8>>> {
    match reply {
        Reply::Bulk(value) => Some(Some(value.to_vec())),
        Reply::Nil => Some(None),
        _ => None,
    }
}
