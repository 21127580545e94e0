//! What the directory is told of a subject, when, and whom a query finds.

#![allow(clippy::unwrap_used)]

mod common;

use common::object::Object;
use common::{bucket, fixed, moment, named, policy_of, version, START};
use proptest::option;
use proptest::prelude::*;
use tollgate_core::codec::{Line, LineWriter};
use tollgate_core::decide::Check;
use tollgate_core::dots::is_dots;
use tollgate_core::limit::Name;
use tollgate_core::message::{may_be_news, Answer, Call};
use tollgate_core::policy::Policy;
use tollgate_core::row::ROWS;
use tollgate_core::subject::{Namespace, Subject, SubjectParts};
use tollgate_core::subject_state::{Effects, Item};
use tollgate_core::summary::{Filter, State, Summary, Telling, Told, MAX_POLICIES, SPACING};
use tollgate_core::{Algorithm, Duration, Timestamp};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(START + ms)
}

fn of_name(name: &str, algorithm: Algorithm) -> Policy {
    policy_of(algorithm).named(Name::new("policy", name).unwrap(), version(1))
}

fn summary(object: &Object, now: u64) -> Summary {
    object.state.summary(moment(START + now))
}

fn block(object: &mut Object, policy: Option<&str>, duration: u64, now: u64) {
    let call = Call::Block {
        policy: policy.map(str::to_owned),
        duration: Duration::from_millis(duration),
        reason: String::new(),
    };
    let mut effects = Effects::default();
    let now = moment(START + now);
    object.state.answer(&call, &mut || 1, now, &mut effects);
    object.apply(effects);
}

#[test]
fn exhausted_is_who_has_no_unit_until_there_is_one_again() {
    let table = [
        (fixed(2, HOUR), HOUR),
        // Not until it is full.
        (Algorithm::TokenBucket(bucket(2, 1, MINUTE)), MINUTE),
    ];
    for (algorithm, until) in table {
        let policy = policy_of(algorithm);
        let mut object = Object::default();
        object.ask(&policy, 1, START);
        assert_eq!(summary(&object, 0).until(State::Exhausted, at(0)), None);
        object.ask(&policy, 1, START);
        let found = summary(&object, 0);
        assert_eq!(found.until(State::Exhausted, at(0)), Some(at(until)));
        assert_eq!(
            found.until(State::Exhausted, at(until - 1)),
            Some(at(until))
        );
        assert_eq!(found.until(State::Exhausted, at(until)), None);
        assert_eq!(
            summary(&object, until).until(State::Exhausted, at(until)),
            None
        );
        assert!(object.ask(&policy, 1, START + until).success);
    }
}

#[test]
fn of_several_limits_and_blocks_the_last_to_end_counts() {
    let limits = vec![
        named("a", fixed(1, MINUTE)),
        named("b", fixed(1, HOUR)),
        named("c", fixed(9, HOUR)),
    ];
    let mut object = Object::default();
    object.ask(&Policy::new(limits).unwrap(), 1, START);
    block(&mut object, Some("p"), 5 * MINUTE, 0);
    block(&mut object, None, MINUTE, 0);
    let found = summary(&object, 0);
    assert_eq!(found.until(State::Exhausted, at(0)), Some(at(HOUR)));
    assert_eq!(found.until(State::Blocked, at(0)), Some(at(5 * MINUTE)));
    for state in [State::Paused, State::Overridden] {
        assert_eq!(found.until(state, at(0)), None);
    }
}

#[test]
fn the_first_eight_policies_are_told() {
    let mut object = Object::default();
    object.ask(&policy_of(fixed(5, HOUR)), 1, START);
    for i in (0..12).rev() {
        object.ask(&of_name(&format!("p{i:02}"), fixed(5, HOUR)), 1, START);
    }
    let expected: Vec<String> = (0..MAX_POLICIES).map(|i| format!("p{i:02}")).collect();
    assert_eq!(summary(&object, 0).policies(), expected);
    assert_eq!(summary(&object.restarted(), 0).policies(), expected);
}

