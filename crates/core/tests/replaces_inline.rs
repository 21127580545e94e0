//! A policy that takes the place of an inline limit: both are charged together, by whichever name
//! they are asked, so that callers can move to the policy one after the other.

#![allow(clippy::unwrap_used)] // a test may panic, also in its helpers

mod common;

use common::object::Object;
use common::{bucket, fixed, moment, version, Kind, START};
use proptest::prelude::*;
use tollgate_core::decide::Check;
use tollgate_core::limit::{Concurrency, Name, Window};
use tollgate_core::message::{encode_limit, Call};
use tollgate_core::policy::consistency::Consistency;
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::{Effects, Item};
use tollgate_core::{Algorithm, Duration, Limit};

const HOUR: u64 = 3_600_000;

fn inline(algorithm: Algorithm) -> Policy {
    Policy::new(vec![Limit::new(None, algorithm)]).unwrap()
}

fn named_limit(name: &str, algorithm: Algorithm) -> Limit {
    Limit::new(Some(Name::new("name", name).unwrap()), algorithm)
}

/// A policy of this version with one named limit, which says nothing of inline limits.
fn plain(policy: &str, number: u64, algorithm: Algorithm) -> Policy {
    let made = Policy::new(vec![named_limit("hour", algorithm)]).unwrap();
    made.named(Name::new("policy", policy).unwrap(), version(number))
}

fn replacing(number: u64, algorithm: Algorithm) -> Policy {
    plain("p", number, algorithm).replacing_inline().unwrap()
}

fn used(object: &mut Object, policy: &Policy, now: u64) -> u64 {
    let check = Check {
        peek: true,
        ..Check::of(0)
    };
    let standing = object.limit(policy, check, None, now).unwrap().limits[0];
    standing.limit - standing.remaining
}

fn admitted(object: &mut Object, policy: &Policy, most: u64, now: u64) -> u64 {
    (0..most)
        .filter(|_| object.ask(policy, 1, now).success)
        .count() as u64
}

#[test]
fn callers_that_move_one_after_the_other_share_one_limit() {
    let (old, new) = (inline(fixed(100, HOUR)), replacing(1, fixed(100, HOUR)));
    let mut object = Object::default();
    assert_eq!(admitted(&mut object, &old, 60, START), 60);
    assert_eq!(admitted(&mut object, &new, 25, START), 25);
    assert_eq!(admitted(&mut object, &old, 10, START), 10);
    assert_eq!(admitted(&mut object, &new, 100, START), 5);
    assert_eq!(admitted(&mut object, &old, 100, START), 0);
    assert_eq!(
        (
            used(&mut object, &old, START),
            used(&mut object, &new, START)
        ),
        (100, 100)
    );
}

#[test]
fn whoever_is_asked_first_hands_its_use_to_the_other_also_after_sleep() {
    let (old, new) = (inline(fixed(100, HOUR)), replacing(1, fixed(50, HOUR)));
    for sleeps in [false, true] {
        let mut object = Object::default();
        assert_eq!(admitted(&mut object, &new, 30, START), 30);
        if sleeps {
            object = object.restarted();
        }
        assert_eq!(admitted(&mut object, &old, 40, START), 40);
        if sleeps {
            object = object.restarted();
        }
        assert_eq!(admitted(&mut object, &new, 9, START), 0);
        assert_eq!(admitted(&mut object, &old, 99, START), 30);
    }
}

#[test]
fn without_the_word_nobody_shares_anything() {
    let old = inline(fixed(100, HOUR));
    let mut object = Object::default();
    assert_eq!(admitted(&mut object, &old, 90, START), 90);
    // A strict policy of the same window is not locked by other use of the subject.
    let login = plain("login", 1, fixed(5, HOUR));
    assert_eq!(admitted(&mut object, &login, 9, START), 5);
    assert_eq!(admitted(&mut object, &old, 99, START), 10);
}

