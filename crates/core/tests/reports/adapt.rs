//! A limit follows what the upstream bears.

use tollgate_core::decide::Check;
use tollgate_core::message::Call;
use tollgate_core::number::Decimal;
use tollgate_core::overrides::{adjusted, Effect};
use tollgate_core::policy::Policy;
use tollgate_core::report::{Adjusted, Report};
use tollgate_core::subject_state::Item;
use tollgate_core::{Duration, Limit};

use crate::common::object::Object;
use crate::common::{fixed, moment, named, START};
use crate::said::{
    after, answered, api, ask, numbers, outlook, refused, report, versioned, HOUR, MINUTE, SECOND,
};

const ADAPTING: &str = r#"{"limits":[{"name":"rate","algorithm":"tokenBucket","capacity":100,"refill":{"amount":100,"interval":"1s"}},{"limit":5000,"window":"1h"}],
    "adapt":{"limit":"rate","floor":10,"increase":5,"decrease":0.5},"maxCoolDown":"1s"}"#;

#[test]
fn a_refusal_lowers_the_limit_once_a_cool_down_and_successes_raise_it() {
    let (policy, mut object) = (api(ADAPTING), Object::default());
    for _ in 0..100 {
        ask(&mut object, &policy, 0);
    }
    // k3: a hundred calls in flight, a hundred refusals, one step.
    for now in 0..100 {
        let done = report(&mut object, &answered(&policy, 429), now);
        let step = Adjusted {
            limit: "rate".to_owned(),
            from: 100,
            to: 50,
        };
        assert_eq!(done.adapted, (now == 0).then_some(step));
    }
    assert_eq!(numbers(&mut object, &policy, 2 * SECOND), [50, 5_000]);
    object = object.restarted();
    assert_eq!(numbers(&mut object, &policy, 3 * SECOND), [50, 5_000]);
    let status = object
        .state
        .status(None, moment(START + 3 * SECOND))
        .unwrap();
    assert_eq!(status.outlooks[0].adapted_to, Some(50));
    let summed = Report {
        count: 4,
        ..answered(&policy, 200)
    };
    for _ in 0..4 {
        ask(&mut object, &policy, 4 * SECOND);
    }
    report(&mut object, &summed, 4 * SECOND);
    assert_eq!(numbers(&mut object, &policy, 5 * SECOND), [70, 5_000]);
    // Seven tenths of the rate, too.
    assert!(object.ask(&policy, 70, START + 7 * SECOND).success);
    let asked = object.ask(&policy, 8, START + 7 * SECOND + 100);
    assert!(!asked.success && asked.limits[0].remaining == 7);
    // Down to the floor, and up to its own number.
    for now in (10..30).step_by(2).map(|it| it * SECOND) {
        assert!(ask(&mut object, &policy, now).success);
        report(&mut object, &answered(&policy, 429), now);
    }
    assert_eq!(numbers(&mut object, &policy, 30 * SECOND), [10, 5_000]);
    for now in 40..60 {
        object.ask(&policy, 2, START + now * SECOND);
        report(&mut object, &answered(&policy, 200), now * SECOND);
    }
    assert_eq!(numbers(&mut object, &policy, 61 * SECOND), [100, 5_000]);
    let done = report(&mut object, &answered(&policy, 200), 61 * SECOND);
    assert_eq!(done.adapted, None);
}

#[test]
fn successes_of_calls_that_nobody_made_raise_nothing() {
    let policy = api(
        r#"{"algorithm":"fixedWindow","limit":100,"window":"1s","adapt":{},"maxCoolDown":"1s"}"#,
    );
    let mut object = Object::default();
    ask(&mut object, &policy, 0);
    let done = report(&mut object, &answered(&policy, 429), 0);
    assert_eq!(done.adapted.map(|it| it.to), Some(50));
    let summed = Report {
        count: 1_000,
        ..answered(&policy, 200)
    };
    let done = report(&mut object, &summed, 10 * SECOND);
    assert_eq!(done.adapted, None);
    // Nor do refusals of them lower anything.
    let mut other = Object::default();
    let done = report(&mut other, &answered(&policy, 429), 0);
    assert_eq!(done.adapted, None);
    assert_eq!(numbers(&mut other, &policy, 5 * SECOND), [100]);
}

