//! Buckets that classes share: each class has its part, what it does not take is the others', and
//! all together are never given more than the undivided bucket gives. `TOLLGATE_LONGER=10` looks
//! ten times as long, and at ten times as many cases.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use common::object::Object;
use common::{bucket, leaky, moment, START};
use proptest::prelude::*;
use tollgate_core::algorithm::classes::{Class, Classes};
use tollgate_core::algorithm::state::LimitState;
use tollgate_core::algorithm::Take;
use tollgate_core::decide::Check;
use tollgate_core::decision::{Decision, Reason};
use tollgate_core::limit::weights::{By, Weights};
use tollgate_core::limit::Name;
use tollgate_core::message::{Answer, Call};
use tollgate_core::policy::{Policy, Version};
use tollgate_core::report::{Report, Told, When};
use tollgate_core::subject_state::{Effects, Item};
use tollgate_core::{Algorithm, Duration, Limit, Timestamp};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
/// In so many grains a unit is handed out to classes.
const GRAINS: u128 = 1 << 15;

/// How many times as long as usual, and at how many times as many cases.
fn longer() -> u32 {
    let text = std::env::var("TOLLGATE_LONGER").unwrap_or_default();
    text.parse().unwrap_or(1)
}

fn tokens(capacity: u64, amount: u64, interval: u64) -> Algorithm {
    Algorithm::TokenBucket(bucket(capacity, amount, interval))
}

fn named(algorithm: Algorithm, version: u64) -> Policy {
    let name = Name::new("name", "bucket").unwrap();
    let policy = Policy::new(vec![Limit::new(Some(name), algorithm)]).unwrap();
    let version = Version {
        number: version,
        ..Version::NONE
    };
    policy.named(Name::new("policy", "shared").unwrap(), version)
}

fn weights(by: By, written: &[(&str, u64)]) -> Weights {
    let written = written
        .iter()
        .map(|&(name, weight)| (name.to_owned(), weight));
    Weights::new(by, written.collect()).unwrap()
}

/// A bucket that the children of a parent share alike, but for those that are written.
fn by_child(algorithm: Algorithm, written: &[(&str, u64)]) -> Policy {
    let written = if written.is_empty() {
        &[("nobody", 1)]
    } else {
        written
    };
    named(algorithm, 1)
        .with_weights(weights(By::Child, written))
        .unwrap()
}

fn by_priority(algorithm: Algorithm, written: &[(&str, u64)]) -> Policy {
    named(algorithm, 1)
        .with_weights(weights(By::Priority, written))
        .unwrap()
}

/// The same policy as this class asks it.
fn of(policy: &Policy, class: &str) -> Policy {
    policy.clone().asked_with(Some(class), Some(class))
}

fn ask(object: &mut Object, policy: &Policy, class: &str, cost: i64, now: u64) -> Decision {
    object.ask(&of(policy, class), cost, now)
}

fn peek(object: &mut Object, policy: &Policy, class: &str, cost: i64, now: u64) -> Decision {
    let check = Check {
        peek: true,
        ..Check::of(cost)
    };
    object.limit(&of(policy, class), check, None, now).unwrap()
}

/// What an upstream of this policy answered.
fn answer_of(policy: &Policy, status: u16) -> Report {
    Report {
        policy: policy.clone(),
        limit: None,
        status,
        refused: status == 429,
        wait: None,
        limits: Vec::new(),
        age: Duration::ZERO,
        by: String::new(),
        count: 1,
        in_use: None,
    }
}

fn refused(policy: &Policy, wait: u64) -> Report {
    Report {
        wait: Some(When::After(Duration::from_millis(wait))),
        ..answer_of(policy, 429)
    }
}

/// So many units of the limit remain at the upstream.
fn remaining(policy: &Policy, units: u64) -> Report {
    let told = Told {
        limit: Some(policy.limits()[0].algorithm().limit()),
        remaining: Some(units),
        ..Told::default()
    };
    Report {
        limits: vec![told],
        ..answer_of(policy, 200)
    }
}

fn tell(object: &mut Object, report: Report, now: u64) {
    let mut effects = Effects::default();
    let report = Call::Report(Box::new(report));
    let answer = object
        .state
        .answer(&report, &mut || 1, moment(now), &mut effects);
    object.apply(effects);
    assert!(matches!(answer, Answer::Reported(_)), "{answer:?}");
}

