//! When a subject's object tells the directory anew: at each change, at most once in ten seconds.

use super::{State, Summary, MAX_POLICIES};
use crate::{Duration, Timestamp};

/// The least time between two tellings, each of which is a billed call and rows.
pub const SPACING: Duration = Duration::from_secs(10);

/// What the directory was told last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What it was told.
    pub summary: Summary,
    /// When.
    pub at: Timestamp,
}

impl Told {
    /// When the next one may be told.
    pub const fn next(&self) -> Timestamp {
        self.at.plus(SPACING)
    }

    /// Whether it is time to look for a change. Of a clock that stepped back, too.
    pub fn is_due(&self, now: Timestamp) -> bool {
        now >= self.next() || now < self.at
    }

    /// Whether the directory has to be told `current`. That a subject is exhausted for up to ten
    /// seconds longer or shorter is not told.
    pub fn is_changed(&self, current: &Summary, now: Timestamp) -> bool {
        let differs = |state: State| {
            let (told, current) = (self.summary.until(state, now), current.until(state, now));
            match state {
                State::Exhausted => match (told, current) {
                    (Some(told), Some(current)) => {
                        current.since(told).max(told.since(current)) > SPACING
                    }
                    _ => told.is_some() != current.is_some(),
                },
                _ => told != current,
            }
        };
        self.summary.policies() != current.policies() || State::ALL.into_iter().any(differs)
    }

    /// Whether a policy of this name is news.
    pub fn lacks_policy(&self, name: &str) -> bool {
        let policies = self.summary.policies();
        policies.len() < MAX_POLICIES && !policies.iter().any(|known| known == name)
    }
}
