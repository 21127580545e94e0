//! What one command needs: an answer from here, pieces for objects, or every object.

use super::{Ask, Session};
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
    pub(super) command: Vec<Vec<u8>>,
    /// Object and key of the dynamic limit that a script needs beforehand.
    pub(super) limit: Option<(String, Vec<u8>)>,
}

/// What one command needs.
pub(super) enum Step {
    Reply(Reply),
    Pieces(Vec<Piece>),
    Everywhere(Everywhere, Vec<Ask>),
}

impl Session {
    /// What a command needs, if the token allows it.
    pub(super) fn step(&self, slot: usize, isolate: &mut Isolate) -> Result<Step, RedisError> {
        let arguments = self.commands[slot].as_ref().map_err(|error| *error)?;
        let found = command::resolve(arguments)?;
        if self.access < found.access {
            return Err(RedisError::NoPermission);
        }
        let mut pieces = Vec::new();
        match found.place {
            Place::Here => {
                let reply = local::run(found.name, arguments, self.access, self.asked_at, isolate)?;
                return Ok(Step::Reply(reply));
            }
            Place::Everywhere => {
                let (everywhere, asks) = Everywhere::begin(found.name, arguments, &self.prefix)?;
                return Ok(Step::Everywhere(everywhere, asks));
            }
            Place::Sum | Place::Each => {
                for key in &arguments[1..] {
                    pieces.push(self.piece(found, vec![arguments[0].clone(), key.clone()]));
                }
            }
            Place::Pairs => {
                if arguments.len().is_multiple_of(2) {
                    return Err(RedisError::Arity);
                }
                for pair in arguments[1..].chunks_exact(2) {
                    pieces.push(self.piece(
                        found,
                        vec![b"SET".to_vec(), pair[0].clone(), pair[1].clone()],
                    ));
                }
            }
            Place::Script => pieces.push(self.script(arguments, isolate)?),
            _ => {
                let together = found.place == Place::Together;
                let shard = route::shard(&arguments[1]);
                if together && arguments[2..].iter().any(|key| route::shard(key) != shard) {
                    return Err(RedisError::CrossShard);
                }
                pieces.push(self.piece(found, arguments.clone()));
            }
        }
        Ok(Step::Pieces(pieces))
    }

    fn piece(&self, found: &Command, command: Vec<Vec<u8>>) -> Piece {
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

    fn script(&self, arguments: &[Vec<u8>], isolate: &Isolate) -> Result<Piece, RedisError> {
        let parts = isolate.parts(arguments)?;
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
        let command = script_command(&parts);
        Ok(Piece {
            homes,
            command,
            limit,
        })
    }
}
