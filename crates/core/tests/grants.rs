//! Units that overrides grant once: used after the limit's own, never twice, whatever becomes of
//! the subject meanwhile; over simulated time, sleep, cleaning and restarts.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use common::generated::spec;
use common::object::Object;
use common::{algorithm, moment, version, Kind, Spec, START};
use proptest::prelude::*;
use tollgate_core::decide::Check;
use tollgate_core::decision::Reason;
use tollgate_core::limit::quota::{Anchor, Period, Quota, TimeZoneName};
use tollgate_core::limit::Name;
use tollgate_core::message::{Answer, Call};
use tollgate_core::policy::{Granted, Policy};
use tollgate_core::subject_state::{Effects, Item};
use tollgate_core::{Algorithm, Duration, Limit, Timestamp};

const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;
const DAY: u64 = 24 * HOUR;

fn grant(id: u64, units: u64, until: u64) -> Granted {
    Granted {
        id,
        units,
        until: Timestamp::from_millis(until),
        kept: Timestamp::from_millis(until + 31 * DAY),
    }
}

fn named(limits: Vec<Algorithm>, granted: Vec<Granted>) -> Policy {
    let limits = limits.into_iter().map(|it| Limit::new(None, it)).collect();
    let name = Name::new("policy", "mail").unwrap();
    let policy = Policy::new(limits).unwrap().named(name, version(1));
    policy.with_granted(granted)
}

fn a_day(limit: u64) -> Algorithm {
    let zone = TimeZoneName::default();
    let quota = Quota::new(limit, Period::Day, zone, Anchor::default());
    Algorithm::Quota(quota.unwrap())
}

/// How many units are admitted one by one until the first is refused.
fn used_up(object: &mut Object, policy: &Policy, now: u64) -> u64 {
    let asked = (0..10_000).take_while(|_| object.ask(policy, 1, now).success);
    asked.count() as u64
}

fn call(object: &mut Object, call: &Call, now: u64) -> Answer {
    let mut effects = Effects::default();
    let state = &mut object.state;
    let answer = state.answer(call, &mut || 1, moment(now), &mut effects);
    object.apply(effects);
    answer
}

/// What was taken of each grant, as `GET /limit` tells.
fn taken(object: &mut Object, now: u64) -> BTreeMap<u64, u64> {
    let status = object.state.status(None, moment(now)).unwrap();
    status.taken.into_iter().collect()
}

/// Alarms that were due, then a sleep.
fn slept(object: &Object, now: u64) -> Object {
    let mut object = object.restarted();
    object.clean(now);
    object.restarted()
}

#[test]
fn a_grant_is_used_once_in_a_week_of_idle_nights() {
    let sunday = START + 6 * DAY;
    let policy = named(vec![a_day(100)], vec![grant(7, 100, sunday)]);
    let mut object = Object::default();
    let noon = |day: u64| START + day * DAY + 12 * HOUR;
    assert_eq!(used_up(&mut object, &policy, noon(0)), 200);
    for day in 1..6 {
        object = slept(&object, START + day * DAY + HOUR);
        let rows: Vec<&String> = object.rows.keys().collect();
        assert_eq!(rows, ["granted"], "an idle subject keeps what it took");
        assert_eq!(used_up(&mut object, &policy, noon(day)), 100, "day {day}");
        object.reset(noon(day) + 1);
        object = object.restarted();
        assert_eq!(
            used_up(&mut object, &policy, noon(day) + 2),
            100,
            "a reset gives the limit"
        );
    }
    object.clean(sunday + 30 * DAY);
    assert!(!object.rows.is_empty(), "it may be made to last longer yet");
    object.clean(sunday + 31 * DAY);
    assert!(
        object.rows.is_empty(),
        "what nobody asks for is forgotten: {:?}",
        object.rows
    );
}

#[test]
fn an_alarm_comes_for_what_is_kept() {
    let until = START + DAY;
    let policy = named(vec![a_day(1)], vec![grant(7, 1, until)]);
    let mut object = Object::default();
    assert_eq!(used_up(&mut object, &policy, START), 2);
    object.clean(START + 2 * DAY);
    let end = Timestamp::from_millis(until + 31 * DAY);
    assert_eq!(object.alarm, Some(end));
}

