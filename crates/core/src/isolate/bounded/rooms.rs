//! The part of a [`BoundedMap`](super::BoundedMap) that does not depend on the values' type:
//! places, namespaces and the choice of the entry to evict. A *room* is the set of entries of one
//! namespace.

use core::hash::{BuildHasherDefault, Hasher};
use std::collections::{BinaryHeap, HashMap};

use super::fingerprint::Key;

/// The eviction rank of an entry: the lowest is evicted first. The second number breaks ties.
pub type Worth = (u64, u64);

/// The candidates for eviction are found for several evictions at once, because that reads every
/// entry of a room: one candidate for this many entries.
const CANDIDATES: usize = 16;
/// A list with a larger capacity than this is shrunk when it is mostly empty.
const MIN_SHRUNK: usize = 64;

/// A function of the value at a place.
pub(super) type Look<'a, T> = &'a dyn Fn(usize) -> T;

/// The places of all entries. Places are numbers below `max`.
#[derive(Debug, Clone)]
pub(super) struct Rooms {
    max: usize,
    index: Index,
    /// By place.
    slots: Vec<Slot>,
    free: Vec<usize>,
    rooms: Vec<Room>,
    /// The room with the most entries; `None` when it has to be searched for.
    fullest: Option<usize>,
    /// The room of each namespace, by the key of the namespace.
    namespaces: Index,
}

type Index = HashMap<Key, usize, BuildHasherDefault<IdentityHasher>>;

/// An occupied place.
#[derive(Debug, Clone, Copy)]
struct Slot {
    key: Key,
    room: usize,
    /// Index in its room's list of places.
    standing: usize,
}

/// The entries of one namespace.
#[derive(Debug, Clone, Default)]
struct Room {
    places: Vec<usize>,
    /// The entries with the lowest worths at the last search, in descending order.
    candidates: Vec<(Worth, usize)>,
}

/// The place of a new entry.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Placed {
    pub(super) place: usize,
    /// The key of the entry evicted for it.
    pub(super) evicted: Option<Key>,
}

impl Rooms {
    pub(super) fn new(max: usize) -> Rooms {
        Rooms {
            max: max.max(1),
            index: Index::default(),
            slots: Vec::new(),
            free: Vec::new(),
            rooms: Vec::new(),
            fullest: None,
            namespaces: Index::default(),
        }
    }

    /// Removes all entries.
    pub(super) fn clear(&mut self) {
        *self = Rooms::new(self.max);
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(super) fn find(&self, key: Key) -> Option<usize> {
        self.index.get(&key).copied()
    }

    /// Number of rooms, empty ones included.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.rooms.len()
    }

    pub(super) fn key_at(&self, place: usize) -> Key {
        self.slots[place].key
    }

    /// A place for a new key; `None` when `may_evict` forbids the eviction.
    pub(super) fn place(
        &mut self,
        key: Key,
        worth: Look<Worth>,
        may_evict: &dyn Fn(Key, usize) -> bool,
    ) -> Option<Placed> {
        let mut evicted = None;
        if self.len() >= self.max {
            let victim = self.victim_for(key, worth, may_evict)?;
            evicted = Some(self.slots[victim].key);
            self.take(victim);
        }
        let place = self.free.pop().unwrap_or(self.slots.len());
        let room = self.room_of(key);
        let slot = Slot {
            key,
            room,
            standing: self.rooms[room].places.len(),
        };
        match self.slots.get_mut(place) {
            Some(free) => *free = slot,
            None => self.slots.push(slot),
        }
        self.rooms[room].places.push(place);
        self.index.insert(key, place);
        if self
            .fullest
            .is_some_and(|fullest| self.has(fullest) < self.has(room))
        {
            self.fullest = Some(room);
        }
        Some(Placed { place, evicted })
    }

    /// Number of entries in a room.
    fn has(&self, room: usize) -> usize {
        self.rooms[room].places.len()
    }

    /// Adds a new entry to the candidates if its worth is lower than one of theirs.
    pub(super) fn note_worth(&mut self, place: usize, worth: Worth) {
        let room = &mut self.rooms[self.slots[place].room];
        let before = room.candidates.partition_point(|(other, _)| *other > worth);
        if before > 0 && room.candidates.len() < room.places.len() {
            room.candidates.insert(before, (worth, place));
        }
    }

    /// Frees the place of a key.
    pub(super) fn remove(&mut self, key: Key) -> Option<usize> {
        let place = self.find(key)?;
        if self.fullest == Some(self.slots[place].room) {
            self.fullest = None;
        }
        self.take(place);
        Some(place)
    }

    fn take(&mut self, place: usize) {
        let Slot {
            key,
            room,
            standing,
        } = self.slots[place];
        self.index.remove(&key);
        self.free.push(place);
        let places = &mut self.rooms[room].places;
        places.swap_remove(standing);
        let moved = places.get(standing).copied();
        if places.capacity() > MIN_SHRUNK && places.capacity() > 4 * places.len() {
            places.shrink_to(2 * places.len());
        }
        if let Some(moved) = moved {
            self.slots[moved].standing = standing;
        }
    }

    /// The room of a key's namespace, created if absent. Empty rooms are reused.
    fn room_of(&mut self, key: Key) -> usize {
        if let Some(&room) = self.namespaces.get(&key.of_namespace()) {
            return room;
        }
        let empty = self.rooms.iter().position(|room| room.places.is_empty());
        let room = empty.unwrap_or(self.rooms.len());
        if empty.is_some() {
            self.namespaces.retain(|_, other| *other != room);
            self.rooms[room] = Room::default();
        } else {
            self.rooms.push(Room::default());
        }
        self.namespaces.insert(key.of_namespace(), room);
        room
    }

