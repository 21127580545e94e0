//! What goes into a subject's state and what comes out beside the answer: items, row changes,
//! refusals.

use crate::calendar::UnknownTimeZone;
use crate::codec::Unreadable;
use crate::decide::Check;
use crate::policy::Policy;
use crate::Timestamp;

use super::bounds::{MAX_DEFINITIONS, MAX_ENTRIES};

/// One policy asked in a call, and what is asked of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The limits.
    pub policy: Policy,
    /// Cost and conditions.
    pub check: Check,
}

/// A change to the stored rows. All changes of one call are applied together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Insert or replace.
    Put {
        /// The row's key.
        key: String,
        /// The row's text.
        row: String,
    },
    /// Remove.
    Delete {
        /// The row's key.
        key: String,
    },
    /// Remove every row.
    DeleteAll,
}

/// What the object does before it answers.
#[derive(Debug, Default)]
pub struct Effects {
    /// Row changes, in order.
    pub writes: Vec<Write>,
    /// Set the cleaning alarm to this instant.
    pub alarm: Option<Timestamp>,
}

impl Effects {
    /// Stores a row, in place of what this call has put under its key before: a call of several may
    /// charge one limit many times.
    pub(super) fn put(&mut self, key: String, row: String) {
        let last = self.writes.iter_mut().rev().find(|write| match write {
            Write::Put { key: known, .. } | Write::Delete { key: known } => *known == key,
            Write::DeleteAll => true,
        });
        match last {
            Some(Write::Put { row: old, .. }) => *old = row,
            _ => self.writes.push(Write::Put { key, row }),
        }
    }
}

/// Why a call has no answer of its own kind. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A quota names a zone that the runtime does not know.
    #[error("there is no time zone `{0}`")]
    UnknownTimeZone(String),
    /// The operation was cancelled before it came.
    #[error("the operation was cancelled")]
    Cancelled,
    /// The permit was never given, or is over.
    #[error("the permit is unknown or has expired")]
    UnknownPermit,
    /// The subject has [`MAX_ENTRIES`] states, all in use, of limits with so many different names.
    #[error("a subject has at most {MAX_ENTRIES} limits in use at once")]
    TooManyLimits(usize),
    /// The limit of this name has [`MAX_DEFINITIONS`] definitions, all in use.
    #[error("the limit `{0}` has at most {MAX_DEFINITIONS} definitions in use at once")]
    TooManyDefinitions(String),
    /// More operations are under way than the object can remember. Forgetting one would leave its
    /// charge in place for good.
    #[error("more operations are under way here than can be remembered")]
    TooManyOperations,
    /// The stored rows cannot be read by this version, and are left as they are.
    #[error("the stored state cannot be read: {0}")]
    Unavailable(Unreadable),
}

impl From<UnknownTimeZone> for Refusal {
    fn from(unknown: UnknownTimeZone) -> Refusal {
        Refusal::UnknownTimeZone(unknown.zone.as_str().to_owned())
    }
}
