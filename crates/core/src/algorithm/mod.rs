//! The arithmetic of each algorithm, one file a kind. Each keeps what is *used*, projects it to an
//! instant, says whether a cost has room, and takes it. Nothing here knows policies, names or
//! storage.
//!
//! A caller may be promised an instant ahead: a *place*. Each algorithm keeps its places beside
//! what is spent, and gives a new caller the first instant at which its own rule holds for the
//! caller and for every place after it.
//!
//! Every state remembers the newest time it has seen; an earlier `now` counts as that time, so a
//! clock that steps back refills nothing.

mod admit;
mod adopted;
pub mod allowance;
pub mod bucket;
pub mod charge;
pub mod classes;
mod converted;
pub mod counter;
pub mod counts;
mod divided;
pub(crate) mod emptied;
pub mod level;
pub mod log;
pub mod places;
mod schedule;
pub mod shape;
mod shared;
pub mod sliding;
pub mod slots;
pub mod state;
pub mod stored;
mod summed;
pub mod together;
mod used;
pub(crate) mod windows;

use crate::{Duration, Timestamp};

/// One question to a limit: is there room for `cost` units?
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    /// Units wanted, at least 1.
    pub cost: u64,
    /// The object's clock, read once for the whole event.
    pub now: Timestamp,
    /// Admit also what can go ahead within this time.
    pub max_delay: Option<Duration>,
    /// Promise no place at this instant or later: the numbers are others then. `None`: they stay.
    pub before: Option<Timestamp>,
}

/// What an admission takes of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Take {
    /// Units, or slots.
    pub units: u64,
    /// How slots are held; only `concurrency` reads it. Where it is `None` nobody holds a permit
    /// for the slots, and they are free one `ttl` after the instant for which they are taken.
    pub hold: Option<Hold>,
}

impl Take {
    /// Units that nobody holds a permit for.
    pub const fn of(units: u64) -> Take {
        Take { units, hold: None }
    }
}

/// Slots in somebody's hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// Who holds them.
    pub holder: Holder,
    /// From this instant on they are free.
    pub deadline: Timestamp,
}

/// Who holds slots: the permit of an admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// The permit's 128 random bits, not zero.
    pub permit: u128,
    /// The permit's place in the order of all grants of the subject.
    pub fence: u64,
}

/// The answer to an [`Ask`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// There is room: the caller goes ahead at this instant, now or within its `max_delay`.
    At(Timestamp),
    /// No room before this instant; asking again then, alone, finds it.
    Wait(Timestamp),
    /// More than the limit can ever give.
    Never,
}

/// What is left, and until when something is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Units left, rounded down.
    pub remaining: u64,
    /// By algorithm: window or period end, all use forgotten, full, last deadline.
    pub reset: Timestamp,
}