/// Who asks how often: every `gap` ms for `cost`, from `from` on.
struct Caller<'a> {
    class: &'a str,
    gap: u64,
    cost: i64,
    from: u64,
}

const fn every(class: &str, gap: u64) -> Caller<'_> {
    Caller {
        class,
        gap,
        cost: 1,
        from: 0,
    }
}

/// What each caller is given from `from` to `until` ms, when they ask in this order in each
/// millisecond.
fn given(policy: &Policy, callers: &[Caller], from: u64, until: u64) -> Vec<u64> {
    let mut object = Object::default();
    let mut given = vec![0; callers.len()];
    for now in 0..until {
        for (given, caller) in given.iter_mut().zip(callers) {
            if now < caller.from || (now - caller.from) % caller.gap != 0 {
                continue;
            }
            let answer = ask(&mut object, policy, caller.class, caller.cost, START + now);
            if answer.success && now >= from {
                *given += caller.cost.unsigned_abs();
            }
        }
    }
    given
}

#[track_caller]
fn within(given: u64, of: f64, percent: f64) {
    let off = (given as f64 - of).abs() / of * 100.0;
    assert!(off <= percent, "{given} is {off:.1} % off {of}");
}

#[test]
fn two_saturated_classes_are_served_by_their_weights() {
    let policy = by_priority(tokens(100, 100, SECOND), &[("high", 3), ("low", 1)]);
    let given = given(
        &policy,
        &[every("low", 1), every("high", 1)],
        SECOND,
        31 * SECOND,
    );
    within(given[1], 2_250.0, 2.0);
    within(given[0], 750.0, 2.0);
}

#[test]
fn who_is_not_named_weighs_one() {
    let policy = by_priority(tokens(50, 100, SECOND), &[("high", 4)]);
    let callers = [
        every("unknown", 1),
        every("nor this one", 1),
        every("high", 1),
    ];
    let given = given(&policy, &callers, SECOND, 21 * SECOND);
    within(given[0] + given[1], 400.0, 2.0);
    within(given[2], 1_600.0, 2.0);
}

#[test]
fn a_lone_class_has_everything() {
    for algorithm in [
        tokens(100, 100, SECOND),
        Algorithm::LeakyBucket(leaky(100, 100, SECOND)),
    ] {
        let policy = by_priority(algorithm, &[("high", 3), ("low", 1)]);
        let given = given(&policy, &[every("low", 1)], 0, 10 * SECOND);
        // 100 at once, and 100 a second: to the unit.
        assert_eq!(given[0], 100 + 999);
    }
}

#[test]
fn what_a_class_does_not_take_is_the_others() {
    let policy = by_child(tokens(100, 100, SECOND), &[]);
    // 30 a second, and 200 a second.
    let quiet = Caller {
        gap: 33,
        ..every("quiet", 33)
    };
    let given = given(
        &policy,
        &[every("loud", 5), quiet],
        10 * SECOND,
        43 * SECOND,
    );
    assert_eq!(given[1], 33_000 / 33);
    within(given[0], 33.0 * 100.0 - 1_000.0, 2.0);
}

#[test]
fn nine_of_ten_tenants_get_all_they_ask_for_beside_one_who_asks_a_hundred_times_as_much() {
    let policy = by_child(tokens(100, 100, SECOND), &[]);
    let names: Vec<String> = (0..10).map(|i| format!("t{i}")).collect();
    let mut callers = vec![every("loud", 1)];
    // Ten a second each, their part exactly: nine of them, and the loud one a thousand.
    callers.extend((names.iter().take(9)).map(|name| Caller {
        from: 500,
        ..every(name, 100)
    }));
    let given = given(&policy, &callers, 10 * SECOND, 40 * SECOND);
    for quiet in &given[1..] {
        within(*quiet, 300.0, 1.0);
    }
    within(given[0], 300.0, 2.0);
}

