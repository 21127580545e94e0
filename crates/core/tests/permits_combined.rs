//! Permits together with everything else: changed definitions, resets, keys, slots, and the bounds
//! of what is remembered.

#![allow(clippy::unwrap_used)]

mod common;

use common::object::Object;
use common::permits::{costs, held_for, ms, permit, real, Permits};
use common::{bucket, fixed, moment, named, policy_of, START};
use tollgate_core::decide::{Check, Overage};
use tollgate_core::decision::Decision;
use tollgate_core::idempotency::{Aim, Keyed};
use tollgate_core::limit::weights::{By, Weights};
use tollgate_core::limit::{Concurrency, Real};
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::{End, Home, Item, Notice, Refusal, Topup, MAX_ENDED};
use tollgate_core::Algorithm;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

fn total(permit: u128, total: Real, overage: Overage) -> Topup {
    Topup::new(permit, total, overage)
}

fn units(name: &str, algorithm: Algorithm) -> Policy {
    Policy::new(vec![named(name, algorithm)]).unwrap()
}

#[test]
fn a_topup_has_room_in_what_is_in_force_beside_all_that_is_held() {
    let older = units("units", fixed(100, HOUR));
    let newer = units("units", Algorithm::TokenBucket(bucket(100, 1, HOUR)));
    let mut object = Object::default();
    let first = permit(&object.hold(&older, 5, MINUTE, START));
    let second = permit(&object.hold(&newer, 90, MINUTE, START));
    for permit in [first, second] {
        let topped = object.top_up(&total(permit, real(96), Overage::Deny), START);
        assert!(!topped.unwrap().success, "{permit}");
    }
    // What is in force is smaller than what the permit was taken under.
    let smaller = units("units", Algorithm::TokenBucket(bucket(20, 1, HOUR)));
    let mut object = Object::default();
    let first = permit(&object.hold(&older, 5, MINUTE, START));
    object.ask(&smaller, 10, START);
    let topped = object.top_up(&total(first, real(50), Overage::Deny), START);
    assert!(!topped.unwrap().success);
    let topped = object.top_up(&total(first, real(10), Overage::Deny), START);
    assert!(topped.unwrap().success);
    let topped = object.top_up(&total(first, real(11), Overage::Cap), START);
    assert!(!topped.unwrap().success);
}

#[test]
fn a_capped_topup_of_one_limit_is_not_bound_by_the_others() {
    let policy = Policy::new(vec![
        named("tokens", fixed(100, HOUR)),
        named("requests", fixed(10, HOUR)),
    ])
    .unwrap();
    let mut object = Object::default();
    let held = permit(&object.hold(&policy, 5, MINUTE, START));
    let tokens = Real {
        cost: None,
        costs: costs(&[("tokens", 500)]),
    };
    let topped = object
        .top_up(&total(held, tokens, Overage::Cap), START)
        .unwrap();
    assert_eq!((topped.held[0].1, topped.held[1].1), (100, 5));
    // Of those that are not named each has as many as the others.
    let mut object = Object::default();
    let held = permit(&object.hold(&policy, 5, MINUTE, START));
    let topped = object
        .top_up(&total(held, real(500), Overage::Cap), START)
        .unwrap();
    assert_eq!((topped.held[0].1, topped.held[1].1), (10, 10));
}

#[test]
fn a_reset_is_final_for_what_was_charged_beside_a_hold() {
    for algorithm in [fixed(10, HOUR), Algorithm::TokenBucket(bucket(10, 1, HOUR))] {
        let (policy, mut object) = (policy_of(algorithm), Object::default());
        object.hold(&policy, 1, MINUTE, START);
        object.limit(&policy, Check::of(5), Some(7), START).unwrap();
        object.reset(START + 1);
        assert!(object.ask(&policy, 9, START + 2).success);
        object.cancel(7, START + 3);
        assert!(!object.ask(&policy, 1, START + 4).success);
    }
}

#[test]
fn what_was_held_until_before_a_reset_is_forgotten_by_it() {
    let (policy, mut object) = (policy_of(fixed(10, HOUR)), Object::default());
    object.hold(&policy, 6, MINUTE, START);
    object.reset(START + 2 * MINUTE);
    assert_eq!(object.left(&policy, START + 2 * MINUTE), 10);
}

