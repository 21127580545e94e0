//! Namespaces share nothing of what an isolate keeps: whatever one of them does, another one's
//! counts, shares, debts, circuits and remembered refusals are what they were. And within a
//! namespace what is exhausted outlives what is not.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use common::{moment, START};
use proptest::prelude::*;
use tollgate_core::api::request::{parse, Rule};
use tollgate_core::decide::Check;
use tollgate_core::decision::{Decision, Standing};
use tollgate_core::isolate::bounded::Secret;
use tollgate_core::isolate::circuit::{CallKind, CallOutcome, Circuits};
use tollgate_core::isolate::counts::{
    Command, Instruction, IsolateCounts, Purpose, MAX_EVICTED, MAX_SUBJECTS,
};
use tollgate_core::isolate::debts::Debts;
use tollgate_core::isolate::refusals::{CallTimes, Refusals};
use tollgate_core::isolate::shares::{self, Shares};
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::{Effects, Item, SubjectState};
use tollgate_core::Timestamp;

const SECRET: Secret = Secret::new(0x5eed);
/// More subjects than any part of an isolate's memory has room for.
const FLOOD: usize = 40_000;

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
        r#""algorithm": "fixedWindow", "limit": {limit}, "window": "1d""#
    ))
}

fn mine(i: usize) -> String {
    format!("mine/rate-limit:default:u{i}")
}

fn theirs(i: usize) -> String {
    format!("theirs/rate-limit:default:u{i}")
}

fn at(now: u64) -> Timestamp {
    Timestamp::from_millis(START + now)
}

/// An isolate that counts for itself.
struct World(IsolateCounts);

impl World {
    fn new() -> World {
        World(IsolateCounts::new("eventual", 1, SECRET))
    }

    fn admits(&mut self, name: &str, policy: &Policy, now: u64) -> bool {
        let check = Check::ONE;
        let decided = self
            .0
            .check(Purpose::Mode, name, policy, &check, moment(START + now));
        decided.unwrap().success
    }

    /// How many of some requests are admitted.
    fn admitted(&mut self, name: &str, policy: &Policy, requests: usize, now: u64) -> usize {
        (0..requests)
            .filter(|_| self.admits(name, policy, now))
            .count()
    }

    /// So many subjects, one after the other, each asked so often.
    fn flood(
        &mut self,
        name: impl Fn(usize) -> String,
        policy: &Policy,
        subjects: usize,
        each: usize,
    ) {
        for i in 0..subjects {
            self.admitted(&name(i), policy, each, 1);
        }
    }
}

#[test]
fn a_flood_of_another_namespace_makes_no_counted_limit_start_again() {
    let ten = fixed(10);
    // The requests that once did it, and then twice as many subjects as there is room for, all used
    // up.
    let floods = [
        (112_000 / 27, 27, 1_000_000),
        (2 * (MAX_SUBJECTS + MAX_EVICTED), 12, 11),
    ];
    for (subjects, each, limit) in floods {
        let mut world = World::new();
        let mut admitted = 0;
        for _ in 0..3 {
            admitted += world.admitted(&mine(1), &ten, 10, 0);
            world.flood(theirs, &fixed(limit), subjects, each);
        }
        assert_eq!(admitted, 10);
        assert!(world.0.len() <= MAX_SUBJECTS && world.0.evicted() <= MAX_EVICTED);
    }
}

#[test]
fn within_a_namespace_what_is_used_up_stays_so_through_a_flood() {
    for (subjects, each) in [(112_000 / 27, 27), (112_000, 1)] {
        let mut world = World::new();
        assert_eq!(world.admitted(&mine(0), &fixed(10), 10, 0), 10);
        for _ in 0..2 {
            world.flood(|i| mine(1 + i), &fixed(1_000_000), subjects, each);
            assert_eq!(world.admitted(&mine(0), &fixed(10), 10, 2), 0, "{subjects}");
        }
    }
}