#[test]
fn classes_that_have_less_than_a_unit_each_are_served_alike() {
    let seconds = 7 * u64::from(longer());
    for (capacity, gap, percent) in [(1, 2, 5.0), (1, 5, 6.5), (3, 5, 5.0), (5, 5, 5.0)] {
        let policy = by_child(tokens(capacity, 100, SECOND), &[("big", 4)]);
        let names: Vec<String> = (0..10).map(|i| format!("t{i}")).collect();
        let mut callers: Vec<Caller> = names.iter().map(|name| every(name, gap)).collect();
        callers.push(every("big", gap));
        // A hundred a second for weights of 14.
        let given = given(&policy, &callers, SECOND, SECOND + seconds * SECOND);
        let part = (seconds * 100 / 14) as f64;
        for small in &given[..10] {
            within(*small, part, percent);
        }
        within(given[10], 4.0 * part, percent);
    }
}

#[test]
fn identifiers_one_after_the_other_make_no_units() {
    // j1: 700 identifiers at one instant.
    let policy = by_child(tokens(640, 1, SECOND), &[]);
    let mut object = Object::default();
    let mut admitted = 0;
    for i in 0..700 {
        let name = format!("made up {i}");
        for _ in 0..12 {
            admitted += u64::from(ask(&mut object, &policy, &name, 1, START).success);
        }
    }
    assert!((400..=640).contains(&admitted), "{admitted}");
    let status = object.state.status(None, moment(START)).unwrap();
    assert_eq!(status.limits[0].remaining, 640 - admitted);
}

#[test]
fn a_quiet_tenant_is_not_forgotten() {
    // j2: one unit each ten seconds, beside one who takes all.
    let policy = by_child(tokens(100, 100, SECOND), &[]);
    let callers = [
        every("noisy", 5),
        Caller {
            from: 3,
            ..every("quiet", 10 * SECOND)
        },
    ];
    let given = given(&policy, &callers, 0, 600 * SECOND);
    assert!(given[1] >= 59, "{}", given[1]);
}

#[test]
fn places_that_nobody_needs_are_given_on_and_others_share_the_rest() {
    // j3: 64 identifiers of one caller hold all places, for as long as they use them.
    let policy = by_child(tokens(640, 640, SECOND), &[]);
    let mut object = Object::default();
    let names: Vec<String> = (0..64).map(|i| format!("his {i}")).collect();
    for name in &names {
        ask(&mut object, &policy, name, 1, START);
    }
    let is_of_rest = |object: &mut Object, now| {
        let status = object.state.status(None, moment(now)).unwrap();
        let classes = status.limits[0].classes.clone();
        assert!(classes.len() <= 65);
        classes
            .iter()
            .all(|class| class.name.as_deref() != Some("other"))
    };
    assert!(ask(&mut object, &policy, "other", 1, START).success);
    assert!(is_of_rest(&mut object, START));
    // Full after a moment, and gone a minute later.
    let later = START + MINUTE + SECOND;
    assert!(ask(&mut object, &policy, "other", 1, later).success);
    assert!(!is_of_rest(&mut object, later));
    assert_eq!(
        peek(&mut object, &policy, "other", 1, later).limits[0].remaining,
        639
    );
}

#[test]
fn a_cost_above_the_own_part_is_admitted_and_owed_alone() {
    // j4: 20 of 640 among 64.
    let policy = by_child(tokens(640, 640, SECOND), &[]);
    let mut object = Object::default();
    let names: Vec<String> = (0..64).map(|i| format!("t{i}")).collect();
    for name in &names {
        ask(&mut object, &policy, name, 1, START);
    }
    let now = START + SECOND;
    assert!(ask(&mut object, &policy, "t0", 20, now).success);
    // The others have theirs; it has to wait until all of it is back at its part of the rate.
    for name in &names[1..] {
        assert!(ask(&mut object, &policy, name, 5, now).success, "{name}");
    }
    let refused = ask(&mut object, &policy, "t0", 1, now);
    assert_eq!(refused.reason, Some(Reason::Limit));
    let wait = refused.retry_after.unwrap().as_millis();
    assert!(!peek(&mut object, &policy, "t0", 1, now + wait - 1).success);
    assert!(peek(&mut object, &policy, "t0", 1, now + wait).success);
    // More than all of them have is never possible.
    let never = ask(&mut object, &policy, "t0", 641, now);
    assert_eq!(never.reason, Some(Reason::CostExceedsCapacity));
}

