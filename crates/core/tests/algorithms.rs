//! Every algorithm against an exact oracle on simulated time: a list of what was admitted, and the
//! definition of the algorithm written out over it. The oracle shares no code with what it judges.

#![allow(clippy::unwrap_used)]

mod common;

use common::{algorithm, fixed, moment, policy_of, units, Admitted, Kind, Spec, START};
use proptest::prelude::*;
use tollgate_core::algorithm::state::LimitState;
use tollgate_core::algorithm::Holder;
use tollgate_core::decide::{decide, Check};
use tollgate_core::decision::{Decision, Reason};
use tollgate_core::number::MAX_SAFE;
use tollgate_core::policy::Policy;
use tollgate_core::{Algorithm, Duration, Limit};

/// One subject under one policy, on a clock of its own.
struct Subject {
    policy: Policy,
    states: Vec<LimitState>,
    now: u64,
    permits: u128,
}

impl Subject {
    fn new(limits: Vec<Limit>) -> Subject {
        let states = limits
            .iter()
            .map(|limit| LimitState::fresh(limit.algorithm(), moment(START)).unwrap())
            .collect();
        Subject {
            policy: Policy::new(limits).unwrap(),
            states,
            now: START,
            permits: 0,
        }
    }

    fn of(spec: &Spec) -> Subject {
        Subject::new(vec![Limit::new(None, algorithm(spec))])
    }

    fn ask_at(&mut self, check: &Check, now: u64) -> Decision {
        self.permits += 1;
        let holder = Holder {
            permit: self.permits,
            fence: self.permits as u64,
        };
        let mut states: Vec<&mut LimitState> = self.states.iter_mut().collect();
        decide(&self.policy, &mut states, check, Some(holder), moment(now)).unwrap()
    }

    fn ask(&mut self, cost: i64) -> Decision {
        self.ask_at(&Check::of(cost), self.now)
    }

    /// What the same check would be answered at another time, without changing anything.
    fn would(&mut self, check: &Check, now: u64) -> bool {
        let before = self.states.clone();
        let success = self.ask_at(check, now).success;
        self.states = before;
        success
    }
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop::sample::select(Kind::ALL.to_vec())
}

/// Small numbers, so that windows turn and buckets refill within a run; gaps now and then longer
/// than any of them.
fn specs() -> impl Strategy<Value = Spec> {
    (kinds(), 0u64..12, 1u64..60, 1u64..12).prop_map(|(kind, limit, window, amount)| Spec {
        kind,
        limit,
        window,
        amount,
    })
}

/// Those that count units, so that they can be given back or promised ahead: slots have holders.
fn counting() -> impl Strategy<Value = Spec> {
    specs().prop_filter("slots have holders", |spec| spec.kind != Kind::Concurrency)
}

fn gaps() -> impl Strategy<Value = u64> {
    prop_oneof![6 => 0u64..20, 3 => 0u64..80, 1 => 100u64..2_000]
}

