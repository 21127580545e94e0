//! Nothing admitted is forgotten, by any crash at any point: a subject's state is thrown away and
//! rebuilt from the rows that were written, and must then admit no more than the lost one would
//! have, and refuse at most R − 1 units more.

#![allow(clippy::unwrap_used)]

mod common;

use common::object::{policy, Object};
use common::{algorithm, moment, named, Kind, Spec, START};
use proptest::prelude::*;
use tollgate_core::algorithm::allowance::allowance_of;
use tollgate_core::decide::Check;
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::{Effects, Refusal};
use tollgate_core::{Algorithm, Duration, Limit};

#[derive(Debug, Clone)]
enum Step {
    Take(i64),
    Refund(i64),
    Promise(i64, u64),
    Charge(i64),
    CancelLast,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (1i64..6).prop_map(Step::Take),
        1 => (1i64..6).prop_map(Step::Refund),
        2 => (1i64..4, 1u64..100).prop_map(|(cost, delay)| Step::Promise(cost, delay)),
        2 => (1i64..4).prop_map(Step::Charge),
        2 => Just(Step::CancelLast),
        1 => Just(Step::Crash),
    ]
}

fn spec() -> impl Strategy<Value = (Spec, Option<u64>)> {
    let limit = prop_oneof![1u64..20, Just(100), Just(150), Just(1_000)];
    let kinds = prop::sample::select(Kind::ALL.to_vec());
    (kinds, limit, 1u64..60, 1u64..12, prop::option::of(1u64..12)).prop_map(
        |(kind, limit, window, amount, reserve)| {
            (
                Spec {
                    kind,
                    limit,
                    window,
                    amount,
                },
                reserve.map(|reserve| reserve.min(limit)),
            )
        },
    )
}

