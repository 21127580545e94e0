//! `slidingWindow`: the count of this window, and of the one before weighted by how much of it a window ending now still overlaps.
//! The approximation is the usual one of two counters; nothing is rounded before the comparison.

use super::{div_ceil, wait, Ask, Room, View};
use crate::limit::Window;
use crate::Timestamp;

/// Two neighbouring counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sliding {
    /// Start of the window that `current` belongs to; in the future when its first place was promised ahead.
    pub start: Timestamp,
    /// Units charged to the window before.
    pub previous: u64,
    /// Units charged to this window.
    pub current: u64,
    /// The newest time seen.
    pub time: Timestamp,
}

impl Sliding {
    /// No use at all.
    pub fn fresh(limit: &Window, now: Timestamp) -> Sliding {
        let start = super::counter::window_at(limit.window(), now).start;
        Sliding {
            start,
            previous: 0,
            current: 0,
            time: now,
        }
    }

    fn now(&self, now: Timestamp) -> Timestamp {
        now.max(self.time)
    }

    /// The same use, seen from `now`.
    #[must_use]
    #[inline]
    pub fn at(&self, limit: &Window, now: Timestamp) -> Sliding {
        let now = self.now(now);
        let end = self.start.plus(limit.window());
        if now < end {
            Sliding { time: now, ..*self }
        } else if now < end.plus(limit.window()) {
            Sliding {
                start: end,
                previous: self.current,
                current: 0,
                time: now,
            }
        } else {
            Sliding::fresh(limit, now)
        }
    }

    /// What of the previous window still counts at `now`, in units times milliseconds.
    fn overlap(&self, limit: &Window, now: Timestamp) -> u128 {
        let left = limit.window().as_millis()
            - now
                .since(self.start)
                .as_millis()
                .min(limit.window().as_millis());
        u128::from(self.previous) * u128::from(left)
    }

    /// Whether there is room. `self` must be projected to `ask.now`.
    #[inline]
    pub fn room(&self, limit: &Window, ask: &Ask) -> Room {
        let now = self.now(ask.now);
        if ask.cost > limit.limit() {
            return Room::Never;
        }
        let window = u128::from(limit.window().as_millis());
        let wanted = (u128::from(self.current) + u128::from(ask.cost)) * window;
        if self.start <= now
            && self.overlap(limit, now) + wanted <= u128::from(limit.limit()) * window
        {
            return Room::At(now);
        }
        ask.place(self.earliest(limit, ask.cost).max(now), now)
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

    /// Takes `cost` at `at`, at or after now.
    #[inline]
    pub fn take(&mut self, limit: &Window, cost: u64, at: Timestamp) {
        if at > self.time {
            let time = self.time;
            *self = Sliding {
                time,
                ..self.at(limit, at)
            };
        }
        self.current = self.current.saturating_add(cost);
    }

    /// Gives back up to `amount` of the current window's use.
    pub fn give_back(&mut self, amount: u64) {
        self.current = self.current.saturating_sub(amount);
    }

    /// Units in use by the estimate, rounded up. `self` must be projected to `now`.
    pub(super) fn used(&self, limit: &Window, now: Timestamp) -> u64 {
        let weighted = div_ceil(
            self.overlap(limit, self.now(now)),
            u128::from(limit.window().as_millis()),
        );
        // The overlap is at most the previous count, which fits.
        self.current.saturating_add(weighted as u64)
    }

    /// What is left now; `reset` is when all use is forgotten. `self` must be projected to `now`.
    #[inline]
    pub fn view(&self, limit: &Window, now: Timestamp) -> View {
        let now = self.now(now);
        let used = self.used(limit, now);
        let end = self.start.plus(limit.window());
        View {
            remaining: if self.start > now {
                0
            } else {
                limit.limit().saturating_sub(used)
            },
            reset: match (self.current, self.previous) {
                (0, 0) => now,
                (0, _) => end,
                _ => end.plus(limit.window()),
            },
        }
    }

    /// Whether a subject restarted from this would never be given more than one with `real`. Both projected to one instant.
    pub const fn covers(&self, real: &Sliding) -> bool {
        real.previous == 0 && real.current == 0
            || self.start.as_millis() == real.start.as_millis()
                && self.previous >= real.previous
                && self.current >= real.current
    }
}

/// When a `count` of the window before `start` has decayed to at most `free`: `count·(w − e) ≤ free·w`, solved for e and rounded up.
fn decayed(start: Timestamp, count: u64, free: u64, limit: &Window) -> Timestamp {
    if count <= free {
        return start;
    }
    let window = u128::from(limit.window().as_millis());
    start.plus(wait(window - u128::from(free) * window / u128::from(count)))
}