#[test]
fn only_the_same_algorithm_and_time_are_shared_and_only_under_no_other_name() {
    let new = replacing(1, fixed(100, HOUR));
    let named = |name| Policy::new(vec![named_limit(name, fixed(100, HOUR))]).unwrap();
    let window = Window::new(100, Duration::from_millis(HOUR)).unwrap();
    let sliding = Algorithm::SlidingWindow(window);
    for (other, is_shared) in [
        (inline(fixed(100, 2 * HOUR)), false),
        (inline(Algorithm::TokenBucket(bucket(100, 1, HOUR))), false),
        (inline(sliding), false),
        (named("other"), false),
        (named("hour"), true),
        (inline(fixed(7_000, HOUR)), true),
        (plain("q", 1, fixed(100, HOUR)), false),
    ] {
        let mut object = Object::default();
        assert_eq!(admitted(&mut object, &other, 10, START), 10);
        let expected = if is_shared { 11 } else { 1 };
        object.ask(&new, 1, START);
        assert_eq!(used(&mut object, &new, START), expected, "{other:?}");
        let expected = if is_shared { 11 } else { 10 };
        assert_eq!(used(&mut object, &other, START), expected, "{other:?}");
    }
}

#[test]
fn a_version_that_says_it_takes_over_and_one_that_does_not_charges_alone_again() {
    let old = inline(fixed(100, HOUR));
    let mut object = Object::default();
    assert_eq!(admitted(&mut object, &old, 60, START), 60);
    let before = plain("p", 1, fixed(100, HOUR));
    assert_eq!(admitted(&mut object, &before, 10, START), 10);
    let new = replacing(2, fixed(100, HOUR));
    assert_eq!(admitted(&mut object, &new, 1, START), 1);
    // What the policy itself had counted is not the inline limit's.
    assert_eq!(
        (
            used(&mut object, &new, START),
            used(&mut object, &old, START)
        ),
        (61, 61)
    );
    object = object.restarted();
    assert_eq!(admitted(&mut object, &old, 1, START), 1);
    assert_eq!(used(&mut object, &new, START), 62);
    let after = plain("p", 3, fixed(100, HOUR));
    assert_eq!(admitted(&mut object, &after, 1, START), 1);
    assert_eq!(
        (
            used(&mut object, &after, START),
            used(&mut object, &old, START)
        ),
        (63, 62)
    );
    assert_eq!(admitted(&mut object, &old, 1, START), 1);
    assert_eq!(
        (
            used(&mut object, &after, START),
            used(&mut object, &old, START)
        ),
        (63, 63)
    );
}

#[test]
fn what_a_policy_was_charged_before_is_not_taken_back_from_what_it_took_over() {
    let old = inline(fixed(100, HOUR));
    let mut object = Object::default();
    assert_eq!(admitted(&mut object, &old, 60, START), 60);
    let before = plain("p", 1, fixed(100, HOUR));
    let charged = object.limit(&before, Check::of(10), Some(7), START);
    assert!(charged.unwrap().success);
    let new = replacing(2, fixed(100, HOUR));
    assert!(object.ask(&new, 1, START).success);
    object.cancel(7, START);
    assert_eq!(used(&mut object, &new, START), 61);
    assert_eq!(admitted(&mut object, &new, 100, START), 39);
}

#[test]
fn the_word_is_told_in_calls_and_in_rows() {
    let policy = replacing(1, fixed(100, HOUR));
    let items = [Item {
        policy: policy.clone(),
        check: Check::of(1),
    }];
    let text = encode_limit(None, &items, &|_| false);
    let first =
        format!("1 limit\nitem policy=p version=1 generation={START} replacesInline=1 cost=1");
    assert!(text.starts_with(&first), "{text}");
    let (_, call) = Call::decode(&text).unwrap();
    let Call::Limit { items, .. } = call else {
        panic!("{call:?}")
    };
    assert_eq!(items[0].policy, policy);
    // A policy of several limits has a row of its own.
    let limits = ["hour", "other"].map(|name| named_limit(name, fixed(100, HOUR)));
    let policy = Policy::new(limits.to_vec()).unwrap();
    let policy = policy.named(Name::new("policy", "p").unwrap(), version(1));
    let policy = policy.replacing_inline().unwrap();
    let mut object = Object::default();
    object.ask(&policy, 1, START);
    assert!(object.rows["policy/p"].contains(" replacesInline=1"));
}

