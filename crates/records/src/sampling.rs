//! Whom all isolates record, without asking each other: whose name has a small hash. So a recorded
//! subject's calls are recorded by every isolate, and a larger share records the same subjects and
//! more.

pub use tollgate_core::hash::hash;
use tollgate_core::replay::trace::ALWAYS;

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
