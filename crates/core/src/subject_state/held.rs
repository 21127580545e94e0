//! Slots that permits hold: in the state of a concurrency limit, or beside it while another
//! algorithm is in force under the same key.
//!
//! A permit outlives the definition that gave it. While buckets take the place of slots, the slots
//! wait beside their state, can be renewed and released, and count again when slots come back: no
//! slot has two holders.

use crate::algorithm::slots::Slots;
use crate::algorithm::Hold;
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
            slots: Slots::of(held, fence, time),
            ttl: Duration::from_millis(line.needed("heldTtl")?),
        })))
    }

    /// Adds them to a row.
    pub(super) fn put(held: Option<&Held>, line: LineWriter) -> LineWriter {
        let held = held.filter(|held| !held.slots.is_empty());
        line.put_some("held", held.map(|held| slots_text(held.slots.held())))
            .put_some("heldTtl", held.map(|held| held.ttl.as_millis()))
    }

    /// Those of them that somebody holds at `now`; `None` when nobody does.
    pub(super) fn live(mut self: Box<Held>, now: Timestamp) -> Option<Box<Held>> {
        let now = now.max(self.slots.time);
        let slots = &mut self.slots;
        slots.retain(|slot| slot.holder.is_some() && slot.deadline > now);
        (!slots.is_empty()).then_some(self)
    }
}

/// The slots of one limit, wherever they are.
pub(super) struct Holding<'a> {
    pub(super) slots: &'a mut Slots,
    /// The longest that a permit is held.
    pub(super) ttl: Duration,
}

impl Holding<'_> {
    /// Moves the deadline of a live permit; `None` when this limit does not hold it.
    pub(super) fn renew(
        &mut self,
        permit: u128,
        hold: Option<Duration>,
        now: Timestamp,
    ) -> Option<Hold> {
        let hold = hold.map_or(self.ttl, |hold| hold.min(self.ttl));
        self.slots.renew(permit, hold, now)
    }

    /// Whether a permit is live here.
    pub(super) fn holds(&self, permit: u128, now: Timestamp) -> bool {
        self.slots.find(permit, now).is_some()
    }

    /// Frees the slots of a live permit; `false` when this limit does not hold it.
    pub(super) fn release(&mut self, permit: u128, now: Timestamp) -> bool {
        let is_held = self.holds(permit, now);
        if is_held {
            self.slots.release(permit, now);
        }
        is_held
    }

    /// Forgets the slots that nobody holds; whether any are left at `now`.
    pub(super) fn forget_spent(&mut self, now: Timestamp) -> bool {
        self.slots.retain(|slot| slot.holder.is_some());
        self.slots.view(0, now).reset > now
    }
}