#[test]
fn whoever_asks_by_an_older_version_is_decided_by_the_word_of_the_newest() {
    let old = inline(fixed(100, HOUR));
    let (before, new) = (
        plain("p", 1, fixed(100, HOUR)),
        replacing(2, fixed(100, HOUR)),
    );
    for sleeps in [false, true] {
        let mut object = Object::default();
        assert!(object.ask(&old, 1, START).success && object.ask(&new, 1, START).success);
        if sleeps {
            object = object.restarted();
        }
        assert!(object.ask(&before, 10, START).success);
        assert_eq!(
            (
                used(&mut object, &old, START),
                used(&mut object, &new, START)
            ),
            (12, 12)
        );
    }
}

#[test]
fn a_limit_of_another_algorithm_takes_over_what_it_is_charged_together_with_from_then_on() {
    let sliding = || {
        let window = Window::new(100, Duration::from_millis(HOUR)).unwrap();
        Algorithm::SlidingWindow(window)
    };
    // The policy becomes what the inline limit is.
    let old = inline(sliding());
    let mut object = Object::default();
    assert_eq!(admitted(&mut object, &old, 60, START), 60);
    assert!(
        object
            .ask(&replacing(1, fixed(100, HOUR)), 1, START)
            .success
    );
    let new = replacing(2, sliding());
    assert_eq!(admitted(&mut object, &new, 100, START), 40);
    // The inline limit becomes what the policy is.
    let named = |algorithm| Policy::new(vec![named_limit("hour", algorithm)]).unwrap();
    let new = replacing(1, sliding());
    let mut object = Object::default();
    assert_eq!(admitted(&mut object, &new, 60, START), 60);
    assert!(object.ask(&named(fixed(100, HOUR)), 1, START).success);
    assert_eq!(admitted(&mut object, &named(sliding()), 100, START), 40);
}

#[test]
fn a_clock_that_steps_back_makes_no_unit_by_the_other_name() {
    let (old, new) = (inline(fixed(100, HOUR)), replacing(1, fixed(100, HOUR)));
    for (first, then) in [(&old, &new), (&new, &old)] {
        let mut object = Object::default();
        assert!(object.ask(first, 60, START + HOUR).success);
        assert!(object.ask(then, 10, START + HOUR - 1).success);
        let now = START + HOUR + 1;
        assert_eq!(
            (used(&mut object, first, now), used(&mut object, then, now)),
            (70, 70)
        );
    }
}

#[test]
fn what_is_left_is_the_same_after_idle_states_are_dropped() {
    // The policy's bucket is full again long before the inline one.
    let slow = inline(Algorithm::TokenBucket(bucket(100, 1, HOUR)));
    let fast = replacing(1, Algorithm::TokenBucket(bucket(100, 100, HOUR)));
    let mut object = Object::default();
    assert!(object.ask(&fast, 1, START).success && object.ask(&slow, 50, START).success);
    let now = START + HOUR;
    assert_eq!(used(&mut object, &fast, now), 0);
    object.clean(now);
    assert_eq!(used(&mut object, &fast, now), 0);
    assert_eq!(used(&mut object.restarted(), &fast, now), 0);
    // And it is charged together with the other one also when it was idle.
    assert!(object.ask(&slow, 20, now).success);
    assert_eq!(used(&mut object, &fast, now), 20);
}

#[test]
fn a_charge_taken_back_is_taken_back_from_both() {
    let (old, new) = (inline(fixed(100, HOUR)), replacing(1, fixed(100, HOUR)));
    for (first, then) in [(&old, &new), (&new, &old)] {
        let mut object = Object::default();
        assert!(object.ask(first, 1, START).success && object.ask(then, 1, START).success);
        object.limit(first, Check::of(40), Some(7), START).unwrap();
        assert_eq!(
            (
                used(&mut object, &old, START),
                used(&mut object, &new, START)
            ),
            (42, 42)
        );
        object.cancel(7, START);
        assert_eq!(
            (
                used(&mut object, &old, START),
                used(&mut object, &new, START)
            ),
            (2, 2)
        );
    }
}

