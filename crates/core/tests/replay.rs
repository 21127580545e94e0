//! Recorded calls, decided once more: as the object decided them, and under another policy as it
//! would have.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{algorithm, leaky, moment, version, Kind, Spec, START};
use proptest::prelude::*;
use tollgate_core::api::request::suits;
use tollgate_core::calendar::UtcOnly;
use tollgate_core::decide::Check;
use tollgate_core::isolate::bounded::Secret;
use tollgate_core::isolate::refusals::{CallTimes, Refusals};
use tollgate_core::limit::Name;
use tollgate_core::message::{in_version, Answer, Call, MESSAGES};
use tollgate_core::number::Decimal;
use tollgate_core::overrides::{Effect, Grant, Matched, Override, Target};
use tollgate_core::policy::Policy;
use tollgate_core::replay::trace::{
    without_operation, Apart, Asked, Event, State, SubjectTrace, Told, ALWAYS,
};
use tollgate_core::replay::{replay, Report};
use tollgate_core::subject_state::{Effects, Item, Place, SubjectState, Write};
use tollgate_core::{Algorithm, Duration, Limit, Timestamp};

const COUNTED: &str = "counted";
const OTHER: &str = "other";
/// An object that nobody asks for so long falls asleep.
const SLEEP: u64 = 10_000;

fn named(name: &str, limits: Vec<Limit>, number: u64) -> Policy {
    let policy = Policy::new(limits).unwrap().with_write_ahead(1).unwrap();
    policy.named(Name::new("name", name).unwrap(), version(number))
}

fn one(algorithm: Algorithm) -> Vec<Limit> {
    vec![Limit::new(None, algorithm)]
}

/// A subject's object with its storage, and two isolates that ask it and record what they ask.
#[derive(Default)]
struct Recorded {
    state: SubjectState,
    rows: BTreeMap<String, String>,
    last: u64,
    /// By the numbers of the happenings that were given one.
    permits: BTreeMap<u128, u128>,
    trace: SubjectTrace,
    memories: [Option<Refusals>; 2],
}

/// What is over the head of the counted policy.
#[derive(Debug, Clone, Default)]
struct Over {
    overrides: Vec<Override>,
    /// When any was set, lifted or over.
    at: u64,
    is_paused: bool,
}

impl Over {
    /// One more, in front of the others.
    fn set(&mut self, effect: Effect, lasts: Option<u64>, now: u64) {
        self.at = now.max(self.at + 1);
        let it = Override {
            target: Target::All,
            effect,
            until: lasts.map(|lasts| Timestamp::from_millis(now + lasts)),
            author: String::new(),
            reason: String::new(),
        };
        self.overrides.insert(0, it);
    }

    /// Those that are in force.
    fn by(&self, now: u64) -> Over {
        let mut over = self.clone();
        let now = Timestamp::from_millis(now);
        for end in over.overrides.iter().filter_map(|it| it.until) {
            if end <= now {
                over.at = over.at.max(end.as_millis());
            }
        }
        over.overrides.retain(|it| it.is_in_force(now));
        over
    }

    /// The policy under them, as an isolate has it.
    fn policy(&self, policy: &Policy, check: &Check) -> Policy {
        let is_counted = policy.name_or_empty() == COUNTED;
        let overrides = self.overrides.iter().filter(|_| is_counted);
        let changed = Matched::of(overrides.collect()).policy(policy);
        let changed = changed.filter(|policy| suits(check, policy).is_ok());
        changed
            .unwrap_or_else(|| policy.clone())
            .adjusted_at(self.at)
    }
}

impl Recorded {
    fn memory(&mut self, isolate: usize) -> &mut Refusals {
        self.memories[isolate].get_or_insert_with(|| Refusals::new(Secret::new(5)))
    }