#[test]
fn who_wants_more_than_its_part_at_once_gets_it_under_load() {
    // All come back ten times a second; each class owns 10 of the 640, and asks for more of them
    // than that.
    let policy = by_child(tokens(640, 6_400, SECOND), &[]);
    let names: Vec<String> = (0..63).map(|i| format!("t{i}")).collect();
    let mut callers: Vec<Caller> = names.iter().map(|name| every(name, 7)).collect();
    callers.push(Caller {
        cost: 20,
        ..every("big", 20)
    });
    let seconds = 3 * u64::from(longer());
    let given = given(&policy, &callers, SECOND / 2, SECOND / 2 + seconds * SECOND);
    within(given[63], (seconds * 100) as f64, 7.0);
}

#[test]
fn a_class_that_comes_takes_its_part_of_what_is_left_alone() {
    let policy = by_priority(tokens(100, 1, SECOND), &[("a", 1), ("b", 1)]);
    for (used, left) in [(0, 100), (10, 40), (30, 20), (60, 0), (100, 0)] {
        let mut object = Object::default();
        if used > 0 {
            assert!(ask(&mut object, &policy, "a", used, START).success);
        } else {
            assert!(!ask(&mut object, &policy, "a", 101, START).success);
        }
        // Of a full bucket that nobody has used no class is kept.
        assert_eq!(
            peek(&mut object, &policy, "b", 1, START).limits[0].remaining,
            left
        );
    }
}

#[test]
fn a_refusal_of_who_is_new_is_remembered_and_written() {
    let policy = by_child(tokens(10, 10, SECOND), &[]);
    let mut object = Object::default();
    assert!(ask(&mut object, &policy, "a", 10, START).success);
    let refused = ask(&mut object, &policy, "b", 1, START);
    assert_eq!(refused.retry_after.unwrap().as_millis(), 200); // half of the rate
    assert_eq!(refused.cache_for, Duration::ZERO); // it is not that of others
    let writes = object.writes;
    assert!(!ask(&mut object, &policy, "b", 1, START + 1).success);
    assert_eq!(object.writes, writes); // only once
    let mut restarted = object.restarted();
    assert!(!peek(&mut restarted, &policy, "a", 1, START + 199).success);
    assert!(peek(&mut restarted, &policy, "b", 1, START + 200).success);
}

#[test]
fn a_peek_brings_no_class() {
    let policy = by_child(tokens(10, 10, SECOND), &[]);
    let mut object = Object::default();
    ask(&mut object, &policy, "a", 10, START);
    let rows = object.rows.clone();
    assert_eq!(
        peek(&mut object, &policy, "b", 1, START)
            .retry_after
            .unwrap()
            .as_millis(),
        200
    );
    assert_eq!(object.rows, rows);
    let classes = &object.state.status(None, moment(START)).unwrap().limits[0].classes;
    assert_eq!(classes.len(), 1);
}

#[test]
fn an_idle_subject_leaves_nothing() {
    let policy = by_child(tokens(10, 10, SECOND), &[]);
    let mut object = Object::default();
    ask(&mut object, &policy, "a", 3, START);
    ask(&mut object, &policy, "b", 3, START);
    let mut now = START;
    while let Some(at) = object.alarm.take() {
        now = at.as_millis();
        object.clean(now);
    }
    assert!(object.rows.is_empty(), "{:?}", object.rows);
    assert!(now <= START + MINUTE + 2 * SECOND);
}

#[test]
fn a_refund_is_of_the_class_that_asks() {
    let policy = by_child(tokens(100, 1, SECOND), &[]);
    let mut object = Object::default();
    ask(&mut object, &policy, "a", 1, START);
    ask(&mut object, &policy, "b", 1, START);
    ask(&mut object, &policy, "a", 40, START);
    ask(&mut object, &policy, "b", 10, START);
    let refunded = ask(&mut object, &policy, "b", -50, START); // more than it owes
    assert_eq!(refunded.limits[0].remaining, 50);
    let left =
        |object: &mut Object, class| peek(object, &policy, class, 0, START).limits[0].remaining;
    assert_eq!(left(&mut object, "a"), 10);
    ask(&mut object, &policy, "a", -5, START);
    assert_eq!(left(&mut object, "a"), 15);
}

