//! Overrides: exceptions from what policies and inline limits say, for a subject, for several, or
//! for all. Each has a target and a kind, and for one target there is one of each kind at most.
//!
//! Stops add up: a `deny` or `pause` holds for whom it matches, however near another override is.
//! Of those that change limits (`bypass`, `scale`, `replace`) the nearest holds: subject, longest
//! prefix, policy, provider, all; of those that grant units each does. So no exception for a
//! customer opens what was stopped for all.

mod adjusted;
mod effect;
mod index;
mod matched;
mod revision;
mod target;

pub use adjusted::adjusted;
pub(crate) use adjusted::limited_to;
pub use effect::{Effect, Grant, Kind, Stop, MAX_EXCEPT, MAX_FACTOR};
pub use index::Index;
pub use matched::Matched;
pub use revision::Revision;
pub use target::{Group, InvalidTarget, Target};

use crate::decide::MAX_CACHE_FOR;
use crate::decision::{Decision, Reason};
use crate::Timestamp;

/// An override.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// Whom it is for.
    pub target: Target,
    /// What it does.
    pub effect: Effect,
    /// From this instant on it is over; `None`: it has no end.
    pub until: Option<Timestamp>,
    /// Who set it: the name of the token; empty where it has none.
    pub author: String,
    /// Why, in the author's words.
    pub reason: String,
}

impl Override {
    /// What one does and until when, and not whom it is for, by whom and why.
    pub const fn bare(effect: Effect, until: Option<Timestamp>) -> Override {
        Override {
            target: Target::All,
            effect,
            until,
            author: String::new(),
            reason: String::new(),
        }
    }

    /// Whether it is in force.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| until > now)
    }
}

/// Everything is refused for a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// [`Reason::Override`] where any of the stops that hold is a `deny`, else [`Reason::Paused`].
    pub reason: Reason,
    /// When the last of them ends; `None` where one has no end.
    pub until: Option<Timestamp>,
}

impl Stopped {
    /// The refusal of whatever is asked at `now`.
    pub fn refusal(&self, now: Timestamp) -> Decision {
        let left = self.until.map(|until| until.since(now));
        Decision {
            retry_after: left,
            cache_for: left.map_or(MAX_CACHE_FOR, |left| left.min(MAX_CACHE_FOR)),
            ..Decision::bare(now, false, Some(self.reason))
        }
    }
}