    /// A call by an isolate, which refuses by what it remembers. `number`: of the happening.
    fn ask(&mut self, (isolate, number): (usize, u128), asked: Asked, now: u64) -> Option<Answer> {
        let at = Timestamp::from_millis(now);
        let single = match &asked.call {
            Call::Limit { items, .. } if items.len() == 1 => Some(items[0].clone()),
            _ => None,
        };
        let memory = self.memory(isolate);
        if let Some(item) = &single {
            let key = memory.key("alice", &item.policy);
            if memory.find(key, &item.policy, &item.check, at).is_some() {
                let told = Told {
                    admitted: vec![false],
                    ..Told::default()
                };
                let last = self.trace.events.iter().rev().find_map(|it| it.place);
                self.note(isolate, asked, (at, None, last), told, None);
                return None;
            }
        }
        let is_first = self.trace.states.is_empty();
        let answer = self.call((isolate, number), asked, now, is_first);
        if let (Some(item), Answer::Decided(decisions)) = (&single, &answer) {
            let memory = self.memory(isolate);
            let key = memory.key("alice", &item.policy);
            let times = CallTimes {
                sent: at,
                received: at,
            };
            memory.record_decision(key, &item.check, times, &decisions[0]);
        }
        Some(answer)
    }

    fn call(
        &mut self,
        (isolate, number): (usize, u128),
        asked: Asked,
        now: u64,
        with_state: bool,
    ) -> Answer {
        if now - self.last >= SLEEP {
            let rows = self.rows.iter();
            self.state = SubjectState::from_rows(rows.map(|(key, row)| (&**key, &**row)));
        }
        self.last = now;
        let sent = Call::Recorded {
            call: Box::new(asked.call.clone()),
            with_state,
        };
        // On its way it is text.
        let (_, sent) = Call::decode(&sent.encode()).unwrap();
        let permit = (number + 1) << 64;
        let mut effects = Effects::default();
        let state = &mut self.state;
        let answer = state.answer(&sent, &mut || permit, moment(now), &mut effects);
        for write in effects.writes {
            match write {
                Write::Put { key, row } => drop(self.rows.insert(key, row)),
                Write::Delete { key } => drop(self.rows.remove(&key)),
                Write::DeleteAll => self.rows.clear(),
                _ => {} // nobody has named a request
            }
        }
        let text = answer.encode_in(MESSAGES.written());
        assert_eq!(Answer::decode(&text).as_ref(), Ok(&answer));
        let Answer::Recorded {
            answer,
            at,
            place,
            state,
        } = answer
        else {
            return answer;
        };
        if with_state {
            let before = place;
            self.trace.states.push(State {
                before,
                rows: state,
            });
        }
        let told = Told::of(&answer);
        if let Some(permit) = told.permit {
            self.permits.insert(number, permit);
        }
        self.note(isolate, asked, (at, Some(place), None), told, None);
        *answer
    }

    fn note(
        &mut self,
        isolate: usize,
        asked: Asked,
        (at, place, after): (Timestamp, Option<Place>, Option<Place>),
        told: Told,
        apart: Option<Apart>,
    ) {
        let (call, operation) = without_operation(&asked.call);
        let under = asked.under;
        self.trace.events.push(Event {
            at,
            isolate: isolate as u64,
            place,
            after,
            asked: Asked { call, under }.into(),
            operation,
            told,
            share: ALWAYS,
            apart,
        });
    }
}

/// So many ms after the one before, by way of this isolate.
type Happening = (u64, usize, Happens);

/// Something that happens to a subject.
#[derive(Debug, Clone)]
enum Happens {
    Asked(i64, Option<u64>),
    AskedOther(i64),
    Both(i64),
    Operation(i64),
    Cancelled,
    /// The permit of the happening so many before this one.
    Released(u128),
    Renewed(u128),
    Reset(bool),
    Blocked(u64),
    /// The counted policy's limits times a tenth of so many, for so long; in front of those that
    /// hold.
    Scaled(u64, Option<u64>),
    /// Everything is let through, for so long.
    Bypassed(u64),
    /// So many units more, for so long.
    Granted(u64, u64),
    /// What holds is lifted.
    Lifted,
    Paused(bool),
}