#[test]
fn what_is_told_lasts_ten_seconds_and_only_changes_are_told() {
    let mut told = Told {
        summary: Summary::of(["p".to_owned()]),
        at: at(0),
    };
    for (ms, is_due) in [(0, false), (9_999, false), (10_000, true)] {
        assert_eq!(told.is_due(at(ms)), is_due, "{ms}");
    }
    assert!(
        told.is_due(Timestamp::from_millis(START - 1)),
        "the clock stepped back"
    );
    let with = |state, until: u64| {
        let mut summary = Summary::of(["p".to_owned()]);
        summary.set(state, Some(at(until)));
        summary
    };
    let now = at(20_000);
    assert!(!told.is_changed(&told.summary, now));
    assert!(told.is_changed(&Summary::of(["q".to_owned()]), now));
    assert!(told.is_changed(&with(State::Exhausted, 30_000), now));
    assert!(
        !told.is_changed(&with(State::Exhausted, 20_000), now),
        "over by now"
    );
    told.summary = with(State::Exhausted, 30_000);
    assert!(!told.is_changed(&with(State::Exhausted, 40_000), now));
    assert!(told.is_changed(&with(State::Exhausted, 40_001), now));
    assert!(told.is_changed(&with(State::Exhausted, 90_000), at(30_000)));
    for state in [State::Blocked, State::Paused, State::Overridden] {
        told.summary = with(state, 30_000);
        assert!(!told.is_changed(&with(state, 30_000), now));
        assert!(told.is_changed(&with(state, 30_001), now));
    }
}

/// Asks as an object does, and says whether the answer may be news.
fn news(object: &mut Object, told: &Told, policy: &Policy, cost: i64, now: u64) -> bool {
    let items = vec![Item {
        policy: policy.clone(),
        check: Check::of(cost),
    }];
    let decision = object.ask(policy, cost, START + now);
    let operation = None;
    let call = Call::Limit {
        operation,
        items,
        holding: None,
    };
    may_be_news(told, &call, &Answer::Decided(vec![decision]), at(now))
}

#[test]
fn a_call_is_news_that_exhausts_or_blocks_or_brings_a_policy() {
    let policy = of_name("p", fixed(2, HOUR));
    let mut object = Object::default();
    let mut told = Told {
        summary: Summary::default(),
        at: at(0),
    };
    assert!(news(&mut object, &told, &policy, 1, 0));
    told.summary = summary(&object, 0);
    assert!(!news(&mut object, &told, &policy, 0, 1_000));
    assert!(news(&mut object, &told, &policy, 1, 1_000));
    assert!(news(&mut object, &told, &policy, 1, 2_000));
    told.summary = summary(&object, 2_000);
    assert!(!news(&mut object, &told, &policy, 1, 3_000));
    block(&mut object, None, MINUTE, 3_000);
    assert!(news(&mut object, &told, &policy, 1, 3_000));
    told.summary = summary(&object, 3_000);
    assert!(!news(&mut object, &told, &policy, 1, 4_000));
    let (duration, reason) = (Duration::ZERO, String::new());
    let policy = None;
    let unblock = Call::Block {
        policy,
        duration,
        reason,
    };
    assert!(may_be_news(&told, &unblock, &Answer::Done, at(4_000)));
    assert!(!may_be_news(
        &told,
        &Call::Status { policy: None },
        &Answer::Done,
        at(4_000)
    ));
}

#[test]
fn what_is_over_before_it_may_be_told_is_no_news() {
    let policy = policy_of(Algorithm::TokenBucket(bucket(1, 1, 1_000)));
    let mut object = Object::default();
    let told = Told {
        summary: Summary::default(),
        at: at(0),
    };
    for now in [0, 100, 1_000] {
        assert!(!news(&mut object, &told, &policy, 1, now));
    }
    // Who has no limit at all stays so, and no unit ever comes.
    assert!(!news(&mut object, &told, &policy_of(fixed(0, HOUR)), 1, 0));
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ab:/%]{1,4}",
        any::<String>().prop_filter("bounds", |s| !s.is_empty() && s.len() < 60)
    ]
    .prop_filter("no name", |text| !is_dots(text))
}

