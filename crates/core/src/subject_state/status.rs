//! What a subject shows of itself: limits, blocks, and the newest refusals.

use crate::algorithm::state::Moment;
use crate::decision::{Decision, Reason};
use crate::{Limit, Timestamp};

use super::{Block, Item, Refusal, SubjectState};

/// How many refusals are remembered, in memory only, for whoever asks why.
pub const RECENT_DENIALS: usize = 20;

/// One refusal, as remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// When.
    pub at: Timestamp,
    /// The policy's name, empty for inline.
    pub policy: String,
    /// The limit that decided, if one did.
    pub limited_by: Option<String>,
    /// The cost asked.
    pub cost: i64,
    /// Why.
    pub reason: Reason,
}

/// One limit's state, for whoever looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitStatus {
    /// The policy's name, empty for inline.
    pub policy: String,
    /// The policy's version when it was last charged.
    pub version: u64,
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

impl SubjectState {
    /// The subject's state, of one policy or all. Changes nothing.
    pub fn status(&self, policy: Option<&str>, moment: Moment) -> Result<Status, Refusal> {
        self.readable()?;
        let wanted = |name: &str| policy.is_none_or(|policy| policy == name);
        let mut limits = Vec::new();
        for entry in self.entries.iter().filter(|entry| wanted(&entry.policy)) {
            limits.push(entry.status(moment)?);
        }
        let in_force = |block: &&Block| block.until > moment.now;
        let asked = |block: &&Block| block.policy.as_deref().is_none_or(wanted);
        Ok(Status {
            limits,
            blocks: self
                .blocks
                .iter()
                .filter(in_force)
                .filter(asked)
                .cloned()
                .collect(),
            denials: self
                .denials
                .iter()
                .filter(|denial| wanted(&denial.policy))
                .cloned()
                .collect(),
        })
    }

    pub(super) fn remember_denials(
        &mut self,
        items: &[Item],
        answers: &[Decision],
        now: Timestamp,
    ) {
        for (item, answer) in items
            .iter()
            .zip(answers)
            .filter(|(item, answer)| !answer.success && !item.check.peek)
        {
            if self.denials.len() == RECENT_DENIALS {
                self.denials.pop_front();
            }
            self.denials.push_back(Denial {
                at: now,
                policy: item.policy.name_or_empty().to_owned(),
                limited_by: answer
                    .deciding
                    .and_then(|i| item.policy.limits().get(usize::from(i)))
                    .map(Limit::label),
                cost: item.check.cost,
                reason: answer.reason.unwrap_or(Reason::Limit),
            });
        }
    }
}
