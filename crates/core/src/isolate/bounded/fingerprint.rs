//! Keys of fixed size for names of any length: keyed hashes.

use core::hash::{Hash, Hasher};
use std::hash::DefaultHasher;

/// A keyed hash of 128 bits. Two values collide with a probability of 2^-128, even for an attacker,
/// because the [`Secret`] is unknown outside the isolate. The higher half first; halves, because a
/// number of 128 bits would have every entry aligned to 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint([u64; 2]);

impl Hash for Fingerprint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0[1]); // random already
    }
}

/// The key of an entry, with its namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub(super) namespace: Fingerprint,
    pub(super) entry: Fingerprint,
}

impl Key {
    /// The key of an entry for the whole namespace.
    pub const fn of_namespace(&self) -> Key {
        Key {
            namespace: self.namespace,
            entry: self.namespace,
        }
    }

    /// A number for the namespace, for sorting.
    pub(crate) const fn room(&self) -> u64 {
        self.namespace.0[1]
    }

    /// The namespace's fingerprint.
    pub const fn namespace(&self) -> Fingerprint {
        self.namespace
    }
}

/// The random key of one isolate's fingerprints. Fingerprints are never stored or sent.
#[derive(Debug, Clone, Copy)]
pub struct Secret(u128);

impl Secret {
    /// From 128 random bits.
    pub const fn new(random: u128) -> Secret {
        Secret(random)
    }

    /// The key of an object and `value`, in the namespace of the object's name.
    pub fn key(self, object: &str, value: &impl Hash) -> Key {
        self.key_in(namespace_of(object), &(object, value))
    }

    /// The key of `value` in a namespace.
    pub fn key_in(self, namespace: &str, value: &impl Hash) -> Key {
        Key {
            namespace: self.fingerprint(&namespace),
            entry: self.fingerprint(value),
        }
    }

    fn fingerprint(self, value: &impl Hash) -> Fingerprint {
        let mut hasher = Both(DefaultHasher::new(), DefaultHasher::new());
        // Each hasher is keyed with one half of the secret.
        hasher.0.write_u64((self.0 >> 64) as u64);
        hasher.1.write_u64(self.0 as u64);
        value.hash(&mut hasher);
        Fingerprint([hasher.0.finish(), hasher.1.finish()])
    }
}

/// The namespace in the name of an object; empty for the default one, which names leave out. The
/// other parts are encoded, so no other part has a slash.
fn namespace_of(object: &str) -> &str {
    object
        .split_once('/')
        .map_or("", |(namespace, _)| namespace)
}

/// Two hashers with the same input, so that a value is traversed once.
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
        let Fingerprint([high, low]) = of(&("u1", 1));
        assert_ne!(high, low);
    }

    #[test]
    fn the_room_is_that_of_the_namespace_in_an_objects_name() {
        let key = |object| SECRET.key(object, &());
        let table = [
            ("rate-limit:default:u1", "rate-limit:default:u2", true),
            ("shop/rate-limit:default:u1", "shop/rate-limit:org:u2", true),
            ("rate-limit:default:u1", "shop/rate-limit:default:u1", false),
            ("a/rate-limit:default:u1", "b/rate-limit:default:u1", false),
        ];
        for (a, b, shared) in table {
            assert_eq!(key(a).namespace() == key(b).namespace(), shared, "{a} {b}");
            assert_ne!(key(a), key(b));
        }
        assert_ne!(SECRET.key("u1", &1), SECRET.key("u1", &2));
    }
}
