//! The `governor` crate, the usual limiter inside one Rust process, as a yardstick.

use crate::harness::Subject;
use governor::clock::FakeRelativeClock;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::num::NonZeroU32;

/// Far more than one run asks for, so that every decision admits.
const PLENTY: u32 = 1_000_000_000;
/// Identifiers of the keyed limiter: as many as an isolate may have objects.
const KEYS: usize = 10_000;

/// One limiter with a clock that stands still, one with the real clock, one with a map of 10,000
/// identifiers.
pub(crate) fn subjects() -> Vec<Subject> {
    // `new` answers `None` for zero only, and neither number is zero.
    let quota = |amount| NonZeroU32::new(amount).map(Quota::per_second);
    let (Some(plenty), Some(one)) = (quota(PLENTY), quota(1)) else {
        return Vec::new();
    };
    let fake = RateLimiter::direct_with_clock(plenty, FakeRelativeClock::default());
    let refused = RateLimiter::direct_with_clock(one, FakeRelativeClock::default());
    let real = RateLimiter::direct(plenty);
    let keyed = DefaultKeyedRateLimiter::<String>::keyed(plenty);
    let keys: Vec<String> = (0..KEYS)
        .map(|key| format!("rate-limit:default:user-{key}"))
        .collect();
    vec![
        Subject::new("governor: direct, clock stands still", move |_| {
            fake.check()
        }),
        Subject::new("governor: direct, refused", move |_| refused.check()),
        Subject::new("governor: direct, real clock", move |_| real.check()),
        Subject::new("governor: 10,000 identifiers, real clock", move |index| {
            keyed.check_key(&keys[index as usize % KEYS])
        }),
    ]
}
