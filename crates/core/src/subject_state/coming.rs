//! What the definition of one limit becomes by itself, as overrides end at known instants.

use crate::codec::{Line, LineWriter, Unreadable};
use crate::policy::{Later, Policy};
use crate::row::{get_later, put_later};
use crate::{Limit, Timestamp};

/// The definitions of its name, in the order of the instants from which on they are; of one without
/// a name there is one at a time.
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

    /// The definition that takes the place of this one at an instant: of the same state, or else of
    /// the same name.
    pub(super) fn at(&self, at: Timestamp, limit: &Limit) -> Option<&Limit> {
        let limits = &self.0.iter().find(|later| later.at == at)?.limits;
        let mut same = limits.iter().filter(|it| it.shares_state_with(limit));
        same.next().or_else(|| limits.first())
    }

    /// Takes the definitions out that come into force at [`Coming::first_at`].
    pub(super) fn take_first(&mut self) -> Vec<Limit> {
        let behind = self.0.split_off(self.0.len().min(1));
        let first = core::mem::replace(&mut self.0, behind).pop();
        first.map_or_else(Vec::new, |later| later.limits)
    }

    /// Forgets what never came: whoever asks by a policy that was adjusted last at `adjusted` knows
    /// of every end since then, and of this one he does not.
    pub(super) fn forget_unknown(&mut self, policy: &Policy, adjusted: Timestamp) {
        let is_known = |at| policy.later().iter().any(|later| later.at == at);
        self.0
            .retain(|later| later.at <= adjusted || is_known(later.at));
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
