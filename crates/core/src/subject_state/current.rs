//! Whether the object's memory is still the one that counts.
//!
//! The platform may put another instance in an object's place while an event of the old one is
//! under way, and the old one learns of it by a write alone: its writes fail, which ends it, while
//! what it reads is its own copy of the storage. An instance that admits writes anyway, at the
//! latest when its rows no longer cover the use. One that refuses does not, and would go on
//! refusing by a block that was lifted or a use that was reset.
//!
//! So the time of the last write is kept in memory, and a call that was decided without one makes
//! one when that is too long ago: the row of the limit that was used last, or else of a block. Only
//! a call can do it: an object that nobody asks decides nothing and writes nothing.

use crate::decision::Decision;
use crate::{Duration, Timestamp};

use super::{Effects, Write, STEADY};

/// An instance that admits has made a write within this time. A replaced one has admitted the units
/// by which its rows are ahead after it, and none that was not covered. Longer, and it would pass a
/// block by for longer; shorter, and a row would not last for the second that its margin is made
/// for.
pub const ADMITS_UNTIL: Duration = STEADY;

/// An instance that answers anything else has made a write within this time. Half of it, and a
/// subject that is refused all the time costs twelve rows a minute in place of six; twice as long,
/// and a replaced instance refuses somebody who was let in for twice as long.
pub const REFUSES_UNTIL: Duration = Duration::from_secs(10);

/// When this instance made its last write.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Proof(Option<Timestamp>);

impl Proof {
    /// An instance that was current at this instant.
    pub(super) const fn at(now: Timestamp) -> Proof {
        Proof(Some(now))
    }

    /// Notes what a step writes. Neither an alarm nor a deletion counts: where the alarm is set to
    /// that instant already, or there is no such row, nothing is written.
    pub(super) fn note(&mut self, effects: &Effects, now: Timestamp) {
        let is_put = |it: &Write| matches!(it, Write::Put { .. } | Write::PutKey { .. });
        if effects.writes.iter().any(is_put) {
            self.0 = Some(now);
        }
    }

    /// Whether the last write is longer ago than this; where nobody said when memory was loaded, it
    /// is taken to be now. After a step back of the clock nobody knows how long it is.
    pub(super) fn is_older(&mut self, than: Duration, now: Timestamp) -> bool {
        let at = *self.0.get_or_insert(now);
        now < at || now.since(at) > than
    }
}

/// How long ago the last write may be where a call is answered with these decisions, if any. What
/// an override lets through is not admitted by what is known here.
pub(super) fn longest_for(decisions: &[Decision]) -> Duration {
    let is_counted = decisions.iter().any(|it| it.reason.is_none());
    match is_counted && decisions.iter().all(|it| it.success) {
        true => ADMITS_UNTIL,
        false => REFUSES_UNTIL,
    }
}

/// Has a row differ from the stored one: SQLite writes nothing for a row that is replaced by an
/// equal one. No reader knows the field, so it is gone when the row is next written.
pub(super) fn mark(write: &mut Write, now: Timestamp) {
    if let Write::Put { row, .. } = write {
        let end = row.find('\n').unwrap_or(row.len());
        row.insert_str(end, &format!(" current={}", now.as_millis()));
    }
}
