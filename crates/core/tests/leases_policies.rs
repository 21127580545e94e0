//! Leases of a policy that changes while units are lent: some isolates ask by the version of a
//! moment ago, the object decides by the newest.

#![allow(clippy::unwrap_used, reason = "a panic is a failure")]

mod common;

use common::object::Object;
use common::{algorithm, moment, named, version, Kind, Spec, START};
use tollgate_core::decide::Check;
use tollgate_core::isolate::bounded::{Key, Secret};
use tollgate_core::isolate::leases::{Leases, Turn};
use tollgate_core::isolate::refusals::CallTimes;
use tollgate_core::lease::{Borrowing, Terms};
use tollgate_core::limit::Name;
use tollgate_core::message::{Answer, Call};
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::{Effects, Item};
use tollgate_core::Timestamp;

const LIMIT: u64 = 1_000;

/// Limits and seconds of their windows; none of these turns while a test runs.
type Definitions = [(u64, u64); 2];
/// The window is another one.
const WINDOWS: Definitions = [(LIMIT, 3_600), (LIMIT, 86_400)];
/// The limit is far below what is lent, and what it was is so again.
const LIMITS: Definitions = [(50, 3_600), (LIMIT, 3_600)];

/// A policy whose versions have two definitions in turn.
fn policy(definitions: Definitions, kind: Kind, number: u64) -> Policy {
    let (limit, window) = definitions[number as usize % 2];
    let algorithm = algorithm(&Spec {
        kind,
        limit,
        window: window * 1_000,
        amount: 1,
    });
    let limits = vec![named("hot", algorithm)];
    let policy = Policy::new(limits).unwrap();
    policy.named(Name::new("policy", "p").unwrap(), version(number))
}

struct World {
    definitions: Definitions,
    kind: Kind,
    now: u64,
    seed: u64,
    object: Object,
    isolates: Vec<Leases>,
    admitted: u64,
    spent: u64,
}

impl World {
    fn new(definitions: Definitions, kind: Kind, seed: u64) -> World {
        World {
            definitions,
            kind,
            now: START,
            seed,
            object: Object::default(),
            isolates: (0..4).map(|_| Leases::default()).collect(),
            admitted: 0,
            spent: 0,
        }
    }

    fn random(&mut self, below: u64) -> u64 {
        self.seed = self
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.seed >> 33) % below
    }

    fn key(number: u64) -> Key {
        Secret::new(1).key("object", &number)
    }

    fn call(&mut self, call: &Call) -> Answer {
        let mut effects = Effects::default();
        let state = &mut self.object.state;
        let answer = state.answer(call, &mut common::bits, moment(self.now), &mut effects);
        self.object.apply(effects);
        answer
    }

    /// A caller asks an isolate that knows this version.
    fn check(&mut self, isolate: usize, number: u64) {
        let now = Timestamp::from_millis(self.now);
        let (key, terms) = (World::key(number), Terms::default());
        let random = self.random(u64::MAX / 2);
        let leases = &mut self.isolates[isolate];
        let turn = leases.take(key, ("object", &terms), &Check::ONE, now, &|| random);
        let borrowing = match turn {
            Turn::Spent(_) => {
                self.admitted += 1;
                self.spent += 1;
                return;
            }
            Turn::Borrow(borrowing) => borrowing,
            Turn::Ask => panic!("no question is under way"),
        };
        let item = Item {
            policy: policy(self.definitions, self.kind, number),
            check: Check::ONE,
        };
        let limit = Call::Limit {
            operation: None,
            items: vec![item],
            holding: None,
        };
        let call = Box::new(limit);
        let Answer::Decided(decisions) = self.call(&Call::Borrowing { borrowing, call }) else {
            panic!("not decided");
        };
        let decision = &decisions[0];
        self.admitted += u64::from(decision.success);
        let times = CallTimes {
            sent: now,
            received: now,
        };
        self.isolates[isolate].answered(key, &borrowing, times, decision);
    }

    fn give_back(&mut self) {
        let now = Timestamp::from_millis(self.now);
        for isolate in 0..self.isolates.len() {
            for (_, returned) in self.isolates[isolate].take_due(now) {
                self.call(&Call::Return(returned));
            }
        }
    }
}

