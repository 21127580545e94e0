//! Leases: many isolates borrow of one object, over a network that delays, loses and doubles, with
//! crashes, sleep and turns. Whatever happens, an admission is one that the limit had room for.

#![allow(clippy::unwrap_used, reason = "a panic is a failure")]

mod common;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use common::object::Object;
use common::{algorithm, lending, moment, policy_of, Kind, Spec};
use tollgate_core::decide::Check;
use tollgate_core::decision::Decision;
use tollgate_core::isolate::bounded::{Key, Secret};
use tollgate_core::isolate::leases::{Leases, Reserved, Turn};
use tollgate_core::isolate::refusals::{CallTimes, Refusals};
use tollgate_core::lease::{Returned, Terms};
use tollgate_core::message::{Answer, Call};
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::{Effects, Item, SubjectState};
use tollgate_core::Timestamp;

/// What happens to messages and objects.
#[derive(Debug, Clone, Copy)]
struct Weather {
    /// How long a message is on its way, at most, in milliseconds.
    delay: u64,
    /// Of a thousand messages so many are lost.
    lost: u64,
    /// And so many come twice.
    doubled: u64,
    /// Of a thousand calls so many crash the object before its rows are written.
    crash_before: u64,
    /// And so many after, before the answer leaves.
    crash_after: u64,
}

const CALM: Weather = Weather {
    delay: 10,
    lost: 0,
    doubled: 0,
    crash_before: 0,
    crash_after: 0,
};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A caller asks an isolate.
    Check(usize),
    /// A call arrives at the object; the isolate, when it was sent, the text, what was borrowed by.
    Call(usize, u64, String),
    /// An answer arrives.
    Answer(usize, u64, String, String),
    /// An isolate gives back what is due.
    Due(usize),
    /// Others have admitted, or not, for what an isolate has set units aside.
    Others(usize, usize, bool),
}

struct World {
    now: u64,
    seed: u64,
    policy: Policy,
    terms: Terms,
    weather: Weather,
    object: Object,
    isolates: Vec<Leases>,
    refusals: Vec<Refusals>,
    /// Of a thousand checks so many have to be admitted by others as well.
    shared: u64,
    /// What was set aside for them.
    reserved: Vec<Reserved>,
    /// What each isolate's clock is ahead.
    clocks: Vec<u64>,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    sent: u64,
    /// The limit, asked at once and alone for everything that was admitted, and for everything
    /// that was asked.
    exact: Object,
    ideal: Object,
    admitted: u64,
    ideally: u64,
    checks: u64,
    calls: u64,
}

impl World {
    fn new(policy: Policy, isolates: usize, weather: Weather, seed: u64) -> World {
        World {
            now: 1_000_000,
            seed,
            policy,
            terms: Terms::default(),
            weather,
            object: Object::default(),
            isolates: (0..isolates).map(|_| Leases::default()).collect(),
            refusals: (0..isolates)
                .map(|_| Refusals::new(Secret::new(1)))
                .collect(),
            shared: 0,
            reserved: Vec::new(),
            clocks: (0..isolates as u64).map(|i| i * 7_919 % 5_000).collect(),
            events: BinaryHeap::new(),
            sent: 0,
            exact: Object::default(),
            ideal: Object::default(),
            admitted: 0,
            ideally: 0,
            checks: 0,
            calls: 0,
        }
    }

    fn random(&mut self, below: u64) -> u64 {
        lending::random(&mut self.seed, below)
    }

    fn at(&mut self, at: u64, event: Event) {
        self.sent += 1;
        self.events.push(Reverse((at, self.sent, event)));
    }

    fn send(&mut self, event: &Event) {
        let Weather {
            delay,
            lost,
            doubled,
            ..
        } = self.weather;
        let copies = match self.random(1_000) {
            it if it < lost => 0,
            it if it < lost + doubled => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let at = self.now + self.random(delay + 1);
            self.at(at, event.clone());
        }
    }

    fn key() -> Key {
        Secret::new(1).key("object", &0)
    }

    fn clock(&self, isolate: usize) -> Timestamp {
        Timestamp::from_millis(self.now + self.clocks[isolate])
    }