/// Gaps within a window, across some, and longer than any refill.
fn gap() -> impl Strategy<Value = u64> {
    prop_oneof![6 => 0u64..10, 3 => 0u64..80, 1 => 1_000u64..20_000]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn a_restart_never_admits_more_than_the_lost_state_would_have((spec, reserve) in spec(), steps in prop::collection::vec((gap(), step()), 1..40), later in prop::collection::vec(gap(), 0..40)) {
        let policy = policy(algorithm(&spec), reserve);
        let counts = spec.kind != Kind::Concurrency;
        let allowance = allowance_of(policy.limits()[0].algorithm(), reserve);
        let mut object = Object::default();
        let mut now = START;
        let mut last = 0;
        for (i, (gap, step)) in steps.into_iter().enumerate() {
            now += gap;
            match step {
                Step::Take(cost) => drop(object.ask(&policy, cost, now)),
                Step::Refund(cost) if counts => drop(object.ask(&policy, -cost, now)),
                Step::Promise(cost, delay) if counts => {
                    let check = Check { max_delay: Some(Duration::from_millis(delay)), ..Check::of(cost) };
                    drop(object.limit(&policy, check, None, now));
                }
                Step::Charge(cost) => {
                    last = i as u128 + 1;
                    drop(object.limit(&policy, Check::of(cost), Some(last), now));
                }
                Step::CancelLast => object.cancel(last, now),
                Step::Crash => {
                    let lost = core::mem::take(&mut object);
                    object = lost.restarted();
                    continue;
                }
                _ => {}
            }
            // At every point: were the process killed now, what would the next one admit?
            let mut after = object.restarted();
            let (left, kept) = (object.left(&policy, now), after.left(&policy, now));
            prop_assert!(kept <= left, "{:?}: {} left, {} after a crash", spec, left, kept);
            prop_assert!(left - kept <= allowance, "{:?}: {} left, {} after a crash", spec, left, kept);
            for wait in [1, spec.window / 2, spec.window, 3 * spec.window] {
                prop_assert!(after.left(&policy, now + wait) <= object.left(&policy, now + wait), "{:?}: and {} ms later", spec, wait);
            }
        }
        // And through any calls that follow: never more in all than the lost one would have
        // admitted.
        let mut kept = object.restarted();
        let (mut by_kept, mut by_lost) = (0, 0);
        for gap in later {
            now += gap;
            by_kept += u64::from(kept.ask(&policy, 1, now).success);
            by_lost += u64::from(object.ask(&policy, 1, now).success);
            prop_assert!(by_kept <= by_lost, "{:?}: {} after a crash, {} without", spec, by_kept, by_lost);
        }
    }

    #[test]
    fn small_limits_are_exact_after_a_crash(kind in prop::sample::select(Kind::ALL.to_vec()), limit in 1u64..=100, costs in prop::collection::vec(1i64..5, 1..60), crash in 0usize..60) {
        let policy = policy(algorithm(&Spec { kind, limit, window: 59_000, amount: 1 }), None);
        let mut object = Object::default();
        let mut admitted = 0;
        for (i, cost) in costs.iter().enumerate() {
            if i == crash {
                object = object.restarted();
            }
            admitted += if object.ask(&policy, *cost, START).success { *cost as u64 } else { 0 };
        }
        prop_assert!(admitted <= limit);
        prop_assert_eq!(object.left(&policy, START), limit - admitted);
        prop_assert_eq!(object.restarted().left(&policy, START), limit - admitted);
    }

    #[test]
    fn a_cancelled_charge_never_gives_more_than_it_took((spec, _) in spec(), steps in prop::collection::vec((0u64..60, 1i64..4, any::<bool>(), any::<bool>()), 1..40)) {
        // Beside it runs the same subject to which the cancelled charges never came: it admits at
        // least as much.
        // (A window that begins with the first use ends earlier when more was used: it may admit
        // more at an instant, and never more in one window.)
        if spec.kind == Kind::FirstUse {
            return Ok(());
        }
        let policy = policy(algorithm(&spec), Some(1));
        let (mut object, mut without) = (Object::default(), Object::default());
        let mut now = START;
        let mut open = Vec::new();
        for (i, (gap, cost, charge, cancel)) in steps.into_iter().enumerate() {
            now += gap;
            let operation = i as u128 + 1;
            if charge {
                if object.limit(&policy, Check::of(cost), Some(operation), now).unwrap().success {
                    open.push(operation);
                }
            } else if object.ask(&policy, cost, now).success {
                prop_assert!(without.ask(&policy, cost, now).success, "{:?}", spec);
            }
            if cancel {
                for operation in open.drain(..) {
                    object.cancel(operation, now);
                    object.cancel(operation, now);
                }
            }
            prop_assert!(object.left(&policy, now) <= without.left(&policy, now), "{:?}", spec);
        }
    }

    #[test]
    fn an_idle_subject_leaves_nothing_and_answers_as_a_new_one((spec, reserve) in spec(), steps in prop::collection::vec((gap(), 1i64..6), 1..20)) {
        let policy = policy(algorithm(&spec), reserve);
        let mut object = Object::default();
        let mut now = START;
        for (gap, cost) in steps {
            now += gap;
            object.ask(&policy, cost, now);
            if object.alarm.is_some_and(|at| at.as_millis() <= now) {
                let before = object.left(&policy, now);
                object.clean(now);
                prop_assert_eq!(object.left(&policy, now), before, "cleaning changes no answer");
            }
            prop_assert_eq!(object.alarm.is_some(), !object.rows.is_empty(), "what is stored is cleaned one day");
        }
        for _ in 0..3 {
            let Some(at) = object.alarm else { break };
            now = now.max(at.as_millis());
            object.clean(now);
        }
        prop_assert!(object.rows.is_empty() && object.alarm.is_none());
        prop_assert!(!object.state.has_rows());
        prop_assert_eq!(object.left(&policy, now), spec.limit);
    }
}

