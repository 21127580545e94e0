//! A request that comes again is charged once, and given the answer of the first time, as long as
//! it is known: through restarts, in whatever order attempts and cancellations arrive.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::HashMap;

use common::object::{policy, Object};
use common::{bucket, fixed, moment, START};
use proptest::prelude::*;
use tollgate_core::decide::Check;
use tollgate_core::decision::Decision;
use tollgate_core::idempotency::{Aim, Keyed};
use tollgate_core::limit::{Concurrency, Real};
use tollgate_core::message::{Answer, Call, MESSAGES};
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::{Effects, Item, Refusal, MAX_KEYS};
use tollgate_core::{Algorithm, Duration, Timestamp};

const MINUTE: u64 = 60_000;
const DAY: u64 = 86_400_000;

fn stored(id: u128, question: u128, kept_for: u64) -> Keyed {
    let aim = Aim::Store(Duration::from_millis(kept_for));
    Keyed { id, question, aim }
}

fn remembered(id: u128) -> Keyed {
    let aim = Aim::Remember;
    let question = 0;
    Keyed { id, question, aim }
}

fn taken_back(id: u128) -> Keyed {
    let aim = Aim::TakeBack { only_known: true };
    let question = 0;
    Keyed { id, question, aim }
}

fn items(policy: &Policy, check: Check) -> Vec<Item> {
    let policy = policy.clone();
    vec![Item { policy, check }]
}

/// What the shell of an object does before it has a request answered: it looks the key up.
fn look_up(object: &mut Object, id: u128, now: u64) {
    let now = Timestamp::from_millis(now);
    if object.state.lacks_key(id, now) {
        if let Some((number, _, row)) = object.keys.get(&id) {
            object.state.found_key(id, *number, row, now).unwrap();
        }
    }
}

fn ask_as(
    object: &mut Object,
    policy: &Policy,
    check: Check,
    attempt: Option<u128>,
    keyed: &Keyed,
    now: u64,
) -> Result<Decision, Refusal> {
    look_up(object, keyed.id, now);
    object.permits += 1;
    let permit = object.permits;
    let mut effects = Effects::default();
    let items = items(policy, check);
    let mut random = || permit;
    let state = &mut object.state;
    let answer = state.limit_keyed(
        &items,
        (attempt, None),
        keyed,
        &mut random,
        moment(now),
        &mut effects,
    );
    object.apply(effects);
    answer.map(|mut decisions| decisions.remove(0))
}

fn ask(object: &mut Object, policy: &Policy, cost: i64, keyed: &Keyed, now: u64) -> Decision {
    ask_as(object, policy, Check::of(cost), None, keyed, now).unwrap()
}

/// Charges what was given out without the object, under its key.
fn charge(object: &mut Object, policy: &Policy, cost: i64, keyed: &Keyed, now: u64) {
    look_up(object, keyed.id, now);
    let mut effects = Effects::default();
    let items = items(policy, Check::of(cost));
    object.permits += 1;
    let operation = object.permits;
    let state = &mut object.state;
    (state.charge_keyed(&items, operation, keyed, moment(now), &mut effects)).unwrap();
    object.apply(effects);
}

fn since(decision: &Decision) -> u64 {
    let recognition = decision.recognition.unwrap();
    recognition.since.unwrap().as_millis()
}

fn used(object: &mut Object, policy: &Policy, now: u64) -> u64 {
    let limit = policy.limits()[0].algorithm().limit();
    limit - object.left(policy, now)
}

/// What happens to a subject.
#[derive(Debug, Clone)]
enum Step {
    /// A request under a key; the cost is the question.
    Ask(u128, i64),
    /// One without.
    Take(i64),
    /// What was given out without the object is charged.
    Charge(u128, i64),
    TakeBack(u128),
    Wait(u64),
    Restart,
    Reset,
    Clean,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0u128..6, 1i64..4).prop_map(|(key, cost)| Step::Ask(key, cost)),
        2 => (1i64..4).prop_map(Step::Take),
        2 => (0u128..6, 1i64..4).prop_map(|(key, cost)| Step::Charge(key, cost)),
        2 => (0u128..6).prop_map(Step::TakeBack),
        3 => prop_oneof![0u64..100, Just(30_000), Just(MINUTE)].prop_map(Step::Wait),
        3 => Just(Step::Restart),
        1 => Just(Step::Reset),
        1 => Just(Step::Clean),
    ]
}