#[test]
fn what_the_limit_has_is_used_first_and_all_or_nothing() {
    let policy = named(vec![a_day(10)], vec![grant(7, 5, START + DAY)]);
    let mut object = Object::default();
    assert!(object.ask(&policy, 8, START).success);
    // 2 of the limit, 1 of the grant.
    let answer = object.ask(&policy, 3, START);
    assert_eq!(
        (answer.success, answer.reason),
        (true, Some(Reason::Override))
    );
    assert_eq!(answer.limits[0].remaining, 0);
    assert_eq!(taken(&mut object, START), [(7, 1)].into());
    // 4 are left in all, and 5 are refused whole.
    let refused = object.ask(&policy, 5, START);
    assert_eq!(
        (refused.success, refused.reason),
        (false, Some(Reason::Limit))
    );
    assert_eq!(taken(&mut object, START), [(7, 1)].into());
    assert!(object.ask(&policy, 4, START).success);
    assert_eq!(taken(&mut object, START), [(7, 5)].into());
}

#[test]
fn more_than_the_limit_can_ever_give_fits_with_a_grant() {
    let policy = named(vec![a_day(10)], vec![grant(7, 90, START + 9 * DAY)]);
    let mut object = Object::default();
    assert!(object.ask(&policy, 60, START).success);
    assert_eq!(taken(&mut object, START), [(7, 50)].into());
    // 40 of the grant and all of tomorrow's 10.
    let refused = object.ask(&policy, 50, START);
    assert_eq!(refused.retry_after, Some(Duration::from_millis(DAY)));
    let refused = object.ask(&policy, 51, START);
    assert_eq!(refused.reason, Some(Reason::CostExceedsCapacity));
    assert!(object.ask(&policy, 50, START + DAY).success);
}

#[test]
fn grants_add_up_and_the_one_that_ends_first_is_taken_first() {
    let grants = vec![grant(7, 5, START + 2 * DAY), grant(8, 5, START + DAY)];
    let policy = named(vec![a_day(1)], grants);
    let mut object = Object::default();
    assert!(object.ask(&policy, 8, START).success);
    assert_eq!(taken(&mut object, START), [(7, 2), (8, 5)].into());
    // What comes back goes to the last that was taken of, then to the first, then to the limit.
    assert!(object.ask(&policy, -3, START).success);
    assert_eq!(taken(&mut object, START), [(8, 4)].into());
    let given = object.ask(&policy, -5, START);
    assert_eq!(given.limits[0].remaining, 1);
    assert!(taken(&mut object, START).is_empty());
}

#[test]
fn several_limits_are_charged_the_same_part() {
    let limits = vec![common::fixed(10, HOUR), common::fixed(4, 60 * SECOND)];
    let policy = named(limits, vec![grant(7, 3, START + DAY)]);
    let mut object = Object::default();
    assert!(object.ask(&policy, 6, START).success);
    let look = object.ask(&policy, 0, START);
    let left: Vec<u64> = look.limits.iter().map(|it| it.remaining).collect();
    assert_eq!(left, [6, 0]);
    assert_eq!(taken(&mut object, START), [(7, 2)].into());
}

#[test]
fn a_cancelled_operation_gives_a_grant_back_once() {
    let policy = named(vec![a_day(1)], vec![grant(7, 5, START + DAY)]);
    let mut object = Object::default();
    let decided = object.limit(&policy, Check::of(4), Some(1), START).unwrap();
    assert!(decided.success);
    assert_eq!(taken(&mut object, START), [(7, 3)].into());
    // A repeated call takes nothing more; the other part of a call over several objects denied.
    object.limit(&policy, Check::of(4), Some(1), START).unwrap();
    object.cancel(1, START);
    object.cancel(1, START);
    assert!(taken(&mut object, START).is_empty());
    assert_eq!(used_up(&mut object, &policy, START), 6);
    // What was given back otherwise is not given back once more.
    let mut object = Object::default();
    object.limit(&policy, Check::of(3), Some(1), START).unwrap();
    object.limit(&policy, Check::of(3), Some(2), START).unwrap();
    assert!(object.ask(&policy, -3, START).success);
    object.cancel(1, START);
    assert_eq!(taken(&mut object, START), [(7, 2)].into());
}

/// Two policies and limits without a name share a grant of the subject.
#[test]
fn only_what_a_policy_took_of_a_grant_can_be_given_back_by_it() {
    let granted = vec![grant(7, 20, START + DAY)];
    let of_name = |name: &str| {
        let limits = vec![Limit::new(None, a_day(1))];
        let name = Name::new("policy", name).unwrap();
        let policy = Policy::new(limits).unwrap().named(name, version(1));
        policy.with_granted(granted.clone())
    };
    let inline = |limit: u64, window: u64| {
        let limits = vec![Limit::new(None, common::fixed(limit, window))];
        Policy::new(limits).unwrap().with_granted(granted.clone())
    };
    let all = [
        of_name("mail"),
        of_name("sms"),
        inline(1, HOUR),
        inline(1, DAY),
    ];
    for (place, taker) in all.iter().enumerate() {
        let mut object = Object::default();
        assert!(object.ask(taker, 5, START).success);
        for (other, policy) in all.iter().enumerate() {
            object = slept(&object, START);
            object.ask(policy, -100, START + 1);
            let left = if other < place { 4 } else { 0 };
            let taken = taken(&mut object, START + 1);
            assert_eq!(
                taken.get(&7).copied().unwrap_or(0),
                left,
                "{place} by {other}"
            );
        }
    }
}

