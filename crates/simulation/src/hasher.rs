//! Hashes numbers of the simulation's own, in a few cycles and alike in every run.

use core::hash::{BuildHasherDefault, Hasher};

/// For maps by number.
pub(crate) type Numbers = BuildHasherDefault<NumberHasher>;

/// Multiplies by a constant of Fibonacci hashing.
#[derive(Debug, Default)]
pub(crate) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(byte.into()));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 ^= self.0 >> 32;
    }
}
