//! Units that an override grants once.

use crate::Timestamp;

/// Units that an override grants a subject once, beyond what a policy's limits give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Granted {
    /// What tells it from every other grant of its namespace, for ever.
    pub id: u64,
    /// How many units the subject may take of it, all in all.
    pub units: u64,
    /// From this instant on none of them may be taken.
    pub until: Timestamp,
    /// So long it has to be known what was taken: until then the grant may be made to last longer.
    pub kept: Timestamp,
}
