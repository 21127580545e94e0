//! What remains is spread over the time until it comes back.

use tollgate_core::decide::Check;
use tollgate_core::decision::Reason;
use tollgate_core::overrides::{adjusted, Effect};
use tollgate_core::policy::Policy;
use tollgate_core::report::{Report, Told, When};
use tollgate_core::Duration;

use crate::common::object::Object;
use crate::common::{fixed, moment, named, START};
use crate::said::{
    after, answered, api, ask, at, is_cool_down, outlook, report, telling, told, versioned, HOUR,
    MINUTE, SECOND,
};

#[test]
fn what_remains_is_spread_over_the_time_until_it_comes_back() {
    let policy = api(r#"{"algorithm":"fixedWindow","limit":5000,"window":"1h","pace":true}"#);
    let mut object = Object::default();
    ask(&mut object, &policy, 0);
    let remains = |remaining, reset| Told {
        reset: Some(When::At(at(reset))),
        ..told(Some(5_000), remaining)
    };
    report(&mut object, &telling(&policy, remains(10, MINUTE)), 0);
    let (mut admitted, mut now) = (0u64, 0);
    while now < MINUTE {
        let answer = ask(&mut object, &policy, now);
        if answer.success {
            admitted += 1;
            assert!((admitted - 1) * 6 * SECOND <= now, "{admitted} at {now}");
            now += 1;
        } else {
            assert_eq!(answer.reason, Some(Reason::CoolDown));
            let wait = answer.retry_after.unwrap().as_millis();
            let early = START + now + wait - 1;
            assert!(!object.restarted().ask(&policy, 1, early).success);
            now += wait;
        }
    }
    assert_eq!(admitted, 10);
}

#[test]
fn a_report_after_each_call_does_not_hurry_the_pace() {
    let policy = api(r#"{"algorithm":"fixedWindow","limit":5000,"window":"1h","pace":true}"#);
    let mut object = Object::default();
    let (mut admitted, mut remaining) = (0u64, 60);
    ask(&mut object, &policy, 0);
    for now in (0..60 * SECOND).step_by(100) {
        let told = Told {
            reset: Some(When::At(at(MINUTE))),
            ..told(Some(5_000), remaining)
        };
        report(&mut object, &telling(&policy, told), now);
        if ask(&mut object, &policy, now).success {
            admitted += 1;
            remaining -= 1;
            assert!(admitted <= now / SECOND + 1, "{admitted} at {now}");
        }
        if now % (7 * SECOND) == 0 {
            object = object.restarted();
        }
    }
    assert!((40..=60).contains(&admitted), "{admitted}");
}

#[test]
fn of_nothing_that_remains_nothing_goes_until_it_comes_back() {
    let policy =
        api(r#"{"limits":[{"name":"a","limit":50,"window":"1s"}],"pace":true,"maxCoolDown":"1m"}"#);
    let mut object = Object::default();
    let none = Report {
        limit: Some("a".to_owned()),
        ..telling(
            &policy,
            Told {
                reset: Some(When::At(at(MINUTE))),
                ..told(None, 0)
            },
        )
    };
    report(&mut object, &none, 0);
    is_cool_down(&ask(&mut object, &policy, 10 * SECOND), 50 * SECOND);
    let status = object.state.status(None, moment(START)).unwrap();
    assert_eq!(status.outlooks[0].paced_until, Some(at(MINUTE)));
    assert!(ask(&mut object, &policy, MINUTE).success);
    object.clean(START + 2 * MINUTE);
    assert!(!object.rows.contains_key("outlook/api"));
}

/// 5,000 an hour at this pace: so many remain for a minute.
fn paced(remaining: u64) -> (Policy, Object) {
    let policy = api(r#"{"algorithm":"fixedWindow","limit":5000,"window":"1h","pace":true}"#);
    let mut object = Object::default();
    report(
        &mut object,
        &telling(&policy, remains(remaining, MINUTE)),
        0,
    );
    (policy, object)
}

fn remains(remaining: u64, reset: u64) -> Told {
    Told {
        reset: after(reset),
        ..told(Some(5_000), remaining)
    }
}

#[test]
fn it_is_over_with_the_longest_cool_down_or_the_window() {
    let year = 366 * 24 * HOUR;
    for (rest, over) in [("1m", HOUR), ("2h", 2 * HOUR)] {
        let json = format!(
            r#"{{"algorithm":"fixedWindow","limit":5000,"window":"1h","pace":true,"maxCoolDown":"{rest}"}}"#
        );
        for remaining in [0, 1] {
            let (policy, mut object) = (api(&json), Object::default());
            let done = report(&mut object, &telling(&policy, remains(remaining, year)), 0);
            assert!(done.is_cut);
            let all_at_once = object.restarted().ask(&policy, 1, START);
            assert_eq!(all_at_once.success, remaining > 0);
            assert_eq!(outlook(&object, 1).unwrap().paced_until, Some(at(over)));
            ask(&mut object, &policy, 0);
            is_cool_down(&ask(&mut object, &policy, over - 1), 1);
            assert!(ask(&mut object, &policy, over).success);
        }
    }
    let (_, mut object) = paced(0);
    let policy = api(r#"{"algorithm":"fixedWindow","limit":5000,"window":"1h","pace":true}"#);
    let done = report(&mut object, &telling(&policy, remains(10, HOUR)), 0);
    assert!(!done.is_cut);
}

#[test]
fn a_limit_in_the_place_of_another_has_a_pace_of_its_own() {
    let [a, b, c] = [
        r#"{"name":"a","limit":50,"window":"1m"}"#,
        r#"{"limit":5000,"window":"1h"}"#,
        r#"{"limit":7,"window":"2h"}"#,
    ];
    let of = |limits: &[&str], version| {
        let limits = limits.join(",");
        versioned(&format!(r#"{{"limits":[{limits}],"pace":true}}"#), version)
    };
    let mut object = Object::default();
    let first = of(&[a, b], 1);
    report(&mut object, &telling(&first, remains(2, HOUR)), 0);
    assert!(ask(&mut object, &first, 1).success);
    let next = HOUR / 2 - 1; // and what the row may be ahead
    for (limits, version, is_paced) in [
        (&[a, b][..], 1, true),
        (&[a][..], 2, false),
        (&[b, a][..], 2, true),
        (&[a, c][..], 2, false),
    ] {
        let mut slept = object.restarted();
        let answer = ask(&mut slept, &of(limits, version), next);
        assert_eq!(answer.success, !is_paced, "{limits:?}");
    }
    let replaced = Effect::Replace(vec![named("vip", fixed(9_000, HOUR))]);
    let replaced = adjusted(&first, &replaced).unwrap();
    assert!(ask(&mut object, &replaced, 2).success);
}

#[test]
fn an_admission_that_was_taken_back_is_none() {
    let (policy, mut object) = paced(2);
    let admit = |object: &mut Object, operation, now| {
        let answer = object.limit(&policy, Check::ONE, Some(operation), START + now);
        answer.unwrap().success
    };
    assert!(admit(&mut object, 1, 10));
    object.cancel(1, START + 11);
    assert!(object.restarted().ask(&policy, 1, START + 12).success);
    assert!(admit(&mut object, 2, 12));
    assert!(!admit(&mut object, 3, 13));
    // The one before counts, where it is not taken back.
    assert!(admit(&mut object, 4, 30 * SECOND + 12));
    report(
        &mut object,
        &telling(&policy, remains(1, 50 * SECOND)),
        31 * SECOND,
    );
    object.cancel(4, START + 32 * SECOND);
    is_cool_down(&ask(&mut object, &policy, 33 * SECOND), 17 * SECOND + 12);
}

#[test]
fn of_what_is_told_twice_of_a_limit_the_stricter_counts() {
    for is_reversed in [false, true] {
        let (policy, mut object) = paced(5_000);
        let mut limits = vec![remains(600, MINUTE), remains(3, MINUTE)];
        limits[0].name = Some("a".to_owned());
        if is_reversed {
            limits.reverse();
        }
        let both = Report {
            limits,
            ..answered(&policy, 200)
        };
        report(&mut object, &both, 0);
        assert!(ask(&mut object, &policy, 1).success);
        is_cool_down(&ask(&mut object, &policy, 2), 20 * SECOND - 1);
    }
}

#[test]
fn its_refusal_is_remembered_by_nobody() {
    // The next report may say that more remain.
    let (policy, mut object) = paced(10);
    assert!(ask(&mut object, &policy, 1).success);
    let shut = ask(&mut object, &policy, 2);
    is_cool_down(&shut, 6 * SECOND - 1);
    assert_eq!(shut.cache_for, Duration::ZERO);
    report(&mut object, &telling(&policy, remains(600, MINUTE)), 2);
    assert!(ask(&mut object, &policy, 101).success);
}
