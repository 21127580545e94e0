//! Two neighbouring counts, without regard to places ahead: this window's, and that of the one
//! before, weighted by how much of it a window ending now still overlaps. Nothing is rounded before
//! the comparison.

use super::windows::window_at;
use super::{Room, View};
use crate::arithmetic::{div_ceil, wait};
use crate::limit::Window;
use crate::Timestamp;

/// The counts of this window and of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Start of the window that `current` belongs to: the present one, or a later one before which
    /// everything counts as full.
    pub start: Timestamp,
    /// Units charged to the window before.
    pub previous: u64,
    /// Units charged to this window.
    pub current: u64,
    /// The newest time seen.
    pub time: Timestamp,
}

impl Counts {
    /// No use at all.
    pub(super) fn fresh(limit: &Window, now: Timestamp) -> Counts {
        let start = window_at(limit.window(), now).start;
        Counts {
            start,
            previous: 0,
            current: 0,
            time: now,
        }
    }

    pub(super) fn now(&self, now: Timestamp) -> Timestamp {
        now.max(self.time)
    }

    /// The same use, seen from `now`.
    #[must_use]
    #[inline]
    pub(super) fn at(&self, limit: &Window, now: Timestamp) -> Counts {
        let now = self.now(now);
        let end = self.start.plus(limit.window());
        if now < end {
            Counts { time: now, ..*self }
        } else if now < end.plus(limit.window()) {
            Counts {
                start: end,
                previous: self.current,
                current: 0,
                time: now,
            }
        } else {
            Counts::fresh(limit, now)
        }
    }

    /// What of the previous window still counts at `now`, in units times milliseconds.
    fn overlap(&self, limit: &Window, now: Timestamp) -> u128 {
        weighted(limit, self.start, self.previous, now)
    }

    /// Whether there is room at once, and if not, when. The counts must be projected to `now`.
    #[inline]
    pub(super) fn room(&self, limit: &Window, cost: u64, now: Timestamp) -> Room {
        let now = self.now(now);
        if cost > limit.limit() {
            return Room::Never;
        }
        let window = u128::from(limit.window().as_millis());
        let wanted = (u128::from(self.current) + u128::from(cost)) * window;
        if self.start <= now
            && self.overlap(limit, now) + wanted <= u128::from(limit.limit()) * window
        {
            return Room::At(now);
        }
        Room::Wait(self.earliest(limit, cost).max(now))
    }

    /// The first instant at which `cost`, at most the limit, has room when nothing else happens.
    fn earliest(&self, limit: &Window, cost: u64) -> Timestamp {
        let free = limit.limit() - cost;
        match free.checked_sub(self.current) {
            Some(free) => decayed(self.start, self.previous, free, limit),
            // Not in this window: in the next, this one's count is the one that decays.
            None => decayed(self.start.plus(limit.window()), self.current, free, limit),
        }
    }

    /// Takes `cost` in the present window.
    #[inline]
    pub(super) fn take(&mut self, cost: u64) {
        self.current = self.current.saturating_add(cost);
    }

    /// Gives back up to `amount` of the present window's use.
    pub(super) fn give_back(&mut self, amount: u64) {
        self.current = self.current.saturating_sub(amount);
    }

    /// Takes back `amount` that was charged at `at`, as far as it still counts.
    pub(super) fn cancel(&mut self, limit: &Window, at: Timestamp, amount: u64) {
        let start = window_at(limit.window(), at).start;
        if start == self.start {
            self.give_back(amount);
        } else if start.plus(limit.window()) == self.start {
            self.previous = self.previous.saturating_sub(amount);
        }
    }

    /// Units in use by the estimate, rounded up. The counts must be projected to `now`.
    #[inline]
    pub(super) fn used(&self, limit: &Window, now: Timestamp) -> u64 {
        let overlap = div_ceil(
            self.overlap(limit, self.now(now)),
            u128::from(limit.window().as_millis()),
        );
        self.current.saturating_add(overlap as u64) // at most `previous`
    }

    /// What is left now; `reset` is when all use is forgotten. The counts must be projected to
    /// `now`.
    #[inline]
    pub(super) fn view(&self, limit: &Window, now: Timestamp) -> View {
        let now = self.now(now);
        let end = self.start.plus(limit.window());
        View {
            remaining: if self.start > now {
                0
            } else {
                limit.limit().saturating_sub(self.used(limit, now))
            },
            reset: match (self.current, self.previous) {
                (0, 0) => now,
                (0, _) => end,
                _ => end.plus(limit.window()),
            },
        }
    }

    /// Whether a subject restarted from this would never be given more than one with `real`. Both
    /// projected to one instant.
    pub(super) fn covers(&self, real: &Counts) -> bool {
        real.previous == 0 && real.current == 0
            || self.start == real.start
                && self.previous >= real.previous
                && self.current >= real.current
    }
}

/// What of `previous`, the units of the window before `start`, still counts at `now`: in units
/// times milliseconds.
#[inline]
pub(super) fn weighted(limit: &Window, start: Timestamp, previous: u64, now: Timestamp) -> u128 {
    let window = limit.window().as_millis();
    let left = window - now.since(start).as_millis().min(window);
    u128::from(previous) * u128::from(left)
}

/// When a `count` of the window before `start` has decayed to at most `free`: `count·(w − e) ≤
/// free·w`, solved for e and rounded up.
pub(super) fn decayed(start: Timestamp, count: u64, free: u64, limit: &Window) -> Timestamp {
    if count <= free {
        return start;
    }
    let window = u128::from(limit.window().as_millis());
    start.plus(wait(window - u128::from(free) * window / u128::from(count)))
}
