//! Numbers that change at known instants: a subject's stages, and hours of the day. What is in
//! force, what a subject keeps of it, and that every wait that is told knows of the changes.

#![allow(clippy::unwrap_used)]

mod common;

use common::clocks::Clocks;
use common::object::Object;
use common::{moment, version, START};
use tollgate_core::algorithm::state::Moment;
use tollgate_core::api::policy::named;
use tollgate_core::api::to_json;
use tollgate_core::decide::Check;
use tollgate_core::decision::{Decision, Reason};
use tollgate_core::limit::Name;
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::{Effects, Item, StageChange, StageOverride, SubjectState};
use tollgate_core::{Duration, Timestamp};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const WEEK: u64 = 7 * DAY;

/// A policy as somebody writes it.
fn policy(text: &str) -> Policy {
    let policy = named::parse(text).unwrap().policy;
    policy.named(Name::new("policy", "p").unwrap(), version(1))
}

/// An inbox: 20 mails a day in its first week, 40 in its second, then 80.
fn inbox() -> Policy {
    policy(
        r#"{"limits":[{"name":"day","algorithm":"quota","period":"day","stages":[
            {"for":"7d","limit":20},{"for":"7d","limit":40},{"limit":80}]}]}"#,
    )
}

/// As many units as are admitted one by one.
fn admitted(object: &mut Object, policy: &Policy, now: u64) -> u64 {
    let asks = core::iter::repeat_with(|| object.ask(policy, 1, now).success);
    asks.take_while(|success| *success).count() as u64
}

fn set_stage(object: &mut Object, set: StageOverride, now: u64) -> StageChange {
    let mut effects = Effects::default();
    let change = object.state.set_stage(&set, moment(now), &mut effects);
    object.apply(effects);
    change.unwrap()
}

fn start_at(start: u64) -> StageOverride {
    StageOverride {
        start: Some(Timestamp::from_millis(start)),
        paused: None,
    }
}

fn paused(paused: bool) -> StageOverride {
    StageOverride {
        start: None,
        paused: Some(paused),
    }
}

/// Every alarm until `now`, as it comes.
fn sleep_until(object: &mut Object, now: u64) {
    object.close_until(now);
    while let Some(at) = object.alarm.filter(|at| at.as_millis() <= now) {
        object.clean(at.as_millis());
    }
}

fn retry_after(decision: &Decision) -> Option<u64> {
    decision.retry_after.map(Duration::as_millis)
}

/// What is kept of a subject that is idle: its stage and nothing else.
fn keeps_its_stage_alone(object: &Object) -> bool {
    object.rows.keys().eq(["stage"])
}

#[test]
fn an_inbox_warms_up_over_idle_nights_and_a_pause_and_stays_warm() {
    let (inbox, mut object) = (inbox(), Object::default());
    let morning = START + 9 * HOUR;
    let mut sent = Vec::new();
    for day in 0..24 {
        let now = morning + day * DAY;
        sleep_until(&mut object, now);
        assert!(
            day == 0 || keeps_its_stage_alone(&object),
            "{day}: {:?}",
            object.rows
        );
        object = object.restarted();
        if day == 10 {
            set_stage(&mut object, paused(true), now);
        }
        if day == 13 {
            set_stage(&mut object, paused(false), now);
        }
        sent.push(admitted(&mut object, &inbox, now));
    }
    // Started at nine, so the second week begins on its eighth day's morning, and for whole days
    // with the next midnight; three days of pause are no days of the second week.
    let expected = [[20; 8].as_slice(), &[40; 10], &[80; 6]].concat();
    assert_eq!(sent, expected);
    // Over Easter, and for a year.
    for idle in [10, 365] {
        let now = morning + 23 * DAY + idle * DAY;
        sleep_until(&mut object, now);
        assert!(keeps_its_stage_alone(&object));
        assert_eq!(admitted(&mut object.restarted(), &inbox, now), 80);
    }
}

#[test]
fn the_stage_row_outlives_idleness_and_resets_for_400_days() {
    let (inbox, mut object) = (inbox(), Object::default());
    object.ask(&inbox, 1, START);
    object.reset(START + 1);
    assert!(keeps_its_stage_alone(&object));
    // One alarm for the idle subject, and one for what it keeps.
    sleep_until(&mut object, START + 400 * DAY);
    assert!(keeps_its_stage_alone(&object));
    assert!(object.alarm.unwrap().as_millis() > START + 400 * DAY);
    sleep_until(&mut object, START + 402 * DAY);
    assert!(object.rows.is_empty());
    assert_eq!(admitted(&mut object, &inbox, START + 402 * DAY), 20);
}