#[test]
fn weights_are_for_plain_buckets_alone() {
    let shared = |algorithm: Algorithm| {
        let weights = weights(By::Priority, &[("high", 3)]);
        named(algorithm, 1)
            .with_weights(weights)
            .map(drop)
            .map_err(|error| error.to_string())
    };
    assert_eq!(shared(tokens(10, 1, SECOND)), Ok(()));
    assert_eq!(shared(Algorithm::LeakyBucket(leaky(10, 1, SECOND))), Ok(()));
    let stepped = bucket(10, 1, SECOND).stepped().unwrap();
    let delay = Duration::from_secs(1);
    let shaper = leaky(10, 1, SECOND).with_max_delay(delay).unwrap();
    for algorithm in [
        Algorithm::TokenBucket(stepped),
        Algorithm::LeakyBucket(shaper),
        common::fixed(10, SECOND),
        tokens(1_000_000_000_001, 1, SECOND),
    ] {
        shared(algorithm).unwrap_err();
    }
}

#[test]
fn the_class_that_asks_is_told_to_the_object() {
    let policy = by_child(tokens(10, 1, SECOND), &[("a b", 3), ("c,d:e;f", 2)]);
    for class in ["a b", "c,d:e;f", "é=\n"] {
        let call = Call::Limit {
            operation: None,
            holding: None,
            items: vec![Item {
                policy: of(&policy, class),
                check: Check::ONE,
            }],
        };
        assert_eq!(Call::decode(&call.encode()).unwrap().1, call);
        let mut object = Object::default();
        ask(&mut object, &policy, class, 1, START);
        let shown = object
            .restarted()
            .state
            .status(None, moment(START))
            .unwrap();
        assert_eq!(shown.limits[0].classes[0].name.as_deref(), Some(class));
    }
}

// What follows: random histories.

const CLASSES: [&str; 5] = ["a", "b", "c", "unknown", "another"];

#[derive(Debug, Clone)]
enum Step {
    Take(usize, i64),
    Refund(usize, i64),
    Revocable(usize, i64),
    CancelLast,
    /// So many eighths of the capacity.
    TakeMuch(usize, u64),
    /// An upstream's refusal with this wait, and so many eighths that it says remain.
    Refused(u64),
    Remains(u64),
    Restart,
    Reset,
    /// Another capacity, rate, and weights: see [`definition`].
    Define(u64, u64, u64, u8),
}

fn step() -> impl Strategy<Value = Step> {
    let class = || 0..CLASSES.len();
    prop_oneof![
        20 => (class(), prop_oneof![8 => 1i64..5, 2 => 1i64..40])
            .prop_map(|(class, cost)| Step::Take(class, cost)),
        1 => (class(), 1i64..9).prop_map(|(class, cost)| Step::Refund(class, cost)),
        2 => (class(), 1i64..9).prop_map(|(class, cost)| Step::Revocable(class, cost)),
        1 => Just(Step::CancelLast),
        2 => (class(), 1u64..9).prop_map(|(class, share)| Step::TakeMuch(class, share)),
        1 => (1u64..3_000).prop_map(Step::Refused),
        1 => (0u64..8).prop_map(Step::Remains),
        1 => Just(Step::Restart),
        1 => prop_oneof![4 => Just(Step::Restart), 1 => Just(Step::Reset)],
        2 => (capacity(), 1u64..20, 1u64..300, 0u8..6)
            .prop_map(|(capacity, amount, interval, kind)| {
                Step::Define(capacity, amount, interval, kind)
            }),
    ]
}

/// Few units, or as many as there can be.
fn capacity() -> impl Strategy<Value = u64> {
    prop_oneof![9 => 1u64..60, 1 => Just(1_000_000_000_000u64)]
}

fn gap() -> impl Strategy<Value = u64> {
    prop_oneof![6 => 0u64..10, 3 => 0u64..80, 2 => 80u64..3_000, 1 => 50_000u64..70_000]
}

