//! What a policy's limits will be, as far as that is known.

use crate::limit::Limit;
use crate::Timestamp;

/// What a policy's limits are from a known instant on: then an override ends that holds now.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Later {
    /// From this instant on.
    pub at: Timestamp,
    /// The limits.
    pub limits: Vec<Limit>,
    /// Whether another override lets everything through then, whatever the limits say.
    pub is_open: bool,
}

impl Later {
    /// What a limit is then, as far as both count alike: the same state, or definitions of the same
    /// name, of which there may be several.
    fn of(&self, limit: &Limit) -> Option<Later> {
        let counts_alike = |later: &&Limit| {
            let is_named = limit.name().is_some() && later.name() == limit.name();
            is_named || later.shares_state_with(limit)
        };
        let limits = self.limits.iter().filter(counts_alike);
        let limits: Vec<Limit> = limits.cloned().collect();
        (!limits.is_empty()).then_some(Later {
            limits,
            at: self.at,
            is_open: self.is_open,
        })
    }
}

/// What one limit is as the policy changes.
pub(super) fn of_limit(later: &[Later], limit: &Limit) -> Vec<Later> {
    later.iter().filter_map(|later| later.of(limit)).collect()
}

/// Of so many instants it is told what the limits are then. What is told beyond is told as if the
/// last of them stayed.
pub const MAX_LATER: usize = 8;
