//! Whom all isolates record, without asking each other: whose name has a small hash. So a recorded
//! subject's calls are recorded by every isolate, and a larger share records the same subjects and
//! more.

use tollgate_core::replay::trace::ALWAYS;

/// A hash of an object's name that is the same everywhere, in every build: FNV-1a, mixed once more
/// so that its upper bits depend on every letter.
pub fn hash(object: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in object.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// Whether the subject of this hash is among `share` millionths of all.
pub fn is_sampled(hash: u64, share: u32) -> bool {
    (u128::from(hash) * u128::from(ALWAYS)) >> 64 < u128::from(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(i: u32) -> String {
        format!("rate-limit:default:user{i}")
    }

    /// Every build has to agree: the numbers are for ever.
    #[test]
    fn the_hash_is_the_same_in_every_build() {
        assert_eq!(hash(""), 0xefd0_1f60_ba99_2926);
        assert_eq!(hash("rate-limit:default:u1"), 0xdf54_5bff_56f2_6887);
    }

    #[test]
    fn a_share_is_about_so_many_subjects_and_a_larger_one_has_the_same_and_more() {
        for share in [1_000, 100_000, 500_000] {
            let sampled = (0..100_000).filter(|&i| is_sampled(hash(&name(i)), share));
            let expected = share as usize / 10;
            let found = sampled.count();
            let error = found.abs_diff(expected);
            assert!(error * error < expected * 16, "{share}: {found}");
        }
        let is_in = |i, share| is_sampled(hash(&name(i)), share);
        assert!((0..10_000).all(|i| !is_in(i, 1_000) || is_in(i, 100_000)));
        assert!((0..10_000).all(|i| is_in(i, ALWAYS)));
    }
}
