//! Counting through KV, step by step: what isolates tell each other and what they make of it. How
//! much too much it admits is in `eventual_simulation.rs`.

#![allow(clippy::unwrap_used)]

mod common;

use common::{moment, named, version, START};
use proptest::prelude::*;
use tollgate_core::api::policy::named;
use tollgate_core::api::request::{parse, Rule};
use tollgate_core::decide::Check;
use tollgate_core::decision::{Decision, Reason};
use tollgate_core::explain::explain;
use tollgate_core::isolate::bounded::Secret;
use tollgate_core::isolate::counts::{
    read_counts, read_definitions, Command, CountStatus, Instruction, IsolateCounts, Purpose, Sync,
    INTERVAL, MAX_EVICTED, MAX_LIMITS, MAX_SUBJECTS,
};
use tollgate_core::isolate::debts::{Charge, Debts};
use tollgate_core::message::Call;
use tollgate_core::policy::consistency::Consistency;
use tollgate_core::policy::{FailMode, Policy};
use tollgate_core::subject_state::{Effects, Item, SubjectState};
use tollgate_core::{Duration, Timestamp};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

fn policy(rest: &str) -> Policy {
    match parse(&format!(r#"{{"identifier": "u1", {rest}}}"#))
        .unwrap()
        .rule
    {
        Rule::Inline(policy) => policy,
        Rule::Named(_) => unreachable!(),
    }
}

fn fixed(limit: u64) -> Policy {
    policy(&format!(
        r#""algorithm": "fixedWindow", "limit": {limit}, "window": "1h""#
    ))
}

fn at(now: u64) -> Timestamp {
    Timestamp::from_millis(START + now)
}

/// Isolates on one KV that shows every write at once.
struct World {
    isolates: Vec<IsolateCounts>,
    kv: Vec<(String, String, String)>,
}

impl World {
    fn new(isolates: u64) -> World {
        let isolate = |i| IsolateCounts::new("eventual", i, Secret::new(9));
        World {
            isolates: (0..isolates).map(isolate).collect(),
            kv: Vec::new(),
        }
    }

    fn ask(&mut self, isolate: usize, policy: &Policy, cost: i64, now: u64) -> Decision {
        self.ask_for(Purpose::Mode, isolate, policy, cost, now)
    }

    fn ask_for(
        &mut self,
        purpose: Purpose,
        isolate: usize,
        policy: &Policy,
        cost: i64,
        now: u64,
    ) -> Decision {
        let check = Check::of(cost);
        let moment = moment(START + now);
        let isolate = &mut self.isolates[isolate];
        isolate
            .check(purpose, "u1", policy, &check, moment)
            .unwrap()
    }

    fn sync(&mut self, isolate: usize, now: u64) -> Vec<Sync> {
        let due = self.isolates[isolate].due(at(now), 100);
        for sync in &due {
            if let Some(put) = &sync.put {
                self.kv.retain(|(key, ..)| *key != put.key);
                let (key, value) = (put.key.clone(), put.value.clone());
                self.kv.push((key, put.metadata.clone(), value));
            }
            let read = self.listed(&sync.prefix);
            self.isolates[isolate].record_sync(sync, true, Some(&read), at(now));
        }
        due
    }

    /// What a list of the keys that begin so shows.
    fn listed(&self, prefix: &str) -> Vec<(String, String)> {
        let shown = self.kv.iter().filter(|(key, ..)| key.starts_with(prefix));
        shown
            .map(|(key, metadata, _)| (key.clone(), metadata.clone()))
            .collect()
    }

    /// Everybody writes, then everybody reads.
    fn sync_all(&mut self, now: u64) {
        for round in 0..2 {
            for isolate in 0..self.isolates.len() {
                self.sync(isolate, now + round * INTERVAL.as_millis());
                // Keeps it in use, so that it is due again.
                self.isolates[isolate]
                    .check(
                        Purpose::Mode,
                        "u1",
                        &fixed(0),
                        &Check::of(0),
                        moment(START + now + round * 10_000),
                    )
                    .unwrap();
            }
        }
    }
}

fn remaining(decision: &Decision) -> u64 {
    decision.deciding().unwrap().remaining
}

#[test]
fn isolates_that_told_each_other_share_the_limit() {
    let mut world = World::new(2);
    let policy = fixed(10);
    assert_eq!(remaining(&world.ask(0, &policy, 4, 0)), 6);
    assert_eq!(remaining(&world.ask(1, &policy, 3, 0)), 7, "not told yet");
    world.sync_all(1_000);
    assert_eq!(remaining(&world.ask(0, &policy, 0, 12_000)), 3);
    assert_eq!(remaining(&world.ask(1, &policy, 1, 12_000)), 2);
    let refused = world.ask(1, &policy, 3, 12_000);
    assert_eq!(refused.reason, Some(Reason::Limit));
    assert_eq!(
        refused.retry_after,
        Some(Duration::from_millis(HOUR - 12_000))
    );
    let read = world.listed("");
    let shown = world.isolates[0].statuses("u1", &read, &[], moment(START + 12_000));
    assert_eq!(shown.unwrap()[0].isolates, 2);
    assert!(world.ask(0, &policy, 10, HOUR).success, "the next window");
}

#[test]
fn a_sliding_window_remembers_what_others_used_in_the_last_one() {
    let mut world = World::new(2);
    let policy = policy(r#""limit": 100, "window": "1h""#);
    world.ask(0, &policy, 60, HOUR - 30_000);
    world.ask(1, &policy, 20, HOUR - 30_000);
    world.sync_all(HOUR - 28_000);
    // Half of the 80 still count in the middle of the next window.
    assert_eq!(remaining(&world.ask(0, &policy, 0, HOUR + HOUR / 2)), 60);
    assert_eq!(remaining(&world.ask(1, &policy, 10, HOUR + HOUR / 2)), 50);
    // Whoever reads only then finds them under the window before.
    world
        .isolates
        .push(IsolateCounts::new("eventual", 7, Secret::new(9)));
    world.ask(2, &policy, 1, HOUR + HOUR / 2);
    world.sync(2, HOUR + HOUR / 2 + 1_000);
    assert_eq!(
        remaining(&world.ask(2, &policy, 0, HOUR + HOUR / 2 + 1_000)),
        59
    );
}

#[test]
fn quotas_and_several_limits_are_all_or_nothing() {
    let mut world = World::new(1);
    let policy = policy(
        r#""limits": [{"algorithm": "quota", "limit": 5, "period": "day"}, {"algorithm": "fixedWindow", "limit": 3, "window": "1h"}]"#,
    );
    assert!(world.ask(0, &policy, 3, 0).success);
    let refused = world.ask(0, &policy, 1, 0);
    assert!(!refused.success);
    assert_eq!(
        refused.limits[0].remaining, 2,
        "nothing was taken of the other"
    );
    assert!(world.ask(0, &policy, 2, HOUR).success);
    let refused = world.ask(0, &policy, 1, 2 * HOUR);
    assert_eq!(refused.deciding, Some(0));
    assert!(world.ask(0, &policy, 1, 24 * HOUR).success);
}

#[test]
fn refunds_give_back_of_the_own_use_and_the_excess_is_dropped() {
    let mut world = World::new(2);
    let policy = fixed(10);
    world.ask(0, &policy, 8, 0);
    assert_eq!(remaining(&world.ask(0, &policy, -3, 0)), 5);
    world.ask(0, &policy, -100, 0);
    assert_eq!(remaining(&world.ask(0, &policy, 0, 0)), 10);
    assert_eq!(remaining(&world.ask(1, &policy, -100, 0)), 10);
}

#[test]
fn a_peek_and_a_denial_count_nothing() {
    let mut world = World::new(1);
    let policy = fixed(10);
    let peek = Check {
        peek: true,
        ..Check::of(4)
    };
    world.isolates[0]
        .check(Purpose::Mode, "u1", &policy, &peek, moment(START))
        .unwrap();
    assert!(!world.ask(0, &policy, 11, 0).success);
    assert_eq!(remaining(&world.ask(0, &policy, 0, 0)), 10);
    let due = world.sync(0, 60_000);
    assert!(due[0].put.is_none(), "there is nothing to tell");
}

#[test]
fn subjects_and_policies_have_counts_of_their_own() {
    let mut world = World::new(1);
    let limit = fixed(10);
    let name = tollgate_core::limit::Name::new("policy", "p").unwrap();
    let named_policy = limit.clone().named(name, version(1));
    world.ask(0, &limit, 4, 0);
    assert_eq!(remaining(&world.ask(0, &named_policy, 1, 0)), 9);
    let other = world.isolates[0].check(Purpose::Mode, "u2", &limit, &Check::ONE, moment(START));
    assert_eq!(remaining(&other.unwrap()), 9);
    assert_eq!(
        remaining(&world.ask(0, &fixed(20), 0, 0)),
        16,
        "other numbers keep past use"
    );
}

#[test]
fn counts_are_told_after_a_second_then_every_ten_and_not_without_news() {
    let mut world = World::new(1);
    let policy = fixed(1_000_000);
    let mut told = Vec::new();
    let mut read = Vec::new();
    for second in 0..=60 {
        let now = second * 1_000;
        for sync in world.sync(0, now) {
            read.push(second);
            told.extend(sync.put.map(|_| second));
        }
        if second < 35 {
            world.ask(0, &policy, 1, now);
        }
    }
    // At 41 the last units, at 51 that no more are coming.
    assert_eq!(told, [1, 11, 21, 31, 41, 51]);
    assert_eq!(read, told);
    assert_eq!(world.isolates[0].next_due(), None);
}

#[test]
fn near_its_limit_a_count_is_told_more_often_but_never_twice_a_second() {
    let mut world = World::new(1);
    let policy = fixed(2_000);
    let mut told = Vec::new();
    for step in 0..400 {
        let now = step * 100;
        told.extend(
            world
                .sync(0, now)
                .iter()
                .filter(|sync| sync.put.is_some())
                .map(|_| now),
        );
        for _ in 0..6 {
            world.ask(0, &policy, 1, now);
        }
    }
    let gaps: Vec<u64> = told.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(
        gaps.iter().all(|&gap| (1_000..=10_000).contains(&gap)),
        "{gaps:?}"
    );
    assert!(gaps.contains(&1_000), "{gaps:?}");
}

#[test]
fn a_kv_that_fails_is_asked_less_often_and_answers_say_so() {
    let mut world = World::new(1);
    let policy = fixed(10);
    let mut tried = Vec::new();
    for second in 0..=200 {
        let now = second * 1_000;
        for sync in world.isolates[0].due(at(now), 100) {
            tried.push(second);
            world.isolates[0].record_sync(&sync, false, None, at(now));
        }
        let decision = world.ask(0, &policy, i64::from(second == 0), now);
        let degraded = decision.reason == Some(Reason::Degraded);
        assert_eq!(degraded, tried.len() >= 3, "after {tried:?}");
        assert_eq!(remaining(&decision), 9, "it goes on with its own count");
    }
    assert_eq!(tried, [1, 11, 31, 71, 131, 191]);
    let sync = world.sync(0, 251_000).pop().unwrap();
    assert!(sync.put.is_some(), "nothing was lost");
    assert_eq!(world.ask(0, &policy, 0, 251_000).reason, None);
}

#[test]
fn a_sync_that_never_came_back_is_not_waited_for() {
    let mut world = World::new(1);
    let policy = fixed(10);
    world.ask(0, &policy, 1, 0);
    assert_eq!(world.isolates[0].due(at(1_000), 100).len(), 1);
    world.ask(0, &policy, 1, 2_000);
    assert!(world.isolates[0].due(at(30_999), 100).is_empty());
    assert_eq!(world.isolates[0].due(at(31_000), 100).len(), 1);
}

#[test]
fn texts_of_others_that_cannot_be_read_are_passed_over() {
    let mut world = World::new(1);
    let policy = fixed(10);
    world.ask(0, &policy, 1, 0);
    let sync = world.isolates[0].due(at(1_000), 1).pop().unwrap();
    let own = sync.put.clone().unwrap();
    let good = own.metadata.replace("u=1", "u=3");
    let read = [
        ("eventual/u1/a".to_owned(), "".to_owned()),
        ("eventual/u1/b".to_owned(), "9 counts time=1".to_owned()),
        (
            "eventual/u1/c".to_owned(),
            "1 counts time=1\nc i=zz s=1 u=1".to_owned(),
        ),
        ("eventual/u1/d".to_owned(), good),
        (own.key.clone(), own.metadata.clone()),
    ];
    world.isolates[0].record_sync(&sync, true, Some(&read), at(1_000));
    assert_eq!(remaining(&world.ask(0, &policy, 0, 1_000)), 6);
}

#[test]
fn what_is_written_has_this_form_and_lives_as_long_as_it_matters() {
    let mut world = World::new(1);
    let sliding = policy(r#""limit": 100, "window": "1h""#);
    world.ask(0, &sliding, 7, 0);
    world.ask(0, &sliding, 2, HOUR);
    let name = tollgate_core::limit::Name::new("policy", "p").unwrap();
    world.ask(0, &fixed(10).named(name, version(3)), 1, HOUR);
    let put = world.sync(0, HOUR + 1_000).pop().unwrap().put.unwrap();
    assert_eq!(put.key, "eventual/u1/0000000000000000.1.0");
    assert_eq!(
        put.metadata,
        "1 counts time=1798851601000\nc i=643db5f8db84b674 s=1798851600000 u=2 p=7\nc i=5b1585fc5de734ae s=1798851600000 u=1"
    );
    assert_eq!(
        put.value,
        "1 definitions\nlimit id=643db5f8db84b674 algorithm=slidingWindow limit=100 window=3600000\nlimit id=5b1585fc5de734ae policy=p version=3 generation=1798848000000 algorithm=fixedWindow limit=10 window=3600000"
    );
    assert_eq!(put.life, Duration::from_millis(2 * HOUR - 1_000));
    let definitions = read_definitions(&put.value).unwrap();
    let (_, records) = read_counts(&put.metadata).unwrap();
    for (definition, record) in definitions.iter().zip(&records) {
        assert_eq!(definition.id, record.id);
    }
    assert_eq!(definitions[0].policy().unwrap(), sliding);
}

#[test]
fn the_counts_of_the_most_limits_fit_in_metadata() {
    let mut world = World::new(1);
    let huge = |i: u64| {
        policy(&format!(
            r#""limit": 9007199254740992, "window": "{}m""#,
            600 + i
        ))
    };
    for i in 0..30 {
        world.ask(0, &huge(i), 9_007_199_254_740_992, 0);
        world.ask(0, &huge(i), 9_007_199_254_740_991, 11 * HOUR);
    }
    world.sync(0, 11 * HOUR + 1_000);
    let many = "x".repeat(64);
    let limits = (0..8).map(|i| {
        let name = format!("{}{i}", &many[..63]);
        named(&name, common::fixed(9_007_199_254_740_992, HOUR))
    });
    let policy = Policy::new(limits.collect()).unwrap();
    for i in 0..20 {
        world.ask(0, &policy, 1_000_000_000_000, 11 * HOUR + 2_000 + i);
    }
    let put = world
        .sync(0, 11 * HOUR + 21_000)
        .pop()
        .unwrap()
        .put
        .unwrap();
    assert!(put.metadata.len() <= 1_000, "{}", put.metadata.len());
    assert_eq!(read_counts(&put.metadata).unwrap().1.len(), MAX_LIMITS);
}

#[test]
fn a_million_subjects_are_bounded_and_the_most_used_is_not_forgotten() {
    let mut isolate = IsolateCounts::new("eventual", 1, Secret::new(9));
    let policy = fixed(100);
    let mut syncs = 0;
    for i in 0..1_000_000u64 {
        let now = START + i / 50;
        isolate
            .check(
                Purpose::Mode,
                &i.to_string(),
                &policy,
                &Check::ONE,
                moment(now),
            )
            .unwrap();
        if i % 1_000 == 0 {
            isolate
                .check(Purpose::Mode, "hot", &policy, &Check::ONE, moment(now))
                .unwrap();
        }
        if i % 50_000 == 0 {
            for sync in isolate.due(Timestamp::from_millis(now), 50) {
                syncs += 1;
                isolate.record_sync(&sync, true, Some(&[]), Timestamp::from_millis(now));
            }
        }
    }
    assert!(isolate.len() <= MAX_SUBJECTS);
    assert!(syncs <= 20 * 50, "writing is bounded as well");
    let hot = isolate
        .check(
            Purpose::Mode,
            "hot",
            &policy,
            &Check::of(0),
            moment(START + 20_000),
        )
        .unwrap();
    assert_eq!(
        remaining(&hot),
        0,
        "a hundred were counted, and none forgotten"
    );
}

/// What an object says when so many units are asked of it.
fn said_by(object: &mut SubjectState, policy: &Policy, cost: i64, now: u64) -> Decision {
    let item = [Item {
        policy: policy.clone(),
        check: Check::of(cost),
    }];
    let moment = moment(START + now);
    let decided = object.limit(&item, None, &mut || 1, moment, &mut Effects::default());
    decided.unwrap().pop().unwrap()
}

#[test]
fn counting_goes_on_from_what_the_object_said() {
    let mut world = World::new(2);
    let policy = fixed(10);
    let decision = said_by(&mut SubjectState::default(), &policy, 6, 5_000);
    let ask = |world: &mut World, isolate, cost, now| {
        remaining(&world.ask_for(Purpose::Fallback, isolate, &policy, cost, now))
    };
    ask(&mut world, 1, 2, 0);
    world.sync(1, 1_000); // told before the object was asked: it has that already
    world.isolates[0]
        .record_decision("u1", &policy, &decision, moment(START + 5_000))
        .unwrap();
    ask(&mut world, 0, 1, 6_000);
    world.sync(0, 7_000);
    assert_eq!(ask(&mut world, 0, 0, 7_000), 3);
    ask(&mut world, 1, 1, 12_000);
    world.sync(1, 12_000);
    world.sync(0, 17_000);
    assert_eq!(
        ask(&mut world, 0, 0, 17_000),
        0,
        "3 of another isolate, told since"
    );
    assert_eq!(ask(&mut world, 0, 0, HOUR), 10);
}

#[test]
fn an_object_that_comes_and_goes_is_not_taken_to_know_what_it_was_not_charged() {
    let mut world = World::new(1);
    let policy = fixed(100);
    let mut object = SubjectState::default();
    let learn = |world: &mut World, decision: &Decision, now| {
        let moment = moment(START + now);
        world.isolates[0]
            .record_decision("u1", &policy, decision, moment)
            .unwrap();
    };
    let left =
        |world: &mut World, now| remaining(&world.ask_for(Purpose::Fallback, 0, &policy, 0, now));
    let decision = said_by(&mut object, &policy, 60, 0);
    learn(&mut world, &decision, 0);
    assert!(
        world
            .ask_for(Purpose::Fallback, 0, &policy, 40, 1_000)
            .success
    );
    assert_eq!(left(&mut world, 1_000), 0);
    // It answers again, before it is charged, and is gone again.
    let decision = said_by(&mut object, &policy, 0, 2_000);
    assert_eq!(remaining(&decision), 40);
    learn(&mut world, &decision, 2_000);
    assert_eq!(left(&mut world, 3_000), 0, "the 40 are not forgotten");
    let charged = Item {
        policy: policy.clone().with_fail_mode(FailMode::Eventual).unwrap(),
        check: Check::of(40),
    };
    let moment = moment(START + 4_000);
    world.isolates[0]
        .record_charged("u1", &[charged], moment)
        .unwrap();
    assert_eq!(left(&mut world, 4_000), 0, "nor counted twice");
    let decision = said_by(&mut object, &policy, 40, 4_500);
    learn(&mut world, &decision, 5_000);
    assert_eq!(left(&mut world, 5_000), 0);
}

/// An isolate that admits units of these two policies in place of their object, and charges them to
/// it when it is back. What is left then by the object, and by the counts of the first policy after
/// the object was asked again.
fn left_after_an_outage(first: &Policy, second: &Policy) -> (u64, u64) {
    let mut world = World::new(1);
    let (mut object, mut debts) = (SubjectState::default(), Debts::new(Secret::new(9)));
    for (policy, units) in [(first, 40), (second, 10)] {
        if policy.fail_mode() == FailMode::Eventual {
            assert!(
                world
                    .ask_for(Purpose::Fallback, 0, policy, units, 1_000)
                    .success
            );
        }
        debts
            .record("u1", policy, &Check::of(units), moment(START + 1_000))
            .unwrap();
    }
    let items = debts.take("u1", moment(START + 2_000)).unwrap();
    let call = Call::Charge {
        operation: 5,
        items: items.clone(),
    };
    let effects = &mut Effects::default();
    let answer = object.answer(&call, &mut || 1, moment(START + 2_000), effects);
    assert_eq!(Charge::of_answer(&answer), Charge::Done);
    world.isolates[0]
        .record_charged("u1", &items, moment(START + 2_000))
        .unwrap();
    let decision = said_by(&mut object, first, 0, 3_000);
    world.isolates[0]
        .record_decision("u1", first, &decision, moment(START + 3_000))
        .unwrap();
    let counted = world.ask_for(Purpose::Fallback, 0, first, 0, 4_000);
    (remaining(&decision), remaining(&counted))
}

#[test]
fn what_the_object_was_charged_is_counted_once_when_it_is_away_again() {
    let limit = |fail_mode: &str| {
        policy(&format!(
            r#""algorithm": "fixedWindow", "limit": 100, "window": "1h", "failMode": "{fail_mode}""#
        ))
    };
    let [eventual, open] = ["eventual", "open"].map(limit);
    assert_eq!(left_after_an_outage(&eventual, &eventual), (50, 50));
    // What the other failure mode admitted was never counted here.
    assert_eq!(left_after_an_outage(&eventual, &open), (50, 50));
    let two = policy(
        r#""failMode": "eventual", "limits": [
            {"algorithm": "fixedWindow", "limit": 100, "window": "1h"},
            {"algorithm": "fixedWindow", "limit": 200, "window": "2h"}]"#,
    );
    assert_eq!(left_after_an_outage(&two, &two), (50, 50));
}

#[test]
fn what_the_object_was_charged_of_the_window_before_is_counted_once() {
    let mut world = World::new(1);
    let policy = policy(r#""limit": 100, "window": "1h", "failMode": "eventual""#);
    let (mut object, mut debts) = (SubjectState::default(), Debts::new(Secret::new(9)));
    let admitted = world.ask_for(Purpose::Fallback, 0, &policy, 40, 1_000);
    assert!(admitted.success);
    let owed = debts.record("u1", &policy, &Check::of(40), moment(START + 1_000));
    owed.unwrap();
    // A quarter of the next hour later, three quarters of the 40 count.
    let now = HOUR + HOUR / 4;
    let items = debts.take("u1", moment(START + now)).unwrap();
    assert_eq!(items[0].check.cost, 30);
    let effects = &mut Effects::default();
    object
        .charge(&items, 5, moment(START + now), effects)
        .unwrap();
    let isolate = &mut world.isolates[0];
    let charged = isolate.record_charged("u1", &items, moment(START + now));
    charged.unwrap();
    let left = |world: &mut World| remaining(&world.ask_for(Purpose::Fallback, 0, &policy, 0, now));
    assert_eq!(left(&mut world), 70, "before the object is asked again");
    let decision = said_by(&mut object, &policy, 0, now);
    let isolate = &mut world.isolates[0];
    let learnt = isolate.record_decision("u1", &policy, &decision, moment(START + now));
    learnt.unwrap();
    assert_eq!((remaining(&decision), left(&mut world)), (70, 70));
}

#[test]
fn what_an_object_says_does_not_touch_what_is_counted_by_mode() {
    let mut world = World::new(1);
    let policy = fixed(100);
    assert!(world.ask(0, &policy, 100, 0).success);
    let decision = said_by(&mut SubjectState::default(), &policy, 1, 1_000);
    let learnt = world.isolates[0].record_decision("u1", &policy, &decision, moment(START + 1_000));
    learnt.unwrap();
    assert!(!world.ask(0, &policy, 1, 2_000).success);
    assert_eq!(
        remaining(&world.ask_for(Purpose::Fallback, 0, &policy, 0, 2_000)),
        99
    );
}

/// Enough others, asked more often, to push out what is counted and, where they have used anything,
/// what is kept of it.
fn push_out(isolate: &mut IsolateCounts, cost: i64, now: u64) {
    let (policy, check) = (fixed(100), Check::of(cost));
    for i in 0..2 * (MAX_SUBJECTS + MAX_EVICTED) {
        for _ in 0..3 {
            let moment = moment(START + now);
            let decision = isolate.check(Purpose::Mode, &i.to_string(), &policy, &check, moment);
            decision.unwrap();
        }
    }
}

#[test]
fn a_subject_that_had_to_go_is_counted_on_under_its_key() {
    let mut world = World::new(1);
    let policy = fixed(100);
    world.ask(0, &policy, 60, 0);
    world.sync(0, 1_000);
    world.ask(0, &policy, 30, 1_500); // not told
    push_out(&mut world.isolates[0], 0, 2_000);
    assert_eq!(remaining(&world.ask(0, &policy, 1, 3_000)), 9);
    world.sync(0, 4_000);
    assert_eq!(world.kv.len(), 1, "what was told and what was not, in one");
    let told = read_counts(&world.kv[0].1).unwrap().1;
    assert_eq!(told[0].used, 91);
    assert_eq!(remaining(&world.ask(0, &policy, 0, 5_000)), 9);
}

#[test]
fn what_is_kept_of_other_limits_stays_told() {
    let mut world = World::new(1);
    let daily = policy(r#""algorithm": "fixedWindow", "limit": 100, "window": "1d""#);
    world.ask(0, &daily, 40, 0);
    world.ask(0, &fixed(100), 60, 0);
    world.sync(0, 1_000);
    push_out(&mut world.isolates[0], 0, 2_000);
    world.ask(0, &fixed(100), 1, 3_000);
    world.sync(0, 4_000);
    let mut told = read_counts(&world.kv[0].1).unwrap().1;
    told.sort_unstable_by_key(|record| record.used);
    assert_eq!(
        told.iter().map(|record| record.used).collect::<Vec<_>>(),
        [40, 61]
    );
    assert_eq!(remaining(&world.ask(0, &daily, 1, 5_000)), 59);
    // A reset forgets also what nobody has asked for since.
    push_out(&mut world.isolates[0], 0, 6_000);
    let instruction = Instruction {
        policy: None,
        at: at(7_000),
        command: Command::Reset,
    };
    world.isolates[0].apply_instruction("u1", instruction, at(HOUR), at(7_000));
    assert_eq!(remaining(&world.ask(0, &daily, 1, 8_000)), 99);
    assert_eq!(remaining(&world.ask(0, &fixed(100), 1, 8_000)), 99);
}

#[test]
fn a_subject_that_was_forgotten_finds_what_it_had_told() {
    let mut world = World::new(1);
    let policy = fixed(100);
    world.ask(0, &policy, 90, 0);
    world.sync(0, 1_000);
    push_out(&mut world.isolates[0], 1, 2_000);
    assert_eq!(remaining(&world.ask(0, &policy, 9, 3_000)), 91, "forgotten");
    for now in [4_000, 5_000, 15_000] {
        world.sync(0, now);
        world.ask(0, &policy, 0, now);
    }
    assert_eq!(remaining(&world.ask(0, &policy, 0, 16_000)), 1);
    assert!(!world.ask(0, &policy, 2, 16_000).success);
}

#[test]
fn more_limits_than_are_counted_at_once_lose_nothing_that_was_told() {
    let mut world = World::new(2);
    let hours = |i: usize| {
        let limit = format!(
            r#""algorithm": "fixedWindow", "limit": 100, "window": "{}h""#,
            i + 1
        );
        policy(&limit)
    };
    for i in 0..MAX_LIMITS {
        world.ask(0, &hours(i), 50 + i as i64, 0);
    }
    world.sync(0, 1_000);
    world.ask(0, &hours(MAX_LIMITS), 1, 2_000); // the first has to go
    for now in [11_000, 21_000] {
        world.sync(0, now);
        world.ask(0, &hours(MAX_LIMITS), 0, now);
    }
    for i in 0..MAX_LIMITS {
        world.ask(1, &hours(i), 0, 30_000);
    }
    world.sync(1, 31_000);
    for i in 0..MAX_LIMITS {
        let left = remaining(&world.ask(1, &hours(i), 0, 32_000));
        assert_eq!(left, 50 - i as u64, "{} h", i + 1);
    }
}

#[test]
fn a_flood_pushes_out_its_own_oldest_before_who_has_just_come() {
    let mut isolate = IsolateCounts::new("eventual", 1, Secret::new(9));
    let policy = fixed(10);
    let mut ask = |name: &str, now: u64| {
        let moment = moment(START + now);
        let decision = isolate.check(Purpose::Mode, name, &policy, &Check::ONE, moment);
        remaining(&decision.unwrap())
    };
    for i in 0..50_000 {
        ask(&i.to_string(), i);
    }
    // A tenth as many as there is room for come in between.
    for round in 0..20 {
        let (name, now) = (format!("new{round}"), 50_000 + round * 1_000);
        assert_eq!(ask(&name, now), 9);
        for i in 0..400 {
            ask(&format!("{round}/{i}"), now + i);
        }
        assert_eq!(ask(&name, now + 500), 8, "{name}");
    }
}

#[test]
fn a_hot_limit_is_not_forgotten_for_many_small_ones() {
    let mut isolate = IsolateCounts::new("eventual", 1, Secret::new(9));
    let (hot, small) = (fixed(1_000_000), fixed(1));
    for i in 0..200_000u64 {
        let moment = moment(START + i / 100);
        isolate
            .check(Purpose::Mode, &i.to_string(), &small, &Check::ONE, moment)
            .unwrap();
        if i % 10 == 0 {
            let decision = isolate.check(Purpose::Mode, "all", &hot, &Check::ONE, moment);
            assert_eq!(remaining(&decision.unwrap()), 1_000_000 - 1 - i / 10);
        }
    }
}

#[test]
fn what_cannot_be_counted_so_is_refused_with_what_to_take_instead() {
    let table = [
        (r#""limit": 1, "window": "599999ms""#, "10m and longer"),
        (
            r#""algorithm": "quota", "limit": 1, "period": "minute""#,
            "10m and longer",
        ),
        (
            r#""algorithm": "slidingLog", "limit": 1, "window": "1h""#,
            "take fixedWindow",
        ),
        (
            r#""algorithm": "concurrency", "limit": 1, "ttl": "1h""#,
            "take fixedWindow",
        ),
        (
            r#""algorithm": "tokenBucket", "capacity": 1, "refill": {"amount": 1, "interval": "1h"}"#,
            "take fixedWindow",
        ),
    ];
    for (rest, what) in table {
        let error = Consistency::Eventual
            .suits(policy(rest).limits())
            .unwrap_err()
            .to_string();
        assert!(error.contains(what) && error.contains("strong"), "{error}");
    }
    let staged =
        r#"{"limit": 1, "window": "1h", "stages": [{"limit": 1}], "consistency": "eventual"}"#;
    let error = named::parse(staged).unwrap_err().to_string();
    assert!(error.contains("only the subject's object"), "{error}");
    let local = policy(r#""limit": 1, "window": "1m", "times": [{"days": ["mon"], "limit": 2}]"#);
    let error = Consistency::Local.suits(local.limits()).unwrap_err();
    assert!(error
        .to_string()
        .contains("a native binding has one number"));
    for rest in [
        r#""limit": 1, "window": "10m""#,
        r#""limit": 1, "window": "10m", "times": [{"days": ["mon"], "limit": 2}]"#,
        r#""algorithm": "quota", "limit": 1, "period": "hour""#,
    ] {
        assert_eq!(Consistency::Eventual.suits(policy(rest).limits()), Ok(()));
    }
}

/// `times` of these minutes of the day, their lengths and limits; nothing where there are none.
fn written_hours(hours: &[(u64, u64, u64)]) -> String {
    if hours.is_empty() {
        return String::new();
    }
    let time = |minute: u64| format!("{:02}:{:02}", minute / 60 % 24, minute % 60);
    let entry = |&(from, length, limit): &(u64, u64, u64)| {
        let between = [time(from), time(from + length)];
        format!(r#"{{"between": {between:?}, "limit": {limit}}}"#)
    };
    let entries: Vec<String> = hours.iter().map(entry).collect();
    format!(r#", "times": [{}]"#, entries.join(","))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Alone, an isolate decides exactly as an object does.
    #[test]
    fn one_isolate_alone_is_exact(
        kind in 0..3usize,
        limit in 0..20u64,
        hours in prop::collection::vec((0..1_440u64, 1..1_440u64, 0..20u64), 0..4),
        steps in prop::collection::vec((0..20 * MINUTE, -3..6i64, any::<bool>()), 1..60),
    ) {
        let of = [
            format!(r#""algorithm": "fixedWindow", "limit": {limit}, "window": "17m""#),
            format!(r#""algorithm": "slidingWindow", "limit": {limit}, "window": "17m""#),
            format!(r#""algorithm": "quota", "limit": {limit}, "period": "hour""#),
        ];
        let policy = policy(&format!("{}{}", of[kind], written_hours(&hours)));
        let mut world = World::new(1);
        let mut object = SubjectState::default();
        let mut now = 0;
        for (pause, cost, peek) in steps {
            now += pause;
            world.sync(0, now);
            let check = Check { peek, ..Check::of(cost) };
            let item = [Item { policy: policy.clone(), check: check.clone() }];
            let exact = object.limit(&item, None, &mut || 1, moment(START + now), &mut Effects::default());
            let exact = Decision { cache_for: Duration::ZERO, ..exact.unwrap()[0].clone() };
            let counted = world.isolates[0].check(Purpose::Mode, "u1", &policy, &check, moment(START + now)).unwrap();
            prop_assert_eq!(counted, exact);
        }
    }

    /// However little they know of each other, n isolates admit at most n times the largest number
    /// that is in force in an aligned window.
    #[test]
    fn isolates_together_pass_no_more_than_the_largest_number_each(
        isolates in 1..4usize,
        limit in 0..20u64,
        hours in prop::collection::vec((0..1_440u64, 1..1_440u64, 0..20u64), 1..4),
        steps in prop::collection::vec((0..20 * MINUTE, 0..4usize, 1..9i64, any::<bool>()), 1..60),
    ) {
        let hourly = r#""algorithm": "fixedWindow", "window": "1h""#;
        let policy = policy(&format!(r#"{hourly}, "limit": {limit}{}"#, written_hours(&hours)));
        let mut world = World::new(isolates as u64);
        let mut now = 0;
        let mut windows = std::collections::BTreeMap::<u64, (i64, u64)>::new();
        for (pause, isolate, cost, syncs) in steps {
            now += pause;
            let isolate = isolate % isolates;
            if syncs {
                world.sync(isolate, now);
            }
            let admitted = world.ask(isolate, &policy, cost, now).success;
            let in_force = policy.in_force(None, moment(START + now)).unwrap();
            let in_force = in_force.limits()[0].algorithm().limit();
            let (units, largest) = windows.entry(now / HOUR).or_default();
            *units += if admitted { cost } else { 0 };
            *largest = in_force.max(*largest);
            prop_assert!(*units as u64 <= isolates as u64 * *largest);
        }
    }

    #[test]
    fn no_text_of_others_makes_a_reader_panic(text in "[0-9]? ?[a-z]{0,8}( [a-z]=[0-9a-f]{0,20})*(\nc( [isupr]=[0-9a-f]{0,20}){0,6}){0,3}") {
        let mut world = World::new(1);
        world.ask(0, &fixed(10), 1, 0);
        let sync = world.isolates[0].due(at(1_000), 1).pop().unwrap();
        let read = [("eventual/u1/x".to_owned(), text.clone())];
        world.isolates[0].record_sync(&sync, true, Some(&read), at(1_000));
        world.ask(0, &fixed(10), 1, 2_000);
        drop(read_definitions(&text));
    }
}

#[test]
fn what_all_isolates_told_is_shown_with_what_may_be_too_much() {
    let mut world = World::new(3);
    let (hourly, daily) = (
        fixed(100),
        policy(r#""algorithm": "quota", "limit": 50, "period": "day""#),
    );
    for second in 0..40 {
        world.ask(0, &hourly, 1, second * 1_000);
        world.ask(1, &hourly, 1, second * 1_000);
        world.ask(1, &daily, 1, second * 1_000);
        world.sync(0, second * 1_000);
        world.sync(1, second * 1_000);
    }
    // Written at 31 s and not yet at 41 s; an isolate that knows nothing of the subject shows what
    // others have told.
    let now = 40_000;
    let mut shown = |isolate: usize| {
        let read = world.listed("");
        let values = world.isolates[isolate].missing_definitions("u1", &read, 10);
        let texts = world.kv.iter().filter(|(key, ..)| values.contains(key));
        let definitions: Vec<_> = texts
            .flat_map(|(.., value)| read_definitions(value).unwrap())
            .collect();
        let moment = moment(START + now);
        let shown = world.isolates[isolate].statuses("u1", &read, &definitions, moment);
        (values.len(), shown.unwrap())
    };
    let (values, stranger) = shown(2);
    assert_eq!(values, 2, "the second defines what the first does not");
    let of = |shown: &[CountStatus], word: &str| {
        let named = |it: &&CountStatus| it.definition.limit.algorithm().word() == word;
        shown.iter().find(named).unwrap().clone()
    };
    let hourly = of(&stranger, "fixedWindow");
    assert!((18..=22).contains(&hourly.remaining), "{hourly:?}");
    assert_eq!(hourly.isolates, 2);
    // Two isolates at one a second each, of which half is not known for 40 s on average.
    assert!((36..=44).contains(&hourly.over.expected), "{hourly:?}");
    assert_eq!(hourly.over.hard, 100);
    let daily = of(&stranger, "quota");
    assert_eq!((daily.isolates, daily.over.hard), (1, 0));
    let (values, own) = shown(1);
    assert_eq!(values, 0, "it knows its own limits");
    assert_eq!(of(&own, "quota").remaining, 10, "to the last unit");
}

#[test]
fn hours_are_shown_with_the_number_in_force_and_the_bounds_of_the_largest() {
    // Forty in the day; ten at night, which begins within the window.
    let day = r#""algorithm": "fixedWindow", "limit": 40, "window": "12h""#;
    let policy = policy(&format!(
        r#"{day}, "times": [{{"between": ["22:00", "06:00"], "limit": 10}}]"#
    ));
    let mut world = World::new(2);
    let evening = 21 * HOUR;
    assert!(world.ask(0, &policy, 15, evening).success);
    assert!(world.ask(1, &policy, 20, evening).success);
    world.sync_all(evening + 1_000);
    let night = 22 * HOUR;
    assert!(!world.ask(0, &policy, 1, night).success);
    let statuses = |world: &mut World| {
        let read = world.listed("eventual/u1/");
        let known = world.isolates[0].statuses("u1", &read, &[], moment(START + night));
        known.unwrap().remove(0)
    };
    let status = statuses(&mut world);
    assert_eq!(status.definition.limit.algorithm().limit(), 10);
    assert_eq!((status.remaining, status.over.hard), (0, 40));
    let named = policy.with_consistency(Consistency::Eventual).unwrap();
    let explained = explain(&named, moment(START)).unwrap();
    assert_eq!(explained[0].over_admission.unwrap().per_isolate, 40);
    // What was published is read by others as it was written.
    let told: Vec<_> = world
        .kv
        .iter()
        .map(|(_, _, value)| read_definitions(value))
        .collect();
    assert!(told
        .iter()
        .flatten()
        .flatten()
        .any(|it| it.limit.is_written_as(&named.limits()[0])));
}

#[test]
fn a_reset_and_a_block_reach_the_others_and_end_with_their_keys() {
    let mut world = World::new(2);
    let hourly = fixed(10);
    for isolate in [0, 1] {
        assert!(world.ask(isolate, &hourly, 5, 0).success);
    }
    world.sync_all(1_000);
    assert!(!world.ask(0, &hourly, 1, 12_000).success);
    let say = |world: &mut World, command: Command, now: u64| {
        let instruction = Instruction {
            policy: None,
            at: at(now),
            command,
        };
        let put = world.isolates[0].apply_instruction("u1", instruction, at(HOUR), at(now));
        world.kv.retain(|(key, ..)| *key != put.key);
        world
            .kv
            .push((put.key.clone(), put.metadata.clone(), put.value.clone()));
        put
    };
    let put = say(&mut world, Command::Reset, 13_000);
    assert_eq!(put.life, Duration::from_secs(86_400));
    assert!(world.ask(0, &hourly, 1, 13_001).success, "here at once");
    assert!(!world.ask(1, &hourly, 1, 13_001).success, "there not yet");
    world.sync(1, 24_000);
    assert!(
        world.ask(1, &hourly, 1, 24_001).success,
        "and there after a reading"
    );
    let (until, reason) = (at(HOUR), "fraud".to_owned());
    let put = say(&mut world, Command::Block { until, reason }, 30_000);
    assert_eq!(put.life, Duration::from_secs(3_570));
    let blocked =
        |world: &mut World, now| world.ask(1, &hourly, 1, now).reason == Some(Reason::Blocked);
    assert!(!blocked(&mut world, 33_000));
    world.sync(1, 35_000);
    assert!(blocked(&mut world, 35_001));
    // Unblocked, and the key that says so has expired before this isolate has read it.
    world.kv.retain(|(key, ..)| !key.contains("!block"));
    world.sync(1, 160_000);
    assert!(!blocked(&mut world, 160_001));
}
