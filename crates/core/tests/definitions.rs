//! Definitions change: a deploy raises a rate, two versions run side by side, a window becomes
//! another. The one that was decided last is in force; no change makes a unit, and every wait that
//! is told under it holds.

#![allow(clippy::unwrap_used)]

mod common;

use common::object::Object;
use common::{bucket, fixed, leaky, moment, named, START};
use proptest::prelude::*;
use tollgate_core::decide::Check;
use tollgate_core::limit::Window;
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::{Effects, Item};
use tollgate_core::{Algorithm, Duration, Limit};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

fn unnamed(algorithm: Algorithm) -> Policy {
    Policy::new(vec![Limit::new(None, algorithm)]).unwrap()
}

fn hourly(algorithm: Algorithm) -> Policy {
    Policy::new(vec![named("hourly", algorithm)]).unwrap()
}

fn token(capacity: u64, amount: u64, interval: u64) -> Policy {
    unnamed(Algorithm::TokenBucket(bucket(capacity, amount, interval)))
}

/// How many units of cost 1 are admitted at one instant, of at most `most`.
fn admitted(object: &mut Object, policy: &Policy, most: u64, now: u64) -> u64 {
    (0..most)
        .take_while(|_| object.ask(policy, 1, now).success)
        .count() as u64
}

#[test]
fn a_refusal_puts_its_definition_in_force_and_a_sleep_does_not_undo_it() {
    // Lowered by a refusal: what comes back from then on comes at the new rate.
    let (fast, slow) = (token(100, 100, SECOND), token(100, 1, HOUR));
    let mut object = Object::default();
    assert!(object.ask(&fast, 100, START).success);
    assert!(!object.ask(&slow, 1, START + 1).success);
    let asked = START + 20 * SECOND;
    assert_eq!(object.restarted().left(&slow, asked), 0, "after a sleep");
    assert_eq!(object.left(&slow, asked), 0, "without one");
    // Raised by a refusal: the wait that it told is enough.
    let (slow, fast) = (token(1, 1, HOUR), token(1, 1, 20 * SECOND));
    let mut object = Object::default();
    assert!(object.ask(&slow, 1, START).success);
    let wait = object.ask(&fast, 1, START).retry_after.unwrap();
    let mut object = object.restarted();
    assert!(object.ask(&fast, 1, START + wait.as_millis()).success);
}

#[test]
fn a_refusal_writes_its_definition_once_and_no_other_refusal_writes() {
    let (slow, fast) = (token(1, 1, HOUR), token(1, 1, MINUTE));
    let mut object = Object::default();
    object.ask(&slow, 1, START);
    object.ask(&fast, 1, START);
    let written = object.writes;
    for i in 0..100 {
        assert!(!object.ask(&fast, 1, START + i).success);
    }
    assert_eq!(object.writes, written);
}

#[test]
fn a_refused_bucket_that_starts_low_fills_from_its_first_refusal() {
    let low = bucket(10, 1, SECOND).with_initial(0).unwrap();
    let policy = unnamed(Algorithm::TokenBucket(low));
    let mut object = Object::default();
    let wait = object.ask(&policy, 1, START).retry_after.unwrap();
    assert_eq!(wait, Duration::from_secs(1));
    assert!(object.restarted().ask(&policy, 1, START + SECOND).success);
    assert!(object.ask(&policy, 1, START + SECOND).success);
}

#[test]
fn a_peek_changes_nothing_and_its_wait_is_at_the_rate_in_force() {
    let peek = Check {
        peek: true,
        ..Check::ONE
    };
    let (slow, fast) = (token(100, 100, HOUR), token(100, 100, 1));
    let mut object = Object::default();
    assert!(object.ask(&slow, 100, START).success);
    let rows = object.rows.clone();
    let seen = object.limit(&fast, peek, None, START).unwrap();
    assert!(!seen.success);
    assert_eq!(object.rows, rows);
    assert_eq!(
        object.left(&slow, START + 1),
        0,
        "nothing came back at the rate of a peek"
    );
    // One unit comes back in 36 s at the rate in force, and the next request that is decided is
    // admitted then.
    assert_eq!(seen.retry_after, Some(Duration::from_secs(36)));
    assert!(
        !object
            .restarted()
            .ask(&fast, 1, START + 36 * SECOND - 1)
            .success
    );
    assert!(object.ask(&fast, 1, START + 36 * SECOND).success);
}

