//! Leases of a policy that changes while units are lent: some isolates ask by the version of a
//! moment ago, the object decides by the newest.

mod common;

use common::object::Object;
use common::{moment, named, version, START};
use tollgate_core::decide::Check;
use tollgate_core::isolate::bounded::{Key, Secret};
use tollgate_core::isolate::leases::{Leases, Turn};
use tollgate_core::isolate::refusals::CallTimes;
use tollgate_core::lease::Terms;
use tollgate_core::limit::{Name, Window};
use tollgate_core::message::{Answer, Call};
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::{Effects, Item};
use tollgate_core::{Algorithm, Duration, Timestamp};

const LIMIT: u64 = 1_000;

/// A policy whose versions count by windows of two lengths in turn; neither turns while a test
/// runs.
fn policy(number: u64) -> Policy {
    let window = Duration::from_secs([3_600, 86_400][number as usize % 2]);
    let window = Window::new(LIMIT, window).unwrap();
    let limits = vec![named("hot", Algorithm::FixedWindow(window))];
    let policy = Policy::new(limits).unwrap();
    policy.named(Name::new("policy", "p").unwrap(), version(number))
}

struct World {
    now: u64,
    seed: u64,
    object: Object,
    isolates: Vec<Leases>,
    admitted: u64,
    spent: u64,
}

impl World {
    fn new(seed: u64) -> World {
        World {
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
            policy: policy(number),
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

#[test]
fn a_limit_that_is_redefined_while_units_are_lent_admits_no_more_than_it_has() {
    let mut spent = 0;
    for seed in 0..300 {
        let mut world = World::new(seed);
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
            assert!(world.admitted <= LIMIT, "seed {seed}: {}", world.admitted);
        }
        spent += world.spent;
    }
    assert!(spent > 300 * LIMIT / 4, "{spent} without a question");
}
