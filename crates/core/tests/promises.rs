//! Places by example: how many wait, who gets one that was given back, what a change of the numbers
//! does to them, and how they are stored.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use common::object::Object;
use common::{moment, START};
use proptest::prelude::*;
use tollgate_core::api::request::{parse, Rule};
use tollgate_core::decide::Check;
use tollgate_core::decision::Decision;
use tollgate_core::subject_state::{Effects, Item};
use tollgate_core::Duration;

/// What is asked, beside the identifier.
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

/// A subject asked in JSON, each time under an operation of the next number.
struct Subject {
    object: Object,
    asked: u128,
}

impl Default for Subject {
    fn default() -> Subject {
        Subject {
            object: Object::with_exact_waits(),
            asked: 0,
        }
    }
}

impl Subject {
    fn ask_item(&mut self, item: &Item, at: u64) -> Decision {
        self.asked += 1;
        let operation = Some(self.asked);
        let answer = self
            .object
            .limit(&item.policy, item.check.clone(), operation, START + at);
        answer.unwrap()
    }

    fn ask(&mut self, rest: &str, at: u64) -> Decision {
        self.ask_item(&item(rest), at)
    }

    /// The delay told, in ms; `None` when refused.
    fn delay(&mut self, rest: &str, at: u64) -> Option<u64> {
        let decision = self.ask(rest, at);
        let delay = decision.delay.map_or(0, Duration::as_millis);
        decision.success.then_some(delay)
    }

    fn wait(&mut self, rest: &str, at: u64) -> u64 {
        self.ask(rest, at).retry_after.unwrap().as_millis()
    }

    fn cancel(&mut self, asked: u128, at: u64) {
        self.object.cancel(asked, START + at);
    }

    fn of_rows(rows: BTreeMap<String, String>) -> Subject {
        let stored = Object {
            rows,
            ..Object::with_exact_waits()
        };
        Subject {
            object: stored.restarted(),
            asked: 1_000_000,
        }
    }

    fn restart(&mut self) {
        *self = Subject::of_rows(core::mem::take(&mut self.object.rows));
    }

    fn row(&self) -> &str {
        self.object.rows.values().next().unwrap()
    }
}

#[test]
fn a_wait_with_a_delay_ends_when_a_place_is_near_enough() {
    let token = r#""algorithm": "tokenBucket", "capacity": 1, "refill": {"amount": 1, "interval": "5s"}, "maxDelay": "6s""#;
    let mut subject = Subject::default();
    assert_eq!(subject.delay(token, 0), Some(0));
    assert_eq!(subject.delay(token, 51), Some(4_949));
    // The next place is at 10,000 ms, and 6,000 ms before that it is near enough.
    assert_eq!(subject.wait(token, 51), 3_949);
    assert_eq!(subject.delay(token, 4_000), Some(6_000));

    let log = r#""algorithm": "slidingLog", "limit": 1, "window": "5s", "maxDelay": "6s""#;
    let mut subject = Subject::default();
    assert_eq!(subject.delay(log, 0), Some(0));
    assert_eq!(subject.delay(log, 39), Some(4_961));
    assert_eq!(subject.wait(log, 39), 3_961);
    assert_eq!(subject.delay(log, 4_000), Some(6_000));
}

#[test]
fn places_are_given_as_far_ahead_as_asked() {
    let table: [(&str, &[u64]); 7] = [
        (
            r#""algorithm": "slidingLog", "limit": 2, "window": "600ms", "maxDelay": "5s""#,
            &[0, 0, 600, 600, 1_200, 1_200, 1_800],
        ),
        (
            r#""algorithm": "fixedWindow", "limit": 2, "window": "600ms", "maxDelay": "5s""#,
            &[0, 0, 600, 600, 1_200, 1_200, 1_800],
        ),
        // At 900 half of the first two still counts, and from then on each counts in full as long
        // as its window lasts.
        (
            r#""algorithm": "slidingWindow", "limit": 2, "window": "600ms", "maxDelay": "5s""#,
            &[0, 0, 900, 1_200, 1_800, 2_400],
        ),
        (
            r#""algorithm": "quota", "limit": 1, "period": "minute", "timeZone": "UTC", "maxDelay": "1h""#,
            &[0, 60_000, 120_000, 180_000],
        ),
        (
            r#""algorithm": "tokenBucket", "capacity": 2, "refill": {"amount": 1, "interval": "600ms"}, "maxDelay": "5s""#,
            &[0, 0, 600, 1_200, 1_800],
        ),
        (
            r#""algorithm": "tokenBucket", "capacity": 2, "stepped": true, "refill": {"amount": 2, "interval": "600ms"}, "maxDelay": "5s""#,
            &[0, 0, 600, 600, 1_200],
        ),
        (
            r#""algorithm": "leakyBucket", "capacity": 9, "leak": {"amount": 3, "interval": "1s"}, "maxDelay": "5s""#,
            &[0, 334, 667, 1_000, 1_334],
        ),
    ];
    for (ask, delays) in table {
        let mut subject = Subject::default();
        for delay in delays {
            assert_eq!(subject.delay(ask, 0), Some(*delay), "{ask}");
        }
    }
}

