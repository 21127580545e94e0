//! A build for tests that pretends to be another one. It is told when it starts how many versions
//! further it writes and reads. The forms of those versions are marked, so that no build can read
//! one whose version it does not know.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::{Version, Versions};

static WRITTEN: AtomicU32 = AtomicU32::new(0);
static NEWEST: AtomicU32 = AtomicU32::new(0);

/// What [`Version::mark`] is cut from: more than any test pretends.
const MARKS: &str = "~~~~~~~~~~~~~~~~";

/// From now on every form is written `written` versions later than it is, and read up to `newest`
/// versions later.
pub fn pretend(written: u32, newest: u32) {
    WRITTEN.store(written, Relaxed);
    NEWEST.store(newest, Relaxed);
}

impl Versions {
    pub(super) fn in_force(self) -> Versions {
        let written = self.written + WRITTEN.load(Relaxed);
        let newest = self.newest + NEWEST.load(Relaxed);
        Versions {
            written,
            newest: newest.max(written),
        }
    }

    pub(super) fn version(self, number: u32) -> Version {
        let pretended = number.saturating_sub(self.newest) as usize;
        Version { number, pretended }
    }
}

impl Version {
    /// What stands in front of the first word of a text of this version: a mark for each change
    /// that is pretended.
    pub fn mark(self) -> &'static str {
        &MARKS[..self.pretended.min(MARKS.len())]
    }
}
