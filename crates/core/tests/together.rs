//! Requests over several subjects, carried out in simulated time by the machine that the Worker
//! runs: objects answer in any order, late, or not at all, and cancellations get lost. Whatever
//! happens, no limit is exceeded, every request ends, and a refused one leaves nothing charged but
//! what no cancellation could reach.

#![allow(clippy::unwrap_used)] // a test may panic, also in its helpers

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{fixed, moment, policy_of, START};
use proptest::prelude::*;
use tollgate_core::decide::Check;
use tollgate_core::decision::{Decision, Grant, Reason, Source};
use tollgate_core::multi::{Asked, Decided, Effect, Event, Message, Multi, Reply, Terms};
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::{Effects, Item, SubjectState};
use tollgate_core::{Duration, Timestamp};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];
const DEADLINE: u64 = 1_000;
/// What the failure mode of an object gives out in its place. The last is closed.
const SHARE: i64 = 4;
const CLOSED: usize = 3;

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    /// It never arrives, and that is known.
    Lost,
    /// It arrives, and the answer does not.
    Unanswered,
    /// It arrives when nobody waits for it any more.
    Late,
}

/// Why a request has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Closed;

/// One request: when it begins, and of which objects it wants how much.
#[derive(Debug, Clone)]
struct Wish {
    begins: u64,
    parts: Vec<(usize, i64)>,
    /// Objects that refused last.
    first: Vec<bool>,
    /// An entry that the isolate remembers to be refused.
    remembered: Option<usize>,
    /// Whether each entry is to be answered.
    answers_all: bool,
}

type Operation = (usize, Option<u128>);

#[derive(Debug)]
enum What {
    Begins(usize),
    /// A message arrives; the place in its batch where its answer is waited for.
    Arrives(usize, Message, Option<usize>),
    /// A request hears of a message.
    Hears(usize, usize, Reply<Closed>),
}

#[derive(Debug)]
struct Request {
    wish: Wish,
    multi: Option<Multi<Closed>>,
    replies: Vec<Option<Reply<Closed>>>,
    done: Option<Result<Decided, Closed>>,
    /// The operations under which it charged; the last is the one that counts.
    operations: Vec<Option<u128>>,
    asked: BTreeMap<usize, usize>,
}

struct World {
    policy: Policy,
    limit: i64,
    objects: Vec<SubjectState>,
    /// What failure modes gave out.
    given: Vec<i64>,
    requests: Vec<Request>,
    what: BTreeMap<(u64, usize), What>,
    sent: usize,
    now: u64,
    delays: Vec<u64>,
    fates: Vec<Fate>,
    random: u128,
    /// What each operation of a request has charged to an object.
    charged: BTreeMap<(usize, Operation), i64>,
    /// Cancellations that did not arrive, and charges without an operation of which no answer came.
    lost: BTreeSet<(usize, Operation)>,
}

impl World {
    fn new(limit: u64, wishes: Vec<Wish>, delays: Vec<u64>, fates: Vec<Fate>) -> World {
        let mut world = World {
            policy: policy_of(fixed(limit, 52 * 7 * 86_400_000)),
            limit: limit as i64,
            objects: NAMES.iter().map(|_| SubjectState::default()).collect(),
            given: vec![0; NAMES.len()],
            requests: Vec::new(),
            what: BTreeMap::new(),
            sent: 0,
            now: 0,
            delays,
            fates,
            random: 0,
            charged: BTreeMap::new(),
            lost: BTreeSet::new(),
        };
        for (i, wish) in wishes.into_iter().enumerate() {
            world.at(wish.begins, What::Begins(i));
            world.requests.push(Request {
                wish,
                multi: None,
                replies: Vec::new(),
                done: None,
                operations: Vec::new(),
                asked: BTreeMap::new(),
            });
        }
        world
    }

    fn at(&mut self, at: u64, what: What) {
        self.sent += 1;
        self.what.insert((at, self.sent), what);
    }

    fn delay(&self) -> u64 {
        self.delays[self.sent % self.delays.len()]
    }

    fn fate(&self) -> Fate {
        self.fates[self.sent % self.fates.len()]
    }

