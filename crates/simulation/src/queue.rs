//! The events to come, in the order of their instants; of one instant in a random order.
//!
//! A calendar queue: the next seconds are slots of a ring, sorted when their turn comes; what is
//! further ahead waits in a heap. So an event costs the same however many wait.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What a slot spans, as a power of two: 256 µs.
const SLOT_BITS: u32 = 8;
/// Slots of the ring: 16.8 s, longer than an object stays awake without a call.
const SLOTS: u64 = 1 << 16;
/// A slot keeps so much room between its turns, so that a surge does not hold its memory for good.
const KEPT_ROOM: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry<E> {
    at: u64,
    tie: u32,
    event: E,
}

/// Events by instant, in µs.
#[derive(Debug)]
pub(crate) struct Queue<E> {
    /// Of the present slot, the next one last.
    current: Vec<Entry<E>>,
    slots: Vec<Vec<Entry<E>>>,
    far: BinaryHeap<Reverse<Entry<E>>>,
    /// The number of the present slot.
    slot: u64,
    /// How many wait in the ring.
    near: usize,
}

impl<E: Copy + Ord> Queue<E> {
    /// Nothing waits.
    pub(crate) fn new() -> Queue<E> {
        Queue {
            current: Vec::new(),
            slots: (0..SLOTS).map(|_| Vec::new()).collect(),
            far: BinaryHeap::new(),
            slot: 0,
            near: 0,
        }
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.current.len() + self.near + self.far.len()
    }

    /// Adds an event at `at`, which is not before the last that was taken. `tie` orders events of
    /// one instant.
    pub(crate) fn put(&mut self, at: u64, tie: u32, event: E) {
        let entry = Entry { at, tie, event };
        let slot = at >> SLOT_BITS;
        if slot <= self.slot {
            let place = self.current.partition_point(|other| *other > entry);
            self.current.insert(place, entry);
        } else if slot - self.slot < SLOTS {
            self.slots[(slot % SLOTS) as usize].push(entry);
            self.near += 1;
        } else {
            self.far.push(Reverse(entry));
        }
    }

    /// Takes the next event, and its instant.
    pub(crate) fn take(&mut self) -> Option<(u64, E)> {
        loop {
            if let Some(next) = self.current.pop() {
                return Some((next.at, next.event));
            }
            if self.near == 0 {
                let Reverse(next) = self.far.peek()?;
                self.slot = next.at >> SLOT_BITS;
            } else {
                self.slot += 1;
            }
            self.turn();
        }
    }

    /// The present slot is another one.
    fn turn(&mut self) {
        while let Some(Reverse(next)) = self.far.peek() {
            let slot = next.at >> SLOT_BITS;
            if slot.saturating_sub(self.slot) >= SLOTS {
                break;
            }
            if let Some(Reverse(entry)) = self.far.pop() {
                self.slots[(slot % SLOTS) as usize].push(entry);
                self.near += 1;
            }
        }
        let slot = &mut self.slots[(self.slot % SLOTS) as usize];
        self.near -= slot.len();
        self.current.append(slot);
        if slot.capacity() > KEPT_ROOM {
            *slot = Vec::new();
        }
        self.current.sort_unstable_by(|a, b| b.cmp(a));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_order_from_near_and_far() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut queue = Queue::new();
        let (mut now, mut taken) = (0, 0);
        for round in 0..200_000_u32 {
            let ahead = match random.u32(0..10) {
                0 => random.u64(0..200_000_000),
                1 => 0,
                _ => random.u64(0..50_000),
            };
            queue.put(now + ahead, random.u32(..), now + ahead);
            if round % 3 > 0 || round > 100_000 {
                let (at, put_for) = queue.take().expect("one was put in this round");
                assert!(at >= now && at == put_for);
                (now, taken) = (at, taken + 1);
            }
        }
        while let Some((at, put_for)) = queue.take() {
            assert!(at >= now && at == put_for);
            (now, taken) = (at, taken + 1);
        }
        assert_eq!((taken, queue.len()), (200_000, 0));
    }
}
