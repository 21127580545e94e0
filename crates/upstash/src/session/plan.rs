//! What one command needs: an answer from here, pieces for objects, or every object.

use std::rc::Rc;

use super::wave::Limit;
use super::Session;
use crate::bounds::{MAX_KEY, MAX_KEYS, MAX_SCRIPT_KEYS};
use crate::command::{self, Command, Place};
use crate::error::RedisError;
use crate::everywhere::Everywhere;
use crate::isolate::Isolate;
use crate::local;
use crate::message::script_command;
use crate::placement::object_name;
use crate::reply::Reply;
use crate::route;
use crate::script::Script;

/// A piece of a command that goes to one object, or to each of two that may hold its key.
pub(super) struct Piece {
    pub(super) homes: Vec<String>,
    pub(super) command: Rc<Vec<Vec<u8>>>,
    /// Object and key of the dynamic limit that a script needs beforehand.
    pub(super) limit: Option<Limit>,
}

/// What one command needs.
pub(super) enum Step {
    Reply(Reply),
    Pieces(Vec<Piece>),
    Everywhere(Everywhere),
}

impl Session {
    /// What a command needs, if the token allows it and the request's bounds do. Its keys are counted.
    pub(super) fn step(&mut self, slot: usize, isolate: &mut Isolate) -> Result<Step, RedisError> {
        let arguments = &Rc::clone(self.commands[slot].as_ref().map_err(|error| *error)?);
        let found = command::resolve(arguments)?;
        if self.access < found.access {
            return Err(RedisError::NoPermission);
        }
        self.count_keys(match found.place {
            Place::Here | Place::Everywhere | Place::Script | Place::Pairs => &[],
            Place::Key | Place::AnyType => &arguments[1..2],
            Place::Sum | Place::Each | Place::Together => &arguments[1..],
        })?;
        let mut pieces = Vec::new();
        match found.place {
            Place::Here => {
                let reply = local::run(found.name, arguments, self.access, self.asked_at, isolate)?;
                return Ok(Step::Reply(reply));
            }
            Place::Everywhere => {
                let everywhere = Everywhere::begin(found.name, arguments, &self.prefix)?;
                return Ok(Step::Everywhere(everywhere));
            }
            Place::Sum | Place::Each => {
                for key in &arguments[1..] {
                    let command = vec![arguments[0].clone(), key.clone()];
                    pieces.push(self.piece(found, Rc::new(command)));
                }
            }
            Place::Pairs => {
                if arguments.len().is_multiple_of(2) {
                    return Err(RedisError::Arity);
                }
                let pairs = arguments[1..].chunks_exact(2);
                pairs.clone().try_for_each(|pair| check_key(&pair[0]))?;
                self.count(pairs.len())?;
                for pair in pairs {
                    let command = vec![b"SET".to_vec(), pair[0].clone(), pair[1].clone()];
                    pieces.push(self.piece(found, Rc::new(command)));
                }
            }
            Place::Script => pieces.push(self.script(arguments, isolate)?),
            _ => {
                let together = found.place == Place::Together;
                let shard = route::shard(&arguments[1]);
                if together && arguments[2..].iter().any(|key| route::shard(key) != shard) {
                    return Err(RedisError::CrossShard);
                }
                pieces.push(self.piece(found, Rc::clone(arguments)));
            }
        }
        Ok(Step::Pieces(pieces))
    }

    /// Counts keys before anything is made of them.
    fn count_keys(&mut self, keys: &[Vec<u8>]) -> Result<(), RedisError> {
        keys.iter().try_for_each(|key| check_key(key))?;
        self.count(keys.len())
    }

    fn count(&mut self, keys: usize) -> Result<(), RedisError> {
        if self.keys + keys > MAX_KEYS {
            return Err(RedisError::ManyKeys);
        }
        self.keys += keys;
        Ok(())
    }

    fn piece(&self, found: &Command, command: Rc<Vec<Vec<u8>>>) -> Piece {
        let (usual, other) = route::homes(found, &command);
        let mut homes = vec![object_name(&self.prefix, &usual)];
        if let Some(other) = other {
            homes.push(object_name(&self.prefix, &other));
        }
        Piece {
            homes,
            command,
            limit: None,
        }
    }

    fn script(&mut self, arguments: &[Vec<u8>], isolate: &Isolate) -> Result<Piece, RedisError> {
        let parts = isolate.parts(arguments)?;
        if parts.keys.len() > MAX_SCRIPT_KEYS {
            return Err(RedisError::ManyScriptKeys);
        }
        parts.keys.iter().try_for_each(|key| check_key(key))?;
        self.count(1)?;
        let object = object_name(&self.prefix, &parts.script.shard(parts.keys)?);
        let mut limit = None;
        if let Some(key) = parts.script.dynamic_key().and_then(|at| parts.keys.get(at)) {
            let home = object_name(&self.prefix, &route::shard(key));
            // Where both live together, the object reads it itself.
            if !key.is_empty() && home != object {
                limit = Some((home, key.clone()));
            }
        }
        let mut homes = vec![object];
        if let (Script::R, [pattern, ..]) = (parts.script, parts.keys) {
            // `<prefix>:*` resets the windows of one identifier, or the bucket of the identifier `*`, which lives elsewhere.
            let bucket = object_name(&self.prefix, pattern);
            if !homes.contains(&bucket) {
                homes.push(bucket);
            }
        }
        let command = Rc::new(script_command(&parts));
        Ok(Piece {
            homes,
            command,
            limit,
        })
    }
}

fn check_key(key: &[u8]) -> Result<(), RedisError> {
    match key.len() <= MAX_KEY {
        true => Ok(()),
        false => Err(RedisError::LongKey),
    }
}
