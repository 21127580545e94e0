//! What isolates that count may not know of each other.

use std::collections::{HashMap, VecDeque};

use crate::hasher::Numbers;

/// What isolates admitted of one subject in the present window, and may not know of each other.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    /// When the window ends.
    pub(crate) end: u64,
    pub(crate) admitted: u64,
    /// When and by which isolate, as far as another one need not know it yet.
    pub(crate) unknown: VecDeque<(u64, u32)>,
    pub(crate) unknown_of: HashMap<u32, u64, Numbers>,
    /// Units that ended isolates had not written.
    pub(crate) lost: u64,
}