#[test]
fn no_change_of_window_makes_a_unit() {
    let (hour, day) = (hourly(fixed(100, HOUR)), hourly(fixed(100, DAY)));
    // Forth: both are charged, so those who still ask by the hour get no more than is left of it.
    let mut object = Object::default();
    assert_eq!(admitted(&mut object, &hour, 50, START), 50);
    let by_day = admitted(&mut object, &day, 200, START);
    let by_hour = admitted(&mut object, &hour, 200, START);
    assert_eq!((by_day, by_hour), (50, 0));
    // Back: the day knows what was used under the hour.
    let mut object = Object::default();
    assert_eq!(admitted(&mut object, &day, 60, START), 60);
    assert_eq!(admitted(&mut object, &hour, 40, START), 40);
    let mut woken = object.restarted();
    for object in [&mut object, &mut woken] {
        assert_eq!(admitted(object, &day, 40, START), 0);
        assert_eq!(admitted(object, &day, 40, START + 2 * HOUR), 0);
    }
    // Also where it is asked again only when the hour is over: it was charged meanwhile.
    let mut object = Object::default();
    assert_eq!(admitted(&mut object, &day, 60, START), 60);
    assert_eq!(admitted(&mut object, &hour, 40, START), 40);
    let mut woken = object.restarted();
    for object in [&mut object, &mut woken] {
        assert_eq!(admitted(object, &day, 40, START + 2 * HOUR), 0);
    }
    // A third window starts with the most that any of them has counted, not with that of the one in
    // force.
    let mut object = Object::default();
    admitted(&mut object, &day, 60, START);
    admitted(&mut object, &hour, 10, START + 3 * HOUR);
    let week = hourly(fixed(100, 7 * DAY));
    assert_eq!(admitted(&mut object, &week, 100, START + 3 * HOUR), 30);
}

#[test]
fn a_refused_call_of_several_puts_all_definitions_in_force() {
    let (slow, fast) = (token(1, 1, HOUR), token(1, 1, SECOND));
    let full = hourly(fixed(0, HOUR));
    let item = |policy: &Policy| Item {
        policy: policy.clone(),
        check: Check::ONE,
    };
    let mut object = Object::default();
    assert!(object.ask(&slow, 1, START).success);
    for order in [[&fast, &full], [&full, &fast]] {
        let mut effects = Effects::default();
        let answers = object
            .state
            .limit(
                &order.map(item),
                None,
                &mut || 1,
                moment(START),
                &mut effects,
            )
            .unwrap();
        object.apply(effects);
        let i = order
            .iter()
            .position(|policy| core::ptr::eq(*policy, &fast))
            .unwrap();
        assert_eq!(answers[i].retry_after, Some(Duration::from_secs(1)));
    }
    assert!(object.restarted().ask(&fast, 1, START + SECOND).success);
    assert!(object.ask(&fast, 1, START + SECOND).success);
}

#[test]
fn a_multi_that_denies_keeps_the_definition_of_who_had_room() {
    // Empty under the old rate; the other entry denies, so nothing is charged, but the new rate
    // counts from now on.
    let (slow, fast) = (token(2, 1, HOUR), token(2, 1, SECOND));
    let full = hourly(fixed(0, HOUR));
    let mut object = Object::default();
    object.ask(&slow, 1, START);
    let items = [&fast, &full].map(|policy| Item {
        policy: policy.clone(),
        check: Check::ONE,
    });
    let mut effects = Effects::default();
    let answers = object
        .state
        .limit(&items, None, &mut || 1, moment(START), &mut effects)
        .unwrap();
    object.apply(effects);
    assert!(answers[0].success && !answers[1].success);
    assert_eq!(answers[0].limits[0].remaining, 1);
    assert_eq!(object.restarted().left(&fast, START + SECOND), 2);
}

#[test]
fn a_reset_frees_no_slot_that_somebody_holds() {
    use tollgate_core::limit::Concurrency;
    let one = unnamed(Algorithm::Concurrency(
        Concurrency::new(1, Duration::from_secs(60)).unwrap(),
    ));
    let mut object = Object::default();
    let permit = object.ask(&one, 1, START).grant.unwrap().permit;
    let mut effects = Effects::default();
    object
        .state
        .reset(None, moment(START), &mut effects)
        .unwrap();
    object.apply(effects);
    let mut woken = object.restarted();
    for object in [&mut object, &mut woken] {
        assert!(
            !object.ask(&one, 1, START).success,
            "two holders of one slot"
        );
        let mut effects = Effects::default();
        object
            .state
            .release(permit, moment(START), &mut effects)
            .unwrap();
        object.apply(effects);
        assert!(object.ask(&one, 1, START).success);
    }
}