    fn run(&mut self) {
        while let Some(((now, _), what)) = self.what.pop_first() {
            self.now = now;
            match what {
                What::Begins(i) => self.begin(i),
                What::Arrives(i, message, place) => {
                    let reply = self.arrive(i, message);
                    if let Some(place) = place {
                        let at = self.now + self.delay();
                        self.at(at, What::Hears(i, place, reply));
                    }
                }
                What::Hears(i, place, reply) => {
                    let replies = &mut self.requests[i].replies;
                    replies[place] = Some(reply);
                    if replies.iter().all(Option::is_some) {
                        let replies = core::mem::take(replies).into_iter().flatten();
                        self.step(i, Event::Replied(replies.collect()));
                    }
                }
            }
        }
    }

    fn time(&self) -> Timestamp {
        Timestamp::from_millis(START + self.now)
    }

    fn begin(&mut self, i: usize) {
        let wish = self.requests[i].wish.clone();
        let refusal = Decision::bare(self.time(), false, Some(Reason::Limit));
        let asked = |(entry, &(object, _)): (usize, &(usize, i64))| Asked {
            object: NAMES[object],
            is_peek: false,
            remembered: (wish.remembered == Some(entry)).then(|| refusal.clone()),
            refused_last: wish.first[object],
            gives_back: wish.parts[entry].1 < 0,
        };
        let asked = wish.parts.iter().enumerate().map(asked).collect();
        let (now, random) = (self.time(), &mut self.random);
        let terms = terms(wish.answers_all);
        let (multi, effects) = Multi::begin(asked, terms, now, &mut || next(random));
        self.requests[i].multi = Some(multi);
        self.carry_out(i, effects);
    }

    fn step(&mut self, i: usize, event: Event<Closed>) {
        let (now, random) = (self.time(), &mut self.random);
        let multi = self.requests[i].multi.as_mut().unwrap();
        let effects = multi.step(event, now, &mut || next(random));
        self.carry_out(i, effects);
    }

    fn carry_out(&mut self, i: usize, effects: Vec<Effect<Closed>>) {
        let mut event = None;
        for effect in effects {
            assert!(self.requests[i].done.is_none() && event.is_none());
            match effect {
                Effect::Send { messages, patience } => {
                    self.requests[i].replies = vec![None; messages.len()];
                    self.send(i, &messages, patience.as_millis());
                }
                Effect::FallBack { entries, peek } => {
                    let entries = entries.into_iter();
                    let decided = entries.map(|entry| self.fall_back(i, entry, peek));
                    event = Some(Event::FellBack(decided.collect()));
                }
                Effect::CancelLater { objects, operation } => {
                    for object in objects {
                        let message = Message::Cancel { object, operation };
                        let fate = self.fate();
                        if matches!(fate, Fate::Lost | Fate::Late) {
                            let object = self.object_of(i, object);
                            self.lost.insert((i, (object, Some(operation))));
                        } else {
                            let at = self.now + self.delay();
                            self.at(at, What::Arrives(i, message, None));
                        }
                    }
                }
                Effect::GiveBack { entry, decision } => {
                    assert!(decision.success);
                    let (object, cost) = self.requests[i].wish.parts[entry];
                    self.given[object] -= cost;
                }
                Effect::Learn { decision, .. } => assert!(decision.at <= self.time()),
                Effect::KeepRefusal { .. } | Effect::Owe { .. } => {}
                Effect::Done(done) => self.requests[i].done = Some(done),
            }
        }
        if let Some(event) = event {
            self.step(i, event);
        }
    }

    fn object_of(&self, i: usize, object: usize) -> usize {
        let entries = self.requests[i].multi.as_ref().unwrap().entries_of(object);
        self.requests[i].wish.parts[entries[0]].0
    }

