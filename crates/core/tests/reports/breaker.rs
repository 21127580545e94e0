//! Failures open the breaker, and an answer to a probe closes it or opens it again.

use tollgate_core::decide::Check;
use tollgate_core::policy::Policy;
use tollgate_core::report::{BreakerState, Report};
use tollgate_core::subject_state::Effects;
use tollgate_core::Duration;

use crate::common::object::Object;
use crate::common::{moment, START};
use crate::said::{
    answered, answers, api, ask, is_broken, outlook, refused, report, state, HOUR, MINUTE, SECOND,
};

const BREAKING: &str = r#"{"limit":5000,"window":"1h","breaker":{"statuses":["5xx",408],"threshold":3,"window":"10s","open":"20s","probes":2}}"#;

#[test]
fn failures_open_the_breaker_and_a_success_closes_it() {
    let (policy, mut object) = (api(BREAKING), Object::default());
    let done = answers(&mut object, &policy, 503, 2, 0);
    assert_eq!(state(&done), Some(BreakerState::Closed));
    // Ones that are no failures: an error of the caller, an answer.
    for status in [404, 200] {
        answers(&mut object, &policy, status, 5, SECOND);
    }
    object = object.restarted();
    let done = answers(&mut object, &policy, 408, 1, 9 * SECOND);
    assert_eq!(state(&done), Some(BreakerState::Open));
    is_broken(&ask(&mut object, &policy, 10 * SECOND), 19 * SECOND);
    object = object.restarted();
    is_broken(&ask(&mut object, &policy, 29 * SECOND - 1), 1);
    // Half open: two at a time, until one is answered; nobody waits for their answers for ever.
    assert!(ask(&mut object, &policy, 29 * SECOND).success);
    assert!(ask(&mut object, &policy, 30 * SECOND).success);
    object = object.restarted();
    let third = ask(&mut object, &policy, 31 * SECOND);
    is_broken(&third, 18 * SECOND);
    assert_eq!(third.cache_for, Duration::ZERO, "a report may end it");
    assert!(ask(&mut object, &policy, 49 * SECOND).success);
    let failed = report(&mut object, &answered(&policy, 500), 49 * SECOND);
    assert_eq!(state(&failed), Some(BreakerState::Open));
    is_broken(&ask(&mut object, &policy, 50 * SECOND), 19 * SECOND);
    assert!(ask(&mut object, &policy, 69 * SECOND).success);
    let done = report(&mut object, &answered(&policy, 204), 69 * SECOND);
    assert_eq!(state(&done), None);
    for _ in 0..10 {
        assert!(ask(&mut object, &policy, 70 * SECOND).success);
    }
}

#[test]
fn failures_count_only_within_their_window() {
    let (policy, mut object) = (api(BREAKING), Object::default());
    for now in [0, 6 * SECOND, 12 * SECOND, 18 * SECOND] {
        let done = answers(&mut object, &policy, 500, 1, now);
        assert_eq!(state(&done), Some(BreakerState::Closed), "{now}");
    }
    let done = answers(&mut object, &policy, 500, 1, 19 * SECOND);
    assert_eq!(state(&done), Some(BreakerState::Open));
}

#[test]
fn rate_limited_is_not_failed() {
    let json = BREAKING.replace("\"5xx\",408", "\"4xx\"");
    let (policy, mut object) = (api(&json), Object::default());
    for now in 0..60 {
        ask(&mut object, &policy, now);
    }
    for now in 60..80 {
        let done = report(&mut object, &answered(&policy, 429), now);
        assert_eq!(state(&done), None);
        let forbidden = Report {
            refused: true,
            ..answered(&policy, 403)
        };
        assert_eq!(state(&report(&mut object, &forbidden, now)), None);
    }
    let done = report(&mut object, &answered(&policy, 404), 80);
    assert_eq!(state(&done), Some(BreakerState::Closed));
}

