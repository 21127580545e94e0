//! An object that nobody asks for ten seconds falls asleep and wakes from its rows. Whoever asks
//! seldom, or in bursts, loses nothing by it; sleeps and crashes together lose at most the limit's
//! allowance in a window.

#![allow(clippy::unwrap_used)]

mod common;

use common::object::{policy, Object};
use common::{algorithm, Kind, Spec, START};
use proptest::prelude::*;
use tollgate_core::algorithm::allowance::allowance_of;
use tollgate_core::policy::Policy;

/// After so long without a call an object is put out of memory.
const SLEEP: u64 = 10_000;
const DAY: u64 = 86_400_000;

/// An object that falls asleep when it is idle, after its closing timer has come.
struct Sleeper {
    object: Object,
    last: u64,
    sleeps: usize,
}

impl Sleeper {
    fn new() -> Sleeper {
        Sleeper {
            object: Object::default(),
            last: START,
            sleeps: 0,
        }
    }

    fn wake(&mut self, now: u64) -> &mut Object {
        self.object.close_until(now);
        if now - self.last >= SLEEP {
            self.object = self.object.restarted();
            self.sleeps += 1;
        }
        self.last = now;
        &mut self.object
    }

    /// Dies at this instant, and starts again when it is asked.
    fn crash(&mut self, now: u64) {
        self.object.close_until(now);
        self.object = self.object.restarted();
    }

    /// Asks for `count` units one by one, `gap` ms apart from `now` on; how many were admitted.
    fn burst(&mut self, policy: &Policy, count: u64, gap: u64, now: u64) -> u64 {
        let mut admitted = 0;
        for i in 0..count {
            let at = now + i * gap;
            admitted += u64::from(self.wake(at).ask(policy, 1, at).success);
        }
        admitted
    }
}

fn spec() -> impl Strategy<Value = (Spec, Option<u64>)> {
    let limit = prop_oneof![1u64..20, Just(101), Just(1_000), Just(12_800)];
    let window = prop_oneof![Just(500u64), Just(7_000), Just(59_000), Just(DAY)];
    let kinds = prop::sample::select(Kind::ALL.to_vec());
    let reserve = prop_oneof![4 => Just(None), 1 => (1u64..500).prop_map(Some)];
    (kinds, limit, window, 1u64..50_000, reserve).prop_map(
        |(kind, limit, window, amount, reserve)| {
            let is_exact = matches!(kind, Kind::SlidingLog | Kind::Concurrency);
            let limit = if is_exact { limit.min(1_000) } else { limit };
            (
                Spec {
                    kind,
                    limit,
                    window,
                    amount,
                },
                reserve.map(|reserve: u64| reserve.min(limit)),
            )
        },
    )
}

#[derive(Debug, Clone, Copy)]
struct Burst {
    /// Silence before it.
    idle: u64,
    count: u64,
    gap: u64,
    cost: i64,
    crash: bool,
}

