//! Several builds, one after the other, on the same rows. The builds are pretended: each marks the
//! forms of its version, so that an older one could not read them. One test, because what is
//! pretended holds for the whole process.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use common::{moment, START};
use tollgate_core::api::request::{parse, Rule};
use tollgate_core::limit::Name;
use tollgate_core::message::{Answer, Call, RefusalCode};
use tollgate_core::subject_state::{Effects, Item, SubjectState, Write};
use tollgate_core::Duration;
use tollgate_versions::pretended::pretend;

type Rows = BTreeMap<String, String>;

const LIMITS: [&str; 7] = [
    r#""algorithm": "fixedWindow", "limit": 900, "window": "52w""#,
    r#""algorithm": "slidingWindow", "limit": 900, "window": "52w""#,
    r#""algorithm": "slidingLog", "limit": 900, "window": "1d""#,
    r#""algorithm": "tokenBucket", "capacity": 900, "refill": {"amount": 1, "interval": "1d"}"#,
    r#""algorithm": "leakyBucket", "capacity": 900, "leak": {"amount": 1, "interval": "1d"}"#,
    r#""algorithm": "quota", "limit": 900, "period": "year""#,
    r#""algorithm": "concurrency", "limit": 900, "ttl": "1d""#,
];

fn charge(rest: &str) -> Call {
    let request = parse(&format!(r#"{{"identifier": "u1", "cost": 3, {rest}}}"#)).unwrap();
    let Rule::Inline(policy) = request.rule else {
        unreachable!()
    };
    Call::Limit {
        operation: None,
        items: vec![Item {
            policy,
            check: request.check,
        }],
        holding: None,
    }
}

/// A policy that has a row of its own, with more lines than one.
fn named() -> Call {
    let call = charge(
        r#""limits": [{"algorithm": "fixedWindow", "limit": 9, "window": "52w"}, {"algorithm": "fixedWindow", "limit": 9, "window": "51w"}]"#,
    );
    let Call::Limit {
        operation, items, ..
    } = call
    else {
        unreachable!()
    };
    let name = Name::new("policy", "q").unwrap();
    let policy = items[0].policy.clone();
    let items = vec![Item {
        policy: policy.named(name, common::version(3)),
        check: items[0].check.clone(),
    }];
    Call::Limit {
        operation,
        items,
        holding: None,
    }
}

/// An object that wakes from the rows and answers calls, a millisecond apart.
fn answer(rows: &mut Rows, calls: &[Call]) -> (Vec<Answer>, Vec<Write>) {
    let of = |(key, row): (&'static String, &'static String)| (key.as_str(), row.as_str());
    let found: &'static Rows = Box::leak(Box::new(rows.clone()));
    let mut state = SubjectState::from_rows(found.iter().map(of));
    let mut writes = Vec::new();
    let mut permits = 0xabc;
    let mut answers = Vec::new();
    for (call, at) in calls.iter().zip(0..) {
        let mut effects = Effects::default();
        let mut random = || {
            permits += 1;
            permits
        };
        answers.push(state.answer(call, &mut random, moment(START + at), &mut effects));
        writes.append(&mut effects.writes);
    }
    for write in &writes {
        match write.clone() {
            Write::Put { key, row } => drop(rows.insert(key, row)),
            Write::Delete { key } => drop(rows.remove(&key)),
            Write::DeleteAll => rows.clear(),
            _ => {} // nobody has named a request
        }
    }
    (answers, writes)
}

fn status(rows: &mut Rows) -> (Answer, Vec<Write>) {
    let (mut answers, writes) = answer(rows, &[Call::Status { policy: None }]);
    (answers.pop().unwrap(), writes)
}

#[test]
fn rows_are_written_anew_in_the_version_of_the_build_that_meets_them() {
    pretend(0, 0);
    let mut rows = Rows::new();
    let mut calls: Vec<Call> = LIMITS.into_iter().map(charge).collect();
    calls.push(Call::Block {
        policy: Some("p".to_owned()),
        duration: Duration::from_secs(86_400 * 300),
        reason: "for long".to_owned(),
    });
    calls.push(named());
    let (answers, _) = answer(&mut rows, &calls);
    assert!(
        !answers.iter().any(|it| matches!(it, Answer::Refused(..))),
        "{answers:?}"
    );
    assert_eq!(rows.len(), LIMITS.len() + 4);
    let first = rows.clone();
    let (told, writes) = status(&mut rows);
    assert_eq!(writes, [], "what has the version of today stays");

    // Every build meets the rows, by a call that changes nothing, and none skips more than one
    // version.
    for (version, mark) in [(2, "~"), (3, "~~"), (5, "~~~~"), (7, "~~~~~~")] {
        pretend(version - 1, version - 1);
        assert_eq!(status(&mut rows).0, told);
        for row in rows.values() {
            let form = format!("{version} {mark}");
            let word = row.strip_prefix(&form).unwrap_or_else(|| panic!("{row}"));
            assert!(
                ["limit ", "block ", "policy "]
                    .iter()
                    .any(|it| word.starts_with(it)),
                "{row}"
            );
        }
        assert_eq!(status(&mut rows), (told.clone(), vec![]), "once is enough");
    }

    // Two versions are skipped, or a build goes back to one that does not know the form.
    pretend(1, 1);
    let mut second = Rows::new();
    answer(&mut second, &calls);
    for (foreign, mut rows) in [(4, first.clone()), (6, rows), (1, second)] {
        pretend(foreign - 1, foreign - 1);
        let before = rows.clone();
        let mut calls = calls.clone();
        calls.extend([
            Call::Status { policy: None },
            Call::Reset { policy: None },
            Call::Cancel { operation: 1 },
        ]);
        let (answers, writes) = answer(&mut rows, &calls);
        for told in answers {
            let unavailable = matches!(told, Answer::Refused(RefusalCode::Unavailable, _));
            assert!(unavailable, "{told:?}");
        }
        assert_eq!((writes, rows), (vec![], before));
    }

    // A build that reads a form before any build writes it loses nothing when another one goes back
    // to it.
    let mut rows = first;
    for (written, newest) in [(1, 3), (3, 3), (1, 3), (2, 3), (4, 4)] {
        pretend(written - 1, newest - 1);
        assert_eq!(status(&mut rows).0, told, "{written}, {newest}");
    }
}
