//! What a subject shows of itself: limits, blocks, and the newest refusals.

use crate::block::Block;
use crate::policy::Version;
use crate::{Limit, Timestamp};

use super::Denial;

/// One limit's state, for whoever looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitStatus {
    /// The policy's name, empty for inline.
    pub policy: String,
    /// The policy's version when it was last charged.
    pub version: Version,
    /// The limit as last charged.
    pub limit: Limit,
    /// Units left.
    pub remaining: u64,
    /// As in a decision.
    pub reset: Timestamp,
}

/// A subject's full state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// Each limit that is not idle, in the order of first use.
    pub limits: Vec<LimitStatus>,
    /// Blocks in force.
    pub blocks: Vec<Block>,
    /// The newest refusals, oldest first; forgotten when the object sleeps.
    pub denials: Vec<Denial>,
}