    fn send(&mut self, i: usize, messages: &[Message], patience: u64) {
        let mut earliest: BTreeMap<usize, u64> = BTreeMap::new();
        for (place, &message) in messages.iter().enumerate() {
            let object = self.object_of(i, message.object());
            let looks = matches!(message, Message::Look { .. });
            assert!(!looks || self.requests[i].wish.answers_all);
            if let Message::Charge { operation, .. } = message {
                let request = &mut self.requests[i];
                *request.asked.entry(object).or_default() += 1;
                if request.operations.last() != Some(&operation) {
                    request.operations.push(operation);
                }
            }
            let fate = self.fate();
            let silent = |may_have_counted| Reply::Silent { may_have_counted };
            let late = if fate == Fate::Late { patience } else { 0 };
            let arrives =
                (self.now + self.delay() + late).max(earliest.get(&object).map_or(0, |at| *at));
            earliest.insert(object, arrives);
            if fate != Fate::Answered {
                let gone = fate == Fate::Lost;
                match message {
                    Message::Cancel { operation, .. } if gone => {
                        self.lost.insert((i, (object, Some(operation))));
                    }
                    Message::Charge {
                        operation: None, ..
                    } if !gone => {
                        self.lost.insert((i, (object, None)));
                    }
                    _ => {}
                }
                self.at(self.now + patience, What::Hears(i, place, silent(!gone)));
            }
            let place = (fate == Fate::Answered).then_some(place);
            if fate != Fate::Lost {
                self.at(arrives, What::Arrives(i, message, place));
            }
        }
    }

    fn items(&self, i: usize, object: usize, peek: bool) -> Vec<Item> {
        let request = &self.requests[i];
        let entries = request.multi.as_ref().unwrap().entries_of(object).iter();
        let cost = entries.map(|&entry| request.wish.parts[entry].1);
        let check = |cost| Check {
            peek,
            ..Check::of(cost)
        };
        cost.map(|cost| Item {
            policy: self.policy.clone(),
            check: check(cost),
        })
        .collect()
    }

    fn arrive(&mut self, i: usize, message: Message) -> Reply<Closed> {
        let at = moment(START + self.now);
        let object = self.object_of(i, message.object());
        let effects = &mut Effects::default();
        let (operation, peek) = match message {
            Message::Cancel { operation, .. } => {
                self.objects[object].cancel(operation, at, effects).unwrap();
                self.charged.remove(&(i, (object, Some(operation))));
                return Reply::Cancelled;
            }
            Message::Charge { operation, .. } => (operation, false),
            Message::Look { .. } => (None, true),
        };
        let items = self.items(i, message.object(), peek);
        let decided = self.objects[object].limit(&items, operation, &mut || 7, at, effects);
        let Ok(decisions) = decided else {
            return Reply::Failed(Closed); // cancelled before it came
        };
        if !peek && decisions.iter().all(|decision| decision.success) {
            let units = items.iter().map(|item| item.check.cost).sum();
            self.charged.insert((i, (object, operation)), units);
        }
        assert!(self.used(object) <= self.limit);
        Reply::Decided(decisions)
    }

    fn fall_back(
        &mut self,
        i: usize,
        entry: usize,
        peek: bool,
    ) -> Result<(Decision, Source), Closed> {
        let (object, cost) = self.requests[i].wish.parts[entry];
        if object == CLOSED {
            return Err(Closed);
        }
        let success = self.given[object] + cost <= SHARE;
        if success && !peek {
            self.given[object] += cost;
        }
        let decision = Decision::bare(self.time(), success, Some(Reason::Degraded));
        Ok((decision, Source::Fallback))
    }

    fn used(&mut self, object: usize) -> i64 {
        let check = Check {
            peek: true,
            ..Check::of(0)
        };
        let policy = self.policy.clone();
        let at = moment(START + self.now);
        let item = [Item { policy, check }];
        let state = &mut self.objects[object];
        let answer = state.limit(&item, None, &mut || 7, at, &mut Effects::default());
        let standing = answer.unwrap()[0].limits[0];
        (standing.limit - standing.remaining) as i64
    }

    fn is_admitted(&self, i: usize) -> bool {
        matches!(&self.requests[i].done, Some(Ok(decided)) if decided.success)
    }