#[test]
fn a_subject_that_is_used_again_is_cleaned_when_it_is_idle_again() {
    let (inbox, mut object) = (inbox(), Object::default());
    object.ask(&inbox, 1, START);
    sleep_until(&mut object, START + 2 * DAY);
    assert!(keeps_its_stage_alone(&object));
    object.ask(&inbox, 1, START + 2 * DAY);
    assert_eq!(object.rows.len(), 2, "{:?}", object.rows);
    sleep_until(&mut object, START + 3 * DAY + MINUTE);
    assert!(keeps_its_stage_alone(&object));
}

#[test]
fn the_last_admission_is_written_once_a_day() {
    let (inbox, mut object) = (inbox(), Object::default());
    let stage = |object: &Object| object.rows["stage"].clone();
    object.ask(&inbox, 1, START);
    let first = stage(&object);
    object.ask(&inbox, 1, START + DAY - 1);
    assert_eq!(stage(&object), first);
    object.ask(&inbox, 1, START + DAY);
    assert_ne!(stage(&object), first);
    assert_eq!(first, "1 stage start=1798848000000 last=1798848000000");
}

#[test]
fn a_first_step_that_admits_nothing_is_refused() {
    for (stages, field) in [
        (
            r#"[{"for":"7d","limit":0},{"limit":80}]"#,
            "stages[0].limit",
        ),
        (r#"[{"limit":0}]"#, "stages[0].limit"),
        (r#"[{"limit":1},{"limit":2}]"#, "stages[0].for"),
        (r#"[{"for":"7d","limit":1}]"#, "stages[0].for"),
        (
            r#"[{"for":"7d","limit":1},{"for":"7d","limit":2}]"#,
            "stages[1].for",
        ),
        (
            r#"[{"for":"7d","capacity":1},{"limit":2}]"#,
            "stages[0].capacity",
        ),
        (r#"[{"for":"0s","limit":1},{"limit":2}]"#, "stages[0].for"),
        ("[]", "stages"),
        ("{}", "stages"),
    ] {
        let text = format!(r#"{{"algorithm":"quota","period":"day","limit":9,"stages":{stages}}}"#);
        assert_eq!(named::parse(&text).unwrap_err().field, field, "{text}");
    }
}

#[test]
fn a_wait_looks_over_a_step_and_over_the_hours() {
    // Twenty a day until 14:37 a week later, then forty.
    let bucket = policy(
        r#"{"algorithm":"slidingLog","window":"1d","stages":[{"for":"7d","limit":20},{"limit":40}]}"#,
    );
    let mut object = Object::default();
    let start = START + 14 * HOUR + 37 * MINUTE;
    object.ask(&bucket, 1, start);
    let before = start + WEEK - 7 * MINUTE;
    assert_eq!(admitted(&mut object, &bucket, before), 20);
    let refused = object.ask(&bucket, 1, before);
    assert_eq!(retry_after(&refused), Some(7 * MINUTE));
    assert!(refused.cache_for.as_millis() <= 7 * MINUTE);
    // Thirty at once are too many today, and not when the step is done.
    let refused = object.ask(&bucket, 30, before);
    assert_eq!(refused.reason, Some(Reason::Limit));
    assert!(!object.ask(&bucket, 1, start + WEEK - 1).success);
    assert_eq!(admitted(&mut object, &bucket, start + WEEK), 20);

    // Ten an hour at night, and a hundred in the day.
    let rates = policy(
        r#"{"algorithm":"tokenBucket","capacity":10,"refill":{"amount":120,"interval":"1h"},
            "times":[{"between":["22:00","06:00"],"refill":{"amount":10,"interval":"1h"}}]}"#,
    );
    let mut object = Object::default();
    let evening = START + 22 * HOUR - MINUTE;
    object.ask(&rates, 10, evening);
    // A minute by day is two units; the other three take eighteen minutes of the night.
    let refused = object.ask(&rates, 5, evening);
    assert_eq!(retry_after(&refused), Some(19 * MINUTE));
    assert!(refused.limits[0].reset.as_millis() == evening + MINUTE + 8 * 6 * MINUTE);
    assert!(!object.ask(&rates, 5, evening + 19 * MINUTE - 1).success);
    assert!(object.ask(&rates, 5, evening + 19 * MINUTE).success);
}

#[test]
fn a_step_of_a_window_begins_with_a_window() {
    let inbox = inbox();
    let mut object = Object::default();
    let start = START + 14 * HOUR + 37 * MINUTE;
    object.ask(&inbox, 1, start);
    let day = START + WEEK;
    assert_eq!(admitted(&mut object, &inbox, day + 9 * HOUR), 20);
    let refused = object.ask(&inbox, 1, day + 15 * HOUR);
    assert_eq!(retry_after(&refused), Some(9 * HOUR));
    assert_eq!(admitted(&mut object, &inbox, day + DAY), 40);
}

#[test]
fn a_start_that_is_moved_changes_the_limit_at_once() {
    let (inbox, mut object) = (inbox(), Object::default());
    let now = START + 10 * HOUR;
    assert_eq!(admitted(&mut object, &inbox, now), 20);
    let change = set_stage(&mut object, start_at(START - 8 * DAY), now + 1);
    assert_eq!((change.steps[0].from, change.steps[0].to), (0, 1));
    assert_eq!(admitted(&mut object, &inbox, now + 2), 20);
    object = object.restarted();
    // Ahead: the first step, and what is used above it stays used.
    let change = set_stage(&mut object, start_at(now + 30 * DAY), now + 3);
    assert_eq!((change.steps[0].from, change.steps[0].to), (1, 0));
    assert_eq!(object.left(&inbox, now + 4), 0);
    for day in [1, 29, 36] {
        assert_eq!(admitted(&mut object, &inbox, now + day * DAY), 20, "{day}");
    }
    assert_eq!(admitted(&mut object, &inbox, now + 38 * DAY), 40);
}

#[test]
fn a_pause_before_the_start_holds_the_first_step() {
    let (inbox, mut object) = (inbox(), Object::default());
    let change = set_stage(&mut object, paused(true), START);
    assert_eq!(change.before, None);
    sleep_until(&mut object, START + 30 * DAY);
    assert_eq!(admitted(&mut object, &inbox, START + 30 * DAY), 20);
    set_stage(&mut object, paused(false), START + 31 * DAY);
    assert_eq!(admitted(&mut object, &inbox, START + 37 * DAY), 20);
    assert_eq!(admitted(&mut object, &inbox, START + 38 * DAY), 40);
}

#[test]
fn a_place_is_promised_before_the_numbers_change_or_not_at_all() {
    let shaper = policy(
        r#"{"algorithm":"leakyBucket","capacity":100,"leak":{"amount":1,"interval":"1s"},
            "maxDelay":"1h","times":[{"between":["22:00","06:00"],"leak":{"amount":1,"interval":"1m"}}]}"#,
    );
    let mut object = Object::default();
    let evening = START + 22 * HOUR - 10 * SECOND;
    let mut places = Vec::new();
    let refused = loop {
        let decision = object.ask(&shaper, 1, evening);
        match decision.delay {
            Some(delay) => places.push(evening + delay.as_millis()),
            None => break decision,
        }
    };
    let expected: Vec<u64> = (0..10).map(|i| evening + i * SECOND).collect();
    assert_eq!(places, expected);
    // At ten its place is told by the rate of the night.
    assert_eq!(retry_after(&refused), Some(10 * SECOND));
    let night = evening + 10 * SECOND;
    let delays = [0, 1, 2].map(|_| object.ask(&shaper, 1, night).delay.unwrap().as_millis());
    assert_eq!(delays[2] - delays[1], MINUTE);
}

fn in_berlin(text: &str) -> u64 {
    let local: jiff::civil::DateTime = text.parse().unwrap();
    let berlin = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    local.to_zoned(berlin).unwrap().timestamp().as_millisecond() as u64
}

#[test]
fn hours_are_those_that_the_clocks_show() {
    let night = policy(
        r#"{"limit":100,"window":"1m","times":[
            {"between":["02:30","05:00"],"timeZone":"Europe/Berlin","limit":10},
            {"days":["sat","sun"],"timeZone":"Europe/Berlin","limit":50},
            {"between":["22:00","01:00"],"days":["fri"],"timeZone":"Europe/Berlin","limit":20}]}"#,
    );
    let at = |now| Moment {
        now: Timestamp::from_millis(now),
        zones: &Clocks,
    };
    let in_force = |now: u64| {
        let policy = night.in_force(None, at(now)).unwrap();
        policy.limits()[0].algorithm().limit()
    };
    for (local, limit) in [
        ("2026-11-25T02:29:59", 100),
        ("2026-11-25T02:30:00", 10),
        ("2026-11-25T04:59:59", 10),
        ("2026-11-25T05:00:00", 100),
        ("2026-11-27T21:59:59", 100), // a Friday
        ("2026-11-27T22:00:00", 20),
        ("2026-11-27T23:59:59", 20),
        ("2026-11-28T00:00:00", 50), // the weekend stands in front
        ("2026-11-28T03:00:00", 10),
        ("2026-11-29T23:59:59", 50),
        ("2026-11-30T00:00:00", 100),
    ] {
        assert_eq!(in_force(in_berlin(local)), limit, "{local}");
    }
    // At two the clocks are set on to three: half past two is skipped, and the hours begin then.
    let spring = in_berlin("2027-03-28T01:59:59");
    assert_eq!((in_force(spring), in_force(spring + SECOND)), (50, 10));
    assert_eq!(in_force(in_berlin("2027-03-28T05:00:00")), 50);
    // At three they are set back to two: shown twice, in force twice.
    let autumn = in_berlin("2026-10-25T01:00:00");
    let shown: Vec<u64> = (0..12)
        .map(|half| in_force(autumn + half * 30 * MINUTE))
        .collect();
    assert_eq!(shown, [50, 50, 50, 10, 50, 10, 10, 10, 10, 10, 50, 50]);
    // Each change is known before.
    let mut now = autumn;
    let mut changes = Vec::new();
    for _ in 0..4 {
        now = night
            .next_change(None, at(now))
            .unwrap()
            .unwrap()
            .as_millis();
        changes.push((now - autumn) / MINUTE);
    }
    assert_eq!(changes, [90, 120, 150, 300]);
}

#[test]
fn stages_and_hours_together_are_the_smaller_of_both() {
    // It begins on a Saturday.
    let both = policy(
        r#"{"algorithm":"slidingLog","window":"1h","limit":1,"stages":[{"for":"1d","limit":20},{"limit":80}],
            "times":[{"between":["22:00","06:00"],"limit":40},{"days":["sun"],"limit":5}]}"#,
    );
    let mut object = Object::default();
    assert_eq!(admitted(&mut object, &both, START + 12 * HOUR), 20);
    assert_eq!(admitted(&mut object, &both, START + 23 * HOUR), 20);
    assert_eq!(admitted(&mut object, &both, START + DAY + 10 * HOUR), 5);
    assert_eq!(admitted(&mut object, &both, START + DAY + 23 * HOUR), 40);
    assert_eq!(
        admitted(&mut object, &both, START + 2 * DAY + 12 * HOUR),
        80
    );
}

