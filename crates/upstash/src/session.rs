//! One HTTP request's commands, from beginning to end: which objects are asked what, in which order, and what comes of the answers.
//!
//! No I/O happens here. `advance` says what to ask next, all at once, and is called again with the answers. Commands that touch the
//! same key keep their order; commands on different objects run at the same time; an object that does not answer fails its own
//! commands and no others.

use crate::command::{self, Access, Command, Place};
use crate::everywhere::Everywhere;
use crate::isolate::Isolate;
use crate::local;
use crate::merge::merge;
use crate::message::{decode_replies, give_limit, script_command, Message};
use crate::placement::object_name;
use crate::protocol::Sent;
use crate::reply::{RedisError, Reply};
use crate::route;

/// Said when an object did not answer.
pub(crate) const UNREACHABLE: RedisError = RedisError::Plain(
    "ERR the keys could not be reached in time. Nothing says whether the command was executed; try again shortly",
);

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
    /// Where it stands among the command's parts.
    order: usize,
    command: Vec<Vec<u8>>,
    /// Object and key of the dynamic limit that a script needs beforehand.
    limit: Option<(String, Vec<u8>)>,
    /// What came of it, once that is known.
    reply: Option<Reply>,
}

/// What one object is asked.
struct Call {
    object: String,
    parts: Vec<Part>,
}

/// A piece of a command that goes to one object, or to each of two that may hold its key.
struct Piece {
    homes: Vec<String>,
    command: Vec<Vec<u8>>,
    limit: Option<(String, Vec<u8>)>,
}

/// What one command needs.
enum Step {
    Reply(Reply),
    Pieces(Vec<Piece>),
    Everywhere(Everywhere, Vec<Ask>),
}

/// A dynamic limit: what its key holds, or the error that reading it came to.
struct Limit {
    object: String,
    key: Vec<u8>,
    value: Result<Option<Vec<u8>>, Reply>,
}

/// What is under way.
enum Wave {
    Nothing,
    /// The dynamic limits that are being read, those that are known, and the calls that need them.
    Limits(Vec<(String, Vec<u8>)>, Vec<Limit>, Vec<Call>),
    Calls(Vec<Call>),
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
    wave: Wave,
}

impl Session {
    /// Begins. `prefix` is what the names of the namespace's objects begin with.
    pub fn new(commands: Vec<Sent>, access: Access, prefix: String) -> Session {
        let replies = vec![Reply::Nil; commands.len()];
        let wave = Wave::Nothing;
        Session {
            access,
            prefix,
            commands,
            replies,
            at: 0,
            only: None,
            asked_at: 0,
            wave,
        }
    }

    /// The same for a transaction: refused as a whole when any command cannot be run at all, or when its keys live in different
    /// objects, as it would then not be one.
    pub fn transaction(
        commands: Vec<Sent>,
        access: Access,
        prefix: String,
        isolate: &mut Isolate,
    ) -> Result<Session, RedisError> {
        let mut session = Session::new(commands, access, prefix);
        let mut common: Option<Vec<String>> = None;
        for command in &session.commands {
            let pieces =
                match session.step(command.as_ref().map_err(RedisError::clone)?, isolate)? {
                    Step::Reply(_) => continue,
                    Step::Everywhere(..) => return Err(RedisError::CrossShard),
                    Step::Pieces(pieces) => pieces,
                };
            for piece in pieces {
                let homes = match common {
                    None => piece.homes,
                    Some(common) => common
                        .into_iter()
                        .filter(|home| piece.homes.contains(home))
                        .collect(),
                };
                if homes.is_empty() {
                    return Err(RedisError::CrossShard);
                }
                common = Some(homes);
            }
        }
        session.only = common.and_then(|homes| homes.into_iter().next());
        Ok(session)
    }