fn filter() -> impl Strategy<Value = Filter> {
    let scope = prop_oneof![Just(String::new()), text()];
    let prefix = prop_oneof![Just(String::new()), text()];
    let policy = option::of("[a-c]{1,2}".prop_map(|name| Name::new("policy", &name).unwrap()));
    let state = option::of(prop::sample::select(State::ALL.to_vec()));
    (option::of(text()), option::of(scope), prefix, policy, state).prop_map(
        |(provider, scope, prefix, policy, state)| Filter {
            provider,
            scope,
            prefix,
            policy,
            state,
        },
    )
}

fn subject() -> impl Strategy<Value = Subject> {
    let namespace = prop_oneof![Just("default".to_owned()), "[a-b]{1,2}"];
    let scope = prop_oneof![Just(String::new()), text()];
    (namespace, text(), scope, text()).prop_map(|(namespace, provider, scope, identifier)| {
        SubjectParts::new(identifier)
            .and_then(|parts| parts.with_provider(provider))
            .and_then(|parts| parts.with_scope(scope))
            .unwrap()
            .in_namespace(Namespace::new(&namespace).unwrap())
    })
}

fn any_summary() -> impl Strategy<Value = Summary> {
    let names = prop::collection::vec("[a-c]{1,2}", 0..12);
    (names, prop::array::uniform4(option::of(0u64..1 << 54))).prop_map(|(names, until)| {
        let mut summary = Summary::of(names);
        for (state, until) in State::ALL.into_iter().zip(until) {
            summary.set(state, until.map(Timestamp::from_millis));
        }
        summary
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_summary_and_a_filter_come_back(summary in any_summary(), filter in filter()) {
        let new = || LineWriter::new(ROWS.written(), "x");
        let line = summary.put(new()).finish();
        let (_, text) = Line::versioned(&line, ROWS).unwrap();
        prop_assert_eq!(Summary::get(&Line::parse(text)), Ok(Some(summary)));
        let line = filter.put(new()).finish();
        let (_, text) = Line::versioned(&line, ROWS).unwrap();
        prop_assert_eq!(Filter::get(&Line::parse(text)), Ok(filter));
    }

    #[test]
    fn the_names_of_all_that_fit_begin_so(filter in filter(), subject in subject(), of_filter: bool) {
        // Half of them are made to fit.
        let subject = if of_filter {
            let mut parts = SubjectParts::new(format!("{}{}", filter.prefix, subject.identifier())).unwrap();
            let provider = filter.provider.as_deref().unwrap_or(subject.provider());
            let scope = filter.scope.as_deref().unwrap_or(subject.scope());
            parts = parts.with_provider(provider).unwrap().with_scope(scope).unwrap();
            parts.in_namespace(subject.namespace().clone())
        } else {
            subject
        };
        let filter = Filter { policy: None, state: None, ..filter };
        let fits = filter.fits(&subject, &Summary::default(), Timestamp::ZERO);
        prop_assert!(fits || !of_filter);
        if fits {
            let begin = filter.names_begin(subject.namespace());
            prop_assert!(subject.object_name().starts_with(&begin), "{begin}");
        }
    }
}

/// An object, its alarm, and a directory that acknowledges at once.
#[derive(Default)]
struct Teller {
    object: Object,
    telling: Telling,
    /// When it told, and what, since it was listed.
    tells: Vec<Told>,
    /// Whether the next call wakes it.
    sleeps: bool,
}

impl Teller {
    fn tell(&mut self, now: Timestamp) {
        let state = &self.object.state;
        let moment = moment(now.as_millis());
        self.telling.look(now, || state.summary(moment));
        if self.telling.has_news() {
            let told = Told {
                summary: state.summary(moment),
                at: now,
            };
            self.tells.push(told.clone());
            self.telling.acknowledge(Some(told));
        }
    }

    /// One call, and what the object does after it.
    fn call(&mut self, call: &Call, now: Timestamp) {
        let mut effects = Effects::default();
        let state = &mut self.object.state;
        let answer = state.answer(call, &mut || 1, moment(now.as_millis()), &mut effects);
        let sets_alarm = effects.alarm.is_some();
        self.object.apply(effects);
        if core::mem::take(&mut self.sleeps) {
            if !sets_alarm {
                // It cannot know for when its alarm was set.
                self.ring_by(now.plus(Duration::from_secs(60)));
            }
            self.expect_change(now);
        }
        let may_be_news = |told: &Told| may_be_news(told, call, &answer, now);
        if self.telling.told().is_some_and(may_be_news) {
            if let Some(at) = self.telling.expect(now) {
                self.ring_by(at);
            }
        }
        self.tell(now);
    }

    fn ring_by(&mut self, at: Timestamp) {
        self.object.state.alarm_is(Some(at));
        self.object.alarm = Some(at);
    }

    fn expect_change(&mut self, now: Timestamp) {
        let current = self.object.state.summary(moment(now.as_millis()));
        if let Some(at) = self.telling.expect_if_changed(now, &current) {
            self.ring_by(at);
        }
    }

    fn ring(&mut self, now: Timestamp) {
        self.sleeps = false;
        self.object.clean(now.as_millis());
        if self.object.rows.is_empty() {
            // It is listed no more.
            *self = Teller::default();
            return;
        }
        self.expect_change(now);
        self.tell(now);
    }

    /// After `kill -9`, or a sleep.
    fn restarted(self) -> Teller {
        let alarm = self.object.alarm;
        let mut object = self.object.restarted();
        object.alarm = alarm;
        Teller {
            object,
            telling: Telling::found(self.tells.last().cloned()),
            tells: self.tells,
            sleeps: true,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn ten_seconds_after_a_change_the_directory_knows_it_and_is_told_no_oftener(
        events in prop::collection::vec((0u64..25_000, 0u8..7, 1i64..4), 1..60),
    ) {
        let policies = [
            policy_of(fixed(3, 600_000)),
            of_name("p", fixed(3, 60_000)),
            of_name("q", Algorithm::TokenBucket(bucket(4, 1, 30_000))),
        ];
        let mut teller = Teller::default();
        let mut now = at(0);
        for (pause, what, cost) in events {
            let next = now.plus(Duration::from_millis(pause));
            while let Some(alarm) = teller.object.alarm.filter(|alarm| *alarm <= next) {
                now = alarm.max(now);
                teller.ring(now);
            }
            // Nothing has changed since the last event: by now what was told is true, if it was
            // told or might have been since.
            if let Some(told) = teller.tells.last().filter(|told| told.next() <= next && now.plus(SPACING) <= next) {
                let state = &teller.object.state;
                let current = state.summary(moment(next.as_millis()));
                let end = told.summary.until(State::Exhausted, told.at).unwrap_or(told.at);
                let later = current.until(State::Exhausted, next);
                // Ten seconds more are not told.
                let is_soon = later.is_some_and(|later| later <= end.plus(SPACING));
                prop_assert!(is_soon || !told.is_changed(&current, next), "{told:?} {current:?} {next:?}");
            }
            now = next;
            match what {
                0..3 => {
                    let items = vec![Item { policy: policies[usize::from(what)].clone(), check: Check::of(cost) }];
                    teller.call(&Call::Limit { operation: None, items, holding: None }, now);
                }
                3 | 4 => {
                    let policy = (cost > 1).then(|| "p".to_owned());
                    let duration = Duration::from_millis(if what == 3 { 0 } else { 45_000 * cost.unsigned_abs() });
                    teller.call(&Call::Block { policy, duration, reason: String::new() }, now);
                }
                5 => teller.call(&Call::Reset { policy: None }, now),
                _ => teller = teller.restarted(),
            }
        }
        for pair in teller.tells.windows(2) {
            prop_assert!(pair[1].at.since(pair[0].at) >= SPACING);
        }
    }
}