#[test]
fn a_held_slot_is_given_to_nobody_else_through_another_algorithm_and_back() {
    use tollgate_core::limit::Concurrency;
    let ttl = Duration::from_secs(3_600);
    let slots = hourly(Algorithm::Concurrency(Concurrency::new(2, ttl).unwrap()));
    let between = [
        Algorithm::TokenBucket(bucket(2, 2, SECOND)),
        Algorithm::LeakyBucket(leaky(2, 2, SECOND)),
    ];
    for between in between.map(hourly) {
        let mut object = Object::default();
        let permit = object.ask(&slots, 2, START).grant.unwrap().permit;
        let later = START + 10 * SECOND;
        // The bucket begins as if they were spent now, and fills.
        assert!(!object.ask(&between, 1, later).success);
        assert!(object.ask(&between, 1, later + SECOND).success);
        let last = later + 10 * SECOND;
        for mut object in [object.restarted(), object] {
            object.clean(later + 5 * SECOND);
            let mut woken = object.restarted();
            assert!(!woken.ask(&slots, 1, last).success, "two holders of a slot");
            // While the other is in force the permit lives on: it can be renewed and released.
            let mut effects = Effects::default();
            let renewed = object.state.renew(permit, None, moment(last), &mut effects);
            assert_eq!(renewed.unwrap().expires, moment(last).now.plus(ttl));
            object.apply(effects);
            let mut woken = object.restarted();
            assert!(!woken.ask(&slots, 1, START + HOUR + SECOND).success);
            let mut effects = Effects::default();
            let released = object.state.release(permit, moment(last), &mut effects);
            assert_eq!(released, Ok(()));
            object.apply(effects);
            assert!(object.restarted().ask(&slots, 2, last + MINUTE).success);
            assert!(object.ask(&slots, 2, last + MINUTE).success);
        }
    }
}

#[test]
fn a_name_has_at_most_16_definitions_in_use() {
    use tollgate_core::subject_state::{Refusal, MAX_DEFINITIONS};
    let window = |i: u64| hourly(fixed(5, HOUR + i));
    let peek = Check {
        peek: true,
        ..Check::ONE
    };
    let mut object = Object::default();
    for i in 0..MAX_DEFINITIONS as u64 {
        assert!(object.limit(&window(i), Check::ONE, None, START).is_ok());
    }
    let rows = object.rows.clone();
    let too_many = Refusal::TooManyDefinitions("hourly".to_owned());
    for check in [Check::ONE, peek.clone()] {
        let answer = object.limit(&window(99), check, None, START);
        assert_eq!(answer, Err(too_many.clone()));
    }
    // Not by parts either, and also where the row of one of them is already there.
    let both = Policy::new(vec![
        named("hourly", fixed(5, HOUR)),
        named("hourly", fixed(5, 2 * DAY)),
        named("other", fixed(5, 2 * DAY)),
    ]);
    let answer = object.limit(&both.unwrap(), Check::ONE, None, START);
    assert_eq!(answer, Err(too_many));
    assert_eq!(object.rows, rows, "nothing is written or taken");
    // Those that it has are asked on, other names have room, and idle ones make room.
    let other = Policy::new(vec![named("other", fixed(5, DAY))]).unwrap();
    for policy in [&window(3), &other] {
        assert!(object.limit(policy, Check::ONE, None, START).is_ok());
    }
    let later = START + 3 * HOUR;
    for check in [peek, Check::ONE] {
        assert!(object.limit(&window(99), check, None, later).is_ok());
    }
    assert!(object.rows.len() < MAX_DEFINITIONS);
}

#[test]
fn a_bucket_that_is_raised_after_a_take_over_gives_the_difference() {
    let day = hourly(fixed(100, DAY));
    let of = |capacity| hourly(Algorithm::TokenBucket(bucket(capacity, 1, DAY)));
    let mut object = Object::default();
    assert_eq!(admitted(&mut object, &day, 100, START), 100);
    assert_eq!(admitted(&mut object, &of(10), 100, START), 0);
    assert_eq!(admitted(&mut object, &of(50), 100, START), 40);
    // One that is new takes over all of it.
    let mut object = Object::default();
    assert_eq!(admitted(&mut object, &day, 100, START), 100);
    assert_eq!(admitted(&mut object, &of(50), 100, START), 0);
}

