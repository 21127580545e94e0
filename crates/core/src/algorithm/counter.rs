//! Counts in spans of time: `fixedWindow` and `quota`. Beside the present span those ahead in which
//! places were promised.

use super::places::{Place, Places};
use super::{Room, View};
use crate::calendar::Span;
use crate::Timestamp;

/// Units used in the present span, and places promised in it and in later ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counter {
    /// The span that `used` belongs to: the present one, or a later one before which everything
    /// counts as full.
    pub span: Span,
    /// Units charged to it.
    pub used: u64,
    /// The newest time seen.
    pub time: Timestamp,
    /// What is promised; nothing for most counters.
    pub ahead: Option<Box<Ahead>>,
}

/// What is promised of a counter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ahead {
    /// The places.
    pub places: Places,
    /// The later spans that they lie in, in order.
    pub spans: Vec<Span>,
}

impl Counter {
    /// An unused count in `span`.
    pub const fn fresh(span: Span, now: Timestamp) -> Counter {
        Counter {
            span,
            used: 0,
            time: now,
            ahead: None,
        }
    }

    pub(super) fn now(&self, now: Timestamp) -> Timestamp {
        now.max(self.time)
    }

    /// Whether the span has ended, so that the caller has to look up the one that holds `now`.
    #[inline]
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.now(now) >= self.span.end
    }

    /// Whether the instant of a place has come.
    #[inline]
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let first = self.ahead.as_ref().and_then(|ahead| ahead.places.first());
        first.is_some_and(|first| first <= self.now(now))
    }

    /// The span that holds `at`, where it is known: the present one, or one ahead in which somebody
    /// waits.
    pub(super) fn span_of(&self, at: Timestamp) -> Option<Span> {
        let spans = self.ahead.iter().flat_map(|ahead| &ahead.spans);
        let mut spans = core::iter::once(&self.span).chain(spans);
        spans
            .find(|span| (span.start..span.end).contains(&at))
            .copied()
    }

    /// The count at `now`, which lies in `span`. What was used before it no longer counts, and
    /// places whose instant has come are used.
    #[must_use]
    pub(super) fn at(&self, span: Span, now: Timestamp) -> Counter {
        let mut next = self.clone();
        let now = self.now(now);
        if next.span != span {
            (next.span, next.used) = (span, 0);
        }
        let Some(ahead) = &mut next.ahead else {
            return next;
        };
        for place in ahead.places.take_due(now) {
            if place.at >= span.start {
                next.used = next.used.saturating_add(place.units);
            }
        }
        ahead.tidy(&span);
        next.ahead = next.ahead.filter(|ahead| !ahead.places.is_empty());
        next
    }

    /// Whether there is room at once, and if not, when; the count must not be over, and nobody
    /// wait.
    #[inline]
    pub(super) fn room(&self, limit: u64, cost: u64, now: Timestamp) -> Room {
        let now = self.now(now);
        if cost > limit {
            Room::Never
        } else if self.used.saturating_add(cost) > limit {
            Room::Wait(self.span.end)
        } else if self.span.start > now {
            Room::Wait(self.span.start)
        } else {
            Room::At(now)
        }
    }

    /// The spans in which anything is charged, with the units of each: the present one, and those
    /// ahead.
    fn counts(&self) -> Vec<(Span, u64)> {
        let mut counts = vec![(self.span, self.used)];
        let Some(ahead) = &self.ahead else {
            return counts;
        };
        counts.extend(ahead.spans.iter().map(|span| (*span, 0)));
        let mut of = 0;
        for place in &ahead.places {
            while of + 1 < counts.len() && place.at >= counts[of].0.end {
                of += 1;
            }
            counts[of].1 = counts[of].1.saturating_add(place.units);
        }
        counts
    }

    /// The first instant from `from` on in whose span `cost`, at most the limit, has room.
    pub(super) fn earliest(&self, limit: u64, cost: u64, from: Timestamp) -> Timestamp {
        let mut at = self.now(from).max(self.span.start);
        for (span, units) in self.counts() {
            if at < span.start {
                return at; // a span without use
            }
            if at < span.end {
                if units.saturating_add(cost) <= limit {
                    return at;
                }
                at = span.end;
            }
        }
        at
    }

    /// Takes `cost` now.
    #[inline]
    pub(super) fn take(&mut self, cost: u64, now: Timestamp) {
        self.used = self.used.saturating_add(cost);
        self.time = self.now(now);
    }

    /// Promises `cost` for `at`, which lies ahead in `span`.
    pub(super) fn promise(&mut self, cost: u64, at: Timestamp, span: Span, now: Timestamp) {
        self.time = self.now(now);
        let ahead = self.ahead.get_or_insert_with(Box::default);
        ahead.places.insert(Place::new(at, cost));
        let index = ahead.spans.partition_point(|other| other.end <= at);
        let known = ahead
            .spans
            .get(index)
            .is_some_and(|other| other.start <= at);
        if span.start >= self.span.end && !known {
            ahead.spans.insert(index, span);
        }
    }

    /// Gives back up to `amount` of the present span's use. What waits stays as it is.
    pub(super) fn give_back(&mut self, amount: u64, now: Timestamp) {
        self.used = self.used.saturating_sub(amount);
        self.time = self.now(now);
    }

    /// Takes back `amount` that one admission was charged for `at`; nothing when its span has
    /// passed.
    pub(super) fn cancel(&mut self, at: Timestamp, amount: u64, now: Timestamp) {
        if at > self.now(now) {
            self.time = self.now(now);
            if let Some(ahead) = &mut self.ahead {
                ahead.places.remove(at, amount);
                ahead.tidy(&self.span);
            }
            self.ahead = (self.ahead.take()).filter(|ahead| !ahead.places.is_empty());
        } else if at >= self.span.start {
            self.give_back(amount, now);
        }
    }

    /// What is left now. The count must not be over.
    #[inline]
    pub(super) fn view(&self, limit: u64, now: Timestamp) -> View {
        let promised_ahead = self.span.start > self.now(now);
        let used = match self.ahead {
            None => self.used,
            Some(_) => self.counts()[0].1,
        };
        View {
            remaining: if promised_ahead {
                0
            } else {
                limit.saturating_sub(used)
            },
            reset: if promised_ahead {
                self.span.start
            } else {
                self.span.end
            },
        }
    }

    /// When nothing is in use or promised.
    pub(super) fn idle_at(&self, now: Timestamp) -> Timestamp {
        match self.last_span() {
            (_, 0) => now,
            (span, _) => span.end,
        }
    }

    /// The last span that anything is charged to, and its units.
    pub(crate) fn last_span(&self) -> (Span, u64) {
        let last = self.counts().pop();
        last.unwrap_or((self.span, self.used))
    }

    /// Adds what another count tells of the same limit.
    pub(crate) fn merge(&mut self, other: &Counter) {
        if other.span.end > self.span.start {
            self.used = self.used.saturating_add(other.used);
        }
        self.time = self.time.max(other.time);
        let Some(ahead) = &other.ahead else {
            return;
        };
        for place in &ahead.places {
            let span = other.span_of(place.at).unwrap_or(other.span);
            self.promise(place.units, place.at, span, self.time);
        }
    }

    /// Whether a subject restarted from this count would never be given more than one with `real`.
    /// Neither is over.
    pub(super) fn covers(&self, real: &Counter) -> bool {
        let used = real.used == 0 && real.span.start <= self.span.start
            || self.span.start == real.span.start && self.used >= real.used;
        used && self.ahead == real.ahead
    }
}

impl Ahead {
    /// Forgets spans in which nobody waits any more, and the one that is the present.
    fn tidy(&mut self, present: &Span) {
        let (places, spans) = (&self.places, &mut self.spans);
        spans.retain(|span| {
            span.start >= present.end && places.before(span.start) < places.before(span.end)
        });
    }
}