/// What is to be known of a key.
struct Known {
    at: u64,
    cost: i64,
    /// What was left, where the object has decided it.
    remaining: Option<u64>,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_request_is_charged_once_while_its_key_is_known(
        steps in prop::collection::vec(step(), 1..80),
        kept_for in prop_oneof![Just(1_000), Just(MINUTE), Just(DAY)],
    ) {
        const LIMIT: i64 = 40;
        let policy = policy(fixed(LIMIT as u64, 366 * DAY), None);
        let mut object = Object::default();
        let mut known: HashMap<u128, Known> = HashMap::new();
        let (mut now, mut charged) = (START, 0);
        for step in steps {
            known.retain(|_, it| it.at + kept_for > now);
            match step {
                Step::Ask(key, cost) => {
                    let keyed = stored(key, cost as u128, kept_for);
                    let check = Check::of(cost);
                    let answer = ask_as(&mut object, &policy, check, None, &keyed, now);
                    match known.get(&key) {
                        Some(first) if first.cost != cost => {
                            prop_assert_eq!(answer, Err(Refusal::KeyReused));
                        }
                        Some(first) => {
                            let again = answer.unwrap();
                            prop_assert!(again.success && again.is_repeated());
                            let left = again.deciding().map(|it| it.remaining);
                            prop_assert_eq!(left, first.remaining);
                            prop_assert!(since(&again) <= first.at);
                        }
                        None => {
                            let decision = answer.unwrap();
                            prop_assert_eq!(decision.success, charged + cost <= LIMIT);
                            prop_assert!(!decision.is_repeated());
                            if decision.success {
                                charged += cost;
                                let remaining = Some((LIMIT - charged) as u64);
                                known.insert(key, Known { at: now, cost, remaining });
                            }
                        }
                    }
                }
                Step::Take(cost) => {
                    if object.ask(&policy, cost, now).success {
                        charged += cost;
                    }
                }
                Step::Charge(key, cost) => {
                    charge(&mut object, &policy, cost, &stored(key, cost as u128, kept_for), now);
                    known.entry(key).or_insert_with(|| {
                        charged += cost; // past the limit, too
                        Known { at: now, cost, remaining: None }
                    });
                }
                Step::TakeBack(key) => {
                    let answer = ask(&mut object, &policy, -3, &taken_back(key), now);
                    prop_assert!(answer.success);
                    if let Some(first) = known.remove(&key) {
                        charged = (charged - first.cost.min(3)).max(0);
                    }
                }
                Step::Wait(ms) => now += ms,
                Step::Restart => object = object.restarted(),
                Step::Reset => {
                    object.reset(now);
                    now += 1; // keys of the same millisecond are not told apart
                    charged = 0;
                    known.clear();
                }
                Step::Clean => object.clean(now),
            }
            prop_assert_eq!(used(&mut object, &policy, now), charged.min(LIMIT) as u64);
        }
    }
}