#[test]
fn every_operation_of_a_busy_second_can_be_taken_back() {
    let policy = unnamed(fixed(10_000, HOUR));
    let mut object = Object::default();
    for i in 0..5_000u64 {
        let now = START + i / 5;
        assert!(
            object
                .limit(&policy, Check::ONE, Some(u128::from(i) + 1), now)
                .unwrap()
                .success
        );
    }
    // Cancellations of operations that never came take no place from those that did.
    for i in 0..5_000u64 {
        object.cancel(u128::from(i) + 1_000_000, START + SECOND);
    }
    for i in 0..5_000u64 {
        object.cancel(u128::from(i) + 1, START + 2 * SECOND - 1);
    }
    assert_eq!(object.left(&policy, START + 2 * SECOND), 10_000);
}

#[test]
fn an_object_that_cannot_remember_an_operation_does_not_charge_it() {
    let policy = unnamed(fixed(1_000_000, HOUR));
    let mut object = Object::default();
    let mut charged = 0u64;
    while object
        .limit(&policy, Check::ONE, Some(u128::from(charged) + 1), START)
        .is_ok()
    {
        charged += 1;
        assert!(charged < 1_000_000, "there is a bound");
    }
    assert!(charged > 10_000, "{charged} are not many");
    assert_eq!(object.left(&policy, START), 1_000_000 - charged);
    assert!(
        object.ask(&policy, 1, START).success,
        "what needs no operation goes on"
    );
    let later = START + 2 * SECOND;
    assert!(object
        .limit(&policy, Check::ONE, Some(u128::MAX), later)
        .is_ok());
}

/// What several items at once are answered.
fn all_of(object: &mut Object, items: &[(&Policy, i64)], now: u64) -> Vec<bool> {
    let items: Vec<Item> = (items.iter())
        .map(|&(policy, cost)| Item {
            policy: policy.clone(),
            check: Check::of(cost),
        })
        .collect();
    let mut effects = Effects::default();
    let answers = object
        .state
        .limit(&items, None, &mut || 1, moment(now), &mut effects);
    object.apply(effects);
    answers
        .unwrap()
        .iter()
        .map(|answer| answer.success)
        .collect()
}

#[test]
fn a_denied_call_of_several_leaves_charges_that_can_be_taken_back() {
    let (ten, none) = (unnamed(fixed(10, HOUR)), hourly(fixed(0, HOUR)));
    let mut object = Object::default();
    let charge = object.limit(&ten, Check::of(3), Some(1), START).unwrap();
    assert!(charge.success);
    assert_eq!(
        all_of(&mut object, &[(&ten, -2), (&none, 1)], START),
        [true, false]
    );
    object.cancel(1, START);
    assert_eq!(object.left(&ten, START), 10);
}

#[test]
fn what_a_call_gives_back_under_another_definition_is_not_taken_back_as_well() {
    let (hour, day) = (hourly(fixed(100, HOUR)), hourly(fixed(100, DAY)));
    let mut object = Object::default();
    assert!(object.ask(&hour, 10, START).success);
    assert!(object.ask(&day, 10, START).success);
    let items = [(&hour, 5), (&day, -5)].map(|(policy, cost)| Item {
        policy: policy.clone(),
        check: Check::of(cost),
    });
    let mut effects = Effects::default();
    let state = &mut object.state;
    let answers = state.limit(&items, Some(1), &mut || 1, moment(START), &mut effects);
    assert!(answers.unwrap().iter().all(|answer| answer.success));
    object.apply(effects);
    object.cancel(1, START);
    assert_eq!(object.left(&day, START), 80);
}

#[test]
fn a_charge_to_a_window_can_be_taken_back_after_its_limit_changed() {
    for of in [
        |limit| fixed(limit, HOUR),
        |limit| Algorithm::SlidingWindow(Window::new(limit, Duration::from_millis(HOUR)).unwrap()),
        |limit| Algorithm::SlidingLog(Window::new_log(limit, Duration::from_millis(HOUR)).unwrap()),
    ] {
        let (ten, twenty) = (unnamed(of(10)), unnamed(of(20)));
        let mut object = Object::default();
        let charge = object.limit(&ten, Check::of(3), Some(1), START).unwrap();
        assert!(charge.success);
        assert!(object.ask(&twenty, 1, START).success);
        assert!(!object.ask(&ten, 10, START).success);
        object.cancel(1, START);
        assert_eq!(object.left(&twenty, START), 19);
    }
}

