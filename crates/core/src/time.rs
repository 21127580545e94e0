//! Instants. Time is always an argument here: the object that owns a state reads its clock once per
//! event and hands it in.

use crate::Duration;

/// An instant: whole milliseconds since the Unix epoch, 0 to 2^53.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The Unix epoch.
    pub const ZERO: Timestamp = Timestamp(0);
    /// The last instant that JSON carries exactly.
    pub const MAX: Timestamp = Timestamp(crate::number::MAX_SAFE);

    /// Milliseconds since the epoch; later than [`Timestamp::MAX`] becomes `MAX`.
    pub const fn from_millis(millis: u64) -> Timestamp {
        if millis > crate::number::MAX_SAFE {
            Timestamp::MAX
        } else {
            Timestamp(millis)
        }
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded up: never earlier than the instant itself.
    pub const fn as_seconds_ceil(self) -> u64 {
        self.0.div_ceil(1000)
    }

    /// The instant `duration` later, at most [`Timestamp::MAX`].
    #[must_use]
    pub const fn plus(self, duration: Duration) -> Timestamp {
        Timestamp::from_millis(self.0.saturating_add(duration.as_millis()))
    }

    /// The time from `earlier` to this instant, zero when `earlier` is later.
    pub const fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}