/// A bucket, with weights or without, and the same without.
fn definition(version: u64, step: (u64, u64, u64, u8)) -> (Policy, Policy) {
    let (capacity, amount, interval, kind) = step;
    let algorithm = match kind % 2 {
        0 => tokens(capacity, amount, interval),
        _ => Algorithm::LeakyBucket(leaky(capacity, amount, interval)),
    };
    let plain = named(algorithm, version).with_write_ahead(1).unwrap();
    let shared = match kind / 2 {
        0 => plain.clone(),
        1 => {
            let weights = weights(By::Priority, &[("a", 3), ("b", capacity.min(60)), ("c", 2)]);
            plain.clone().with_weights(weights).unwrap()
        }
        _ => plain
            .clone()
            .with_weights(weights(By::Child, &[("c", 7)]))
            .unwrap(),
    };
    (shared, plain)
}

/// A shared bucket beside an undivided one that is charged the same.
struct Both {
    object: Object,
    whole: Object,
    policies: (Policy, Policy),
    version: u64,
    last: Option<u128>,
    operations: u128,
}

impl Both {
    fn new(first: (u64, u64, u64, u8)) -> Both {
        Both {
            object: Object::with_exact_waits(),
            whole: Object::with_exact_waits(),
            policies: definition(1, first),
            version: 1,
            last: None,
            operations: 0,
        }
    }

    /// Takes a step. What the shared one admits the undivided one admits as well.
    fn step(&mut self, step: &Step, now: u64) -> Option<Decision> {
        let (shared, plain) = self.policies.clone();
        match *step {
            Step::Define(capacity, amount, interval, kind) => {
                self.version += 1;
                self.policies = definition(self.version, (capacity, amount, interval, kind));
                None
            }
            Step::Take(class, cost) => {
                let answer = ask(&mut self.object, &shared, CLASSES[class], cost, now);
                if answer.success {
                    assert!(self.whole.ask(&plain, cost, now).success, "{step:?}");
                } else {
                    self.define_whole(now);
                }
                Some(answer)
            }
            Step::Refund(class, cost) => {
                ask(&mut self.object, &shared, CLASSES[class], -cost, now);
                self.whole.ask(&plain, -cost, now);
                None
            }
            Step::Revocable(class, cost) => {
                self.operations += 1;
                let operation = Some(self.operations);
                let policy = of(&shared, CLASSES[class]);
                let answer = self
                    .object
                    .limit(&policy, Check::of(cost), operation, now)
                    .unwrap();
                if answer.success {
                    let check = Check::of(cost);
                    let whole = self.whole.limit(&plain, check, operation, now).unwrap();
                    assert!(whole.success);
                    self.last = operation;
                } else {
                    self.define_whole(now);
                }
                Some(answer)
            }
            Step::TakeMuch(class, share) => {
                let most = shared.limits()[0].algorithm().limit();
                let cost = (most * share).div_ceil(8) as i64;
                self.step(&Step::Take(class, cost), now)
            }
            Step::Refused(wait) => self.report(&|policy| refused(policy, wait), now),
            Step::Remains(share) => {
                let most = shared.limits()[0].algorithm().limit();
                self.report(&|policy| remaining(policy, most * share / 8), now)
            }
            Step::Restart => {
                self.object = self.object.restarted();
                self.whole = self.whole.restarted();
                self.last = None;
                None
            }
            Step::Reset => {
                self.object.reset(now);
                self.whole.reset(now);
                self.last = None;
                None
            }
            Step::CancelLast => {
                if let Some(operation) = self.last.take() {
                    self.object.cancel(operation, now);
                    self.whole.cancel(operation, now);
                }
                None
            }
        }
    }

    fn report(&mut self, report: &dyn Fn(&Policy) -> Report, now: u64) -> Option<Decision> {
        let (shared, plain) = &self.policies;
        tell(&mut self.object, report(shared), now);
        tell(&mut self.whole, report(plain), now);
        None
    }

    /// Has the undivided one decided by the present definition, too: a refusal.
    fn define_whole(&mut self, now: u64) {
        let plain = &self.policies.1;
        let most = plain.limits()[0].algorithm().limit() as i64 + 1;
        assert!(!self.whole.ask(plain, most, now).success);
    }
}

