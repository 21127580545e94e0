//! Each class that shares a bucket gets its part, whatever the others ask: who asks for less gets
//! all of it, and also a cost above the part comes in its turn.

#![allow(clippy::unwrap_used)]

mod common;

use common::object::Object;
use common::{bucket, moment, START};
use proptest::prelude::*;
use tollgate_core::decide::Check;
use tollgate_core::decision::Decision;
use tollgate_core::limit::weights::{By, Weights};
use tollgate_core::limit::Name;
use tollgate_core::message::Call;
use tollgate_core::policy::{Policy, Version};
use tollgate_core::report::{Report, Told, When};
use tollgate_core::subject_state::Effects;
use tollgate_core::{Algorithm, Duration, Limit};

const SECOND: u64 = 1_000;
const NAMES: [&str; 4] = ["o", "a", "b", "c"];

fn shared(capacity: u64, per_second: u64, weights: &[(&str, u64)]) -> Policy {
    let algorithm = Algorithm::TokenBucket(bucket(capacity, per_second, SECOND));
    let name = Name::new("name", "bucket").unwrap();
    let version = Version {
        number: 1,
        ..Version::NONE
    };
    let written = (weights.iter()).map(|&(name, weight)| (name.to_owned(), weight));
    let weights = Weights::new(By::Priority, written.collect()).unwrap();
    Policy::new(vec![Limit::new(Some(name), algorithm)])
        .unwrap()
        .named(Name::new("policy", "shared").unwrap(), version)
        .with_write_ahead(1)
        .unwrap()
        .with_weights(weights)
        .unwrap()
}