/// (h1): all keys of one second: half of the time would be none of them.
#[test]
fn beyond_ten_thousand_the_older_half_is_given_up_and_the_answer_says_since_when() {
    let policy = policy(fixed(1 << 40, DAY), None);
    let mut object = Object::default();
    let key = |i: u64| stored(u128::from(i), 0, DAY);
    for i in 0..MAX_KEYS {
        ask(&mut object, &policy, 1, &key(i), START + i / 10);
    }
    let now = START + MAX_KEYS / 10;
    for i in [0, 4_999, 5_000, MAX_KEYS - 1] {
        assert!(
            ask(&mut object, &policy, 1, &key(i), now).is_repeated(),
            "{i}"
        );
    }
    let newest = ask(&mut object, &policy, 1, &key(MAX_KEYS), now);
    let from = since(&newest);
    assert!(
        (START + 500..=START + 501).contains(&from),
        "{}",
        from - START
    );
    let mut object = object.restarted();
    for i in 0..=MAX_KEYS {
        let is_known = i >= MAX_KEYS / 2;
        let at = START + i / 10;
        assert!(is_known || at < from, "{i} is told to be known");
        if i % 500 == 0 || (4_990..5_010).contains(&i) {
            let again = ask(&mut object, &policy, 1, &key(i), now + 1);
            assert_eq!(again.is_repeated(), is_known, "{i}");
        }
    }
    // No more rows than what is known, what was given up lately, and a block.
    assert!(object.keys.len() <= 15_100, "{}", object.keys.len());
    for i in 0..20_000 {
        ask(&mut object, &policy, 1, &key(100_000 + i), now + 2 + i);
    }
    assert!(object.keys.len() <= 15_100, "{}", object.keys.len());
    assert!(
        object.rows["keys"].len() < 8_000,
        "{}",
        object.rows["keys"].len()
    );
}

/// (h2): a retry whose first attempt is older may be charged again.
#[test]
fn keys_from_the_instant_told_are_known_and_older_ones_are_decided_anew() {
    let policy = policy(fixed(10, DAY), None);
    let mut object = Object::default();
    assert_eq!(
        since(&ask(&mut object, &policy, 1, &stored(1, 0, MINUTE), START)),
        START - MINUTE
    );
    let now = START + MINUTE - 1;
    let again = ask(&mut object, &policy, 1, &stored(1, 0, MINUTE), now);
    assert_eq!((again.is_repeated(), since(&again)), (true, START - 1));
    let anew = ask(&mut object, &policy, 1, &stored(1, 0, MINUTE), now + 1);
    assert_eq!(
        (anew.is_repeated(), used(&mut object, &policy, now + 1)),
        (false, 2)
    );
}

#[test]
fn a_denial_is_not_kept() {
    let policy = policy(fixed(2, MINUTE), None);
    let mut object = Object::default();
    object.ask(&policy, 2, START);
    let keyed = stored(1, 0, DAY);
    let writes = object.writes;
    let refused = ask(&mut object, &policy, 1, &keyed, START);
    assert!(!refused.success && refused.recognition.is_some());
    assert_eq!((object.writes, object.keys.len()), (writes, 0));
    let admitted = ask(&mut object, &policy, 1, &keyed, START + MINUTE);
    assert!(admitted.success && !admitted.is_repeated());
    assert!(ask(&mut object, &policy, 1, &keyed, START + MINUTE).is_repeated());
}

#[test]
fn the_first_answer_holds_whatever_has_come_since() {
    let policy = policy(fixed(10, DAY), None);
    let mut object = Object::default();
    let keyed = stored(1, 0, DAY);
    let first = ask(&mut object, &policy, 2, &keyed, START);
    object.ask(&policy, 8, START + 1);
    let mut effects = Effects::default();
    let hour = Duration::from_secs(3_600);
    (object
        .state
        .block(None, hour, "x", moment(START + 1), &mut effects))
    .unwrap();
    object.apply(effects);
    for mut object in [object.restarted(), object] {
        let again = ask(&mut object, &policy, 2, &keyed, START + 2);
        assert_eq!(
            (again.success, &again.limits, again.deciding),
            (true, &first.limits, Some(0))
        );
        let other = ask(&mut object, &policy, 2, &stored(2, 0, DAY), START + 2);
        assert!(!other.success);
    }
}