/// What all of these get in a step.
fn step_of(classes: &[Class]) -> u128 {
    let handed = classes
        .iter()
        .map(|class| class.missing.min(u128::from(class.weight)));
    handed.sum()
}

fn first() -> impl Strategy<Value = (u64, u64, u64, u8)> {
    (1u64..60, 1u64..20, 1u64..300, 2u8..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800 * longer()))]

    /// Whoever asks, whatever is given back, and however the definition changes.
    #[test]
    fn all_classes_together_never_get_more_than_of_the_undivided_bucket(
        first in first(),
        steps in prop::collection::vec((gap(), step()), 1..60),
    ) {
        let mut both = Both::new(first);
        let mut now = START;
        for (gap, step) in &steps {
            now += gap;
            both.step(step, now);
            // A row whose classes are not its bucket, divided, could not be read.
            let damaged = both.object.restarted().state.status(None, moment(now)).is_err();
            prop_assert!(!damaged, "{:?}", both.object.rows);
        }
    }

    /// As long as nothing is given back and nothing is changed both have exactly as much.
    #[test]
    fn the_parts_are_the_whole(
        first in first(),
        steps in prop::collection::vec((gap(), 0..CLASSES.len(), 1i64..30), 1..60),
    ) {
        let mut both = Both::new(first);
        let plain = both.policies.1.clone();
        let mut now = START;
        for (gap, class, cost) in steps {
            now += gap;
            both.step(&Step::Take(class, cost), now);
            let shown = both.object.state.status(None, moment(now)).unwrap();
            let Some(shown) = shown.limits.first() else { continue };
            prop_assert_eq!(shown.remaining, both.whole.left(&plain, now));
        }
    }

    #[test]
    fn a_wait_that_is_told_is_enough_and_not_too_long(
        first in first(),
        steps in prop::collection::vec((gap(), step()), 1..60),
    ) {
        let mut both = Both::new(first);
        let mut now = START;
        for (gap, step) in &steps {
            now += gap;
            let answer = both.step(step, now);
            let Some(wait) = answer.and_then(|answer| answer.retry_after) else { continue };
            let policy = both.policies.0.clone();
            let most = policy.limits()[0].algorithm().limit();
            let (class, cost) = match *step {
                Step::Take(class, cost) | Step::Revocable(class, cost) => (class, cost),
                Step::TakeMuch(class, share) => (class, (most * share).div_ceil(8) as i64),
                _ => continue,
            };
            let at = now + wait.as_millis();
            let mut asked = |at| peek(&mut both.object, &policy, CLASSES[class], cost, at).success;
            prop_assert!(asked(at), "{step:?}: after {wait:?}");
            // Where classes have gone meanwhile, a grain may decide about a millisecond.
            let before = if wait.as_millis() < MINUTE { 1 } else { 2 };
            prop_assert!(!asked(at - before), "{step:?}: {before} ms before {wait:?}");
        }
    }

    /// It does not matter how often one looks.
    #[test]
    fn time_that_passes_in_steps_passes_as_at_once(
        first in first(),
        steps in prop::collection::vec((gap(), 0..CLASSES.len(), 1u64..30), 1..30),
        looks in prop::collection::vec(1u64..2_000, 1..40),
    ) {
        let (policy, _) = definition(1, first);
        let algorithm = policy.limits()[0].algorithm();
        let mut state = LimitState::fresh(algorithm, moment(START)).unwrap();
        let mut now = START;
        for (gap, class, units) in steps {
            now += gap;
            let name = Some(Arc::from(CLASSES[class]));
            let weights = policy.weights().unwrap();
            let class = weights.known(&name);
            let asks = tollgate_core::limit::weights::Asks { weights, class: &class };
            state.project(algorithm, moment(now)).unwrap();
            if let Some(joined) = state.joined(algorithm, Some(&asks), moment(now).now) {
                state = joined;
            }
            state.turn_to(Some(&asks));
            state.take(algorithm, Take::of(units), moment(now).now, moment(now)).unwrap();
            let mut stepped = state.clone();
            let mut at = now;
            for look in &looks {
                at += look;
                stepped.project(algorithm, moment(at)).unwrap();
                let mut at_once = state.clone();
                at_once.project(algorithm, moment(at)).unwrap();
                prop_assert_eq!(&stepped, &at_once);
            }
        }
    }
}