fn happens() -> impl Strategy<Value = Happening> {
    let gap = prop_oneof![
        5 => 0u64..400,
        2 => 400u64..5_000,
        1 => 10_000u64..70_000,
    ];
    let what = prop_oneof![
        12 => (1i64..4, prop_oneof![3 => Just(None), 1 => (0u64..3_000).prop_map(Some)])
            .prop_map(|(cost, delay)| Happens::Asked(cost, delay)),
        1 => (-3i64..0).prop_map(|cost| Happens::Asked(cost, None)),
        2 => (1i64..4).prop_map(Happens::AskedOther),
        1 => (1i64..3).prop_map(Happens::Both),
        2 => (1i64..4).prop_map(Happens::Operation),
        1 => Just(Happens::Cancelled),
        2 => (1u128..6).prop_map(Happens::Released),
        1 => (1u128..6).prop_map(Happens::Renewed),
        1 => any::<bool>().prop_map(Happens::Reset),
        1 => (0u64..3_000).prop_map(Happens::Blocked),
        1 => (1u64..40, prop_oneof![Just(None), (1u64..5_000).prop_map(Some)])
            .prop_map(|(tenths, lasts)| Happens::Scaled(tenths, lasts)),
        1 => (1u64..2_000).prop_map(Happens::Bypassed),
        1 => (1u64..5, 1u64..9_000).prop_map(|(units, lasts)| Happens::Granted(units, lasts)),
        1 => Just(Happens::Lifted),
        1 => any::<bool>().prop_map(Happens::Paused),
    ];
    (gap, 0usize..2, what)
}

fn limits() -> impl Strategy<Value = Vec<Limit>> {
    let kinds = Kind::ALL;
    let limit = (0..kinds.len(), 1u64..8, 1u64..20, 1u64..4).prop_map(move |it| {
        let (kind, limit, seconds, amount) = it;
        algorithm(&Spec {
            kind: kinds[kind],
            limit,
            window: seconds * 500,
            amount,
        })
    });
    let shaper = (1u64..6, 1u64..4).prop_map(|(capacity, amount)| {
        let delay = Duration::from_millis(2_000);
        Algorithm::LeakyBucket(
            leaky(capacity, amount, 1_000)
                .with_max_delay(delay)
                .unwrap(),
        )
    });
    let single = prop_oneof![7 => limit.clone(), 1 => shaper].prop_map(one);
    let minute = (1u64..12).prop_map(|limit| common::fixed(limit, 60_000));
    let several = (limit, minute).prop_map(|(first, second)| {
        vec![
            common::named("first", first),
            common::named("minute", second),
        ]
    });
    prop_oneof![3 => single, 1 => several]
}

