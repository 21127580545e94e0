//! How much of a limit its stored row may run ahead of the real use, and what waking from such rows
//! has lost already.
//!
//! A subject that wakes from a row believes what the row says. Units by which the row ran ahead are
//! then lost: nobody used them, and nobody will. All losses of one window together stay within the
//! limit's *allowance*, so that at least the rest of the limit is admitted however often the object
//! sleeps or crashes. A bucket has no windows: its allowance comes back as its tokens do, in the
//! same proportion, kept as the instant at which all of it is back (the generic cell rate
//! algorithm, ITU-T I.371).

use super::state::{shape, LimitState};
use crate::limit::Algorithm;
use crate::Timestamp;

/// The units that a row may run ahead: R − 1, where R is `write_ahead` when the policy sets it,
/// else 1 % of the limit, and 1 up to a limit of 100. Logs and slots are always exact.
pub fn allowance_of(algorithm: &Algorithm, write_ahead: Option<u64>) -> u64 {
    let limit = algorithm.limit();
    match algorithm {
        Algorithm::SlidingLog(_) | Algorithm::Concurrency(_) => 0,
        _ => write_ahead.unwrap_or(limit / 100).clamp(1, limit.max(1)) - 1,
    }
}

/// What waking has lost of a limit's allowance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lost {
    /// Nothing yet, or the limit's rows are always exact.
    #[default]
    Nothing,
    /// Units of the window that starts at `window`, and of the window before.
    InWindow {
        /// Start of the window.
        window: Timestamp,
        /// Units lost in it.
        units: u64,
        /// Units lost in the window before, which still weigh in a sliding window.
        before: u64,
    },
    /// Units of a bucket, all of which are back at this instant.
    Until(Timestamp),
}

impl Lost {
    /// How many units of `allowance` may still be put at risk.
    pub fn left(&self, allowance: u64, state: &LimitState, algorithm: &Algorithm) -> u64 {
        allowance.saturating_sub(self.units(allowance, state, algorithm))
    }

    /// Units lost that still count, as seen from `state`, which is projected to now.
    pub fn units(&self, allowance: u64, state: &LimitState, algorithm: &Algorithm) -> u64 {
        match (self.seen_from(state, algorithm), state, shape(algorithm)) {
            (Lost::InWindow { units, before, .. }, ..) => units.saturating_add(before),
            (Lost::Until(back), LimitState::Bucket(bucket), Some(shape)) => {
                shape.allowance_lost(allowance, back.since(bucket.level.seen))
            }
            _ => 0,
        }
    }

    /// Adds what a wake has lost: `units` of the window in which `state` stands.
    pub fn add(&mut self, units: u64, allowance: u64, state: &LimitState, algorithm: &Algorithm) {
        if units == 0 {
            return;
        }
        *self = match (self.seen_from(state, algorithm), state, shape(algorithm)) {
            (
                Lost::InWindow {
                    window,
                    units: lost,
                    before,
                },
                ..,
            ) => Lost::InWindow {
                window,
                units: lost.saturating_add(units),
                before,
            },
            (Lost::Until(back), LimitState::Bucket(bucket), Some(shape)) => {
                let from = back.max(bucket.level.seen);
                Lost::Until(from.plus(shape.time_for_allowance(allowance, units)))
            }
            (lost, ..) => lost,
        };
    }

    /// The same losses, seen from a later window.
    #[must_use]
    pub fn seen_from(&self, state: &LimitState, algorithm: &Algorithm) -> Lost {
        let (start, length) = match (state, algorithm) {
            (LimitState::Counter(counter), _) => (counter.span.start, None),
            (LimitState::Sliding(sliding), Algorithm::SlidingWindow(window)) => {
                (sliding.counts.start, Some(window.window()))
            }
            (LimitState::Bucket(_), _) => {
                return match self {
                    Lost::Until(back) => Lost::Until(*back),
                    _ => Lost::Until(Timestamp::ZERO),
                }
            }
            _ => return Lost::Nothing,
        };
        let fresh = |before| Lost::InWindow {
            window: start,
            units: 0,
            before,
        };
        match *self {
            Lost::InWindow { window, .. } if window == start => *self,
            Lost::InWindow { window, units, .. }
                if length.is_some_and(|length| window.plus(length) == start) =>
            {
                fresh(units)
            }
            _ => fresh(0),
        }
    }

    /// The same losses under another definition: whole units, in the window in which `to` stands.
    #[must_use]
    pub fn carried(
        &self,
        from: (&LimitState, &Algorithm, u64),
        to: (&LimitState, &Algorithm, u64),
    ) -> Lost {
        let units = self.units(from.2, from.0, from.1);
        let mut carried = Lost::Nothing;
        carried.add(units, to.2, to.0, to.1);
        carried
    }
}
