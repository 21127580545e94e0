//! What a subject shows of itself: limits, blocks, and the newest refusals.

use crate::algorithm::classes::Share;
use crate::block::Block;
use crate::limit::schedule::StageClock;
use crate::policy::Version;
use crate::report::{Broken, Closed};
use crate::{Duration, Limit, Timestamp};

use super::Denial;

/// One limit's state, for whoever looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitStatus {
    /// The policy's name, empty for inline.
    pub policy: String,
    /// The policy's version when it was last charged.
    pub version: Version,
    /// The limit as last charged, with the numbers in force now.
    pub limit: Limit,
    /// Which of its stages is in force, where it has any.
    pub stage: Option<StageStatus>,
    /// Units left, of the whole where classes share it.
    pub remaining: u64,
    /// Units that permits hold.
    pub held: u64,
    /// Units that are lent and may be spent without a question. By so many the limit may be used
    /// less than it could be.
    pub lent: u64,
    /// Units in use beyond the limit.
    pub debt: u64,
    /// As in a decision.
    pub reset: Timestamp,
    /// The classes that share it now.
    pub classes: Vec<Share>,
}

/// The stage of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageStatus {
    /// Which one, from 0.
    pub step: usize,
    /// When the next one begins; `None` where there is none, or the subject's clock stands or has
    /// not begun.
    pub next: Option<Timestamp>,
}

/// What is known of the upstream of one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlookStatus {
    /// The policy's name, empty for inline limits.
    pub policy: String,
    /// Its gate, where that is closed.
    pub gate: Option<Closed>,
    /// Its breaker, where failures count.
    pub breaker: Option<Broken>,
    /// Until when its admissions are spread.
    pub paced_until: Option<Timestamp>,
    /// The number of the limit that adapts, where it is not its own.
    pub adapted_to: Option<u64>,
}

/// A subject's full state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// Each limit that is not idle, in the order of first use.
    pub limits: Vec<LimitStatus>,
    /// The clock by which its stages run, where it has one.
    pub stage: Option<StageClock>,
    /// The grants of which it has taken units, by their ids, and how many.
    pub taken: Vec<(u64, u64)>,
    /// Blocks in force.
    pub blocks: Vec<Block>,
    /// What callers have reported of upstreams, where it holds.
    pub outlooks: Vec<OutlookStatus>,
    /// The newest refusals, oldest first; forgotten when the object sleeps.
    pub denials: Vec<Denial>,
    /// How long units may be spent that are lent: so late does a change hold. `None` where none
    /// are.
    pub lent_for: Option<Duration>,
}