fn ask_keyed(
    object: &mut Object,
    policy: &Policy,
    check: Check,
    aim: Aim,
    now: u64,
) -> Result<Decision, Refusal> {
    object.permits += 1;
    let permit = object.permits;
    let keyed = Keyed {
        id: 0xabc,
        question: 1,
        aim,
    };
    let items = [Item {
        policy: policy.clone(),
        check,
    }];
    let asked = object.change(|it, effects| {
        let random = &mut || permit;
        let state = &mut it.state;
        state.limit_keyed(&items, (None, None), &keyed, random, moment(now), effects)
    });
    asked.map(|mut answers| answers.remove(0))
}

fn slots_and_units(ttl: u64) -> Policy {
    let slots = Concurrency::new(1, ms(ttl)).unwrap();
    Policy::new(vec![
        named("slots", Algorithm::Concurrency(slots)),
        named("units", fixed(10, HOUR)),
    ])
    .unwrap()
}

#[test]
fn a_key_whose_permit_was_settled_is_not_charged_again_also_where_slots_were_held() {
    let stored = Aim::Store(ms(HOUR));
    let (policy, mut object) = (slots_and_units(HOUR), Object::default());
    let first = ask_keyed(&mut object, &policy, held_for(1, MINUTE), stored, START).unwrap();
    object.settle(permit(&first), &real(1), START + 1).unwrap();
    let again = ask_keyed(&mut object, &policy, held_for(1, MINUTE), stored, START + 2).unwrap();
    assert_eq!(permit(&again), permit(&first));
    // Released, it is decided anew.
    let mut object = Object::default();
    let first = ask_keyed(&mut object, &policy, held_for(1, MINUTE), stored, START).unwrap();
    Permits::release(&mut object, permit(&first), START + 1).unwrap();
    let again = ask_keyed(&mut object, &policy, held_for(1, MINUTE), stored, START + 2).unwrap();
    assert_ne!(permit(&again), permit(&first));
}

#[test]
fn a_refund_under_the_key_of_a_permit_gives_back_nothing_that_others_spent() {
    let (policy, mut object) = (policy_of(fixed(10, HOUR)), Object::default());
    object.ask(&policy, 5, START);
    let stored = Aim::Store(ms(HOUR));
    let held = ask_keyed(&mut object, &policy, held_for(5, MINUTE), stored, START).unwrap();
    let back = Aim::TakeBack { only_known: true };
    ask_keyed(&mut object, &policy, Check::of(-5), back, START + 1).unwrap();
    assert_eq!(object.left(&policy, START + 1), 0);
    // What was settled can be given back, and no more.
    object.settle(permit(&held), &real(2), START + 2).unwrap();
    assert_eq!(object.left(&policy, START + 2), 3);
    ask_keyed(&mut object, &policy, Check::of(-5), back, START + 3).unwrap();
    assert_eq!(object.left(&policy, START + 3), 5);
}

#[test]
fn a_permit_that_has_lost_its_slot_is_not_renewed() {
    let (policy, mut object) = (slots_and_units(10 * SECOND), Object::default());
    let first = object.hold(&policy, 1, MINUTE, START);
    let grant = first.grant.clone().unwrap();
    assert_eq!(grant.expires.as_millis(), START + 10 * SECOND);
    let second = object.hold(&policy, 1, MINUTE, START + 11 * SECOND);
    assert!(second.success, "the slot was free");
    let renewed = object
        .restarted()
        .renew(grant.permit, MINUTE, START + 12 * SECOND);
    assert_eq!(renewed, Err(Refusal::PermitEnded(End::Expired)));
    // What it holds of units can be settled still.
    let settled = object.settle(grant.permit, &real(1), START + 12 * SECOND);
    assert_eq!(settled.unwrap().shares[0].units, 1);
}

fn hold_with(object: &mut Object, policy: &Policy, check: Check, home: &Home, now: u64) -> u128 {
    object.permits += 1;
    let permit = object.permits;
    let policy = policy.clone();
    let items = [Item { policy, check }];
    let decided = object.change(|it, effects| {
        let random = &mut || permit;
        it.state
            .hold(&items, None, home, random, moment(now), effects)
    });
    assert!(decided.unwrap()[0].success);
    permit
}

