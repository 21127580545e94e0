//! Requests over several subjects that meet, in simulated time. In whatever order their messages
//! arrive, each is all or nothing and no limit is exceeded. If all messages take the same time, one
//! of the requests is admitted.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use common::{moment, START};
use proptest::prelude::*;
use tollgate_core::decide::Check;
use tollgate_core::limit::Window;
use tollgate_core::multi::{Charged, Next, ObjectAnswer, Plan, Round, Time, Verdict};
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::{Effects, Item, SubjectState};
use tollgate_core::{Algorithm, Duration, Limit};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];
const DEADLINE: u64 = 1_000;

fn time(elapsed: u64) -> Time {
    Time {
        elapsed: Duration::from_millis(elapsed),
        deadline: Duration::from_millis(DEADLINE),
    }
}

/// What happens at an instant; what was begun first is first.
#[derive(Debug, Clone)]
enum Event {
    /// A request begins.
    Begin(usize),
    /// An object is asked for a part of a request.
    Arrive(usize, usize, u128),
    /// It is told to take back an operation.
    Cancel(usize, u128),
    /// A request hears of one of those that it has asked.
    ObjectAnswer(usize, usize, ObjectAnswer),
    /// What it has charged is taken back.
    TakenBack(usize),
}

/// When a request begins, of which objects it wants how much, and which of these refused last.
type Begun = (u64, Vec<(usize, i64)>, Vec<bool>);

/// One request: which objects, and what of each.
#[derive(Debug)]
struct Request {
    parts: Vec<(usize, i64)>,
    first: Vec<bool>,
    plan: Option<Plan>,
    /// The answers of the present wave, and how many there will be.
    heard: Vec<(usize, ObjectAnswer)>,
    wave: usize,
    round: u128,
    begun: u64,
    admitted: Option<bool>,
}

struct World {
    policy: Policy,
    objects: Vec<SubjectState>,
    requests: Vec<Request>,
    events: BTreeMap<(u64, usize), Event>,
    sent: usize,
    now: u64,
    /// How long each message takes, in turn.
    delays: Vec<u64>,
    asked: usize,
}

impl World {
    fn new(limit: u64, requests: Vec<Begun>, delays: Vec<u64>) -> World {
        let window = Window::new(limit, Duration::from_secs(52 * 7 * 86_400)).unwrap();
        let limit = Limit::new(None, Algorithm::FixedWindow(window));
        let mut world = World {
            policy: Policy::new(vec![limit]).unwrap(),
            objects: NAMES.iter().map(|_| SubjectState::default()).collect(),
            requests: Vec::new(),
            events: BTreeMap::new(),
            sent: 0,
            now: 0,
            delays,
            asked: 0,
        };
        for (i, (begun, parts, first)) in requests.into_iter().enumerate() {
            world.at(begun, Event::Begin(i));
            world.requests.push(Request {
                parts,
                first,
                plan: None,
                heard: Vec::new(),
                wave: 0,
                round: 0,
                begun,
                admitted: None,
            });
        }
        world
    }

    fn at(&mut self, at: u64, event: Event) {
        self.sent += 1;
        self.events.insert((at, self.sent), event);
    }

    fn delay(&self) -> u64 {
        self.delays[self.sent % self.delays.len()]
    }

    fn send(&mut self, event: Event) {
        let at = self.now + self.delay();
        self.at(at, event);
    }

    fn run(&mut self) {
        while let Some(((now, _), event)) = self.events.pop_first() {
            self.now = now;
            self.happen(event);
        }
    }

    fn happen(&mut self, event: Event) {
        let at = moment(START + self.now);
        match event {
            Event::Begin(i) => {
                let request = &mut self.requests[i];
                let names: Vec<&str> = request
                    .parts
                    .iter()
                    .map(|(object, _)| NAMES[*object])
                    .collect();
                let (plan, wave) = Plan::begin(&names, &request.first, &[]);
                request.plan = Some(plan);
                self.ask(i, &wave);
            }
            Event::Arrive(i, part, operation) => {
                self.asked += 1;
                let (object, cost) = self.requests[i].parts[part];
                let items = [Item {
                    policy: self.policy.clone(),
                    check: Check::of(cost),
                }];
                let mut effects = Effects::default();
                let answers = self.objects[object].limit(
                    &items,
                    Some(operation),
                    &mut || 7,
                    at,
                    &mut effects,
                );
                let heard = match answers.unwrap().pop().unwrap() {
                    answer if answer.success => ObjectAnswer {
                        charged: Charged::Yes,
                        verdict: Verdict::Admitted,
                    },
                    answer if answer.contended => ObjectAnswer {
                        charged: Charged::No,
                        verdict: Verdict::Contended,
                    },
                    _ => ObjectAnswer {
                        charged: Charged::No,
                        verdict: Verdict::Refused,
                    },
                };
                self.send(Event::ObjectAnswer(i, part, heard));
            }
            Event::Cancel(object, operation) => {
                self.objects[object]
                    .cancel(operation, at, &mut Effects::default())
                    .unwrap();
            }
            Event::ObjectAnswer(i, part, heard) => {
                let request = &mut self.requests[i];
                request.heard.push((part, heard));
                if request.heard.len() == request.wave {
                    let heard = core::mem::take(&mut request.heard);
                    let time = time(self.now - request.begun);
                    let next = request.plan.as_mut().unwrap().record_answers(heard, time);
                    self.go_on(i, next);
                }
            }
            Event::TakenBack(i) => {
                let request = &mut self.requests[i];
                request.round += 1;
                let time = time(self.now - request.begun);
                let next = request.plan.as_mut().unwrap().ask_again(time);
                self.go_on(i, next);
            }
        }
    }