    /// The place to evict for a newcomer: in the room with the most entries, or in the newcomer's
    /// own if no other would have more.
    fn victim_for(
        &mut self,
        newcomer: Key,
        worth: Look<Worth>,
        may_evict: &dyn Fn(Key, usize) -> bool,
    ) -> Option<usize> {
        let look = || (0..self.rooms.len()).max_by_key(|&room| self.has(room));
        let fullest = self.fullest.or_else(look)?;
        let own = self.namespaces.get(&newcomer.of_namespace()).copied();
        let own = own.filter(|&own| self.has(own) > 0 && self.has(own) + 1 >= self.has(fullest));
        // The fullest room stays known only if the newcomer replaces an entry of its own namespace.
        self.fullest = own.is_some().then_some(fullest);
        let room = own.unwrap_or(fullest);
        // The known candidate may be protected while another entry is not: then search anew.
        [false, true].into_iter().find_map(|fresh| {
            let place = self.least(room, fresh, worth)?;
            may_evict(self.slots[place].key, place).then_some(place)
        })
    }

    /// The entry of a room with the lowest worth; `fresh` searches all entries.
    fn least(&mut self, room: usize, fresh: bool, worth: Look<Worth>) -> Option<usize> {
        let Room { places, candidates } = &mut self.rooms[room];
        if fresh {
            candidates.clear();
        }
        while let Some(&(looked_up, place)) = candidates.last() {
            // The place may be free or reused by now, and the worth may have risen.
            let slot = self.slots[place];
            let is_here = slot.room == room && places.get(slot.standing) == Some(&place);
            if is_here && worth(place) <= looked_up {
                return Some(place);
            }
            candidates.pop();
        }
        let mut all = places.iter().map(|&place| (worth(place), place));
        *candidates = least_of(&mut all, places.len().div_ceil(CANDIDATES));
        candidates.last().map(|(_, place)| *place)
    }
}

/// The `count` lowest of all, in descending order.
pub(super) fn least_of(
    all: &mut dyn Iterator<Item = (Worth, usize)>,
    count: usize,
) -> Vec<(Worth, usize)> {
    let mut least = BinaryHeap::new();
    for it in all {
        least.push(it);
        if least.len() > count {
            least.pop();
        }
    }
    let mut least = least.into_sorted_vec();
    least.reverse();
    least
}

/// Keys are hashes already.
#[derive(Debug, Default)]
pub(super) struct IdentityHasher(u64);

impl Hasher for IdentityHasher {
    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, bits: u64) {
        self.0 = self.0.rotate_left(26) ^ bits;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::super::Secret;
    use super::*;

    /// One room, and the worth of each place.
    struct World {
        rooms: Rooms,
        worth: Vec<u64>,
    }

    fn key(i: u64) -> Key {
        Secret::new(7).key_in("a", &i)
    }

    impl World {
        fn new(values: impl Iterator<Item = u64>) -> World {
            let mut world = World {
                rooms: Rooms::new(1_000),
                worth: vec![0; 1_000],
            };
            values.for_each(|value| world.come(value));
            world
        }

        fn come(&mut self, value: u64) {
            let placed = self
                .rooms
                .place(key(value), &|_| (0, 0), &|_, _| true)
                .unwrap();
            self.worth[placed.place] = value;
            self.rooms.note_worth(placed.place, (0, value));
        }

        fn least(&mut self, fresh: bool) -> Option<u64> {
            let worth = &self.worth;
            let place = self.rooms.least(0, fresh, &|place| (0, worth[place]))?;
            Some(worth[place])
        }

        /// Removes the entry with the lowest worth.
        fn leave(&mut self) -> Option<u64> {
            let least = self.least(false)?;
            self.rooms.remove(key(least)).unwrap();
            Some(least)
        }
    }

    #[test]
    fn the_least_leaves_first_also_when_it_has_just_come() {
        let mut world = World::new(100..200);
        assert_eq!(world.leave(), Some(100));
        world.come(5);
        assert_eq!(world.leave(), Some(5));
        world.come(500);
        let rest: Vec<u64> = core::iter::from_fn(|| world.leave()).collect();
        let expected: Vec<u64> = (101..200).chain([500]).collect();
        assert_eq!(rest, expected);
    }

    #[test]
    fn who_comes_between_those_that_were_looked_up_leaves_in_its_turn() {
        let mut world = World::new((0..100).map(|i| i * 10));
        assert_eq!(world.leave(), Some(0));
        world.come(15);
        let leave = [world.leave(), world.leave(), world.leave()];
        assert_eq!(leave, [Some(10), Some(15), Some(20)]);
    }

    #[test]
    fn what_has_become_worth_more_since_it_was_looked_up_stays() {
        let mut world = World::new(0..100);
        assert_eq!(world.leave(), Some(0));
        let place = world.rooms.find(key(1)).unwrap();
        world.worth[place] = 1_000;
        assert_eq!(world.leave(), Some(2));
        assert!(world.rooms.find(key(1)).is_some());
    }

    #[test]
    fn what_has_become_worth_less_is_found_by_a_fresh_look() {
        let mut world = World::new(10..100);
        assert_eq!(world.least(false), Some(10));
        let place = world.rooms.find(key(50)).unwrap();
        world.worth[place] = 1;
        assert_eq!(world.least(true), Some(1));
    }
}
