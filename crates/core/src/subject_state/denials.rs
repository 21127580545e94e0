//! The newest refusals of one subject, in memory only, for whoever asks why.

use std::collections::VecDeque;

use crate::decision::{Decision, Reason};
use crate::{Limit, Timestamp};

use super::Item;

/// How many refusals are remembered.
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

/// The newest [`RECENT_DENIALS`], oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Denials(VecDeque<Denial>);

impl Denials {
    /// Those of the policies that are wanted.
    pub(super) fn of(&self, wanted: impl Fn(&str) -> bool) -> Vec<Denial> {
        let of = self.0.iter().filter(|denial| wanted(&denial.policy));
        of.cloned().collect()
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Remembers which items were refused. Who only looked was refused nothing.
    pub(super) fn remember(&mut self, items: &[Item], answers: &[Decision], now: Timestamp) {
        for (item, answer) in items
            .iter()
            .zip(answers)
            .filter(|(item, answer)| !answer.success && !item.check.peek)
        {
            if self.0.len() == RECENT_DENIALS {
                self.0.pop_front();
            }
            self.0.push_back(Denial {
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
