//! `concurrency`: slots held until released or past their deadline.

use super::places::Place;
use super::summed::{capped, Dated, Summed};
use super::{Hold, Holder, Take, View};
use crate::{Duration, Timestamp};

/// Slots taken by one admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Who holds them. `None`: they were taken over from another definition, or charged by one, so
    /// that nobody has a permit for them and they are free at their deadline only.
    pub holder: Option<Holder>,
    /// How many slots.
    pub units: u64,
    /// From this instant on the slots are free.
    pub deadline: Timestamp,
}

impl Slot {
    /// Whether this permit holds it.
    fn is_of(&self, permit: u128) -> bool {
        self.holder.is_some_and(|holder| holder.permit == permit)
    }

    /// From when on it is held, if it is held for one `ttl`.
    fn began(&self, ttl: Duration) -> Timestamp {
        let began = self.deadline.as_millis().saturating_sub(ttl.as_millis());
        Timestamp::from_millis(began)
    }
}

impl Dated for Slot {
    fn at(&self) -> Timestamp {
        self.deadline
    }

    fn units(&self) -> u64 {
        self.units
    }

    fn units_mut(&mut self) -> &mut u64 {
        &mut self.units
    }
}

/// All slots taken, by their deadlines; past ones may linger until the next grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slots {
    held: Summed<Slot>,
    /// The newest fence given: kept after its slot is free, so that fences rise also across a
    /// restart.
    pub fence: u64,
    /// The newest time seen.
    pub time: Timestamp,
}

impl Slots {
    /// Nothing held.
    pub const fn fresh(now: Timestamp) -> Slots {
        Slots {
            held: Summed::empty(),
            fence: 0,
            time: now,
        }
    }

    /// These slots, where the newest fence given is `fence` and `time` has been seen.
    pub fn of(held: Vec<Slot>, fence: u64, time: Timestamp) -> Slots {
        Slots {
            held: Summed::of(held),
            fence,
            time,
        }
    }

    /// The slots, by their deadlines.
    pub fn held(&self) -> impl Iterator<Item = &Slot> {
        self.held.iter()
    }

    /// Whether there are no slots, not even past ones.
    pub fn is_empty(&self) -> bool {
        self.held.last().is_none()
    }

    /// Keeps the slots that `is_kept` says.
    pub(crate) fn retain(&mut self, is_kept: impl Fn(&Slot) -> bool) {
        self.held.retain(is_kept);
    }

    pub(super) fn now(&self, now: Timestamp) -> Timestamp {
        now.max(self.time)
    }

    /// The slots held at `now`.
    fn live(&self, now: Timestamp) -> impl Iterator<Item = &Slot> {
        self.held.from(self.held.until(now))
    }

    /// Slots held at `now`.
    pub(super) fn used(&self, now: Timestamp) -> u64 {
        capped(self.held.units(free_at(self.now(now))))
    }

    /// The first instant from `from` on at which `cost` slots are free, if none is released or
    /// renewed; `None` when they never are.
    pub(super) fn earliest(&self, limit: u64, cost: u64, from: Timestamp) -> Option<Timestamp> {
        let from = self.now(from);
        let free = limit.checked_sub(cost)?;
        let (mut used, free) = (self.held.units(free_at(from)), u128::from(free));
        if used <= free {
            return Some(from);
        }
        for slot in self.live(from) {
            used -= u128::from(slot.units);
            if used <= free {
                return Some(slot.deadline);
            }
        }
        None // not reached: with nothing held, a cost up to the limit is free
    }

