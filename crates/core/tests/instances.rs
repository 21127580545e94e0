//! Two instances of one object, alive at once: the platform has put a newer one in the place of the
//! older, which does not know it yet. It learns of it by a write, which fails and ends it. What it
//! may do until then is bounded: the units by which its rows were ahead, for a second; refusals for
//! ten.

#![allow(clippy::unwrap_used)] // a test may panic, also in its helpers

mod common;

use std::collections::BTreeMap;

use common::object::policy;
use common::{algorithm, moment, Kind, Spec, START};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};
use tollgate_core::algorithm::allowance::allowance_of;
use tollgate_core::decide::Check;
use tollgate_core::message::{Answer, Call};
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::{
    Effects, Item, SubjectState, Write, ADMITS_UNTIL, REFUSES_UNTIL,
};
use tollgate_core::Duration;

/// Longer than any history, so that a whole history is one window.
const DAY: u64 = 86_400_000;

/// By which rules the instances live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rules {
    /// As they are.
    Kept,
    /// Broken: nobody writes but for what was decided.
    NothingIsConfirmed,
    /// Broken: a write that fails ends nobody, and the answer leaves.
    FailuresAreIgnored,
}

#[derive(Debug, Default)]
struct Instance {
    state: SubjectState,
    /// Since when another one is in its place.
    replaced: Option<u64>,
    is_ended: bool,
    /// Units that it has admitted since it was replaced.
    admitted_after: u64,
}

/// One object: its rows, and those instances of it that are still there, the newest last.
struct Object {
    rules: Rules,
    policy: Policy,
    rows: BTreeMap<String, String>,
    instances: Vec<Instance>,
    /// Whether the closing timers of instances come.
    has_timers: bool,
    now: u64,
    /// Units admitted by all of them since the last reset.
    admitted: u64,
    has_reset: bool,
}

#[derive(Debug, Clone)]
enum Step {
    Take { by_older: bool, cost: i64 },
    Block(u64),
    Reset,
    Replace,
}

type Checked = Result<(), String>;

impl Object {
    fn new(rules: Rules, policy: Policy) -> Object {
        Object {
            rules,
            policy,
            rows: BTreeMap::new(),
            instances: vec![Instance {
                state: SubjectState::default().loaded_at(moment(START).now),
                ..Instance::default()
            }],
            has_timers: true,
            now: START,
            admitted: 0,
            has_reset: false,
        }
    }

    fn newest(&self) -> usize {
        self.instances.len() - 1
    }

    /// Another instance is made, from the rows. Of those before the last one stays alive.
    fn replace(&mut self) {
        self.instances.retain(|it| it.replaced.is_none());
        if let Some(old) = self.instances.last_mut() {
            old.replaced = Some(self.now);
        }
        let rows = self.rows.iter().map(|(key, row)| (&**key, &**row));
        let now = moment(self.now).now;
        self.instances.push(Instance {
            state: SubjectState::from_rows(rows).loaded_at(now),
            ..Instance::default()
        });
    }

    /// Stores what an instance writes; whether its answer leaves. A write of one that was replaced
    /// fails and ends it.
    fn stores(&mut self, at: usize, effects: Effects) -> bool {
        if effects.writes.is_empty() {
            return true;
        }
        if at != self.newest() {
            let ends = self.rules != Rules::FailuresAreIgnored;
            self.instances[at].is_ended = ends;
            return !ends;
        }
        for write in effects.writes {
            match write {
                Write::Put { key, row } => drop(self.rows.insert(key, row)),
                Write::Delete { key } => drop(self.rows.remove(&key)),
                Write::DeleteAll => self.rows.clear(),
                other => unreachable!("no request has a key: {other:?}"),
            }
        }
        true
    }