    /// Goes on with the answers to what was asked last; at the first call there are none. `now` is Unix ms.
    pub fn advance(&mut self, answers: Vec<Answer>, isolate: &mut Isolate, now: i64) -> Next {
        match std::mem::replace(&mut self.wave, Wave::Nothing) {
            Wave::Nothing => {}
            Wave::Limits(missing, mut known, calls) => {
                for ((object, key), answer) in missing.into_iter().zip(answers) {
                    let value = limit_in(&answer);
                    if let Ok(value) = &value {
                        isolate.set_limit(&object, &key, value.clone(), self.asked_at);
                    }
                    known.push(Limit { object, key, value });
                }
                if let Some(asks) = self.send(calls, &known, isolate) {
                    return asks;
                }
            }
            Wave::Calls(calls) => self.receive(calls, answers, isolate),
            Wave::Everywhere(slot, mut everywhere) => match everywhere.receive(answers) {
                Ok(reply) => self.replies[slot] = reply,
                Err(asks) => {
                    self.wave = Wave::Everywhere(slot, everywhere);
                    return Next::Ask(asks);
                }
            },
        }
        self.asked_at = now;
        while self.at < self.commands.len() {
            if let Some(asks) = self.begin(isolate) {
                return asks;
            }
        }
        Next::Done(std::mem::take(&mut self.replies))
    }

    /// Takes as many of the next commands together as can be asked at once; `None` when nothing needs asking.
    fn begin(&mut self, isolate: &mut Isolate) -> Option<Next> {
        let mut calls: Vec<Call> = Vec::new();
        while let Some(sent) = self.commands.get(self.at) {
            let step = sent
                .as_ref()
                .map_err(RedisError::clone)
                .and_then(|command| self.step(command, isolate));
            let slot = self.at;
            match step {
                Err(error) => self.replies[slot] = Reply::Error(error.to_string()),
                Ok(Step::Reply(reply)) => self.replies[slot] = reply,
                Ok(Step::Pieces(pieces)) => {
                    if pieces.iter().any(|piece| waits(piece, &calls)) {
                        break;
                    }
                    self.add(&mut calls, slot, pieces);
                }
                // What comes before it has to be done first, and what comes behind has to wait.
                Ok(Step::Everywhere(..)) if !calls.is_empty() => break,
                Ok(Step::Everywhere(everywhere, asks)) => {
                    self.at += 1;
                    isolate.forget_limits(&self.prefix);
                    self.wave = Wave::Everywhere(slot, everywhere);
                    return Some(Next::Ask(asks));
                }
            }
            self.at += 1;
        }
        self.read_limits(calls, isolate)
    }

    /// Asks for the dynamic limits that are not known, or else makes the calls.
    fn read_limits(&mut self, calls: Vec<Call>, isolate: &mut Isolate) -> Option<Next> {
        let (mut known, mut missing) = (Vec::<Limit>::new(), Vec::new());
        for (object, key) in calls
            .iter()
            .flat_map(|call| &call.parts)
            .filter_map(|part| part.limit.clone())
        {
            let seen = known
                .iter()
                .any(|limit| limit.object == object && limit.key == key);
            if seen || missing.contains(&(object.clone(), key.clone())) {
                continue;
            }
            match isolate
                .limit(&object, &key, self.asked_at)
                .map(|value| value.map(<[u8]>::to_vec))
            {
                Some(value) => known.push(Limit {
                    object,
                    key,
                    value: Ok(value),
                }),
                None => missing.push((object, key)),
            }
        }
        if missing.is_empty() {
            return self.send(calls, &known, isolate);
        }
        let ask = |(object, key): &(String, Vec<u8>)| {
            let message = Message::Run(vec![vec![b"GET".to_vec(), key.clone()]]);
            Ask::Object {
                name: object.clone(),
                text: message.encode(),
            }
        };
        let asks = missing.iter().map(ask).collect();
        self.wave = Wave::Limits(missing, known, calls);
        Some(Next::Ask(asks))
    }