    /// Checks what is left when all messages have arrived.
    fn check(&mut self) {
        let mut given = vec![0; NAMES.len()];
        for (i, request) in self.requests.iter().enumerate() {
            let done = request.done.as_ref().unwrap(); // every request ends
            assert!(request.asked.values().all(|&times| times <= 2));
            let Ok(Decided { success, decisions }) = done else {
                continue;
            };
            let wish = &request.wish;
            assert_eq!(decisions.len(), wish.parts.len());
            let known = decisions.iter().flatten();
            let all = known.clone().all(|(decision, _)| decision.success);
            assert_eq!(*success, all, "{request:?}");
            let answered = *success || wish.answers_all;
            assert!(!answered || known.count() == decisions.len(), "{request:?}");
            if wish.remembered.is_some_and(|it| it < wish.parts.len()) && !wish.answers_all {
                assert!(request.asked.is_empty(), "{request:?}");
            }
            for (&(object, cost), answer) in wish.parts.iter().zip(decisions) {
                let Some((_, source)) = answer else { continue };
                if *success && *source == Source::Fallback {
                    given[object] += cost;
                } else if *success {
                    let operation = *request.operations.last().unwrap();
                    assert!(self.charged.contains_key(&(i, (object, operation))));
                }
            }
        }
        assert_eq!(self.given, given, "what failure modes gave out");
        for key in self.charged.keys() {
            let (i, (_, operation)) = *key;
            let counts =
                self.is_admitted(i) && self.requests[i].operations.last() == Some(&operation);
            assert!(
                counts || self.lost.contains(key),
                "{key:?} {:?}",
                self.requests[i]
            );
        }
        for object in 0..NAMES.len() {
            let charged = self
                .charged
                .iter()
                .filter(|((_, (it, _)), _)| *it == object);
            let charged: i64 = charged.map(|(_, units)| units).sum();
            assert_eq!(self.used(object), charged);
        }
    }
}

fn next(random: &mut u128) -> u128 {
    *random += 1;
    *random
}

fn wishes(remembers: bool, repeats: bool) -> impl Strategy<Value = Vec<Wish>> {
    let parts = prop::collection::vec((0..NAMES.len(), 1..4i64), 1..5);
    let first = prop::collection::vec(prop::bool::weighted(0.2), NAMES.len());
    let remembered = prop::option::weighted(0.15, 0..4usize);
    let wish = (0..60u64, parts, first, remembered, any::<bool>());
    let wish = wish.prop_map(move |(begins, mut parts, first, remembered, answers_all)| {
        let remembered = remembered.filter(|_| remembers);
        if !repeats {
            let mut seen = BTreeSet::new();
            parts.retain(|(object, _)| seen.insert(*object));
        }
        Wish {
            begins,
            parts,
            first,
            remembered,
            answers_all,
        }
    });
    prop::collection::vec(wish, 1..6)
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![
        6 => Just(Fate::Answered),
        1 => Just(Fate::Lost),
        1 => Just(Fate::Unanswered),
        1 => Just(Fate::Late),
    ];
    prop::collection::vec(fate, 1..40)
}

/// Those of a request whose admission stays.
fn terms(answers_all: bool) -> Terms {
    Terms {
        answers_all,
        is_revocable: false,
        deadline: Duration::from_millis(DEADLINE),
    }
}