/// Has the policy change again and again while four isolates ask, three of them often by the
/// version before.
fn never_above(definitions: Definitions, kind: Kind) {
    let (seeds, mut spent) = (60, 0);
    for seed in 0..seeds {
        let mut world = World::new(definitions, kind, seed);
        let mut newest = 1;
        for _ in 0..3_000 {
            let isolate = world.random(4) as usize;
            let lags = isolate > 0 && newest > 1 && world.random(2) == 0;
            world.check(isolate, newest - u64::from(lags));
            world.now += world.random(4);
            if world.random(300) == 0 {
                newest += 1;
            }
            if world.random(50) == 0 {
                world.give_back();
            }
            let admitted = world.admitted;
            assert!(admitted <= LIMIT, "{kind:?}, seed {seed}: {admitted}");
        }
        spent += world.spent;
    }
    assert!(spent > seeds * LIMIT / 4, "{spent} without a question");
}

#[test]
fn a_limit_whose_window_changes_while_units_are_lent_admits_no_more_than_it_has() {
    for kind in [Kind::FixedWindow, Kind::SlidingWindow] {
        never_above(WINDOWS, kind);
    }
}

#[test]
fn what_is_spent_under_a_lowered_limit_is_not_forgotten_when_it_is_raised_again() {
    for kind in [Kind::FixedWindow, Kind::SlidingWindow] {
        never_above(LIMITS, kind);
    }
}

#[test]
fn who_asks_by_an_older_definition_is_lent_nothing_of_the_newest() {
    let mut world = World::new(WINDOWS, Kind::FixedWindow, 1);
    let mut ask = |borrower: u64, turn: u64, number: u64, left: u64| {
        let item = Item {
            policy: policy(WINDOWS, Kind::FixedWindow, number),
            check: Check::ONE,
        };
        let limit = Call::Limit {
            operation: None,
            items: vec![item],
            holding: None,
        };
        let borrowing = Borrowing {
            borrower,
            number: 1,
            turn,
            spent: 8 - left,
            left,
            before: None,
            wants: true,
            terms: Terms::default(),
        };
        let call = Box::new(limit);
        let answer = world.call(&Call::Borrowing { borrowing, call });
        let Answer::Decided(decisions) = answer else {
            panic!("{answer:?}");
        };
        let status = world.object.state.status(None, moment(world.now)).unwrap();
        let lent: u64 = status.limits.iter().map(|it| it.lent).sum();
        (decisions[0].loan.as_deref().map(|loan| loan.units), lent)
    };
    assert_eq!(ask(7, 1, 1, 8), (Some(8), 8));
    assert_eq!(ask(8, 1, 1, 8), (Some(8), 16));
    assert_eq!(ask(9, 1, 2, 8), (Some(8), 24));
    // It may spend what it has; two more units of its lease are told.
    assert_eq!(ask(7, 2, 1, 6), (None, 22));
    // What the other two have is still set aside when it has nothing.
    assert_eq!(ask(7, 3, 1, 0), (None, 16));
}

/// Who asks for nothing puts no other numbers in force; and what these are below is not lent.
#[test]
fn units_are_not_lent_ahead_of_numbers_that_are_none_any_more() {
    let mut world = World::new(LIMITS, Kind::FixedWindow, 1);
    let ask = |world: &mut World, number: u64, cost: i64, borrowing: Option<Borrowing>| {
        let limit = Call::Limit {
            operation: None,
            items: vec![Item {
                policy: policy(LIMITS, Kind::FixedWindow, number),
                check: Check { cost, ..Check::ONE },
            }],
            holding: None,
        };
        let call = match borrowing {
            Some(borrowing) => Call::Borrowing {
                borrowing,
                call: Box::new(limit),
            },
            None => limit,
        };
        match world.call(&call) {
            Answer::Decided(mut decisions) => decisions.remove(0),
            other => panic!("{other:?}"),
        }
    };
    // By version 1 there are a thousand, by version 2 fifty: of these ten are used.
    assert!(ask(&mut world, 1, 10, None).success);
    let first = common::lending::first(7);
    let lent = ask(&mut world, 1, 0, Some(first)).loan.unwrap();
    assert_eq!(lent.units, 8);
    let other = common::lending::first(8);
    assert_eq!(ask(&mut world, 2, 0, Some(other)).loan, None);
    // Once it is decided by, it lends of what it has.
    assert!(ask(&mut world, 2, 1, None).success);
    let again = Borrowing { turn: 2, ..other };
    let lent = ask(&mut world, 2, 0, Some(again)).loan.unwrap();
    assert!((1..=8).contains(&lent.units), "{lent:?}");
}
