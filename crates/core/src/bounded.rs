//! A map of bounded size for the memory of an isolate, which anybody can try to fill by making up identifiers.
//!
//! Keys are [`Fingerprint`]s, so an entry is as large as its value whatever the caller named, and each has [`WAYS`] places it can lie
//! in. All operations take constant time. A newcomer to a full set takes the place of the entry that is worth least by the
//! user's own measure: so what is used survives a flood of what is not.

use core::hash::{Hash, Hasher};
use std::hash::DefaultHasher;

/// How many places a key can lie in.
pub const WAYS: usize = 8;

/// 128 bits that stand for a value. Two values have the same with a probability of 2^-128, also when somebody looks for two that do,
/// because the [`Secret`] is not known outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint(u128);

/// Random bits with which one isolate takes its fingerprints. They mean nothing elsewhere, nor to the next version.
#[derive(Debug, Clone, Copy)]
pub struct Secret(u128);

impl Secret {
    /// From 128 random bits.
    pub const fn new(random: u128) -> Secret {
        Secret(random)
    }

    /// The fingerprint of a value.
    pub fn fingerprint(self, value: &impl Hash) -> Fingerprint {
        let mut hasher = Both(DefaultHasher::new(), DefaultHasher::new());
        // The upper half in one and the lower half in the other.
        hasher.0.write_u64((self.0 >> 64) as u64);
        hasher.1.write_u64(self.0 as u64);
        value.hash(&mut hasher);
        Fingerprint(u128::from(hasher.0.finish()) << 64 | u128::from(hasher.1.finish()))
    }
}

/// Two hashers fed alike, so that a value is walked through once.
struct Both(DefaultHasher, DefaultHasher);

impl Hasher for Both {
    fn write(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
        self.1.write(bytes);
    }

    fn finish(&self) -> u64 {
        self.0.finish()
    }
}

/// At most so many values by fingerprint.
#[derive(Debug)]
pub struct Bounded<V> {
    sets: Vec<Vec<(Fingerprint, V)>>,
}

impl<V> Bounded<V> {
    /// Room for `most` values, rounded up to a power of two and at least [`WAYS`].
    pub fn new(most: usize) -> Bounded<V> {
        let sets = most.div_ceil(WAYS).next_power_of_two();
        Bounded {
            sets: (0..sets).map(|_| Vec::new()).collect(),
        }
    }

    /// The most values.
    pub fn capacity(&self) -> usize {
        self.sets.len() * WAYS
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.sets.iter().map(Vec::len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sets.iter().all(Vec::is_empty)
    }

    fn set(&mut self, key: Fingerprint) -> &mut Vec<(Fingerprint, V)> {
        let place = key.0 as usize & (self.sets.len() - 1); // a power of two
        &mut self.sets[place]
    }

    /// The value of a key.
    pub fn get_mut(&mut self, key: Fingerprint) -> Option<&mut V> {
        let found = self.set(key).iter_mut().find(|(known, _)| *known == key);
        found.map(|(_, value)| value)
    }

    /// Removes the value of a key.
    pub fn remove(&mut self, key: Fingerprint) -> Option<V> {
        let set = self.set(key);
        let place = set.iter().position(|(known, _)| *known == key)?;
        Some(set.swap_remove(place).1)
    }

    /// Sets the value of a key. Answers what had to go for it: the key's old value, or the one worth least of a full set.
    pub fn put<W: Ord>(
        &mut self,
        key: Fingerprint,
        value: V,
        worth: impl Fn(&V) -> W,
    ) -> Option<V> {
        let set = self.set(key);
        let own = set.iter().position(|(known, _)| *known == key);
        let place = own.or_else(|| {
            let least = || (0..set.len()).min_by_key(|&i| worth(&set[i].1));
            (set.len() >= WAYS).then(least).flatten()
        });
        match place {
            Some(place) => Some(core::mem::replace(&mut set[place], (key, value)).1),
            None => {
                set.push((key, value));
                None
            }
        }
    }

    /// The value of a key, made where there is none; in a full set it takes the place of the one worth least.
    pub fn get_or_put<W: Ord>(
        &mut self,
        key: Fingerprint,
        make: impl FnOnce() -> V,
        worth: impl Fn(&V) -> W,
    ) -> &mut V {
        let set = self.set(key);
        let place = match set.iter().position(|(known, _)| *known == key) {
            Some(place) => place,
            None if set.len() < WAYS => {
                set.push((key, make()));
                set.len() - 1
            }
            None => {
                let least = (0..set.len()).min_by_key(|&i| worth(&set[i].1));
                let place = least.unwrap_or(0); // a full set is not empty
                set[place] = (key, make());
                place
            }
        };
        &mut set[place].1
    }

    /// All values, in no order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Fingerprint, &mut V)> {
        let all = self.sets.iter_mut().flatten();
        all.map(|(key, value)| (*key, value))
    }

    /// Keeps the values for which `keep` is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&V) -> bool) {
        for set in &mut self.sets {
            set.retain(|(_, value)| keep(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: Secret = Secret::new(0x0123_4567_89ab_cdef_0f1e_2d3c_4b5a_6978);

    #[test]
    fn fingerprints_depend_on_every_part_of_the_value_and_on_the_secret() {
        let of = |value: &(&str, u64)| SECRET.fingerprint(value);
        assert_eq!(of(&("u1", 1)), of(&("u1", 1)));
        assert_ne!(of(&("u1", 1)), of(&("u1", 2)));
        assert_ne!(of(&("u1", 1)), of(&("u2", 1)));
        assert_ne!(of(&("u1", 1)), Secret::new(1).fingerprint(&("u1", 1)));
        let Fingerprint(bits) = of(&("u1", 1));
        assert_ne!(bits as u64, (bits >> 64) as u64);
    }

    #[test]
    fn a_full_set_gives_up_what_is_worth_least() {
        let mut map = Bounded::new(1);
        let key = |i: u64| SECRET.fingerprint(&i);
        for i in 0..8u64 {
            assert_eq!(map.put(key(i), 10 + i, |v| *v), None);
        }
        assert_eq!(map.put(key(3), 99, |v| *v), Some(13), "its own old value");
        assert_eq!(map.put(key(8), 50, |v| *v), Some(10));
        assert_eq!(map.get_mut(key(0)), None);
        assert_eq!(map.get_mut(key(8)), Some(&mut 50));
        assert_eq!(map.get_or_put(key(8), || 1, |v| *v), &mut 50);
        assert_eq!(map.get_or_put(key(9), || 51, |v| *v), &mut 51);
        assert_eq!(map.get_mut(key(1)), None);
        assert_eq!(map.remove(key(8)), Some(50));
        assert_eq!((map.len(), map.capacity()), (7, 8));
        map.retain(|v| *v < 15);
        assert_eq!(map.iter_mut().count(), 2);
        map.retain(|_| false);
        assert!(map.is_empty());
    }

    #[test]
    fn a_million_keys_never_take_more_than_the_room_there_is() {
        let mut map = Bounded::new(1_000);
        assert_eq!(map.capacity(), 1_024);
        for i in 0..1_000_000u64 {
            map.put(SECRET.fingerprint(&i), i, |v| *v);
        }
        assert_eq!(map.len(), 1_024);
    }
}
