//! Stages together with the rest: policies that extend others, levels and entries of which one
//! refuses, inline limits whose place a policy takes. One clock a subject, whoever has stages.

#![allow(clippy::unwrap_used)]

mod common;

use common::object::Object;
use common::{fixed, moment, version, START};
use proptest::option;
use proptest::prelude::*;
use tollgate_core::api::policy::extended::extended;
use tollgate_core::api::policy::named;
use tollgate_core::api::response::{to_json, StagedBody};
use tollgate_core::decide::Check;
use tollgate_core::limit::Name;
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::{Effects, Item, StageOverride};
use tollgate_core::{Duration, Limit, Timestamp};

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

fn policy(name: &str, text: &str) -> Policy {
    let policy = named::parse(text).unwrap().policy;
    policy.named(Name::new("policy", name).unwrap(), version(1))
}

/// 20 a day for a week, 40 for another, then 80.
const WARMING: &str = r#"{"limits":[
    {"name":"day","algorithm":"fixedWindow","window":"1d","stages":[
        {"for":"7d","limit":20},{"for":"7d","limit":40},{"limit":80}]},
    {"name":"hour","algorithm":"slidingLog","window":"1h","limit":100}]}"#;

fn admitted(object: &mut Object, policy: &Policy, now: u64) -> usize {
    let asks = core::iter::repeat_with(|| object.ask(policy, 1, now).success);
    asks.take_while(|success| *success).count()
}

fn start_of(object: &Object) -> Option<u64> {
    let status = object.state.status(None, moment(START)).unwrap();
    status.stage.map(|clock| clock.start.as_millis())
}

/// How many a day each step of a limit lets through.
fn steps(limit: &Limit) -> Vec<u64> {
    let stages = limit.schedule().unwrap().stages().iter();
    stages.map(|stage| stage.numbers().most.unwrap()).collect()
}

