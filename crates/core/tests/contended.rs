//! A refusal that rests on charges which may yet be taken back, those of operations over several
//! objects: nobody may remember it, and its wait ends with them.

#![allow(clippy::unwrap_used)]

mod common;

use common::{moment, START};
use proptest::prelude::*;
use tollgate_core::api::request::{parse, Rule};
use tollgate_core::decide::Check;
use tollgate_core::decision::Decision;
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::{Effects, Item, SubjectState};
use tollgate_core::Duration;

/// For so long an operation may be taken back: twice the usual deadline.
const YOUNG: u64 = 2_000;

fn policy(rest: &str) -> Policy {
    match parse(&format!(r#"{{"identifier": "u1", {rest}}}"#))
        .unwrap()
        .rule
    {
        Rule::Inline(policy) => policy,
        Rule::Named(_) => unreachable!(),
    }
}

fn fixed(limit: u64) -> Policy {
    policy(&format!(
        r#""algorithm": "fixedWindow", "limit": {limit}, "window": "52w""#
    ))
}

fn ask(
    object: &mut SubjectState,
    policy: &Policy,
    cost: i64,
    operation: Option<u128>,
    now: u64,
) -> Decision {
    let item = Item {
        policy: policy.clone(),
        check: Check::of(cost),
    };
    let mut effects = Effects::default();
    let random = &mut || 7 + u128::from(now);
    let answers = object.limit(
        &[item],
        operation,
        random,
        moment(START + now),
        &mut effects,
    );
    answers.unwrap().pop().unwrap()
}

fn cancel(object: &mut SubjectState, operation: u128, now: u64) {
    object
        .cancel(operation, moment(START + now), &mut Effects::default())
        .unwrap();
}

/// Whether a refusal says that it may end at any time.
fn is_contended(decision: &Decision) -> bool {
    let wait = decision
        .retry_after
        .unwrap_or(Duration::from_millis(u64::MAX));
    !decision.success && decision.cache_for == Duration::ZERO && wait.as_millis() <= YOUNG
}

#[test]
fn a_refusal_by_an_operation_that_is_never_admitted_is_short_and_not_remembered() {
    let (mut object, policy) = (SubjectState::default(), fixed(40));
    // What another object refuses is charged here and taken back, again and again.
    for i in 0..20u64 {
        let now = i * 27;
        assert!(ask(&mut object, &policy, 40, Some(i.into()), now).success);
        let refused = ask(&mut object, &policy, 1, None, now + 1);
        assert!(is_contended(&refused), "{refused:?}");
        assert_eq!(
            refused.limits[0].retry_at,
            Some(refused.at.plus(Duration::from_millis(YOUNG - 1)))
        );
        cancel(&mut object, i.into(), now + 5);
    }
    assert!(ask(&mut object, &policy, 40, None, 600).success);
}

#[test]
fn what_is_not_taken_back_in_time_stays_and_is_told_so() {
    let (mut object, policy) = (SubjectState::default(), fixed(40));
    assert!(ask(&mut object, &policy, 40, Some(1), 0).success);
    let refused = ask(&mut object, &policy, 1, None, YOUNG - 1);
    assert_eq!(refused.retry_after, Some(Duration::from_millis(1)));
    assert!(is_contended(&refused));
    let refused = ask(&mut object, &policy, 1, None, YOUNG);
    assert!(!is_contended(&refused), "{refused:?}");
    assert_eq!(refused.cache_for, Duration::from_secs(1));
}

#[test]
fn a_refusal_that_stands_without_them_is_what_it_was() {
    let (mut object, policy) = (SubjectState::default(), fixed(40));
    assert!(ask(&mut object, &policy, 30, None, 0).success);
    assert!(ask(&mut object, &policy, 10, Some(1), 1).success);
    assert!(is_contended(&ask(&mut object, &policy, 10, None, 2)));
    assert!(!is_contended(&ask(&mut object, &policy, 11, None, 2)));
    assert_eq!(
        ask(&mut object, &policy, 41, None, 2).retry_after,
        None,
        "never"
    );
    // Charges to another limit of the subject have nothing to do with it.
    let other = policy_of_a_day();
    assert!(ask(&mut object, &other, 1, Some(2), 3).success);
    cancel(&mut object, 1, 4);
    assert!(ask(&mut object, &policy, 10, None, 5).success);
    assert!(!is_contended(&ask(&mut object, &policy, 1, None, 6)));
}

fn policy_of_a_day() -> Policy {
    policy(r#""algorithm": "fixedWindow", "limit": 40, "window": "1d""#)
}

#[test]
fn with_more_of_them_than_are_looked_at_it_is_short() {
    let (mut object, policy) = (SubjectState::default(), fixed(1_000));
    for i in 0..1_000u128 {
        assert!(ask(&mut object, &policy, 1, Some(i), 0).success);
    }
    assert!(is_contended(&ask(&mut object, &policy, 1, None, 1)));
    assert!(!is_contended(&ask(&mut object, &policy, 1, None, YOUNG)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Against an object that was never asked by those that may be taken back.
    #[test]
    fn short_are_exactly_those_that_would_be_admitted_without_the_young(
        kind in 0..4usize,
        steps in prop::collection::vec((0..900u64, 1..9i64, any::<bool>(), 0..4u8), 1..40),
    ) {
        let policy = policy([
            r#""algorithm": "fixedWindow", "limit": 20, "window": "52w""#,
            r#""algorithm": "slidingLog", "limit": 20, "window": "7d""#,
            r#""algorithm": "tokenBucket", "capacity": 20, "refill": {"amount": 1, "interval": "1d"}"#,
            r#""algorithm": "slidingWindow", "limit": 20, "window": "52w""#,
        ][kind]);
        let mut object = SubjectState::default();
        // What was admitted: when, how much, and under which operation.
        let mut admitted: Vec<(u64, i64, Option<u128>)> = Vec::new();
        let mut now = 0;
        for (i, (pause, cost, by_operation, fate)) in steps.into_iter().enumerate() {
            now += pause;
            let operation = by_operation.then_some(i as u128);
            let decision = ask(&mut object, &policy, cost, operation, now);
            if decision.success {
                admitted.push((now, cost, operation));
            } else {
                let is_young = |&(at, _, operation): &(u64, i64, Option<u128>)| operation.is_some() && at + YOUNG > now;
                let mut without = SubjectState::default();
                for &(at, cost, _) in admitted.iter().filter(|it| !is_young(it)) {
                    ask(&mut without, &policy, cost, None, at);
                }
                let would = ask(&mut without, &policy, cost, None, now).success;
                prop_assert_eq!(is_contended(&decision), would, "{:?}", decision);
            }
            if fate == 0 {
                if let Some(last) = admitted.iter().rposition(|(.., operation)| operation.is_some()) {
                    let (.., operation) = admitted.remove(last);
                    cancel(&mut object, operation.unwrap(), now);
                }
            }
        }
    }
}
