//! The row of one limit as it was last written, and how far the next one runs ahead of the real
//! use.
//!
//! Each limit has its own margin. A row is exact at the first admission after waking, in a new
//! window, and after anything that gives units back or changes the definition. When a row is used
//! up within [`STEADY`] of being written, the next runs ahead twice as far; when it lasted longer,
//! as far as was used of it per second. So the margin follows the use per second, and what a lost
//! object can forget is what it used lately; the limit's allowance
//! ([`crate::algorithm::allowance`]) bounds what many lost objects can forget together. `docs/adr/`
//! says what other rules lost.

use crate::algorithm::state::{LimitState, Moment};
use crate::algorithm::Take;
use crate::calendar::UnknownTimeZone;
use crate::{Algorithm, Duration, Timestamp};

/// A row that lasts longer than this is not used up in a burst. As long after its last admission a
/// row that is ahead is written exact: nine seconds before the object could fall asleep.
pub const STEADY: Duration = Duration::from_secs(1);

/// A stored row, as far as it matters for the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    /// The state as the row tells it: at or ahead of the real one.
    pub(super) state: LimitState,
    /// By how many units it was ahead when it was written.
    ahead: u64,
    /// How many units have been admitted since.
    used: u64,
    /// When it was written; `None` when it was found on waking, or is to be written exact at the
    /// next admission.
    at: Option<Timestamp>,
    /// The last admission.
    last: Timestamp,
    /// How many had been admitted when the closing timer came last.
    seen: Option<u64>,
}

impl Written {
    /// A row found on waking.
    pub(super) const fn found(state: LimitState) -> Written {
        Written {
            state,
            ahead: 0,
            used: 0,
            at: None,
            last: Timestamp::ZERO,
            seen: None,
        }
    }

    /// A row written now.
    pub(super) const fn now(state: LimitState, ahead: u64, now: Timestamp) -> Written {
        Written {
            state,
            ahead,
            used: 0,
            at: Some(now),
            last: now,
            seen: None,
        }
    }

    /// Counts an admission.
    pub(super) fn count(&mut self, units: u64, now: Timestamp) {
        self.used = self.used.saturating_add(units);
        self.last = self.last.max(now);
    }

    /// Another row tells a charge of so many units, made now: what both tell together grows by
    /// them. `false`, and nothing is changed, where this one is to be written anyway.
    pub(super) fn carry(
        &mut self,
        units: u64,
        real: &LimitState,
        algorithm: &Algorithm,
        moment: Moment,
    ) -> Result<bool, UnknownTimeZone> {
        let mut state = self.state.clone();
        state.project(algorithm, moment)?;
        if self.at.is_none() || !self.state.is_in_window_of(real) {
            return Ok(false);
        }
        state.take(algorithm, Take::of(units), moment.now, moment)?;
        self.state = state;
        Ok(true)
    }

    /// Whether the row still tells more use than there was, as far as can be said without
    /// projecting it.
    const fn seems_ahead(&self) -> bool {
        self.ahead > self.used
    }

    /// When the row is to be written exact, if nothing is admitted until then.
    pub(super) fn closes_at(&self) -> Option<Timestamp> {
        self.seems_ahead().then(|| self.last.plus(STEADY))
    }

    /// Whether the closing timer, which has come, has to write the row exact: a second has passed,
    /// or nothing was admitted since it came last, whatever the clock says. So it ends under a
    /// clock that stands still or steps back, too.
    pub(super) fn is_to_close(&mut self, now: Timestamp) -> bool {
        let before = self.seen.replace(self.used);
        self.closes_at()
            .is_some_and(|at| at <= now || before == Some(self.used))
    }

    /// Has it written exact at the next admission if it is ahead by more than `allowance`, which
    /// has become less.
    pub(super) const fn keep_within(&mut self, allowance: u64) {
        if self.ahead.saturating_sub(self.used) > allowance {
            self.at = None;
        }
    }

    /// Gives up the units by which the row is ahead: nobody will be asked for them any more.
    pub(super) fn give_up(&mut self) {
        self.used = self.used.max(self.ahead);
    }

    /// What the row is good for after an admission that made the real state `real`, which is
    /// projected to now: `None` when it still stands, else how far the next row may run ahead.
    pub(super) fn next_margin(
        &self,
        real: &LimitState,
        algorithm: &Algorithm,
        moment: Moment,
    ) -> Result<Option<u64>, UnknownTimeZone> {
        let projected = self.state.projected(algorithm, moment)?;
        let stored = projected.as_ref().unwrap_or(&self.state);
        let Some(age) = self.at.map(|at| moment.now.since(at)) else {
            return Ok(Some(0));
        };
        let is_steady = age > STEADY;
        let covers =
            stored.covers(real, algorithm, moment.now) && !self.state.has_more_credits(real);
        if covers && !(is_steady && self.seems_ahead()) {
            return Ok(None);
        }
        Ok(Some(if !self.state.is_in_window_of(real) {
            0
        } else if is_steady {
            // At most the units used: the row was written more than a second ago.
            (u128::from(self.used) * 1_000 / u128::from(age.as_millis())) as u64
        } else {
            self.ahead.saturating_mul(2).saturating_add(1)
        }))
    }
}
