//! A limit that follows what the upstream bears: it falls by a factor when the upstream refuses, at
//! most once a cool-down, and rises by units when it answers well, up to its own number.

use crate::codec::{Line, LineWriter, Unreadable};
use crate::policy::outbound::Adapt;
use crate::Timestamp;

use super::shut::FORGOTTEN;

/// The number that is in force; `None` while it is the limit's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Adapted {
    now: Option<u64>,
    /// When it was changed last.
    at: Timestamp,
}

impl Adapted {
    /// The number in force of a limit of this number.
    pub(crate) fn of(&self, adapt: &Adapt, own: u64) -> u64 {
        let most = adapt.most(own);
        self.now.map_or(most, |now| now.min(most))
    }

    /// The upstream has refused, and begun a cool-down.
    pub(crate) fn lower(&mut self, adapt: &Adapt, own: u64, now: Timestamp) {
        self.now = Some(adapt.lowered(self.of(adapt, own)));
        self.at = now;
    }

    /// The upstream has answered so many calls well.
    pub(crate) fn raise(&mut self, adapt: &Adapt, (successes, own): (u64, u64), now: Timestamp) {
        if self.now.is_none() || successes == 0 {
            return;
        }
        let raised = adapt.raised(self.of(adapt, own), successes, own);
        self.now = Some(raised).filter(|raised| *raised < adapt.most(own));
        self.at = now;
    }

    /// The number, where it is not the limit's own.
    pub(super) const fn number(&self) -> Option<u64> {
        self.now
    }

    /// From when on nothing of it counts.
    pub(super) fn end(&self) -> Timestamp {
        match self.now {
            Some(_) => self.at.plus(FORGOTTEN),
            None => Timestamp::ZERO,
        }
    }

    /// Adds it to the row.
    pub(super) fn put(&self, line: LineWriter) -> LineWriter {
        let at = self.now.map(|_| self.at.as_millis());
        line.put_some("adapted", self.now).put_some("adaptedAt", at)
    }

    /// Reads it from a row.
    pub(super) fn get(line: &Line) -> Result<Adapted, Unreadable> {
        Ok(Adapted {
            now: line.number("adapted")?,
            at: Timestamp::from_millis(line.number("adaptedAt")?.unwrap_or(0)),
        })
    }
}
