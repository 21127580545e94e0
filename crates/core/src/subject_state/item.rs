//! What is asked of a subject: a policy, and what of it.

use crate::decide::Check;
use crate::policy::Policy;
use crate::{Limit, Timestamp};

/// One policy asked in a call, and what is asked of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The limits.
    pub policy: Policy,
    /// Cost and conditions.
    pub check: Check,
}

impl Item {
    /// Whether an answer to this may change anything. What changes nothing does not put its
    /// definition in force either.
    pub(crate) fn changes(&self) -> bool {
        self.check.changes()
    }

    /// Units that an admission charges to `limit`.
    pub(super) fn units_of(&self, limit: &Limit) -> u64 {
        self.check.units_of(limit)
    }

    /// Whether an admission charges any limit.
    pub(super) fn charges(&self) -> bool {
        self.check.most_units() > 0
    }

    /// Whether it can be charged after it was admitted elsewhere. Slots cannot be given out there,
    /// and refunds not be recorded so: such items change nothing.
    pub(super) fn is_chargeable(&self) -> bool {
        self.charges() && !self.policy.gives_permits()
    }

    /// The same, as it is now that an override of its policy has ended; `None` while none has.
    pub(super) fn after_ends(&self, now: Timestamp) -> Option<Item> {
        let policy = self.policy.changed_by(now)?;
        let bypass = self.check.bypass || self.policy.is_open_by(now);
        Some(Item {
            policy,
            check: Check {
                bypass,
                ..self.check.clone()
            },
        })
    }

    /// The same, only looked at.
    pub fn peek(&self) -> Item {
        Item {
            check: Check {
                peek: true,
                ..self.check.clone()
            },
            policy: self.policy.clone(),
        }
    }
}
