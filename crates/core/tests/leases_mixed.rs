//! Leases beside everything else that a subject's object does: several limits, larger costs,
//! permits, refunds, resets, blocks, newer versions, numbers that change by the hour and by stage,
//! days of a time zone, rows that run ahead, cleaning and sleep.
//!
//! A second object is asked for what was admitted, at its instant, and for nothing else; whatever
//! gives units back is told to both. It has room for all of it.

#![allow(clippy::unwrap_used, reason = "a panic is a failure")]

mod common;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use common::clocks::Clocks;
use common::object::Object;
use common::{lending, version};
use tollgate_core::algorithm::state::Moment;
use tollgate_core::api::policy::named;
use tollgate_core::decide::Check;
use tollgate_core::isolate::bounded::{Key, Secret};
use tollgate_core::isolate::leases::{Leases, Turn};
use tollgate_core::isolate::refusals::CallTimes;
use tollgate_core::lease::Terms;
use tollgate_core::limit::{Name, Real};
use tollgate_core::message::{Answer, Call};
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::{Effects, Item, SubjectState};
use tollgate_core::{Duration, Timestamp};

/// Policies as somebody writes them, and an instant shortly before their numbers change.
const POLICIES: [(&str, u64); 7] = [
    // Two limits at once.
    (
        r#"{"limits":[{"name":"short","algorithm":"fixedWindow","limit":60,"window":"10s"},
            {"name":"long","algorithm":"slidingLog","limit":300,"window":"1m"}]}"#,
        1_798_848_000_000,
    ),
    (
        r#"{"limits":[{"name":"rate","algorithm":"tokenBucket","capacity":40,"refill":{"amount":10,"interval":"1s"}},
            {"name":"day","algorithm":"quota","period":"day","limit":900}]}"#,
        1_798_847_980_000,
    ),
    // The night in which Berlin's clocks go back, at the end of its hour and at that of its day.
    (
        r#"{"limits":[{"name":"hour","algorithm":"quota","period":"hour","timeZone":"Europe/Berlin","limit":120}]}"#,
        1_824_944_380_000,
    ),
    (
        r#"{"limits":[{"name":"day","algorithm":"quota","period":"day","timeZone":"Europe/Berlin","limit":150}]}"#,
        1_825_023_580_000,
    ),
    // Rows that run far ahead.
    (
        r#"{"writeAhead":50,"limits":[{"name":"short","algorithm":"slidingWindow","limit":400,"window":"20s"}]}"#,
        1_798_848_000_000,
    ),
    // A stage of the subject ends.
    (
        r#"{"limits":[{"name":"day","algorithm":"fixedWindow","window":"1m","stages":[
            {"for":"1m","limit":100},{"limit":160}]}]}"#,
        1_798_848_000_000,
    ),
    // And an hour of the day.
    (
        r#"{"limits":[{"name":"day","algorithm":"fixedWindow","limit":160,"window":"1m","times":[
            {"between":["00:00","01:00"],"limit":100}]}]}"#,
        1_798_847_985_000,
    ),
];

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A caller asks an isolate for so many units.
    Check(usize, i64),
    Call(usize, u64, String),
    Answer(usize, u64, String, String),
    /// An isolate gives back what is due.
    Due(usize),
    /// An isolate is lost.
    Lose(usize),
    /// What is done at the object itself.
    Act(u64),
}

struct World {
    seed: u64,
    now: u64,
    text: &'static str,
    policy: Policy,
    object: Object,
    exact: SubjectState,
    isolates: Vec<Leases>,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    sent: u64,
    /// When the object was asked last.
    asked: u64,
    /// The permit that is held.
    permit: Option<u128>,
    permits: u128,
    by_lease: u64,
    by_object: u64,
}

fn at(now: u64) -> Moment<'static> {
    Moment {
        now: Timestamp::from_millis(now),
        zones: &Clocks,
    }
}

impl World {
    fn new(seed: u64) -> World {
        let (text, now) = POLICIES[seed as usize % POLICIES.len()];
        let policy = named::parse(text).unwrap().policy;
        World {
            seed,
            now,
            text,
            policy: policy.named(Name::new("policy", "p").unwrap(), version(1)),
            object: Object::default(),
            exact: SubjectState::default(),
            isolates: (0..3).map(|_| Leases::default()).collect(),
            events: BinaryHeap::new(),
            sent: 0,
            asked: now,
            permit: None,
            permits: 0,
            by_lease: 0,
            by_object: 0,
        }
    }