#[test]
fn a_charge_to_a_bucket_is_final_once_its_rate_has_changed() {
    // Both count in thousandths of a unit, so that nothing but the rate tells them apart.
    let (fast, slow) = (token(10, 7, SECOND), token(10, 1, SECOND));
    let mut object = Object::default();
    let charge = object.limit(&fast, Check::of(5), Some(1), START).unwrap();
    assert!(charge.success);
    // It has come back at the old rate when the new one comes into force; at the new one it would
    // not have.
    let now = START + SECOND;
    assert!(object.ask(&fast, 4, now).success);
    assert!(object.ask(&slow, 1, now).success);
    object.cancel(1, now);
    assert_eq!(object.left(&slow, now), 5);
}

#[test]
fn a_smaller_write_ahead_holds_from_its_first_request() {
    let free = unnamed(fixed(100_000, HOUR));
    let exact = free.clone().with_write_ahead(1).unwrap();
    let mut object = Object::default();
    for _ in 0..600 {
        object.ask(&free, 1, START);
    }
    assert!(object.restarted().left(&free, START) < object.left(&free, START));
    assert!(object.ask(&exact, 1, START).success);
    assert_eq!(
        object.restarted().left(&exact, START),
        object.left(&exact, START)
    );
}

#[test]
fn what_a_bucket_has_lost_is_not_forgotten_under_a_smaller_one() {
    let (large, small) = (token(10_000, 1, HOUR), token(100, 1, HOUR));
    let (mut object, mut admitted) = (Object::default(), 0);
    for _ in 0..20 {
        for _ in 0..600 {
            admitted += u64::from(object.ask(&large, 1, START).success);
        }
        object = object.restarted();
        object.ask(&small, 101, START);
    }
    assert!(10_000 - object.left(&large, START) <= admitted + 99);
}

#[test]
fn a_new_definition_counts_what_was_used_above_a_lowered_limit() {
    // The hour has counted 200 when its limit is lowered to 100: the day has 800 left, not 900.
    let mut object = Object::default();
    assert!(object.ask(&hourly(fixed(200, HOUR)), 200, START).success);
    assert!(!object.ask(&hourly(fixed(100, HOUR)), 1, START).success);
    assert_eq!(object.left(&hourly(fixed(1_000, DAY)), START), 800);
    // So does one of the same window under another algorithm, which takes the place of the old one.
    let log = |limit| Window::new_log(limit, Duration::from_millis(HOUR)).unwrap();
    assert!(
        !object
            .ask(&hourly(Algorithm::SlidingLog(log(1))), 1, START)
            .success
    );
    assert_eq!(object.left(&hourly(fixed(200, HOUR)), START), 0);
}

#[test]
fn a_definition_that_comes_back_counts_what_it_could_not_count_itself() {
    // The bucket is full again when it comes back, or not yet: either way it starts with what the
    // day has counted.
    let refilled = Algorithm::TokenBucket(bucket(100, 100, HOUR));
    let (refilled, day) = (hourly(refilled), hourly(fixed(100, DAY)));
    let mut object = Object::default();
    assert!(object.ask(&refilled, 1, START).success);
    assert!(object.ask(&day, 59, START).success);
    for now in [START + 35 * MINUTE, START + 37 * MINUTE] {
        assert_eq!(object.left(&refilled, now), 40);
    }
}

#[test]
fn the_definition_in_force_stays_so_when_idle_ones_are_dropped() {
    let (hour, day) = (hourly(fixed(100, HOUR)), hourly(fixed(100, DAY)));
    let mut object = Object::default();
    assert!(object.ask(&day, 60, START).success);
    assert!(object.ask(&hour, 40, START).success);
    let wait = object.ask(&hour, 1, START).retry_after.unwrap();
    assert_eq!(wait, Duration::from_secs(3_600));
    object.clean(START + HOUR);
    assert!(object.restarted().ask(&hour, 1, START + HOUR).success);
    object.clean(START + DAY);
    assert!(object.rows.is_empty(), "nothing is in use any more");
}

#[test]
fn several_definitions_of_one_name_in_one_policy_are_all_in_force() {
    let both = Policy::new(vec![
        named("hourly", fixed(200, HOUR)),
        named("hourly", fixed(300, DAY)),
    ])
    .unwrap();
    let mut object = Object::default();
    for _ in 0..200 {
        assert!(object.ask(&both, 1, START).success);
    }
    let written = object.writes;
    for _ in 0..10 {
        assert!(!object.ask(&both, 1, START).success);
    }
    assert_eq!(object.writes, written, "a refusal writes no row");
    // One of them alone, and both again: no other definition was decided.
    assert!(!object.ask(&hourly(fixed(200, HOUR)), 1, START).success);
    assert!(!object.ask(&both, 1, START).success);
    assert_eq!(object.writes, written);
}

