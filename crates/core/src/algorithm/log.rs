//! `slidingLog`: the exact time of each admission, equal times counted together. Never more than
//! the limit in any window.

use std::collections::vec_deque::Iter;

use super::places::MAX_PLACES;
use super::summed::{capped, Dated, Summed};
use super::View;
use crate::limit::Window;
use crate::Timestamp;

/// Admissions, oldest first, those promised ahead included. Its size is bounded by the limit, of
/// which [`crate::limit::MAX_LOG`] is the largest, and by [`MAX_PLACES`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    entries: Summed<(Timestamp, u64)>,
    /// The newest time seen.
    pub time: Timestamp,
}

impl Dated for (Timestamp, u64) {
    fn at(&self) -> Timestamp {
        self.0
    }

    fn units(&self) -> u64 {
        self.1
    }

    fn units_mut(&mut self) -> &mut u64 {
        &mut self.1
    }
}

impl Log {
    /// No use at all.
    pub const fn fresh(now: Timestamp) -> Log {
        Log {
            entries: Summed::empty(),
            time: now,
        }
    }

    /// A log of these admissions, which has seen `time`.
    pub fn of(entries: Vec<(Timestamp, u64)>, time: Timestamp) -> Log {
        Log {
            entries: Summed::of(entries),
            time,
        }
    }