/// (h3): the place is somebody else's by then.
#[test]
fn a_place_given_back_is_not_promised_again() {
    let policy = policy(Algorithm::TokenBucket(bucket(1, 1, 1_000)), None);
    let mut object = Object::default();
    let wait = Check {
        max_delay: Some(Duration::from_millis(60_000)),
        ..Check::ONE
    };
    let keyed = |id| stored(id, 0, DAY);
    object.ask(&policy, 1, START);
    let place = |object: &mut Object, attempt, id, now| {
        let decision = ask_as(
            object,
            &policy,
            wait.clone(),
            Some(attempt),
            &keyed(id),
            now,
        )
        .unwrap();
        assert!(decision.success);
        decision.delay.unwrap().as_millis()
    };
    assert_eq!(place(&mut object, 1, 1, START), 1_000);
    // Who asks again waits for what is left, and keeps the place when the other attempt has gone.
    assert_eq!(place(&mut object, 2, 1, START + 300), 700);
    object.cancel(1, START + 300);
    assert_eq!(place(&mut object, 3, 1, START + 400), 600);
    object.cancel(2, START + 400);
    assert_eq!(object.keys.len(), 1);
    // The last one gives it back, and the next caller has it.
    object.cancel(3, START + 400);
    assert_eq!(
        (object.keys.len(), place(&mut object, 4, 2, START + 400)),
        (0, 600)
    );
    assert_eq!(place(&mut object, 5, 1, START + 400), 1_600);
}

/// A permit for units that are held: settled, it stands; released, the units are anybody's.
#[test]
fn held_units_are_taken_once_and_taken_anew_after_their_release() {
    let policy = policy(fixed(10, DAY), None);
    let hold = Check {
        hold: Some(Duration::from_millis(MINUTE)),
        ..Check::of(4)
    };
    for is_released in [false, true] {
        let mut object = Object::default();
        let keyed = stored(1, 0, DAY);
        let taken = |object: &mut Object, now| {
            let decision = ask_as(object, &policy, hold.clone(), None, &keyed, now).unwrap();
            let is_repeated = decision.is_repeated();
            (decision.grant.unwrap().permit, is_repeated)
        };
        let (permit, _) = taken(&mut object, START);
        let mut object = object.restarted();
        assert_eq!(taken(&mut object, START + 1), (permit, true));
        let mut effects = Effects::default();
        let now = moment(START + 2);
        if is_released {
            (object.state.release(permit, now, &mut effects)).unwrap();
        } else {
            let real = Real {
                cost: Some(3),
                ..Real::default()
            };
            (object.state.settle(permit, &real, now, &mut effects)).unwrap();
        }
        object.apply(effects);
        let again = taken(&mut object, START + 3);
        assert_eq!(again.1, !is_released);
        assert_eq!(again.0 == permit, !is_released);
    }
}

/// (h3): a permit that was released is nobody's.
#[test]
fn a_permit_given_back_is_not_given_again() {
    let slots = Concurrency::new(1, Duration::from_millis(MINUTE)).unwrap();
    let policy = policy(Algorithm::Concurrency(slots), None);
    let mut object = Object::default();
    let keyed = stored(1, 0, DAY);
    let permit = |decision: Decision| decision.grant.map(|grant| (grant.permit, grant.fence));
    let first = permit(ask(&mut object, &policy, 1, &keyed, START)).unwrap();
    let mut object = object.restarted();
    assert_eq!(
        permit(ask(&mut object, &policy, 1, &keyed, START + 1)),
        Some(first)
    );
    let mut effects = Effects::default();
    object
        .state
        .release(first.0, moment(START + 2), &mut effects)
        .unwrap();
    object.apply(effects);
    let second = permit(ask(&mut object, &policy, 1, &keyed, START + 3)).unwrap();
    assert!(second.0 != first.0 && second.1 > first.1);
    // Nor one that is over.
    let third = permit(ask(&mut object, &policy, 1, &keyed, START + 3 + MINUTE)).unwrap();
    assert_ne!(third.0, second.0);
}

