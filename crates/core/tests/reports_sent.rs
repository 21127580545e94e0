//! Which reports an isolate sends, and when: failures at once, successes summed up, and nothing
//! that nobody heeds.

#![allow(clippy::unwrap_used)]

mod common;

use common::{version, START};
use tollgate_core::api::policy::named::parse as parse_policy;
use tollgate_core::isolate::bounded::Secret;
use tollgate_core::isolate::reports::{Reports, Sending, MAX_SUBJECTS, MAX_URGENT};
use tollgate_core::limit::Name;
use tollgate_core::policy::Policy;
use tollgate_core::report::{Report, Told, When};
use tollgate_core::{Duration, Timestamp};

const SECOND: u64 = 1_000;

fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(START + ms)
}

fn policy(rest: &str) -> Policy {
    let json = format!(r#"{{"limit":100,"window":"1h"{rest}}}"#);
    let policy = parse_policy(&json).unwrap().policy;
    policy.named(Name::new("policy", "api").unwrap(), version(1))
}

fn report(policy: &Policy, status: u16) -> Report {
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

fn reports() -> Reports {
    Reports::new(Secret::new(7))
}

fn later(ms: u64) -> Sending {
    Sending::Later(Duration::from_millis(ms))
}

#[test]
fn a_thousand_successes_are_one_call_a_second() {
    let (policy, mut reports) = (policy(r#","breaker":{}"#), reports());
    let success = report(&policy, 200);
    let (mut calls, mut counted) = (0, 0);
    for now in 0..10 * SECOND {
        for (object, sum) in reports.take_due(at(now)) {
            assert_eq!(object, "a");
            calls += 1;
            counted += sum.count;
        }
        match reports.ask("a", &success, at(now)) {
            Sending::Now => (calls, counted) = (calls + 1, counted + 1),
            Sending::Later(_) => {}
            other => panic!("{other:?}"),
        }
    }
    counted += reports
        .take_due(at(11 * SECOND))
        .iter()
        .map(|(_, it)| it.count)
        .sum::<u64>();
    assert_eq!((calls, counted), (10, 10 * SECOND));
    assert_eq!(reports.wait(at(12 * SECOND)), None);
}

#[test]
fn what_is_urgent_is_sent_at_once_and_ten_a_second_at_most() {
    let (policy, mut reports) = (policy(r#","breaker":{"statuses":["5xx",404]}"#), reports());
    for status in [429, 500, 404, 503] {
        let now = u64::from(status) * SECOND;
        let wait = (status == 503).then_some(When::After(Duration::from_secs(9)));
        let urgent = Report {
            wait,
            ..report(&policy, status)
        };
        for i in 0..20u64 {
            let expected = match i < u64::from(MAX_URGENT) {
                true => Sending::Now,
                false => Sending::TooMany,
            };
            let sending = reports.ask("a", &urgent, at(now + i));
            assert_eq!(sending, expected, "{status} {i}");
        }
        // Another subject has its own.
        assert_eq!(reports.ask("b", &urgent, at(now)), Sending::Now);
    }
}

#[test]
fn a_refusal_is_told_however_many_errors_there_are() {
    for rest in ["", r#","breaker":{"statuses":[500]}"#] {
        let (policy, mut reports) = (policy(rest), reports());
        for i in 0..20 {
            for status in [404, 500] {
                reports.ask("a", &report(&policy, status), at(i));
            }
        }
        let refusal = report(&policy, 429);
        assert_eq!(reports.ask("a", &refusal, at(21)), Sending::Now);
        let busy = Report {
            wait: Some(When::After(Duration::from_secs(9))),
            ..report(&policy, 503)
        };
        assert_eq!(reports.ask("a", &busy, at(22)), Sending::Now);
    }
}

#[test]
fn an_error_that_is_neither_is_sent_where_a_breaker_or_a_limit_heeds_it() {
    let (plain, mut reports) = (policy(""), reports());
    for rest in ["", r#","adapt":{}"#] {
        reports.cooled("a", &plain, at(5 * SECOND), at(0));
        let error = report(&policy(rest), 404);
        assert_eq!(reports.ask("a", &error, at(0)), Sending::Needless);
    }
    let telling = Report {
        limits: vec![Told::default()],
        ..report(&plain, 404)
    };
    assert_eq!(reports.ask("a", &telling, at(0)), Sending::Now);
    // They are summed up, apart from successes.
    let breaker = policy(r#","breaker":{}"#);
    for (status, now) in [(404, 0), (404, 10), (200, 20), (200, 30), (404, 40)] {
        reports.ask("b", &report(&breaker, status), at(now));
    }
    let mut due = reports.take_due(at(2 * SECOND));
    due.sort_by_key(|(_, it)| it.status);
    let sums: Vec<(u16, u64)> = due.iter().map(|(_, it)| (it.status, it.count)).collect();
    assert_eq!(sums, [(200, 1), (404, 2)]);
}

#[test]
fn a_success_that_nothing_heeds_is_not_sent() {
    let (plain, mut reports) = (policy(""), reports());
    let success = report(&plain, 200);
    assert_eq!(reports.ask("a", &success, at(0)), Sending::Needless);
    // A breaker or a limit that adapts counts it, a limit that was told moves one.
    for rest in [r#","breaker":{}"#, r#","adapt":{}"#] {
        let success = report(&policy(rest), 200);
        assert_eq!(reports.ask(rest, &success, at(0)), Sending::Now);
    }
    let telling = Report {
        limits: vec![Told::default()],
        ..success.clone()
    };
    assert_eq!(reports.ask("b", &telling, at(0)), Sending::Now);
    // So does a back-off that is remembered: a minute after the gate has opened, unless said.
    reports.cooled("a", &plain, at(5 * SECOND), at(0));
    assert_eq!(reports.ask("a", &success, at(10 * SECOND)), Sending::Now);
    assert_eq!(
        reports.ask("a", &success, at(65 * SECOND)),
        Sending::Needless
    );
}

#[test]
fn of_what_is_told_twice_in_a_second_the_stricter_is_sent() {
    let (policy, mut reports) = (policy(""), reports());
    let telling = |remaining, reset, age| Report {
        limits: vec![Told {
            limit: Some(100),
            remaining: Some(remaining),
            reset: Some(When::After(Duration::from_millis(reset))),
            ..Told::default()
        }],
        age: Duration::from_millis(age),
        ..report(&policy, 200)
    };
    assert_eq!(
        reports.ask("a", &telling(90, 9_000, 0), at(0)),
        Sending::Now
    );
    assert_eq!(
        reports.ask("a", &telling(80, 8_900, 0), at(100)),
        later(900)
    );
    assert_eq!(
        reports.ask("a", &telling(70, 8_700, 50), at(350)),
        later(650)
    );
    assert_eq!(
        reports.ask("a", &telling(75, 8_800, 0), at(400)),
        later(600)
    );
    assert_eq!(reports.wait(at(500)), Some(Duration::from_millis(500)));
    assert!(reports.take_due(at(999)).is_empty());
    let due = reports.take_due(at(1_200));
    let (object, sum) = &due[0];
    assert_eq!((due.len(), object.as_str(), sum.count), (1, "a", 3));
    // The first of them was answered 1.1 s ago, the last came back 8.8 s after 400 ms.
    assert_eq!(sum.age, Duration::from_millis(1_100));
    assert_eq!(sum.limits[0].remaining, Some(70));
    let reset = sum.limits[0].reset.unwrap().instant(at(100));
    assert_eq!(reset, at(9_200));
}

/// What is sent of limits that are told one after the other in a second: what remains and, in ms
/// from the start on, when it comes back.
fn summed(told: &[(u64, Option<u64>, u64, u64)]) -> (Option<u64>, Option<u64>) {
    let (policy, mut reports) = (policy(""), reports());
    let telling = |remaining, reset: Option<u64>, age| Report {
        limits: vec![Told {
            limit: Some(100),
            remaining: Some(remaining),
            reset: reset.map(|reset| When::At(at(reset))),
            ..Told::default()
        }],
        age: Duration::from_millis(age),
        ..report(&policy, 200)
    };
    reports.ask("a", &telling(100, None, 0), at(0));
    for (remaining, reset, age, now) in told {
        let report = telling(*remaining, *reset, *age);
        assert!(matches!(
            reports.ask("a", &report, at(*now)),
            Sending::Later(_)
        ));
    }
    let (_, sum) = reports.take_due(at(SECOND)).remove(0);
    let told = &sum.limits[0];
    let reset = told.reset.map(|it| it.instant(at(0)));
    (told.remaining, reset.map(|it| it.since(at(0)).as_millis()))
}

#[test]
fn what_remained_of_the_last_window_is_not_what_remains_of_the_next() {
    let hour = 3_601_000;
    let last = [(3, Some(1_000), 0, 500), (2, Some(1_000), 0, 700)];
    let turned = [last[0], last[1], (99, Some(hour), 0, 900)];
    assert_eq!(summed(&turned), (Some(99), Some(hour)));
    // However late it is told.
    let late = [(99, Some(hour), 0, 800), (2, Some(1_000), 700, 900)];
    assert_eq!(summed(&late), (Some(99), Some(hour)));
    let both = [turned[2], (98, Some(hour + 400), 0, 950)];
    assert_eq!(summed(&both), (Some(98), Some(hour + 400)));
    // Upstreams tell whole seconds: a second later is another window.
    let short = [(3, Some(1_000), 0, 500), (9, Some(2_000), 0, 900)];
    assert_eq!(summed(&short), (Some(9), Some(2_000)));
    // Where no reset is told the newest answer says it.
    let unsaid = [(2, None, 0, 500), (99, None, 0, 900), (3, None, 300, 950)];
    assert_eq!(summed(&unsaid), (Some(99), None));
}

#[test]
fn a_clock_that_steps_back_holds_no_sum_up() {
    let (policy, mut reports) = (policy(r#","breaker":{}"#), reports());
    let success = report(&policy, 200);
    for now in [100_000, 100_100] {
        reports.ask("a", &success, at(now));
    }
    assert_eq!(reports.wait(at(50_000)), Some(Duration::ZERO));
    assert_eq!(reports.take_due(at(50_000)).len(), 1);
    assert_eq!(reports.ask("a", &success, at(50_100)), later(900));
}

#[test]
fn what_waits_is_bounded() {
    let (policy, mut reports) = (policy(r#","breaker":{}"#), reports());
    for i in 0..2 * MAX_SUBJECTS {
        for now in [0, 1] {
            reports.ask(&format!("subject-{i}"), &report(&policy, 200), at(now));
        }
    }
    assert!(reports.take_due(at(2 * SECOND)).len() <= MAX_SUBJECTS);
}

#[test]
fn a_gate_is_known_to_be_closed_until_it_opens_and_of_its_own_subject_and_policy() {
    let (api, mut reports) = (policy(""), reports());
    let other = api
        .clone()
        .named(Name::new("policy", "b").unwrap(), version(1));
    assert!(!reports.is_closed("a", &api, at(0)));
    reports.cooled("a", &api, at(5 * SECOND), at(0));
    reports.cooled("a", &api, at(3 * SECOND), at(1));
    assert!(reports.is_closed("a", &api, at(5 * SECOND - 1)));
    assert!(!reports.is_closed("a", &api, at(5 * SECOND)));
    assert!(!reports.is_closed("b", &api, at(1)));
    assert!(!reports.is_closed("a", &other, at(1)));
}