    /// Makes the calls; `None` when none is left to make.
    fn send(
        &mut self,
        mut calls: Vec<Call>,
        limits: &[Limit],
        isolate: &mut Isolate,
    ) -> Option<Next> {
        for part in calls.iter_mut().flat_map(|call| &mut call.parts) {
            let Some((object, key)) = &part.limit else {
                continue;
            };
            let limit = limits
                .iter()
                .find(|limit| limit.object == *object && limit.key == *key);
            match limit.map(|limit| &limit.value) {
                Some(Ok(value)) => give_limit(&mut part.command, value.as_deref()),
                Some(Err(reply)) => part.reply = Some(reply.clone()),
                None => part.reply = Some(Reply::Error(UNREACHABLE.to_string())),
            }
        }
        let asks: Vec<Ask> = calls.iter().filter_map(Call::ask).collect();
        if asks.is_empty() {
            self.receive(calls, Vec::new(), isolate);
            return None;
        }
        self.wave = Wave::Calls(calls);
        Some(Next::Ask(asks))
    }

    /// Takes the answers of the calls, and makes of each command's parts one reply.
    fn receive(&mut self, mut calls: Vec<Call>, answers: Vec<Answer>, isolate: &mut Isolate) {
        let asked = calls.iter_mut().filter(|call| call.ask().is_some());
        for (call, answer) in asked.zip(answers) {
            call.receive(&answer);
        }
        let mut parts = Vec::new();
        for call in calls {
            for part in call.parts {
                // It may have been a dynamic limit that this has changed.
                if let [_, key, ..] = &part.command[..] {
                    isolate.forget_limit_if_written(&call.object, key, &part.command[0]);
                }
                parts.push((part.slot, part.order, part.reply.unwrap_or(Reply::Nil)));
            }
        }
        parts.sort_by_key(|(slot, order, _)| (*slot, *order));
        for group in parts.chunk_by(|a, b| a.0 == b.0) {
            let slot = group[0].0;
            let replies = group.iter().map(|(.., reply)| reply.clone()).collect();
            let place = self.commands[slot]
                .as_ref()
                .ok()
                .and_then(|command| command::find(&command[0]))
                .map(|found| found.place);
            self.replies[slot] = merge(place.unwrap_or(Place::Key), replies);
        }
    }

    fn add(&self, calls: &mut Vec<Call>, slot: usize, pieces: Vec<Piece>) {
        for (order, piece) in pieces.into_iter().enumerate() {
            for object in piece.homes {
                if self.only.as_ref().is_some_and(|only| *only != object) {
                    continue;
                }
                let part = Part {
                    slot,
                    order,
                    command: piece.command.clone(),
                    limit: piece.limit.clone(),
                    reply: None,
                };
                match calls.iter_mut().find(|call| call.object == object) {
                    Some(call) => call.parts.push(part),
                    None => calls.push(Call {
                        object,
                        parts: vec![part],
                    }),
                }
            }
        }
    }

    /// What a command needs, if the token allows it.
    fn step(&self, arguments: &[Vec<u8>], isolate: &mut Isolate) -> Result<Step, RedisError> {
        let found = command::resolve(arguments)?;
        if self.access < found.access {
            return Err(RedisError::NoPermission(command::display_name(
                &arguments[0],
            )));
        }
        match found.place {
            Place::Here => {
                local::run(arguments, self.access, self.asked_at, isolate).map(Step::Reply)
            }
            Place::Everywhere => {
                let (everywhere, asks) = Everywhere::begin(found.name, arguments, &self.prefix)?;
                Ok(Step::Everywhere(everywhere, asks))
            }
            _ => self.pieces(found, arguments, isolate).map(Step::Pieces),
        }
    }

