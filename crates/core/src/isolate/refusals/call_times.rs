//! When a call to an object was sent and answered.

use crate::{Duration, Timestamp};

/// The isolate's clock around one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallTimes {
    /// Just before the call was sent.
    pub sent: Timestamp,
    /// When the answer was received.
    pub received: Timestamp,
}

impl CallTimes {
    /// How long the call took.
    pub fn took(&self) -> Duration {
        self.received.since(self.sent)
    }
}