#[test]
fn what_is_written_is_read_back() {
    let text = to_json(&inbox());
    assert_eq!(
        text,
        r#"{"limits":[{"name":"day","algorithm":"quota","limit":80,"period":"day","timeZone":"UTC","stages":[{"for":604800000,"limit":20},{"for":604800000,"limit":40},{"limit":80}]}]}"#
    );
    assert_eq!(to_json(&named::parse(&text).unwrap().policy), text);
}

#[test]
fn what_others_do_not_stop_goes_on() {
    // A block of the subject is no pause of its stages.
    let (inbox, mut object) = (inbox(), Object::default());
    object.ask(&inbox, 1, START);
    let mut effects = Effects::default();
    let week = Duration::from_millis(WEEK);
    (object
        .state
        .block(None, week, "", moment(START + 1), &mut effects))
    .unwrap();
    object.apply(effects);
    assert_eq!(admitted(&mut object, &inbox, START + 8 * DAY), 40);
}

/// Of an idle subject its clock is known, and what it begins: told to whoever only looks, too, and
/// to whoever replays its calls.
#[test]
fn who_is_idle_is_told_when_its_next_step_comes() {
    const DAY: u64 = 86_400_000;
    let (inbox, mut object) = (inbox(), Object::default());
    assert!(object.ask(&inbox, 1, START).success);
    object.clean(START + 3 * DAY);
    let rows: Vec<&String> = object.rows.keys().collect();
    assert_eq!(rows, ["stage"]);
    let peek = Check {
        peek: true,
        ..Check::of(40)
    };
    let told = |object: &mut Object| {
        let answer = object.limit(&inbox, peek.clone(), None, START + 3 * DAY);
        retry_after(&answer.unwrap())
    };
    assert_eq!(told(&mut object), Some(4 * DAY));
    let exact = object.state.exact_rows(moment(START + 3 * DAY));
    let rows = exact.iter().map(|(key, row)| (key.as_str(), row.as_str()));
    object.state = SubjectState::from_rows(rows);
    assert_eq!(told(&mut object), Some(4 * DAY));
}

#[test]
fn a_look_at_a_new_subject_starts_nothing() {
    let (inbox, mut object) = (inbox(), Object::default());
    let peek = Check {
        peek: true,
        ..Check::ONE
    };
    assert!(object.limit(&inbox, peek, None, START).unwrap().success);
    assert_eq!(retry_after(&object.ask(&inbox, 21, START)), None);
    assert!(object.rows.is_empty());
    let next = |object: &Object, count| {
        let item = Item {
            policy: inbox.clone(),
            check: Check::of(20),
        };
        let next = object.state.next(&item, count, moment(START)).unwrap();
        next.into_iter()
            .map(Duration::as_millis)
            .collect::<Vec<_>>()
    };
    // Seven days of twenty, and from the eighth on two times twenty a day.
    assert_eq!(
        next(&object, 10),
        [0, 1, 2, 3, 4, 5, 6, 7, 7, 8].map(|day| day * DAY)
    );
}
