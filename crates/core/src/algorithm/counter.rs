//! One count in one span of time: `fixedWindow` and `quota`.
//!
//! A promised place may lie in a later span; then the count is of that span and everything before it is full, so that places are given
//! in the order of arrival.

use super::{Ask, Room, View};
use crate::calendar::Span;
use crate::{Duration, Timestamp};

/// Units used in the newest span that was charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    /// The span that `used` belongs to.
    pub span: Span,
    /// Units charged to it.
    pub used: u64,
    /// The newest time seen.
    pub time: Timestamp,
}

/// The span of a window of fixed length that holds `now`: aligned to the Unix epoch.
pub fn window_at(window: Duration, now: Timestamp) -> Span {
    let length = window.as_millis();
    let start = Timestamp::from_millis(now.as_millis() - now.as_millis() % length);
    Span {
        start,
        end: start.plus(window),
    }
}

impl Counter {
    /// An unused count in `span`.
    pub const fn fresh(span: Span, now: Timestamp) -> Counter {
        Counter {
            span,
            used: 0,
            time: now,
        }
    }

    /// Whether the span has ended, so that the caller has to look up the one that holds `now`.
    #[inline]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.now(now) >= self.span.end
    }

    /// The count in `span`, which holds the present: what was used before it no longer counts.
    #[must_use]
    pub const fn turned(&self, span: Span) -> Counter {
        Counter {
            span,
            used: 0,
            time: self.time,
        }
    }

    fn now(&self, now: Timestamp) -> Timestamp {
        now.max(self.time)
    }

    /// When this count starts to be open: now, unless its span was promised ahead.
    fn opens(&self, now: Timestamp) -> Timestamp {
        self.now(now).max(self.span.start)
    }

    /// Whether there is room. The count must not be over.
    #[inline]
    pub fn room(&self, limit: u64, ask: &Ask) -> Room {
        let now = self.now(ask.now);
        if ask.cost > limit {
            return Room::Never;
        }
        let fits = self.used.saturating_add(ask.cost) <= limit;
        match (fits, self.opens(now)) {
            (true, opens) if opens == now => Room::At(now),
            (true, opens) => ask.place(opens, now),
            (false, _) => ask.place(self.span.end, now),
        }
    }

    /// Takes `cost` at `at`, an instant that lies in `self.span`.
    #[inline]
    pub fn take(&mut self, cost: u64, now: Timestamp) {
        self.used = self.used.saturating_add(cost);
        self.time = self.now(now);
    }

    /// Gives back up to `amount` of the span's use.
    pub fn give_back(&mut self, amount: u64, now: Timestamp) {
        self.used = self.used.saturating_sub(amount);
        self.time = self.now(now);
    }

    /// What is left now. The count must not be over.
    #[inline]
    pub fn view(&self, limit: u64, now: Timestamp) -> View {
        let promised_ahead = self.span.start > self.now(now);
        View {
            remaining: if promised_ahead {
                0
            } else {
                limit.saturating_sub(self.used)
            },
            reset: if promised_ahead {
                self.span.start
            } else {
                self.span.end
            },
        }
    }

    /// Whether a subject restarted from this count would never be given more than one with `real`. Neither is over.
    pub fn covers(&self, real: &Counter) -> bool {
        real.used == 0 && real.span.start <= self.span.start
            || self.span.start == real.span.start && self.used >= real.used
    }
}