    /// Time and units of each admission that may still count, times rising.
    pub fn entries(&self) -> Iter<'_, (Timestamp, u64)> {
        self.entries.iter()
    }

    /// Whether anybody waits, seen from the newest time.
    pub(super) fn has_places(&self) -> bool {
        self.entries.last().is_some_and(|&(at, _)| at > self.time)
    }

    pub(super) fn now(&self, now: Timestamp) -> Timestamp {
        now.max(self.time)
    }

    /// The entries that count at `now` or later: an admission counts for exactly one window.
    fn live<'a>(
        &'a self,
        limit: &'a Window,
        now: Timestamp,
    ) -> impl Iterator<Item = (Timestamp, u64)> + Clone + 'a {
        let gone = gone_at(limit, now);
        self.entries.iter().copied().skip_while(gone)
    }

    /// The entries that wait at `now`.
    pub(super) fn ahead(&self, now: Timestamp) -> Iter<'_, (Timestamp, u64)> {
        let now = self.now(now);
        self.entries.from(self.entries.until(now))
    }

    /// The first instant from `from` on at which `cost` fits into every window that it would be
    /// part of; `None` when it never does.
    pub(super) fn earliest(&self, limit: &Window, cost: u64, from: Timestamp) -> Option<Timestamp> {
        let free = limit.limit().checked_sub(cost)?;
        let mut at = self.now(from);
        if self.entries.last().is_none_or(|&(last, _)| last <= at) {
            return Some(self.without_places(limit, free, at));
        }
        // Of entries that are too many together, no window may hold the first and the last and the
        // new one.
        let live = self.live(limit, at);
        let (mut first, mut units) = (live.clone(), 0u64);
        let mut oldest = first.next();
        for (newest, more) in live {
            units = units.saturating_add(more);
            while let Some((_, less)) = oldest.filter(|&(_, less)| units - less > free) {
                units -= less;
                oldest = first.next();
            }
            let Some((start, _)) = oldest.filter(|_| units > free) else {
                continue;
            };
            let apart = newest.since(start);
            let meets = at.plus(limit.window()) > newest && start.plus(limit.window()) > at;
            if apart < limit.window() && meets {
                at = start.plus(limit.window());
            }
        }
        Some(at)
    }

    /// As [`Log::earliest`], when nobody waits: then all that counts is what is in use.
    fn without_places(&self, limit: &Window, free: u64, now: Timestamp) -> Timestamp {
        let (mut used, free) = (self.entries.units(gone_at(limit, now)), u128::from(free));
        if used <= free {
            return now;
        }
        let mut live = self.live(limit, now);
        let mut at = now;
        while used > free {
            let Some((oldest, units)) = live.next() else {
                break;
            };
            used -= u128::from(units);
            at = oldest.plus(limit.window());
        }
        at
    }

    fn used(&self, limit: &Window, now: Timestamp) -> u64 {
        capped(self.entries.units(gone_at(limit, now)))
    }

    /// Until when there is no room for `cost` more units that wait, seen from `now`; `None` when
    /// there is.
    pub(super) fn places_full_until(&self, cost: u64, now: Timestamp) -> Option<Timestamp> {
        let ahead = self.ahead(now);
        let mut waiting: u64 = ahead.fold(0, |sum, (_, units)| sum.saturating_add(*units));
        if waiting.saturating_add(cost) <= MAX_PLACES {
            return None;
        }
        for &(at, units) in self.ahead(now) {
            waiting -= units;
            if waiting.saturating_add(cost) <= MAX_PLACES {
                return Some(at);
            }
        }
        None
    }

    /// Takes `cost` at `at`, now or later, and drops what no longer counts.
    pub(super) fn take(&mut self, limit: &Window, cost: u64, now: Timestamp, at: Timestamp) {
        self.drop_expired(limit, now);
        let at = self.now(at);
        if !self.entries.raise(at, cost) {
            self.entries.insert((at, cost));
        }
    }

    /// Gives back up to `amount` units of what is spent, newest first. What waits stays as it is.
    pub(super) fn give_back(&mut self, limit: &Window, amount: u64, now: Timestamp) {
        self.drop_expired(limit, now);
        let spent = self.entries.until(self.time);
        self.entries.lower(spent, amount);
    }

    /// Takes back `amount` units that were charged at exactly `at`, as far as they are still there.
    pub(super) fn cancel(&mut self, at: Timestamp, amount: u64, now: Timestamp) {
        self.time = self.now(now);
        self.entries.lower_at(at, amount);
    }

    fn drop_expired(&mut self, limit: &Window, now: Timestamp) {
        self.time = self.now(now);
        self.entries.drop_first(gone_at(limit, self.time));
    }

    /// Units that count now, those that wait left out.
    pub(super) fn spent(&self, limit: &Window, now: Timestamp) -> u64 {
        let now = self.now(now);
        let waiting = self.ahead(now).map(|&(_, units)| u128::from(units));
        capped(self.entries.units(gone_at(limit, now)) - waiting.sum::<u128>())
    }

    /// What is left now; `reset` is when all use is forgotten.
    pub(super) fn view(&self, limit: &Window, now: Timestamp) -> View {
        let now = self.now(now);
        let last = self
            .entries
            .last()
            .filter(|&&(at, _)| at.plus(limit.window()) > now);
        View {
            remaining: limit.limit().saturating_sub(self.fullest(limit, now)),
            reset: last.map_or(now, |&(at, _)| at.plus(limit.window())),
        }
    }

    /// The most units in any window that `now` is part of.
    fn fullest(&self, limit: &Window, now: Timestamp) -> u64 {
        if self.entries.last().is_none_or(|&(last, _)| last <= now) {
            return self.used(limit, now);
        }
        let mut units = self.spent(limit, now);
        let mut most = units;
        let mut first = self.live(limit, now).peekable();
        for &(at, more) in self.ahead(now) {
            while let Some((_, less)) =
                first.next_if(|&(start, _)| start.plus(limit.window()) <= at)
            {
                units -= less;
            }
            if at >= now.plus(limit.window()) {
                break;
            }
            units += more;
            most = most.max(units);
        }
        most
    }

    /// Whether a subject restarted from this would never be given more than one with `real`: at
    /// each time at least as much counts.
    pub(super) fn covers(&self, real: &Log, limit: &Window, now: Timestamp) -> bool {
        self.live(limit, now).eq(real.live(limit, now))
    }
}

/// Which admissions do not count any more at `now`.
fn gone_at(limit: &Window, now: Timestamp) -> impl Fn(&(Timestamp, u64)) -> bool + Clone {
    let window = limit.window();
    move |&(at, _)| at.plus(window) <= now
}
