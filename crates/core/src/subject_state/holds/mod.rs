//! Permits over everything that one decision takes: units that are held until their real cost is
//! settled.
//!
//! **Rule.** Held units count in every window that the hold touches, and a bucket refills only to
//! its capacity less what is held: a limit is decided as if it were smaller by what is held of it.
//! So at each admission what is spent and held is never above the limit. Settling ends the hold and
//! charges the real cost at that instant, whole, also past the limit: as debt, of which one whole
//! limit at most is carried. Released, nothing is charged. What is not settled in time is charged
//! as it was estimated, at the instant of the deadline, unless the permit says otherwise.
//!
//! A permit may have parts in several objects. The object of its first part is its home: it alone
//! knows the outcome, and tells the others until each has acknowledged it ([`super::holding`]). A
//! part elsewhere holds on until it is told, or until the home has been silent for too long.
//!
//! A place in a queue is a permit too. Its units are charged for its instant; released before, it
//! is a gap there ([`crate::algorithm::places`]), at its instant it is settled.
//!
//! A permit that has ended is remembered for as long again as it was to be held, so that a call
//! that comes twice is answered alike, and one that comes late is charged the difference.

mod record;
mod row;

pub(super) use record::{Before, Ended, Held, Terms, MAX_UNDONE};
pub use record::{End, Home, Others, Part};

use crate::Timestamp;

use super::effects::Effects;

/// The most permits of one subject that are held at once: each is kept in a row and in memory.
pub const MAX_HELD: usize = 1_024;
/// The most permits of one subject that have ended and are remembered. Beyond it the one that ended
/// first is forgotten, of those whose outcome every object knows.
pub const MAX_ENDED: usize = 4_096;

/// What those may take that are held or owed, and again those that are remembered besides: a permit
/// with parts in a hundred objects takes as much as a hundred that have none. All objects of an
/// isolate share 128 MB.
pub(super) const MAX_BYTES: usize = 4 << 20;

/// The permits of one subject that hold units, or did lately.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Holds {
    pub(super) all: Vec<Held>,
}

impl Holds {
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// A row tells of one.
    pub(super) fn add(&mut self, held: Held) {
        self.all.push(held);
    }

    pub(super) fn find(&self, permit: u128) -> Option<usize> {
        self.all.iter().position(|it| it.permit == permit)
    }

    /// The one of these bits.
    pub(super) fn get(&self, permit: u128) -> Option<&Held> {
        self.find(permit).map(|at| &self.all[at])
    }

    /// Whether slots, which its limits do not hold any more, belong to a permit that is held.
    pub(super) fn has_lost_slots(&self, permit: u128) -> bool {
        let held = self.get(permit);
        held.is_some_and(|held| held.has_slots && held.end.is_none())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Held> {
        self.all.iter()
    }

    /// Whether one more permit can be held. What other objects are owed is not forgotten in its
    /// place.
    pub(super) fn has_room(&self) -> bool {
        let needed = || self.all.iter().filter(|it| it.end.is_none() || it.owes());
        let bytes: usize = needed().map(Held::bytes).sum();
        let live = self.live().count();
        live < MAX_HELD && needed().count() - live < MAX_ENDED && bytes < MAX_BYTES
    }

    /// The operation by which a place was promised that lies ahead.
    pub(super) fn operation_of_place(&self, permit: u128) -> Option<u128> {
        let held = self.get(permit)?;
        held.operation
            .filter(|_| held.is_place && held.end.is_none())
    }

    /// The place that an operation was promised, if it lies ahead.
    pub(super) fn place_of(&self, operation: u128) -> Option<usize> {
        let is_of = |it: &Held| it.is_place && it.end.is_none() && it.operation == Some(operation);
        self.all.iter().position(is_of)
    }

    /// Those that hold units.
    pub(super) fn live(&self) -> impl Iterator<Item = &Held> {
        self.all.iter().filter(|it| it.end.is_none())
    }

    /// The first instant at which one of them ends by itself.
    pub(super) fn next_end(&self) -> Option<Timestamp> {
        self.live().map(Held::ends_at).min()
    }

    /// The last instant at which one of them ends by itself.
    pub(super) fn last_end(&self) -> Option<Timestamp> {
        self.live().map(Held::ends_at).max()
    }

    /// Until when something is to be known of them.
    pub(super) fn known_until(&self) -> Option<Timestamp> {
        self.all.iter().map(Held::known_until).max()
    }

    /// The objects that have further parts of a permit whose home is here.
    pub(super) fn others(&self, permit: u128) -> Vec<String> {
        let held = self.get(permit);
        held.map_or_else(Vec::new, |held| held.home.others().to_vec())
    }

    /// Writes the rows of all.
    pub(super) fn write_all(&self, effects: &mut Effects) {
        for held in &self.all {
            let (key, row) = held.row();
            effects.put(key, row);
        }
    }

    /// Whether one of them holds, or held, units of the limit of this key, and is to be known.
    pub(super) fn concern(&self, key: &str, now: Timestamp) -> bool {
        let is_of = |held: &&Held| held.parts.iter().any(|part| part.key == key);
        self.all
            .iter()
            .filter(is_of)
            .any(|held| held.known_until() > now)
    }

    /// The newest fence that one of them has.
    pub(super) fn newest_fence(&self) -> u64 {
        self.all.iter().map(|it| it.fence).max().unwrap_or(0)
    }
}