#[test]
fn who_is_used_up_is_kept_longer_than_whoever_was_asked_more_and_is_not() {
    let mut world = World::new();
    let (one, many) = (fixed(1), fixed(1_000_000));
    assert!(world.admits(&mine(0), &one, 0));
    // All of them are asked more often, and there are more than there is room for.
    for i in 0..MAX_SUBJECTS + MAX_EVICTED + 1_000 {
        world.admitted(&mine(1 + i), &many, 3, 1 + i as u64);
    }
    assert_eq!(world.0.evicted(), MAX_EVICTED);
    assert!(!world.admits(&mine(0), &one, 60_000));
}

#[test]
fn to_push_out_what_is_used_up_takes_as_many_that_are_used_up_and_asked_as_often() {
    let mut world = World::new();
    let (ten, one) = (fixed(10), fixed(1));
    world.admitted(&mine(0), &ten, 10, 0);
    // What costs one request each pushes out nothing that has cost ten.
    for i in 0..2 * (MAX_SUBJECTS + MAX_EVICTED) {
        world.admits(&mine(1 + i), &one, 1 + i as u64);
    }
    assert_eq!(world.admitted(&mine(0), &ten, 10, 60_000), 0);
}

#[test]
fn a_block_told_through_kv_stays_through_a_flood() {
    let mut world = World::new();
    let (until, reason) = (at(3_600_000), "fraud".to_owned());
    let command = Command::Block { until, reason };
    let instruction = Instruction {
        policy: None,
        at: at(0),
        command,
    };
    world
        .0
        .apply_instruction(&mine(0), instruction, until, at(0));
    for i in 0..FLOOD {
        world.admits(&mine(1 + i), &fixed(10), 1 + i as u64);
    }
    assert!(!world.admits(&mine(0), &fixed(10), 60_000));
    assert!(world.admits(&mine(0), &fixed(10), 3_600_001));
}

#[test]
fn when_a_window_is_over_so_is_what_was_kept_of_it() {
    let mut world = World::new();
    let day = 86_400_000;
    let first = day - START % day - 1_000; // a second before the next window
    assert_eq!(world.admitted(&mine(0), &fixed(10), 20, first), 10);
    for i in 0..FLOOD {
        world.admits(&mine(1 + i), &fixed(10), first + 1);
    }
    assert_eq!(world.admitted(&mine(0), &fixed(10), 20, first + 999), 0);
    assert_eq!(world.admitted(&mine(0), &fixed(10), 20, first + 1_000), 10);
}

#[test]
fn a_namespace_with_many_subjects_due_leaves_others_their_turns() {
    let mut world = World::new();
    for i in 0..1_000 {
        world.admitted(&theirs(i), &fixed(10), 10, 0); // used up: what is told first
    }
    for i in 0..3 {
        world.admits(&mine(i), &fixed(1_000), 0);
    }
    let due = world.0.due(at(2_000), 20);
    let of_mine = due.iter().filter(|sync| sync.prefix.contains("mine/"));
    assert_eq!((due.len(), of_mine.count()), (20, 3));
}

#[test]
fn a_flood_of_refusals_forgets_none_of_another_namespace() {
    let mut refusals = Refusals::new(SECRET);
    let policy = fixed(0);
    let mut object = SubjectState::default();
    let item = [Item {
        policy: policy.clone(),
        check: Check::ONE,
    }];
    let refused = object.limit(
        &item,
        None,
        &mut || 7,
        moment(START),
        &mut Effects::default(),
    );
    let refused = refused.unwrap().pop().unwrap();
    let times = CallTimes {
        sent: at(0),
        received: at(1),
    };
    let key = refusals.key(&mine(0), &policy);
    refusals.record_decision(key, &Check::ONE, times, &refused);
    for i in 0..FLOOD {
        let key = refusals.key(&theirs(i), &policy);
        refusals.record_decision(key, &Check::ONE, times, &refused);
        let used = refusals.find(key, &policy, &Check::ONE, at(2));
        assert!(used.is_some(), "used: worth more than one that is not");
    }
    assert!(refusals.find(key, &policy, &Check::ONE, at(3)).is_some());
}