    fn go_on(&mut self, i: usize, next: Next) {
        match next {
            Next::Ask(wave) => self.ask(i, &wave),
            Next::Admitted => self.requests[i].admitted = Some(true),
            Next::Refused(round) => {
                self.take_back(i, &round);
                self.requests[i].admitted = Some(false);
            }
            Next::Again(round) => {
                self.take_back(i, &round);
                let longest = self.delays.iter().max().unwrap();
                self.at(self.now + 2 * longest, Event::TakenBack(i));
            }
        }
    }

    fn operation(&self, i: usize) -> u128 {
        i as u128 * 2 + self.requests[i].round
    }

    fn ask(&mut self, i: usize, wave: &[usize]) {
        self.requests[i].wave = wave.len();
        for &part in wave {
            self.send(Event::Arrive(i, part, self.operation(i)));
        }
    }

    fn take_back(&mut self, i: usize, round: &Round) {
        for &part in &round.charged {
            let (object, _) = self.requests[i].parts[part];
            self.send(Event::Cancel(object, self.operation(i)));
        }
    }

    /// What is used of an object's limit, and what was admitted of it.
    fn used(&mut self, object: usize) -> (u64, u64) {
        let items = [Item {
            policy: self.policy.clone(),
            check: Check {
                peek: true,
                ..Check::of(0)
            },
        }];
        let answer = self.objects[object].limit(
            &items,
            None,
            &mut || 7,
            moment(START + self.now),
            &mut Effects::default(),
        );
        let standing = answer.unwrap()[0].limits[0];
        let went = self
            .requests
            .iter()
            .filter(|request| request.admitted == Some(true));
        let parts = went
            .flat_map(|request| &request.parts)
            .filter(|(it, _)| *it == object);
        (
            standing.limit - standing.remaining,
            parts.map(|(_, cost)| *cost as u64).sum(),
        )
    }
}

/// Up to five requests that begin within 60 ms.
fn requests() -> impl Strategy<Value = Vec<Begun>> {
    let part = || prop::collection::btree_map(0usize..NAMES.len(), 1i64..4, 1..4);
    let request = (
        0u64..60,
        part(),
        prop::collection::vec(prop::bool::weighted(0.2), 4),
    );
    let request =
        request.prop_map(|(begun, parts, first)| (begun, parts.into_iter().rev().collect(), first));
    prop::collection::vec(request, 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn in_whatever_order_messages_arrive_it_is_all_or_nothing(
        limit in 3u64..8,
        requests in requests(),
        delays in prop::collection::vec(1u64..40, 1..20),
    ) {
        let mut world = World::new(limit, requests, delays);
        world.run();
        for object in 0..NAMES.len() {
            let (used, admitted) = world.used(object);
            prop_assert_eq!(used, admitted);
            prop_assert!(used <= limit);
        }
        prop_assert!(world.requests.iter().all(|request| request.admitted.is_some()));
        let parts: usize = world.requests.iter().map(|request| request.parts.len()).sum();
        prop_assert!(world.asked <= 2 * parts, "nobody is asked more than twice");
    }

    /// Each alone would go.
    #[test]
    fn of_requests_that_meet_one_goes(limit in 3u64..8, requests in requests(), delay in 1u64..20) {
        let mut world = World::new(limit, requests, vec![delay]);
        world.run();
        let admitted = world.requests.iter().filter(|request| request.admitted == Some(true)).count();
        prop_assert!(admitted > 0, "{:?}", world.requests);
    }
}

#[test]
fn each_of_two_has_what_the_other_wants_and_one_goes() {
    // The first reaches `a` first, the second `b`.
    let requests = vec![
        (0, vec![(0, 3), (1, 3)], vec![]),
        (0, vec![(1, 3), (0, 3)], vec![]),
    ];
    for delays in [vec![10], vec![10, 12], vec![10, 11, 12, 13, 11]] {
        let mut world = World::new(3, requests.clone(), delays);
        world.run();
        let admitted = world
            .requests
            .iter()
            .filter(|request| request.admitted == Some(true));
        assert_eq!(admitted.count(), 1);
    }
}