#[test]
fn a_peek_is_given_no_permit_and_lowers_no_fence() {
    use tollgate_core::limit::Concurrency;
    let slots = Concurrency::new(9, Duration::from_secs(60)).unwrap();
    let (slots, hour) = (
        hourly(Algorithm::Concurrency(slots)),
        hourly(fixed(9, HOUR)),
    );
    let mut object = Object::default();
    // Charged by the hour as well: a slot that nobody holds a permit for.
    assert!(object.ask(&hour, 1, START).success);
    let mut last = 0;
    for peek in [false, true, false, true, false] {
        let check = Check { peek, ..Check::ONE };
        let answer = object.limit(&slots, check, None, START).unwrap();
        assert_eq!(answer.grant.is_none(), peek);
        if let Some(grant) = answer.grant {
            assert!(grant.fence > last);
            last = grant.fence;
        }
    }
}

#[test]
fn a_reset_of_damaged_rows_lowers_no_fence() {
    use tollgate_core::limit::Concurrency;
    let slots = Concurrency::new(9, Duration::from_secs(60)).unwrap();
    let slots = unnamed(Algorithm::Concurrency(slots));
    let fence = |object: &mut Object, now| object.ask(&slots, 1, now).grant.unwrap().fence;
    let mut object = Object::default();
    // The clock steps back, and the fence is ahead of it.
    let last = fence(&mut object, START + 5 * SECOND);
    object.reset(START);
    let damaged = object.rows["fence"].replace("fence", "nonsense");
    object.rows.insert("damaged".to_owned(), damaged);
    let mut object = object.restarted();
    assert!(object.limit(&slots, Check::ONE, None, START).is_err());
    object.reset(START);
    assert!(!object.rows.contains_key("damaged"));
    assert!(fence(&mut object.restarted(), START) > last, "from its row");
    assert!(fence(&mut object, START) > last);
}

#[test]
fn slots_that_nobody_holds_are_written_without_permit_and_fence() {
    use tollgate_core::limit::Concurrency;
    let slots = Concurrency::new(9, Duration::from_secs(60)).unwrap();
    let slots = hourly(Algorithm::Concurrency(slots));
    let mut object = Object::default();
    assert!(object.ask(&hourly(fixed(9, HOUR)), 1, START).success);
    let grant = object.ask(&slots, 1, START).grant.unwrap();
    let deadline = START + 60_000;
    let used = format!(
        " used=0:1:0:{deadline},{:x}:1:{}:{deadline} ",
        grant.permit, grant.fence
    );
    let is_written = |row: &String| format!("{row} ").contains(&used);
    assert!(object.rows.values().any(is_written), "{:?}", object.rows);
    // They are counted after a restart as before, and renewed or released by nobody.
    let mut woken = object.restarted();
    assert_eq!(woken.left(&slots, START), 7);
    let effects = &mut Effects::default();
    assert!(woken.state.renew(0, None, moment(START), effects).is_err());
    assert!(woken.state.release(0, moment(START), effects).is_err());
}

#[test]
fn a_call_of_several_writes_each_row_once() {
    let policies: Vec<Policy> = (1..=8).map(|i| hourly(fixed(100, i * HOUR))).collect();
    let items: Vec<Item> = (policies.iter())
        .map(|policy| Item {
            policy: policy.clone(),
            check: Check::ONE,
        })
        .collect();
    let mut object = Object::default();
    let mut effects = Effects::default();
    let answers = object
        .state
        .limit(&items, None, &mut || 1, moment(START), &mut effects)
        .unwrap();
    assert!(answers.iter().all(|answer| answer.success));
    assert_eq!(effects.writes.len(), policies.len());
    object.apply(effects);
    let mut woken = object.restarted();
    for policy in &policies {
        assert_eq!(woken.left(policy, START), object.left(policy, START));
    }
}

#[test]
fn a_clock_that_steps_back_does_not_keep_operations() {
    let policy = unnamed(fixed(1_000_000, HOUR));
    let mut object = Object::default();
    let mut ask = |operation: u128, now| {
        let answer = object.limit(&policy, Check::ONE, Some(operation), now);
        answer.is_ok()
    };
    let full = (1..)
        .find(|&operation| !ask(operation, START + HOUR))
        .unwrap();
    assert!(!ask(full, START));
    assert!(!ask(full, START + 2 * SECOND - 1));
    assert!(ask(full, START + 2 * SECOND));
}

