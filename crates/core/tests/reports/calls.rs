//! No more reports count than calls were admitted.

use proptest::prelude::*;
use tollgate_core::decide::Check;
use tollgate_core::policy::Policy;
use tollgate_core::report::{BreakerState, Report};
use tollgate_core::subject_state::{Effects, Item};

use crate::common::object::Object;
use crate::common::{moment, START};
use crate::said::{
    answered, api, ask, outlook, refused, report, state, telling, told, HOUR, SECOND,
};

const BREAKING: &str = r#"{"limit":5000,"window":"1h","writeAhead":1,"breaker":{"threshold":3,"window":"10s","open":"20s"}}"#;

/// Reports so many failures, one after the other; how many count.
fn fail(object: &mut Object, policy: &Policy, failures: u64, now: u64) -> u64 {
    let before = failures_at(object, now);
    for _ in 0..failures {
        report(object, &answered(policy, 500), now);
    }
    failures_at(object, now) - before
}

fn charge(object: &mut Object, policy: &Policy, cost: i64, now: u64) {
    let items = [Item {
        policy: policy.clone(),
        check: Check::of(cost),
    }];
    let mut effects = Effects::default();
    let charged = object
        .state
        .charge(&items, 1, moment(START + now), &mut effects);
    charged.unwrap();
    object.apply(effects);
}

fn failures_at(object: &Object, now: u64) -> u64 {
    let breaker = outlook(object, now).and_then(|it| it.breaker);
    breaker.map_or(0, |it| it.failures)
}

#[test]
fn what_a_report_took_away_is_no_call() {
    let (policy, mut object) = (api(BREAKING), Object::default());
    report(&mut object, &telling(&policy, told(Some(5_000), 4_000)), 0);
    for now in 1..5 {
        report(&mut object, &answered(&policy, 500), now);
        object = object.restarted();
    }
    assert!(ask(&mut object, &policy, 10).success);
    assert_eq!(failures_at(&object, 10), 0);
}

#[test]
fn a_bucket_that_a_gate_has_emptied_has_seen_no_calls() {
    let policy = api(
        r#"{"algorithm":"tokenBucket","capacity":100,"refill":{"amount":1,"interval":"1s"},"adapt":{},"maxCoolDown":"1s"}"#,
    );
    let mut object = Object::default();
    for i in 0..6 {
        let done = report(&mut object, &refused(&policy, SECOND), i * 2 * SECOND);
        assert_eq!(done.adapted, None);
        object = object.restarted();
    }
}

#[test]
fn a_call_is_reported_once_however_long_it_is_in_use() {
    for sleeps in [false, true] {
        let (policy, mut object) = (api(BREAKING), Object::default());
        object.ask(&policy, 3, START);
        let mut opened = 0;
        for now in (0..HOUR).step_by(150_000) {
            for i in 0..3 {
                if sleeps {
                    object = object.restarted();
                }
                let done = report(&mut object, &answered(&policy, 500), now + i);
                if state(&done) == Some(BreakerState::Open) {
                    opened += 1;
                    let half = now + 30 * SECOND;
                    assert!(ask(&mut object, &policy, half).success);
                    report(&mut object, &answered(&policy, 200), half + 1);
                }
            }
        }
        // After a sleep three units in use are three calls.
        assert_eq!(opened, u64::from(sleeps), "{sleeps}");
    }
}

#[test]
fn a_call_that_was_taken_back_is_none() {
    let (policy, mut object) = (api(BREAKING), Object::default());
    for operation in 0..5 {
        let admitted = object.limit(&policy, Check::ONE, Some(operation), START);
        assert!(admitted.unwrap().success);
        object.cancel(operation, START + 1);
        object.cancel(operation, START + 2);
    }
    assert_eq!(fail(&mut object, &policy, 5, 10), 0);
    assert!(ask(&mut object, &policy, 11).success);
    assert_eq!(fail(&mut object, &policy, 5, 12), 1, "the others count");
}

#[test]
fn calls_count_and_not_their_units() {
    let json = BREAKING.replace("\"threshold\":3", "\"threshold\":20");
    let (policy, mut object) = (api(&json), Object::default());
    object.ask(&policy, 10, START);
    assert_eq!(fail(&mut object, &policy, 10, 1), 1);
    // What isolates admitted while the object could not be asked is one at least.
    charge(&mut object, &policy, 10, 2);
    assert_eq!(fail(&mut object, &policy, 10, 3), 1);
}

/// What is done to a subject.
#[derive(Debug, Clone)]
enum Step {
    Call,
    /// Takes the last call back.
    Cancel,
    Sleep,
    Report(Box<Report>),
}

fn policies() -> impl Strategy<Value = Policy> {
    let limits = [
        r#""algorithm":"fixedWindow","limit":40,"window":"1m""#,
        r#""algorithm":"slidingWindow","limit":40,"window":"1m""#,
        r#""algorithm":"slidingLog","limit":40,"window":"1m""#,
        r#""algorithm":"tokenBucket","capacity":40,"refill":{"amount":1,"interval":"1s"}"#,
    ];
    let breaker = r#""writeAhead":1,"maxCoolDown":"5s","breaker":{"threshold":1000,"window":"1h"}"#;
    let policy = move |limit: &str| api(&format!("{{{limit},{breaker}}}"));
    prop::sample::select(limits.to_vec()).prop_map(policy)
}

fn steps() -> impl Strategy<Value = (Policy, Vec<(u64, Step)>)> {
    policies().prop_flat_map(|policy| {
        let failure = answered(&policy, 500);
        let refusal = refused(&policy, 2 * SECOND);
        let remains = policy.clone();
        let step = prop_oneof![
            5 => Just(Step::Call),
            1 => Just(Step::Cancel),
            2 => Just(Step::Sleep),
            6 => Just(Step::Report(Box::new(failure))),
            1 => Just(Step::Report(Box::new(refusal))),
            2 => (0u64..40).prop_map(move |left| {
                Step::Report(Box::new(telling(&remains, told(Some(40), left))))
            }),
        ];
        let pause = prop_oneof![3 => 0..SECOND, 1 => 0..50 * SECOND];
        (Just(policy), prop::collection::vec((pause, step), 1..50))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Whatever reports take away, through sleep, and however long calls are in use.
    #[test]
    fn no_more_reports_count_than_calls_were_admitted((policy, steps) in steps()) {
        let mut object = Object::default();
        let (mut now, mut calls, mut counted) = (0, 0, 0);
        let mut last = None;
        for (operation, (pause, step)) in steps.into_iter().enumerate() {
            now += pause;
            match step {
                Step::Call => {
                    let operation = Some(operation as u128);
                    let answer = object.limit(&policy, Check::ONE, operation, START + now);
                    if answer.unwrap().success {
                        calls += 1;
                        last = operation;
                    }
                }
                Step::Cancel if counted < calls => {
                    if let Some(operation) = last.take() {
                        object.cancel(operation, START + now);
                        calls -= 1;
                    }
                }
                Step::Cancel => {}
                Step::Sleep => {
                    object = object.restarted();
                    last = None;
                }
                Step::Report(told) => {
                    let before = failures_at(&object, now);
                    report(&mut object, &told, now);
                    counted += failures_at(&object, now) - before;
                }
            }
            prop_assert!(counted <= calls, "{counted} of {calls}");
        }
    }
}
