//! A block: a subject, or one policy of it, shut out until an instant.

use crate::codec::{Line, LineWriter, Unreadable};
use crate::decide::MAX_CACHE_FOR;
use crate::decision::{Decision, Reason, Standings};
use crate::Timestamp;

/// A subject, or one policy of it, shut out until an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The policy it is for; `None` means all.
    pub policy: Option<String>,
    /// From this instant on it is over.
    pub until: Timestamp,
    /// What whoever set it said.
    pub reason: String,
    /// Of a penalty the step that it has come to, from 1; `None` where somebody set the block.
    pub step: Option<u32>,
}

impl Block {
    /// Adds it to a line of a row or a message.
    pub(crate) fn put(&self, line: LineWriter) -> LineWriter {
        line.put_some("policy", self.policy.as_ref())
            .put("until", self.until.as_millis())
            .text("reason", &self.reason)
            .put_some("step", self.step)
    }

    /// Reads it from such a line.
    pub(crate) fn get(line: &Line) -> Result<Block, Unreadable> {
        Ok(Block {
            policy: line.get("policy").map(str::to_owned),
            until: Timestamp::from_millis(line.needed("until")?),
            reason: line.text("reason")?,
            step: line.number("step")?,
        })
    }

    /// The refusal of whatever is asked while it is in force.
    pub(crate) fn refusal(&self, now: Timestamp) -> Decision {
        Decision {
            at: now,
            success: false,
            reason: Some(Reason::Blocked),
            deciding: None,
            // A block until the end of time is for good: waiting cannot help.
            retry_after: (self.until < Timestamp::MAX).then(|| self.until.since(now)),
            delay: None,
            limits: Standings::Many(Vec::new()),
            grant: None,
            granted: None,
            newer: None,
            keeps_policy: false,
            recognition: None,
            while_lent: false,
            loan: None,
            cache_for: MAX_CACHE_FOR.min(self.until.since(now)),
            contended: false,
        }
    }
}
