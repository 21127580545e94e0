//! What the upstream tells of its limits takes units away, and nothing of it ever gives any.

use tollgate_core::limit::{Concurrency, Name};
use tollgate_core::report::{ClosedBy, Heeded, Report, Told, Unfit, When};
use tollgate_core::{Algorithm, Duration};

use crate::common::object::Object;
use crate::common::{policy_of, version, START};
use crate::said::{
    after, api, at, closed, hourly, ignored, moved, refused, report, telling, told, HOUR, MINUTE,
    SECOND,
};

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
