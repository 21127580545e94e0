//! What was met in rows that are not as this build writes them.
//!
//! A row that cannot be read is never taken as empty. Rows of an older version are written anew as
//! soon as the object meets them. Otherwise a row that nobody changes, such as a block for a year,
//! would grow too old to be read, although no version was skipped.

use crate::codec::Unreadable;

use super::Refusal;

/// What was met.
#[derive(Debug, Clone, Default)]
pub(super) struct Loaded {
    unreadable: Option<Unreadable>,
    /// In a version before the one that is written.
    pub(super) older: Older,
}

/// Rows of an older version.
#[derive(Debug, Clone, Default)]
pub(super) struct Older {
    /// Any row but the fence's.
    pub(super) rows: bool,
    /// The fence's row.
    pub(super) fence: bool,
}

impl Loaded {
    /// A row could not be read. Of several reasons, a version that is not known is the one to tell.
    pub(super) fn failed(&mut self, unreadable: Unreadable) {
        if !matches!(self.unreadable, Some(Unreadable::Version { .. })) {
            self.unreadable = Some(unreadable);
        }
    }

    /// Whether all rows could be read.
    pub(super) fn readable(&self) -> Result<(), Refusal> {
        let unreadable = self.unreadable.clone();
        unreadable.map_or(Ok(()), |it| Err(Refusal::Unavailable(it)))
    }

    /// Whether a row is damaged, and none of a version that is not known.
    pub(super) const fn is_damaged(&self) -> bool {
        matches!(self.unreadable, Some(Unreadable::Damaged(_)))
    }

    /// The older rows, which are about to be written anew.
    pub(super) fn take_older(&mut self) -> Older {
        core::mem::take(&mut self.older)
    }
}