    /// What an instance answers a call; `None` where no answer leaves.
    fn call(&mut self, at: usize, call: &Call) -> Option<Answer> {
        let instance = self.instances.get_mut(at).filter(|it| !it.is_ended)?;
        let mut effects = Effects::default();
        let now = moment(self.now);
        let answer = match call {
            Call::Limit { items, .. } if self.rules == Rules::NothingIsConfirmed => {
                let decided = (instance.state).limit(items, None, &mut || 1, now, &mut effects);
                Answer::Decided(decided.unwrap())
            }
            _ => (instance.state).answer(call, &mut || 1, now, &mut effects),
        };
        self.stores(at, effects).then_some(answer)
    }

    /// Asks an instance for units, and holds the answer against the bounds; whether it admitted.
    fn take(&mut self, at: usize, cost: i64) -> Result<Option<bool>, String> {
        let call = Call::Limit {
            operation: None,
            items: vec![Item {
                policy: self.policy.clone(),
                check: Check::of(cost),
            }],
            holding: None,
        };
        let Some(Answer::Decided(decisions)) = self.call(at, &call) else {
            return Ok(None);
        };
        let is_admitted = decisions[0].success;
        if is_admitted {
            self.admitted += cost as u64;
        }
        let Some(instance) = self.instances.get_mut(at) else {
            return Ok(None);
        };
        let limit = self.policy.limits()[0].algorithm();
        let allowance = allowance_of(limit, self.policy.write_ahead());
        if let Some(replaced) = instance.replaced {
            let since = Duration::from_millis(self.now - replaced);
            // More than the limit is refused whatever is stored.
            let is_refused = !is_admitted && cost as u64 <= limit.limit();
            if is_refused && since > REFUSES_UNTIL {
                return Err(format!("refused {since:?} after it was replaced"));
            }
            if is_admitted {
                instance.admitted_after += cost as u64;
                let after = instance.admitted_after;
                if since > ADMITS_UNTIL {
                    return Err(format!("admitted {since:?} after it was replaced"));
                }
                if after > allowance {
                    return Err(format!("admitted {after} after it was replaced"));
                }
            }
        }
        let above = if self.has_reset { allowance } else { 0 };
        match self.admitted > limit.limit() + above {
            true => Err(format!("{} of {} admitted", self.admitted, limit.limit())),
            false => Ok(Some(is_admitted)),
        }
    }

    fn close(&mut self) {
        for at in 0..self.instances.len() {
            let instance = &mut self.instances[at];
            let is_due = |at: tollgate_core::Timestamp| at.as_millis() <= self.now;
            if !instance.is_ended && instance.state.closes_at().is_some_and(is_due) {
                let mut effects = Effects::default();
                instance.state.close(moment(self.now), &mut effects);
                self.stores(at, effects);
            }
        }
    }

    fn step(&mut self, gap: u64, step: &Step) -> Checked {
        self.now += gap;
        if self.has_timers {
            self.close();
        }
        let newest = self.newest();
        match *step {
            Step::Take { by_older, cost } => {
                let at = if by_older { 0 } else { newest };
                self.take(at, cost)?;
            }
            Step::Block(duration) => {
                self.call(newest, &block(duration));
            }
            Step::Reset => {
                self.call(newest, &Call::Reset { policy: None });
                (self.admitted, self.has_reset) = (0, true);
            }
            Step::Replace => self.replace(),
        }
        Ok(())
    }
}

fn block(duration: u64) -> Call {
    Call::Block {
        policy: None,
        duration: Duration::from_millis(duration),
        reason: String::new(),
    }
}

fn step() -> impl Strategy<Value = Step> {
    let take = (any::<bool>(), prop_oneof![6 => Just(1i64), 1 => 2i64..90]);
    prop_oneof![
        20 => take.prop_map(|(by_older, cost)| Step::Take { by_older, cost }),
        1 => prop_oneof![Just(0), Just(60_000)].prop_map(Step::Block),
        1 => Just(Step::Reset),
        1 => Just(Step::Replace),
    ]
}

