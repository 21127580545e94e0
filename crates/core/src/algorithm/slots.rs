//! `concurrency`: slots held until released or past their deadline.

use super::{Ask, Room, View};
use crate::{Duration, Timestamp};

/// Slots taken by one admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The permit's 128 random bits.
    pub permit: u128,
    /// How many slots it holds.
    pub units: u64,
    /// The permit's place in the order of all grants of the subject.
    pub fence: u64,
    /// From this instant on the slots are free.
    pub deadline: Timestamp,
}

/// All slots taken, in the order of their grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slots {
    /// The slots; past ones may linger until the next grant.
    pub held: Vec<Slot>,
    /// The newest fence given: kept after its slot is free, so that fences rise also across a restart.
    pub fence: u64,
    /// The newest time seen.
    pub time: Timestamp,
}

impl Slots {
    /// Nothing held.
    pub const fn fresh(now: Timestamp) -> Slots {
        Slots {
            held: Vec::new(),
            fence: 0,
            time: now,
        }
    }

    fn now(&self, now: Timestamp) -> Timestamp {
        now.max(self.time)
    }

    fn live(&self, now: Timestamp) -> impl Iterator<Item = &Slot> {
        self.held.iter().filter(move |slot| slot.deadline > now)
    }

    /// Slots held at `now`.
    pub(super) fn used(&self, now: Timestamp) -> u64 {
        let now = self.now(now);
        self.live(now).map(|slot| slot.units).sum()
    }

    /// Whether there is room. A wait ends at a deadline; a release may end it sooner.
    pub fn room(&self, limit: u64, ask: &Ask) -> Room {
        let now = self.now(ask.now);
        let Some(free) = limit.checked_sub(ask.cost) else {
            return Room::Never;
        };
        let mut used = self.used(now);
        if used <= free {
            return Room::At(now);
        }
        let mut ends: Vec<(Timestamp, u64)> = self
            .live(now)
            .map(|slot| (slot.deadline, slot.units))
            .collect();
        ends.sort_unstable();
        for (deadline, units) in ends {
            used -= units;
            if used <= free {
                return Room::Wait(deadline);
            }
        }
        Room::Never // not reached: with nothing held, a cost up to the limit is free
    }

    /// Takes slots, and forgets those whose deadline has passed. Under a clock that stepped back the deadline counts from the newest
    /// time seen, as everything does.
    pub fn take(&mut self, slot: Slot, now: Timestamp) {
        self.time = self.now(now);
        self.fence = self.fence.max(slot.fence);
        let (newest, behind) = (self.time, self.time.since(now));
        self.held.retain(|held| held.deadline > newest);
        self.held.push(Slot {
            deadline: slot.deadline.plus(behind),
            ..slot
        });
    }

    /// The slots of a permit, unless their deadline has passed.
    pub fn find(&self, permit: u128, now: Timestamp) -> Option<&Slot> {
        let now = self.now(now);
        self.live(now).find(|slot| slot.permit == permit)
    }

    /// Moves a live permit's deadline to `hold` from now, never to an earlier instant; `None` when it is not held here.
    pub fn renew(&mut self, permit: u128, hold: Duration, now: Timestamp) -> Option<Slot> {
        let newest = self.now(now);
        let live = |slot: &&mut Slot| slot.permit == permit && slot.deadline > newest;
        let slot = self.held.iter_mut().find(live)?;
        slot.deadline = slot.deadline.max(newest.plus(hold));
        self.time = newest;
        Some(*slot)
    }

    /// Frees a permit's slots.
    pub fn release(&mut self, permit: u128, now: Timestamp) {
        self.time = self.now(now);
        self.held.retain(|slot| slot.permit != permit);
    }

    /// What is left now; `reset` is the last deadline.
    pub fn view(&self, limit: u64, now: Timestamp) -> View {
        let now = self.now(now);
        View {
            remaining: limit.saturating_sub(self.used(now)),
            reset: self
                .live(now)
                .map(|slot| slot.deadline)
                .max()
                .unwrap_or(now),
        }
    }
}
