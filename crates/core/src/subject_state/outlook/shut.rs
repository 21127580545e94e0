//! Why nothing is admitted for an upstream's sake.

use crate::decision::Reason;
use crate::{Duration, Timestamp};

/// How long a breaker that is half open, and a limit that was lowered, are remembered when nothing
/// is reported: whatever was the matter is over, or shows anew.
pub(super) const FORGOTTEN: Duration = Duration::from_secs(86_400);

/// Why nothing is admitted now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shut {
    /// When that is over.
    pub(crate) until: Timestamp,
    pub(crate) reason: Reason,
    /// Whether no report can end it before.
    pub(crate) is_certain: bool,
}
