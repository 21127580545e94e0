//! `concurrency`: slots held until released or past their deadline.

use super::places::Place;
use super::View;
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

impl Slot {
    /// From when on it is held, if it is held for one `ttl`.
    fn began(&self, ttl: Duration) -> Timestamp {
        let began = self.deadline.as_millis().saturating_sub(ttl.as_millis());
        Timestamp::from_millis(began)
    }
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

    pub(super) fn now(&self, now: Timestamp) -> Timestamp {
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

    /// The first instant from `from` on at which `cost` slots are free, if none is released or renewed; `None` when they never are.
    pub(super) fn earliest(&self, limit: u64, cost: u64, from: Timestamp) -> Option<Timestamp> {
        let from = self.now(from);
        let free = limit.checked_sub(cost)?;
        let mut used = self.used(from);
        if used <= free {
            return Some(from);
        }
        let mut ends: Vec<(Timestamp, u64)> = self
            .live(from)
            .map(|slot| (slot.deadline, slot.units))
            .collect();
        ends.sort_unstable();
        for (deadline, units) in ends {
            used -= units;
            if used <= free {
                return Some(deadline);
            }
        }
        None // not reached: with nothing held, a cost up to the limit is free
    }

    /// What was promised for later under another definition: slots that nobody has a permit for, held for one `ttl` from an instant ahead.
    pub(super) fn carried(
        &self,
        ttl: Duration,
        now: Timestamp,
    ) -> impl Iterator<Item = Place> + '_ {
        let now = self.now(now);
        let held = self.held.iter().filter(|slot| slot.permit == 0);
        held.map(move |slot| Place::new(slot.began(ttl), slot.units))
            .filter(move |place| place.at > now)
    }

    /// The same slots after a change of the `ttl`: those that nobody has a permit for are held from the same instant on.
    pub(super) fn converted(&self, old: Duration, new: Duration) -> Slots {
        let mut next = self.clone();
        let carried = next.held.iter_mut().filter(|slot| slot.permit == 0);
        carried.for_each(|slot| slot.deadline = slot.began(old).plus(new));
        next
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
