//! Random bits from a seed: the same seed gives the same permits, in the same order.

use sha2::{Digest, Sha256};

/// SHA-256 over a seed and a counter. Whoever knows the seed knows all bits.
pub struct Random {
    seed: [u8; 32],
    drawn: u64,
}

impl Random {
    /// Those of this seed, of any length.
    pub fn of(seed: &str) -> Random {
        Random {
            seed: Sha256::digest(seed.as_bytes()).into(),
            drawn: 0,
        }
    }

    /// The next 128 bits.
    pub fn bits(&mut self) -> u128 {
        self.drawn += 1;
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update(self.drawn.to_be_bytes());
        let bytes = hash.finalize();
        let first = bytes.iter().take(16);
        first.fold(0, |bits, byte| (bits << 8) | u128::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_bits_each_time_and_another_one_others() {
        let drawn = |seed: &str| {
            let mut random = Random::of(seed);
            [random.bits(), random.bits(), random.bits()]
        };
        assert_eq!(drawn("a"), drawn("a"));
        let [first, second, third] = drawn("a");
        assert!(first != second && second != third && first != third);
        assert_ne!(drawn("a"), drawn("b"));
    }
}