#[test]
fn a_ceiling_holds_from_the_start() {
    let policy =
        api(r#"{"algorithm":"fixedWindow","limit":7,"window":"1h","adapt":{"ceiling":3}}"#);
    let mut object = Object::default();
    assert_eq!(numbers(&mut object, &policy, 0), [3]);
    assert_eq!(object.left(&policy, START), 2);
    let peek = Check {
        peek: true,
        ..Check::of(4)
    };
    assert!(!object.limit(&policy, peek, None, START).unwrap().success);
}

const THOUSAND: &str =
    r#"{"algorithm":"fixedWindow","limit":1000,"window":"1h","adapt":{},"maxCoolDown":"10s"}"#;

#[test]
fn a_late_burst_of_refusals_lowers_it_once() {
    for (wait, sleeps) in [(None, false), (None, true), (after(2 * SECOND), false)] {
        let (policy, mut object) = (api(THOUSAND), Object::default());
        for _ in 0..20 {
            ask(&mut object, &policy, 0);
        }
        for i in 0..10 {
            let late = Report {
                wait,
                age: Duration::from_millis(5 * SECOND),
                ..answered(&policy, 429)
            };
            report(&mut object, &late, 10 * SECOND + i);
            if sleeps {
                object = object.restarted();
            }
        }
        assert_eq!(numbers(&mut object, &policy, 11 * SECOND), [500]);
        // One from after it is another one.
        report(&mut object, &answered(&policy, 429), 12 * SECOND);
        assert_eq!(numbers(&mut object, &policy, 30 * SECOND), [250]);
    }
}

#[test]
fn a_day_without_a_change_and_it_is_its_own() {
    let policy = api(
        r#"{"algorithm":"fixedWindow","limit":100,"window":"1h","adapt":{},"maxCoolDown":"1h"}"#,
    );
    let mut object = Object::default();
    ask(&mut object, &policy, 0);
    report(&mut object, &refused(&policy, SECOND), 0);
    // Each hour something else of the outlook changes.
    for now in (HOUR..24 * HOUR).step_by(HOUR as usize) {
        let busy = Report {
            wait: after(50 * MINUTE),
            ..answered(&policy, 503)
        };
        report(&mut object, &busy, now);
    }
    let day = 24 * HOUR;
    assert_eq!(outlook(&object, day - 1).unwrap().adapted_to, Some(50));
    assert_eq!(outlook(&object, day), None);
    let numbers = numbers(&mut object, &policy, day + 50 * MINUTE);
    assert_eq!(numbers, [100]);
}

#[test]
fn another_limit_that_adapts_begins_at_its_own_number() {
    let of = |which: &str, version| {
        let json = format!(
            r#"{{"limits":[{{"name":"burst","limit":20,"window":"1s"}},{{"limit":5000,"window":"1h"}}],
                "adapt":{{"limit":"{which}"}},"maxCoolDown":"1s"}}"#
        );
        versioned(&json, version)
    };
    let mut object = Object::default();
    ask(&mut object, &of("burst", 1), 0);
    report(&mut object, &answered(&of("burst", 1), 429), 0);
    let asked = numbers(&mut object, &of("burst", 1), 2 * SECOND);
    assert_eq!(asked, [10, 5_000]);
    let asked = numbers(&mut object, &of("5000/1h", 2), 4 * SECOND);
    assert_eq!(asked, [20, 5_000]);
    let done = report(&mut object, &answered(&of("5000/1h", 2), 200), 4 * SECOND);
    assert_eq!(done.adapted, None);
    report(&mut object, &answered(&of("5000/1h", 2), 429), 4 * SECOND);
    object = object.restarted();
    let asked = numbers(&mut object, &of("5000/1h", 2), 6 * SECOND);
    assert_eq!(asked, [20, 2_500]);
}

