//! Windows of a fixed length: aligned to the Unix epoch, or beginning with the first use.
//!
//! The second kind: an admission opens a window where none is open. It ends one length later, and
//! the next admission after its end opens another. While places are promised ahead, windows follow
//! each other from the open one on without a gap: a place has to lie in a window that is known, and
//! no use before it may move that window. A count that nothing is charged to has no window open, so
//! that it answers as a new one does.

use super::counter::Counter;
use crate::calendar::Span;
use crate::limit::Algorithm;
use crate::{Duration, Timestamp};

/// The window that holds `now`, aligned to the Unix epoch.
pub(crate) fn window_at(window: Duration, now: Timestamp) -> Span {
    let length = window.as_millis();
    let start = Timestamp::from_millis(now.as_millis() - now.as_millis() % length);
    window_from(window, start)
}

/// The window that begins at `start`.
pub(crate) fn window_from(window: Duration, start: Timestamp) -> Span {
    Span {
        start,
        end: start.plus(window),
    }
}

impl Counter {
    /// Whether it stands as it is at `now`, but for places whose instant has come: its span holds
    /// `now`, and where spans begin with the first use one has begun.
    #[inline]
    pub(super) fn is_current(&self, algorithm: &Algorithm, now: Timestamp) -> bool {
        let floats = matches!(algorithm, Algorithm::FirstUse(_)) && self.is_unused();
        !floats && !self.is_over(now)
    }

    /// Whether nothing is charged and nothing promised.
    const fn is_unused(&self) -> bool {
        self.used == 0 && self.ahead.is_none()
    }

    /// The window that holds `at`, of those that follow the present one without a gap.
    fn following(&self, window: Duration, at: Timestamp) -> Span {
        let past = at.since(self.span.start).as_millis();
        let whole = past - past % window.as_millis();
        window_from(window, self.span.start.plus(Duration::from_millis(whole)))
    }

    /// The count at `now`, where windows begin with the first use: with the window that a use would
    /// open, where none is open. `None` where it serves as it is.
    pub(super) fn at_from_use(&self, window: Duration, now: Timestamp) -> Option<Counter> {
        let now = self.now(now);
        let mut next = match self.ahead {
            _ if self.is_unused() => self.clone(),
            None if self.is_over(now) => self.clone(),
            Some(_) if self.is_over(now) || self.is_due(now) => {
                self.at(self.following(window, now), now)
            }
            _ => return None,
        };
        if next.is_unused() || next.is_over(now) {
            (next.span, next.used) = (window_from(window, now), 0);
        }
        Some(next)
    }

    /// Takes `units` now, or promises them for `at`, where windows begin with the first use: opens
    /// one where none is open.
    pub(super) fn take_from_use(
        &mut self,
        window: Duration,
        units: u64,
        at: Timestamp,
        now: Timestamp,
    ) {
        if self.is_unused() {
            self.span = window_from(window, self.now(now));
        }
        if at <= self.now(now) {
            self.take(units, now);
        } else {
            self.promise(units, at, self.following(window, at), now);
        }
    }
}
