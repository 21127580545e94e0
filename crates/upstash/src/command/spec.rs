//! The description of a command: its name, the access it needs, and the position of its keys.

use crate::error::RedisError;
use crate::keyspace::Keyspace;
use crate::reply::Reply;

/// The access that a token needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Reading.
    Read,
    /// Deciding and changing single keys.
    Check,
    /// Seeing or changing everything in the namespace.
    Admin,
}

/// Where the keys of a command stand, and how answers from several objects become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// No keys and no data: answered where it arrives.
    Here,
    /// One key, the first argument.
    Key,
    /// The same, for commands that ask of any type: see `homes` in `session`.
    AnyType,
    /// Each argument is a key; the answers are added up.
    Sum,
    /// Each argument is a key; the answers stand in order.
    Each,
    /// Keys and values in turn.
    Pairs,
    /// Each argument is a key, and all have to live in one object.
    Together,
    /// A script with its keys.
    Script,
    /// Every key of the namespace.
    Everywhere,
}

/// Runs a command on the keys of one object.
pub type Run = fn(&mut Keyspace, &[Vec<u8>]) -> Result<Reply, RedisError>;

/// A command.
pub struct Command {
    /// Its name in capitals.
    pub name: &'static str,
    /// The access that it needs.
    pub access: Access,
    /// Where its keys stand.
    pub place: Place,
    /// Number of arguments with the name; negative: at least so many.
    pub arity: i8,
    /// Whether it may need more memory.
    pub(crate) grows: bool,
    pub(crate) run: Run,
}

impl Command {
    /// Whether `count` arguments, the name included, are as many as the command takes.
    pub fn takes(&self, count: usize) -> bool {
        let least = usize::from(self.arity.unsigned_abs());
        count == least || (self.arity < 0 && count > least)
    }
}