/// A request for these objects, and what it does first.
fn begin(objects: &[&'static str]) -> (Multi<u8>, Vec<Effect<u8>>) {
    let asked = objects.iter().map(|object| Asked {
        object,
        is_peek: false,
        remembered: None,
        refused_last: false,
        gives_back: false,
    });
    let now = Timestamp::from_millis(START);
    Multi::begin(asked.collect(), terms(true), now, &mut || 7)
}

fn decided(success: bool) -> Decision {
    Decision::bare(Timestamp::from_millis(START), success, None)
}

fn step(multi: &mut Multi<u8>, event: Event<u8>) -> Vec<Effect<u8>> {
    multi.step(event, Timestamp::from_millis(START + 900), &mut || 8)
}

#[test]
fn of_several_reasons_the_first_is_answered_and_what_was_given_out_is_given_back() {
    let (mut multi, _) = begin(&["a", "b", "c"]);
    let silent = Reply::Silent {
        may_have_counted: false,
    };
    let replies = vec![silent, Reply::Failed(2), Reply::Failed(3)];
    let effects = step(&mut multi, Event::Replied(replies));
    let fall_back = Effect::FallBack {
        entries: vec![0],
        peek: false,
    };
    assert_eq!(effects, [fall_back]);
    let given = (decided(true), Source::Fallback);
    let effects = step(&mut multi, Event::FellBack(vec![Ok(given)]));
    let operation = 7;
    assert_eq!(
        effects,
        [
            Effect::CancelLater {
                objects: vec![0],
                operation
            },
            Effect::GiveBack {
                entry: 0,
                decision: decided(true)
            },
            Effect::Done(Err(2)),
        ]
    );
}

#[test]
fn a_refusal_is_answered_from_memory_for_the_only_entry_of_its_object() {
    let (mut multi, _) = begin(&["a", "b", "a"]);
    let replies = vec![
        Reply::Decided(vec![decided(true), decided(false)]),
        Reply::Decided(vec![decided(false)]),
    ];
    let effects = step(&mut multi, Event::Replied(replies));
    let learnt = effects.into_iter().filter_map(|effect| match effect {
        Effect::Learn {
            entry, is_alone, ..
        } => Some((entry, is_alone)),
        _ => None,
    });
    assert_eq!(
        learnt.collect::<Vec<_>>(),
        [(0, false), (2, false), (1, true)]
    );
}

#[test]
fn where_a_refusal_is_all_that_is_told_nobody_waits_for_what_is_taken_back() {
    let asked = |remembered: Option<Decision>| Asked {
        object: "a",
        is_peek: false,
        remembered,
        refused_last: false,
        gives_back: false,
    };
    let others = ["b", "c"].map(|object| Asked {
        object,
        ..asked(None)
    });
    let begin = |first: Asked<'static>| {
        let all = [first].into_iter().chain(others.clone()).collect();
        let now = Timestamp::from_millis(START);
        Multi::<u8>::begin(all, terms(false), now, &mut || 7)
    };
    let refused = |decisions| {
        Effect::Done(Ok(Decided {
            success: false,
            decisions,
        }))
    };
    // What is remembered answers alone.
    let (_, effects) = begin(asked(Some(decided(false))));
    let remembered = Some((decided(false), Source::Cache));
    assert_eq!(effects, [refused(vec![remembered, None, None])]);
    // Else whoever has charged takes that back in the background, by one message.
    let (mut multi, _) = begin(asked(None));
    let replies = [true, false, true].map(|success| Reply::Decided(vec![decided(success)]));
    let effects = step(&mut multi, Event::Replied(replies.to_vec()));
    let cancel = Effect::CancelLater {
        objects: vec![0, 2],
        operation: 7,
    };
    let answer = Some((decided(false), Source::Object));
    assert_eq!(effects[3..], [cancel, refused(vec![None, answer, None])]);
}

#[test]
fn who_was_not_asked_says_how_it_stands_where_there_is_no_time_to_ask_again() {
    let asked = ["a", "b", "c"].map(|object| Asked {
        object,
        is_peek: false,
        remembered: None,
        refused_last: object != "b",
        gives_back: false,
    });
    let deadline = Duration::from_millis(DEADLINE);
    let at = |now| Timestamp::from_millis(START + now);
    let (mut multi, _) = Multi::<u8>::begin(asked.to_vec(), terms(true), at(0), &mut || 7);
    let contended = Decision {
        contended: true,
        ..decided(false)
    };
    let replies = [contended, decided(true)].map(|it| Reply::Decided(vec![it]));
    let effects = multi.step(Event::Replied(replies.to_vec()), at(100), &mut || 8);
    let cancel = Effect::Send {
        messages: vec![Message::Cancel {
            object: 2,
            operation: 7,
        }],
        patience: Duration::from_millis(DEADLINE - 100),
    };
    assert_eq!(effects.last(), Some(&cancel));
    // That takes so long that nobody can be asked again.
    let effects = multi.step(Event::Replied(vec![Reply::Cancelled]), at(900), &mut || 8);
    let look = Effect::Send {
        messages: vec![Message::Look { object: 1 }],
        patience: deadline,
    };
    assert_eq!(effects, [look]);
    let replies = vec![Reply::Decided(vec![decided(true)])];
    let effects = multi.step(Event::Replied(replies), at(950), &mut || 8);
    let Some(Effect::Done(Ok(done))) = effects.last() else {
        panic!("{effects:?}");
    };
    let decisions = done.decisions.iter().flatten();
    let successes = decisions.map(|(decision, _)| decision.success);
    assert!(!done.success);
    assert_eq!(successes.collect::<Vec<_>>(), [false, true, true]);
}