#[test]
fn a_variant_has_the_stages_of_its_base_unless_it_has_its_own() {
    // As it is kept: in its canonical form.
    let base = to_json(&named::parse(WARMING).unwrap());
    let variant = |written: &str| {
        let text = extended(&base, written).unwrap();
        policy("variant", &text)
    };
    let day = |policy: &Policy| policy.limits()[0].clone();
    // Another number of the hour, a setting: the steps are as they were.
    for written in [
        r#"{"failMode":"closed"}"#,
        r#"{"limits":[{"name":"hour","limit":9}]}"#,
        r#"{"limits":[{"name":"day","limit":7}]}"#,
        r#"{"limits":[{"name":"day","window":"2d"}]}"#,
    ] {
        assert_eq!(steps(&day(&variant(written))), [20, 40, 80], "{written}");
    }
    // Steps are a list, and lists are taken as a whole.
    let own =
        variant(r#"{"limits":[{"name":"day","stages":[{"for":"1d","limit":5},{"limit":10}]}]}"#);
    assert_eq!(steps(&day(&own)), [5, 10]);
    assert_eq!(own.limits().len(), 2);
    let hours =
        variant(r#"{"limits":[{"name":"day","times":[{"between":["22:00","06:00"],"limit":1}]}]}"#);
    assert_eq!(steps(&day(&hours)), [20, 40, 80]);
    assert_eq!(day(&hours).schedule().unwrap().times().len(), 1);
    // A limit of another algorithm is another limit.
    let other =
        variant(r#"{"limits":[{"name":"day","algorithm":"slidingLog","limit":3,"window":"1d"}]}"#);
    assert!(!other.has_stages());
}

#[test]
fn base_and_variant_run_by_the_subjects_one_clock() {
    let base = policy("base", WARMING);
    let written = r#"{"limits":[{"name":"day","stages":[{"for":"3d","limit":5},{"limit":10}]}]}"#;
    let variant = policy("variant", &extended(WARMING, written).unwrap());
    let mut object = Object::default();
    assert_eq!(admitted(&mut object, &base, START), 20);
    object = object.restarted();
    // Asked for the first time, it is in its second step, as the subject is four days old.
    let now = START + 4 * DAY;
    assert_eq!(admitted(&mut object, &variant, now), 10);
    assert_eq!(admitted(&mut object, &base, now), 20);
    assert_eq!(start_of(&object), Some(START));
    // Moved, both move.
    let set = StageOverride {
        start: Some(Timestamp::from_millis(now - 20 * DAY)),
        paused: None,
    };
    let mut effects = Effects::default();
    let change = object.state.set_stage(&set, moment(now), &mut effects);
    object.apply(effects);
    let moved: Vec<_> = (change.unwrap().steps.into_iter())
        .map(|step| (step.policy, step.limit, step.from, step.to))
        .collect();
    let day = "day".to_owned();
    assert_eq!(
        moved,
        [
            ("base".to_owned(), day.clone(), 0, 2),
            ("variant".to_owned(), day, 1, 1)
        ]
    );
}

#[test]
fn an_idle_subject_is_told_the_steps_of_the_policy_that_is_named() {
    let (base, mut object) = (policy("base", WARMING), Object::default());
    object.ask(&base, 1, START);
    let idle = START + 3 * DAY;
    object.clean(idle);
    assert!(object.rows.keys().eq(["stage"]));
    let set = StageOverride {
        start: Some(Timestamp::from_millis(idle - 8 * DAY)),
        paused: Some(true),
    };
    let change = object
        .state
        .set_stage(&set, moment(idle), &mut Effects::default());
    let change = change.unwrap();
    assert!(change.steps.is_empty());
    let told = change.with_policy(&base, moment(idle)).unwrap();
    let json = serde_json::to_value(StagedBody::from(&told)).unwrap();
    assert_eq!(
        json,
        serde_json::json!({"start": idle - 8 * DAY, "pausedSince": idle,
            "steps": [{"policy": "base", "limit": "day", "from": 1, "to": 2}]})
    );
    // And once, where its object keeps something of it.
    let mut object = Object::default();
    object.ask(&base, 1, START);
    let change = object
        .state
        .set_stage(&set, moment(START), &mut Effects::default());
    let told = change.unwrap().with_policy(&base, moment(START)).unwrap();
    assert_eq!(told.steps.len(), 1);
}

#[test]
fn entries_of_one_subject_start_its_clock_together_or_not_at_all() {
    let a = policy("a", WARMING);
    let b = policy(
        "b",
        r#"{"name":"h","algorithm":"slidingLog","window":"1d","stages":[{"for":"7d","limit":2},{"limit":4}]}"#,
    );
    let mut object = Object::default();
    let ask = |object: &mut Object, cost: i64, now: u64| {
        let item = |policy: &Policy, cost| Item {
            policy: policy.clone(),
            check: Check::of(cost),
        };
        let items = [item(&a, 1), item(&b, cost)];
        let mut effects = Effects::default();
        let answers = (object.state).limit(&items, None, &mut || 1, moment(now), &mut effects);
        object.apply(effects);
        answers.unwrap().iter().all(|answer| answer.success)
    };
    assert!(!ask(&mut object, 3, START));
    assert_eq!((start_of(&object), object.rows.len()), (None, 0));
    assert!(ask(&mut object, 2, START + HOUR));
    assert_eq!(start_of(&object), Some(START + HOUR));
    // Its clock is one, and the limits are each in their second step at their own instant.
    let week = START + 7 * DAY;
    assert!(!ask(&mut object, 3, week + HOUR - 1));
    assert!(ask(&mut object, 3, week + HOUR));
    assert_eq!(object.left(&a, week + HOUR), 20 - 1);
    assert_eq!(object.left(&a, week + DAY), 40);
}

#[test]
fn a_first_request_that_a_parent_refuses_starts_nothing() {
    let (child, mut object) = (policy("child", WARMING), Object::default());
    // For a week the parent refuses, and what the child admitted is taken back.
    for hour in 0..7 * 24 {
        let (now, operation) = (START + hour * HOUR, u128::from(hour) + 1);
        let decision = object.limit(&child, Check::ONE, Some(operation), now);
        assert!(decision.unwrap().success);
        assert_eq!(start_of(&object), Some(now));
        object.cancel(operation, now + 5);
        assert_eq!(start_of(&object), None);
        assert!(!object.rows.contains_key("stage"));
    }
    let begin = START + 8 * DAY + 9 * HOUR;
    assert!(
        object
            .limit(&child, Check::ONE, Some(1_000), begin)
            .unwrap()
            .success
    );
    assert_eq!(admitted(&mut object, &child, begin + 6 * DAY), 20);
    assert_eq!(admitted(&mut object, &child, begin + 8 * DAY), 40);
}

#[test]
fn an_inline_limit_shares_the_use_of_a_step_and_starts_no_clock() {
    let staged = r#"{"name":"day","algorithm":"fixedWindow","window":"1d","replacesInline":true,
        "stages":[{"for":"7d","limit":20},{"limit":80}]}"#;
    let (new, old) = (
        policy("new", staged),
        common::object::policy(fixed(100, DAY), None),
    );
    for sleeps in [false, true] {
        let mut object = Object::default();
        let ask = |object: &mut Object, policy: &Policy, most: usize, now| {
            if sleeps {
                *object = object.restarted();
            }
            (0..most)
                .filter(|_| object.ask(policy, 1, now).success)
                .count()
        };
        assert_eq!(ask(&mut object, &old, 15, START), 15);
        assert_eq!(start_of(&object), None);
        assert_eq!(ask(&mut object, &new, 99, START + HOUR), 5);
        assert_eq!(start_of(&object), Some(START + HOUR));
        assert_eq!(ask(&mut object, &old, 99, START + HOUR), 80);
        // In the second step, which begins with the eighth day, what both have used counts still.
        let day = START + 8 * DAY;
        assert_eq!(ask(&mut object, &old, 50, day), 50);
        assert_eq!(ask(&mut object, &new, 99, day), 30);
        assert_eq!(ask(&mut object, &old, 99, day), 20);
        assert_eq!(start_of(&object), Some(START + HOUR));
    }
}

#[derive(Debug, Clone)]
enum Event {
    /// With an operation, after so many ms.
    Ask(bool),
    /// Takes back the operation that came so many before the last.
    Cancel(usize),
    Reset,
    SetStart,
}

fn event() -> impl Strategy<Value = (u64, Event)> {
    let event = prop_oneof![
        8 => prop::bool::weighted(0.9).prop_map(Event::Ask),
        6 => (0usize..4).prop_map(Event::Cancel),
        1 => Just(Event::Reset),
        1 => Just(Event::SetStart),
    ];
    (0u64..200, event)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// There is a start exactly while there is an admission that was not taken back, and it is the
    /// instant of the first since there was none; what is stored says the same.
    #[test]
    fn the_clock_starts_with_the_first_admission_that_stays(
        events in prop::collection::vec(event(), 1..40),
        restart in option::of(0usize..40),
    ) {
        let policy = policy("p", WARMING);
        let mut object = Object {
            state: common::object::Object::default().state.keeping_operations(Duration::from_secs(60)),
            ..Object::default()
        };
        let (mut now, mut operations) = (START, 0u128);
        // Admissions that may be taken back, whether there is one that may not, and the start.
        let (mut open, mut stays, mut start) = (Vec::new(), false, None);
        for (i, (pause, event)) in events.into_iter().enumerate() {
            now += pause;
            if restart == Some(i) {
                object = object.restarted();
                stays |= start.is_some();
                open.clear();
            }
            match event {
                Event::Ask(is_operation) => {
                    operations += 1;
                    let operation = is_operation.then_some(operations);
                    if !object.limit(&policy, Check::ONE, operation, now).unwrap().success {
                        continue;
                    }
                    start = start.or(Some(now));
                    match operation {
                        Some(operation) => open.push(operation),
                        None => stays = true,
                    }
                }
                Event::Cancel(back) => {
                    let operation = operations.saturating_sub(back as u128);
                    object.cancel(operation, now);
                    let was_open = open.contains(&operation);
                    open.retain(|it| *it != operation);
                    if was_open && open.is_empty() && !stays {
                        start = None;
                    }
                }
                Event::Reset => object.reset(now),
                Event::SetStart => {
                    let set = StageOverride {
                        start: Some(Timestamp::from_millis(now - HOUR)),
                        paused: None,
                    };
                    let mut effects = Effects::default();
                    object.state.set_stage(&set, moment(now), &mut effects).unwrap();
                    object.apply(effects);
                    (stays, start) = (true, Some(now - HOUR));
                }
            }
            prop_assert_eq!(start_of(&object), start);
            prop_assert_eq!(start_of(&object.restarted()), start);
        }
    }
}