    fn random(&mut self, below: u64) -> u64 {
        lending::random(&mut self.seed, below)
    }

    fn at(&mut self, at: u64, event: Event) {
        self.sent += 1;
        self.events.push(Reverse((at, self.sent, event)));
    }

    /// A message is late, lost or doubled.
    fn send(&mut self, event: &Event) {
        let copies = match self.random(100) {
            0..4 => 0,
            4..8 => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let at = self.now + self.random(120);
            self.at(at, event.clone());
        }
    }

    fn run(&mut self, millis: u64) {
        let until = self.now + millis;
        let mut next = self.now;
        while next < until {
            let isolate = self.random(3) as usize;
            let cost = 1 + self.random(3) as i64 / 2;
            self.at(next, Event::Check(isolate, cost));
            next += self.random(90);
        }
        for _ in 0..millis / 900 {
            let (when, which) = (self.now + self.random(millis), self.random(10));
            self.at(when, Event::Act(which));
        }
        let when = self.now + self.random(millis);
        self.at(when, Event::Lose(0));
        while let Some(Reverse((at, _, event))) = self.events.pop() {
            self.now = self.now.max(at);
            match event {
                Event::Check(isolate, cost) => self.check(isolate, cost),
                Event::Call(isolate, sent, text) => self.arrive(isolate, sent, &text),
                Event::Answer(isolate, sent, call, text) => {
                    self.hear(isolate, sent, &call, &text);
                }
                Event::Due(isolate) => self.give_back(isolate),
                Event::Lose(isolate) => self.isolates[isolate] = Leases::default(),
                Event::Act(which) => self.act(which),
            }
        }
    }

    fn key() -> Key {
        Secret::new(1).key("object", &0)
    }

    fn question(&self, check: Check) -> Call {
        Call::Limit {
            operation: None,
            items: vec![Item {
                policy: self.policy.clone(),
                check,
            }],
            holding: None,
        }
    }

    fn check(&mut self, isolate: usize, cost: i64) {
        let (now, random) = (Timestamp::from_millis(self.now), self.random(u64::MAX));
        let (check, terms) = (Check::of(cost), Terms::default());
        let leases = &mut self.isolates[isolate];
        let turn = leases.take(World::key(), ("object", &terms), &check, now, &|| random);
        let call = Box::new(self.question(check.clone()));
        let call = match turn {
            Turn::Spent(_) => {
                self.by_lease += 1;
                self.admit(check, "a lease");
                return self.wake(isolate);
            }
            Turn::Ask => *call,
            Turn::Borrow(borrowing) => Call::Borrowing { borrowing, call },
        };
        self.send(&Event::Call(isolate, self.now, call.encode()));
    }

    /// The limits have room for what was admitted.
    fn admit(&mut self, check: Check, by: &str) {
        let call = self.question(check.clone());
        let answer = self.tell_exact(&call);
        let Answer::Decided(decisions) = &answer else {
            panic!("{answer:?}");
        };
        let has_room = decisions[0].success;
        assert!(
            has_room,
            "{by} admitted {} at {}: {answer:?}",
            check.cost, self.now
        );
    }

    fn tell_exact(&mut self, call: &Call) -> Answer {
        let permit = self.permits;
        let effects = &mut Effects::default();
        self.exact
            .answer(call, &mut || permit, at(self.now), effects)
    }

    fn tell(&mut self, call: &Call) -> Answer {
        // An object sleeps after ten seconds without a question.
        if self.now > self.asked + 10_000 {
            self.restart();
        }
        self.asked = self.now;
        let mut effects = Effects::default();
        let permit = self.permits;
        let state = &mut self.object.state;
        let answer = state.answer(call, &mut || permit, at(self.now), &mut effects);
        self.object.apply(effects);
        answer
    }

    fn arrive(&mut self, isolate: usize, sent: u64, text: &str) {
        let (version, call) = Call::decode(text).unwrap();
        let answer = self.tell(&call);
        let asked = match &call {
            Call::Borrowing { call, .. } => &**call,
            other => other,
        };
        if let (Call::Limit { items, .. }, Answer::Decided(decisions)) = (asked, &answer) {
            if decisions[0].success {
                self.by_object += 1;
                self.admit(items[0].check.clone(), "the object");
            }
        }
        if self.random(100) < 2 {
            return self.restart(); // and nobody is answered
        }
        let answer = answer.encode_in(version);
        self.send(&Event::Answer(isolate, sent, text.to_owned(), answer));
    }