fn steps() -> impl Strategy<Value = Vec<(u64, i64)>> {
    prop::collection::vec((gaps(), prop_oneof![8 => 1i64..4, 1 => 0i64..15]), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn every_decision_is_the_oracles_and_every_wait_is_exact(spec in specs(), steps in steps()) {
        let mut subject = Subject::of(&spec);
        let mut oracle = Admitted::default();
        for (gap, cost) in steps {
            subject.now += gap;
            let now = subject.now;
            let before = subject.states.clone();
            let expected = oracle.has_room(&spec, cost as u64, now);
            let check = Check::of(cost);
            let peeked = subject.ask_at(&Check { peek: true, ..check.clone() }, now);
            prop_assert_eq!(&subject.states, &before, "a peek changes nothing");
            let decision = subject.ask(cost);
            prop_assert_eq!(decision.success, expected, "{:?} at {}", spec, now - START);
            prop_assert_eq!(peeked.success, decision.success, "a peek answers alike");
            if decision.success {
                oracle.add(now, cost as u64);
                prop_assert!(decision.retry_after.is_none() && decision.reason.is_none());
                let left = decision.deciding().unwrap().remaining;
                prop_assert!(left == 0 || oracle.has_room(&spec, left, now), "what remains can be had");
                prop_assert!(!oracle.has_room(&spec, left + 1, now), "and not one unit more");
                continue;
            }
            prop_assert_eq!(&subject.states, &before, "a denial changes nothing");
            match decision.retry_after {
                Some(wait) => {
                    prop_assert_eq!(decision.reason, Some(Reason::Limit));
                    let wait = wait.as_millis();
                    prop_assert!(subject.would(&check, now + wait), "{:?}: waiting {} is enough", spec, wait);
                    prop_assert!(!subject.would(&check, now + wait - 1), "{:?}: {} is too much", spec, wait);
                }
                None => {
                    prop_assert_eq!(decision.reason, Some(Reason::CostExceedsCapacity));
                    prop_assert!(cost as u64 > spec.limit);
                    prop_assert!(!subject.would(&check, now + 1_000_000));
                }
            }
        }
        oracle.assert_bound(&spec);
    }

    #[test]
    fn refunds_bring_back_what_was_used_and_nothing_above_full(spec in counting(), steps in steps(), refunds in prop::collection::vec(0usize..40, 0..8)) {
        let mut subject = Subject::of(&spec);
        for (i, (gap, cost)) in steps.into_iter().enumerate() {
            subject.now += gap;
            let cost = if refunds.contains(&i) { -cost } else { cost };
            let before = subject.ask_at(&Check { peek: true, ..Check::of(0) }, subject.now).limits[0].remaining;
            let decision = subject.ask(cost);
            let after = decision.limits[0].remaining;
            prop_assert!(after <= spec.limit);
            if cost < 0 {
                prop_assert!(decision.success);
                prop_assert!(after >= before && after <= before + cost.unsigned_abs());
            }
        }
    }

    #[test]
    fn a_clock_that_steps_back_refills_nothing(spec in specs(), steps in prop::collection::vec((-200i64..60, 1i64..4), 1..40)) {
        let mut subject = Subject::of(&spec);
        let mut newest = START;
        let mut oracle = Admitted::default();
        let mut clock = START as i64 + 10_000;
        for (step, cost) in steps {
            clock = (clock + step).max(START as i64);
            subject.now = clock as u64;
            // The oracle's clock never goes back: time that was seen at an admission has passed.
            let now = subject.now.max(newest);
            let expected = oracle.has_room(&spec, cost as u64, now);
            let decision = subject.ask(cost);
            prop_assert_eq!(decision.success, expected);
            if decision.success {
                newest = now;
                oracle.add(now, cost as u64);
            } else if let Some(wait) = decision.retry_after {
                prop_assert!(subject.would(&Check::of(cost), subject.now + wait.as_millis()));
                prop_assert!(!subject.would(&Check::of(cost), subject.now + wait.as_millis() - 1));
            }
        }
        oracle.assert_bound(&spec);
    }

    #[test]
    fn several_limits_are_charged_together_or_not_at_all(a in specs(), b in specs(), c in specs(), steps in steps()) {
        let specs = [a, b, c];
        let names = ["a", "b", "c"];
        let limits = (specs.iter().zip(names)).map(|(spec, name)| common::named(name, algorithm(spec))).collect();
        let mut subject = Subject::new(limits);
        let mut oracle = Admitted::default();
        for (gap, cost) in steps {
            subject.now += gap;
            let expected = specs.iter().all(|spec| oracle.has_room(spec, cost as u64, subject.now));
            let before = subject.states.clone();
            let decision = subject.ask(cost);
            prop_assert_eq!(decision.success, expected);
            let deciding = decision.deciding().unwrap();
            if decision.success {
                oracle.add(subject.now, cost as u64);
                prop_assert_eq!(deciding.remaining, decision.limits.iter().map(|limit| limit.remaining).min().unwrap());
                continue;
            }
            prop_assert_eq!(&subject.states, &before);
            let never = decision.limits.iter().any(|limit| limit.refused.is_some() && limit.retry_at.is_none());
            prop_assert_eq!(decision.retry_after.is_none(), never, "never counts as longest");
            if let Some(wait) = decision.retry_after {
                prop_assert!(subject.would(&Check::of(cost), subject.now + wait.as_millis()));
                prop_assert!(!subject.would(&Check::of(cost), subject.now + wait.as_millis() - 1));
            }
        }
    }

    #[test]
    fn a_promised_place_is_kept_in_the_order_of_arrival_and_within_the_bound(spec in counting(), steps in prop::collection::vec((gaps(), 1i64..4, prop::option::of(0u64..150)), 1..40)) {
        let mut subject = Subject::of(&spec);
        let mut oracle = Admitted::default();
        for (gap, cost, patience) in steps {
            subject.now += gap;
            let check = Check { max_delay: patience.map(Duration::from_millis), ..Check::of(cost) };
            let decision = subject.ask_at(&check, subject.now);
            if !decision.success {
                if let Some(wait) = decision.retry_after {
                    prop_assert!(subject.would(&check, subject.now + wait.as_millis()));
                    prop_assert!(wait.as_millis() > 0);
                }
                continue;
            }
            let delay = decision.delay.map_or(0, Duration::as_millis);
            prop_assert!(delay <= patience.unwrap_or(0), "{:?}", spec);
            oracle.add(subject.now + delay, cost as u64);
        }
        oracle.sort();
        oracle.assert_bound_of_promises(&spec);
    }

    #[test]
    fn a_shaper_lets_callers_go_ahead_one_by_one(capacity in 2u64..12, interval in 2u64..50, steps in prop::collection::vec(0u64..30, 2..40)) {
        let bucket = common::leaky(capacity, 1, interval).with_max_delay(Duration::from_millis(10_000)).unwrap();
        let mut subject = Subject::new(vec![Limit::new(None, Algorithm::LeakyBucket(bucket))]);
        let mut last: Option<u64> = None;
        for gap in steps {
            subject.now += gap;
            let decision = subject.ask(1);
            if let (true, Some(delay)) = (decision.success, decision.delay) {
                let goes = subject.now + delay.as_millis();
                prop_assert!(last.is_none_or(|last| goes >= last + interval), "spaced by the leak");
                last = Some(goes);
            }
        }
    }

    #[test]
    fn numbers_at_the_edges_neither_overflow_nor_admit_too_much(kind in kinds(), limit in edges(), window in edges(), costs in prop::collection::vec(edges(), 1..8), gaps in prop::collection::vec(edges(), 8)) {
        let spec = Spec { kind, limit: if matches!(kind, Kind::SlidingLog | Kind::Concurrency) { limit.min(1_000) } else { limit }, window: window.clamp(1, 366 * 86_400_000), amount: limit.max(1) };
        let mut subject = Subject::of(&spec);
        for (cost, gap) in costs.into_iter().zip(gaps) {
            subject.now = (subject.now + gap).min(MAX_SAFE);
            let decision = subject.ask(cost as i64);
            prop_assert!(decision.limits[0].remaining <= spec.limit);
            prop_assert_eq!(decision.success && cost > spec.limit, false);
            if kind != Kind::Concurrency {
                prop_assert!(subject.ask(-(cost as i64)).success);
            }
        }
    }
}

fn edges() -> impl Strategy<Value = u64> {
    prop::sample::select(vec![
        0,
        1,
        2,
        99,
        1_000,
        (1 << 31) - 1,
        1 << 32,
        MAX_SAFE - 1,
        MAX_SAFE,
    ])
}

#[test]
fn changing_the_numbers_keeps_what_was_used() {
    let mut states = [LimitState::fresh(&fixed(10, 1_000), moment(START)).unwrap()];
    let used = |state: &mut LimitState, limit: u64, cost: i64| {
        let policy = policy_of(fixed(limit, 1_000));
        decide(&policy, &mut [state], &Check::of(cost), None, moment(START)).unwrap()
    };
    assert_eq!(used(&mut states[0], 10, 8).limits[0].remaining, 2);
    assert!(
        !used(&mut states[0], 5, 1).success,
        "lowered below what was used"
    );
    assert_eq!(
        used(&mut states[0], 20, 1).limits[0].remaining,
        11,
        "raised: the difference is free at once"
    );
}

#[test]
fn a_stepped_bucket_gives_whole_intervals_and_burst_credits_accrue_when_full() {
    use tollgate_core::limit::BurstCredits;
    let stepped = common::bucket(10, 5, 100).stepped().unwrap();
    let mut subject = Subject::new(vec![Limit::new(None, Algorithm::TokenBucket(stepped))]);
    assert_eq!(subject.ask(10).limits[0].remaining, 0);
    subject.now = START + 99;
    let early = subject.ask(1);
    assert_eq!(
        (early.success, early.retry_after),
        (false, Some(Duration::from_millis(1)))
    );
    subject.now = START + 100;
    assert_eq!(subject.ask(1).limits[0].remaining, 4);

    let credits = BurstCredits::new(20, Duration::from_millis(1_000)).unwrap();
    let bucket = common::bucket(10, 1, 10)
        .with_burst_credits(credits)
        .unwrap();
    let mut subject = Subject::new(vec![Limit::new(None, Algorithm::TokenBucket(bucket))]);
    subject.now = START + 150;
    assert_eq!(
        subject.ask(25).limits[0].remaining,
        0,
        "ten tokens and fifteen credits"
    );
    subject.now = START + 100_000;
    assert!(
        !subject.ask(31).success && subject.ask(30).success,
        "never more than capacity and cap"
    );
}

#[test]
fn fractional_rates_are_exact() {
    // 100 per 900 s as 0.11 per second would lose one percent; as a fraction it loses nothing.
    let spec = Spec {
        kind: Kind::TokenBucket,
        limit: 100,
        window: 900_000,
        amount: 100,
    };
    let mut subject = Subject::of(&spec);
    assert!(subject.ask(100).success);
    let mut admitted = 0;
    for second in 1..=90_000u64 {
        subject.now = START + second * 1_000;
        admitted += u64::from(subject.ask(1).success);
    }
    assert_eq!(admitted, 10_000);
    assert_eq!(
        units(&subject.states[0]),
        100 * 9_000,
        "no fraction was lost or won"
    );
}