/// Has all of it happen to an object that decides by `limits`; the object, with what was recorded.
/// `held`: whose permits may be renewed and released, if not those of all.
fn recorded(limits: &[Limit], all: &[Happening], held: Option<&BTreeSet<u128>>) -> Recorded {
    let policy = named(COUNTED, limits.to_vec(), 1);
    let other = named(OTHER, one(common::fixed(4, 3_000)), 1);
    let mut object = Recorded {
        last: START,
        ..Recorded::default()
    };
    let (mut now, mut operation, mut over) = (START, 0, Over::default());
    for (number, (gap, isolate, happens)) in (0u128..).zip(all) {
        now += gap;
        over = over.by(now);
        let item = |policy: &Policy, cost, delay: Option<u64>| {
            let slots = policy.gives_permits();
            let check = Check {
                cost: if slots { i64::max(cost, 1) } else { cost },
                max_delay: delay.filter(|_| !slots).map(Duration::from_millis),
                ..Check::ONE
            };
            let bypass = over.overrides.iter().find(|it| it.effect.grant().is_none());
            let bypass = bypass.is_some_and(|it| it.effect == Effect::Bypass);
            let check = Check {
                bypass: bypass && policy.name_or_empty() == COUNTED,
                ..check
            };
            Item {
                policy: over.policy(policy, &check),
                check,
            }
        };
        let asked = |operation, items: Vec<Item>| {
            let is_counted = |item: &Item| item.policy.name_or_empty() == COUNTED;
            let under = |item| match is_counted(item) {
                true => over.overrides.clone(),
                false => Vec::new(),
            };
            let under = items.iter().map(under).collect();
            let call = Call::Limit {
                operation,
                items,
                holding: None,
            };
            Asked { call, under }
        };
        let permit = |object: &Recorded, back: &u128| {
            let of = number.wrapping_sub(*back);
            let is_held = held.is_none_or(|held| held.contains(&of));
            let permit = object.permits.get(&of).filter(|_| is_held);
            permit.copied().unwrap_or(u128::MAX) // nobody's
        };
        let asked = match happens {
            Happens::Asked(cost, delay) => asked(None, vec![item(&policy, *cost, *delay)]),
            Happens::AskedOther(cost) => asked(None, vec![item(&other, *cost, None)]),
            Happens::Both(cost) => asked(
                None,
                vec![item(&policy, *cost, None), item(&other, *cost, None)],
            ),
            Happens::Operation(cost) => {
                operation += 1;
                asked(Some(operation), vec![item(&policy, *cost, None)])
            }
            Happens::Cancelled => Asked::plain(Call::Cancel { operation }),
            Happens::Released(back) => Asked::plain(Call::Release {
                permit: permit(&object, back),
            }),
            Happens::Renewed(back) => Asked::plain(Call::Renew {
                permit: permit(&object, back),
                hold: Some(Duration::from_millis(700)),
            }),
            Happens::Reset(all) => Asked::plain(Call::Reset {
                policy: (!all).then(|| COUNTED.to_owned()),
            }),
            Happens::Blocked(duration) => Asked::plain(Call::Block {
                policy: None,
                duration: Duration::from_millis(*duration),
                reason: "test".to_owned(),
            }),
            Happens::Scaled(tenths, lasts) => {
                let factor = Decimal::new(*tenths, 1).unwrap();
                over.set(Effect::Scale(factor), *lasts, now);
                continue;
            }
            Happens::Bypassed(lasts) => {
                over.set(Effect::Bypass, Some(*lasts), now);
                continue;
            }
            Happens::Granted(units, lasts) => {
                let grant = Grant {
                    units: *units,
                    id: number as u64,
                    kept: Timestamp::from_millis(now + 10 * lasts),
                };
                over.set(Effect::Grant(grant), Some(*lasts), now);
                continue;
            }
            Happens::Lifted => {
                over.overrides.clear();
                over.at = now.max(over.at + 1);
                continue;
            }
            Happens::Paused(is_paused) => {
                over.is_paused = *is_paused;
                continue;
            }
        };
        let gives_back = |item: &Item| item.check.cost < 0;
        match &asked.call {
            Call::Limit { items, .. } if over.is_paused && !items.iter().any(gives_back) => {
                let at = Timestamp::from_millis(now);
                let apart = Some(Apart::Stopped);
                object.note(*isolate, asked, (at, None, None), Told::default(), apart);
            }
            _ => drop(object.ask((*isolate, number), asked, now)),
        }
    }
    object
}

fn replayed(trace: &SubjectTrace, policies: &[Policy]) -> Report {
    replay(policies, COUNTED, [trace], &UtcOnly)
}

