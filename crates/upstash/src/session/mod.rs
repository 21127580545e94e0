//! One HTTP request's commands, from beginning to end: which objects to ask, in which order, and
//! how their answers become replies.
//!
//! No I/O happens here. `advance` says what to ask next, all at once, and is called again with the
//! answers. Commands that touch the same key keep their order; commands on different objects run at
//! the same time; an object that does not answer fails its own commands and no others.

mod all_keys;
mod cache;
mod exchange;
mod homes;
mod local;
mod merge;
mod piece;
mod placement;
mod plan;
mod round;
mod wave;

pub use cache::SessionCache;
pub use exchange::{Answer, Asks, Next};

use std::rc::Rc;

use all_keys::{AllKeys, Found};
use plan::{Planner, Step};
use round::{Budget, Question, Round};
use wave::Wave;

use crate::command::Access;
use crate::error::RedisError;
use crate::protocol::Sent;
use crate::reply::Reply;

/// A command, or the error in the request in its place.
type Command = Result<Rc<Vec<Vec<u8>>>, RedisError>;

/// The pending step of the session.
enum Waiting {
    Nothing,
    Limits(Wave, Round),
    Replies(Wave, Round),
    Names(usize, AllKeys),
    Objects(usize, AllKeys, Round),
}

/// The commands of one request.
pub struct Session {
    planner: Planner,
    commands: Vec<Command>,
    replies: Vec<Reply>,
    /// The first command that has not been planned.
    at: usize,
    /// The one object of a transaction.
    only: Option<String>,
    asked_at: i64,
    budget: Budget,
    /// How many objects the commands about every key have asked.
    everywhere: usize,
    waiting: Waiting,
}

impl Session {
    /// Begins. `prefix` is what the names of the namespace's objects begin with.
    pub fn new(commands: Vec<Sent>, access: Access, prefix: String) -> Session {
        let replies = vec![Reply::Nil; commands.len()];
        Session {
            planner: Planner::new(access, prefix),
            commands: commands.into_iter().map(|sent| sent.map(Rc::new)).collect(),
            replies,
            at: 0,
            only: None,
            asked_at: 0,
            budget: Budget::default(),
            everywhere: 0,
            waiting: Waiting::Nothing,
        }
    }

    /// The same for a transaction: refused as a whole when any command cannot be run at all, or
    /// when its keys live in different objects, as it would then not be one. The error with the
    /// command that it is about.
    pub fn transaction(
        commands: Vec<Sent>,
        access: Access,
        prefix: String,
        cache: &mut SessionCache,
    ) -> Result<Session, String> {
        let mut session = Session::new(commands, access, prefix);
        match session.common_object(cache) {
            Ok(only) => {
                session.only = only;
                session.planner.keys = 0;
                Ok(session)
            }
            Err((slot, error)) => Err(session.text_of(slot, error)),
        }
    }

    /// What the command at this place needs.
    fn step(&mut self, slot: usize, cache: &mut SessionCache) -> Result<Step, RedisError> {
        let command = self.commands[slot].clone()?;
        self.planner.plan(&command, self.asked_at, cache)
    }

    fn text_of(&self, slot: usize, error: RedisError) -> String {
        let command = self.commands[slot].as_ref();
        error.text(command.map_or(&[], |command| command))
    }