#[test]
fn failures_of_calls_that_nobody_made_open_no_breaker() {
    // k3: `status: 500` a hundred times.
    let (policy, mut object) = (api(BREAKING), Object::default());
    for now in 0..100 {
        report(&mut object, &answered(&policy, 500), now);
    }
    assert!(object.rows.is_empty());
    for now in [100, 101] {
        assert!(ask(&mut object, &policy, now).success);
    }
    for now in 102..200 {
        let done = report(&mut object, &answered(&policy, 500), now);
        assert_eq!(state(&done), Some(BreakerState::Closed));
    }
    assert!(ask(&mut object, &policy, 200).success);
    let summed = Report {
        count: 1_000,
        ..answered(&policy, 500)
    };
    let done = report(&mut object, &summed, 201);
    assert_eq!(state(&done), Some(BreakerState::Open));
    // Half open the same: an answer that no probe waits for says nothing.
    let half = 201 + 20 * SECOND;
    for now in 0..10 {
        let done = report(&mut object, &answered(&policy, 200), half + now);
        assert_eq!(state(&done), Some(BreakerState::HalfOpen));
    }
}

#[test]
fn an_answer_from_before_it_was_half_open_closes_no_breaker() {
    let (policy, mut object) = (api(BREAKING), Object::default());
    for _ in 0..10 {
        ask(&mut object, &policy, 0);
    }
    for now in 0..3 {
        report(&mut object, &answered(&policy, 500), now);
    }
    // Calls in flight from before, of which nobody told when they were answered.
    let half = 2 + 20 * SECOND;
    for status in [200, 500] {
        let done = report(&mut object, &answered(&policy, status), half);
        assert_eq!(state(&done), Some(BreakerState::HalfOpen), "{status}");
    }
    // Of which somebody did, while a probe is waited for.
    assert!(ask(&mut object, &policy, half).success);
    let early = Report {
        age: Duration::from_millis(1),
        ..answered(&policy, 200)
    };
    let done = report(&mut object, &early, half);
    assert_eq!(state(&done), Some(BreakerState::HalfOpen));
    assert_eq!(
        state(&report(&mut object, &answered(&policy, 200), half)),
        None
    );
}

#[test]
fn calls_from_before_a_sleep_may_be_reported() {
    let (policy, mut object) = (api(BREAKING), Object::default());
    object.ask(&policy, 3, START);
    object = object.restarted();
    for now in 0..3 {
        report(&mut object, &answered(&policy, 500), 30 * SECOND + now);
    }
    is_broken(&ask(&mut object, &policy, 31 * SECOND), 19 * SECOND + 2);
}

/// A policy whose breaker is open for an hour, and a subject of which it has opened: when it is
/// half open.
fn opened() -> (Policy, Object, u64) {
    let policy =
        api(r#"{"limit":5000,"window":"1h","breaker":{"threshold":3,"window":"10s","open":"1h"}}"#);
    let mut object = Object::default();
    let done = answers(&mut object, &policy, 500, 3, 0);
    assert_eq!(state(&done), Some(BreakerState::Open));
    (policy, object, HOUR)
}

#[test]
fn a_probe_that_is_refused_has_been_answered_and_says_nothing() {
    for sleeps in [false, true] {
        let (policy, mut object, half) = opened();
        assert!(ask(&mut object, &policy, half).success);
        is_broken(&ask(&mut object, &policy, half + 5), HOUR - 5);
        let done = report(&mut object, &refused(&policy, SECOND), half + 10);
        assert_eq!(state(&done), Some(BreakerState::HalfOpen));
        if sleeps {
            object = object.restarted();
        }
        assert!(ask(&mut object, &policy, half + 2 * SECOND).success);
        let third = ask(&mut object, &policy, half + 2 * SECOND);
        is_broken(&third, HOUR);
        let done = report(&mut object, &answered(&policy, 200), half + 3 * SECOND);
        assert_eq!(state(&done), None);
    }
}

#[test]
fn a_probe_that_was_taken_back_is_none() {
    let (policy, mut object, half) = opened();
    // A level above refuses: the charge here is cancelled, and no call is made.
    let probe = object.limit(&policy, Check::ONE, Some(7), START + half);
    assert!(probe.unwrap().success);
    assert!(!ask(&mut object, &policy, half + 4).success);
    object.cancel(7, START + half + 5);
    let slept = object.restarted().ask(&policy, 1, START + half + 6);
    assert!(slept.success);
    assert!(ask(&mut object, &policy, half + 6).success);
    assert!(!ask(&mut object, &policy, half + 7).success);
}

#[test]
fn a_probe_that_has_left_its_place_is_none() {
    let policy = api(
        r#"{"algorithm":"leakyBucket","capacity":10,"leak":{"amount":1,"interval":"1s"},"maxDelay":"9s",
            "breaker":{"threshold":1,"open":"1h","probes":2}}"#,
    );
    for is_released in [false, true] {
        let mut object = Object::default();
        answers(&mut object, &policy, 500, 1, 0);
        let probe = |object: &mut Object, operation| {
            let patient = Check {
                max_delay: Some(Duration::from_secs(9)),
                ..Check::ONE
            };
            let asked = object.limit(&policy, patient, Some(operation), START + HOUR);
            asked.unwrap()
        };
        assert!(probe(&mut object, 1).success);
        // It waits for its turn, and leaves.
        let waiting = probe(&mut object, 2);
        assert_eq!(waiting.delay, Some(Duration::from_millis(SECOND)));
        assert!(!probe(&mut object, 3).success);
        match is_released {
            true => {
                let mut effects = Effects::default();
                let permit = waiting.grant.unwrap().permit;
                let now = moment(START + HOUR + 1);
                object.state.release(permit, now, &mut effects).unwrap();
                object.apply(effects);
            }
            false => object.cancel(2, START + HOUR + 1),
        }
        assert!(probe(&mut object, 4).success);
        assert!(!probe(&mut object, 5).success);
    }
}