#[derive(Debug, Clone)]
struct History {
    spec: Spec,
    has_timers: bool,
    steps: Vec<(u64, Step)>,
}

fn history() -> impl Strategy<Value = History> {
    let limit = prop_oneof![Just(2u64), Just(100), Just(250), Just(1_000), Just(9_900)];
    let gap = prop_oneof![4 => 0u64..30, 4 => 100u64..1_200, 1 => 1_000u64..12_000];
    let steps = prop::collection::vec((gap, step()), 1..80);
    // A quota's period would turn within a history.
    let kinds = common::counted().into_iter();
    let kinds: Vec<Kind> = kinds.filter(|it| *it != Kind::Quota).collect();
    (prop::sample::select(kinds), limit, any::<bool>(), steps).prop_map(
        |(kind, limit, has_timers, steps)| {
            let limit = match kind {
                Kind::SlidingLog => limit.min(1_000),
                _ => limit,
            };
            let spec = Spec {
                kind,
                limit,
                window: DAY,
                amount: 1,
            };
            History {
                spec,
                has_timers,
                steps,
            }
        },
    )
}

fn run(rules: Rules, history: &History) -> Checked {
    let mut object = Object::new(rules, policy(algorithm(&history.spec), None));
    object.has_timers = history.has_timers;
    let mut steps = history.steps.iter();
    steps.try_for_each(|(gap, step)| object.step(*gap, step))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn a_replaced_instance_admits_what_its_rows_are_ahead_for_a_second_and_refuses_for_ten(history in history()) {
        prop_assert_eq!(run(Rules::Kept, &history), Ok(()));
    }
}

/// How the first history ends that the rules do not hold.
fn refutation(rules: Rules) -> String {
    let mut runner = TestRunner::new_with_rng(
        Config {
            cases: 20_000,
            failure_persistence: None,
            ..Config::default()
        },
        proptest::test_runner::TestRng::deterministic_rng(
            proptest::test_runner::RngAlgorithm::ChaCha,
        ),
    );
    let found = runner.run(&history(), |history| {
        run(rules, &history).map_err(TestCaseError::fail)
    });
    match found {
        Err(TestError::Fail(reason, _)) => reason.to_string(),
        other => panic!("{rules:?} was not refuted: {other:?}"),
    }
}

#[test]
fn without_either_rule_a_replaced_instance_goes_on() {
    for rules in [Rules::NothingIsConfirmed, Rules::FailuresAreIgnored] {
        let reason = refutation(rules);
        assert!(reason.contains("after it was replaced"), "{reason}");
    }
}

fn of(limit: u64) -> Policy {
    let spec = Spec {
        kind: Kind::FixedWindow,
        limit,
        window: DAY,
        amount: 1,
    };
    policy(algorithm(&spec), None)
}

/// For how many ms the older instance refuses when it is asked every 100 ms for a minute, once the
/// newer one has let its caller in again.
fn refuses_for(rules: Rules, prepare: impl Fn(&mut Object)) -> u64 {
    let mut object = Object::new(rules, of(5));
    prepare(&mut object);
    object.replace();
    let (replaced, newest) = (object.now, object.newest());
    object.call(newest, &block(0));
    object.call(newest, &Call::Reset { policy: None });
    let mut last = 0;
    for after in (0..60_000).step_by(100) {
        object.now = replaced + after;
        assert_eq!(object.take(newest, 0), Ok(Some(true)), "the newer one");
        match object.take(0, 1) {
            Ok(None) => {}
            Ok(Some(is_admitted)) => {
                assert!(!is_admitted);
                last = after;
            }
            Err(_) => last = after,
        }
    }
    last
}

#[test]
fn nobody_is_refused_for_longer_than_ten_seconds_by_what_a_newer_instance_has_lifted() {
    let blocked = |object: &mut Object| drop(object.call(0, &block(3_600_000)));
    let used_up = |object: &mut Object| drop(object.take(0, 5));
    let both: [&dyn Fn(&mut Object); 2] = [&blocked, &used_up];
    for prepare in both {
        assert_eq!(refuses_for(Rules::Kept, prepare), 10_000);
        assert_eq!(refuses_for(Rules::NothingIsConfirmed, prepare), 59_900);
    }
}