/// Definitions of one unnamed bucket, or of one named limit of any algorithm.
fn definition() -> impl Strategy<Value = Algorithm> {
    let interval = prop_oneof![Just(1u64), 10u64..5_000, Just(HOUR)];
    let window = prop_oneof![Just(100u64), Just(1_000), Just(7_000), Just(HOUR)];
    let log = |limit, window| Window::new_log(limit, Duration::from_millis(window)).unwrap();
    prop_oneof![
        3 => (1u64..30, 1u64..20, interval.clone()).prop_map(|(c, a, i)| Algorithm::TokenBucket(bucket(c, a, i))),
        1 => (1u64..30, 1u64..20, interval.clone()).prop_map(|(c, a, i)| Algorithm::TokenBucket(bucket(c, a, i).stepped().unwrap())),
        1 => (1u64..30, 1u64..20, interval.clone(), 0u64..30).prop_map(|(c, a, i, n)| Algorithm::TokenBucket(bucket(c, a, i).with_initial(n.min(c)).unwrap())),
        2 => (1u64..30, 1u64..20, interval).prop_map(|(c, a, i)| Algorithm::LeakyBucket(leaky(c, a, i))),
        2 => (1u64..30, window.clone()).prop_map(|(l, w)| fixed(l, w)),
        2 => (1u64..30, window.clone()).prop_map(|(l, w)| Algorithm::SlidingWindow(Window::new(l, Duration::from_millis(w)).unwrap())),
        1 => (1u64..30, window).prop_map(move |(l, w)| Algorithm::SlidingLog(log(l, w))),
    ]
}

