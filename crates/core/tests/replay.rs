//! Recorded calls, decided once more: as the object decided them, and under another policy as it
//! would have.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use common::{algorithm, leaky, moment, version, Kind, Spec, START};
use proptest::prelude::*;
use tollgate_core::calendar::UtcOnly;
use tollgate_core::decide::Check;
use tollgate_core::limit::Name;
use tollgate_core::message::{in_version, Answer, Call, MESSAGES};
use tollgate_core::policy::Policy;
use tollgate_core::replay::trace::{without_operation, Event, State, SubjectTrace, Told, ALWAYS};
use tollgate_core::replay::{replay, Report};
use tollgate_core::subject_state::{Effects, Item, SubjectState, Write};
use tollgate_core::{Algorithm, Duration, Limit};

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

/// A subject's object with its storage, whose calls are recorded.
#[derive(Default)]
struct Recorded {
    state: SubjectState,
    rows: BTreeMap<String, String>,
    last: u64,
    permits: u128,
    trace: SubjectTrace,
    /// Each decision that was told.
    decided: Vec<bool>,
}

impl Recorded {
    fn call(&mut self, call: &Call, now: u64, with_state: bool) -> Answer {
        if now - self.last >= SLEEP {
            let rows = self.rows.iter();
            self.state = SubjectState::from_rows(rows.map(|(key, row)| (&**key, &**row)));
        }
        self.last = now;
        let asked = Call::Recorded {
            call: Box::new(call.clone()),
            with_state,
        };
        // On its way it is text.
        let (_, asked) = Call::decode(&asked.encode()).unwrap();
        self.permits += 1;
        let permit = self.permits << 64;
        let mut effects = Effects::default();
        let state = &mut self.state;
        let answer = state.answer(&asked, &mut || permit, moment(now), &mut effects);
        for write in effects.writes {
            match write {
                Write::Put { key, row } => drop(self.rows.insert(key, row)),
                Write::Delete { key } => drop(self.rows.remove(&key)),
                Write::DeleteAll => self.rows.clear(),
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
        self.decided.extend(&told.admitted);
        let (call, operation) = without_operation(call);
        self.trace.events.push(Event {
            at,
            place: Some(place),
            after: None,
            call: call.into(),
            operation,
            told,
            share: ALWAYS,
        });
        *answer
    }
}

/// Something that happens to a subject.
#[derive(Debug, Clone)]
enum Happens {
    Asked(i64, Option<u64>),
    AskedOther(i64),
    Both(i64),
    Operation(i64),
    Cancelled,
    Released,
    Reset(bool),
    Blocked(u64),
}

fn happens() -> impl Strategy<Value = (u64, Happens)> {
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
        1 => Just(Happens::Released),
        1 => any::<bool>().prop_map(Happens::Reset),
        1 => (0u64..3_000).prop_map(Happens::Blocked),
    ];
    (gap, what)
}

fn limits() -> impl Strategy<Value = Vec<Limit>> {
    let kinds = [
        Kind::FixedWindow,
        Kind::SlidingWindow,
        Kind::SlidingLog,
        Kind::TokenBucket,
        Kind::LeakyBucket,
        Kind::Quota,
        Kind::Concurrency,
    ];
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
fn recorded(limits: &[Limit], all: &[(u64, Happens)]) -> Recorded {
    let policy = named(COUNTED, limits.to_vec(), 1);
    let other = named(OTHER, one(common::fixed(4, 3_000)), 1);
    let mut object = Recorded {
        last: START,
        ..Recorded::default()
    };
    let (mut now, mut permits, mut is_first) = (START, Vec::new(), true);
    let mut operation = 0;
    for (gap, happens) in all {
        now += gap;
        let item = |policy: &Policy, cost, delay: Option<u64>| {
            let slots = policy.gives_permits();
            Item {
                policy: policy.clone(),
                check: Check {
                    cost: if slots { i64::max(cost, 1) } else { cost },
                    max_delay: delay.filter(|_| !slots).map(Duration::from_millis),
                    ..Check::ONE
                },
            }
        };
        let asked = |items| Call::Limit {
            operation: None,
            items,
        };
        let call = match happens {
            Happens::Asked(cost, delay) => asked(vec![item(&policy, *cost, *delay)]),
            Happens::AskedOther(cost) => asked(vec![item(&other, *cost, None)]),
            Happens::Both(cost) => {
                asked(vec![item(&policy, *cost, None), item(&other, *cost, None)])
            }
            Happens::Operation(cost) => {
                operation += 1;
                Call::Limit {
                    operation: Some(operation),
                    items: vec![item(&policy, *cost, None)],
                }
            }
            Happens::Cancelled => Call::Cancel { operation },
            Happens::Released => Call::Release {
                permit: permits.pop().unwrap_or(7),
            },
            Happens::Reset(all) => Call::Reset {
                policy: (!all).then(|| COUNTED.to_owned()),
            },
            Happens::Blocked(duration) => Call::Block {
                policy: None,
                duration: Duration::from_millis(*duration),
                reason: "test".to_owned(),
            },
        };
        let answer = object.call(&call, now, is_first);
        is_first = false;
        if let Answer::Decided(decisions) = &answer {
            permits.extend(
                decisions
                    .iter()
                    .filter_map(|it| Some(it.grant.as_ref()?.permit)),
            );
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
        let Call::Limit { items, .. } = &*event.call else {
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
        let object = recorded(&limits, &all);
        let report = replayed(&object.trace, &[]);
        prop_assert_eq!((report.skipped, report.gaps), (0, 0));
        prop_assert_eq!(report.replayed, object.trace.events.len() as u64);
        prop_assert_eq!(report.recorded.denied_before, denied(&object.trace));
        prop_assert_eq!(report.recorded.changed(), 0, "{:?}", report.most_changed);
        // The same by its definition, under another version.
        let again = replayed(&object.trace, &[named(COUNTED, limits, 9)]);
        prop_assert_eq!(again.recorded, report.recorded);
    }

    /// The other policy's object is another one, which was asked the same; what it gave and took
    /// back is its own, so there are no operations and permits.
    #[test]
    fn under_another_policy_it_is_what_an_object_would_decide(
        (before, after) in (limits(), limits()),
        all in prop::collection::vec(
            happens().prop_filter("its own", |(_, it)| {
                !matches!(it, Happens::Operation(_) | Happens::Cancelled | Happens::Released)
            }),
            1..60,
        ),
    ) {
        // What cannot be asked of slots is no question of either.
        let slots = |limits: &[Limit]| limits.iter().any(Limit::gives_permits);
        prop_assume!(slots(&before) == slots(&after));
        let old = recorded(&before, &all);
        let new = recorded(&after, &all);
        let report = replayed(&old.trace, &[named(COUNTED, after, 9)]);
        prop_assert_eq!(report.recorded.denied_before, denied(&old.trace));
        prop_assert_eq!(report.recorded.denied_after, denied(&new.trace));
    }
}

fn minute(limit: u64) -> Vec<Limit> {
    one(common::fixed(limit, 60_000))
}

fn asked(cost: i64) -> Happens {
    Happens::Asked(cost, None)
}

#[test]
fn the_report_tells_who_changes_by_how_much_and_since_when() {
    let often = recorded(&minute(5), &vec![(100, asked(1)); 8]);
    let seldom = recorded(&minute(5), &vec![(100, asked(1)); 2]);
    let mut traces = [often.trace, seldom.trace];
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
    let mut object = recorded(&minute(2), &vec![(0, asked(1)); 3]);
    // All at one instant: behind the refusal that it repeats, and before its subject is reset.
    let refused = &object.trace.events[2];
    let remembered = Event {
        at: tollgate_core::Timestamp::from_millis(START),
        place: None,
        after: refused.place,
        ..object.trace.events[2].clone()
    };
    object.trace.events.push(remembered);
    object.call(&Call::Reset { policy: None }, START, false);
    assert_eq!(replayed(&object.trace, &[]).recorded.denied_after, 2);
    let larger = replayed(&object.trace, &[named(COUNTED, minute(4), 2)]);
    assert_eq!(larger.recorded.denied_after, 0);
    assert_eq!(larger.recorded.newly_admitted, 2);
}

#[test]
fn a_call_that_was_lost_ends_what_is_known_until_the_next_state() {
    let mut object = recorded(&minute(5), &vec![(100, asked(1)); 6]);
    let late = named(COUNTED, minute(5), 1);
    let item = Item {
        policy: late,
        check: Check::ONE,
    };
    let call = Call::Limit {
        operation: None,
        items: vec![item],
    };
    for at in [700, 800] {
        object.call(&call, START + at, at == 800);
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
        &[(0, asked(1)), (100, Happens::Asked(1, Some(50)))],
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
    let asked = |policy: Policy| Call::Limit {
        operation: None,
        items: vec![Item {
            policy,
            check: Check::ONE,
        }],
    };
    let mut object = Recorded {
        last: START,
        ..Recorded::default()
    };
    let brief = asked(Policy::reference(name, version(1)));
    assert!(matches!(
        object.call(&brief, START, true),
        Answer::Refused(..)
    ));
    // Whoever records it knows the definition, and tells it whole.
    object.trace.events[0].call = asked(policy.clone()).into();
    for _ in 0..5 {
        object.call(&asked(policy.clone()), START, false);
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
    let call = Call::Limit {
        operation: None,
        items: vec![looked.peek()],
    };
    assert!(matches!(
        object.call(&call, START, true),
        Answer::Decided(_)
    ));
    assert!(object.trace.events.is_empty());
}
