//! What stands for a name in the memory of an isolate: the same few bytes, whatever a caller sent.

use core::hash::{Hash, Hasher};
use std::hash::DefaultHasher;

/// 128 bits that stand for a value. Two values have the same with a probability of 2^-128, also
/// when somebody looks for two that do, because the [`Secret`] is not known outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint(u128);

impl Hash for Fingerprint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0 as u64); // random already
    }
}

/// What an entry is kept by: what it stands for, and in whose room it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub(super) namespace: Fingerprint,
    pub(super) entry: Fingerprint,
}

impl Key {
    /// The key of what is kept once for all of the namespace.
    pub const fn of_namespace(&self) -> Key {
        Key {
            namespace: self.namespace,
            entry: self.namespace,
        }
    }

    /// A number for the namespace, to put keys in order by.
    pub(crate) const fn room(&self) -> u64 {
        self.namespace.0 as u64
    }

    /// What stands for the namespace.
    pub const fn namespace(&self) -> Fingerprint {
        self.namespace
    }
}

/// Random bits with which one isolate takes its fingerprints. They mean nothing elsewhere, nor to
/// the next version.
#[derive(Debug, Clone, Copy)]
pub struct Secret(u128);

impl Secret {
    /// From 128 random bits.
    pub const fn new(random: u128) -> Secret {
        Secret(random)
    }

    /// The key of an object and `value`, in the room of the namespace to which the object of this
    /// name belongs.
    pub fn key(self, object: &str, value: &impl Hash) -> Key {
        self.key_in(namespace_of(object), &(object, value))
    }

    /// The key of `value` in the room of a namespace.
    pub fn key_in(self, namespace: &str, value: &impl Hash) -> Key {
        Key {
            namespace: self.fingerprint(&namespace),
            entry: self.fingerprint(value),
        }
    }

    fn fingerprint(self, value: &impl Hash) -> Fingerprint {
        let mut hasher = Both(DefaultHasher::new(), DefaultHasher::new());
        // The upper half in one and the lower half in the other.
        hasher.0.write_u64((self.0 >> 64) as u64);
        hasher.1.write_u64(self.0 as u64);
        value.hash(&mut hasher);
        Fingerprint(u128::from(hasher.0.finish()) << 64 | u128::from(hasher.1.finish()))
    }
}

/// The namespace in the name of an object, or of what stands for one; empty for the default one,
/// which is not written there. What follows it is encoded, so no other part has a slash.
fn namespace_of(object: &str) -> &str {
    object
        .split_once('/')
        .map_or("", |(namespace, _)| namespace)
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