/// It is known no less after a cancellation, and of a row of a build from before nobody can give
/// anything back.
#[test]
fn what_was_cancelled_cannot_be_given_back_and_what_is_nobodys_neither() {
    let policy = named(vec![a_day(1)], vec![grant(7, 20, START + DAY)]);
    let mut object = Object::default();
    object.limit(&policy, Check::of(4), Some(1), START).unwrap();
    object.limit(&policy, Check::of(4), Some(2), START).unwrap();
    object.cancel(2, START);
    assert_eq!(taken(&mut object, START), [(7, 3)].into());
    assert!(object.ask(&policy, -10, START).success);
    assert!(taken(&mut object, START).is_empty());
    assert!(object.ask(&policy, 4, START).success);
    let row = object.rows.get_mut("granted").unwrap();
    let end = row.find(" by=").unwrap();
    row.truncate(end);
    let mut object = object.restarted();
    assert!(object.ask(&policy, -10, START).success);
    assert_eq!(taken(&mut object, START), [(7, 3)].into());
}

#[test]
fn several_items_of_one_call_take_of_one_grant_all_or_none() {
    let granted = vec![grant(7, 3, START + DAY)];
    let minute = named(vec![common::fixed(1, 60 * SECOND)], granted);
    let item = |cost| Item {
        policy: minute.clone(),
        check: Check::of(cost),
    };
    let mut object = Object::default();
    let ask = |object: &mut Object, items: &[Item]| {
        let mut effects = Effects::default();
        let state = &mut object.state;
        let answers = state.limit(items, None, &mut || 1, moment(START), &mut effects);
        object.apply(effects);
        answers.unwrap().iter().all(|it| it.success)
    };
    assert!(!ask(&mut object, &[item(2), item(3)]));
    assert!(taken(&mut object, START).is_empty());
    assert!(object.restarted().rows.keys().all(|key| key != "granted"));
    assert!(ask(&mut object, &[item(2), item(2)]));
    assert_eq!(taken(&mut object, START), [(7, 3)].into());
}

#[test]
fn where_slots_are_given_or_the_object_does_not_decide_nothing_is_granted() {
    let spec = Spec {
        kind: Kind::Concurrency,
        limit: 1,
        window: HOUR,
        amount: 1,
    };
    let slots = named(vec![algorithm(&spec)], vec![grant(7, 3, START + DAY)]);
    assert!(slots.granted().is_empty());
    let counted = named(vec![common::fixed(1, HOUR)], Vec::new());
    let counted =
        counted.with_consistency(tollgate_core::policy::consistency::Consistency::Eventual);
    let counted = counted
        .unwrap()
        .with_granted(vec![grant(7, 3, START + DAY)]);
    assert!(counted.granted().is_empty());
}

#[test]
fn of_sixty_four_grants_at_a_time_a_subject_takes() {
    let granted: Vec<Granted> = (1..=65).map(|id| grant(id, 1, START + DAY)).collect();
    let policy = named(vec![a_day(1)], granted);
    let mut object = Object::default();
    assert_eq!(used_up(&mut object, &policy, START), 65);
}

#[test]
fn of_two_new_grants_for_one_free_place_only_what_is_noted_is_taken() {
    let mut object = Object::default();
    let noted: Vec<Granted> = (1..=63).map(|id| grant(id, 1, START + DAY)).collect();
    assert_eq!(
        used_up(&mut object, &named(vec![a_day(1)], noted), START),
        64
    );
    let two = vec![grant(64, 10, START + DAY), grant(65, 10, START + DAY)];
    let policy = named(vec![a_day(1)], two);
    assert!(!object.ask(&policy, 11, START).success);
    assert!(object.ask(&policy, 10, START).success);
    let taken = taken(&mut object, START);
    assert_eq!((taken.get(&64), taken.get(&65)), (Some(&10), None));
}