proptest! {
    // Each case restarts the object at each of its steps and looks ahead from there.
    #![proptest_config(ProptestConfig::with_cases(200 * longer()))]

    #[test]
    fn a_restart_gives_no_class_more_than_the_lost_state_would_have(
        first in first(),
        write_ahead in prop_oneof![Just(1u64), 2u64..20],
        steps in prop::collection::vec((gap(), 0..CLASSES.len(), prop_oneof![8 => 1i64..5, 1 => 1i64..40]), 1..40),
        later in prop::collection::vec((gap(), 0..CLASSES.len(), 1i64..9), 0..30),
    ) {
        let (policy, _) = definition(1, first);
        let policy = policy.with_write_ahead(write_ahead).unwrap();
        let mut object = Object::default();
        let mut now = START;
        for (gap, class, cost) in steps {
            now += gap;
            ask(&mut object, &policy, CLASSES[class], cost, now);
            let mut restarted = object.restarted();
            let (mut at, mut both) = (now, [&mut object, &mut restarted]);
            for &(gap, class, cost) in &later {
                at += gap;
                let [real, after] = both.each_mut().map(|object| {
                    let status = object.state.status(None, moment(at)).unwrap();
                    let shown = status.limits.first().cloned();
                    let answer = peek(object, &policy, CLASSES[class], cost, at);
                    let names = shown.iter().flat_map(|shown| &shown.classes);
                    let names: Vec<_> = names.map(|class| class.name.clone()).collect();
                    (answer, names, shown.map(|shown| shown.remaining))
                });
                prop_assert!(real.2.unwrap_or(u64::MAX) >= after.2.unwrap_or(u64::MAX));
                // A row that runs ahead has a class go a moment later.
                if real.1 == after.1 {
                    let (real, after) = (real.0, after.0);
                    prop_assert!(real.success || !after.success, "{class} {cost}");
                    prop_assert!(real.limits[0].remaining >= after.limits[0].remaining);
                } else {
                    prop_assert!(write_ahead > 1);
                }
            }
        }
    }
}

proptest! {
    // One of some hundred comes to the last step of a class that lacks less than a whole one.
    #![proptest_config(ProptestConfig::with_cases(20_000 * longer()))]

    /// What has come back and is kept is never enough for a step more.
    #[test]
    fn what_comes_back_is_handed_out_to_the_last_grain(
        classes in prop::collection::vec((prop::sample::select(vec![1u32, 3, 7]), 0u128..6), 2..5),
        kept in any::<prop::sample::Index>(),
        passed in any::<prop::sample::Index>(),
    ) {
        let deficit = classes.iter().map(|(_, units)| units).sum::<u128>();
        prop_assume!(deficit > 0);
        let lacking = |&(i, (weight, units)): &(usize, (u32, u128))| Class {
            name: Some(Arc::from(format!("c{i}"))),
            weight,
            missing: units * GRAINS,
            brim: 0,
            wants: 0,
            full_since: Timestamp::from_millis(START),
        };
        let classes: Vec<(usize, (u32, u128))> = classes.into_iter().enumerate().collect();
        let mut list: Vec<Class> = classes.iter().map(lacking).collect();
        let coming = kept.index(step_of(&list) as usize) as u128;
        let first = list.iter().position(|class| class.missing > 0).unwrap();
        list[first].missing += coming;

        // A unit comes back in each millisecond.
        let algorithm = tokens(100, 1, 1);
        let mut state = LimitState::fresh(&algorithm, moment(START)).unwrap();
        let LimitState::Bucket(bucket) = &mut state else { unreachable!() };
        bucket.level.deficit = deficit;
        bucket.classes = Classes::stored(list, coming, 0).map(Box::new);
        let now = START + 1 + passed.index(deficit as usize) as u64;
        state.project(&algorithm, moment(now)).unwrap();
        let LimitState::Bucket(bucket) = &state else { unreachable!() };
        let classes = bucket.classes.as_ref().unwrap();
        prop_assert!(classes.divide(&bucket.level), "{classes:?}");
        prop_assert!(classes.coming < step_of(&classes.list).max(1), "{classes:?}");
    }
}
