//! What a subject has lent: the lender's side of [`crate::lease`].
//!
//! **Rule.** Units that are lent are set aside as held ones are: limits are decided as if they were
//! smaller by them, and a bucket refills only to its capacity less what is lent. What a borrower
//! tells to have spent is charged when it tells it. Of a lease that is over everything left counts
//! as spent, in the window in which it was lent: a lease is over before its limit turns. So a lost
//! borrower costs what it had, and nothing is above any limit.
//!
//! A lease is in its row before its units are lent, and its row tells what the same call has
//! charged, too ([`super::lent`]): a loan costs one row, whatever it lends. After waking every
//! lease that is found counts as if it had been lent then.

mod ending;
mod lending;
mod record;
mod size;
mod telling;

pub(super) use record::{Lease, Part};

use std::collections::BTreeMap;

use crate::lease::{GRACE, MAX_LIFE};
use crate::Timestamp;

use super::effects::Effects;
use super::entry::Entry;

/// The most borrowers of one subject whose leases are kept: each has a row, and is in memory. All
/// others are decided one question at a time.
pub const MAX_BORROWERS: usize = 16_384;

/// The leases of one subject, by their borrowers.
#[derive(Debug, Clone, Default)]
pub(super) struct Leases {
    all: BTreeMap<u64, Lease>,
    /// The first instant at which one of them is over; it may have been lent more meanwhile.
    next_end: Option<Timestamp>,
}

impl Leases {
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// A row tells of one. It counts as live, as long as it is not known to be over.
    pub(super) fn add(&mut self, lease: Lease) {
        self.next_end = Some(Timestamp::ZERO);
        self.all.insert(lease.borrower, lease);
    }

    /// Adds what rows of leases tell of a limit to what its own row tells.
    pub(super) fn tell(&self, entries: &mut [Entry]) {
        for lease in self.all.values() {
            for part in &lease.parts {
                if let Some(entry) = entries.iter_mut().find(|entry| entry.key() == part.key) {
                    entry.add_lease(lease.left, part.carried, part.stamp, part.at);
                }
            }
        }
    }

    /// When the last of those is over whose units are set aside.
    pub(super) fn over_at(&self) -> Option<Timestamp> {
        let live = self.all.values().filter(|lease| lease.left > 0);
        live.filter_map(|lease| lease.over_at).max()
    }

    /// When those are over that were found on waking just now.
    pub(super) fn found_over_at(&self, now: Timestamp) -> Option<Timestamp> {
        let found = now.plus(MAX_LIFE).plus(GRACE);
        self.over_at().filter(|over| *over == found)
    }

    /// Until when the last of those may be spent whose units are set aside.
    pub(super) fn spent_until(&self) -> Option<Timestamp> {
        let live = self.all.values().filter(|lease| lease.left > 0);
        live.map(|lease| lease.until).max()
    }

    /// Whether the row of one that is over tells of this limit what the limit's row of this stamp
    /// does not.
    fn carry_over(&self, key: &str, stamp: u64) -> bool {
        let over = self.all.values().filter(|lease| lease.left == 0);
        let mut parts = over.flat_map(|lease| &lease.parts);
        parts.any(|part| part.carried > 0 && part.stamp == stamp && part.key == key)
    }

    /// Forgets those that are over.
    fn drop_over(&mut self, effects: &mut Effects) {
        self.all.retain(|_, lease| {
            if lease.left == 0 {
                effects.writes.push(lease.deletion());
            }
            lease.left > 0
        });
    }

    /// Writes the rows of all.
    pub(super) fn write_all(&self, effects: &mut Effects) {
        for lease in self.all.values() {
            let (key, row) = lease.row();
            effects.put(key, row);
        }
    }
}