    /// `per_second` checks a second over all isolates, for so many milliseconds.
    fn ask(&mut self, per_second: u64, millis: u64) {
        let from = self.now;
        for i in 0..per_second * millis / 1_000 {
            let isolate = self.random(self.isolates.len() as u64) as usize;
            self.at(from + i * 1_000 / per_second, Event::Check(isolate));
        }
    }

    fn run(&mut self) {
        while let Some(Reverse((at, _, event))) = self.events.pop() {
            self.now = self.now.max(at);
            match event {
                Event::Check(isolate) => self.check(isolate),
                Event::Call(isolate, sent, text) => self.call(isolate, sent, &text),
                Event::Answer(isolate, sent, call, text) => {
                    self.answer(isolate, sent, &call, &text);
                }
                Event::Due(isolate) => self.give_back(isolate),
                Event::Others(isolate, place, true) => {
                    self.isolates[isolate].keep(&self.reserved[place]);
                }
                Event::Others(isolate, place, false) => {
                    self.isolates[isolate].give_up(&self.reserved[place]);
                }
            }
        }
    }

    fn check(&mut self, isolate: usize) {
        self.checks += 1;
        if self.ideal.ask(&self.policy, 1, self.now).success {
            self.ideally += 1;
        }
        let (now, random) = (self.clock(isolate), self.random(u64::MAX));
        // While units are lent no refusal is remembered.
        let refusals = &mut self.refusals[isolate];
        let refused = refusals.find(World::key(), &self.policy, &Check::ONE, now);
        if refused.is_some() {
            return;
        }
        if self.shared > 0 && self.random(1_000) < self.shared {
            return self.check_with_others(isolate, random);
        }
        let about = ("object", &self.terms);
        let turn = self.isolates[isolate].take(World::key(), about, &Check::ONE, now, &|| random);
        let call = self.limit(1);
        let call = match turn {
            Turn::Spent(decision) => {
                assert!(decision.success);
                self.admit("a lease");
                self.wake(isolate);
                return;
            }
            Turn::Ask => call,
            Turn::Borrow(borrowing) => Call::Borrowing {
                borrowing,
                call: Box::new(call),
            },
        };
        self.ask_object(isolate, &call);
    }

    /// A check of which others have a say: of ten they admit six, most of them at once, and of some
    /// nobody hears. What there is too little for is asked of the object.
    fn check_with_others(&mut self, isolate: usize, random: u64) {
        let (about, now) = (("object", &self.terms), self.clock(isolate));
        let leases = &mut self.isolates[isolate];
        let (set_aside, borrowing) =
            leases.reserve(World::key(), about, &Check::ONE, now, &|| random);
        let fate = self.random(10);
        let is_heard = self.random(1_000) >= self.weather.lost;
        let took = match self.random(20) {
            0 if self.weather.lost > 0 => self.random(3_000),
            _ => self.random(50),
        };
        match set_aside {
            Some((decision, reserved)) => {
                assert!(decision.success);
                if fate < 6 {
                    self.admit("a lease, with others");
                }
                if is_heard {
                    let place = self.reserved.len();
                    self.reserved.push(reserved);
                    self.at(self.now + took, Event::Others(isolate, place, fate < 6));
                }
                self.wake(isolate);
            }
            None => {
                let call = self.limit(1);
                self.ask_object(isolate, &call);
            }
        }
        if let Some(borrowing) = borrowing {
            let call = Call::Borrowing {
                borrowing,
                call: Box::new(self.limit(0)),
            };
            self.ask_object(isolate, &call);
        }
    }

    /// The call that asks for so many units.
    fn limit(&self, cost: i64) -> Call {
        Call::Limit {
            operation: None,
            items: vec![Item {
                policy: self.policy.clone(),
                check: Check { cost, ..Check::ONE },
            }],
            holding: None,
        }
    }

    fn ask_object(&mut self, isolate: usize, call: &Call) {
        let event = Event::Call(isolate, self.now, call.encode());
        self.calls += 1;
        self.send(&event);
    }

    fn admit(&mut self, by: &str) {
        self.admitted += 1;
        let exact = self.exact.ask(&self.policy, 1, self.now);
        assert!(
            exact.success,
            "{by} admitted at {} what the limit has no room for: number {}",
            self.now, self.admitted
        );
    }

