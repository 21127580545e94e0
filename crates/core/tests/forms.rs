//! The stored and sent forms, byte for byte. A change here is a change of a version: old rows lie
//! on disks for years, and old objects answer for minutes after a deployment.

#![allow(clippy::unwrap_used)]

mod common;

use common::{lending, moment, START};
use proptest::prelude::*;
use tollgate_core::api::request::{parse, Rule};
use tollgate_core::decide::Overage;
use tollgate_core::lease::{Borrowing, Returned, Terms};
use tollgate_core::limit::schedule::{Pause, StageClock};
use tollgate_core::limit::Real;
use tollgate_core::message::{Answer, Call, Holding, RefusalCode, MESSAGES};
use tollgate_core::overrides::Revision;
use tollgate_core::policy::Version;
use tollgate_core::row::ROWS;
use tollgate_core::subject_state::{
    Effects, Home, Item, Others, Outcome, Refusal, StageChange, StageOverride, StepChange,
    SubjectState, Topup, TopupStep, Write,
};
use tollgate_core::{Duration, Timestamp};

/// What is asked, in JSON, beside the identifier.
fn item(rest: &str) -> Item {
    let request = parse(&format!(r#"{{"identifier": "u1", {rest}}}"#)).unwrap();
    let Rule::Inline(policy) = request.rule else {
        unreachable!()
    };
    Item {
        policy,
        check: request.check,
    }
}

/// The rows that one admission writes.
fn rows_after(rest: &str) -> Vec<(String, String)> {
    let mut effects = Effects::default();
    let mut state = SubjectState::default();
    state
        .limit(
            &[item(rest)],
            None,
            &mut || 0xabc,
            moment(START + 5),
            &mut effects,
        )
        .unwrap();
    let row = |write| match write {
        Write::Put { key, row } => (key, row),
        _ => unreachable!(),
    };
    effects.writes.into_iter().map(row).collect()
}

#[test]
fn rows_have_these_forms() {
    assert_eq!(ROWS.written().number(), 1);
    let table = [
        (
            r#""algorithm": "fixedWindow", "limit": 100, "window": "1m", "start": "firstUse""#,
            "limit//fixedWindow/60000:firstUse",
            "1 limit algorithm=fixedWindowFromFirstUse limit=100 window=60000 used=1 start=1798848000005 end=1798848060005 time=1798848000005",
        ),
        (
            r#""algorithm": "fixedWindow", "limit": 100, "window": "1m""#,
            "limit//fixedWindow/60000",
            "1 limit algorithm=fixedWindow limit=100 window=60000 used=1 start=1798848000000 end=1798848060000 time=1798848000005",
        ),
        (
            r#""limit": 1000, "window": "1m", "cost": 3"#,
            "limit//slidingWindow/60000",
            "1 limit algorithm=slidingWindow limit=1000 window=60000 used=3 previous=0 start=1798848000000 time=1798848000005",
        ),
        (
            r#""algorithm": "slidingLog", "limit": 5, "window": "1s", "cost": 2"#,
            "limit//slidingLog/1000",
            "1 limit algorithm=slidingLog limit=5 window=1000 used=1798848000005:2 time=1798848000005",
        ),
        (
            r#""algorithm": "tokenBucket", "capacity": 100, "refill": {"amount": 0.11, "interval": "1s"}, "initial": 90"#,
            "limit//tokenBucket/",
            "1 limit algorithm=tokenBucket capacity=100 amount=0.11 interval=1000 initial=90 used=1100000 time=1798848000005",
        ),
        (
            r#""algorithm": "tokenBucket", "capacity": 10, "refill": {"amount": 1, "interval": "1s"}, "burstCredits": {"cap": 5, "expiry": "1h"}, "forgetAfter": "2d", "writeAhead": 3"#,
            "limit//tokenBucket/",
            "1 limit writeAhead=3 algorithm=tokenBucket capacity=10 amount=1 interval=1000 creditsCap=5 creditsExpiry=3600000 forgetAfter=172800000 used=1000 time=1798848000005",
        ),
        (
            r#""algorithm": "leakyBucket", "capacity": 10, "leak": {"amount": 100, "interval": "15m"}, "maxDelay": "1m""#,
            "limit//leakyBucket/",
            "1 limit algorithm=leakyBucket capacity=10 amount=100 interval=900000 maxDelay=60000 used=9000 time=1798848000005",
        ),
        (
            r#""name": "weekly", "algorithm": "quota", "limit": 100, "period": "week", "timeZone": "UTC", "anchor": {"time": "09:00", "weekday": "tuesday"}"#,
            "limit//weekly/week:UTC:0:1:32400",
            "1 limit name=weekly algorithm=quota limit=100 period=week timeZone=UTC anchorTime=09:00:00 anchorWeekday=tuesday used=1 start=1798534800000 end=1799139600000 time=1798848000005",
        ),
        (
            r#""algorithm": "concurrency", "limit": 3, "ttl": "10s", "cost": 2"#,
            "limit//concurrency/",
            "1 limit algorithm=concurrency limit=3 ttl=10000 used=abc:2:1798848000005:1798848010005 fence=1798848000005 time=1798848000005",
        ),
    ];
    for (rest, key, row) in table {
        assert_eq!(rows_after(rest), [(key.to_owned(), row.to_owned())]);
        let state = SubjectState::from_rows([(key, row)]);
        let status = state.status(None, moment(START + 5)).unwrap();
        assert_eq!(status.limits.len(), 1, "{key} is read again");
    }
    let mut effects = Effects::default();
    let hour = Duration::from_secs(3_600);
    SubjectState::default()
        .block(Some("p"), hour, "too much", moment(START), &mut effects)
        .unwrap();
    let row = "1 block policy=p until=1798851600000 reason=too%20much".to_owned();
    assert_eq!(
        effects.writes,
        [Write::Put {
            key: "block/p".to_owned(),
            row
        }]
    );
}

/// The row after `count` admissions at one instant, by a subject that starts from `rows`.
fn row_after(rest: &str, rows: &[(&str, &str)], count: usize) -> String {
    let mut state = SubjectState::from_rows(rows.iter().copied());
    let mut effects = Effects::default();
    for _ in 0..count {
        let now = moment(START + 5);
        state
            .limit(&[item(rest)], None, &mut || 0xabc, now, &mut effects)
            .unwrap();
    }
    match effects.writes.pop() {
        Some(Write::Put { row, .. }) => row,
        _ => unreachable!(),
    }
}

#[test]
fn rows_say_how_far_they_are_ahead_and_what_waking_has_lost() {
    let sliding = r#""limit": 1000, "window": "1m""#;
    let key = "limit//slidingWindow/60000";
    let ahead = "1 limit algorithm=slidingWindow limit=1000 window=60000 used=3 previous=0 start=1798848000000 time=1798848000005 ahead=1";
    assert_eq!(row_after(sliding, &[], 2), ahead);
    let woken = "1 limit algorithm=slidingWindow limit=1000 window=60000 used=4 previous=0 start=1798848000000 time=1798848000005 lost=1";
    assert_eq!(row_after(sliding, &[(key, ahead)], 1), woken);
    let before = "1 limit algorithm=slidingWindow limit=1000 window=60000 used=9 previous=0 start=1798847940000 time=1798847940005 ahead=1 lost=2";
    let turned = "1 limit algorithm=slidingWindow limit=1000 window=60000 used=1 previous=9 start=1798848000000 time=1798848000005 lostBefore=3";
    assert_eq!(row_after(sliding, &[(key, before)], 1), turned);
    let bucket = r#""algorithm": "tokenBucket", "capacity": 1000, "refill": {"amount": 1, "interval": "1s"}"#;
    let ahead = "1 limit algorithm=tokenBucket capacity=1000 amount=1 interval=1000 used=3000 time=1798848000005 ahead=1";
    assert_eq!(row_after(bucket, &[], 2), ahead);
    // One of nine units: they come back in the time in which the thousand of the bucket do.
    let woken = "1 limit algorithm=tokenBucket capacity=1000 amount=1 interval=1000 used=4000 time=1798848000005 lostUntil=1798848111117";
    assert_eq!(
        row_after(bucket, &[("limit//tokenBucket/", ahead)], 1),
        woken
    );
}

fn topup() -> Topup {
    let real = Real {
        cost: Some(3),
        ..Real::default()
    };
    Topup::new(0xabc, real, Overage::Deny)
}

/// A call that takes a permit with a part elsewhere, of whose limits these names are told.
fn taking(limits: Option<&[&str]>) -> Call {
    let home = Home::Here(Others {
        objects: vec!["o/1".to_owned()],
        limits: limits.map(|names| names.iter().map(|&name| name.to_owned()).collect()),
    });
    let permit = 0xabc;
    Call::Limit {
        operation: Some(0xbeef),
        items: vec![item(r#""limit": 5, "window": "1s", "hold": "1s""#)],
        holding: Some(Holding { permit, home }),
    }
}

/// The row of a permit after a call of it was answered.
fn permit_row(state: &mut SubjectState, call: &Call) -> (Answer, String) {
    let mut effects = Effects::default();
    let answer = state.answer(call, &mut || 1, moment(START), &mut effects);
    let row = effects.writes.into_iter().find_map(|write| match write {
        Write::Put { key, row } if key.starts_with("permit/") => Some(row),
        _ => None,
    });
    (answer, row.unwrap())
}

#[test]
fn a_permit_with_parts_elsewhere_has_these_rows() {
    let mut state = SubjectState::default();
    let (_, taken) = permit_row(&mut state, &taking(Some(&["cents"])));
    let first = "1 permit permit=0000000000000000000000000000abc fence=1798848000000 hold=1000 until=1798848001000";
    let first = first.replace(
        "permit=0000000000000000000000000000abc",
        &format!("permit={:032x}", 0xabc),
    );
    let rest = |units| {
        format!("part key=limit%2F%2FslidingWindow%2F1000 name= units={units}\nobject name=o%2F1")
    };
    assert_eq!(taken, format!("{first} limits=cents\n{}", rest(1)));
    let (answer, topped) = permit_row(&mut state, &Call::TopUp(topup()));
    assert_eq!(topped, format!("{first} turn=1 limits=cents\n{}", rest(3)));
    let text = "1 topped success=1 expires=1798848001000 turn=1\nheld name= units=3\nbefore name= units=1\nobject name=o%2F1";
    assert_eq!(answer.encode_in(MESSAGES.written()), text);
    assert_eq!(Answer::decode(text), Ok(answer));
    // As it is after a restart, and without what a build from before has dropped.
    let key = format!("permit/{:032x}", 0xabc);
    let before = topped.replace(" turn=1 limits=cents", "");
    for (row, turn) in [(&topped, 2), (&before, 1)] {
        let mut state = SubjectState::from_rows([(key.as_str(), row.as_str())]);
        let (answer, _) = permit_row(&mut state, &Call::TopUp(topup()));
        assert!(matches!(answer, Answer::Topped(topped) if topped.turn == turn));
    }
}

/// A question of a borrower.
fn borrows(before: Option<u64>, max: Option<u64>) -> Call {
    Call::Borrowing {
        borrowing: Borrowing {
            borrower: 0xabc,
            number: 2,
            turn: 3,
            spent: 4,
            left: 5,
            before,
            wants: max.is_some(),
            terms: Terms::new(max, None).unwrap(),
        },
        call: Box::new(Call::Limit {
            operation: None,
            items: vec![item(r#""limit": 5, "window": "10s""#)],
            holding: None,
        }),
    }
}

#[test]
fn the_row_of_a_lease_has_this_form() {
    let policy = r#""algorithm": "fixedWindow", "limit": 100, "window": "1h""#;
    let call = |turn| Call::Borrowing {
        borrowing: Borrowing {
            turn,
            ..lending::first(0xabc)
        },
        call: Box::new(Call::Limit {
            operation: None,
            items: vec![item(policy)],
            holding: None,
        }),
    };
    let mut state = SubjectState::default();
    let mut rows = |turn, now| {
        let effects = &mut Effects::default();
        let answer = state.answer(&call(turn), &mut || 1, moment(now), effects);
        let Answer::Decided(decisions) = answer else {
            panic!("{answer:?}");
        };
        assert!(decisions[0].loan.is_some());
        let rows = effects.writes.iter().filter_map(|write| match write {
            Write::Put { row, .. } => Some(row.clone()),
            _ => None,
        });
        rows.collect::<Vec<_>>()
    };
    assert_eq!(
        rows(1, START),
        [
            "1 limit stamp=1798848000001 algorithm=fixedWindow limit=100 window=3600000 used=1 start=1798848000000 end=1798851600000 time=1798848000000",
            "1 lease borrower=abc number=1 turn=1 spent=0 left=8 size=0 at=1798848000000\npart key=limit%2F%2FfixedWindow%2F3600000 stamp=1798848000001 carried=0",
        ]
    );
    // What is charged then is carried by the row of the lease alone.
    assert_eq!(
        rows(2, START + 100),
        ["1 lease borrower=abc number=1 turn=2 spent=0 left=4 size=4 at=1798848000100\npart key=limit%2F%2FfixedWindow%2F3600000 stamp=1798848000001 carried=1 at=1798848000100"]
    );
}

fn conclude(outcome: Outcome) -> Call {
    let permit = 0xabc;
    Call::Conclude { permit, outcome }
}

#[test]
fn messages_have_these_forms() {
    let version = MESSAGES.written();
    assert_eq!(version.number(), 1);
    let named = Item {
        policy: item(r#""limit": 1, "window": "1s""#).policy.named(
            tollgate_core::limit::Name::new("p", "github.rest").unwrap(),
            Version {
                number: 3,
                ..Version::NONE
            },
        ),
        ..item(r#""limit": 1, "window": "1s", "peek": true, "cost": -2"#)
    };
    let calls = [
        (
            Call::Limit { operation: Some(0xbeef), items: vec![named, item(r#""algorithm": "concurrency", "limit": 3, "ttl": "10s", "hold": "1s""#)], holding: None },
            "1 limit operation=beef\nitem policy=github.rest version=3 cost=-2 peek=1\nlimit algorithm=slidingWindow limit=1 window=1000\nitem cost=1 hold=1000\nlimit algorithm=concurrency limit=3 ttl=10000",
        ),
        (
            Call::Charge { operation: 0xbeef, items: vec![item(r#""limit": 5, "window": "1s", "cost": 3"#)] },
            "1 charge operation=beef\nitem cost=3\nlimit algorithm=slidingWindow limit=5 window=1000",
        ),
        (Call::Cancel { operation: 0xbeef }, "1 cancel operation=beef"),
        (Call::Status { policy: None }, "1 status"),
        (
            Call::Next { item: Box::new(item(r#""limit": 5, "window": "1s", "cost": 3"#)), count: 10 },
            "1 next count=10\nitem cost=3\nlimit algorithm=slidingWindow limit=5 window=1000",
        ),
        (Call::Reset { policy: Some("p".to_owned()) }, "1 reset policy=p"),
        (Call::Block { policy: None, duration: Duration::from_secs(1), reason: "a b".to_owned() }, "1 block duration=1000 reason=a%20b"),
        (Call::Overridden(Revision { generation: 5, number: 7 }), "1 overridden revision=5:7"),
        (
            Call::Recorded { with_state: false, call: Box::new(Call::Knowing { overrides: Revision { generation: 5, number: 7 }, call: Box::new(Call::Reset { policy: None }) }) },
            "1 reset overrides=5:7 record=place",
        ),
        (
            Call::Stage(StageOverride { start: Some(Timestamp::from_millis(7)), paused: None }),
            "1 stage start=7",
        ),
        (Call::Stage(StageOverride { start: None, paused: Some(true) }), "1 stage paused=1"),
        (Call::Stage(StageOverride { start: None, paused: Some(false) }), "1 stage paused=0"),
        (Call::Renew { permit: 0xabc, hold: None }, "1 renew permit=abc"),
        (Call::Release { permit: 0xabc }, "1 release permit=abc"),
        (
            Call::Names { permit: 0xabc, limits: vec!["cents".to_owned(), "mails".to_owned()] },
            "1 names permit=abc limits=cents,mails",
        ),
        (Call::Names { permit: 0xabc, limits: Vec::new() }, "1 names permit=abc limits="),
        (Call::TopUp(topup()), "1 topUp permit=abc raises=1 cost=3"),
        (
            Call::TopUp(Topup { turn: Some(2), overage: Overage::Cap, ..topup() }),
            "1 topUp permit=abc overage=cap turn=2 raises=1 cost=3",
        ),
        (
            Call::TopUp(Topup { turn: Some(2), step: TopupStep::Set, ..topup() }),
            "1 topUp permit=abc turn=2 cost=3",
        ),
        (
            Call::TopUp(Topup { turn: Some(2), step: TopupStep::Undo { newest: 0 }, ..topup() }),
            "1 topUp permit=abc turn=2 undone=1 cost=3",
        ),
        (
            Call::TopUp(Topup { turn: Some(2), step: TopupStep::Undo { newest: 9 }, ..topup() }),
            "1 topUp permit=abc turn=2 undone=1 newest=9 cost=3",
        ),
        (taking(None), "1 take operation=beef permit=abc parts=o%2F1\nitem cost=1 hold=1000\nlimit algorithm=slidingWindow limit=5 window=1000"),
        (taking(Some(&["cents", "mails"])), "1 take operation=beef permit=abc limits=cents,mails parts=o%2F1\nitem cost=1 hold=1000\nlimit algorithm=slidingWindow limit=5 window=1000"),
        (taking(Some(&[])), "1 take operation=beef permit=abc limits= parts=o%2F1\nitem cost=1 hold=1000\nlimit algorithm=slidingWindow limit=5 window=1000"),
        (borrows(None, None), "1 limit borrower=abc lease=2 turn=3 spent=4 left=5 life=1000\nitem cost=1\nlimit algorithm=slidingWindow limit=5 window=10000"),
        (borrows(Some(6), Some(7)), "1 limit borrower=abc lease=2 turn=3 spent=4 left=5 life=1000 before=6 most=7 wants=1\nitem cost=1\nlimit algorithm=slidingWindow limit=5 window=10000"),
        (Call::Return(Returned { borrower: 0xabc, number: 2, spent: 4 }), "1 return borrower=abc lease=2 spent=4"),
        (conclude(Outcome::Released), "1 conclude permit=abc"),
        (conclude(Outcome::GivenBack), "1 conclude permit=abc givenBack=1"),
        (conclude(Outcome::Settled(Real::default())), "1 conclude permit=abc settled=1"),
        (
            conclude(Outcome::Settled(Real { cost: Some(3), ..Real::default() })),
            "1 conclude permit=abc settled=1 cost=3",
        ),
    ];
    for (call, text) in calls {
        assert_eq!(call.encode(), text);
        assert_eq!(Call::decode(text), Ok((version, call)));
    }
    let ask_under = |state: &mut SubjectState, operation: Option<u128>, rest: &str| {
        let effects = &mut Effects::default();
        let items = [item(rest)];
        let decisions = state.limit(&items, operation, &mut || 0xabc, moment(START), effects);
        Answer::Decided(decisions.unwrap())
    };
    let mut other = SubjectState::default();
    let hourly = r#""algorithm": "fixedWindow", "limit": 1, "window": "1h""#;
    ask_under(&mut other, Some(1), hourly);
    let contended = ask_under(&mut other, None, hourly);
    let mut state = SubjectState::default();
    let mut ask = |rest: &str| ask_under(&mut state, None, rest);
    let answers = [
        (
            contended,
            "1 decided\ndecision at=1798848000000 reason=limit deciding=0 retryAfter=2000 cacheFor=0 contended=1\nstanding limit=1 remaining=0 reset=1798851600000 refused=limit retryAt=1798848002000",
        ),
        (
            ask(r#""algorithm": "fixedWindow", "limit": 1, "window": "1s""#),
            "1 decided\ndecision at=1798848000000 success=1 deciding=0 cacheFor=0\nstanding limit=1 remaining=0 reset=1798848001000",
        ),
        (
            ask(r#""algorithm": "fixedWindow", "limit": 1, "window": "1s""#),
            "1 decided\ndecision at=1798848000000 reason=limit deciding=0 retryAfter=1000 cacheFor=1000\nstanding limit=1 remaining=0 reset=1798848001000 refused=limit retryAt=1798848001000",
        ),
        (
            ask(r#""algorithm": "concurrency", "limit": 1, "ttl": "10s""#),
            "1 decided\ndecision at=1798848000000 success=1 deciding=0 cacheFor=0 permit=abc fence=1798848000000 expires=1798848010000\nstanding limit=1 remaining=0 reset=1798848010000",
        ),
        (
            Answer::Next(vec![Duration::ZERO, Duration::from_millis(1_200)]),
            "1 next\nadmission after=0\nadmission after=1200",
        ),
        (Answer::Next(Vec::new()), "1 next"),
        (Answer::Done, "1 done"),
        (
            Answer::Staged(StageChange {
                before: Some(StageClock::starting(Timestamp::from_millis(5))),
                after: StageClock {
                    start: Timestamp::from_millis(7),
                    paused: Duration::from_millis(3),
                    pause: Some(Pause { from: Timestamp::from_millis(9), until: None }),
                },
                steps: vec![StepChange {
                    policy: "p".to_owned(),
                    limit: "20/day".to_owned(),
                    from: 0,
                    to: 2,
                }],
            }),
            "1 staged\nbefore start=5\nafter start=7 paused=3 pauseFrom=9\nstep policy=p limit=20%2Fday from=0 to=2",
        ),
        (Answer::from(&Refusal::TooManyLimits(63)), "1 refused code=tooManyLimits detail=63"),
        (
            Answer::from(&Refusal::TooManyDefinitions("hourly".to_owned())),
            "1 refused code=tooManyLimits detail=name%2Fhourly",
        ),
        (Answer::Refused(RefusalCode::UnknownTimeZone, "Mars/Olympus".to_owned()), "1 refused code=unknownTimeZone detail=Mars%2FOlympus"),
    ];
    for (answer, text) in answers {
        assert_eq!(answer.encode_in(version), text);
        assert_eq!(Answer::decode(text), Ok(answer));
    }
    let status = Answer::Status(state.status(None, moment(START)).unwrap());
    let text = "1 status\nlimit algorithm=fixedWindow limit=1 window=1000 remaining=0 reset=1798848001000\nlimit algorithm=concurrency limit=1 ttl=10000 remaining=0 reset=1798848010000\ndenial at=1798848000000 limitedBy=1/1s cost=1 reason=limit";
    assert_eq!(status.encode_in(version), text);
    assert_eq!(Answer::decode(text), Ok(status));
}

#[test]
fn a_question_for_the_next_admissions_is_about_one_item() {
    let limit = "item cost=1\nlimit algorithm=slidingWindow limit=5 window=1000";
    let is_read = |text: &str| Call::decode(text).is_ok();
    assert!(is_read(&format!("1 next count=1\n{limit}")));
    assert!(!is_read("1 next count=1"));
    assert!(!is_read(&format!("1 next\n{limit}")));
    assert!(!is_read(&format!("1 next count=1\n{limit}\n{limit}")));
    assert!(Answer::decode("1 next\nother after=1").is_err());
}

#[test]
fn unknown_fields_are_passed_over_and_other_versions_left_alone() {
    let key = "limit//fixedWindow/60000";
    let row = |version: u32| {
        format!("{version} limit colour=red algorithm=fixedWindow limit=100 window=60000 used=40 start=1798848000000 end=1798848060000 time=1798848000005 more=1")
    };
    for (version, read) in [(0, false), (1, true), (2, false), (3, false), (99, false)] {
        let text = row(version);
        let mut state = SubjectState::from_rows([(key, text.as_str())]);
        let mut effects = Effects::default();
        let ask = item(r#""algorithm": "fixedWindow", "limit": 100, "window": "1m""#);
        let answer = state.limit(&[ask], None, &mut || 1, moment(START + 9), &mut effects);
        match answer {
            Ok(decisions) => assert_eq!((read, decisions[0].limits[0].remaining), (true, 59)),
            Err(_) => {
                assert!(!read && effects.writes.is_empty(), "never overwritten");
                assert!(
                    state.has_rows() && state.reset(None, moment(START), &mut effects).is_err(),
                    "never taken as empty"
                );
                assert!(effects.writes.is_empty());
            }
        }
        assert_eq!(
            Call::decode(&format!("{version} release permit=abc new=1")).is_ok(),
            read
        );
        assert_eq!(
            Answer::decode(&format!("{version} done new=1")).is_ok(),
            read
        );
    }
}

/// Lines that look right, with everything in them now and then wrong.
fn line() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "limit",
        "item",
        "decision",
        "standing",
        "block",
        "denial",
        "fence",
        "renew",
        "decided",
        "status",
        "next",
        "admission",
        "x",
        "",
    ]);
    let keys = prop::sample::select(vec![
        "algorithm",
        "limit",
        "window",
        "used",
        "start",
        "end",
        "time",
        "capacity",
        "amount",
        "interval",
        "previous",
        "policy",
        "cost",
        "at",
        "ttl",
        "permit",
        "fence",
        "until",
        "reason",
        "reset",
        "remaining",
        "initial",
        "maxDelay",
        "period",
        "timeZone",
        "seen",
        "credits",
    ]);
    let values = prop_oneof![
        prop::sample::select(vec![
            "fixedWindow",
            "slidingLog",
            "tokenBucket",
            "concurrency",
            "quota",
            "slidingWindow",
            "leakyBucket",
            "",
            "0",
            "1",
            "-1",
            "18446744073709551615",
            "340282366920938463463374607431768211455",
            "9007199254740993",
            "abc:1:2:3",
            "1:1,2:2",
            "%zz",
            "UTC",
            "week",
            "0.11"
        ])
        .prop_map(str::to_owned),
        any::<u64>().prop_map(|n| n.to_string()),
        "[ -~]{0,6}",
    ];
    (words, prop::collection::vec((keys, values), 0..9)).prop_map(|(word, fields)| {
        fields
            .into_iter()
            .fold(word.to_owned(), |line, (key, value)| {
                format!("{line} {key}={value}")
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300_000))]

    #[test]
    fn no_text_makes_a_reader_panic_and_no_row_makes_an_object_panic(version in "[0-3]?", lines in prop::collection::vec(line(), 1..4), now in any::<u64>()) {
        let text = format!("{version} {}", lines.join("\n"));
        drop(Call::decode(&text));
        drop(Answer::decode(&text));
        let key = "limit//fixedWindow/60000";
        for row in &lines {
            let row = format!("1 limit {row}");
            let mut state = SubjectState::from_rows([(key, row.as_str()), ("block/", text.as_str())]);
            let now = moment(Timestamp::from_millis(now).as_millis());
            drop(state.status(None, now));
            drop(state.clean(now, &mut Effects::default()));
        }
    }
}

#[test]
fn what_was_called_otherwise_before_is_read_as_well() {
    let key = "limit//tokenBucket/";
    let limit = "algorithm=tokenBucket capacity=10 amount=1 interval=1000";
    let row = format!("1 limit reserve=3 {limit} used=1000 time={START}");
    let mut state = SubjectState::from_rows([(key, row.as_str())]);
    let call = |name: &str| format!("1 limit\nitem {name}=3 cost=1\nlimit {limit}");
    let (_, before) = Call::decode(&call("reserve")).unwrap();
    assert_eq!(Call::decode(&call("writeAhead")).unwrap().1, before);
    let Call::Limit { items, .. } = before else {
        panic!("another call");
    };
    assert_eq!(items[0].policy.write_ahead(), Some(3));
    let mut effects = Effects::default();
    let decided = state.limit(&items, None, &mut || 0, moment(START), &mut effects);
    assert!(decided.unwrap()[0].success);
    let is_written =
        |write: &Write| matches!(write, Write::Put { row, .. } if row.contains(" writeAhead=3 "));
    assert!(effects.writes.is_empty() || effects.writes.iter().any(is_written));
}