#[test]
fn damaged_rows_do_not_bring_a_grant_back() {
    let policy = named(vec![a_day(1)], vec![grant(7, 5, START + DAY)]);
    let mut object = Object::default();
    assert_eq!(used_up(&mut object, &policy, START), 6);
    object
        .rows
        .insert("limit/x".to_owned(), "1 nonsense".to_owned());
    let mut object = object.restarted();
    assert_eq!(
        call(&mut object, &Call::Reset { policy: None }, START),
        Answer::Done
    );
    assert_eq!(object.rows.keys().collect::<Vec<_>>(), ["granted"]);
    assert_eq!(used_up(&mut object.restarted(), &policy, START), 1);
    assert_eq!(used_up(&mut object, &policy, START), 1);
}

/// A step of a history.
#[derive(Debug, Clone)]
enum Step {
    /// Asks, as an operation that can be cancelled or not.
    Ask(u64, bool),
    Refund(u64),
    /// Cancels one of the last operations.
    Cancel(usize),
    Reset,
    Clean,
    Restart,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1u64..9, any::<bool>()).prop_map(|(cost, is_one)| Step::Ask(cost, is_one)),
        1 => (1u64..9).prop_map(Step::Refund),
        1 => (0usize..4).prop_map(Step::Cancel),
        1 => Just(Step::Reset),
        1 => Just(Step::Clean),
        1 => Just(Step::Restart),
        4 => prop_oneof![1u64..2_000, 1_000u64..90_000].prop_map(Step::Wait),
    ]
}

fn grants() -> impl Strategy<Value = Vec<Granted>> {
    let one = (1u64..20, 1_000u64..200_000);
    prop::collection::vec(one, 0..4).prop_map(|grants| {
        let grants = grants.into_iter().zip(1..);
        let grants = grants.map(|((units, after), id)| grant(id, units, START + after));
        grants.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// A request is admitted just where the limits have what the grants have not, no grant gives
    /// more than its units, and nothing that happens to the subject brings them back.
    #[test]
    fn a_grant_gives_its_units_and_no_more(
        specs in prop::collection::vec(spec(), 1..3),
        granted in grants(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        prop_assume!(specs.len() == 1 || specs[0].kind != specs[1].kind);
        let algorithms: Vec<Algorithm> = specs.iter().map(algorithm).collect();
        let policy = named(algorithms.clone(), granted.clone()).with_write_ahead(1).unwrap();
        let bare = named(algorithms, Vec::new());
        let mut object = Object::with_exact_waits();
        let (mut now, mut operations) = (START, 0u128);
        for step in steps {
            let before = taken(&mut object, now);
            match step {
                Step::Ask(cost, is_operation) => {
                    let left: u64 = (granted.iter())
                        .filter(|it| it.until.as_millis() > now)
                        .map(|it| it.units - before.get(&it.id).unwrap_or(&0))
                        .sum();
                    let look = |object: &mut Object, cost: u64| {
                        let check = Check { peek: true, ..Check::of(cost as i64) };
                        object.limit(&bare, check, None, now).unwrap().success
                    };
                    let fits = look(&mut object, cost.saturating_sub(left));
                    let alone = look(&mut object, cost);
                    operations += u128::from(is_operation);
                    let operation = is_operation.then_some(operations);
                    let check = Check::of(cost as i64);
                    let answer = object.limit(&policy, check, operation, now).unwrap();
                    prop_assert_eq!(answer.success, fits);
                    let after = taken(&mut object, now);
                    if alone || !fits {
                        prop_assert_eq!(&after, &before);
                    } else {
                        prop_assert_eq!(answer.reason, Some(Reason::Override));
                        prop_assert!(after.values().sum::<u64>() > before.values().sum());
                    }
                    if let (false, Some(wait)) = (answer.success, answer.retry_after) {
                        let at = now + wait.as_millis();
                        let early = object.restarted().ask(&policy, cost as i64, at - 1);
                        prop_assert!(!early.success, "a millisecond earlier");
                        let then = object.restarted().ask(&policy, cost as i64, at);
                        prop_assert!(then.success, "after the wait that was told");
                    }
                }
                Step::Refund(units) => {
                    object.ask(&policy, -(units as i64), now);
                }
                Step::Cancel(back) => {
                    let of = operations.saturating_sub(back as u128);
                    if of > 0 {
                        object.cancel(of, now);
                    }
                }
                Step::Reset => {
                    object.reset(now);
                    prop_assert_eq!(&taken(&mut object, now), &before);
                }
                Step::Clean => {
                    object.clean(now);
                    prop_assert_eq!(&taken(&mut object, now), &before);
                }
                Step::Restart => {
                    object = object.restarted();
                    prop_assert_eq!(&taken(&mut object, now), &before);
                }
                Step::Wait(time) => now += time,
            }
            for (id, units) in taken(&mut object, now) {
                let of = granted.iter().find(|it| it.id == id).unwrap();
                prop_assert!(units <= of.units);
            }
        }
    }
}