    fn call(&mut self, isolate: usize, sent: u64, text: &str) {
        let (version, call) = Call::decode(text).unwrap();
        if self.random(1_000) < self.weather.crash_before {
            let mut effects = Effects::default();
            let state = &mut self.object.state.clone();
            state.answer(&call, &mut || 1, moment(self.now), &mut effects);
            self.restart();
            return;
        }
        let mut effects = Effects::default();
        let random = &mut || 1;
        let moment = moment(self.now);
        let state = &mut self.object.state;
        let answer = state.answer(&call, random, moment, &mut effects);
        self.object.apply(effects);
        if let Answer::Decided(decisions) = &answer {
            if decisions[0].success && wants_units(&call) {
                self.admit("the object"); // also where nobody hears of it
            }
        }
        if self.random(1_000) < self.weather.crash_after {
            self.restart();
            return;
        }
        let answer = answer.encode_in(version);
        let event = Event::Answer(isolate, sent, text.to_owned(), answer);
        self.send(&event);
    }

    /// What is left of the limit beside what is lent.
    fn remaining(&self) -> Option<u64> {
        let status = self.object.state.status(None, moment(self.now)).unwrap();
        status.limits.first().map(|it| it.remaining)
    }

    fn restart(&mut self) {
        let before = self.remaining();
        let rows = self.object.rows.iter();
        self.object.state = SubjectState::from_rows(rows.map(|(k, v)| (k.as_str(), v.as_str())));
        let after = self.remaining();
        let lost = before.zip(after);
        assert!(
            lost.is_none_or(|(before, after)| after <= before),
            "{before:?} left, {after:?} after a restart at {}: {:#?}",
            self.now,
            self.object.rows
        );
    }

    fn answer(&mut self, isolate: usize, sent: u64, call: &str, text: &str) {
        let decision: Decision = match Answer::decode(text).unwrap() {
            Answer::Decided(mut decisions) => decisions.remove(0),
            _ => return,
        };
        let (_, call) = Call::decode(call).unwrap();
        let times = CallTimes {
            sent: Timestamp::from_millis(sent + self.clocks[isolate]),
            received: self.clock(isolate),
        };
        if wants_units(&call) {
            let refusals = &mut self.refusals[isolate];
            refusals.record_decision(World::key(), &Check::ONE, times, &decision);
        }
        let Some(borrowing) = lending::borrowing_of(&call) else {
            return;
        };
        self.isolates[isolate].answered(World::key(), borrowing, times, &decision);
        self.wake(isolate);
    }

    fn wake(&mut self, isolate: usize) {
        let now = self.clock(isolate);
        if let Some(wait) = self.isolates[isolate].wait(now) {
            let at = self.now + wait.as_millis();
            self.at(at, Event::Due(isolate));
        }
    }

    fn give_back(&mut self, isolate: usize) {
        let now = self.clock(isolate);
        for (_, returned) in self.isolates[isolate].take_due(now) {
            let event = Event::Call(isolate, self.now, Call::Return(returned).encode());
            self.calls += 1;
            self.send(&event);
        }
    }

    fn share(&self) -> f64 {
        self.admitted as f64 / self.ideally as f64
    }

    fn calls_per_thousand(&self) -> f64 {
        self.calls as f64 * 1_000.0 / self.checks as f64
    }
}

/// Whether a call asks for units, and not only to borrow.
fn wants_units(call: &Call) -> bool {
    let mut call = call.clone();
    call.items_mut().iter().any(|it| it.check.cost > 0)
}

/// So many units in ten seconds.
fn limited(kind: Kind, limit: u64) -> Policy {
    let (window, amount) = (10_000, limit);
    let spec = Spec {
        kind,
        limit,
        window,
        amount,
    };
    policy_of(algorithm(&spec))
}

#[test]
fn a_hot_window_is_admitted_whole_and_asked_seldom() {
    for (limit, name) in [(10_000, "10,000"), (100_000, "100,000")] {
        for kind in [Kind::FixedWindow, Kind::TokenBucket] {
            let mut world = World::new(limited(kind, limit), 4, CALM, 1);
            world.ask(limit * 12 / 100, 40_000);
            world.run();
            println!(
                "{kind:?} {name}: admitted/ideal {:.4}, {:.1} calls per 1,000, {:.1} rows per 1,000",
                world.share(),
                world.calls_per_thousand(),
                world.object.writes as f64 * 1_000.0 / world.admitted as f64,
            );
            assert!(world.share() >= 0.99);
            assert!(limit < 100_000 || world.calls_per_thousand() <= 20.0);
        }
    }
}

