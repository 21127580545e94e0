//! What the definition of one limit becomes by itself, as overrides end at known instants.

use crate::codec::{Line, LineWriter, Unreadable};
use crate::policy::{Later, Policy};
use crate::row::{get_later, put_later};
use crate::{Limit, Timestamp};

/// One definition after the other, each of one limit, in the order of their instants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Coming(Vec<Later>);

impl Coming {
    /// What becomes of a limit, as its policy is told.
    pub(super) fn of(policy: &Policy, limit: &Limit) -> Coming {
        Coming(policy.later_of(limit))
    }

    /// Reads it from the limit's row.
    pub(super) fn get(line: &Line) -> Result<Coming, Unreadable> {
        get_later(line).map(Coming)
    }

    /// Adds it to the limit's row.
    pub(super) fn put(&self, line: LineWriter) -> LineWriter {
        put_later(line, &self.0)
    }

    /// When the definition becomes another one, if that is known.
    pub(super) fn first_at(&self) -> Option<Timestamp> {
        self.0.first().map(|later| later.at)
    }

    /// The first such instant after this one.
    pub(super) fn next_at(&self, now: Timestamp) -> Option<Timestamp> {
        let mut instants = self.0.iter().map(|later| later.at);
        instants.find(|at| *at > now)
    }

    /// Takes the definition out that comes into force at [`Coming::first_at`].
    pub(super) fn take_first(&mut self) -> Option<Limit> {
        let behind = self.0.split_off(self.0.len().min(1));
        let mut first = core::mem::replace(&mut self.0, behind);
        first.pop()?.limits.pop()
    }

    /// All of it.
    pub(super) fn all(&self) -> &[Later] {
        &self.0
    }

    /// The definitions.
    pub(super) fn limits(&self) -> impl Iterator<Item = &Limit> {
        self.0.iter().flat_map(|later| &later.limits)
    }
}