    fn restart(&mut self) {
        let rows = self.object.rows.iter();
        self.object.state = SubjectState::from_rows(rows.map(|(k, v)| (k.as_str(), v.as_str())));
    }

    fn hear(&mut self, isolate: usize, sent: u64, call: &str, text: &str) {
        let Answer::Decided(decisions) = Answer::decode(text).unwrap() else {
            return;
        };
        let (_, call) = Call::decode(call).unwrap();
        let Some(borrowing) = lending::borrowing_of(&call) else {
            return;
        };
        let times = CallTimes {
            sent: Timestamp::from_millis(sent),
            received: Timestamp::from_millis(self.now),
        };
        self.isolates[isolate].answered(World::key(), borrowing, times, &decisions[0]);
        self.wake(isolate);
    }

    fn wake(&mut self, isolate: usize) {
        let wait = self.isolates[isolate].wait(Timestamp::from_millis(self.now));
        if let Some(wait) = wait {
            self.at(self.now + wait.as_millis(), Event::Due(isolate));
        }
    }

    fn give_back(&mut self, isolate: usize) {
        for (_, returned) in self.isolates[isolate].take_due(Timestamp::from_millis(self.now)) {
            self.send(&Event::Call(
                isolate,
                self.now,
                Call::Return(returned).encode(),
            ));
        }
    }

    fn act(&mut self, which: u64) {
        match which {
            0 => self.restart(),
            1 | 2 => {
                let mut effects = Effects::default();
                self.object.state.clean(at(self.now), &mut effects).unwrap();
                self.object.apply(effects);
            }
            3 => {
                let mut effects = Effects::default();
                self.object.state.close(at(self.now), &mut effects);
                self.object.apply(effects);
            }
            4 if self.random(3) == 0 => {
                let call = Call::Reset { policy: None };
                self.tell(&call);
                self.tell_exact(&call);
            }
            5 => {
                let call = self.question(Check::of(-2));
                self.tell(&call);
                self.tell_exact(&call);
            }
            6 => {
                let call = Call::Block {
                    policy: None,
                    duration: Duration::from_millis(self.random(1_500)),
                    reason: "spam".to_owned(),
                };
                self.tell(&call);
            }
            // Fewer units; the second object goes by the first version, which has room for more.
            7 if self.random(8) == 0 => self.lessen(),
            _ => self.hold_or_settle(),
        }
    }

    fn hold_or_settle(&mut self) {
        if let Some(permit) = self.permit.take() {
            let cost = Some(self.random(6));
            let call = match self.random(3) {
                0 => Call::Release { permit },
                _ => Call::Settle {
                    permit,
                    real: Real {
                        cost,
                        ..Real::default()
                    },
                },
            };
            self.tell_exact(&call);
            self.tell(&call);
            return;
        }
        self.permits += 1;
        let check = Check {
            hold: Some(Duration::from_secs(4)),
            ..Check::of(5)
        };
        let call = self.question(check.clone());
        let Answer::Decided(decisions) = self.tell(&call) else {
            return;
        };
        if decisions[0].success {
            self.permit = Some(self.permits);
            self.admit(check, "a permit");
        }
    }

    fn lessen(&mut self) {
        let text = self.text.replace(r#""limit":60"#, r#""limit":45"#);
        let text = text.replace(r#""limit":400"#, r#""limit":300"#);
        let lessened = named::parse(&text).unwrap().policy;
        let item = Item {
            policy: lessened.named(Name::new("policy", "p").unwrap(), version(2)),
            check: Check::ONE,
        };
        let call = Call::Limit {
            operation: None,
            items: vec![item],
            holding: None,
        };
        if let Answer::Decided(decisions) = self.tell(&call) {
            if decisions[0].success {
                self.admit(Check::ONE, "a newer version");
            }
        }
    }
}

#[test]
fn whatever_else_is_done_nothing_is_admitted_that_has_no_room() {
    let (mut by_lease, mut by_object) = ([0; POLICIES.len()], [0; POLICIES.len()]);
    for seed in 0..140 {
        let mut world = World::new(seed);
        println!("seed {seed}");
        for pause in [300, 11_000, 2_500, 61_000] {
            world.run(9_000);
            world.now += pause;
        }
        by_lease[seed as usize % POLICIES.len()] += world.by_lease;
        by_object[seed as usize % POLICIES.len()] += world.by_object;
    }
    println!("admitted by leases {by_lease:?}, by the object {by_object:?}");
    assert!(
        by_lease.iter().all(|it| *it > 100),
        "each policy is lent of"
    );
}
