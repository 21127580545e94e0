//! `slidingWindow`: two counts, and the places ahead. The approximation is the usual one of two
//! counters.

use core::ops::Range;
use std::borrow::Cow;

use super::counts::{decayed, weighted, Counts};
use super::places::{Place, Places};
use super::windows::window_at;
use super::View;
use crate::arithmetic::divide;
use crate::limit::Window;
use crate::Timestamp;

/// What is spent, and what is promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sliding {
    /// What is spent.
    pub counts: Counts,
    /// The places ahead; nothing for most windows.
    pub places: Option<Box<Places>>,
}

impl Sliding {
    /// No use at all.
    pub(super) fn fresh(limit: &Window, now: Timestamp) -> Sliding {
        Sliding {
            counts: Counts::fresh(limit, now),
            places: None,
        }
    }

    /// The same use, seen from `now`: places whose instant has come are spent.
    #[must_use]
    #[inline]
    pub(super) fn at(&self, limit: &Window, now: Timestamp) -> Sliding {
        let now = self.counts.now(now);
        let mut next = self.clone();
        if let Some(places) = &mut next.places {
            for place in places.take_due(now) {
                next.counts = next.counts.at(limit, place.at);
                next.counts.take(place.units);
            }
        }
        Sliding {
            counts: next.counts.at(limit, now),
            places: next.places.filter(|places| !places.is_empty()),
        }
    }

    /// The first instant from `from` on at which `cost`, at most the limit, has room, and after
    /// which every place still has its own.
    pub(super) fn earliest(&self, limit: &Window, cost: u64, from: Timestamp) -> Timestamp {
        let base = if from > self.counts.time {
            Cow::Owned(self.at(limit, from))
        } else {
            Cow::Borrowed(self)
        };
        let none = Places::default();
        let places = base.places.as_deref().unwrap_or(&none);
        let mut ahead = Ahead::new(&base.counts, limit, places);
        loop {
            if let Some(at) = ahead.earliest(cost) {
                return at;
            }
            if ahead.end() == Timestamp::MAX {
                return Timestamp::MAX; // the last instant there is
            }
            ahead = ahead.next();
        }
    }

    /// Takes `cost` now, or promises it for `at`.
    #[inline]
    pub(super) fn take(&mut self, cost: u64, at: Timestamp) {
        if at <= self.counts.time {
            self.counts.take(cost);
        } else {
            let places = self.places.get_or_insert_with(Box::default);
            places.insert(Place::new(at, cost));
        }
    }

    /// Takes back `amount` that was charged for `at`, as far as it still counts. The counts must be
    /// projected to now.
    pub(super) fn cancel(&mut self, limit: &Window, at: Timestamp, amount: u64) {
        if at <= self.counts.time {
            self.counts.cancel(limit, at, amount);
        } else if let Some(places) = &mut self.places {
            places.remove(at, amount);
            self.places = self.places.take().filter(|places| !places.is_empty());
        }
    }

    /// What is left now; `reset` is when all use is forgotten. `self` must be projected to `now`.
    #[inline]
    pub(super) fn view(&self, limit: &Window, now: Timestamp) -> View {
        let view = self.counts.view(limit, now);
        let Some(places) = &self.places else {
            return view;
        };
        let spare = Ahead::new(&self.counts, limit, places).spare();
        let last = places.last().unwrap_or(now);
        View {
            remaining: view.remaining.min(spare.first().copied().unwrap_or(0)),
            reset: (window_at(limit.window(), last).end).plus(limit.window()),
        }
    }

    /// The counts of the last window that anything is charged to, and of the one before: the
    /// present ones when nobody waits.
    pub(crate) fn last_counts(&self, limit: &Window) -> Counts {
        let mut last = self.counts;
        for place in self.places.iter().flat_map(|places| places.iter()) {
            last = last.at(limit, place.at);
            last.take(place.units);
        }
        last
    }

    /// Whether a subject restarted from this would never be given more than one with `real`. Both
    /// projected to one instant.
    pub(super) fn covers(&self, real: &Sliding) -> bool {
        self.counts.covers(&real.counts) && self.places == real.places
    }
}

