//! Both ways to decide, for policies of one limit.

use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::calendar::UtcOnly;
use crate::limit::quota::{Anchor, Period, Quota, TimeZoneName};
use crate::limit::{BurstCredits, Concurrency, LeakyBucket, Rate, TokenBucket, Window};
use crate::number::Decimal;
use crate::{Algorithm, Duration, Limit, Timestamp};

/// A Monday in 2027, and a multiple of every window used.
const START: u64 = 1_798_848_000_000;

const fn moment(now: u64) -> Moment<'static> {
    Moment {
        now: Timestamp::from_millis(now),
        zones: &UtcOnly,
    }
}

/// Up to so many milliseconds.
fn millis(max: u64) -> impl Strategy<Value = Duration> {
    (0..=max).prop_map(Duration::from_millis)
}

/// An algorithm of each kind and option, by its number. The numbers are small, so that windows turn
/// and buckets refill within a run.
fn algorithm(kind: u8, limit: u64, span: u64, amount: u64) -> Algorithm {
    let window = Window::new(limit, Duration::from_millis(span)).unwrap();
    let amount = Decimal::new(amount, 0).unwrap();
    let rate = Rate::new("interval", amount, Duration::from_millis(span)).unwrap();
    let tokens = TokenBucket::new(limit, rate).unwrap();
    let leaky = LeakyBucket::new(limit, rate).unwrap();
    match kind {
        0 => Algorithm::FixedWindow(window),
        1 => Algorithm::SlidingWindow(window),
        2 => Algorithm::SlidingLog(window),
        3 => Algorithm::TokenBucket(tokens),
        4 => Algorithm::TokenBucket(tokens.stepped().unwrap()),
        5 => {
            let credits = BurstCredits::new(3, Duration::from_millis(4 * span)).unwrap();
            Algorithm::TokenBucket(tokens.with_burst_credits(credits).unwrap())
        }
        6 => Algorithm::LeakyBucket(leaky),
        7 => {
            let max_delay = Duration::from_millis(3 * span);
            Algorithm::LeakyBucket(leaky.with_max_delay(max_delay).unwrap())
        }
        10 => Algorithm::FirstUse(window),
        8 => {
            let zone = TimeZoneName::default();
            let quota = Quota::new(limit, Period::Minute, zone, Anchor::default());
            Algorithm::Quota(quota.unwrap())
        }
        _ => {
            let ttl = Duration::from_millis(span);
            Algorithm::Concurrency(Concurrency::new(limit, ttl).unwrap())
        }
    }
}

fn algorithms() -> impl Strategy<Value = Algorithm> {
    (0u8..11, 0u64..12, 1u64..60, 1u64..12)
        .prop_map(|(kind, limit, span, amount)| algorithm(kind, limit, span, amount))
}

fn checks() -> impl Strategy<Value = Check> {
    let parts = (
        prop_oneof![8 => 1i64..4, 2 => -4i64..15],
        prop::bool::weighted(0.2),
        option::weighted(0.3, millis(150)),
        option::weighted(0.3, millis(80)),
    );
    parts.prop_map(|(cost, peek, max_delay, hold)| Check {
        cost,
        peek,
        max_delay,
        hold,
        ..Check::ONE
    })
}

/// The time since the last check, now and then longer than any window or below zero.
fn gaps() -> impl Strategy<Value = i64> {
    prop_oneof![6 => 0i64..20, 3 => 0i64..80, 1 => 100i64..100_000, 1 => -60i64..0]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn a_policy_of_one_limit_is_decided_alike_on_both_paths(
        algorithm in algorithms(),
        steps in prop::collection::vec((gaps(), checks(), any::<bool>()), 1..40),
    ) {
        let policy = Policy::new(vec![Limit::new(None, algorithm)]).unwrap();
        let limit = &policy.limits()[0];
        let mut state = LimitState::fresh(limit.algorithm(), moment(START)).unwrap();
        let mut now = START;
        for (number, (gap, check, is_held)) in (1u64..).zip(steps) {
            now = now.saturating_add_signed(gap);
            let holder = is_held.then_some(Holder { permit: u128::from(number), fence: number });
            let mut other = state.clone();
            let one = decide_one(&policy, limit, &mut state, &check, holder, moment(now));
            let many = decide_many(&policy, &mut [&mut other], &check, holder, moment(now));
            prop_assert_eq!(one, many, "{:?} at {}", check, now - START);
            prop_assert_eq!(&state, &other, "{:?} at {}", check, now - START);
        }
    }
}

#[test]
fn a_bucket_that_a_refund_fills_is_full_since_now_beside_other_limits() {
    let bucket = algorithm(4, 1, 26, 1);
    let limits = vec![
        Limit::new(None, bucket),
        Limit::new(None, algorithm(0, 5, 50, 1)),
    ];
    let policy = Policy::new(limits).unwrap();
    let fresh = |limit: &Limit| LimitState::fresh(limit.algorithm(), moment(START)).unwrap();
    let [mut one, mut two] = [fresh(&policy.limits()[0]), fresh(&policy.limits()[1])];
    let mut ask = |cost, now| {
        let states = &mut [&mut one, &mut two];
        decide(&policy, states, &Check::of(cost), None, moment(now)).unwrap()
    };
    assert!(ask(1, START).success);
    let refund = ask(-1, START + 1);
    assert_eq!(refund.limits[0].remaining, 1);
    assert_eq!(refund.limits[0].reset, Timestamp::from_millis(START + 1));
}