    fn pieces(
        &self,
        found: &Command,
        arguments: &[Vec<u8>],
        isolate: &Isolate,
    ) -> Result<Vec<Piece>, RedisError> {
        let name = |shard: Vec<u8>| object_name(&self.prefix, &shard);
        let piece = |homes: Vec<String>, command: Vec<Vec<u8>>| Piece {
            homes,
            command,
            limit: None,
        };
        let keyed = |command: Vec<Vec<u8>>| {
            let (usual, other) = route::homes(found, &command);
            piece(
                std::iter::once(usual).chain(other).map(name).collect(),
                command,
            )
        };
        let each = |word: &[u8], width: usize| -> Vec<Piece> {
            let groups = arguments[1..].chunks_exact(width);
            groups
                .map(|group| keyed([&[word.to_vec()][..], group].concat()))
                .collect()
        };
        match found.place {
            Place::Sum | Place::Each => Ok(each(&arguments[0], 1)),
            Place::Pairs if arguments.len().is_multiple_of(2) => {
                Err(RedisError::Arity("mset".to_owned()))
            }
            Place::Pairs => Ok(each(b"SET", 2)),
            Place::Together => {
                let shard = route::shard(&arguments[1]);
                if arguments[2..].iter().any(|key| route::shard(key) != shard) {
                    return Err(RedisError::CrossShard);
                }
                Ok(vec![piece(vec![name(shard)], arguments.to_vec())])
            }
            Place::Script => {
                let parts = isolate.parts(arguments)?;
                let object = name(parts.script.shard(parts.keys)?);
                let key = parts
                    .script
                    .dynamic_key()
                    .and_then(|at| parts.keys.get(at))
                    .filter(|key| !key.is_empty());
                let limit = key.map(|key| (name(route::shard(key)), key.clone()));
                let command = script_command(&parts);
                Ok(vec![Piece {
                    limit: limit.filter(|(home, _)| *home != object),
                    ..piece(vec![object], command)
                }])
            }
            _ => Ok(vec![keyed(arguments.to_vec())]),
        }
    }
}

/// Whether the dynamic limit that a piece needs may be changed by what is asked before it.
fn waits(piece: &Piece, calls: &[Call]) -> bool {
    let Some((object, key)) = &piece.limit else {
        return false;
    };
    let parts = calls
        .iter()
        .filter(|call| call.object == *object)
        .flat_map(|call| &call.parts);
    parts.into_iter().any(|part| part.command.contains(key))
}

impl Call {
    /// What is left to ask; `None` when every part has come to something already.
    fn ask(&self) -> Option<Ask> {
        let open = self.parts.iter().filter(|part| part.reply.is_none());
        let commands: Vec<_> = open.map(|part| part.command.clone()).collect();
        let text = (!commands.is_empty()).then(|| Message::Run(commands).encode())?;
        Some(Ask::Object {
            name: self.object.clone(),
            text,
        })
    }

    fn receive(&mut self, answer: &Answer) {
        let open: Vec<&mut Part> = self
            .parts
            .iter_mut()
            .filter(|part| part.reply.is_none())
            .collect();
        let replies = match answer {
            Answer::Text(text) => decode_replies(text, open.len()),
            _ => None,
        };
        match replies {
            Some(replies) => open
                .into_iter()
                .zip(replies)
                .for_each(|(part, reply)| part.reply = Some(reply)),
            None => open
                .into_iter()
                .for_each(|part| part.reply = Some(Reply::Error(UNREACHABLE.to_string()))),
        }
    }
}

/// What a dynamic limit's key holds, out of the answer of its object.
fn limit_in(answer: &Answer) -> Result<Option<Vec<u8>>, Reply> {
    let replies = match answer {
        Answer::Text(text) => decode_replies(text, 1),
        _ => None,
    };
    match replies.and_then(|mut replies| replies.pop()) {
        Some(Reply::Bulk(value)) => Ok(Some(value)),
        Some(Reply::Nil) => Ok(None),
        Some(error @ Reply::Error(_)) => Err(error),
        _ => Err(Reply::Error(UNREACHABLE.to_string())),
    }
}
