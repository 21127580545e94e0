//! The pieces of commands, each for one object.

use std::rc::Rc;

/// A piece of a command that goes to one object, or to each of two that may hold its key.
pub(super) struct Piece {
    pub(super) homes: Vec<String>,
    pub(super) command: Rc<Vec<Vec<u8>>>,
    /// The dynamic limit that a script needs beforehand.
    pub(super) limit: Option<Limit>,
}

/// Object and key of a dynamic limit.
pub(super) type Limit = (String, Vec<u8>);