#[test]
fn what_is_forgotten_has_ended_first_and_owes_nothing() {
    let (policy, mut object) = (policy_of(fixed(1_000_000, HOUR)), Object::default());
    let owing = Home::Here(vec!["other".to_owned()].into());
    let owes = hold_with(&mut object, &policy, held_for(1, HOUR), &owing, START);
    object.settle(owes, &real(1), START).unwrap();
    let long = permit(&object.hold(&policy, 1, HOUR, START));
    let mut first = None;
    for _ in 0..MAX_ENDED {
        let next = permit(&object.hold(&policy, 1, HOUR, START));
        object.settle(next, &real(1), START + 1).unwrap();
        first.get_or_insert(next);
    }
    object.settle(long, &real(1), START + 2).unwrap();
    object.ask(&policy, 1, START + 3);
    assert!(object.state.has_notices());
    let again = |object: &mut Object, permit| object.settle(permit, &real(1), START + 4);
    assert!(again(&mut object, long).is_ok());
    assert!(again(&mut object, owes).is_ok());
    let oldest = again(&mut object, first.unwrap());
    assert_eq!(oldest, Err(Refusal::UnknownPermit));
}

#[test]
fn permits_with_parts_in_many_objects_are_bounded_by_what_they_take() {
    let (policy, mut object) = (policy_of(fixed(1_000_000, HOUR)), Object::default());
    let others: Vec<String> = (0..128).map(|i| format!("{i:01280}")).collect();
    let home = Home::Here(others.into());
    let kept = |object: &Object| {
        let rows = object
            .rows
            .iter()
            .filter(|(key, _)| key.starts_with("permit/"));
        rows.map(|(_, row)| row.len()).sum::<usize>()
    };
    let check = held_for(1, HOUR);
    let mut asked = 0;
    loop {
        object.permits += 1;
        let bits = object.permits;
        let policy = policy.clone();
        let check = check.clone();
        let items = [Item { policy, check }];
        let decided = object.change(|it, effects| {
            let random = &mut || bits;
            it.state
                .hold(&items, None, &home, random, moment(START), effects)
        });
        match decided {
            Ok(_) => asked += 1,
            Err(refusal) => break assert_eq!(refusal, Refusal::TooManyPermits),
        }
        assert!(asked < 1_000, "without a bound");
    }
    assert!(kept(&object) < 5 << 20, "{}", kept(&object));
    // Ended, and told everywhere, they are remembered within a bound as well.
    for i in 1..=40 {
        let permit = match i {
            1 => 1,
            _ => hold_with(&mut object, &policy, check.clone(), &home, START + i),
        };
        object.settle(permit, &real(1), START + i).unwrap();
        let notices = object.state.notices();
        let writes = object.writes;
        object.change(|it, effects| {
            let all: Vec<&Notice> = notices.iter().collect();
            it.state.acknowledge_all(&all, effects);
        });
        assert_eq!((notices.len(), object.writes - writes), (128, 1));
        assert!(kept(&object) < 10 << 20, "{i} {}", kept(&object));
    }
    assert!(object.settle(2, &real(1), START + 300).is_ok());
}

#[test]
fn weights_that_come_and_go_while_units_are_held_admit_no_more() {
    let plain = units("units", Algorithm::TokenBucket(bucket(100, 1, HOUR)));
    let written = [("a", 3), ("b", 1)].map(|(name, weight)| (name.to_owned(), weight));
    let weights = Weights::new(By::Priority, written.to_vec()).unwrap();
    let shared = plain.clone().with_weights(weights).unwrap();
    let mut object = Object::default();
    let held = permit(&object.hold(&plain, 60, HOUR, START));
    let take = |object: &mut Object, policy: &Policy, now| {
        (0..200)
            .filter(|_| object.ask(policy, 1, now).success)
            .count()
    };
    assert_eq!(take(&mut object, &shared, START + 1), 40);
    assert!(
        !object
            .top_up(&total(held, real(61), Overage::Deny), START + 1)
            .unwrap()
            .success
    );
    let mut object = object.restarted();
    assert_eq!(take(&mut object, &plain, START + 2), 0);
    object.settle(held, &real(50), START + 2).unwrap();
    assert_eq!(take(&mut object, &shared, START + 3), 10);
    assert_eq!(take(&mut object, &plain, START + 4), 0);
    // Settled past the limit while it is shared, it is in debt.
    let mut object = Object::default();
    let held = permit(&object.hold(&plain, 60, HOUR, START));
    assert_eq!(take(&mut object, &shared, START + 1), 40);
    let settled = object.settle(held, &real(90), START + 2).unwrap();
    assert_eq!((settled.shares[0].units, settled.shares[0].debt), (90, 30));
    assert_eq!(take(&mut object, &shared, START + 30 * HOUR), 0);
    assert_eq!(take(&mut object, &shared, START + 31 * HOUR + 10), 1);
}
