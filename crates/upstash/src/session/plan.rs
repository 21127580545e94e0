//! Plans one command: a local answer, pieces for objects, or a call to every object.

use std::rc::Rc;

use super::all_keys::AllKeys;
use super::cache::SessionCache;
use super::homes::homes;
use super::local;
use super::piece::Piece;
use super::placement::object_name;
use crate::bounds::{MAX_KEY, MAX_KEYS, MAX_SCRIPT_KEYS};
use crate::command::{Access, Command, Place};
use crate::commands;
use crate::error::RedisError;
use crate::key::shard;
use crate::message::script_command;
use crate::reply::Reply;
use crate::script::Script;

/// The plan of one command.
pub(super) enum Step {
    Reply(Reply),
    Pieces(Vec<Piece>),
    Everywhere(AllKeys),
}

/// Plans the commands of one request in their order, within what its token and its bounds allow.
pub(super) struct Planner {
    access: Access,
    /// What the names of the namespace's objects begin with.
    pub(super) prefix: String,
    /// How many keys the commands so far name.
    pub(super) keys: usize,
}

impl Planner {
    pub(super) fn new(access: Access, prefix: String) -> Planner {
        Planner {
            access,
            prefix,
            keys: 0,
        }
    }

    /// What a command needs at `now` (Unix ms), if the token allows it and the request's bounds do.
    /// Its keys are counted.
    pub(super) fn plan(
        &mut self,
        arguments: &Rc<Vec<Vec<u8>>>,
        now: i64,
        cache: &mut SessionCache,
    ) -> Result<Step, RedisError> {
        let found = commands::resolve(arguments)?;
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
                let reply = local::run(found.name, arguments, self.access, now, cache)?;
                return Ok(Step::Reply(reply));
            }
            Place::Everywhere => {
                let everywhere = AllKeys::begin(found.name, arguments, &self.prefix)?;
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
            Place::Script => pieces.push(self.script(arguments, cache)?),
            _ => {
                let together = found.place == Place::Together;
                let home = shard(&arguments[1]);
                if together && arguments[2..].iter().any(|key| shard(key) != home) {
                    return Err(RedisError::CrossShard);
                }
                pieces.push(self.piece(found, Rc::clone(arguments)));
            }
        }
        Ok(Step::Pieces(pieces))
    }

    /// Checks the number of keys before any is processed.
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
        let (usual, other) = homes(found, &command);
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

    fn script(&mut self, arguments: &[Vec<u8>], cache: &SessionCache) -> Result<Piece, RedisError> {
        let parts = cache.parts(arguments)?;
        if parts.keys.len() > MAX_SCRIPT_KEYS {
            return Err(RedisError::ManyScriptKeys);
        }
        parts.keys.iter().try_for_each(|key| check_key(key))?;
        self.count(1)?;
        let object = object_name(&self.prefix, &parts.script.shard(parts.keys)?);
        let mut limit = None;
        if let Some(key) = parts.script.dynamic_key().and_then(|at| parts.keys.get(at)) {
            let home = object_name(&self.prefix, &shard(key));
            // Where both live together, the object reads it itself.
            if !key.is_empty() && home != object {
                limit = Some((home, key.clone()));
            }
        }
        let mut homes = vec![object];
        if let (Script::R, [pattern, ..]) = (parts.script, parts.keys) {
            // `<prefix>:*` resets the windows of one identifier, or the bucket of the identifier
            // `*`, which lives elsewhere.
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
