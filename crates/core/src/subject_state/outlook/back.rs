//! A clock that has stepped back: what is known is as far ahead of it as it was, so that a gate is
//! not closed until it has caught up.

use crate::{Duration, Timestamp};

/// By how much it has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Back(Duration);

impl Back {
    /// From one instant to another; `None` where that is no step back.
    pub(super) fn to(now: Timestamp, from: Timestamp) -> Option<Back> {
        (now < from).then(|| Back(from.since(now)))
    }

    /// The same instant by the clock as it is now.
    pub(super) fn shift(self, at: &mut Timestamp) {
        let millis = at.as_millis().saturating_sub(self.0.as_millis());
        *at = Timestamp::from_millis(millis);
    }
}