/// How many requests of the counted policy were denied, as the object told it.
fn denied(trace: &SubjectTrace) -> u64 {
    let mut denied = 0;
    for event in &trace.events {
        let Call::Limit { items, .. } = &event.asked.call else {
            continue;
        };
        for (item, admitted) in items.iter().zip(&event.told.admitted) {
            let is_counted = item.policy.name_or_empty() == COUNTED && item.check.cost > 0;
            denied += u64::from(is_counted && !admitted && !event.told.is_contended);
        }
    }
    denied
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn under_the_same_policy_every_decision_is_the_same(
        limits in limits(),
        all in prop::collection::vec(happens(), 1..60),
    ) {
        let object = recorded(&limits, &all, None);
        let report = replayed(&object.trace, &[]);
        let (stopped, events) = (of_stops(&object.trace), object.trace.events.len());
        prop_assert_eq!((report.skipped, report.gaps), (0, 0));
        prop_assert_eq!(report.replayed, (events - stopped.0) as u64);
        prop_assert_eq!(report.stopped, stopped.1 as u64);
        prop_assert_eq!(report.recorded.denied_before, denied(&object.trace));
        prop_assert_eq!(report.recorded.changed(), 0, "{:?}", report.most_changed);
        // The same by its definition, under another version.
        let again = replayed(&object.trace, &[named(COUNTED, limits, 9)]);
        prop_assert_eq!(again.recorded, report.recorded);
    }

    /// The other policy's object is another one, which was asked the same. What it gave it alone
    /// has nobody released; what contends there is its own, so there are no operations.
    #[test]
    fn under_another_policy_it_is_what_an_object_would_decide(
        (before, after) in (limits(), limits()),
        all in prop::collection::vec(
            happens().prop_filter("its own", |(_, _, it)| {
                !matches!(it, Happens::Operation(_) | Happens::Cancelled)
            }),
            1..60,
        ),
    ) {
        // What cannot be asked of slots is no question of either.
        let slots = |limits: &[Limit]| limits.iter().any(Limit::gives_permits);
        prop_assume!(slots(&before) == slots(&after));
        let old = recorded(&before, &all, None);
        let held = old.permits.keys().copied().collect();
        let new = recorded(&after, &all, Some(&held));
        let report = replayed(&old.trace, &[named(COUNTED, after, 9)]);
        prop_assert_eq!(report.recorded.denied_before, denied(&old.trace));
        prop_assert_eq!(report.recorded.denied_after, denied(&new.trace));
    }
}

/// How many requests were stopped, and how many of them are of the counted policy: as many as
/// their items.
fn of_stops(trace: &SubjectTrace) -> (usize, usize) {
    let stopped = trace.events.iter().filter(|it| it.apart.is_some());
    let counted = stopped.clone().map(|event| match &event.asked.call {
        Call::Limit { items, .. } => {
            let counted = items.iter();
            let counted = counted.filter(|it| it.policy.name_or_empty() == COUNTED);
            counted.filter(|it| it.check.cost > 0).count()
        }
        _ => 0,
    });
    (stopped.count(), counted.sum())
}

fn minute(limit: u64) -> Vec<Limit> {
    one(common::fixed(limit, 60_000))
}

/// One request every so many ms, each by way of another isolate than the one before.
fn often(times: usize, gap: u64) -> Vec<Happening> {
    let asked = |i| (gap, i % 2, Happens::Asked(1, None));
    (0..times).map(asked).collect()
}

#[test]
fn the_report_tells_who_changes_by_how_much_and_since_when() {
    let loud = recorded(&minute(5), &often(8, 100), None);
    let seldom = recorded(&minute(5), &often(2, 100), None);
    let mut traces = [loud.trace, seldom.trace];
    traces[0].subject = "often".to_owned();
    traces[1].subject = "seldom".to_owned();
    let tighter = named(COUNTED, minute(3), 2);
    let report = replay(&[tighter], COUNTED, &traces, &UtcOnly);
    let counts = &report.recorded;
    assert_eq!(
        (counts.requests, counts.denied_before, counts.denied_after),
        (10, 3, 5)
    );
    assert_eq!((counts.newly_denied, counts.newly_admitted), (2, 0));
    assert_eq!((report.subjects, report.subjects_changed), (2, 1));
    let [changed] = report.most_changed.as_slice() else {
        panic!("one has changed");
    };
    assert_eq!(changed.subject, "often");
    // The fourth was admitted at 400 ms.
    assert_eq!(changed.first.as_millis(), START + 400);
    assert_eq!(report.first, Some(changed.first));
    // Everybody is recorded: nothing is a guess.
    assert!(report.all.iter().all(|it| it.is_exact()));
    // What was refused is admitted by a larger limit, as far as it goes.
    let larger = replay(&[named(COUNTED, minute(7), 2)], COUNTED, &traces, &UtcOnly);
    assert_eq!(larger.recorded.newly_admitted, 2);
}

