//! `slidingLog`: the exact time of each admission, equal times counted together. Never more than the limit in any window.

use std::collections::VecDeque;

use super::{Ask, Room, View};
use crate::limit::Window;
use crate::Timestamp;

/// Admissions, oldest first. Its size is bounded by the limit, of which [`crate::limit::MAX_LOG`] is the largest, twice over: places
/// are promised at most one window ahead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Time and units of each admission that may still count, times rising.
    pub entries: VecDeque<(Timestamp, u64)>,
    /// The newest time seen.
    pub time: Timestamp,
}

impl Log {
    /// No use at all.
    pub const fn fresh(now: Timestamp) -> Log {
        Log {
            entries: VecDeque::new(),
            time: now,
        }
    }

    fn now(&self, now: Timestamp) -> Timestamp {
        now.max(self.time)
    }

    /// The entries that count at `now`: an admission counts for exactly one window.
    fn live<'a>(
        &'a self,
        limit: &'a Window,
        now: Timestamp,
    ) -> impl Iterator<Item = (Timestamp, u64)> + 'a {
        let gone = move |at: Timestamp| at.plus(limit.window()) <= now;
        self.entries
            .iter()
            .copied()
            .skip_while(move |&(at, _)| gone(at))
    }

    /// Units that count at `now`.
    pub(super) fn used(&self, limit: &Window, now: Timestamp) -> u64 {
        let now = self.now(now);
        self.live(limit, now).map(|(_, units)| units).sum()
    }

    /// Whether there is room.
    pub fn room(&self, limit: &Window, ask: &Ask) -> Room {
        let now = self.now(ask.now);
        let Some(free) = limit.limit().checked_sub(ask.cost) else {
            return Room::Never;
        };
        let mut used = self.used(limit, now);
        if used <= free {
            return Room::At(now);
        }
        let mut until = now;
        for (at, units) in self.live(limit, now) {
            used -= units;
            until = at.plus(limit.window());
            if used <= free {
                break;
            }
        }
        if until.since(now) > limit.window() {
            return Room::Wait(until); // a place this far ahead would let the log grow without bound
        }
        ask.place(until, now)
    }

    /// Takes `cost` at `at`, at or after now, and drops what no longer counts.
    pub fn take(&mut self, limit: &Window, cost: u64, now: Timestamp, at: Timestamp) {
        self.drop_expired(limit, now);
        let place = self.entries.partition_point(|&(time, _)| time <= at);
        match place
            .checked_sub(1)
            .and_then(|last| self.entries.get_mut(last))
        {
            Some((time, units)) if *time == at => *units = units.saturating_add(cost),
            _ => self.entries.insert(place, (at, cost)),
        }
    }

    /// Gives back up to `amount` units, newest first.
    pub fn give_back(&mut self, limit: &Window, mut amount: u64, now: Timestamp) {
        self.drop_expired(limit, now);
        while let Some((_, units)) = self.entries.back_mut() {
            let less = amount.min(*units);
            *units -= less;
            amount -= less;
            if *units > 0 {
                break;
            }
            self.entries.pop_back();
        }
    }

    /// Takes back `amount` units that were charged at exactly `at`, as far as they are still there.
    pub fn cancel(&mut self, at: Timestamp, amount: u64) {
        if let Some(i) = self.entries.iter().position(|&(time, _)| time == at) {
            self.entries[i].1 = self.entries[i].1.saturating_sub(amount);
            if self.entries[i].1 == 0 {
                self.entries.remove(i);
            }
        }
    }

    fn drop_expired(&mut self, limit: &Window, now: Timestamp) {
        self.time = self.now(now);
        while self
            .entries
            .front()
            .is_some_and(|&(at, _)| at.plus(limit.window()) <= self.time)
        {
            self.entries.pop_front();
        }
    }

    /// What is left now; `reset` is when all use is forgotten.
    pub fn view(&self, limit: &Window, now: Timestamp) -> View {
        let now = self.now(now);
        View {
            remaining: limit.limit().saturating_sub(self.used(limit, now)),
            reset: self
                .live(limit, now)
                .last()
                .map_or(now, |(at, _)| at.plus(limit.window())),
        }
    }

    /// Whether a subject restarted from this would never be given more than one with `real`: at each time at least as much counts.
    pub fn covers(&self, real: &Log, limit: &Window, now: Timestamp) -> bool {
        self.live(limit, now).eq(real.live(limit, now))
    }
}
