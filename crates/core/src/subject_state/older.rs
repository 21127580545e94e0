//! Rows of an older version: written anew as soon as the object meets them. Otherwise a row that nobody changes, such as a block for a
//! year, would grow too old to be read, although no version was skipped.

use crate::algorithm::state::Moment;

use super::{Effects, SubjectState};

/// What was found in a version before the one that is written.
#[derive(Debug, Default)]
pub(super) struct Older {
    /// Any row but the fence's.
    pub(super) rows: bool,
    /// The fence's row.
    pub(super) fence: bool,
}

impl SubjectState {
    /// Writes rows of an older version in the version of this build: in the first step after waking, as later there are none.
    pub(super) fn rewrite_older(&mut self, moment: Moment, effects: &mut Effects) {
        let older = core::mem::take(&mut self.older);
        if self.readable().is_err() {
            return; // nothing of this subject may be touched
        }
        if older.rows {
            for entry in &mut self.entries {
                entry.write_exact(moment, effects);
            }
            let blocks = self.blocks.iter().map(super::Block::put);
            effects.writes.extend(blocks);
        }
        if older.fence {
            effects.writes.push(self.put_fence());
        }
    }
}
