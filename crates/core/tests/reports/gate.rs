//! A refusal closes the gate for everybody.

use tollgate_core::decide::Check;
use tollgate_core::decision::Reason;
use tollgate_core::message::{Answer, MESSAGES};
use tollgate_core::report::{Closed, ClosedBy, Report, Told, When};
use tollgate_core::subject_state::Effects;
use tollgate_core::{Algorithm, Duration};

use crate::common::object::Object;
use crate::common::{bucket, fixed, leaky, moment, policy_of, START};
use crate::said::{
    after, answered, api, ask, at, closed, hourly, is_cool_down, outlook, refused, report, told,
    HOUR, MINUTE, SECOND,
};

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
    // For a minute more it is known which answers were of this cool-down.
    object.clean(START + 2 * MINUTE);
    assert!(object.rows.is_empty());
}

#[test]
fn a_build_from_before_takes_it_for_a_block_until_it_opens() {
    let (policy, mut object) = (hourly(), Object::default());
    report(&mut object, &refused(&policy, MINUTE), 0);
    let until = START + MINUTE;
    let row = format!(
        "1 block policy=api until={until} reason= outlook=1 gate={until} cause=told by=worker kept={until} seen={START}"
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

#[test]
fn a_late_burst_of_refusals_backs_off_once() {
    for sleeps in [false, true] {
        let (policy, mut object) = (hourly(), Object::default());
        let late = Report {
            age: Duration::from_millis(5 * SECOND),
            ..answered(&policy, 429)
        };
        // Their cool-down is over when they are told; nobody has to wait.
        for i in 0..10 {
            let done = report(&mut object, &late, 10 * SECOND + i);
            assert_eq!((closed(&done), done.is_late), (None, true));
            if sleeps {
                object = object.restarted();
            }
        }
        // The next one is the second step.
        assert!(ask(&mut object, &policy, 11 * SECOND).success);
        let done = report(&mut object, &answered(&policy, 429), 11 * SECOND);
        assert_eq!(closed(&done), Some((13 * SECOND, ClosedBy::BackOff)));
    }
}

#[test]
fn a_row_of_a_build_from_before_is_read() {
    let until = START + MINUTE;
    let row = format!(
        "1 block policy=api until={until} reason= outlook=1 gate={until} cause=told by=worker \
         backOff=2 kept={until} failures={START} counted={until} \
         paces=0:{until}:6000000:{START}:1 adapted=50 adaptedAt={START}"
    );
    let mut object = Object::default();
    object.rows.insert("outlook/api".to_owned(), row);
    let mut object = object.restarted();
    is_cool_down(&ask(&mut object, &hourly(), 1), MINUTE - 1);
    let status = outlook(&object, 1).unwrap();
    assert_eq!(status.breaker.unwrap().failures, 1);
    assert_eq!(status.adapted_to, Some(50));
    // It told the limit by its place, which may be another's.
    assert_eq!(status.paced_until, None);
}

#[test]
fn a_clock_that_steps_back_closes_it_for_no_longer() {
    let policy = api(r#"{"limit":5000,"window":"1h","maxCoolDown":"10s"}"#);
    for sleeps in [false, true] {
        let mut object = Object::default();
        report(&mut object, &refused(&policy, MINUTE), 2 * HOUR);
        if sleeps {
            object = object.restarted();
        }
        let gate = outlook(&object, HOUR).and_then(|it| it.gate);
        assert_eq!(gate.unwrap().until, at(HOUR + 10 * SECOND));
        is_cool_down(&ask(&mut object, &policy, HOUR), 10 * SECOND);
        is_cool_down(&ask(&mut object, &policy, HOUR + 4 * SECOND), 6 * SECOND);
        assert!(object
            .ask(&policy, 0, START + HOUR + 10 * SECOND)
            .reason
            .is_none());
    }
}
