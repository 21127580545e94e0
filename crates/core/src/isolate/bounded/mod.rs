//! A map of bounded size, shared fairly by namespaces. Any caller can try to fill an isolate's
//! memory with invented identifiers.
//!
//! Keys are fingerprints, so the size of an entry does not depend on names. While there is room,
//! any namespace may use all of it. A full map evicts an entry of the namespace with the most
//! entries, or of the newcomer's own namespace if no other has more. So of n namespaces one with at
//! most an n-th of the room loses nothing. Within a namespace the entry with the lowest [`Worth`]
//! is evicted, so a flood of one-off keys cannot displace entries in use.

mod fingerprint;
mod rooms;

pub use fingerprint::{Fingerprint, Key, Secret};
pub use rooms::Worth;

use rooms::{Placed, Rooms};

/// The indices of these worths in ascending order of worth. One instance of sorting code for all
/// uses.
pub(crate) fn in_order(worths: impl Iterator<Item = Worth>) -> Vec<usize> {
    let mut all = worths.enumerate().map(|(place, worth)| (worth, place));
    let sorted = rooms::least_of(&mut all, usize::MAX);
    sorted.into_iter().rev().map(|(_, place)| place).collect()
}

/// A map with a fixed maximum number of entries.
#[derive(Debug, Clone)]
pub struct BoundedMap<V> {
    rooms: Rooms,
    /// By place; `None` in a free place.
    values: Vec<Option<V>>,
}

impl<V> BoundedMap<V> {
    /// An empty map for up to `max` values, at least one.
    pub fn new(max: usize) -> BoundedMap<V> {
        BoundedMap {
            rooms: Rooms::new(max),
            values: Vec::new(),
        }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.rooms.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a key.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut V> {
        let place = self.rooms.find(key)?;
        self.values[place].as_mut()
    }

    /// Removes the value of a key.
    pub fn remove(&mut self, key: Key) -> Option<V> {
        let place = self.rooms.remove(key)?;
        self.values[place].take()
    }

    /// Sets the value of a key. Returns the entry evicted for it, if any.
    pub fn put(&mut self, key: Key, value: V, worth: impl Fn(&V) -> Worth) -> Option<(Key, V)> {
        self.try_put(key, value, worth, |_, _| true).unwrap_or(None)
    }

    /// As [`put`](BoundedMap::put), unless `may_evict` forbids the eviction: then the value is
    /// returned as the error, and nothing has changed.
    pub fn try_put(
        &mut self,
        key: Key,
        value: V,
        worth: impl Fn(&V) -> Worth,
        may_evict: impl Fn(Key, &V) -> bool,
    ) -> Result<Option<(Key, V)>, V> {
        if let Some(known) = self.get_mut(key) {
            *known = value;
            return Ok(None);
        }
        let Some(placed) = self.place(key, &worth, &may_evict) else {
            return Err(value);
        };
        let evicted = self.clear(placed);
        self.rooms.note_worth(placed.place, worth(&value));
        self.values[placed.place] = Some(value);
        Ok(evicted)
    }

    /// The value of a key, inserted if absent, and the entry evicted for it, if any.
    pub fn get_or_put(
        &mut self,
        key: Key,
        make: impl FnOnce() -> V,
        worth: impl Fn(&V) -> Worth,
    ) -> (&mut V, Option<(Key, V)>) {
        if let Some(place) = self.rooms.find(key) {
            return (self.values[place].get_or_insert_with(make), None);
        }
        let placed = self.place(key, &worth, &|_, _| true);
        // A full map has an entry, and every entry may be evicted.
        let placed = placed.unwrap_or_default();
        let evicted = self.clear(placed);
        let value = self.values[placed.place].get_or_insert_with(make);
        self.rooms.note_worth(placed.place, worth(value));
        (value, evicted)
    }

    fn place(
        &mut self,
        key: Key,
        worth: &dyn Fn(&V) -> Worth,
        may_evict: &dyn Fn(Key, &V) -> bool,
    ) -> Option<Placed> {
        let values = &self.values;
        let worth = |place: usize| values[place].as_ref().map_or((0, 0), worth);
        let may_evict = |key: Key, place: usize| {
            values[place]
                .as_ref()
                .is_none_or(|value| may_evict(key, value))
        };
        self.rooms.place(key, &worth, &may_evict)
    }

    /// Removes the evicted value from the newcomer's place.
    fn clear(&mut self, Placed { place, evicted }: Placed) -> Option<(Key, V)> {
        if place >= self.values.len() {
            self.values.push(None); // new places are numbered in order
        }
        evicted.zip(self.values[place].take())
    }

    /// Removes and returns all values in descending order of worth.
    pub fn take_all(&mut self, worth: impl Fn(&V) -> Worth) -> Vec<V> {
        self.rooms.clear();
        let mut values = core::mem::take(&mut self.values);
        let order = in_order(values.iter().flatten().map(worth));
        values.retain(Option::is_some);
        order
            .iter()
            .rev()
            .filter_map(|&place| values[place].take())
            .collect()
    }

    /// All values, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &V> {
        self.values.iter().flatten()
    }