fn pause() -> impl Strategy<Value = u64> {
    prop_oneof![3 => 0u64..20, 3 => 0u64..1_500, 1 => Just(HOUR)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// Asked again at the instant that it was told, the same request is admitted, a millisecond
    /// earlier it is not: also when the object slept meanwhile, and whatever definitions were asked
    /// before.
    #[test]
    fn waits_hold_under_every_change_of_definition(
        is_named in any::<bool>(),
        definitions in prop::collection::vec(definition(), 2..4),
        steps in prop::collection::vec((pause(), 0usize..4, 1i64..8, any::<bool>(), any::<bool>()), 1..25),
    ) {
        let of = |algorithm: &Algorithm| if is_named { hourly(algorithm.clone()) } else { unnamed(algorithm.clone()) };
        let policies: Vec<Policy> = definitions.iter().map(of).map(|policy| policy.with_write_ahead(1).unwrap()).collect();
        let mut object = Object::default();
        let mut now = START;
        for (pause, which, cost, peek, sleeps) in steps {
            now += pause;
            if sleeps {
                object = object.restarted();
            }
            let policy = &policies[which % policies.len()];
            let check = Check { peek, ..Check::of(cost) };
            let rows = object.rows.clone();
            let told = object.limit(policy, check, None, now).unwrap();
            if peek {
                prop_assert_eq!(&object.rows, &rows, "a peek writes nothing");
                let mut decided = object.restarted();
                prop_assert_eq!(decided.ask(policy, cost, now).success, told.success, "a peek is told what a request would be");
            }
            let Some(wait) = told.retry_after.map(|wait| now + wait.as_millis()) else { continue };
            // A bucket that starts low starts when it is first decided: no instant can be told to a
            // peek before that.
            let is_low = matches!(&definitions[which % definitions.len()], Algorithm::TokenBucket(bucket) if bucket.initial().is_some());
            let starts = peek && is_low;
            if !starts {
                prop_assert!(object.restarted().ask(policy, cost, wait).success, "{:?} of {:?} at {}", told, policy, wait);
                prop_assert!(!object.restarted().ask(policy, cost, wait - 1).success, "{:?} of {:?} at {}", told, policy, wait - 1);
            }
        }
    }

    /// Whatever is asked in turn: never more than the worst case of the largest of the definitions.
    #[test]
    fn alternating_buckets_admit_no_more_than_the_largest_of_them(
        buckets in prop::collection::vec((1u64..40, 1u64..30, 1u64..2_000), 2..4),
        steps in prop::collection::vec((0u64..400, 0usize..4, 1i64..6, any::<bool>()), 1..60),
    ) {
        let policies: Vec<Policy> = buckets.iter().map(|&(c, a, i)| token(c, a, i).with_write_ahead(1).unwrap()).collect();
        let capacity = buckets.iter().map(|&(c, _, _)| c).max().unwrap();
        let rate = buckets.iter().map(|&(_, a, i)| a as f64 / i as f64).fold(0.0, f64::max);
        let mut object = Object::default();
        let (mut now, mut sum) = (START, 0u64);
        for (pause, which, cost, sleeps) in steps {
            now += pause;
            if sleeps {
                object = object.restarted();
            }
            if object.ask(&policies[which % policies.len()], cost, now).success {
                sum += cost as u64;
            }
            let most = capacity as f64 + rate * (now - START) as f64;
            prop_assert!(sum as f64 <= most + 1e-6, "{} admitted, at most {}", sum, most);
        }
    }

    /// A named limit whose window changes forth and back: no aligned window of any of its
    /// definitions that was asked with the same limit in it holds more than the limit.
    #[test]
    fn no_slot_has_two_holders(
        limit in 1u64..5,
        ttl in 1u64..60,
        steps in prop::collection::vec((0u8..8, 0u64..20_000, 1i64..4, any::<prop::sample::Index>()), 1..60),
    ) {
        use tollgate_core::limit::Concurrency;
        let ttl = ttl * SECOND;
        let slots = Concurrency::new(limit, Duration::from_millis(ttl)).unwrap();
        let slots = hourly(Algorithm::Concurrency(slots));
        let others = [
            hourly(Algorithm::TokenBucket(bucket(limit, 1, SECOND))),
            hourly(Algorithm::LeakyBucket(leaky(limit + 2, 3, SECOND))),
            hourly(fixed(limit, MINUTE)),
        ];
        let mut object = Object::default();
        // What the callers know: permit, slots, deadline.
        let mut held: Vec<(u128, u64, u64)> = Vec::new();
        let mut now = START;
        for (what, pause, cost, index) in steps {
            // The clock may step back; then the newest time counts.
            now += pause / 2;
            let asked = now - pause % 1_000;
            held.retain(|&(_, _, deadline)| deadline > now);
            let chosen = (!held.is_empty()).then(|| index.index(held.len()));
            let mut effects = Effects::default();
            match (what, chosen) {
                (0..=2, _) => {
                    if let Some(grant) = object.ask(&slots, cost, now).grant {
                        held.push((grant.permit, cost as u64, grant.expires.as_millis()));
                    }
                    let units: u64 = held.iter().map(|&(_, units, _)| units).sum();
                    prop_assert!(units <= limit, "{units} of {limit} slots are held");
                }
                (3 | 4, _) => drop(object.ask(&others[index.index(3)], cost, asked)),
                (5, Some(one)) => {
                    let permit = held.swap_remove(one).0;
                    let released = object.state.release(permit, moment(asked), &mut effects);
                    prop_assert_eq!(released, Ok(()));
                }
                (6, Some(one)) => {
                    let permit = held[one].0;
                    let renewed = object.state.renew(permit, None, moment(now), &mut effects);
                    held[one].2 = renewed.unwrap().expires.as_millis();
                }
                (7, _) if cost == 1 => object.reset(now),
                (7, _) if cost == 2 => object.clean(now),
                _ => object = object.restarted(),
            }
            object.apply(effects);
        }
    }

    #[test]
    fn no_change_of_window_makes_a_unit_in_any_order(
        limit in 1u64..40,
        steps in prop::collection::vec((prop_oneof![3 => Just(0u64), 2 => 0u64..2_000_000], 0usize..4, 1i64..6, any::<bool>()), 1..60),
    ) {
        // Windows that divide each other: what a shorter one admits lies in one of each longer one.
        let windows = [10 * MINUTE, HOUR, 6 * HOUR, DAY];
        let policies = windows.map(|window| hourly(fixed(limit, window)).with_write_ahead(1).unwrap());
        let mut object = Object::default();
        let mut now = START;
        // (when, units, by which definition)
        let mut all: Vec<(u64, u64, usize)> = Vec::new();
        for (pause, which, cost, sleeps) in steps {
            now += pause;
            if sleeps {
                object = object.restarted();
            }
            if object.ask(&policies[which], cost, now).success {
                all.push((now, cost as u64, which));
                // What this definition's window holds, by whichever definition it was admitted.
                let window = windows[which];
                let started = all.iter().find(|(at, ..)| at / window == now / window).map(|first| first.0);
                let sum: u64 = all.iter().filter(|(at, ..)| Some(*at) >= started && at / window == now / window).map(|(_, units, _)| units).sum();
                let others_before = all.iter().any(|&(at, _, by)| at / window == now / window && by != which);
                // A window that began after a shorter one had turned starts with what is still
                // counted of it.
                if !others_before || all.iter().filter(|(at, ..)| at / window == now / window).all(|&(_, _, by)| windows[by] >= window) {
                    prop_assert!(sum <= limit, "{} in a window of {} ms", sum, window);
                }
            }
        }
    }
}
