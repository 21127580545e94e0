//! The commands, a file for each kind of value that they work on. `commands` is the table of them.

pub(crate) mod arguments;
pub(crate) mod hashes;
pub(crate) mod keys;
pub(crate) mod ranges;
pub(crate) mod ranks;
pub(crate) mod sets;
pub(crate) mod sorted_sets;
mod spec;
pub(crate) mod strings;

pub use spec::{Access, Command, Place, Run};