#[test]
fn a_changed_definition_holds_at_once() {
    let of = |limit: u64, adapt: &str, version| {
        let json = format!(
            r#"{{"algorithm":"fixedWindow","limit":{limit},"window":"1h"{adapt},"maxCoolDown":"1s"}}"#
        );
        versioned(&json, version)
    };
    let mut object = Object::default();
    let first = of(100, r#","adapt":{}"#, 1);
    ask(&mut object, &first, 0);
    report(&mut object, &answered(&first, 429), 0);
    // What the upstream bears stays, whatever the number is; a floor and a lower number hold.
    for (limit, adapt, version, now) in [
        (200, r#","adapt":{}"#, 2, 50),
        (200, r#","adapt":{"floor":70}"#, 3, 70),
        (20, r#","adapt":{}"#, 4, 20),
        (200, "", 5, 200),
    ] {
        let policy = of(limit, adapt, version);
        let at = version * 2 * SECOND;
        assert_eq!(numbers(&mut object, &policy, at), [now], "{adapt}");
        let shown = outlook(&object, at).and_then(|it| it.adapted_to);
        assert_eq!(shown, Some(now).filter(|now| *now < limit), "{adapt}");
    }
}

#[test]
fn an_override_scales_what_adapts_and_what_it_puts_in_its_place_adapts_not() {
    let two_limits = r#"{"limits":[{"algorithm":"fixedWindow","limit":100,"window":"1h"},{"limit":7,"window":"1s"}],
        "adapt":{"limit":"100/1h"},"maxCoolDown":"1s"}"#;
    let twice = Effect::Scale(Decimal::new(2, 0).unwrap());
    let half = Effect::Scale(Decimal::new(5, 1).unwrap());
    let replace = Effect::Replace(vec![
        Limit::new(None, fixed(9_000, HOUR)),
        named("vip", fixed(9, SECOND)),
    ]);
    let under = |policy: &Policy, effect: &Effect| adjusted(policy, effect).unwrap();
    let policy = api(two_limits);
    let mut object = Object::default();
    ask(&mut object, &policy, 0);
    report(&mut object, &answered(&policy, 429), 0);
    for (effect, expected) in [
        (&twice, [100, 14]),
        (&half, [25, 3]),
        (&replace, [9_000, 9]),
    ] {
        let policy = under(&policy, effect);
        // As it arrives at an object.
        let call = Call::Limit {
            items: vec![Item {
                policy,
                check: Check::of(1),
            }],
            operation: None,
            holding: None,
        };
        let (_, call) = Call::decode(&call.encode()).unwrap();
        let Call::Limit { items, .. } = call else {
            panic!("{call:?}");
        };
        let mut other = object.restarted();
        assert_eq!(numbers(&mut other, &items[0].policy, 2 * SECOND), expected);
    }
    // Another refusal lowers what the upstream bears, whoever is scaled.
    let scaled = under(&policy, &twice).adjusted_at(1);
    ask(&mut object, &scaled, 2 * SECOND);
    let done = report(&mut object, &answered(&policy, 429), 2 * SECOND);
    assert_eq!(done.adapted.map(|it| (it.from, it.to)), Some((100, 50)));
    assert_eq!(outlook(&object, 3 * SECOND).unwrap().adapted_to, Some(50));
    assert_eq!(numbers(&mut object, &scaled, 4 * SECOND), [50, 14]);
    let mut other = Object::default();
    let capped =
        api(r#"{"algorithm":"fixedWindow","limit":100,"window":"1h","adapt":{"ceiling":80}}"#);
    assert_eq!(numbers(&mut other, &under(&capped, &twice), 0), [160]);
    assert_eq!(
        numbers(&mut other, &under(&capped, &replace), 1),
        [9_000, 9]
    );
}