#[test]
fn a_flood_of_circuits_closes_none_of_another_namespace() {
    let mut circuits = Circuits::new(SECRET);
    let mine = mine(0);
    circuits.record_outcome(&mine, CallKind::Normal, CallOutcome::Overloaded, at(0), 500);
    for i in 0..FLOOD {
        let theirs = theirs(i);
        circuits.record_outcome(
            &theirs,
            CallKind::Normal,
            CallOutcome::Overloaded,
            at(0),
            500,
        );
        // A failed probe opens it for longer: worth more than one that is open for the first time.
        assert_eq!(
            circuits.request_call(&theirs, at(2_000)),
            Some(CallKind::Probe)
        );
        circuits.record_outcome(
            &theirs,
            CallKind::Probe,
            CallOutcome::Failed,
            at(2_000),
            500,
        );
    }
    assert_eq!(circuits.request_call(&mine, at(1)), None);
}

#[test]
fn a_flood_of_debts_forgives_none_of_another_namespace() {
    let mut debts = Debts::new(SECRET);
    debts
        .record(&mine(0), &fixed(1_000), &Check::ONE, moment(START))
        .unwrap();
    for i in 0..FLOOD {
        debts
            .record(&theirs(i), &fixed(1_000), &Check::of(900), moment(START))
            .unwrap();
    }
    let owed = debts.take(&mine(0), moment(START + 1)).unwrap();
    assert_eq!(
        owed.iter().map(|item| item.check.cost).collect::<Vec<_>>(),
        [1]
    );
}

#[test]
fn a_flood_of_shares_takes_no_room_that_another_namespace_needs() {
    let mut shares = Shares::new(SECRET, shares::MAX_SUBJECTS);
    let policy = policy(r#""limit": 100, "window": "52w", "failMode": "share""#);
    let mut given = |name: &str| {
        shares
            .decide(name, &policy, &Check::ONE, at(0))
            .unwrap()
            .success
    };
    assert!(given(&mine(0)));
    let of_theirs = (0..FLOOD).filter(|&i| given(&theirs(i))).count();
    assert_eq!(
        of_theirs,
        shares::MAX_SUBJECTS - 1,
        "as many as there is room for"
    );
    assert!(!given(&mine(0)), "once");
    for i in 1..shares::MAX_SUBJECTS / 2 {
        assert!(given(&mine(i)), "{i}");
    }
    assert_eq!(
        (0..FLOOD).filter(|&i| given(&theirs(i))).count(),
        0,
        "no second time"
    );
    assert!((0..shares::MAX_SUBJECTS / 2).all(|i| !given(&mine(i))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// However little room there is, and whoever had to go for whom.
    #[test]
    fn no_share_is_given_twice(
        most in 1usize..6,
        steps in prop::collection::vec((0..120_000u64, 0..3usize, 0..4usize, 0..3usize, any::<bool>()), 1..80),
    ) {
        let mut shares = Shares::new(SECRET, most);
        let windows = [60_000u64, 300_000, 86_400_000];
        let mut given = BTreeMap::new();
        let mut now = 0;
        for (pause, namespace, subject, window, learns) in steps {
            now += pause;
            let name = format!("n{namespace}/rate-limit:default:u{subject}");
            let policy = policy(&format!(r#""limit": 100, "window": {}, "failMode": "share""#, windows[window]));
            let nothing = shares.decide(&name, &policy, &Check::of(0), at(now)).unwrap();
            if learns {
                // What is known of it takes room, and is worth less than what was given out.
                let standing = Standing { limit: 100, remaining: 50, reset: at(now + 60_000), refused: None, retry_at: None };
                let said = Decision { limits: [standing].into_iter().collect(), ..nothing };
                shares.record_decision(&name, &policy, &said);
            } else if shares.decide(&name, &policy, &Check::ONE, at(now)).unwrap().success {
                let over = given.insert((name, window), now + windows[window]);
                prop_assert!(over.is_none_or(|over| over <= now));
            }
        }
    }
}
