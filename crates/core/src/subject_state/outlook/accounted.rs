//! Units in use for which no report counts any more: those of calls that were reported, and those
//! that a report has taken away. It is in the row, so that after a sleep they are not taken for
//! calls that nobody has reported yet.

use crate::codec::{Line, LineWriter, Unreadable};
use crate::Timestamp;

use super::back::Back;

/// Such units of one policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Accounted {
    units: u64,
    /// From this instant on none of them is in use.
    until: Timestamp,
}

/// Units of a policy in use, of its limit with the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct InUse {
    pub(crate) units: u64,
    /// When none of them is in use any more.
    pub(crate) until: Timestamp,
    /// Whether they were admitted elsewhere, and there is told how many they are: by one that need
    /// not know all of them.
    pub(crate) is_elsewhere: bool,
}

impl Accounted {
    /// How many of the units that are in use.
    pub(super) fn units(&self, now: Timestamp) -> u64 {
        match self.until > now {
            true => self.units,
            false => 0,
        }
    }

    /// Adds some, while so many are in use.
    pub(crate) fn add(&mut self, units: u64, in_use: InUse, now: Timestamp) {
        if units == 0 {
            return;
        }
        let is_over = self.until <= now;
        self.units = self.units(now).saturating_add(units);
        if in_use.is_elsewhere {
            // Of one window: the next one begins with none.
            if is_over {
                self.until = in_use.until;
            }
        } else {
            self.units = self.units.min(in_use.units);
            self.until = self.until.max(in_use.until);
        }
    }

    /// From when on nothing of it counts.
    pub(super) const fn end(&self) -> Timestamp {
        self.until
    }

    /// Adds it to the row.
    pub(super) fn put(&self, line: LineWriter) -> LineWriter {
        let is_any = self.units > 0;
        line.put_some("accounted", is_any.then_some(self.units))
            .put_some("accountedUntil", is_any.then(|| self.until.as_millis()))
    }

    /// Reads it from a row.
    pub(super) fn get(line: &Line) -> Result<Accounted, Unreadable> {
        Ok(Accounted {
            units: line.number("accounted")?.unwrap_or(0),
            until: Timestamp::from_millis(line.number("accountedUntil")?.unwrap_or(0)),
        })
    }

    /// By this clock, which shows an earlier time.
    pub(super) fn shift(&mut self, back: Back) {
        back.shift(&mut self.until);
    }
}