#[test]
fn what_a_refusal_in_memory_answered_is_admitted_by_a_larger_limit() {
    let mut object = recorded(&minute(2), &often(3, 0), None);
    // All at one instant: behind the refusal that it repeats, and before its subject is reset.
    let refused = &object.trace.events[2];
    let remembered = Event {
        at: Timestamp::from_millis(START),
        place: None,
        after: refused.place,
        ..object.trace.events[2].clone()
    };
    object.trace.events.push(remembered);
    let reset = Asked::plain(Call::Reset { policy: None });
    object.call((0, 9), reset, START, false);
    assert_eq!(replayed(&object.trace, &[]).recorded.denied_after, 2);
    let larger = replayed(&object.trace, &[named(COUNTED, minute(4), 2)]);
    assert_eq!(larger.recorded.denied_after, 0);
    assert_eq!(larger.recorded.newly_admitted, 2);
}

#[test]
fn a_call_that_was_lost_ends_what_is_known_until_the_next_state() {
    let mut object = recorded(&minute(5), &often(6, 100), None);
    let late = named(COUNTED, minute(5), 1);
    let item = Item {
        policy: late,
        check: Check::ONE,
    };
    let call = Call::Limit {
        operation: None,
        items: vec![item],
        holding: None,
    };
    for at in [700, 800] {
        let asked = Asked::plain(call.clone());
        object.call((0, 9), asked, START + at, at == 800);
    }
    object.trace.events.remove(2);
    let report = replayed(&object.trace, &[]);
    assert_eq!(report.gaps, 1);
    // The fourth to the seventh; the eighth comes with its state.
    assert_eq!((report.skipped, report.replayed), (4, 3));
    assert_eq!(report.recorded.changed(), 0);
    // Without a state in front of them nothing is known of any.
    object.trace.states.clear();
    let nothing = replayed(&object.trace, &[]);
    assert_eq!((nothing.skipped, nothing.replayed), (7, 0));
    assert_eq!(nothing.recorded.requests, 0);
}

#[test]
fn what_cannot_be_asked_of_the_candidate_is_denied() {
    let object = recorded(
        &minute(5),
        &[
            (0, 0, Happens::Asked(1, None)),
            (100, 0, Happens::Asked(1, Some(50))),
        ],
        None,
    );
    let slots = one(algorithm(&Spec {
        kind: Kind::Concurrency,
        limit: 5,
        window: 1_000,
        amount: 0,
    }));
    let report = replayed(&object.trace, &[named(COUNTED, slots, 2)]);
    assert_eq!(report.recorded.newly_denied, 1);
}

#[test]
fn a_build_that_records_nothing_answers_a_recorded_call_all_the_same() {
    let policy = named(COUNTED, minute(5), 1);
    let call = Call::Limit {
        operation: Some(3),
        items: vec![Item {
            policy,
            check: Check::ONE,
        }],
        holding: None,
    };
    let asked = Call::Recorded {
        call: Box::new(call.clone()),
        with_state: true,
    };
    let text = asked.encode();
    assert_eq!(text.replacen(" record=state", "", 1), call.encode());
    assert_eq!(in_version(&text, MESSAGES.written()), Some(text.clone()));
    assert_eq!(Call::decode(&text), Ok((MESSAGES.written(), asked)));
}