fn of(policy: &Policy, class: &str) -> Policy {
    policy.clone().asked_with(Some(class), None)
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

fn tell(object: &mut Object, policy: &Policy, wait: Option<u64>, remaining: Option<u64>, now: u64) {
    let told = remaining.map(|units| Told {
        limit: Some(policy.limits()[0].algorithm().limit()),
        remaining: Some(units),
        ..Told::default()
    });
    let report = Report {
        policy: policy.clone(),
        limit: None,
        status: if wait.is_some() { 429 } else { 200 },
        refused: wait.is_some(),
        wait: wait.map(|wait| When::After(Duration::from_millis(wait))),
        limits: told.into_iter().collect(),
        age: Duration::ZERO,
        by: String::new(),
        count: 1,
        in_use: None,
    };
    let mut effects = Effects::default();
    let call = Call::Report(Box::new(report));
    (object.state).answer(&call, &mut || 1, moment(now), &mut effects);
    object.apply(effects);
}

#[test]
fn a_cost_that_is_always_refused_takes_nothing_from_who_asks_below_his_part() {
    for (gap, cost) in [(33, 100), (25, 100), (20, 100), (20, 99), (20, 97)] {
        for weight in [1, 3, 9] {
            let policy = shared(100, 100, &[("big", 1), ("o", weight)]);
            let mut object = Object::default();
            for now in (0..20 * SECOND).step_by(gap) {
                let now = START + now;
                assert!(
                    ask(&mut object, &policy, "o", 1, now).success,
                    "{gap} {cost}"
                );
                // The bucket is never full just after a unit was taken.
                ask(&mut object, &policy, "big", cost, now);
            }
        }
    }
}

#[test]
fn who_asks_for_all_he_can_gets_his_part_beside_a_cost_that_is_always_refused() {
    for (weight, part) in [(1, 3_000), (3, 4_500), (9, 5_400)] {
        let policy = shared(100, 100, &[("big", 1), ("o", weight)]);
        let mut object = Object::default();
        let mut given = 0;
        for now in 0..60 * SECOND {
            if ask(&mut object, &policy, "o", 1, START + now).success {
                given += 1;
                assert!(!ask(&mut object, &policy, "big", 100, START + now).success || now < 100);
            }
        }
        assert!(given >= part, "{given} of {part}");
    }
}

#[test]
fn a_cost_as_large_as_the_capacity_is_served_in_proportion_to_who_comes_when_told() {
    for (weight, cost, gap) in [
        (1, 100, 1),
        (1, 100, 20),
        (3, 100, 1),
        (9, 60, 1),
        (1, 97, 7),
    ] {
        let policy = shared(100, 100, &[("big", 1), ("o", weight)]);
        let mut object = Object::default();
        let (mut given, mut told) = (0, 0);
        let seconds = 60;
        for now in 0..seconds * SECOND {
            if now % gap == 0 {
                ask(&mut object, &policy, "o", 1, START + now);
            }
            if now >= told {
                let answer = ask(&mut object, &policy, "big", cost, START + now);
                given += if answer.success { cost } else { 0 };
                told = now + answer.retry_after.map_or(1, Duration::as_millis);
            }
        }
        let part = (seconds * 100 / (weight + 1)) as i64;
        assert!(
            given > part - 2 * cost,
            "{given} of {part}: {weight} {cost} {gap}"
        );
    }
}

/// Three classes of a bucket of which one has just taken all there was, and owes it.
fn one_owes() -> (Policy, Object) {
    let policy = shared(99, 99, &[("debtor", 1), ("a", 1), ("o", 1)]);
    let mut object = Object::default();
    for class in ["o", "a", "debtor"] {
        ask(&mut object, &policy, class, 1, START - SECOND);
    }
    assert!(ask(&mut object, &policy, "debtor", 99, START).success);
    (policy, object)
}

#[test]
fn who_is_refused_what_he_has_is_next_whoever_asks_more_often() {
    let (policy, mut object) = one_owes();
    let mut refused = 0;
    for now in 1..2 * SECOND {
        ask(&mut object, &policy, "a", 1, START + now);
        if now % 31 == 0 {
            refused += u64::from(!ask(&mut object, &policy, "o", 1, START + now).success);
        }
    }
    assert!(refused <= 1, "{refused}");
}

#[test]
fn who_asks_for_no_more_than_its_part_waits_for_nobody_who_wants_more() {
    let (policy, mut object) = one_owes();
    assert!(!ask(&mut object, &policy, "a", 60, START).success);
    // What it had, then its part, at any time.
    for from in (1..3_000).step_by(300) {
        let asked =
            (from..from + 300).filter(|now| ask(&mut object, &policy, "o", 1, START + now).success);
        let given = asked.count();
        assert!(given >= 9, "{given} from {from} on");
    }
}

#[test]
fn what_was_kept_for_who_does_not_come_is_the_others_again() {
    let policy = shared(100, 100, &[("big", 1), ("o", 1)]);
    let mut object = Object::default();
    ask(&mut object, &policy, "o", 100, START);
    assert!(!ask(&mut object, &policy, "big", 100, START).success);
    let given = |object: &mut Object, from: u64, until: u64| {
        let asked = (from..until).filter(|now| ask(object, &policy, "o", 1, START + now).success);
        asked.count() as u64
    };
    let while_kept = given(&mut object, 1, 10 * SECOND);
    assert!(while_kept >= 500, "{while_kept}");
    let after = given(&mut object, 10 * SECOND, 20 * SECOND);
    assert!(after >= 980, "{after}");
}

#[test]
fn what_is_kept_grows_where_the_part_gets_smaller() {
    let policy = shared(100, 100, &[("nobody", 1)]);
    let policy = policy
        .with_weights(Weights::new(By::Child, vec![("nobody".to_owned(), 1)]).unwrap())
        .unwrap();
    let of = |class: &str| policy.clone().asked_with(None, Some(class));
    let names: Vec<String> = (0..8).map(|i| format!("t{i}")).collect();
    // Eight come before it asks for the first time, or after.
    let served = [1, 5_000].map(|from| {
        let mut object = Object::default();
        let mut served = 0;
        object.ask(&of("o"), 100, START);
        for now in 0..60 * SECOND {
            object.ask(&of("o"), 1, START + now);
            if now >= from && now % 5 == 0 {
                names
                    .iter()
                    .for_each(|name| drop(object.ask(&of(name), 1, START + now)));
            }
            if now > 2 && now % 10 == 0 && object.ask(&of("big"), 60, START + now).success {
                served += 1;
            }
        }
        served
    });
    assert!(served[1] >= served[0] && served[0] >= 9, "{served:?}");
}

#[test]
fn a_report_pulls_the_whole_down_and_brings_no_class() {
    let policy = shared(100, 1, &[("a", 1), ("b", 1)]);
    let mut object = Object::default();
    ask(&mut object, &policy, "a", 1, START);
    ask(&mut object, &policy, "b", 11, START);
    for (told, left, each) in [(95, 88, [50, 38]), (44, 44, [25, 19]), (5, 5, [2, 2])] {
        tell(&mut object, &policy, None, Some(told), START);
        let mut restarted = object.restarted();
        for object in [&mut object, &mut restarted] {
            let shown = object.state.status(None, moment(START)).unwrap();
            assert_eq!(shown.limits[0].remaining, left);
            let classes = shown.limits[0].classes.iter().map(|it| it.remaining);
            assert_eq!(classes.collect::<Vec<_>>(), each);
        }
    }
}

#[test]
fn a_refusal_of_the_upstream_costs_all_classes_alike_and_is_read_back() {
    for (takes, wait) in [(0, 900), (3, 900), (3, 500), (99, 1_000), (60, 700)] {
        let policy = shared(100, 100, &[("a", 1), ("b", 3)]);
        let mut object = Object::with_exact_waits();
        if takes > 0 {
            ask(&mut object, &policy, "b", takes, START);
            ask(&mut object, &policy, "a", 1, START);
        }
        tell(&mut object, &policy, Some(wait), None, START + 10);
        let opens = START + 10 + wait;
        let mut restarted = object.restarted();
        for object in [&mut object, &mut restarted] {
            // Also who comes while the gate is closed has nothing when it opens.
            for (class, interval) in [("a", 40), ("b", 14), ("other", 50)] {
                let refused = ask(object, &policy, class, 1, opens - 100);
                let wait = refused.retry_after.unwrap().as_millis();
                let at = opens - 100 + wait;
                assert!(wait <= 100 + interval, "{class}: {wait}");
                assert!(peek(object, &policy, class, 1, at).success);
                assert!(!peek(object, &policy, class, 1, at - 1).success);
            }
            // And all have their parts of what has come back since then.
            let shown = object.state.status(None, moment(opens + 250)).unwrap();
            let classes = shown.limits[0].classes.iter().map(|it| it.remaining);
            assert_eq!(classes.collect::<Vec<_>>(), [5, 15, 5]);
        }
    }
}

#[test]
fn a_row_of_which_the_level_lacks_more_than_its_classes_is_what_all_owe() {
    let policy = shared(100, 100, &[("a", 1), ("b", 3)]);
    let mut object = Object::with_exact_waits();
    ask(&mut object, &policy, "b", 3, START);
    ask(&mut object, &policy, "a", 1, START);
    let (key, row) = object
        .rows
        .iter()
        .find(|(key, _)| key.starts_with("limit/"))
        .unwrap();
    let (key, row) = (key.clone(), row.clone());
    let used = row
        .split(' ')
        .find(|word| word.starts_with("used="))
        .unwrap()
        .to_owned();
    object.rows.insert(key, row.replace(&used, "used=2000"));
    let mut restarted = object.restarted();
    let left = |object: &mut Object, at| {
        let shown = object.state.status(None, moment(START + at)).unwrap();
        shown.limits[0].remaining
    };
    assert_eq!(left(&mut restarted, 0), 0);
    let refused = ask(&mut restarted, &policy, "a", 1, START);
    assert_eq!(refused.retry_after, Some(Duration::from_millis(1_010)));
    assert_eq!(left(&mut restarted, 20 * SECOND), 100);
}

// What follows: random histories.

#[derive(Debug, Clone, Copy)]
struct Asked {
    class: usize,
    eighths: u64,
    gap: u64,
}

/// Anything that others ask: a unit, or up to all that there is.
fn asked() -> impl Strategy<Value = Asked> {
    let gap = prop_oneof![4 => 0u64..3, 2 => 0u64..40, 1 => 0u64..800];
    (1..NAMES.len(), 0u64..9, gap).prop_map(|(class, eighths, gap)| Asked {
        class,
        eighths,
        gap,
    })
}

fn cost_of(asked: &Asked, capacity: u64) -> i64 {
    (capacity * asked.eighths).div_ceil(8).max(1) as i64
}

/// Four classes, all there and full after ten seconds.
fn four(capacity: u64, rate: u64, weights: [u64; 4]) -> (Policy, Object, u64) {
    let named: Vec<(&str, u64)> = NAMES.into_iter().zip(weights).collect();
    let policy = shared(capacity, rate, &named);
    let mut object = Object::default();
    for name in NAMES {
        ask(&mut object, &policy, name, 1, START);
    }
    (policy, object, START + 10 * SECOND)
}

fn weights() -> impl Strategy<Value = [u64; 4]> {
    [1u64..4, 1u64..4, 1u64..4, 1u64..4]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// One asks for a unit whenever one has come back to its part; the others ask for anything, at
    /// any time. It is refused only for the sake of costs above their class's part, of which the
    /// bucket lacks what others have: once for each.
    #[test]
    fn who_asks_below_his_part_gets_all_he_asks_for(
        (capacity, rate) in (20u64..200, 50u64..400),
        weights in weights(),
        others in prop::collection::vec(asked(), 20..400),
    ) {
        let (policy, mut object, begin) = four(capacity, rate, weights);
        let all: u64 = weights.iter().sum();
        let gap = (SECOND * all).div_ceil(weights[0] * rate);
        let (mut now, mut next, mut refused, mut above) = (begin, begin, 0, 0);
        for asked in others.iter().cycle().take(400) {
            let until = now + asked.gap;
            while next <= until {
                refused += u64::from(!ask(&mut object, &policy, "o", 1, next).success);
                next += gap;
            }
            now = until;
            let (class, cost) = (asked.class, cost_of(asked, capacity));
            let is_above = cost as u64 * all > capacity * weights[class];
            let served = ask(&mut object, &policy, NAMES[class], cost, now).success;
            above += u64::from(is_above && served);
        }
        prop_assert!(refused <= above, "{refused} refused, {above} costs above a part");
    }

    /// One asks for more than its part whenever it was told to, the others for anything.
    #[test]
    fn a_cost_above_the_part_comes_in_its_turn(
        (capacity, rate) in (20u64..200, 50u64..400),
        weights in weights(),
        eighths in 3u64..9,
        others in prop::collection::vec(asked(), 20..400),
    ) {
        let (policy, mut object, begin) = four(capacity, rate, weights);
        let all: u64 = weights.iter().sum();
        let cost = (capacity * eighths).div_ceil(8);
        // Ten times the time in which its part of the rate is its cost.
        let end = begin + 10 * (SECOND * all * cost).div_ceil(weights[0] * rate);
        let (mut now, mut next, mut served) = (begin, begin, 0);
        for asked in others.iter().cycle() {
            let until = now + asked.gap + 1;
            while next <= until {
                let answer = ask(&mut object, &policy, "o", cost as i64, next);
                served += u64::from(answer.success);
                next += answer.retry_after.map_or(1, Duration::as_millis);
            }
            now = until;
            if now > end {
                break;
            }
            let cost = cost_of(asked, capacity);
            ask(&mut object, &policy, NAMES[asked.class], cost, now);
        }
        prop_assert!(served >= 8, "{served} of 10");
    }
}