/// An instance whose row of limit 1,000 was ahead by three units 900 ms ago, of which two are used.
fn three_ahead(rules: Rules) -> Object {
    let mut object = Object::new(rules, of(1_000));
    for _ in 0..4 {
        assert_eq!(object.take(0, 1), Ok(Some(true)));
    }
    object.now += 900;
    assert_eq!(object.take(0, 2), Ok(Some(true)), "two of three");
    object
}

#[test]
fn a_block_is_passed_by_what_a_row_is_ahead_and_only_within_a_second() {
    let mut object = three_ahead(Rules::Kept);
    object.replace();
    object.call(1, &block(60_000));
    assert_eq!(object.take(1, 1), Ok(Some(false)));
    assert_eq!(object.take(0, 1), Ok(Some(true)), "is deaf to the block");
    assert_eq!(object.instances[0].admitted_after, 1);
    object.now += 200;
    assert_eq!(object.take(0, 1), Ok(None), "had to write");
}

#[test]
fn not_even_the_last_unit_of_a_row_is_admitted_later_than_a_second_after_it_was_written() {
    let last_unit = |rules: Rules| {
        let mut object = three_ahead(rules);
        object.replace();
        object.call(1, &block(60_000));
        object.now += 200;
        object
            .take(0, 1)
            .map(|admitted| (admitted, object.instances[0].is_ended))
    };
    assert_eq!(last_unit(Rules::Kept), Ok((None, true)));
    assert_eq!(
        last_unit(Rules::NothingIsConfirmed),
        Ok((Some(true), false))
    );
}

/// The rows that a subject writes that is asked every second for a minute.
fn rows_in_a_minute(cost: i64, prepare: impl Fn(&mut Object)) -> usize {
    let mut object = Object::new(Rules::Kept, of(5));
    prepare(&mut object);
    let call = Call::Limit {
        operation: None,
        items: vec![Item {
            policy: object.policy.clone(),
            check: Check::of(cost),
        }],
        holding: None,
    };
    let mut rows = core::mem::take(&mut object.rows);
    (1..=60)
        .map(|second| {
            let mut effects = Effects::default();
            let now = moment(START + second * 1_000);
            let state = &mut object.instances[0].state;
            state.answer(&call, &mut || 1, now, &mut effects);
            for write in &effects.writes {
                let Write::Put { key, row } = write else {
                    unreachable!("{write:?}");
                };
                // For an equal row SQLite writes nothing, and nobody would find out.
                assert_ne!(rows.insert(key.clone(), row.clone()).as_ref(), Some(row));
            }
            effects.writes.len()
        })
        .sum()
}

#[test]
fn a_subject_that_is_refused_all_the_time_writes_five_rows_a_minute_and_one_without_rows_none() {
    let used_up = |object: &mut Object| drop(object.take(0, 5));
    assert_eq!(rows_in_a_minute(1, used_up), 5, "each eleventh second");
    let blocked = |object: &mut Object| drop(object.call(0, &block(3_600_000)));
    assert_eq!(rows_in_a_minute(1, blocked), 5);
    assert_eq!(rows_in_a_minute(6, |_| ()), 0, "it can never be admitted");
    assert_eq!(rows_in_a_minute(0, used_up), 0, "it asks for nothing");
}

#[test]
fn a_clock_that_steps_back_has_the_next_refusal_written() {
    let mut object = Object::new(Rules::Kept, of(5));
    object.now += 60_000;
    assert_eq!(object.take(0, 5), Ok(Some(true)));
    object.replace();
    object.now -= 30_000;
    object.instances[0].replaced = Some(object.now);
    assert_eq!(object.take(0, 1), Ok(None));
}