#[test]
fn a_call_that_was_not_done_is_not_replayed() {
    let policy = named(COUNTED, minute(5), 1);
    let name = policy.name().unwrap().clone();
    let asked = |policy: Policy| {
        Asked::plain(Call::Limit {
            operation: None,
            items: vec![Item {
                policy,
                check: Check::ONE,
            }],
            holding: None,
        })
    };
    let mut object = Recorded {
        last: START,
        ..Recorded::default()
    };
    let brief = asked(Policy::reference(name, version(1)));
    assert!(matches!(
        object.call((0, 0), brief, START, true),
        Answer::Refused(..)
    ));
    // Whoever records it knows the definition, and tells it whole.
    object.trace.events[0].asked = asked(policy.clone()).into();
    for _ in 0..5 {
        object.call((0, 1), asked(policy.clone()), START, false);
    }
    let report = replayed(&object.trace, &[]);
    assert_eq!(
        (report.recorded.requests, report.recorded.denied_after),
        (5, 0)
    );
}

#[test]
fn who_only_looks_is_not_recorded() {
    let mut object = Recorded {
        last: START,
        ..Recorded::default()
    };
    let looked = Item {
        policy: named(COUNTED, minute(5), 1),
        check: Check::ONE,
    };
    let call = Asked::plain(Call::Limit {
        operation: None,
        items: vec![looked.peek()],
        holding: None,
    });
    assert!(matches!(
        object.call((0, 0), call, START, true),
        Answer::Decided(_)
    ));
    assert!(object.trace.events.is_empty());
}

/// Who gives a slot back too late has given it back in time where it lasts longer.
#[test]
fn a_permit_that_was_given_back_too_late_is_given_back_to_the_candidate() {
    let slots = |window| {
        one(algorithm(&Spec {
            kind: Kind::Concurrency,
            limit: 1,
            window,
            amount: 0,
        }))
    };
    let ask = |gap| (gap, 0, Happens::Asked(1, None));
    let all = [ask(0), (600, 0, Happens::Released(1)), ask(0)];
    let object = recorded(&slots(500), &all, None);
    assert!(object.trace.events[1].told.is_undone);
    let report = replayed(&object.trace, &[named(COUNTED, slots(5_000), 2)]);
    assert_eq!(report.recorded.denied_after, 0);
}

/// An isolate refuses by what it remembers for up to a second, whatever has been reset meanwhile.
/// So does a replay, also where only the candidate has refused.
#[test]
fn what_an_isolate_remembers_outlives_a_reset_in_a_replay_too() {
    let ask = |gap, isolate| (gap, isolate, Happens::Asked(1, None));
    let all = [
        ask(0, 0),
        ask(0, 0),
        ask(0, 0),
        (100, 0, Happens::Reset(true)),
        ask(100, 0),
        ask(0, 1), // which remembers nothing
        ask(2_000, 0),
    ];
    for (before, after) in [(2, 2), (5, 2), (2, 5), (2, 1)] {
        let object = recorded(&minute(before), &all, None);
        let wanted = recorded(&minute(after), &all, None);
        let report = replayed(&object.trace, &[named(COUNTED, minute(after), 2)]);
        let found = report.recorded.denied_after;
        assert_eq!(found, denied(&wanted.trace), "{before} {after}");
    }
    assert_eq!(denied(&recorded(&minute(2), &all, None).trace), 2);
}

/// What an override says of the recorded policy it says of the candidate.
#[test]
fn a_candidate_is_scaled_and_stopped_as_the_policy_was() {
    let mut all = often(4, 2_000);
    all.push((0, 0, Happens::Scaled(20, None)));
    all.extend(often(4, 2_000));
    all.push((0, 0, Happens::Paused(true)));
    all.extend(often(3, 2_000));
    all.push((0, 0, Happens::Paused(false)));
    all.push((0, 0, Happens::Lifted));
    all.extend(often(2, 2_000));
    let object = recorded(&minute(2), &all, None);
    let report = replayed(&object.trace, &[named(COUNTED, minute(3), 2)]);
    let counts = report.recorded;
    // Of the first four 2, as many again while it is doubled, and none after that.
    assert_eq!((counts.requests, counts.denied_before), (10, 6));
    assert_eq!((counts.denied_after, report.stopped), (4, 3));
}
