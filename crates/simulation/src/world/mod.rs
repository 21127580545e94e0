//! All of it: isolates, objects, the network, clocks, and the events that move them.
//!
//! Each event is one step of one machine, as the Worker and its objects run it. After each what has
//! to hold of the subject is judged; the first violation ends the run.

mod answers;
mod asks;
mod counting;
mod lending;
mod looks;
mod objects;
mod troubles;

use std::collections::HashMap;

use fastrand::Rng;
use tollgate_core::decide::Check;
use tollgate_core::lease::{Borrowing, Returned};
use tollgate_core::message::{Answer, Call};
use tollgate_core::subject_state::Item;
use tollgate_core::Timestamp;

use crate::arrivals::Arrivals;
use crate::clocks::Clocks;
use crate::hasher::Numbers;
use crate::isolate::Isolate;
use crate::kv::Kv;
use crate::object::Object;
use crate::queue::Queue;
use crate::recent::Recent;
use crate::report::Tally;
use crate::scenario::Scenario;
use crate::slab::Slab;
use crate::trouble::Trouble;

/// What happens next; numbers are those of the slabs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A check comes.
    Arrive,
    /// A question reaches its object.
    Question { request: u32 },
    /// An answer leaves its object.
    Gate { object: u32 },
    /// An answer reaches its isolate.
    Answer { request: u32, answer: u32 },
    /// An isolate learns that there is no answer.
    Fail { request: u32 },
    /// The timer that writes rows exact.
    Close { object: u32 },
    /// It is looked whether an object sleeps.
    Idle { object: u32 },
    /// An alarm is due.
    Alarm { object: u32 },
    /// An isolate looks what it has to give back.
    GiveBack { isolate: u32, life: u32 },
    /// What was given back reaches its object.
    Returned { number: u32 },
    /// An isolate looks what it has to write to KV.
    Synchronise { isolate: u32, life: u32 },
    /// Something goes wrong.
    Trouble(Trouble),
}

/// A check whose object was asked.
#[derive(Debug)]
struct Request {
    subject: u64,
    isolate: u32,
    /// Of the isolate that asked.
    life: u32,
    operation: Option<u128>,
    borrowing: Option<Borrowing>,
    /// The isolate's clock when it asked.
    sent: Timestamp,
    sent_at: u64,
    /// The question, where messages are texts.
    text: Option<String>,
    /// Messages on their way.
    in_flight: u32,
    is_done: bool,
    has_asked_again: bool,
    /// In which life of its object it was charged.
    charged_in: Option<u32>,
    is_ideal: bool,
}

/// An answer on its way.
#[derive(Debug)]
enum Reply {
    Value(Answer),
    Text(String),
}

/// A simulated world.
pub(crate) struct World {
    scenario: Scenario,
    random: Rng,
    queue: Queue<Event>,
    now: u64,
    arrivals: Arrivals,
    item: Item,
    call: Call,
    clocks: Clocks,
    isolates: Vec<Isolate>,
    requests: Slab<Request>,
    replies: Slab<Reply>,
    objects: Slab<Object>,
    by_subject: HashMap<u64, u32, Numbers>,
    /// What is given back and on its way: of which subject.
    returns: Slab<(u64, Returned)>,
    kv: Kv,
    recent: HashMap<u64, Recent, Numbers>,
    /// How many lives of objects and isolates there were.
    lives: u32,
    build: u32,
    awake: u64,
    tally: Tally,
}

/// No check comes after the end of the scenario; what is left of it has ended by then.
const PATIENCE: u64 = 3_600_000_000;

impl World {
    pub(crate) fn new(scenario: Scenario, seed: u64) -> Result<World, String> {
        let mut random = Rng::with_seed(seed);
        let policy = scenario.rule.policy().map_err(|wrong| wrong.to_string())?;
        let item = Item {
            policy,
            check: Check::ONE,
        };
        let off = scenario.troubles.clocks_off;
        let mut world = World {
            scenario,
            queue: Queue::new(),
            now: 0,
            arrivals: Arrivals::new(&scenario),
            call: Call::Limit {
                operation: None,
                items: vec![item.clone()],
                holding: None,
            },
            item,
            clocks: Clocks::new(scenario.isolates as usize, off, &mut random),
            isolates: Vec::new(),
            requests: Slab::new(),
            replies: Slab::new(),
            objects: Slab::new(),
            by_subject: HashMap::default(),
            returns: Slab::new(),
            kv: Kv::default(),
            recent: HashMap::default(),
            lives: 0,
            build: 0,
            awake: 0,
            tally: Tally::default(),
            random,
        };
        for _ in 0..scenario.isolates {
            let isolate = Isolate::new(scenario.mode, world.next_life(), 0);
            world.isolates.push(isolate);
        }
        world.put(0, Event::Arrive);
        Trouble::ALL.into_iter().for_each(|it| world.expect(it));
        Ok(world)
    }

    /// Runs until nothing waits. An error is what did not hold, and when.
    pub(crate) fn run(mut self) -> Result<Tally, String> {
        let last = self.scenario.seconds * 1_000_000 + PATIENCE;
        while let Some((at, event)) = self.queue.take() {
            self.now = at;
            self.tally.events += 1;
            self.tally.digest = self.tally.digest.rotate_left(5) ^ at;
            let stepped = self.step(event);
            let stepped = stepped.and_then(|()| match at > last {
                true => Err(format!("an hour later {} events wait", self.queue.len())),
                false => Ok(()),
            });
            stepped.map_err(|wrong| format!("after {at} µs, at {event:?}: {wrong}"))?;
        }
        let left = self.objects.numbers();
        let keeps = |&&number: &&u32| !self.objects[number].store.is_empty();
        let left = left.iter().filter(keeps).count();
        match left + self.requests.len() {
            0 => Ok(self.tally),
            _ => Err(format!(
                "nothing waits, and {left} idle subjects have rows, {} checks no answer",
                self.requests.len()
            )),
        }
    }

    fn step(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Arrive => self.arrive(),
            Event::Question { request } => self.question(request),
            Event::Gate { object } => self.open_gate(object),
            Event::Answer { request, answer } => self.answer(request, answer),
            Event::Fail { request } => {
                self.fail(request);
                Ok(())
            }
            Event::Close { object } => self.close(object),
            Event::Idle { object } => self.idle(object),
            Event::Alarm { object } => self.ring(object),
            Event::GiveBack { isolate, life } => {
                self.give_back(isolate, life);
                Ok(())
            }
            Event::Returned { number } => self.returned(number),
            Event::Synchronise { isolate, life } => {
                self.synchronise(isolate, life);
                Ok(())
            }
            Event::Trouble(trouble) => {
                self.trouble(trouble);
                Ok(())
            }
        }
    }

    fn put(&mut self, after: u64, event: Event) {
        let tie = self.random.u32(..);
        self.queue.put(self.now + after, tie, event);
    }

    fn next_life(&mut self) -> u32 {
        self.lives += 1;
        self.lives
    }

    /// Whether checks still come.
    const fn is_open(&self) -> bool {
        self.now < self.scenario.seconds * 1_000_000
    }
}
