//! A list by instants that knows the sum of its units: what is in use is read, and only what has
//! ended since is looked through. Which entries have ended its owner says.

use std::collections::vec_deque::{Iter, VecDeque};

use crate::Timestamp;

/// What such a list holds.
pub(super) trait Dated {
    /// The instant by which it stands in the list.
    fn at(&self) -> Timestamp;
    /// Its units.
    fn units(&self) -> u64;
    /// The same, to be changed by the list alone.
    fn units_mut(&mut self) -> &mut u64;
}

/// Entries by their instants, of equal instants in the order in which they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Summed<T> {
    list: VecDeque<T>,
    /// All units of the list. Wide enough to be exact whatever a row tells.
    total: u128,
}

impl<T: Dated> Summed<T> {
    pub(super) const fn empty() -> Summed<T> {
        Summed {
            list: VecDeque::new(),
            total: 0,
        }
    }

    /// Entries in any order.
    pub(super) fn of(mut entries: Vec<T>) -> Summed<T> {
        entries.sort_by_key(Dated::at);
        Summed {
            total: entries.iter().map(|entry| u128::from(entry.units())).sum(),
            list: entries.into(),
        }
    }

    pub(super) fn iter(&self) -> Iter<'_, T> {
        self.list.iter()
    }

    /// The entries from this position on.
    pub(super) fn from(&self, position: usize) -> Iter<'_, T> {
        self.list.range(position..)
    }

    #[inline]
    pub(super) fn last(&self) -> Option<&T> {
        self.list.back()
    }

    /// How many entries stand at `at` or earlier.
    #[inline]
    pub(super) fn until(&self, at: Timestamp) -> usize {
        match self.last() {
            // The usual case: nobody was promised an instant ahead.
            Some(last) if last.at() > at => self.list.partition_point(|entry| entry.at() <= at),
            _ => self.list.len(),
        }
    }

    /// The units of all entries but the first ones that are `gone`.
    #[inline]
    pub(super) fn units(&self, gone: impl Fn(&T) -> bool) -> u128 {
        let gone = self.list.iter().take_while(|entry| gone(entry));
        gone.fold(self.total, |left, entry| left - u128::from(entry.units()))
    }

    /// Drops the first entries that are `gone`.
    #[inline]
    pub(super) fn drop_first(&mut self, gone: impl Fn(&T) -> bool) {
        while self.list.front().is_some_and(&gone) {
            if let Some(entry) = self.list.pop_front() {
                self.total -= u128::from(entry.units());
            }
        }
    }

    /// Puts an entry behind those of its instant.
    #[inline]
    pub(super) fn insert(&mut self, entry: T) {
        self.total += u128::from(entry.units());
        self.list.insert(self.until(entry.at()), entry);
    }

    /// Adds units to the newest entry of exactly this instant; `false` where there is none.
    #[inline]
    pub(super) fn raise(&mut self, at: Timestamp, units: u64) -> bool {
        let newest = self.until(at).checked_sub(1);
        let Some(entry) = newest.and_then(|position| self.list.get_mut(position)) else {
            return false;
        };
        if entry.at() != at {
            return false;
        }
        let before = entry.units();
        *entry.units_mut() = before.saturating_add(units);
        self.total += u128::from(entry.units() - before);
        true
    }

    /// Takes up to `units` from the first `count` entries, the newest of them first, and drops
    /// those of which nothing is left.
    pub(super) fn lower(&mut self, count: usize, mut units: u64) {
        for entry in self.list.range_mut(..count).rev() {
            let less = units.min(entry.units());
            *entry.units_mut() -= less;
            self.total -= u128::from(less);
            units -= less;
        }
        self.list.retain(|entry| entry.units() > 0);
    }

    /// Takes up to `units` from the oldest entry of exactly this instant, and drops it when nothing
    /// of it is left.
    pub(super) fn lower_at(&mut self, at: Timestamp, units: u64) {
        let position = self.list.partition_point(|entry| entry.at() < at);
        let Some(entry) = self.list.get_mut(position).filter(|it| it.at() == at) else {
            return;
        };
        let less = units.min(entry.units());
        *entry.units_mut() -= less;
        self.total -= u128::from(less);
        if entry.units() == 0 {
            self.list.remove(position);
        }
    }

    /// Takes out the entry at a position.
    pub(super) fn remove(&mut self, position: usize) -> Option<T> {
        let entry = self.list.remove(position)?;
        self.total -= u128::from(entry.units());
        Some(entry)
    }

    /// Keeps the entries that `is_kept` says.
    pub(super) fn retain(&mut self, is_kept: impl Fn(&T) -> bool) {
        let total = &mut self.total;
        self.list.retain(|entry| {
            let keep = is_kept(entry);
            if !keep {
                *total -= u128::from(entry.units());
            }
            keep
        });
    }
}

/// A sum as units; the most that there are where it is more.
pub(super) fn capped(sum: u128) -> u64 {
    u64::try_from(sum).unwrap_or(u64::MAX)
}