    /// All keys and values, in no order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Key, &mut V)> {
        let rooms = &self.rooms;
        let values = self.values.iter_mut().enumerate();
        values.filter_map(|(place, value)| Some((rooms.key_at(place), value.as_mut()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: Secret = Secret::new(0x0123_4567_89ab_cdef_0f1e_2d3c_4b5a_6978);

    fn key(namespace: &str, i: u64) -> Key {
        SECRET.key(&format!("{namespace}/rate-limit:default:u1"), &i)
    }

    fn worth(value: &u64) -> Worth {
        (0, *value)
    }

    #[test]
    fn a_full_map_gives_up_what_is_worth_least() {
        let mut map = BoundedMap::new(8);
        let key = |i| key("a", i);
        for i in 0..8u64 {
            assert_eq!(map.put(key(i), 10 + i, worth), None);
        }
        assert_eq!(map.put(key(3), 99, worth), None, "in its own place");
        assert_eq!(map.put(key(8), 50, worth), Some((key(0), 10)));
        assert_eq!(map.get_mut(key(0)), None);
        assert_eq!(map.get_mut(key(8)), Some(&mut 50));
        assert_eq!(map.get_or_put(key(8), || 1, worth), (&mut 50, None));
        let evicted = Some((key(1), 11));
        assert_eq!(map.get_or_put(key(9), || 51, worth), (&mut 51, evicted));
        assert_eq!(map.remove(key(8)), Some(50));
        assert_eq!((map.len(), map.iter_mut().count()), (7, 7));
    }

    #[test]
    fn what_may_not_go_stays_and_the_newcomer_is_sent_away() {
        let mut map = BoundedMap::new(2);
        let key = |i| key("a", i);
        map.put(key(1), 1, worth);
        map.put(key(2), 2, worth);
        assert_eq!(map.try_put(key(3), 3, worth, |_, value| *value > 1), Err(3));
        assert_eq!((map.len(), map.get_mut(key(3))), (2, None));
        let evicted = Ok(Some((key(1), 1)));
        assert_eq!(map.try_put(key(3), 3, worth, |_, _| true), evicted);
    }

    #[test]
    fn a_million_keys_never_take_more_than_the_room_there_is() {
        let mut map = BoundedMap::new(1_000);
        for i in 0..1_000_000u64 {
            map.put(key("a", i), i, worth);
        }
        assert_eq!(map.len(), 1_000);
    }

    #[test]
    fn more_namespaces_than_there_is_room_are_bounded_as_well() {
        let mut map = BoundedMap::new(100);
        for i in 0..10_000u64 {
            map.put(key(&format!("n{i}"), 0), i, worth);
        }
        assert_eq!(map.len(), 100);
        assert!(map.rooms.count() <= 101);
    }
}