/// (d5): attempt 1 was answered, attempt 2 is cancelled: 10 of 10 stay used.
#[test]
fn a_later_attempt_takes_back_nothing_that_an_earlier_one_was_answered() {
    let policy = policy(fixed(10, DAY), None);
    for is_restarted in [false, true] {
        let mut parent = Object::default();
        let keyed = stored(1, 0, DAY);
        let asked = |parent: &mut Object, attempt: u128| {
            ask_as(parent, &policy, Check::of(10), Some(attempt), &keyed, START).unwrap()
        };
        assert!(asked(&mut parent, 1).success);
        if is_restarted {
            parent = parent.restarted();
        }
        for attempt in 2..200 {
            assert!(asked(&mut parent, attempt).is_repeated());
            parent.cancel(attempt, START);
            assert_eq!(used(&mut parent, &policy, START), 10, "attempt {attempt}");
        }
        assert!(asked(&mut parent, 500).is_repeated());
    }
}

#[test]
fn all_attempts_cancelled_charge_nothing_in_whatever_order_they_go() {
    let policy = policy(fixed(10, DAY), None);
    let keyed = stored(1, 0, DAY);
    for order in [[1, 2, 3], [3, 2, 1], [2, 1, 3], [1, 3, 2]] {
        let mut object = Object::default();
        for attempt in 1..=3 {
            ask_as(
                &mut object,
                &policy,
                Check::of(4),
                Some(attempt),
                &keyed,
                START,
            )
            .unwrap();
        }
        for (i, attempt) in order.into_iter().enumerate() {
            assert_eq!(used(&mut object, &policy, START), 4, "{order:?}");
            object.cancel(attempt, START);
            object.cancel(attempt, START); // once more
            let left = if i == 2 { 0 } else { 4 };
            assert_eq!(
                used(&mut object, &policy, START),
                left,
                "{order:?} after {attempt}"
            );
        }
        let anew = ask_as(&mut object, &policy, Check::of(4), Some(9), &keyed, START).unwrap();
        assert!(anew.success && !anew.is_repeated());
    }
}

#[test]
fn an_attempt_that_was_cancelled_before_it_came_holds_nothing() {
    let policy = policy(fixed(10, DAY), None);
    let keyed = stored(1, 0, DAY);
    let mut object = Object::default();
    object.cancel(2, START);
    ask_as(&mut object, &policy, Check::of(4), Some(1), &keyed, START).unwrap();
    let late = ask_as(&mut object, &policy, Check::of(4), Some(2), &keyed, START);
    assert_eq!(late, Err(Refusal::Cancelled));
    object.cancel(1, START);
    assert_eq!(used(&mut object, &policy, START), 0);
}

/// (h4): a unit that a failure mode has given out is charged back under its key.
#[test]
fn what_was_given_out_elsewhere_is_charged_once_with_its_retries() {
    let policy = policy(fixed(10, DAY), None);
    let keyed = stored(1, 0, DAY);
    let mut first = Object::default();
    charge(&mut first, &policy, 3, &keyed, START);
    charge(&mut first, &policy, 3, &keyed, START);
    let again = ask(&mut first, &policy, 3, &keyed, START);
    assert!(again.success && again.is_repeated() && again.limits.is_empty());
    let mut second = Object::default();
    ask(&mut second, &policy, 3, &keyed, START);
    let mut second = second.restarted();
    charge(&mut second, &policy, 3, &keyed, START);
    for mut object in [first, second] {
        assert_eq!(used(&mut object, &policy, START), 3);
    }
}

#[test]
fn a_refund_takes_back_what_its_key_was_charged_and_no_more() {
    let policy = policy(fixed(10, DAY), None);
    let mut object = Object::default();
    object.ask(&policy, 5, START);
    ask(&mut object, &policy, 2, &stored(1, 0, DAY), START);
    let mut object = object.restarted();
    let refund = ask(&mut object, &policy, -4, &taken_back(1), START);
    assert!(refund.success && !refund.is_repeated());
    assert_eq!(
        (used(&mut object, &policy, START), object.keys.len()),
        (5, 0)
    );
    // Sent again it gives nothing back, and says so.
    let again = ask(&mut object, &policy, -4, &taken_back(1), START);
    assert!(again.success && again.is_repeated());
    assert_eq!(used(&mut object, &policy, START), 5);
    // The next attempt of the request is decided anew.
    assert!(!ask(&mut object, &policy, 2, &stored(1, 0, DAY), START).is_repeated());
}