#[test]
fn a_hundred_admissions_at_limit_ten_thousand_write_one_row_and_denials_none() {
    for kind in [
        Kind::FixedWindow,
        Kind::SlidingWindow,
        Kind::TokenBucket,
        Kind::LeakyBucket,
        Kind::Quota,
    ] {
        let policy = policy(
            algorithm(&Spec {
                kind,
                limit: 10_000,
                window: 59_000,
                amount: 1,
            }),
            None,
        );
        let mut object = Object::default();
        for _ in 0..10_000 {
            assert!(object.ask(&policy, 1, START).success);
        }
        // Seven more than a hundred: the first rows run ahead by less, 0, 1, 3, … 63 units.
        assert!(object.writes <= 107, "{kind:?}: {} rows", object.writes);
        let written = object.writes;
        for _ in 0..100 {
            assert!(!object.ask(&policy, 1, START).success);
            object
                .limit(
                    &policy,
                    Check {
                        peek: true,
                        ..Check::of(1)
                    },
                    None,
                    START,
                )
                .unwrap();
        }
        assert_eq!(object.writes, written);
    }
}

#[test]
fn a_saturated_bucket_still_writes_one_row_in_a_hundred() {
    let spec = Spec {
        kind: Kind::TokenBucket,
        limit: 10_000,
        window: 1_000,
        amount: 1_000,
    };
    let policy = policy(algorithm(&spec), None);
    let mut object = Object::default();
    object.ask(&policy, 10_000, START);
    let before = object.writes;
    for millis in 1..=10_000 {
        assert!(object.ask(&policy, 1, START + millis).success);
    }
    assert!(
        object.writes - before <= 107,
        "{} rows for 10,000 admissions",
        object.writes - before
    );
}

#[test]
fn an_operation_is_charged_once_and_not_after_its_cancellation() {
    let policy = policy(common::fixed(10, 1_000), None);
    let mut object = Object::default();
    let first = object.limit(&policy, Check::of(3), Some(7), START).unwrap();
    assert_eq!(
        object.limit(&policy, Check::of(3), Some(7), START).unwrap(),
        first
    );
    assert_eq!(object.left(&policy, START), 7);
    object.cancel(7, START);
    object.cancel(7, START);
    assert_eq!(object.left(&policy, START), 10);
    object.cancel(8, START);
    assert_eq!(
        object.limit(&policy, Check::of(3), Some(8), START),
        Err(Refusal::Cancelled)
    );
    object.limit(&policy, Check::of(3), Some(9), START).unwrap();
    object.ask(&policy, 2, START + 1_000);
    object.cancel(9, START + 1_000);
    assert_eq!(
        object.left(&policy, START + 1_000),
        8,
        "its window has passed"
    );
}

#[test]
fn changing_a_definition_keeps_use_and_changing_its_window_starts_with_it() {
    let of = |algorithm| Policy::new(vec![named("hourly", algorithm)]).unwrap();
    let mut object = Object::default();
    object.ask(&of(common::fixed(10, 1_000)), 8, START);
    assert_eq!(
        object.left(&of(common::fixed(5, 1_000)), START),
        0,
        "lowered"
    );
    assert_eq!(
        object.ask(&of(common::fixed(20, 1_000)), 1, START).limits[0].remaining,
        11,
        "raised"
    );
    assert_eq!(
        object
            .restarted()
            .left(&of(common::fixed(20, 1_000)), START),
        11
    );
    assert_eq!(
        object.ask(&of(common::fixed(12, 2_000)), 1, START).limits[0].remaining,
        2,
        "another window"
    );
    let bucket = Algorithm::TokenBucket(common::bucket(10, 1, 1_000));
    assert_eq!(
        object.left(&of(bucket), START),
        0,
        "another algorithm: min(used, limit)"
    );
    let unnamed = Policy::new(vec![Limit::new(None, common::fixed(10, 1_000))]).unwrap();
    assert_eq!(
        object.left(&unnamed, START),
        10,
        "an unnamed limit is another state"
    );
}