    /// What was promised for later under another definition: slots that nobody has a permit for,
    /// held for one `ttl` from an instant ahead.
    pub(super) fn carried(
        &self,
        ttl: Duration,
        now: Timestamp,
    ) -> impl Iterator<Item = Place> + '_ {
        let now = self.now(now);
        let held = self.held.iter().filter(|slot| slot.holder.is_none());
        held.map(move |slot| Place::new(slot.began(ttl), slot.units))
            .filter(move |place| place.at > now)
    }

    /// The same slots after a change of the `ttl` at `now`: those that nobody has a permit for are
    /// held from the same instant on. A slot that is free already stays free under a longer `ttl`.
    pub(super) fn converted(&self, old: Duration, new: Duration, now: Timestamp) -> Slots {
        let now = self.now(now);
        let moved = |slot: &Slot| Slot {
            deadline: match slot.holder {
                None => slot.began(old).plus(new),
                Some(_) => slot.deadline,
            },
            ..*slot
        };
        Slots {
            held: Summed::of(self.live(now).map(moved).collect()),
            ..*self
        }
    }

    /// Takes slots for `at`, and forgets those whose deadline has passed. Under a clock that
    /// stepped back the deadline counts from the newest time seen, as everything does.
    pub fn take(&mut self, ttl: Duration, take: Take, at: Timestamp, now: Timestamp) {
        self.time = self.now(now);
        if let Some(hold) = take.hold {
            self.fence = self.fence.max(hold.holder.fence);
        }
        let (newest, behind) = (self.time, self.time.since(now));
        let deadline = take
            .hold
            .map_or(at.max(now).plus(ttl), |hold| hold.deadline);
        self.held.drop_first(free_at(newest));
        self.held.insert(Slot {
            holder: take.hold.map(|hold| hold.holder),
            units: take.units,
            deadline: deadline.plus(behind),
        });
    }

    /// The slots of a permit, unless their deadline has passed.
    pub fn find(&self, permit: u128, now: Timestamp) -> Option<&Slot> {
        let now = self.now(now);
        // From the newest on: whoever has just taken slots is told of them.
        let newest_first = self.held.iter().rev();
        let mut live = newest_first.take_while(|slot| slot.deadline > now);
        live.find(|slot| slot.is_of(permit))
    }

    /// Moves a live permit's deadline to `hold` from now, never to an earlier instant; `None` when
    /// it is not held here.
    pub fn renew(&mut self, permit: u128, hold: Duration, now: Timestamp) -> Option<Hold> {
        let newest = self.now(now);
        let is_live = |slot: &Slot| slot.is_of(permit) && slot.deadline > newest;
        let position = self.held.iter().position(is_live)?;
        let slot = self.held.remove(position)?;
        let deadline = slot.deadline.max(newest.plus(hold));
        self.held.insert(Slot { deadline, ..slot });
        self.time = newest;
        Some(Hold {
            holder: slot.holder?,
            deadline,
        })
    }

    /// The newest fence of the slots held; `None` when nobody holds any.
    pub(crate) fn fence_of<'a>(held: impl IntoIterator<Item = &'a Slot>) -> Option<u64> {
        let holders = held.into_iter().filter_map(|slot| slot.holder);
        holders.map(|holder| holder.fence).max()
    }

    /// Frees a permit's slots.
    pub fn release(&mut self, permit: u128, now: Timestamp) {
        self.time = self.now(now);
        self.held.retain(|slot| !slot.is_of(permit));
    }

    /// What is left now; `reset` is the last deadline.
    pub fn view(&self, limit: u64, now: Timestamp) -> View {
        let now = self.now(now);
        View {
            remaining: limit.saturating_sub(self.used(now)),
            reset: self.held.last().map_or(now, |slot| slot.deadline.max(now)),
        }
    }
}

/// Which slots are free at `now` without having been released.
fn free_at(now: Timestamp) -> impl Fn(&Slot) -> bool {
    move |slot| slot.deadline <= now
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(10);

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn held(permit: u128, deadline: Timestamp) -> Take {
        let holder = Holder { permit, fence: 3 };
        let hold = Some(Hold { holder, deadline });
        Take { units: 1, hold }
    }

    #[test]
    fn slots_that_nobody_holds_are_free_at_their_deadline_only() {
        let mut slots = Slots::fresh(at(0));
        slots.take(TTL, held(7, at(5_000)), at(0), at(0));
        slots.take(TTL, Take::of(2), at(1_000), at(0));
        for permit in [0, 1] {
            assert_eq!(slots.find(permit, at(0)), None);
            assert_eq!(slots.renew(permit, TTL, at(0)), None);
            slots.release(permit, at(0));
        }
        assert_eq!(slots.used(at(0)), 3);
        slots.release(7, at(0));
        assert_eq!(slots.used(at(10_999)), 2);
        assert_eq!(slots.used(at(11_000)), 0, "one ttl after the instant");
    }

    #[test]
    fn a_longer_ttl_wakes_no_slot_that_is_free() {
        let mut slots = Slots::fresh(at(0));
        slots.take(TTL, Take::of(2), at(0), at(0));
        let longer = Duration::from_secs(60);
        for (now, used) in [(9_999, 2), (10_000, 0), (10_001, 0)] {
            let converted = slots.converted(TTL, longer, at(now));
            assert_eq!(converted.used(at(now)), used, "at {now}");
        }
    }

    #[test]
    fn slots_that_nobody_holds_raise_no_fence() {
        let mut slots = Slots::fresh(at(0));
        slots.take(TTL, Take::of(1), at(0), at(0));
        assert_eq!((slots.fence, Slots::fence_of(slots.held())), (0, None));
        slots.take(TTL, held(7, at(5_000)), at(0), at(0));
        slots.take(TTL, Take::of(1), at(0), at(0));
        assert_eq!((slots.fence, Slots::fence_of(slots.held())), (3, Some(3)));
    }
}