#[test]
fn an_operation_is_known_for_a_minute_in_memory_and_writes_no_row() {
    let policy = policy(fixed(10, DAY), None);
    let mut object = Object::default();
    let first = ask(&mut object, &policy, 1, &remembered(1), START);
    assert_eq!(first.recognition.unwrap().since, None);
    assert_eq!((object.writes, object.keys.len()), (1, 0));
    assert!(ask(&mut object, &policy, 1, &remembered(1), START + MINUTE - 1).is_repeated());
    assert_eq!(object.writes, 1);
    let other = Keyed {
        question: 9,
        ..remembered(1)
    };
    let reused = ask_as(&mut object, &policy, Check::ONE, None, &other, START);
    assert_eq!(reused, Err(Refusal::KeyReused));
    let mut restarted = object.restarted();
    assert!(!ask(&mut restarted, &policy, 1, &remembered(1), START + 1).is_repeated());
    assert!(!ask(&mut object, &policy, 1, &remembered(1), START + MINUTE).is_repeated());
}

/// (h5): the newest 256 are in memory, the others rows that are looked up.
#[test]
fn keys_are_not_loaded_at_waking_and_the_newest_are_in_memory() {
    let policy = policy(fixed(1_000, DAY), None);
    let mut object = Object::default();
    for i in 0..300 {
        ask(&mut object, &policy, 1, &stored(i, 0, DAY), START);
    }
    let now = Timestamp::from_millis(START);
    let lacking = (0..300)
        .filter(|&id| object.state.lacks_key(id, now))
        .count();
    assert_eq!(lacking, 44);
    assert_eq!(object.keys.len(), 300);
    // At waking: the row of the limit, and one about all keys.
    let mut woken = object.restarted();
    assert_eq!(woken.rows.len(), 2);
    assert_eq!(
        (0..300)
            .filter(|&id| woken.state.lacks_key(id, now))
            .count(),
        300
    );
    assert!(ask(&mut woken, &policy, 1, &stored(7, 0, DAY), START).is_repeated());
    // One row a key, and one more a block of a hundred.
    let writes = woken.writes;
    for i in 1_000..1_200 {
        ask(&mut woken, &policy, 0, &stored(i, 0, DAY), START);
    }
    assert_eq!(woken.writes, writes, "what charges nothing is not kept");
}

#[test]
fn a_subject_that_nobody_asks_ends_with_nothing_a_hundred_rows_at_a_time() {
    let policy = policy(fixed(10_000, MINUTE), None);
    let mut object = Object::default();
    for i in 0..2_500 {
        ask(&mut object, &policy, 1, &stored(i, 0, 10 * MINUTE), START);
    }
    let mut now = START;
    let mut rounds = 0;
    while !(object.keys.is_empty() && object.rows.is_empty()) {
        let at = object
            .alarm
            .expect("an alarm while anything is stored")
            .as_millis();
        assert!(at > now && at <= now + 20 * MINUTE);
        assert!(object.state.has_rows());
        let before = object.keys.len();
        assert!(now >= START + 10 * MINUTE || before == 2_500);
        now = at;
        if rounds % 2 == 0 {
            object = object.restarted();
        }
        object.clean(now);
        assert!(before - object.keys.len() <= 1_000);
        rounds += 1;
    }
    assert!(rounds < 8, "{rounds}");
    assert_eq!(object.alarm, None);
    assert!(!object.state.has_rows());
    assert!(!ask(&mut object, &policy, 1, &stored(1, 0, MINUTE), now).is_repeated());
}