#[test]
fn fences_rise_across_release_reset_restart_and_an_emptied_storage() {
    let spec = Spec {
        kind: Kind::Concurrency,
        limit: 2,
        window: 1_000,
        amount: 1,
    };
    let policy = policy(algorithm(&spec), None);
    let mut object = Object::default();
    let mut last = 0;
    for round in 0..200u64 {
        let now = START + round / 50;
        let grant = object.ask(&policy, 1, now).grant.unwrap();
        assert!(grant.fence > last, "round {round}");
        last = grant.fence;
        let mut effects = Effects::default();
        for _ in 0..2 {
            object
                .state
                .release(grant.permit, moment(now), &mut effects)
                .unwrap();
        }
        match round % 4 {
            0 => object.state.reset(None, moment(now), &mut effects).unwrap(),
            1 => {
                object.apply(core::mem::take(&mut effects));
                object = object.restarted();
            }
            _ => {}
        }
        object.apply(effects);
    }
    object.clean(START + 100_000);
    assert!(object.rows.is_empty());
    assert!(object.ask(&policy, 1, START + 100_000).grant.unwrap().fence > last);
}

#[test]
fn a_bucket_that_starts_low_or_earns_credits_is_forgotten_when_idle_for_as_long_as_it_says() {
    use tollgate_core::limit::BurstCredits;
    let hour = Duration::from_secs(3_600);
    let low = common::bucket(10, 1, 1_000)
        .with_initial(2)
        .unwrap()
        .with_forget_after(hour)
        .unwrap();
    let credits = BurstCredits::new(5, hour).unwrap();
    let rich = common::bucket(10, 1, 1_000)
        .with_burst_credits(credits)
        .unwrap()
        .with_forget_after(hour)
        .unwrap();
    for bucket in [low, rich] {
        let policy = policy(Algorithm::TokenBucket(bucket), None);
        let mut object = Object::default();
        object.ask(&policy, 1, START);
        object.clean(START + 3_599_999);
        assert!(
            !object.rows.is_empty(),
            "a full bucket is not yet a new one"
        );
        object.clean(START + 3_600_000);
        assert!(object.rows.is_empty() && !object.state.has_rows());
    }
}

#[test]
fn credits_that_are_over_stay_so_after_a_restart_under_a_clock_that_stepped_back() {
    use tollgate_core::limit::BurstCredits;
    let credits = BurstCredits::new(5, Duration::from_millis(201)).unwrap();
    let bucket = common::bucket(7, 5, 573)
        .with_burst_credits(credits)
        .unwrap();
    let policy = policy(Algorithm::TokenBucket(bucket), Some(2));
    let mut object = Object::default();
    for (cost, at) in [(1, 0), (4, 628), (2, 628), (1, 829)] {
        assert!(object.ask(&policy, cost, START + at).success);
    }
    // The credits of the row were there until 829.
    let kept = object.restarted().left(&policy, START + 827);
    let left = object.left(&policy, START + 827);
    assert!(kept <= left, "{kept} after a restart, {left} without");
}

#[test]
fn the_row_of_a_fence_that_is_not_past_yet_is_cleaned_one_day() {
    let spec = Spec {
        kind: Kind::Concurrency,
        limit: 1,
        window: 1_000,
        amount: 1,
    };
    let policy = policy(algorithm(&spec), None);
    let mut object = Object::default();
    let permit = object.ask(&policy, 1, START).grant.unwrap().permit;
    let mut effects = Effects::default();
    object
        .state
        .release(permit, moment(START), &mut effects)
        .unwrap();
    object.apply(effects);
    object.reset(START);
    // The alarm comes under a clock that has not passed the fence.
    object.clean(START);
    assert!(!object.rows.is_empty());
    let at = object.alarm.unwrap().as_millis();
    object.clean(at);
    assert!(object.rows.is_empty() && object.alarm.is_none());
}
