//! Slots that permits hold: in the state of a concurrency limit, or beside it while another
//! algorithm is in force under the same key.
//!
//! A permit outlives the definition that gave it. While buckets take the place of slots, the slots
//! wait beside their state, can be renewed and released, and count again when slots come back: no
//! slot has two holders.

use crate::algorithm::slots::Slots;
use crate::codec::{Line, LineWriter, Unreadable};
use crate::row::{get_slots, slots_text};
use crate::{Duration, Timestamp};

/// Slots beside the state of another algorithm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    /// Those that permits hold.
    pub(super) slots: Slots,
    /// The longest that a permit is held: that of the definition that gave them, in milliseconds in
    /// rows.
    pub(super) ttl: Duration,
}

impl Held {
    /// Reads them from the row of another algorithm, which has seen `time`.
    pub(super) fn get(line: &Line, time: Timestamp) -> Result<Option<Box<Held>>, Unreadable> {
        let held = get_slots(line, "held")?;
        if held.is_empty() {
            return Ok(None);
        }
        let fence = Slots::fence_of(&held).unwrap_or(0);
        Ok(Some(Box::new(Held {
            slots: Slots { held, fence, time },
            ttl: Duration::from_millis(line.needed("heldTtl")?),
        })))
    }

    /// Adds them to a row.
    pub(super) fn put(held: Option<&Held>, line: LineWriter) -> LineWriter {
        let held = held.filter(|held| !held.slots.held.is_empty());
        line.put_some("held", held.map(|held| slots_text(&held.slots.held)))
            .put_some("heldTtl", held.map(|held| held.ttl.as_millis()))
    }
}
