//! Slots that permits hold: in the state of a concurrency limit, or beside it while another algorithm is in force under the same key.
//!
//! A permit outlives the definition that gave it. While buckets take the place of slots, the slots wait beside their state, can be
//! renewed and released, and count again when slots come back: no slot has two holders.

use crate::algorithm::slots::{Slot, Slots};
use crate::algorithm::state::{LimitState, Moment};
use crate::codec::{Line, LineWriter, Unreadable};
use crate::row::{get_slots, slots_text};
use crate::{Algorithm, Duration, Timestamp};

use super::Entry;

/// Slots beside the state of another algorithm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    /// Those that permits hold.
    pub(super) slots: Slots,
    /// The longest that a permit is held: that of the definition that gave them, in milliseconds in rows.
    ttl: Duration,
}

impl Held {
    /// Reads them from the row of another algorithm, which has seen `time`.
    pub(super) fn get(line: &Line, time: Timestamp) -> Result<Option<Box<Held>>, Unreadable> {
        let held = get_slots(line, "held")?;
        if held.is_empty() {
            return Ok(None);
        }
        let fence = held.iter().map(|slot| slot.fence).max().unwrap_or(0);
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

impl Entry {
    /// The slots that permits hold here, and the longest that one is held.
    fn slots(&mut self) -> Option<(&mut Slots, Duration)> {
        match (&mut self.state, self.limit.algorithm()) {
            (LimitState::Slots(slots), Algorithm::Concurrency(limit)) => Some((slots, limit.ttl())),
            _ => self.held.as_mut().map(|held| (&mut held.slots, held.ttl)),
        }
    }

    /// The slots that somebody holds at `now`, to be kept beside the state of another algorithm.
    pub(super) fn held_beside(&self, now: Timestamp) -> Option<Box<Held>> {
        let mut held = match (&self.state, self.limit.algorithm()) {
            (LimitState::Slots(slots), Algorithm::Concurrency(limit)) => Box::new(Held {
                slots: slots.clone(),
                ttl: limit.ttl(),
            }),
            _ => self.held.clone()?,
        };
        let now = now.max(held.slots.time);
        let slots = &mut held.slots.held;
        slots.retain(|slot| slot.permit != 0 && slot.deadline > now);
        (!slots.is_empty()).then_some(held)
    }

    /// The newest fence given here, 0 when none is known.
    pub(super) fn newest_fence(&self) -> u64 {
        match (&self.state, &self.held) {
            (LimitState::Slots(slots), _) => slots.fence,
            (_, Some(held)) => held.slots.fence,
            _ => 0,
        }
    }

    /// Moves the deadline of a live permit; `None` when this limit does not hold it.
    pub(super) fn renew(
        &mut self,
        permit: u128,
        hold: Option<Duration>,
        now: Timestamp,
    ) -> Option<Slot> {
        let (slots, ttl) = self.slots()?;
        slots.renew(permit, hold.map_or(ttl, |hold| hold.min(ttl)), now)
    }

    /// Forgets what is spent. Slots that somebody holds are not spent; whether any are left.
    pub(super) fn forget_spent(&mut self, moment: Moment) -> bool {
        let is_held = match self.slots() {
            None => false,
            Some((slots, _)) => {
                slots.held.retain(|slot| slot.permit != 0);
                slots.view(0, moment.now).reset > moment.now
            }
        };
        if !matches!(self.state, LimitState::Slots(_)) {
            // Only quotas ask for a zone, and no slots are beside them.
            let Ok(fresh) = LimitState::fresh(self.limit.algorithm(), moment) else {
                return false;
            };
            self.state = fresh;
            self.lost = Default::default();
        }
        is_held
    }

    /// Frees the slots of a live permit; `false` when this limit does not hold it.
    pub(super) fn release(&mut self, permit: u128, now: Timestamp) -> bool {
        let Some((slots, _)) = self.slots() else {
            return false;
        };
        let held = slots.find(permit, now).is_some();
        if held {
            slots.release(permit, now);
        }
        held
    }
}
