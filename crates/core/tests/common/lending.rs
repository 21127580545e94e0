//! What the tests of leases share: chance from a seed, and what a call borrows.

use tollgate_core::lease::{Borrowing, Terms};
use tollgate_core::message::Call;

/// The next number below `below` of a seed (splitmix64).
pub(crate) fn random(seed: &mut u64, below: u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) % below.max(1)
}

/// What a call tells of a lease, if it does.
pub(crate) fn borrowing_of(call: &Call) -> Option<&Borrowing> {
    match call {
        Call::Borrowing { borrowing, .. } => Some(borrowing),
        _ => None,
    }
}

/// The first message of the first lease of a borrower that wants more.
pub(crate) fn first(borrower: u64) -> Borrowing {
    Borrowing {
        borrower,
        number: 1,
        turn: 1,
        spent: 0,
        left: 0,
        before: None,
        wants: true,
        terms: Terms::default(),
    }
}