#[test]
fn a_thousand_places_wait_at_a_limit_and_the_next_is_told_when_one_leaves() {
    let table = [
        (
            r#""algorithm": "fixedWindow", "limit": 10, "window": "1s", "maxDelay": "52w""#,
            1_010,
            1_000,
        ),
        (
            r#""algorithm": "quota", "limit": 10, "period": "minute", "timeZone": "UTC", "maxDelay": "52w""#,
            1_010,
            60_000,
        ),
        (
            r#""algorithm": "slidingLog", "limit": 10, "window": "1s", "maxDelay": "52w""#,
            1_010,
            1_000,
        ),
        (
            r#""algorithm": "slidingWindow", "limit": 1, "window": "1s", "maxDelay": "52w""#,
            1_001,
            2_000,
        ),
        (
            r#""algorithm": "tokenBucket", "capacity": 10, "refill": {"amount": 1, "interval": "7s"}, "maxDelay": "52w""#,
            1_010,
            7_000,
        ),
        (
            r#""algorithm": "tokenBucket", "stepped": true, "capacity": 10, "refill": {"amount": 5, "interval": "7s"}, "maxDelay": "52w""#,
            1_010,
            7_000,
        ),
        (
            r#""algorithm": "leakyBucket", "capacity": 1000000, "leak": {"amount": 1, "interval": "7s"}, "maxDelay": "52w""#,
            1_001,
            7_000,
        ),
    ];
    for (ask, places, wait) in table {
        let mut subject = Subject::default();
        for place in 0..places {
            assert!(subject.ask(ask, 0).success, "{ask}: place {place}");
            if place == 500 {
                subject.restart();
            }
        }
        assert_eq!(subject.wait(ask, 0), wait, "{ask}");
        subject.restart();
        assert_eq!(subject.wait(ask, 0), wait, "{ask}: after a restart");
        assert!(!subject.ask(ask, wait - 1).success, "{ask}");
        assert!(subject.ask(ask, wait).success, "{ask}");
        assert!(
            subject.row().len() < 20_000,
            "{} bytes",
            subject.row().len()
        );
    }
    // Of a log the units count: with 999 that wait two more have to wait until a place has passed.
    let log = r#""algorithm": "slidingLog", "limit": 999, "window": "1s", "maxDelay": "1h""#;
    let mut subject = Subject::default();
    assert_eq!(subject.delay(&format!(r#"{log}, "cost": 999"#), 0), Some(0));
    assert_eq!(
        subject.delay(&format!(r#"{log}, "cost": 998"#), 0),
        Some(1_000)
    );
    assert_eq!(subject.wait(&format!(r#"{log}, "cost": 3"#), 0), 1_000);
    assert_eq!(
        subject.delay(&format!(r#"{log}, "cost": 1"#), 0),
        Some(1_000)
    );
}

/// A shaper of ten a second, asked for one of a hundred places at once.
const SHAPER: &str = r#""algorithm": "leakyBucket", "capacity": 1000, "leak": {"amount": 10, "interval": "1s"}, "maxDelay": "10m""#;

#[test]
fn a_place_given_back_in_the_middle_is_the_next_callers_and_no_other_place_moves() {
    let mut subject = Subject::default();
    for place in 0..100 {
        assert_eq!(subject.delay(SHAPER, 0), Some(place * 100));
    }
    for place in 0..50 {
        subject.cancel(place + 1, 0);
    }
    for place in 0..50 {
        assert_eq!(
            subject.delay(SHAPER, 0),
            Some(place * 100),
            "its instant is free"
        );
    }
    assert_eq!(subject.delay(SHAPER, 0), Some(10_000), "and nobody else's");
}

#[test]
fn at_most_64_gaps_are_kept_and_the_last_place_shortens_the_queue() {
    let mut subject = Subject::default();
    for _ in 0..200 {
        subject.ask(SHAPER, 0);
    }
    for place in (2..=200).step_by(2) {
        subject.cancel(place, 0);
    }
    let mut delays: Vec<u64> = (0..66).map(|_| subject.delay(SHAPER, 0).unwrap()).collect();
    // The 200th was the last: then the queue ended with the 199th.
    let gaps: Vec<u64> = (0..64).map(|gap| 100 + gap * 200).collect();
    assert_eq!(delays.split_off(64), [19_900, 20_000]);
    assert_eq!(delays, gaps);
}

#[test]
fn what_is_left_of_a_gap_is_a_gap() {
    let mut subject = Subject::default();
    let two = format!(r#"{SHAPER}, "cost": 2"#);
    for delay in [0, 200, 400, 600] {
        assert_eq!(subject.delay(&two, 0), Some(delay));
    }
    subject.cancel(2, 0);
    subject.cancel(3, 0);
    assert_eq!(
        subject.delay(&format!(r#"{SHAPER}, "cost": 3"#), 0),
        Some(200)
    );
    assert_eq!(
        subject.delay(&two, 0),
        Some(800),
        "too dear for what is left"
    );
    assert_eq!(subject.delay(SHAPER, 0), Some(500));
    assert_eq!(subject.delay(SHAPER, 0), Some(1_000));
}

#[test]
fn a_refund_moves_no_place() {
    let mut subject = Subject::default();
    for place in 0..100 {
        assert_eq!(subject.delay(SHAPER, 0), Some(place * 100));
    }
    assert!(subject.ask(&format!(r#"{SHAPER}, "cost": -50"#), 0).success);
    assert_eq!(
        subject.delay(SHAPER, 0),
        Some(0),
        "the one that went at once"
    );
    assert_eq!(subject.delay(SHAPER, 0), Some(10_000));

    // A token bucket has the units back at once, and the places stay.
    let bucket = r#""algorithm": "tokenBucket", "capacity": 10, "refill": {"amount": 1, "interval": "1s"}, "maxDelay": "1h""#;
    let mut subject = Subject::default();
    for _ in 0..10 {
        assert_eq!(subject.delay(bucket, 0), Some(0));
    }
    for place in 1..=20 {
        assert_eq!(subject.delay(bucket, 0), Some(place * 1_000));
    }
    assert!(subject.ask(&format!(r#"{bucket}, "cost": -4"#), 0).success);
    for _ in 0..4 {
        assert_eq!(subject.delay(bucket, 0), Some(0));
    }
    assert_eq!(subject.delay(bucket, 0), Some(21_000));

    let log = r#""algorithm": "slidingLog", "limit": 2, "window": "1s", "maxDelay": "1h""#;
    let mut subject = Subject::default();
    for delay in [0, 0, 1_000] {
        assert_eq!(subject.delay(log, 0), Some(delay));
    }
    assert!(subject.ask(&format!(r#"{log}, "cost": -9"#), 0).success);
    for delay in [0, 0, 1_000, 2_000] {
        assert_eq!(subject.delay(log, 0), Some(delay));
    }
}

/// A question of this cost to a named bucket of ten units a millisecond.
fn of_ten_a_ms(bucket: &str, cost: u64) -> String {
    let rate = r#"{"amount": 10, "interval": "1ms"}"#;
    format!(r#""limits": [{{"name": "l", {bucket}: {rate}}}], "cost": {cost}"#)
}

#[test]
fn a_token_bucket_refills_nothing_from_the_turn_that_a_place_had_at_a_leaky_one() {
    let (leaky, token) = (
        r#""algorithm": "leakyBucket", "capacity": 20, "leak""#,
        r#""algorithm": "tokenBucket", "capacity": 10, "refill""#,
    );
    let mut subject = Subject::default();
    assert_eq!(subject.delay(&of_ten_a_ms(leaky, 5), 0), Some(0));
    // Its turn comes in half a millisecond, and its caller goes after a whole one.
    let late = format!(r#"{}, "maxDelay": "1s""#, of_ten_a_ms(leaky, 10));
    assert_eq!(subject.delay(&late, 0), Some(1));
    // In force from here on: at 1 ms it is full, and the place takes all of it.
    assert_eq!(subject.delay(&of_ten_a_ms(token, 10), 0), None);
    assert_eq!(subject.wait(&of_ten_a_ms(token, 5), 1), 1);
    subject.restart();
    assert_eq!(subject.wait(&of_ten_a_ms(token, 5), 1), 1);
    assert_eq!(subject.delay(&of_ten_a_ms(token, 10), 2), Some(0));
}

#[test]
fn a_change_and_back_opens_no_turn_between_those_of_a_queue() {
    let shaper = of_ten_a_ms(
        r#""algorithm": "leakyBucket", "capacity": 100, "maxDelay": "1s", "leak""#,
        1,
    );
    let others = [
        r#""algorithm": "tokenBucket", "capacity": 10, "refill": {"amount": 10, "interval": "1ms"}"#,
        r#""algorithm": "tokenBucket", "capacity": 10, "refill": {"amount": 5, "interval": "48ms"}"#,
        r#""algorithm": "tokenBucket", "capacity": 10, "stepped": true, "refill": {"amount": 10, "interval": "1s"}"#,
        // Of these a millisecond has fewer parts than the shaper has turns.
        r#""algorithm": "leakyBucket", "capacity": 10, "leak": {"amount": 4, "interval": "1ms"}"#,
        r#""algorithm": "leakyBucket", "capacity": 10, "leak": {"amount": 1, "interval": "1s"}"#,
    ];
    for other in others {
        let mut subject = Subject::default();
        let delays = |subject: &mut Subject, count: u64| -> Vec<Option<u64>> {
            (0..count).map(|_| subject.delay(&shaper, 0)).collect()
        };
        // One at once, ten in the first millisecond, nine in the second: it has one turn left.
        let first = [vec![Some(0)], vec![Some(1); 10], vec![Some(2); 9]].concat();
        assert_eq!(delays(&mut subject, 20), first);
        let changed = format!(r#""limits": [{{"name": "l", {other}}}], "cost": 10"#);
        assert_eq!(subject.delay(&changed, 0), None, "{other}");
        let next = [vec![Some(2)], vec![Some(3); 10]].concat();
        assert_eq!(delays(&mut subject, 11), next, "{other}");
    }
}

#[test]
fn while_places_of_an_older_rate_lie_ahead_the_slower_of_the_two_is_in_force() {
    let shaper = |rate: u64| {
        format!(
            r#""algorithm": "leakyBucket", "capacity": 2000, "leak": {{"amount": {rate}, "interval": "1s"}}, "maxDelay": "10m", "writeAhead": 1"#
        )
    };
    let mut subject = Subject::default();
    for place in 0..100 {
        assert_eq!(subject.delay(&shaper(1), 0), Some(place * 1_000));
    }
    subject.cancel(51, 0);
    assert_eq!(
        subject.delay(&shaper(10), 0),
        Some(50_000),
        "a place given back has its own instant"
    );
    // Behind the last place, that of 99 s, the new rate.
    for place in 1..=10 {
        assert_eq!(subject.delay(&shaper(10), 0), Some(99_000 + place * 100));
    }
    // At one a second those 110 take 110 s, and only then there are ten a second again.
    assert_eq!(subject.delay(&shaper(1), 0), Some(110_000));
    assert_eq!(subject.delay(&shaper(10), 0), Some(110_100));
    assert_eq!(subject.delay(&shaper(10), 0), Some(110_200));
    subject.restart();
    assert_eq!(subject.delay(&shaper(10), 1_000), Some(109_300));

    // The slowest of all rates under which places were promised that lie ahead.
    let mut subject = Subject::default();
    for rate in core::iter::repeat_n(1, 100).chain([10]) {
        assert!(subject.ask(&shaper(rate), 0).success);
    }
    // At 99.1 s the first 99 are done, and the other two at the new rate 400 ms later, less what
    // has begun.
    assert_eq!(subject.delay(&shaper(5), 0), Some(99_480));

    let bucket = |capacity: u64, rate: u64| {
        format!(
            r#""algorithm": "tokenBucket", "capacity": {capacity}, "refill": {{"amount": {rate}, "interval": "1s"}}, "maxDelay": "10m""#
        )
    };
    let mut subject = Subject::default();
    for _ in 0..30 {
        subject.ask(&bucket(10, 1), 0);
    }
    assert_eq!(subject.delay(&bucket(10, 5), 0), Some(20_200));
    for _ in 0..10 {
        assert_eq!(
            subject.delay(&bucket(20, 5), 0),
            Some(0),
            "a raised capacity is free at once"
        );
    }
    assert_eq!(subject.delay(&bucket(20, 5), 0), Some(20_400));
    assert_eq!(
        subject.delay(&bucket(10, 5), 0),
        Some(22_600),
        "and a lowered one is owed"
    );
}

#[test]
fn a_stepped_bucket_begins_a_new_interval_with_a_new_length() {
    let stepped = |capacity: u64, interval: &str| {
        format!(
            r#""algorithm": "tokenBucket", "capacity": {capacity}, "stepped": true, "refill": {{"amount": 1, "interval": "{interval}"}}"#
        )
    };
    let mut subject = Subject::default();
    assert!(
        subject
            .ask(&format!(r#"{}, "cost": 1000"#, stepped(1_000, "1h")), 0)
            .success
    );
    let left = |subject: &mut Subject, ask: &str, at: u64| {
        subject.ask(&format!(r#"{ask}, "cost": 0"#), at).limits[0].remaining
    };
    assert_eq!(left(&mut subject, &stepped(1_000, "1s"), 3_599_000), 0);
    assert_eq!(
        left(&mut subject, &stepped(1_100, "1h"), 3_600_000),
        101,
        "the same interval goes on"
    );
}

#[test]
fn one_name_under_two_algorithms_promises_no_instant_twice() {
    let token = r#""name": "n", "algorithm": "tokenBucket", "capacity": 10, "refill": {"amount": 1, "interval": "1s"}, "maxDelay": "100s""#;
    let leaky = r#""name": "n", "algorithm": "leakyBucket", "capacity": 11, "leak": {"amount": 1, "interval": "1s"}"#;
    let mut subject = Subject::default();
    let mut admitted = 0;
    for round in 0..4 {
        while subject.ask(token, round).success {
            admitted += 1;
        }
        subject.ask(leaky, round);
    }
    assert!((110..=111).contains(&admitted), "{admitted} within 100 s");
    // Neither does a name under a window and a bucket in turn.
    let window = r#""name": "n", "algorithm": "fixedWindow", "limit": 5, "window": "1m", "maxDelay": "100s""#;
    let mut subject = Subject::default();
    while subject.ask(window, 0).success {}
    let bucket = token.replace("100s", "0s");
    assert!(
        !subject.ask(&format!(r#"{bucket}, "cost": 6"#), 0).success,
        "five are spent"
    );
    // A minute on the bucket is full but for the five that go then.
    assert!(
        !subject
            .ask(&format!(r#"{bucket}, "cost": 6"#), 60_000)
            .success
    );
    assert!(
        subject
            .ask(&format!(r#"{bucket}, "cost": 5"#), 60_000)
            .success
    );
}

#[test]
fn a_caller_of_several_limits_goes_at_an_instant_that_suits_all() {
    // The window is full until 60 s, and then the bucket lets ten go at once and the others after
    // them.
    let both = r#""limits": [{"algorithm": "fixedWindow", "limit": 30, "window": "1m"}, {"algorithm": "tokenBucket", "capacity": 10, "refill": {"amount": 10, "interval": "1s"}}], "maxDelay": "2m""#;
    let mut subject = Subject::default();
    for i in 0..30 {
        assert_eq!(subject.delay(both, i * 100), Some(0));
    }
    for _ in 0..10 {
        assert_eq!(subject.delay(both, 3_000), Some(57_000));
    }
    assert_eq!(subject.delay(both, 3_000), Some(57_100));
    assert_eq!(subject.delay(both, 3_000), Some(57_200));
}

#[test]
fn a_saturated_shaper_writes_a_row_for_many_places() {
    let ask = r#""algorithm": "leakyBucket", "capacity": 10000, "leak": {"amount": 1000, "interval": "1s"}, "maxDelay": "500ms", "writeAhead": 100"#;
    let mut subject = Subject::default();
    let (mut admitted, mut written) = (0, 0);
    for at in 0..5_000 {
        for _ in 0..2 {
            let before = subject.object.writes;
            admitted += usize::from(subject.ask(ask, at).success);
            written += subject.object.writes - before;
        }
    }
    assert_eq!(admitted, 5_500);
    // The first rows double how far they run ahead.
    assert!(written <= 5_500 / 100 + 10, "{written} rows");
}

#[test]
fn rows_with_places_have_these_forms() {
    let table = [
        (
            r#""algorithm": "fixedWindow", "limit": 1, "window": "1m", "maxDelay": "1h""#,
            4,
            "1 limit algorithm=fixedWindow limit=1 window=60000 used=1 start=1798848180000 end=1798848240000 time=1798848000005 spent=1798848000000:1798848060000:1 places=1798848060000:1,60000:1x2 spans=0:60000x3",
        ),
        (
            r#""limit": 1, "window": "1m", "maxDelay": "1h""#,
            3,
            "1 limit algorithm=slidingWindow limit=1 window=60000 used=1 previous=0 start=1798848240000 time=1798848000005 spent=1798848000000:0:1 places=1798848120000:1,120000:1",
        ),
        (
            r#""algorithm": "slidingLog", "limit": 1, "window": "1m", "maxDelay": "1h""#,
            3,
            "1 limit algorithm=slidingLog limit=1 window=60000 used=1798848000005:1,60000:1,60000:1 time=1798848000005",
        ),
        (
            r#""algorithm": "tokenBucket", "capacity": 2, "refill": {"amount": 3, "interval": "1s"}, "maxDelay": "1h""#,
            4,
            "1 limit algorithm=tokenBucket capacity=2 amount=3 interval=1000 used=4000 time=1798848000005 spent=2000 places=1798848000339:1,333:1",
        ),
        (
            r#""algorithm": "leakyBucket", "capacity": 9, "leak": {"amount": 3, "interval": "1s"}, "maxDelay": "1m""#,
            4,
            "1 limit algorithm=leakyBucket capacity=9 amount=3 interval=1000 maxDelay=60000 used=4000 time=1798848000005 spent=1000 places=1798848000339:1:2,333:1:1,333:1",
        ),
    ];
    for (ask, times, row) in table {
        let mut subject = Subject::default();
        for _ in 0..times {
            assert!(subject.ask(ask, 5).success);
        }
        assert_eq!(subject.row(), row);
        let mut read = Subject::of_rows(subject.object.rows.clone());
        assert_eq!(read.delay(ask, 5), subject.delay(ask, 5), "{ask}");
        assert_eq!(read.row(), subject.row());
        // When all have gone, nothing of it is left.
        assert!(subject.ask(ask, 3_600_000).success);
        assert!(!subject.row().contains("spent="), "{}", subject.row());
    }
    let slow = |rate: u64| {
        format!(
            r#""algorithm": "leakyBucket", "capacity": 9, "leak": {{"amount": {rate}, "interval": "1s"}}, "maxDelay": "1m""#
        )
    };
    let mut subject = Subject::default();
    for rate in [1, 1, 1, 2] {
        subject.ask(&slow(rate), 5);
    }
    assert_eq!(subject.row(), "1 limit algorithm=leakyBucket capacity=9 amount=2 interval=1000 maxDelay=60000 used=3000 time=1798848000005 spent=500 places=1798848001005:1,1000:1,500:1 slow=1:1000:1798848002005");
}

/// The rows as a build reads them that knows no places.
fn read_by_an_older_build(rows: &BTreeMap<String, String>) -> Subject {
    let known = |field: &&str| {
        !["spent=", "places=", "spans=", "slow="]
            .iter()
            .any(|new| field.starts_with(new))
    };
    let older = |(key, row): (&String, &String)| {
        let fields: Vec<&str> = row.split(' ').filter(known).collect();
        (key.clone(), fields.join(" "))
    };
    Subject::of_rows(rows.iter().map(older).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn a_build_that_knows_no_places_lets_nobody_go_before_them(
        kind in 0usize..6,
        limit in 1u64..8,
        window in 1u64..60,
        steps in prop::collection::vec((0u64..20, 1u64..4, 0u64..400), 1..20),
        probes in prop::collection::vec((0u64..300, 1u64..4, 0u64..400), 4),
    ) {
        let algorithm = [
            format!(r#""algorithm": "fixedWindow", "limit": {limit}, "window": "{window}ms""#),
            format!(r#""algorithm": "slidingWindow", "limit": {limit}, "window": "{window}ms""#),
            format!(r#""algorithm": "slidingLog", "limit": {limit}, "window": "{window}ms""#),
            format!(r#""algorithm": "tokenBucket", "capacity": {limit}, "refill": {{"amount": 2, "interval": "{window}ms"}}"#),
            format!(r#""algorithm": "tokenBucket", "stepped": true, "capacity": {limit}, "refill": {{"amount": 2, "interval": "{window}ms"}}"#),
            format!(r#""algorithm": "leakyBucket", "capacity": {limit}, "leak": {{"amount": 2, "interval": "{window}ms"}}"#),
        ];
        let ask = |cost: u64, delay: u64| item(&format!(r#"{}, "cost": {cost}, "maxDelay": {delay}"#, algorithm[kind]));
        let mut subject = Subject::default();
        let mut now = 0;
        for (gap, cost, delay) in steps {
            now += gap;
            subject.ask_item(&ask(cost, delay), now);
        }
        let mut older = read_by_an_older_build(&subject.object.rows);
        for (later, cost, delay) in probes {
            let peek = |subject: &mut Subject| {
                let asked = ask(cost, delay);
                let check = Check { peek: true, ..asked.check };
                subject.ask_item(&Item { check, ..asked }, now + later)
            };
            let (by_older, by_this) = (peek(&mut older), peek(&mut subject));
            prop_assert!(!by_older.success || by_this.success && by_this.delay <= by_older.delay, "{:?} {:?} {:?}", by_this, by_older, subject.object.rows);
            prop_assert!(by_older.limits[0].remaining <= by_this.limits[0].remaining);
        }
    }

    #[test]
    fn no_row_with_places_makes_an_object_panic(
        algorithm in prop::sample::select(vec!["fixedWindow limit=9 window=60000 start=0 end=60000", "slidingWindow limit=9 window=60000 previous=3 start=0", "tokenBucket capacity=9 amount=1 interval=1000", "tokenBucket capacity=9 amount=1 interval=1000 stepped=1", "leakyBucket capacity=9 amount=1 interval=1000 maxDelay=9"]),
        numbers in prop::collection::vec(prop_oneof![0u64..100_000, any::<u64>()], 12),
        text in "[0-9]{0,20}(:[0-9]{1,20}){0,3}(x[0-9]{1,6})?(,[0-9]{0,20}(:[0-9]{1,20}){0,3}(x[0-9]{1,6})?){0,3}",
    ) {
        let [used, time, a, b, c, d, e, f, g, h, i, now] = numbers[..] else { unreachable!() };
        let key = match algorithm.split_once(' ').unwrap().0 {
            word if word.ends_with("Window") => format!("limit//{word}/60000"),
            word => format!("limit//{word}/"),
        };
        for places in [format!("{a}:{b}:{c}x3,{d}:{e}"), text] {
            let row = format!("1 limit algorithm={algorithm} used={used} time={time} spent={f}:{g}:{h} places={places} spans={places} slow=1:7:{i}");
            let row = if key.ends_with('/') { row.replace(&format!("spent={f}:{g}:{h}"), &format!("spent={f}")) } else { row };
            let mut subject = Subject::of_rows(BTreeMap::from([(key.clone(), row)]));
            let moment = moment(now);
            drop(subject.object.state.status(None, moment));
            let ask = item(r#""algorithm": "leakyBucket", "capacity": 9, "leak": {"amount": 1, "interval": "1s"}, "maxDelay": "1h""#);
            drop(subject.object.state.limit(&[ask], None, &mut || 1, moment, &mut Effects::default()));
            drop(subject.object.state.clean(moment, &mut Effects::default()));
        }
    }
}