#[test]
fn half_open_for_a_day_without_a_report_it_is_closed() {
    let (policy, mut object, half) = opened();
    let over = half + 24 * HOUR;
    // Something else of the outlook is kept alive meanwhile.
    for now in (half..over).step_by(HOUR as usize) {
        assert!(ask(&mut object, &policy, now).success);
        report(&mut object, &refused(&policy, 59 * MINUTE), now);
    }
    let half_open = outlook(&object, over - 1).unwrap().breaker.unwrap();
    assert_eq!(half_open.state, BreakerState::HalfOpen);
    assert_eq!(outlook(&object, over).and_then(|it| it.breaker), None);
    for _ in 0..10 {
        assert!(ask(&mut object, &policy, over).success);
    }
    // It opens as any other does.
    for i in 0..3 {
        let done = report(&mut object, &answered(&policy, 500), over + i);
        let expected = [
            BreakerState::Closed,
            BreakerState::Closed,
            BreakerState::Open,
        ];
        assert_eq!(state(&done), Some(expected[i as usize]));
    }
}

#[test]
fn failures_count_when_they_were_answered() {
    let (policy, mut object) = (api(BREAKING), Object::default());
    for _ in 0..10 {
        ask(&mut object, &policy, HOUR);
    }
    let aged = |age| Report {
        age: Duration::from_millis(age),
        ..answered(&policy, 500)
    };
    for age in [1_000 * SECOND, 2_000 * SECOND, 10 * SECOND] {
        let done = report(&mut object, &aged(age), HOUR);
        assert_eq!(state(&done), None);
    }
    for age in [9 * SECOND, 5 * SECOND] {
        let done = report(&mut object, &aged(age), HOUR);
        assert_eq!(state(&done), Some(BreakerState::Closed));
    }
    // The first of them is over.
    let done = report(&mut object, &aged(0), HOUR + SECOND);
    assert_eq!(done.breaker.unwrap().failures, 2);
    let done = report(&mut object, &aged(SECOND), HOUR + SECOND);
    assert_eq!(state(&done), Some(BreakerState::Open));
}

#[test]
fn failures_are_shown_while_they_count() {
    let policy = api(
        r#"{"limit":5000,"window":"1h","maxCoolDown":"30m","breaker":{"threshold":3,"window":"10s"}}"#,
    );
    let mut object = Object::default();
    answers(&mut object, &policy, 500, 1, 0);
    answers(&mut object, &policy, 500, 1, 4 * SECOND);
    report(&mut object, &refused(&policy, 30 * MINUTE), 4 * SECOND);
    for (now, failures) in [(9_999, Some(2)), (10_000, Some(1)), (14_000, None)] {
        let breaker = outlook(&object, now).unwrap().breaker;
        assert_eq!(breaker.map(|it| it.failures), failures, "{now}");
    }
}

#[test]
fn a_clock_that_steps_back_opens_it_for_no_longer() {
    let policy = api(r#"{"limit":5000,"window":"1h","breaker":{"threshold":1,"open":"1s"}}"#);
    let mut object = Object::default();
    answers(&mut object, &policy, 500, 1, HOUR);
    is_broken(&ask(&mut object, &policy, 10), SECOND);
    is_broken(&ask(&mut object, &policy, 510), 500);
}
