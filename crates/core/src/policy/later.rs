//! What a policy's limits will be, as far as that is known.

use crate::limit::Limit;
use crate::Timestamp;

/// What a policy's limits are from a known instant on: then an override ends that holds now.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Later {
    /// From this instant on.
    pub at: Timestamp,
    /// The limits; none where another override lets everything through.
    pub limits: Vec<Limit>,
}

/// Of so many instants it is told what the limits are then. What is told beyond is told as if the
/// last of them stayed.
pub const MAX_LATER: usize = 8;
