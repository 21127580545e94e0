//! What one limit has lent, and how its stored row and the rows of leases make up its use together.
//!
//! A lease is written down before its units are lent, so the call that lends writes a row anyway.
//! What that call charges is told by the same row, as *carried* units, and the limit's own row
//! stays: whoever reads both adds them. Each row of a limit that lends has a number, its stamp,
//! and carried units count beside that stamp alone: a newer one tells them already.

use crate::Timestamp;

/// The units that a limit has lent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Lent {
    /// Units that were lent and neither told as spent nor given back.
    pub(super) units: u64,
    /// The number of the limit's stored row; 0 where it has never lent.
    pub(super) stamp: u64,
    /// While a call is answered whose row of a lease will tell what it charges: how many units by
    /// now.
    pub(super) carried: Option<u64>,
}

impl Lent {
    /// The limit lends from now on. A limit that was forgotten and comes again has other numbers.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.stamp = now.as_millis().max(1);
    }

    /// Its row is written, and tells all of its use.
    pub(super) const fn row_is_written(&mut self) {
        if self.stamp > 0 {
            self.stamp = self.stamp.saturating_add(1);
        }
        if self.carried.is_some() {
            self.carried = Some(0);
        }
    }
}
