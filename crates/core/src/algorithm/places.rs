//! Places: admissions promised for an instant ahead. A state keeps them as a list beside what is
//! spent; each counts in its algorithm from its instant on, and nobody else is promised what it
//! needs.
//!
//! A place that is given back leaves the list, and what it needed is free again at its instant.

use core::ops::Range;
use core::slice::Iter;

use crate::Timestamp;

/// The most places that wait at one limit at once: the whole list stands in the limit's row, and is
/// looked through for each decision while it is not empty. Of a log the units that wait: each may
/// be a place.
pub const MAX_PLACES: u64 = 1_000;
/// The most places of a bucket that are given back before the last one and offered to others at
/// once. Further ones pass unused.
pub const MAX_GAPS: u32 = 64;

/// An admission promised for an instant ahead.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// When its caller goes ahead.
    pub at: Timestamp,
    /// Units promised.
    pub units: u64,
    /// How much of a shaper's unit is worked off before `at`: instants are whole milliseconds,
    /// rounded up, and the places are exact. In parts, at most what comes back in a millisecond.
    /// A token bucket keeps it and does not count it.
    pub early: u64,
    /// How many places just before this one were given back and are not taken again. Not stored: a
    /// restart starts counting anew.
    gaps: u32,
}

impl Place {
    /// A place of `units` at `at`.
    pub const fn new(at: Timestamp, units: u64) -> Place {
        Place {
            at,
            units,
            early: 0,
            gaps: 0,
        }
    }

    /// The same place, so many parts early.
    #[must_use]
    pub(crate) const fn early_by(self, early: u64) -> Place {
        Place { early, ..self }
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Place) -> bool {
        (self.at, self.units, self.early) == (other.at, other.units, other.early)
    }
}

impl Eq for Place {}

/// The places ahead at one limit, by their instants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places(Vec<Place>);

impl Places {
    /// The places, in the order of their instants.
    pub fn iter(&self) -> Iter<'_, Place> {
        self.0.iter()
    }

    /// The places at these positions.
    pub(super) fn range(&self, positions: Range<usize>) -> Iter<'_, Place> {
        self.0[positions].iter()
    }

    /// How many places come before `at`.
    pub(super) fn before(&self, at: Timestamp) -> usize {
        self.0.partition_point(|place| place.at < at)
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The first instant promised.
    pub fn first(&self) -> Option<Timestamp> {
        self.0.first().map(|place| place.at)
    }

    /// The last instant promised.
    pub fn last(&self) -> Option<Timestamp> {
        self.0.last().map(|place| place.at)
    }

    /// Adds a place, behind those of its instant.
    pub fn insert(&mut self, place: Place) {
        let index = self.0.partition_point(|other| other.at <= place.at);
        self.insert_at(index, place);
    }

    /// Adds a place before the one at `index`, where its instant belongs: in one millisecond there
    /// may be several, in their turns.
    pub(super) fn insert_at(&mut self, index: usize, place: Place) {
        if let Some(next) = self.0.get_mut(index) {
            next.gaps = next.gaps.saturating_sub(1);
        }
        self.0.insert(index, place);
    }

    /// Takes out the places whose instant has come: they wait no longer.
    pub fn take_due(&mut self, now: Timestamp) -> Vec<Place> {
        let due = self.0.partition_point(|place| place.at <= now);
        self.0.drain(..due).collect()
    }

    /// Removes a place of `units` at `at`, if there is one.
    pub fn remove(&mut self, at: Timestamp, units: u64) {
        if let Some(index) = self.position(at, units) {
            self.0.remove(index);
        }
    }

    /// As [`Places::remove`], for a queue: before the last place at most [`MAX_GAPS`] are open at
    /// once, and one more passes unused. Whether the place was removed.
    pub fn open_gap(&mut self, at: Timestamp, units: u64) -> bool {
        let Some(index) = self.position(at, units) else {
            return false;
        };
        let open: u32 = self.0.iter().map(|place| place.gaps).sum();
        if index + 1 < self.0.len() && open >= MAX_GAPS {
            return false;
        }
        let gaps = self.0.remove(index).gaps + 1;
        if let Some(next) = self.0.get_mut(index) {
            next.gaps += gaps;
        }
        true
    }

    fn position(&self, at: Timestamp, units: u64) -> Option<usize> {
        self.0
            .iter()
            .position(|place| place.at == at && place.units == units)
    }

    /// Until when there is no room for one more place, seen from `now`; `None` when there is.
    pub fn full_until(&self, now: Timestamp) -> Option<Timestamp> {
        let waiting = self.0.len() - self.0.partition_point(|place| place.at <= now);
        let more = (waiting as u64 + 1).checked_sub(MAX_PLACES)?;
        let leaves = (self.0.len() - waiting) as u64 + more.checked_sub(1)?;
        self.0.get(leaves as usize).map(|place| place.at)
    }
}

impl From<Vec<Place>> for Places {
    /// The places, which stand in the order of their instants.
    fn from(places: Vec<Place>) -> Places {
        Places(places)
    }
}

impl<'a> IntoIterator for &'a Places {
    type Item = &'a Place;
    type IntoIter = Iter<'a, Place>;

    fn into_iter(self) -> Iter<'a, Place> {
        self.iter()
    }
}
