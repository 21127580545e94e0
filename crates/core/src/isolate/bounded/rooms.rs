//! Whose entry lies where, and which one has to go: the part of a [`Bounded`](super::Bounded) that
//! is the same whatever it keeps.

use core::hash::{BuildHasherDefault, Hasher};
use std::collections::{BinaryHeap, HashMap};

use super::fingerprint::Key;

/// What an entry is worth: by the first number, and where that is the same by the second.
pub type Worth = (u64, u64);

/// One entry in so many is looked up to leave next: looking is work for all of them.
const LEAVING: usize = 16;
/// A list that was once longer than this and is short now gives its memory back.
const KEEPS: usize = 64;

/// What the user says of the entry at a place.
pub(super) type Look<'a, T> = &'a dyn Fn(usize) -> T;

/// Whose entry lies where. Places are numbers below `most`.
#[derive(Debug)]
pub(super) struct Rooms {
    most: usize,
    index: Index,
    /// By place.
    slots: Vec<Slot>,
    free: Vec<usize>,
    rooms: Vec<Room>,
    /// The room with most entries; `None` when it has to be looked for.
    fullest: Option<usize>,
    /// Where the room of a namespace is, by the key of the namespace.
    namespaces: Index,
}

type Index = HashMap<Key, usize, BuildHasherDefault<AsIs>>;

/// One place, as long as something lies there.
#[derive(Debug, Clone, Copy)]
struct Slot {
    key: Key,
    room: usize,
    /// Where in its room it stands.
    standing: usize,
}

/// What one namespace has.
#[derive(Debug, Default)]
struct Room {
    places: Vec<usize>,
    /// Those that were worth least when they were looked up, the least of them last.
    leaving: Vec<(Worth, usize)>,
}

/// Where a newcomer lies.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Placed {
    pub(super) place: usize,
    /// Who lay there and had to go.
    pub(super) gone: Option<Key>,
}

impl Rooms {
    pub(super) fn new(most: usize) -> Rooms {
        Rooms {
            most: most.max(1),
            index: Index::default(),
            slots: Vec::new(),
            free: Vec::new(),
            rooms: Vec::new(),
            fullest: None,
            namespaces: Index::default(),
        }
    }

    /// Everybody goes.
    pub(super) fn clear(&mut self) {
        *self = Rooms::new(self.most);
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(super) fn find(&self, key: Key) -> Option<usize> {
        self.index.get(&key).copied()
    }

    /// How many rooms there are, empty ones included.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.rooms.len()
    }

    pub(super) fn key_at(&self, place: usize) -> Key {
        self.slots[place].key
    }

    /// A place for somebody who has none; `None` when the one that would have to go may not.
    pub(super) fn place(
        &mut self,
        key: Key,
        worth: Look<Worth>,
        may_go: &dyn Fn(Key, usize) -> bool,
    ) -> Option<Placed> {
        let mut gone = None;
        if self.len() >= self.most {
            let leaves = self.who_leaves(key, worth, may_go)?;
            gone = Some(self.slots[leaves].key);
            self.take(leaves);
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
        Some(Placed { place, gone })
    }

    /// How many entries a room has.
    fn has(&self, room: usize) -> usize {
        self.rooms[room].places.len()
    }

    /// What a newcomer is worth: it may be less than some that were looked up to leave before it
    /// came.
    pub(super) fn comes(&mut self, place: usize, worth: Worth) {
        let room = &mut self.rooms[self.slots[place].room];
        let before = room.leaving.partition_point(|(other, _)| *other > worth);
        if before > 0 && room.leaving.len() < room.places.len() {
            room.leaving.insert(before, (worth, place));
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
        if places.capacity() > KEEPS && places.capacity() > 4 * places.len() {
            places.shrink_to(2 * places.len());
        }
        if let Some(moved) = moved {
            self.slots[moved].standing = standing;
        }
    }

    /// The room of a key's namespace, made where there is none: rooms that are empty are given to
    /// others.
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

    /// Who has to go for a newcomer: somebody of the namespace that would then have most, of its
    /// own where no other has more.
    fn who_leaves(
        &mut self,
        newcomer: Key,
        worth: Look<Worth>,
        may_go: &dyn Fn(Key, usize) -> bool,
    ) -> Option<usize> {
        let look = || (0..self.rooms.len()).max_by_key(|&room| self.has(room));
        let fullest = self.fullest.or_else(look)?;
        let own = self.namespaces.get(&newcomer.of_namespace()).copied();
        let own = own.filter(|&own| self.has(own) > 0 && self.has(own) + 1 >= self.has(fullest));
        // Where the newcomer is of the same namespace, that has as many as before.
        self.fullest = own.is_some().then_some(fullest);
        let room = own.unwrap_or(fullest);
        // What had been looked up may be what must not go, when by now there is something that may.
        [false, true].into_iter().find_map(|fresh| {
            let place = self.least(room, fresh, worth)?;
            may_go(self.slots[place].key, place).then_some(place)
        })
    }

    /// The entry of a room that is worth least; `fresh` looks at all of them.
    fn least(&mut self, room: usize, fresh: bool, worth: Look<Worth>) -> Option<usize> {
        let Room { places, leaving } = &mut self.rooms[room];
        if fresh {
            leaving.clear();
        }
        while let Some(&(looked_up, place)) = leaving.last() {
            // Its place may be another's by now, or free, and it may have become worth more.
            let slot = self.slots[place];
            let is_here = slot.room == room && places.get(slot.standing) == Some(&place);
            if is_here && worth(place) <= looked_up {
                return Some(place);
            }
            leaving.pop();
        }
        let mut all = places.iter().map(|&place| (worth(place), place));
        *leaving = least_of(&mut all, places.len().div_ceil(LEAVING));
        leaving.last().map(|(_, place)| *place)
    }
}

/// The `count` least of all, the least of them last.
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

/// Keys are as good as any hash of them.
#[derive(Debug, Default)]
pub(super) struct AsIs(u64);

impl Hasher for AsIs {
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

    /// One room, and what is worth how much at which place.
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
            self.rooms.comes(placed.place, (0, value));
        }

        fn least(&mut self, fresh: bool) -> Option<u64> {
            let worth = &self.worth;
            let place = self.rooms.least(0, fresh, &|place| (0, worth[place]))?;
            Some(worth[place])
        }

        /// The one worth least leaves.
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