fn burst() -> impl Strategy<Value = Burst> {
    let idle = prop_oneof![2 => 0u64..1_500, 2 => 1_000u64..12_000, 4 => 10_000u64..70_000];
    let gap = prop_oneof![3 => Just(0u64), 2 => 1u64..30, 1 => 300u64..1_500];
    let cost = prop_oneof![6 => Just(1i64), 1 => 2i64..80];
    let count = prop_oneof![8 => 1u64..20, 1 => 100u64..160];
    (idle, count, gap, cost, prop::bool::weighted(0.3)).prop_map(
        |(idle, count, gap, cost, crash)| {
            // Of slow callers a few are enough.
            let count = if gap > 100 { count.min(12) } else { count };
            Burst {
                idle,
                count,
                gap,
                cost,
                crash,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn who_sleeps_between_bursts_loses_nothing((spec, reserve) in spec(), bursts in prop::collection::vec(burst(), 1..8)) {
        let policy = policy(algorithm(&spec), reserve);
        let (mut sleeper, mut awake) = (Sleeper::new(), Object::default());
        let mut now = START;
        for burst in bursts {
            now += burst.idle;
            for _ in 0..burst.count {
                now += burst.gap;
                let decision = sleeper.wake(now).ask(&policy, burst.cost, now);
                let wanted = awake.ask(&policy, burst.cost, now);
                prop_assert_eq!((decision.success, decision.retry_after), (wanted.success, wanted.retry_after), "{:?}", spec);
                prop_assert_eq!(sleeper.object.left(&policy, now), awake.left(&policy, now), "{:?}", spec);
            }
        }
    }

    #[test]
    fn sleeps_and_crashes_lose_at_most_the_allowance((spec, reserve) in spec(), bursts in prop::collection::vec(burst(), 1..8)) {
        let policy = policy(algorithm(&spec), reserve);
        let allowance = allowance_of(policy.limits()[0].algorithm(), reserve);
        let is_bucket = matches!(spec.kind, Kind::TokenBucket | Kind::LeakyBucket);
        let (mut sleeper, mut awake) = (Sleeper::new(), Object::default());
        let mut now = START;
        for burst in bursts {
            now += burst.idle;
            for i in 0..burst.count {
                now += burst.gap;
                if sleeper.wake(now).ask(&policy, burst.cost, now).success {
                    // Never one too many: who never slept has room for all of it.
                    prop_assert!(awake.ask(&policy, burst.cost, now).success, "{:?}", spec);
                }
                if burst.crash && i % 7 == 3 {
                    sleeper.crash(now);
                }
                let (told, real) = (sleeper.object.left(&policy, now), awake.left(&policy, now));
                prop_assert!(told <= real, "{:?}: {} left, {} by what was admitted", spec, told, real);
                // A bucket's allowance comes back with its refill.
                let refilled = if is_bucket { u128::from(allowance) * u128::from(now - START) * u128::from(spec.amount) / u128::from(spec.window) / u128::from(spec.limit) + 1 } else { 0 };
                prop_assert!(u128::from(real - told) <= u128::from(allowance) + refilled, "{:?}: {} left, {} by what was admitted", spec, told, real);
            }
        }
    }

    #[test]
    fn a_bucket_that_crashes_at_every_turn_still_gives_99_percent(capacity in 101u64..30_000, amount in 1u64..40_000, interval in 100u64..100_000, steps in prop::collection::vec((0u64..3_000, 1u64..20, any::<bool>()), 1..50)) {
        // Whoever always takes all that is left gets 99 % of what he would get of an object that
        // never ends.
        let spec = Spec { kind: Kind::TokenBucket, limit: capacity, window: interval, amount };
        let policy = policy(algorithm(&spec), None);
        let (mut sleeper, mut awake) = (Sleeper::new(), Object::default());
        let (mut now, mut admitted, mut all) = (START, 0u128, 0u128);
        for (gap, pieces, crash) in steps {
            now += gap;
            for _ in 0..pieces {
                admitted += u128::from(sleeper.wake(now).ask(&policy, 1, now).success);
            }
            loop {
                let left = sleeper.object.left(&policy, now);
                if left == 0 { break }
                prop_assert!(sleeper.object.ask(&policy, left as i64, now).success);
                admitted += u128::from(left);
                if crash { sleeper.crash(now); }
            }
            let left = awake.left(&policy, now);
            awake.ask(&policy, left as i64, now);
            all += u128::from(left);
            prop_assert!(admitted <= all);
            // Two units are the fractions of a token that both may still have.
            prop_assert!(100 * (admitted + 2) >= 99 * all, "{} of {}", admitted, all);
        }
    }
}

/// What a caller asks in a day, and what a row costs: rows are counted exactly, because every one
/// is billed.
#[test]
fn bursts_of_a_day_get_all_of_their_limit_for_few_rows() {
    let day = policy(
        algorithm(&Spec {
            kind: Kind::FixedWindow,
            limit: 12_800,
            window: DAY,
            amount: 1,
        }),
        None,
    );
    let run = |bursts: u64, every: u64, count: u64, gap: u64| {
        let mut sleeper = Sleeper::new();
        let admitted: u64 = (0..bursts)
            .map(|i| sleeper.burst(&day, count, gap, START + i * every))
            .sum();
        sleeper.object.close_until(u64::MAX);
        (admitted, sleeper.object.writes)
    };
    assert_eq!(run(7_854, 11_000, 1, 0), (7_854, 7_854), "one every 11 s");
    assert_eq!(run(1_440, 60_000, 128, 5), (12_800, 899), "128 a minute");
    assert_eq!(run(2_880, 30_000, 20, 5), (12_800, 3_839), "20 in 30 s");
    assert_eq!(run(1, 1, 60_000, 1), (12_800, 107), "1,000 a second");
    let small = policy(
        algorithm(&Spec {
            kind: Kind::FixedWindow,
            limit: 5_000,
            window: DAY,
            amount: 1,
        }),
        None,
    );
    let mut sleeper = Sleeper::new();
    let admitted: u64 = (0..6_000)
        .map(|i| sleeper.burst(&small, 1, 0, START + i * 11_000))
        .sum();
    assert_eq!(admitted, 5_000);
}

#[test]
fn a_row_runs_ahead_by_what_was_used_lately_and_no_further() {
    let spec = Spec {
        kind: Kind::FixedWindow,
        limit: 1_000_000,
        window: DAY,
        amount: 1,
    };
    let policy = policy(algorithm(&spec), None);
    let ahead = |sleeper: &mut Sleeper, now| {
        let after_a_crash = sleeper.object.restarted().left(&policy, now);
        sleeper.object.left(&policy, now) - after_a_crash
    };
    let mut sleeper = Sleeper::new();
    assert_eq!(sleeper.burst(&policy, 2_000, 0, START), 2_000);
    let in_a_burst = ahead(&mut sleeper, START);
    assert!(
        (1..2_048).contains(&in_a_burst),
        "{in_a_burst} ahead in a burst"
    );
    // One unit every nine seconds: the object never sleeps, and its rows are exact again.
    for i in 1..20 {
        let now = START + i * 9_000;
        sleeper.burst(&policy, 1, 0, now);
        assert_eq!(ahead(&mut sleeper, now), 0, "after {i} single units");
    }
    // Five a second after another burst: the object is never idle for a second, but its row is
    // rewritten.
    let start = START + 175_000;
    sleeper.burst(&policy, 2_000, 0, start);
    for i in 1..=20 {
        sleeper.burst(&policy, 1, 0, start + i * 200);
    }
    let after_a_burst = ahead(&mut sleeper, start + 4_000);
    assert!(after_a_burst < 5, "{after_a_burst} ahead at five a second");
    assert_eq!(sleeper.sleeps, 0);
    // Ten a second: one row a second, about ten units ahead, whatever the burst before it did.
    let start = START + 180_000;
    let before = sleeper.object.writes;
    for i in 0..600 {
        let now = start + i * 100;
        sleeper.burst(&policy, 1, 0, now);
        if i > 30 {
            let ahead = ahead(&mut sleeper, now);
            assert!(ahead <= 10, "{ahead} ahead at ten a second");
        }
    }
    let rows = sleeper.object.writes - before;
    assert!(
        (55..=75).contains(&rows),
        "{rows} rows in a minute at ten a second"
    );
}

#[test]
fn each_limit_of_a_subject_has_its_own_margin() {
    let of = |limit, window| {
        policy(
            algorithm(&Spec {
                kind: Kind::FixedWindow,
                limit,
                window,
                amount: 1,
            }),
            None,
        )
    };
    let (busy, seldom) = (of(1_000_000, DAY), of(10_000, DAY / 2));
    let mut sleeper = Sleeper::new();
    for second in 0..1_200u64 {
        let now = START + second * 1_000;
        sleeper.burst(&busy, 100, 1, now);
        if second % 60 == 59 {
            sleeper.burst(&seldom, 1, 0, now + 500);
            let kept = sleeper.object.restarted().left(&seldom, now + 500);
            assert_eq!(kept, sleeper.object.left(&seldom, now + 500));
        }
    }
    assert_eq!(sleeper.sleeps, 0);
}

#[test]
fn large_costs_make_rows_run_ahead_as_small_ones_do() {
    let spec = Spec {
        kind: Kind::FixedWindow,
        limit: 1_000_000,
        window: DAY,
        amount: 1,
    };
    let policy = policy(algorithm(&spec), None);
    let mut object = Object::default();
    for _ in 0..1_000 {
        object.ask(&policy, 64, START);
    }
    // A row a call would be 1,000.
    assert!(object.writes <= 25, "{} rows", object.writes);
}