/// A parent's units are set aside until the child's object has admitted too.
#[test]
fn a_hot_parent_is_asked_seldom_and_its_units_that_others_refuse_come_back() {
    let mut world = World::new(limited(Kind::FixedWindow, 100_000), 4, CALM, 1);
    world.shared = 1_000;
    world.ask(8_000, 30_000);
    world.run();
    let before = world.admitted;
    world.now = 1_050_000; // a window begins
    world.ask(8_000, 4_000);
    world.run();
    println!("parent: {:.1} calls per 1,000", world.calls_per_thousand());
    assert!(world.calls_per_thousand() <= 20.0);
    world.now = 1_059_000;
    let charged = world.remaining().map_or(0, |left| 100_000 - left);
    assert_eq!(charged, world.admitted - before);
}

#[test]
fn whatever_the_weather_nothing_is_admitted_that_has_no_room() {
    let storm = Weather {
        delay: 300,
        lost: 50,
        doubled: 50,
        crash_before: 20,
        crash_after: 20,
    };
    for seed in 0..200u64 {
        let kinds = [
            Kind::FixedWindow,
            Kind::SlidingWindow,
            Kind::SlidingLog,
            Kind::TokenBucket,
            Kind::LeakyBucket,
        ];
        let kind = kinds[seed as usize % kinds.len()];
        let limit = [40, 300, 1_000][seed as usize / 5 % 3];
        let weather = if seed % 2 == 0 {
            storm
        } else {
            Weather { delay: 60, ..storm }
        };
        let mut world = World::new(limited(kind, limit), 1 + seed as usize % 7, weather, seed);
        world.shared = [0, 500, 1_000][seed as usize % 3];
        for part in [limit * 3 / 10, limit / 40 + 1, limit / 5, 1] {
            world.ask(part, 8_000);
            world.run();
            world.now += 400 * (seed % 40);
        }
        println!("{seed} {kind:?} {limit}: {:.3}", world.share());
    }
}

#[test]
fn what_is_told_at_the_end_of_a_lease_is_charged_then_also_after_a_restart() {
    let bucket = Spec {
        kind: Kind::TokenBucket,
        limit: 1_000,
        window: 100, // a unit each
        amount: 1,
    };
    let mut world = World::new(policy_of(algorithm(&bucket)), 1, CALM, 1);
    let limit = world.limit(1);
    let borrowing = lending::first(7);
    let asked = Call::Borrowing {
        borrowing,
        call: Box::new(limit),
    };
    world.call(0, world.now, &asked.encode());
    assert_eq!(world.remaining(), Some(1_000 - 1 - 8));
    // Charged at its begin, eight units would have been refilled by now.
    world.now += 900;
    let returned = Returned {
        borrower: 7,
        number: 1,
        spent: 8,
    };
    world.call(0, world.now, &Call::Return(returned).encode());
    assert_eq!(world.remaining(), Some(1_000 - 8));
    world.restart();
    assert_eq!(world.remaining(), Some(1_000 - 8));
}

#[test]
fn rows_of_a_lost_borrower_are_gone_although_the_object_sleeps_between_its_alarms() {
    let limit = Spec {
        kind: Kind::FixedWindow,
        limit: 1_000,
        window: 10_000,
        amount: 0,
    };
    let mut world = World::new(policy_of(algorithm(&limit)), 2, CALM, 1);
    world.weather.lost = 300; // among it what is given back
    world.ask(200, 2_000);
    world.run();
    assert!(world
        .object
        .rows
        .keys()
        .any(|key| key.starts_with("lease/")));
    for _ in 0..4 {
        let Some(alarm) = world.object.alarm.take() else {
            break;
        };
        if alarm.as_millis() > world.now + 10_000 {
            world.restart(); // it has slept
        }
        world.now = alarm.as_millis();
        let mut effects = Effects::default();
        let state = &mut world.object.state;
        state.clean(moment(world.now), &mut effects).unwrap();
        world.object.apply(effects);
    }
    assert!(world.object.rows.is_empty(), "{:?}", world.object.rows);
}