#[test]
fn a_reset_forgets_all_keys_and_answers_say_so() {
    let policy = policy(fixed(10, DAY), None);
    let mut object = Object::default();
    ask(&mut object, &policy, 1, &stored(1, 0, DAY), START);
    ask(&mut object, &policy, 1, &remembered(2), START);
    object.reset(START + 5);
    for mut object in [object.restarted(), object] {
        let anew = ask(&mut object, &policy, 1, &stored(1, 0, DAY), START + 6);
        assert_eq!((anew.is_repeated(), since(&anew)), (false, START + 6));
        assert!(!ask(&mut object, &policy, 1, &remembered(2), START + 6).is_repeated());
        assert_eq!(used(&mut object, &policy, START + 6), 2);
    }
}

#[test]
fn a_row_that_cannot_be_read_is_not_taken_for_none() {
    let policy = policy(fixed(10, DAY), None);
    let mut object = Object::default();
    ask(&mut object, &policy, 1, &stored(1, 0, DAY), START);
    let mut object = object.restarted();
    let now = Timestamp::from_millis(START);
    for row in ["9 key question=0 until=1", "1 key question=0", ""] {
        assert!(object.state.found_key(1, 0, row, now).is_err(), "{row}");
    }
}

/// Byte by byte, because objects of other builds read them: those from before pass over the fields.
#[test]
fn calls_of_known_requests_have_these_texts() {
    let item = items(&policy(fixed(10, 1_000), None), Check::ONE).remove(0);
    let limit = Call::Limit {
        operation: Some(0xa),
        holding: None,
        items: vec![item.clone()],
    };
    let charge = Call::Charge {
        operation: 0xb,
        items: vec![item],
    };
    let only_known = |only_known| Aim::TakeBack { only_known };
    let minute = Aim::Store(Duration::from_millis(MINUTE));
    for (aim, call, first) in [
        (
            minute,
            &limit,
            "1 limit operation=a key=1 question=2 keep=60000",
        ),
        (
            Aim::Remember,
            &limit,
            "1 limit operation=a key=1 question=2 keep=memory",
        ),
        (
            only_known(true),
            &limit,
            "1 limit operation=a key=1 question=2 keep=known",
        ),
        (
            only_known(false),
            &limit,
            "1 limit operation=a key=1 question=2 keep=none",
        ),
        (
            minute,
            &charge,
            "1 charge operation=b key=1 question=2 keep=60000",
        ),
        (
            minute,
            &Call::Recall,
            "1 recall key=1 question=2 keep=60000",
        ),
    ] {
        let keyed = Keyed {
            id: 1,
            question: 2,
            aim,
        };
        let call = Call::Keyed {
            keyed,
            call: Box::new(call.clone()),
        };
        let text = call.encode();
        assert_eq!(text.lines().next(), Some(first));
        assert_eq!(call.keyed(), Some(&keyed));
        assert_eq!(Call::decode(&text), Ok((MESSAGES.written(), call)));
    }
    let refused = Answer::from(&Refusal::KeyReused);
    let text = refused.encode_in(MESSAGES.written());
    assert_eq!(text, "1 refused code=keyReused detail=");
    assert_eq!(Answer::decode(&text), Ok(refused));
}

#[test]
fn a_known_request_is_recalled_without_being_decided() {
    let policy = policy(fixed(10, DAY), None);
    let mut object = Object::default();
    let recall = |object: &mut Object, keyed: Keyed| {
        look_up(object, keyed.id, START);
        let call = Call::Keyed {
            keyed,
            call: Box::new(Call::Recall),
        };
        assert!(!call.may_change());
        let mut effects = Effects::default();
        let answer = object
            .state
            .answer(&call, &mut || 0, moment(START), &mut effects);
        assert!(effects.writes.is_empty());
        answer
    };
    let keyed = stored(1, 0, DAY);
    assert_eq!(recall(&mut object, keyed), Answer::Done);
    ask(&mut object, &policy, 1, &keyed, START);
    let mut object = object.restarted();
    let answer = recall(&mut object, keyed);
    assert!(matches!(answer, Answer::Decided(it) if it[0].success && it[0].is_repeated()));
    assert_eq!(used(&mut object, &policy, START), 1);
}
