//! What callers report of upstreams: a refusal closes the gate for everybody, what the upstream
//! tells of its limits takes units away, and nothing of it ever gives any.

#![allow(clippy::unwrap_used)]

mod common;

use common::generated::spec;
use common::object::Object;
use common::{algorithm, bucket, fixed, leaky, moment, named, policy_of, version, START};
use proptest::option;
use proptest::prelude::*;
use tollgate_core::api::policy::named::parse as parse_policy;
use tollgate_core::decide::Check;
use tollgate_core::decision::{Decision, Reason};
use tollgate_core::limit::{Concurrency, Name};
use tollgate_core::message::{Answer, Call, MESSAGES};
use tollgate_core::policy::Policy;
use tollgate_core::report::{
    Adjusted, BreakerState, Closed, ClosedBy, Heeded, Report, Reported, Told, Unfit, When,
};
use tollgate_core::subject_state::Effects;
use tollgate_core::{Algorithm, Duration, Limit, Timestamp};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(START + ms)
}

fn after(ms: u64) -> Option<When> {
    Some(When::After(Duration::from_millis(ms)))
}

/// A policy of the name `api` as it is written in JSON.
fn api(json: &str) -> Policy {
    let policy = parse_policy(json).unwrap().policy;
    policy.named(Name::new("policy", "api").unwrap(), version(1))
}