/// One window, the present or a later one, with the places in it and in the next.
struct Ahead<'a> {
    limit: &'a Window,
    places: &'a Places,
    start: Timestamp,
    /// Units of the window before.
    previous: u64,
    /// Units spent in this window.
    current: u64,
    /// The first instant looked at.
    from: Timestamp,
    /// Which places are in this window, and which in the next.
    inside: Range<usize>,
    next: Range<usize>,
}

impl<'a> Ahead<'a> {
    fn new(base: &Counts, limit: &'a Window, places: &'a Places) -> Ahead<'a> {
        Ahead {
            limit,
            places,
            start: base.start,
            previous: base.previous,
            current: base.current,
            from: base.time.max(base.start),
            inside: 0..0,
            next: 0..0,
        }
        .with_places(0)
    }

    fn with_places(mut self, first: usize) -> Ahead<'a> {
        let next = self.places.before(self.end());
        self.inside = first..next;
        self.next = next..self.places.before(self.end().plus(self.limit.window()));
        self
    }

    fn end(&self) -> Timestamp {
        self.start.plus(self.limit.window())
    }

    /// Units of this window, those that wait included.
    fn total(&self) -> u64 {
        let waiting = self.places.range(self.inside.clone());
        waiting.fold(self.current, |sum, place| sum.saturating_add(place.units))
    }

    /// The window after this one.
    fn next(self) -> Ahead<'a> {
        let (start, first) = (self.end(), self.inside.end);
        Ahead {
            start,
            previous: self.total(),
            current: 0,
            from: start,
            ..self
        }
        .with_places(first)
    }

    /// The first instant in this window at which `cost` fits.
    fn earliest(&self, cost: u64) -> Option<Timestamp> {
        let free = self.limit.limit() - cost;
        let (mut current, mut from) = (self.current, self.from);
        let mut inside = self.places.range(self.inside.clone());
        for spare in self.spare() {
            let place = inside.next();
            let until = place.map_or(self.end(), |place| place.at);
            if let Some(free) = free.checked_sub(current).filter(|_| cost <= spare) {
                let at = from.max(decayed(self.start, self.previous, free, self.limit));
                if at < until {
                    return Some(at);
                }
            }
            from = from.max(until);
            current = current.saturating_add(place.map_or(0, |place| place.units));
        }
        None
    }

    /// How many units more fit before each place of this window, and after the last, so that all
    /// later places still have room.
    fn spare(&self) -> Vec<u64> {
        let window = u128::from(self.limit.window().as_millis());
        let mut spare = vec![self.spare_of_next(window)];
        let mut used = self.total();
        for place in self.places.range(self.inside.clone()).rev() {
            let overlap = weighted(self.limit, self.start, self.previous, place.at);
            let left = divide(self.left(used, overlap, window), window);
            let later = spare.last().copied().unwrap_or(u64::MAX);
            spare.push(later.min(units(left)));
            used = used.saturating_sub(place.units);
        }
        spare.reverse();
        spare
    }

    /// How many units more fit into this window, so that the places of the next still have room.
    fn spare_of_next(&self, window: u128) -> u64 {
        let (total, mut used, mut spare) = (self.total(), 0u64, u64::MAX);
        for place in self.places.range(self.next.clone()) {
            used = used.saturating_add(place.units);
            let overlap = weighted(self.limit, self.end(), total, place.at);
            let weight = weighted(self.limit, self.end(), 1, place.at);
            spare = spare.min(units(divide(self.left(used, overlap, window), weight)));
        }
        spare
    }

    /// What the limit leaves beside so many units and an overlap, in units times milliseconds.
    fn left(&self, used: u64, overlap: u128, window: u128) -> u128 {
        let limit = u128::from(self.limit.limit()) * window;
        limit.saturating_sub(u128::from(used) * window + overlap)
    }
}

fn units(parts: u128) -> u64 {
    u64::try_from(parts).unwrap_or(u64::MAX)
}