#[test]
fn a_refused_request_shows_no_permit_that_was_taken_back() {
    let at = |now| Timestamp::from_millis(START + now);
    let (mut multi, _) = begin(&["a", "b"]);
    let granted = Decision {
        delay: Some(Duration::from_millis(5)),
        grant: Some(Box::new(Grant {
            permit: 1,
            fence: START,
            expires: at(60_000),
        })),
        ..decided(true)
    };
    let contended = Decision {
        contended: true,
        ..decided(false)
    };
    let replies = [granted, contended].map(|it| Reply::Decided(vec![it]));
    multi.step(Event::Replied(replies.to_vec()), at(100), &mut || 8);
    // Taking the slot back takes so long that nobody can be asked again.
    let effects = multi.step(Event::Replied(vec![Reply::Cancelled]), at(900), &mut || 8);
    let Some(Effect::Done(Ok(done))) = effects.last() else {
        panic!("{effects:?}");
    };
    assert!(!done.success && done.decisions.iter().flatten().next().unwrap().0.success);
    let shows = |(it, _): &(Decision, Source)| it.grant.is_some() || it.delay.is_some();
    assert!(!done.decisions.iter().flatten().any(shows), "{done:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn whatever_is_lost_no_limit_is_exceeded_and_a_refused_request_leaves_nothing(
        limit in 3u64..8,
        wishes in wishes(true, true),
        delays in prop::collection::vec(1u64..40, 1..20),
        fates in fates(),
    ) {
        let mut world = World::new(limit, wishes, delays, fates);
        world.run();
        world.check();
    }

    #[test]
    fn in_whatever_order_objects_answer_it_is_all_or_nothing(
        limit in 3u64..8,
        wishes in wishes(true, true),
        delays in prop::collection::vec(1u64..40, 1..20),
    ) {
        let mut world = World::new(limit, wishes, delays, vec![Fate::Answered]);
        world.run();
        world.check();
        prop_assert!(world.lost.is_empty() && world.given.iter().all(|&given| given == 0));
    }

    /// Each alone would go.
    #[test]
    fn of_requests_that_meet_one_goes(
        limit in 3u64..8,
        wishes in wishes(false, false),
        delay in 1u64..20,
    ) {
        let count = wishes.len();
        let mut world = World::new(limit, wishes, vec![delay], vec![Fate::Answered]);
        world.run();
        world.check();
        prop_assert!((0..count).any(|i| world.is_admitted(i)));
    }
}

/// Who waits for his turn asks one object, and may go away before.
#[test]
fn an_admission_that_may_be_given_back_is_charged_under_an_operation() {
    let asked = || {
        vec![Asked {
            object: "a",
            is_peek: false,
            remembered: None,
            refused_last: false,
            gives_back: false,
        }]
    };
    let (deadline, now) = (Duration::from_secs(1), Timestamp::ZERO);
    let begin = |is_revocable| {
        let terms = Terms {
            answers_all: false,
            is_revocable,
            deadline,
        };
        Multi::<()>::begin(asked(), terms, now, &mut || 7)
    };
    let (multi, effects) = begin(true);
    assert_eq!(multi.operation(), Some(7));
    let charge = |operation| Message::Charge {
        object: 0,
        operation,
    };
    let sent = |operation| Effect::Send {
        messages: vec![charge(operation)],
        patience: deadline,
    };
    assert_eq!(effects, [sent(Some(7))]);
    let (multi, effects) = begin(false);
    assert_eq!((multi.operation(), effects), (None, vec![sent(None)]));
}