    /// The object that can run every command; `None` when none of them needs any.
    fn common_object(
        &mut self,
        cache: &mut SessionCache,
    ) -> Result<Option<String>, (usize, RedisError)> {
        let mut common: Option<Vec<String>> = None;
        for slot in 0..self.commands.len() {
            let pieces = match self.step(slot, cache).map_err(|error| (slot, error))? {
                Step::Reply(_) => continue,
                Step::Everywhere(_) => return Err((slot, RedisError::CrossShard)),
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

    /// Goes on with the answers to what was asked last; at the first call there are none. `now` is
    /// Unix ms.
    pub fn advance(&mut self, answers: Vec<Answer>, cache: &mut SessionCache, now: i64) -> Next {
        match std::mem::replace(&mut self.waiting, Waiting::Nothing) {
            Waiting::Nothing => {}
            Waiting::Limits(wave, mut round) => {
                round.receive(answers, &mut self.budget);
                if let Some(asks) = self.go_on_with_limits(wave, round, cache) {
                    return Next::Ask(asks);
                }
            }
            Waiting::Replies(wave, mut round) => {
                round.receive(answers, &mut self.budget);
                if let Some(asks) = self.go_on(wave, round, cache) {
                    return Next::Ask(asks);
                }
            }
            Waiting::Names(slot, mut everywhere) => {
                let found = everywhere.receive_names(answers, &mut self.everywhere);
                if let Some(asks) = self.go_on_everywhere(slot, everywhere, found) {
                    return Next::Ask(asks);
                }
            }
            Waiting::Objects(slot, everywhere, mut round) => {
                round.receive(answers, &mut self.budget);
                if let Some(asks) = self.ask_everywhere(slot, everywhere, round) {
                    return Next::Ask(asks);
                }
            }
        }
        self.asked_at = now;
        while self.at < self.commands.len() {
            if let Some(asks) = self.begin(cache) {
                return Next::Ask(asks);
            }
        }
        Next::Done(std::mem::take(&mut self.replies))
    }

    /// Takes as many of the next commands together as can be asked at once; `None` when nothing
    /// needs asking.
    fn begin(&mut self, cache: &mut SessionCache) -> Option<Asks> {
        let mut wave = Wave::default();
        while self.at < self.commands.len() {
            let (slot, keys) = (self.at, self.planner.keys);
            match self.step(slot, cache) {
                Err(error) => self.replies[slot] = Reply::Error(self.text_of(slot, error)),
                Ok(Step::Reply(reply)) => self.replies[slot] = reply,
                Ok(Step::Pieces(pieces)) => {
                    if pieces.iter().any(|piece| wave.may_change_limit_of(piece)) {
                        self.planner.keys = keys;
                        break;
                    }
                    for piece in pieces {
                        wave.add(slot, piece, self.only.as_ref());
                    }
                }
                // What comes before it has to be done first, and what comes behind has to wait.
                Ok(Step::Everywhere(_)) if !wave.is_empty() => break,
                Ok(Step::Everywhere(everywhere)) => {
                    self.at += 1;
                    cache.forget_limits(&self.planner.prefix);
                    let found = Found::More;
                    return self.go_on_everywhere(slot, everywhere, found);
                }
            }
            self.at += 1;
        }
        let limits = wave.find_limits(cache, self.asked_at);
        self.go_on_with_limits(wave, Round::new(limits), cache)
    }

    /// Reads the dynamic limits, then asks the objects.
    fn go_on_with_limits(
        &mut self,
        mut wave: Wave,
        mut round: Round,
        cache: &mut SessionCache,
    ) -> Option<Asks> {
        if let Some(asks) = round.ask(&self.budget) {
            self.waiting = Waiting::Limits(wave, round);
            return Some(asks);
        }
        wave.give_limits(round.replies(), cache, self.asked_at);
        let questions = wave.questions();
        self.go_on(wave, Round::new(questions), cache)
    }

    /// Asks the objects; `None` when nothing is left to ask.
    fn go_on(
        &mut self,
        mut wave: Wave,
        mut round: Round,
        cache: &mut SessionCache,
    ) -> Option<Asks> {
        if let Some(asks) = round.ask(&self.budget) {
            self.waiting = Waiting::Replies(wave, round);
            return Some(asks);
        }
        wave.receive(round.replies());
        wave.finish(&mut self.replies, cache);
        None
    }

    fn go_on_everywhere(
        &mut self,
        slot: usize,
        mut everywhere: AllKeys,
        found: Found,
    ) -> Option<Asks> {
        match found {
            Found::More => {
                let asks = everywhere.ask_names(self.everywhere);
                self.waiting = Waiting::Names(slot, everywhere);
                Some(asks)
            }
            Found::Objects(names) => {
                let question = |object| Question {
                    object,
                    text: everywhere.message.clone(),
                    count: 1,
                };
                let round = Round::new(names.into_iter().map(question).collect());
                self.ask_everywhere(slot, everywhere, round)
            }
            Found::Done(reply) => {
                self.replies[slot] = reply;
                None
            }
        }
    }

    fn ask_everywhere(
        &mut self,
        slot: usize,
        mut everywhere: AllKeys,
        mut round: Round,
    ) -> Option<Asks> {
        if let Some(asks) = round.ask(&self.budget) {
            self.waiting = Waiting::Objects(slot, everywhere, round);
            return Some(asks);
        }
        let found = everywhere.receive(round.replies());
        self.go_on_everywhere(slot, everywhere, found)
    }
}