/// 5,000 an hour in an aligned window.
fn hourly() -> Policy {
    api(r#"{"algorithm":"fixedWindow","limit":5000,"window":"1h"}"#)
}

/// A report of this status that says nothing else.
fn answered(policy: &Policy, status: u16) -> Report {
    Report {
        policy: policy.clone(),
        limit: None,
        status,
        refused: status == 429,
        wait: None,
        limits: Vec::new(),
        age: Duration::ZERO,
        by: "worker".to_owned(),
        count: 1,
        in_use: None,
    }
}

/// A refusal that says how long to wait.
fn refused(policy: &Policy, wait: u64) -> Report {
    Report {
        wait: after(wait),
        ..answered(policy, 429)
    }
}

/// A success that tells one limit.
fn telling(policy: &Policy, told: Told) -> Report {
    Report {
        limits: vec![told],
        ..answered(policy, 200)
    }
}

fn told(limit: Option<u64>, remaining: u64) -> Told {
    Told {
        limit,
        remaining: Some(remaining),
        ..Told::default()
    }
}

#[track_caller]
fn report(object: &mut Object, report: &Report, now: u64) -> Reported {
    let mut effects = Effects::default();
    let call = Call::Report(Box::new(report.clone()));
    let (_, decoded) = Call::decode(&call.encode()).unwrap();
    assert_eq!(decoded, call);
    let state = &mut object.state;
    let answer = state.answer(&call, &mut || 1, moment(START + now), &mut effects);
    object.apply(effects);
    match answer {
        Answer::Reported(reported) => reported,
        other => panic!("{other:?}"),
    }
}

fn ask(object: &mut Object, policy: &Policy, now: u64) -> Decision {
    object.ask(policy, 1, START + now)
}

#[track_caller]
fn is_cool_down(answer: &Decision, wait: u64) {
    assert_eq!(answer.reason, Some(Reason::CoolDown));
    let wait = Some(Duration::from_millis(wait));
    assert_eq!((answer.success, answer.retry_after), (false, wait));
}

fn closed(reported: &Reported) -> Option<(u64, ClosedBy)> {
    let gate = reported.gate.as_ref()?;
    Some((gate.until.as_millis() - START, gate.cause))
}

#[track_caller]
fn ignored(reported: &Reported) -> Vec<Unfit> {
    let unfit = reported.limits.iter().map(|it| match it {
        Heeded::Ignored(why) => *why,
        Heeded::Of { .. } => panic!("{it:?}"),
    });
    unfit.collect()
}

#[track_caller]
fn moved(reported: &Reported) -> (&str, u64, u64) {
    match &reported.limits[..] {
        [Heeded::Of { limit, from, to }] => (limit, *from, *to),
        other => panic!("{other:?}"),
    }
}

// The gate.

#[test]
fn a_refusal_closes_the_gate_for_everybody_until_the_told_wait() {
    let (policy, mut object) = (hourly(), Object::default());
    assert!(ask(&mut object, &policy, 0).success);
    let done = report(&mut object, &refused(&policy, 60 * SECOND), 0);
    let gate = Closed {
        until: at(60 * SECOND),
        cause: ClosedBy::Told,
        by: "worker".to_owned(),
    };
    assert_eq!(done.gate, Some(gate.clone()));
    assert!(!done.is_cut && !done.is_late);
    is_cool_down(&ask(&mut object, &policy, 1), 60 * SECOND - 1);
    is_cool_down(&object.ask(&policy, 0, START + 2), 60 * SECOND - 2);
    let peek = Check {
        peek: true,
        ..Check::ONE
    };
    let peeked = object.limit(&policy, peek, None, START + 3).unwrap();
    is_cool_down(&peeked, 60 * SECOND - 3);
    assert_eq!(peeked.cache_for, Duration::from_secs(1));
    // Another policy of the subject has another upstream.
    assert!(ask(&mut object, &policy_of(fixed(5, MINUTE)), 4).success);
    let status = object.state.status(None, moment(START + 5)).unwrap();
    assert_eq!(status.outlooks.len(), 1);
    assert_eq!(status.outlooks[0].gate, Some(gate));
    is_cool_down(&ask(&mut object, &policy, 60 * SECOND - 1), 1);
    assert!(ask(&mut object, &policy, 60 * SECOND).success);
    let status = object.state.status(None, moment(START + MINUTE)).unwrap();
    assert!(status.outlooks.is_empty());
}

#[test]
fn what_was_used_may_be_given_back_while_it_is_closed() {
    let (policy, mut object) = (hourly(), Object::default());
    object.ask(&policy, 10, START);
    report(&mut object, &refused(&policy, MINUTE), 0);
    assert!(object.ask(&policy, -10, START + 1).success);
    assert_eq!(object.left(&policy_of(fixed(1, MINUTE)), START + 2), 1);
    let after = object.ask(&policy, 1, START + MINUTE);
    assert_eq!(after.limits[0].remaining, 4_999);
}

#[test]
fn a_503_closes_it_where_it_tells_a_wait_and_a_403_where_it_is_a_refusal() {
    let policy = hourly();
    for (status, wait, is_refused, closes) in [
        (503, after(5 * SECOND), false, true),
        (503, None, false, false),
        (500, after(5 * SECOND), false, false),
        (403, after(5 * SECOND), true, true),
        (403, None, false, false),
        (200, None, false, false),
    ] {
        let mut object = Object::default();
        let answer = Report {
            wait,
            refused: is_refused,
            ..answered(&policy, status)
        };
        let done = report(&mut object, &answer, 0);
        let expected = closes.then_some((5 * SECOND, ClosedBy::Told));
        assert_eq!(closed(&done), expected, "{status}");
        assert_eq!(object.rows.is_empty(), !closes, "{status}");
    }
}

#[test]
fn a_restart_keeps_it_and_the_alarm_ends_with_nothing() {
    let (policy, mut object) = (hourly(), Object::default());
    report(&mut object, &refused(&policy, MINUTE), 0);
    assert_eq!(object.rows.keys().collect::<Vec<_>>(), ["outlook/api"]);
    object = object.restarted();
    is_cool_down(&ask(&mut object, &policy, 10 * SECOND), 50 * SECOND);
    object.clean(START + 30 * SECOND);
    is_cool_down(&ask(&mut object, &policy, 40 * SECOND), 20 * SECOND);
    object.clean(START + MINUTE);
    assert!(object.rows.is_empty());
}

#[test]
fn a_build_from_before_takes_it_for_a_block_until_it_opens() {
    let (policy, mut object) = (hourly(), Object::default());
    report(&mut object, &refused(&policy, MINUTE), 0);
    let until = START + MINUTE;
    let row = format!(
        "1 block policy=api until={until} reason= outlook=1 gate={until} cause=told by=worker kept={until}"
    );
    assert_eq!(object.rows["outlook/api"], row);
    let older = row.split(" outlook").next().unwrap();
    let mut older = tollgate_core::subject_state::SubjectState::from_rows([("block/api", older)]);
    let items = [tollgate_core::subject_state::Item {
        policy,
        check: Check::ONE,
    }];
    let mut effects = Effects::default();
    let answer = older.limit(&items, None, &mut || 1, moment(START + 1), &mut effects);
    assert_eq!(answer.unwrap()[0].reason, Some(Reason::Blocked));
}

#[test]
fn a_worker_from_before_takes_it_for_a_block() {
    let (policy, mut object) = (hourly(), Object::default());
    report(&mut object, &refused(&policy, MINUTE), 0);
    let until = START + MINUTE;
    let shut = Answer::Decided(vec![ask(&mut object, &policy, 1)]);
    let text = shut.encode_in(MESSAGES.written());
    assert!(text.contains(" reason=blocked exactly=coolDown "), "{text}");
    assert_eq!(Answer::decode(&text), Ok(shut));
    let status = object.state.status(None, moment(START + 2)).unwrap();
    let text = Answer::Status(status).encode_in(MESSAGES.written());
    let lines: Vec<&str> = text.split('\n').collect();
    let block = format!(
        "block policy=api until={until} reason= outlook=1 closedUntil={until} cause=told by=worker"
    );
    assert_eq!(lines[1], block);
    assert!(lines[2].ends_with(" reason=blocked exactly=coolDown"));
}

#[test]
fn a_reset_ends_it_of_its_policy() {
    let (policy, mut object) = (hourly(), Object::default());
    report(&mut object, &refused(&policy, MINUTE), 0);
    let reset = |object: &mut Object, policy| {
        let mut effects = Effects::default();
        let done = object.state.reset(policy, moment(START + 1), &mut effects);
        object.apply(effects);
        done.unwrap();
    };
    reset(&mut object, Some("other"));
    is_cool_down(&ask(&mut object, &policy, 2), MINUTE - 2);
    reset(&mut object, Some("api"));
    assert!(!object.rows.contains_key("outlook/api"));
    assert!(ask(&mut object, &policy, 3).success);
    report(&mut object, &refused(&policy, MINUTE), 4);
    reset(&mut object, None);
    assert!(ask(&mut object, &policy, 5).success);
}

#[test]
fn a_spoofed_wait_of_a_year_is_cut() {
    // k3: the policy's longest window, at most an hour; or what the policy says.
    let year = 365 * 24 * HOUR;
    for (json, longest) in [
        (
            r#"{"algorithm":"fixedWindow","limit":5,"window":"10m"}"#,
            10 * MINUTE,
        ),
        (r#"{"algorithm":"quota","limit":5,"period":"day"}"#, HOUR),
        (r#"{"algorithm":"concurrency","limit":5,"ttl":"1m"}"#, HOUR),
        (
            r#"{"algorithm":"fixedWindow","limit":5,"window":"100ms"}"#,
            SECOND,
        ),
        (
            r#"{"algorithm":"tokenBucket","capacity":60,"refill":{"amount":1,"interval":"1s"}}"#,
            MINUTE,
        ),
        (
            r#"{"limits":[{"limit":5,"window":"1m"},{"limit":50,"window":"5m"}]}"#,
            5 * MINUTE,
        ),
        (
            r#"{"algorithm":"fixedWindow","limit":5,"window":"10m","maxCoolDown":"5s"}"#,
            5 * SECOND,
        ),
        (
            r#"{"algorithm":"fixedWindow","limit":5,"window":"10m","maxCoolDown":"1d"}"#,
            24 * HOUR,
        ),
    ] {
        let (policy, mut object) = (api(json), Object::default());
        let done = report(&mut object, &refused(&policy, year), 0);
        assert_eq!(closed(&done), Some((longest, ClosedBy::Told)), "{json}");
        assert!(done.is_cut, "{json}");
        let done = report(&mut object, &refused(&policy, 1), 1);
        assert!(!done.is_cut && !done.is_late, "{json}");
        assert_eq!(
            closed(&done),
            Some((longest, ClosedBy::Told)),
            "never earlier"
        );
    }
}

#[test]
fn a_late_report_closes_it_from_the_answer_on() {
    // k2: told 50 s late, 60 s from the answer on are 10 s from now on.
    let (policy, mut object) = (hourly(), Object::default());
    let late = |wait, age| Report {
        age: Duration::from_millis(age),
        ..refused(&policy, wait)
    };
    let done = report(&mut object, &late(60 * SECOND, 50 * SECOND), 50 * SECOND);
    assert_eq!(closed(&done), Some((60 * SECOND, ClosedBy::Told)));
    let mut object = Object::default();
    let done = report(&mut object, &late(60 * SECOND, 60 * SECOND), 60 * SECOND);
    assert_eq!((closed(&done), done.is_late), (None, true));
    assert!(object.rows.is_empty());
    assert!(ask(&mut object, &policy, 60 * SECOND).success);
}

#[test]
fn a_hundred_calls_in_flight_that_are_all_refused_back_off_once() {
    let policy =
        api(r#"{"limit":5000,"window":"1h","backOff":{"first":"1s","factor":3,"max":"20s"}}"#);
    let mut object = Object::default();
    for i in 0..100 {
        let done = report(&mut object, &answered(&policy, 429), i);
        assert_eq!(closed(&done), Some((SECOND, ClosedBy::BackOff)), "{i}");
    }
    // Those that are told after the opening are of the same cool-down: nobody has gone since.
    for i in 0..5 {
        let done = report(&mut object, &answered(&policy, 429), SECOND + i);
        assert_eq!((closed(&done), done.is_late), (None, true));
    }
    // Whoever goes now and is refused closes it for longer, and the next for longer still.
    let (mut now, mut waits) = (2 * SECOND, Vec::new());
    for _ in 0..4 {
        assert!(ask(&mut object, &policy, now).success);
        let done = report(&mut object, &answered(&policy, 429), now + 10);
        let until = closed(&done).unwrap().0;
        waits.push(until - now - 10);
        object = object.restarted();
        now = until;
    }
    assert_eq!(waits, [3 * SECOND, 9 * SECOND, 20 * SECOND, 20 * SECOND]);
    // A success from before it opened says nothing, one from after it forgets the steps.
    let early = Report {
        age: Duration::from_secs(1),
        ..answered(&policy, 200)
    };
    report(&mut object, &early, now);
    assert!(ask(&mut object, &policy, now).success);
    let done = report(&mut object, &answered(&policy, 429), now);
    assert_eq!(closed(&done).unwrap().0, now + 20 * SECOND);
    now += 20 * SECOND;
    assert!(ask(&mut object, &policy, now).success);
    report(&mut object, &answered(&policy, 200), now + 1);
    let done = report(&mut object, &answered(&policy, 429), now + 2);
    assert_eq!(closed(&done).unwrap().0, now + 2 + SECOND);
}

#[test]
fn a_back_off_is_forgotten_when_its_longest_wait_has_passed() {
    let policy = hourly(); // 1 s, doubled, up to a minute
    let mut object = Object::default();
    for (now, wait) in [(0, 1), (2 * SECOND, 2), (5 * SECOND, 4)] {
        ask(&mut object, &policy, now);
        let done = report(&mut object, &answered(&policy, 429), now);
        assert_eq!(closed(&done).unwrap().0, now + wait * SECOND);
    }
    let opened = 9 * SECOND;
    object.clean(START + opened + MINUTE - 1);
    assert!(object.rows.contains_key("outlook/api"));
    object.clean(START + opened + MINUTE);
    assert!(!object.rows.contains_key("outlook/api"));
    let done = report(&mut object, &answered(&policy, 429), opened + MINUTE);
    assert_eq!(closed(&done).unwrap().0, opened + MINUTE + SECOND);
}

#[test]
fn a_refusal_without_a_wait_waits_for_the_limit_of_which_nothing_remains() {
    let (policy, mut object) = (hourly(), Object::default());
    let answer = Report {
        limits: vec![Told {
            reset: Some(When::At(at(50 * MINUTE))),
            ..told(Some(5_000), 0)
        }],
        ..answered(&policy, 429)
    };
    let done = report(&mut object, &answer, 0);
    assert_eq!(closed(&done), Some((50 * MINUTE, ClosedBy::Reset)));
    // Another limit's reset is none of ours.
    let mut other = answer;
    other.limits[0].limit = Some(30);
    let done = report(&mut Object::default(), &other, 0);
    assert_eq!(closed(&done), Some((SECOND, ClosedBy::BackOff)));
}

#[test]
fn a_gate_opens_on_empty_buckets() {
    // i5: everybody is told one instant; the bucket of 100 must not be full then.
    for algorithm in [
        Algorithm::TokenBucket(bucket(100, 1, SECOND)),
        Algorithm::TokenBucket(bucket(100, 5, 5 * SECOND).stepped().unwrap()),
        Algorithm::LeakyBucket(leaky(100, 1, SECOND)),
    ] {
        let (policy, mut object) = (policy_of(algorithm), Object::default());
        let done = report(&mut object, &refused(&policy, 10 * SECOND), 0);
        assert_eq!(closed(&done), Some((10 * SECOND, ClosedBy::Told)));
        object = object.restarted();
        // The told wait is exact: at the opening nothing is left.
        let told = ask(&mut object, &policy, 1)
            .retry_after
            .unwrap()
            .as_millis()
            + 1;
        assert!(told > 10 * SECOND, "{told}");
        let early = ask(&mut object, &policy, told - 1);
        assert!(!early.success);
        let mut admitted = 0;
        for now in 10 * SECOND..told + 20 * SECOND {
            admitted += u64::from(ask(&mut object, &policy, now).success);
        }
        assert!(
            (20..=25).contains(&admitted),
            "{admitted} within 20 s at 1/s"
        );
    }
}

#[test]
fn the_wait_of_a_dear_request_tells_when_it_fits_after_the_opening() {
    let policy = policy_of(Algorithm::TokenBucket(bucket(10, 1, SECOND)));
    let mut object = Object::default();
    report(&mut object, &refused(&policy, 5 * SECOND), 0);
    let dear = object.ask(&policy, 4, START);
    is_cool_down(&dear, 9 * SECOND);
    assert!(!object.ask(&policy, 4, START + 9 * SECOND - 1).success);
    assert!(object.ask(&policy, 4, START + 9 * SECOND).success);
    let never = object.ask(&policy, 11, START + 1);
    assert_eq!(never.reason, Some(Reason::CostExceedsCapacity));
    assert_eq!(never.retry_after, None);
}

#[test]
fn a_place_that_was_promised_before_is_kept() {
    // i4: a promise is about units.
    let policy = api(
        r#"{"algorithm":"tokenBucket","capacity":1,"refill":{"amount":1,"interval":"1s"},"maxCoolDown":"1m"}"#,
    );
    let mut object = Object::default();
    let waiting = Check {
        max_delay: Some(Duration::from_secs(60)),
        ..Check::ONE
    };
    for i in 0..5u64 {
        let place = object.limit(&policy, waiting.clone(), None, START).unwrap();
        assert_eq!(place.delay, Some(Duration::from_secs(i)));
    }
    report(&mut object, &refused(&policy, 30 * SECOND), 0);
    let shut = object.limit(&policy, waiting, None, START + 1).unwrap();
    assert_eq!(shut.reason, Some(Reason::CoolDown));
    // A shaper that is asked after it spaces its callers as before.
    let answer = ask(&mut object, &policy, 30 * SECOND);
    assert_eq!(answer.reason, Some(Reason::Limit));
}

// Which limit a report moves.

#[test]
fn a_limit_is_pulled_down_by_its_number_and_never_up() {
    let (policy, mut object) = (hourly(), Object::default());
    object.ask(&policy, 10, START);
    let done = report(&mut object, &telling(&policy, told(Some(5_000), 3_000)), 1);
    assert_eq!(moved(&done), ("5000/1h", 4_990, 3_000));
    object = object.restarted();
    assert_eq!(object.left(&policy, START + 2), 3_000);
    let done = report(&mut object, &telling(&policy, told(Some(5_000), 4_000)), 3);
    assert_eq!(moved(&done), ("5000/1h", 3_000, 3_000));
    assert_eq!(object.left(&policy, START + 4), 3_000);
}

#[test]
fn the_answer_of_another_limit_moves_none() {
    // k1: GitHub's search tells 30 a minute, 9 left; the policy has 5,000 an hour.
    let (policy, mut object) = (hourly(), Object::default());
    let search = Told {
        reset: after(30 * SECOND),
        ..told(Some(30), 9)
    };
    let done = report(&mut object, &telling(&policy, search), 0);
    assert_eq!(ignored(&done), [Unfit::AnotherLimit]);
    assert_eq!(object.left(&policy, START), 5_000);
    // Its wait counts all the same.
    let answer = Report {
        limits: vec![told(Some(30), 0)],
        ..refused(&policy, MINUTE)
    };
    let done = report(&mut object, &answer, 0);
    assert_eq!(ignored(&done), [Unfit::AnotherLimit]);
    assert_eq!(closed(&done), Some((MINUTE, ClosedBy::Told)));
    assert_eq!(object.left(&policy, START + MINUTE), 5_000);
}

#[test]
fn nothing_left_of_the_hour_does_not_move_the_limit_of_a_second() {
    // k1: "the tightest" would be free 100 ms later, or not for an hour.
    let policy = api(
        r#"{"limits":[{"name":"second","limit":10,"window":"1s"},{"name":"hour","limit":5000,"window":"1h"}]}"#,
    );
    let left = |object: &mut Object| {
        let answer = object.ask(&policy, 0, START);
        [answer.limits[0].remaining, answer.limits[1].remaining]
    };
    let with_reset = |ms| Told {
        reset: after(ms),
        ..told(None, 0)
    };
    for (told, expected) in [
        (told(Some(5_000), 7), Ok([10, 7])),
        (with_reset(30 * MINUTE), Ok([10, 0])),
        // Within a second both come back.
        (with_reset(500), Err(Unfit::Ambiguous)),
        (with_reset(2 * HOUR), Err(Unfit::AnotherLimit)),
        (told(None, 0), Err(Unfit::AnotherLimit)),
        (
            Told {
                name: Some("hour".to_owned()),
                ..told(Some(4_000), 5)
            },
            Ok([10, 5]),
        ),
        // Of as many units, but in another time.
        (
            Told {
                window: Some(Duration::from_secs(60)),
                ..told(Some(5_000), 5)
            },
            Err(Unfit::AnotherLimit),
        ),
    ] {
        let mut object = Object::default();
        let done = report(&mut object, &telling(&policy, told.clone()), 0);
        match expected {
            Ok(left_then) => assert_eq!(left(&mut object), left_then, "{told:?}"),
            Err(unfit) => {
                assert_eq!(ignored(&done), [unfit], "{told:?}");
                assert_eq!(left(&mut object), [10, 5_000], "{told:?}");
            }
        }
    }
    // Named in the report.
    let mut object = Object::default();
    let named = Report {
        limit: Some("hour".to_owned()),
        ..telling(&policy, told(Some(9_999), 4))
    };
    assert_eq!(moved(&report(&mut object, &named, 0)), ("hour", 5_000, 4));
    // One of two that were told is another one.
    let mut two = named.clone();
    two.limits.push(told(Some(5_000), 3));
    let done = report(&mut object, &two, 0);
    let of = |to| Heeded::Of {
        limit: "hour".to_owned(),
        from: 4,
        to,
    };
    assert_eq!(done.limits, [Heeded::Ignored(Unfit::AnotherLimit), of(3)]);
}

#[test]
fn what_has_come_back_since_is_ignored() {
    // k2: told late and out of order.
    let (policy, mut object) = (hourly(), Object::default());
    let passed = Told {
        reset: Some(When::At(at(0))),
        ..told(Some(5_000), 0)
    };
    let done = report(&mut object, &telling(&policy, passed.clone()), 1);
    assert_eq!(ignored(&done), [Unfit::Passed]);
    let late = Report {
        age: Duration::from_secs(60),
        ..telling(
            &policy,
            Told {
                reset: after(59 * SECOND),
                ..passed
            },
        )
    };
    let done = report(&mut object, &late, 2 * MINUTE);
    assert_eq!(ignored(&done), [Unfit::Passed]);
    assert_eq!(object.left(&policy, START + 2 * MINUTE), 5_000);
}

#[test]
fn slots_are_freed_by_their_holders_alone() {
    let slots = Concurrency::new(5, Duration::from_secs(60)).unwrap();
    let policy = policy_of(Algorithm::Concurrency(slots));
    let mut object = Object::default();
    let done = report(&mut object, &telling(&policy, told(Some(5), 0)), 0);
    assert_eq!(ignored(&done), [Unfit::Slots]);
    let silent = Told {
        limit: Some(5),
        ..Told::default()
    };
    let done = report(&mut object, &telling(&policy, silent), 0);
    assert_eq!(ignored(&done), [Unfit::Unsaid]);
    assert_eq!(object.left(&policy, START), 5);
}

#[test]
fn a_newer_version_is_the_one_that_is_moved() {
    let old = api(r#"{"limits":[{"name":"hour","limit":5000,"window":"1h"}]}"#);
    let new = api(r#"{"limits":[{"name":"hour","limit":4000,"window":"1h"}]}"#)
        .named(Name::new("policy", "api").unwrap(), version(2));
    let mut object = Object::default();
    object.ask(&new, 1, START);
    let done = report(&mut object, &telling(&old, told(Some(5_000), 100)), 1);
    assert_eq!(moved(&done), ("hour", 3_999, 100));
    assert_eq!(object.left(&new, START + 2), 100);
}

// The breaker.

const BREAKING: &str = r#"{"limit":5000,"window":"1h","breaker":{"statuses":["5xx",408],"threshold":3,"window":"10s","open":"20s","probes":2}}"#;

/// Admits so many and reports each with this status, at one instant.
fn answers(object: &mut Object, policy: &Policy, status: u16, count: u64, now: u64) -> Reported {
    let mut last = None;
    for _ in 0..count {
        assert!(ask(object, policy, now).success);
        last = Some(report(object, &answered(policy, status), now));
    }
    last.unwrap()
}

#[track_caller]
fn is_broken(answer: &Decision, wait: u64) {
    assert_eq!(answer.reason, Some(Reason::Breaker));
    let wait = Some(Duration::from_millis(wait));
    assert_eq!((answer.success, answer.retry_after), (false, wait));
}

fn state(reported: &Reported) -> Option<BreakerState> {
    reported.breaker.as_ref().map(|it| it.state)
}

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
    object.ask(&policy, 60, START);
    for now in 0..20 {
        let done = report(&mut object, &answered(&policy, 429), now);
        assert_eq!(state(&done), None);
        let forbidden = Report {
            refused: true,
            ..answered(&policy, 403)
        };
        assert_eq!(state(&report(&mut object, &forbidden, now)), None);
    }
    let done = report(&mut object, &answered(&policy, 404), 20);
    assert_eq!(state(&done), Some(BreakerState::Closed));
}

#[test]
fn no_more_reports_count_than_calls_were_admitted() {
    // k3: `status: 500` a hundred times.
    let (policy, mut object) = (api(BREAKING), Object::default());
    for now in 0..100 {
        report(&mut object, &answered(&policy, 500), now);
    }
    assert!(object.rows.is_empty());
    object.ask(&policy, 2, START + 100);
    for now in 100..200 {
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
    object.ask(&policy, 10, START);
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

// The limit that follows its upstream.

const ADAPTING: &str = r#"{"limits":[{"name":"rate","algorithm":"tokenBucket","capacity":100,"refill":{"amount":100,"interval":"1s"}},{"limit":5000,"window":"1h"}],
    "adapt":{"limit":"rate","floor":10,"increase":5,"decrease":0.5},"maxCoolDown":"1s"}"#;

fn numbers(object: &mut Object, policy: &Policy, now: u64) -> Vec<u64> {
    let answer = object.ask(policy, 1, START + now);
    answer.limits.iter().map(|it| it.limit).collect()
}

#[test]
fn a_refusal_lowers_the_limit_once_a_cool_down_and_successes_raise_it() {
    let (policy, mut object) = (api(ADAPTING), Object::default());
    object.ask(&policy, 100, START);
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
    object.ask(&policy, 4, START + 4 * SECOND);
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

// The pace.

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
    let policy = api(r#"{"limits":[{"name":"a","limit":50,"window":"1s"}],"pace":true}"#);
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

// Whatever is reported.

fn any_told() -> impl Strategy<Value = Told> {
    let numbers = (option::of(0u64..40), option::of(0u64..40));
    let when = prop_oneof![
        (0u64..2 * HOUR).prop_map(|ms| When::After(Duration::from_millis(ms))),
        (0u64..2 * HOUR).prop_map(|ms| When::At(at(ms))),
    ];
    (numbers, option::of(when)).prop_map(|((limit, remaining), reset)| Told {
        limit,
        remaining,
        reset,
        ..Told::default()
    })
}

fn any_report(policy: &Policy) -> impl Strategy<Value = Report> {
    let labels: Vec<String> = policy.limits().iter().map(Limit::label).collect();
    let label = option::of(prop::sample::select(labels));
    let wait = option::of((0u64..HOUR).prop_map(|ms| When::After(Duration::from_millis(ms))));
    let status = prop::sample::select(vec![200u16, 403, 429, 500, 503]);
    let limits = prop::collection::vec(any_told(), 0..4);
    let policy = policy.clone();
    (label, wait, status, limits, 0u64..MINUTE).prop_map(
        move |(limit, wait, status, mut limits, age)| {
            // Now and then the number is that of a limit.
            for (told, own) in limits.iter_mut().zip(policy.limits()) {
                if told.limit.is_none_or(|it| it % 2 == 0) {
                    told.limit = Some(own.algorithm().limit());
                }
            }
            Report {
                limit,
                wait,
                limits,
                age: Duration::from_millis(age),
                ..answered(&policy, status)
            }
        },
    )
}

/// A policy of one to three small limits.
fn small() -> impl Strategy<Value = Policy> {
    prop::collection::vec(spec(), 1..4).prop_map(|specs| {
        let each = specs.iter().zip(["a", "b", "c"]);
        let limits = each.map(|(spec, name)| named(name, algorithm(spec)));
        Policy::new(limits.collect()).unwrap()
    })
}

fn with_reports() -> impl Strategy<Value = (Policy, Vec<(u64, i64, Option<Report>)>)> {
    small().prop_flat_map(|policy| {
        let step = (0u64..20 * SECOND, 1i64..6, option::of(any_report(&policy)));
        (Just(policy), prop::collection::vec(step, 1..25))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_report_never_makes_a_limit_admit_more(
        (policy, steps) in with_reports(),
        later in prop::collection::vec(0u64..2 * HOUR, 4),
        cost in 1i64..6,
    ) {
        let mut object = Object::with_exact_waits();
        let mut now = START;
        for (wait, spent, told) in steps {
            now += wait;
            let _ = object.limit(&policy, Check::of(spent), Some(u128::from(now)), now);
            let Some(told) = told else { continue };
            // A restart knows what the object knows: it stands for a copy.
            let without = object.restarted();
            let mut with = object.restarted();
            report(&mut with, &told, now - START);
            with = with.restarted();
            for &after in &later {
                let (mut with, mut without) = (with.restarted(), without.restarted());
                let peek = Check { peek: true, ..Check::of(cost) };
                let one = with.limit(&policy, peek.clone(), None, now + after).unwrap();
                let other = without.limit(&policy, peek, None, now + after).unwrap();
                prop_assert!(other.success || !one.success, "{after}: {one:?} {other:?}");
                for (one, other) in one.limits.iter().zip(other.limits.iter()) {
                    prop_assert!(one.remaining <= other.remaining, "{one:?} {other:?}");
                }
            }
            report(&mut object, &told, now - START);
        }
    }

    #[test]
    fn the_wait_of_a_closed_gate_is_enough_and_not_too_much(
        policy in small(),
        before in 0i64..6,
        cost in 1i64..6,
        wait in 1_001u64..MINUTE,
    ) {
        let mut object = Object::with_exact_waits();
        let _ = object.limit(&policy, Check::of(before), None, START);
        let done = report(&mut object, &refused(&policy, wait), 1);
        prop_assume!(done.gate.is_some());
        let shut = object.ask(&policy, cost, START + 2);
        prop_assert!(!shut.success);
        if let Some(told) = shut.retry_after {
            prop_assert_eq!(shut.reason, Some(Reason::CoolDown));
            let then = START + 2 + told.as_millis();
            prop_assert!(!object.restarted().ask(&policy, cost, then - 1).success);
            prop_assert!(object.restarted().ask(&policy, cost, then).success);
        }
    }
}
