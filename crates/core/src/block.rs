//! A block: a subject, or one policy of it, shut out until an instant.

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
}

impl Block {
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
            newer: None,
            keeps_policy: false,
            cache_for: MAX_CACHE_FOR.min(self.until.since(now)),
            contended: false,
        }
    }
}