#[test]
fn a_reset_of_the_policy_resets_what_would_be_counted_again() {
    let (old, new) = (inline(fixed(100, HOUR)), replacing(1, fixed(100, HOUR)));
    let mut object = Object::default();
    admitted(&mut object, &old, 60, START);
    admitted(&mut object, &new, 10, START);
    let mut effects = Effects::default();
    (object.state.reset(Some("p"), moment(START), &mut effects)).unwrap();
    object.apply(effects);
    assert_eq!(
        (
            used(&mut object, &old, START),
            used(&mut object, &new, START)
        ),
        (0, 0)
    );
    assert_eq!(admitted(&mut object, &new, 200, START), 100);
}

#[test]
fn slots_are_not_taken_over() {
    let slots = Concurrency::new(3, Duration::from_millis(HOUR)).unwrap();
    let policy = inline(Algorithm::Concurrency(slots));
    assert!(policy.replacing_inline().is_err());
}

#[test]
fn only_what_the_object_decides_charges_both() {
    for (consistency, window) in [(Consistency::Eventual, HOUR), (Consistency::Local, 60_000)] {
        let elsewhere = inline(fixed(100, window)).with_consistency(consistency);
        assert!(elsewhere.unwrap().replacing_inline().is_err());
        let replacing = replacing(1, fixed(100, window));
        assert!(replacing.with_consistency(consistency).is_err());
    }
}

#[derive(Debug, Clone)]
enum Step {
    Ask { by_name: bool, cost: u64 },
    Pass(u64),
    Sleep,
    Alarm,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (any::<bool>(), 1..6u64).prop_map(|(by_name, cost)| Step::Ask { by_name, cost }),
        2 => (1..HOUR / 2).prop_map(Step::Pass),
        1 => Just(Step::Sleep),
        1 => Just(Step::Alarm),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// By whichever name: in each window no more than the larger limit, and by each name nothing
    /// that makes more of it, whatever was admitted by the other, than its own limit.
    #[test]
    fn together_never_more_than_the_larger_limit(
        (old, new) in (10..40u64, 10..40u64),
        kind in prop_oneof![Just(Kind::FixedWindow), Just(Kind::TokenBucket), Just(Kind::SlidingLog)],
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let hour = Duration::from_millis(HOUR);
        let algorithm = |limit: u64| match kind {
            Kind::TokenBucket => Algorithm::TokenBucket(bucket(limit, limit, HOUR)),
            Kind::SlidingLog => Algorithm::SlidingLog(Window::new_log(limit, hour).unwrap()),
            _ => fixed(limit, HOUR),
        };
        let is_bucket = kind == Kind::TokenBucket;
        let larger = old.max(new);
        let (inline, named) = (inline(algorithm(old)), replacing(1, algorithm(new)));
        let mut object = Object::default();
        let mut now = START;
        let mut log: Vec<(u64, u64)> = Vec::new();
        for step in steps {
            let mut most = if is_bucket { 2 * larger } else { larger };
            match step {
                Step::Ask { by_name, cost } => {
                    let (policy, own) = if by_name { (&named, new) } else { (&inline, old) };
                    if object.ask(policy, cost as i64, now).success {
                        log.push((now, cost));
                        if !is_bucket {
                            most = own;
                        }
                    }
                }
                Step::Pass(time) => now += time,
                Step::Sleep => object = object.restarted(),
                Step::Alarm => object.clean(now),
            }
            let from = match kind {
                Kind::TokenBucket => now - HOUR,
                Kind::SlidingLog => now - HOUR + 1,
                _ => now - (now - START) % HOUR,
            };
            let passed: u64 = log.iter().filter(|(at, _)| *at >= from).map(|(_, cost)| cost).sum();
            prop_assert!(passed <= most, "{passed} of {most}");
        }
    }
}
