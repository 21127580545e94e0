//! A policy that isolates count through KV heeds its upstream: the subject's object keeps the gate
//! and the breaker, and the isolates are told by KV, one by the report and the others by reading.

#![allow(clippy::unwrap_used)]

mod common;

use common::object::Object;
use common::{bits, moment, version, START};
use proptest::prelude::*;
use tollgate_core::api::policy::named::parse;
use tollgate_core::decide::Check;
use tollgate_core::decision::{Decision, Reason};
use tollgate_core::isolate::bounded::Secret;
use tollgate_core::isolate::counts::{
    Command, Instruction, IsolateCounts, Purpose, INTERVAL, MAX_SUBJECTS,
};
use tollgate_core::limit::Name;
use tollgate_core::message::{Answer, Call};
use tollgate_core::policy::Policy;
use tollgate_core::report::{BreakerState, Heeded, Report, Reported, Told, Unfit, When};
use tollgate_core::subject_state::Effects;
use tollgate_core::{Duration, Timestamp};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

fn policy_of(text: &str) -> Policy {
    let policy = parse(text).unwrap().policy;
    policy.named(Name::new("policy", "api").unwrap(), version(1))
}

/// 1,000 an hour, counted through KV.
fn hourly(rest: &str) -> Policy {
    policy_of(&format!(
        r#"{{"limits": [{{"algorithm": "fixedWindow", "limit": 1000, "window": "1h"}}],
            "consistency": "eventual"{rest}}}"#
    ))
}

fn with_breaker() -> Policy {
    hourly(r#", "breaker": {"threshold": 3, "window": "1m", "open": "30s"}"#)
}

fn at(now: u64) -> Timestamp {
    Timestamp::from_millis(START + now)
}

fn answered(policy: &Policy, status: u16) -> Report {
    Report {
        policy: policy.clone(),
        limit: None,
        status,
        refused: status == 429,
        wait: None,
        limits: Vec::new(),
        age: Duration::ZERO,
        by: "worker".to_owned(),
        count: 1,
        in_use: None,
    }
}

fn refused(policy: &Policy, wait: u64) -> Report {
    Report {
        wait: Some(When::After(Duration::from_millis(wait))),
        ..answered(policy, 429)
    }
}

/// A subject's object, and isolates that share one KV.
struct World {
    object: Object,
    isolates: Vec<IsolateCounts>,
    /// Key and metadata.
    kv: Vec<(String, String)>,
    writes: usize,
}

impl World {
    fn new(isolates: u64) -> World {
        let isolate = |i| IsolateCounts::new("eventual", i, Secret::new(9));
        World {
            object: Object::default(),
            isolates: (0..isolates).map(isolate).collect(),
            kv: Vec::new(),
            writes: 0,
        }
    }

    fn ask(&mut self, isolate: usize, policy: &Policy, cost: i64, now: u64) -> Decision {
        let (check, moment) = (Check::of(cost), moment(START + now));
        let counts = &mut self.isolates[isolate];
        let decision = counts.check(Purpose::Mode, "u1", policy, &check, moment);
        decision.unwrap()
    }

    /// What the Worker does: it tells the object with what the isolate knows, and the isolate what
    /// the object says.
    fn report(&mut self, isolate: usize, report: Report, now: u64) -> Reported {
        let now_there = moment(START + now);
        let counts = &mut self.isolates[isolate];
        let in_use = counts.in_use("u1", &report.policy, now_there).unwrap();
        let in_use = Some(in_use);
        let call = Call::Report(Box::new(Report { in_use, ..report }));
        // A message does not tell where a policy is decided.
        let (_, call) = Call::decode(&call.encode()).unwrap();
        let mut effects = Effects::default();
        let state = &mut self.object.state;
        let answer = state.answer(&call, &mut bits, now_there, &mut effects);
        self.object.apply(effects);
        let Answer::Reported(reported) = answer else {
            panic!("{answer:?}");
        };
        if let Some(command) = Command::after(&reported) {
            let said = Instruction {
                policy: Some("api".to_owned()),
                at: reported.at,
                command,
            };
            self.isolates[isolate].shut("u1", said, at(now));
        }
        reported
    }

    /// Writes and reads what is due; whether KV takes writings.
    fn sync(&mut self, isolate: usize, takes: bool, now: u64) {
        for sync in self.isolates[isolate].due(at(now), 100) {
            for put in sync.put.iter().chain(&sync.told).filter(|_| takes) {
                self.writes += usize::from(put.key.contains("!shut.api."));
                self.kv.retain(|(key, _)| *key != put.key);
                self.kv.push((put.key.clone(), put.metadata.clone()));
            }
            let read = self.kv.clone();
            self.isolates[isolate].record_sync(&sync, takes, Some(&read), at(now));
        }
    }

    fn reset(&mut self, isolate: usize, now: u64) {
        let mut effects = Effects::default();
        let call = Call::Reset { policy: None };
        let answer =
            (self.object.state).answer(&call, &mut bits, moment(START + now), &mut effects);
        assert_eq!(answer, Answer::Done);
        self.object.apply(effects);
        let reset = Instruction {
            policy: None,
            at: at(now),
            command: Command::Reset,
        };
        let put = self.isolates[isolate].apply_instruction("u1", reset, at(HOUR), at(now));
        self.kv.push((put.key, put.metadata));
    }
}

#[test]
fn a_gate_is_closed_at_once_where_it_is_reported_and_elsewhere_after_a_reading() {
    let (mut world, policy) = (World::new(2), hourly(""));
    for isolate in [0, 1] {
        assert!(world.ask(isolate, &policy, 1, 0).success);
        world.sync(isolate, true, SECOND);
    }
    let done = world.report(0, refused(&policy, MINUTE), 2 * SECOND);
    assert_eq!(done.gate.unwrap().until, at(62 * SECOND));
    let shut = world.ask(0, &policy, 1, 2 * SECOND);
    assert_eq!((shut.success, shut.reason), (false, Some(Reason::CoolDown)));
    assert_eq!(shut.retry_after, Some(Duration::from_secs(60)));
    assert_eq!(shut.cache_for, Duration::ZERO);
    assert!(!world.ask(0, &policy, 0, 2 * SECOND).success);
    assert!(world.ask(0, &policy, -1, 2 * SECOND).success, "a refund");
    assert!(world.ask(1, &policy, 1, 2 * SECOND).success, "not read yet");
    // Told with the next writing that KV takes, a second after the last one.
    assert_eq!(world.isolates[0].next_due(), Some(at(2 * SECOND)));
    world.sync(0, true, 2 * SECOND);
    world.sync(1, true, SECOND + INTERVAL.as_millis());
    let there = world.ask(1, &policy, 1, 11_001);
    assert_eq!(
        (there.success, there.reason),
        (false, Some(Reason::CoolDown))
    );
    assert_eq!(there.retry_after, Some(Duration::from_millis(50_999)));
    for isolate in [0, 1] {
        assert!(!world.ask(isolate, &policy, 1, 62 * SECOND - 1).success);
        assert!(world.ask(isolate, &policy, 1, 62 * SECOND).success);
    }
}

#[test]
fn other_policies_of_the_subject_go_on() {
    let (mut world, policy) = (World::new(1), hourly(""));
    let other = hourly("").named(Name::new("policy", "other").unwrap(), version(1));
    world.report(0, refused(&policy, MINUTE), 0);
    assert!(!world.ask(0, &policy, 1, 1).success);
    assert!(world.ask(0, &other, 1, 1).success);
}

#[test]
fn it_waits_until_the_limit_has_room_too() {
    let (mut world, policy) = (World::new(1), hourly(""));
    world.ask(0, &policy, 1_000, 0);
    world.report(0, refused(&policy, MINUTE), 1);
    let shut = world.ask(0, &policy, 1, 2);
    assert_eq!(shut.reason, Some(Reason::CoolDown));
    assert_eq!(shut.retry_after, Some(Duration::from_millis(HOUR - 2)));
    let never = world.ask(0, &policy, 1_001, 2);
    assert_eq!(never.reason, Some(Reason::CostExceedsCapacity));
    assert_eq!(never.retry_after, None);
}

#[test]
fn what_is_told_twice_is_written_once_and_what_kv_refuses_again() {
    let (mut world, policy) = (World::new(2), hourly(""));
    world.report(0, refused(&policy, 10 * MINUTE), 0);
    world.sync(0, false, 0);
    assert_eq!(world.kv.len(), 0);
    let due = world.isolates[0].next_due().unwrap();
    let due = due.since(at(0)).as_millis();
    assert!(due >= SECOND, "KV takes one writing a second");
    world.sync(0, true, due);
    assert_eq!(world.writes, 1);
    // The same again, also from another isolate that has read it.
    for isolate in [0, 1] {
        world.ask(isolate, &policy, 0, due);
        world.sync(isolate, true, due + 10 * SECOND);
        let writes = world.writes;
        let done = world.report(isolate, refused(&policy, MINUTE), due + 11 * SECOND);
        assert!(done.gate.is_some());
        world.sync(isolate, true, due + 30 * SECOND);
        assert_eq!(world.writes, writes);
    }
    // A longer one is news.
    world.report(0, refused(&policy, 30 * MINUTE), due + 40 * SECOND);
    world.sync(0, true, due + 40 * SECOND);
    world.ask(1, &policy, 0, due + 40 * SECOND);
    world.sync(1, true, due + 50 * SECOND);
    assert!(!world.ask(1, &policy, 1, 30 * MINUTE).success);
}

#[test]
fn what_the_object_says_while_kv_is_written_is_written_after() {
    let (mut world, policy) = (World::new(2), hourly(""));
    world.report(0, refused(&policy, MINUTE), 0);
    let under_way = world.isolates[0].due(at(0), 100).remove(0);
    world.report(0, refused(&policy, 10 * MINUTE), 1);
    world.isolates[0].record_sync(&under_way, true, Some(&[]), at(2));
    let due = world.isolates[0].next_due().unwrap();
    let due = due.since(at(0)).as_millis();
    world.sync(0, true, due);
    world.ask(1, &policy, 0, due);
    world.sync(1, true, due + SECOND);
    assert!(!world.ask(1, &policy, 1, 9 * MINUTE).success);
}

#[test]
fn a_reset_opens_it_everywhere_whatever_is_read_first() {
    for is_reversed in [false, true] {
        let (mut world, policy) = (World::new(2), hourly(""));
        world.ask(1, &policy, 1, 0);
        world.report(0, refused(&policy, HOUR), 0);
        world.sync(0, true, 0);
        world.sync(1, true, SECOND);
        assert!(!world.ask(1, &policy, 1, SECOND).success);
        world.reset(0, 2 * SECOND);
        if is_reversed {
            world.kv.reverse();
        }
        assert!(world.ask(0, &policy, 1, 2 * SECOND).success, "here at once");
        world.sync(1, true, 12 * SECOND);
        assert!(world.ask(1, &policy, 1, 12 * SECOND).success);
        // The key of the gate is still there, and read again.
        for isolate in [0, 1] {
            world.sync(isolate, true, 30 * SECOND);
            assert!(world.ask(isolate, &policy, 1, 30 * SECOND).success);
        }
        // What the object said before the reset comes late.
        let late = Instruction {
            policy: Some("api".to_owned()),
            at: at(0),
            command: Command::Shut {
                until: at(HOUR),
                reason: Reason::CoolDown,
            },
        };
        world.isolates[1].shut("u1", late, at(31 * SECOND));
        world.sync(1, true, 45 * SECOND);
        assert!(world.ask(1, &policy, 1, 45 * SECOND).success);
    }
}

#[test]
fn a_shorter_gate_after_a_reset_is_news_also_to_who_has_not_read_the_reset() {
    let (mut world, policy) = (World::new(3), hourly(""));
    world.report(0, refused(&policy, HOUR), 0);
    world.sync(0, true, 0);
    world.reset(1, SECOND);
    world.report(0, refused(&policy, 5 * MINUTE), 2 * SECOND);
    world.sync(0, true, 2 * SECOND);
    world.ask(2, &policy, 0, 2 * SECOND);
    world.sync(2, true, 3 * SECOND);
    for isolate in [0, 2] {
        assert!(!world.ask(isolate, &policy, 1, 4 * MINUTE).success);
        assert!(world.ask(isolate, &policy, 1, 6 * MINUTE).success);
    }
}

#[test]
fn what_the_object_said_earlier_and_comes_later_changes_nothing() {
    let (mut world, policy) = (World::new(2), hourly(""));
    world.report(0, refused(&policy, 10 * MINUTE), SECOND);
    world.sync(0, true, SECOND);
    let early = Instruction {
        policy: Some("api".to_owned()),
        at: at(0),
        command: Command::Shut {
            until: at(MINUTE),
            reason: Reason::CoolDown,
        },
    };
    world.isolates[0].shut("u1", early, at(2 * SECOND));
    world.sync(0, true, 11 * SECOND);
    world.ask(1, &policy, 0, 11 * SECOND);
    world.sync(1, true, 12 * SECOND);
    for isolate in [0, 1] {
        assert!(!world.ask(isolate, &policy, 1, 9 * MINUTE).success);
    }
}

#[test]
fn a_reset_stays_where_it_was_given_though_a_list_does_not_show_it_yet() {
    let (mut world, policy) = (World::new(2), hourly(""));
    world.ask(0, &policy, 1_000, 0);
    world.sync(0, true, SECOND);
    world.report(0, refused(&policy, HOUR), 2 * SECOND);
    world.sync(0, true, 3 * SECOND);
    let stale = world.kv.clone();
    world.reset(0, 5 * SECOND);
    assert!(world.ask(0, &policy, 1, 5 * SECOND).success);
    for now in [20 * SECOND, 40 * SECOND] {
        let [sync] = &world.isolates[0].due(at(now), 100)[..] else {
            panic!("one is due");
        };
        world.isolates[0].record_sync(sync, true, Some(&stale), at(now));
        assert!(world.ask(0, &policy, 1, now + 1).success);
    }
}

#[test]
fn what_callers_report_puts_no_block_out() {
    let (mut world, policy) = (World::new(1), hourly(""));
    let block = Instruction {
        policy: None,
        at: at(0),
        command: Command::Block {
            until: at(10 * MINUTE),
            reason: "fraud".to_owned(),
        },
    };
    world.isolates[0].apply_instruction("u1", block, at(0), at(0));
    for i in 0..100 {
        let said = Instruction {
            policy: Some(format!("p{i}")),
            at: at(2),
            command: Command::Shut {
                until: at(HOUR),
                reason: Reason::CoolDown,
            },
        };
        world.isolates[0].shut("u1", said, at(2));
    }
    let blocked = world.ask(0, &policy, 1, 3);
    assert_eq!(blocked.reason, Some(Reason::Blocked));
    // As much as KV takes is told at a time, and all of it in the end.
    let mut told = 0;
    for second in 0..40 {
        for sync in world.isolates[0].due(at(second * SECOND), 1) {
            assert!(sync.told.len() <= 4);
            told += sync.told.len();
            world.isolates[0].record_sync(&sync, true, Some(&[]), at(second * SECOND));
        }
    }
    assert_eq!(told, 32);
}

#[test]
fn a_subject_that_has_something_to_tell_is_not_evicted_before() {
    let (mut world, policy) = (World::new(1), hourly(""));
    world.report(0, refused(&policy, HOUR), 0);
    for i in 0..MAX_SUBJECTS {
        for _ in 0..3 {
            let (name, moment) = (format!("other{i}"), moment(START + 10));
            let counts = &mut world.isolates[0];
            let decision = counts.check(Purpose::Mode, &name, &policy, &Check::ONE, moment);
            assert!(decision.unwrap().success);
        }
    }
    let due = world.isolates[0].due(at(SECOND), MAX_SUBJECTS);
    assert!(due.iter().any(|sync| !sync.told.is_empty()));
}

#[test]
fn a_block_and_a_gate_stand_beside_each_other() {
    let (mut world, policy) = (World::new(1), hourly(""));
    let block = |until: u64, now: u64| Instruction {
        policy: Some("api".to_owned()),
        at: at(now),
        command: Command::Block {
            until: at(until),
            reason: "fraud".to_owned(),
        },
    };
    world.report(0, refused(&policy, MINUTE), 0);
    let said = block(2 * MINUTE, 1);
    world.isolates[0].apply_instruction("u1", said, at(0), at(1));
    assert_eq!(world.ask(0, &policy, 1, 2).reason, Some(Reason::Blocked));
    let said = block(0, 3); // unblocked
    world.isolates[0].apply_instruction("u1", said, at(0), at(3));
    assert_eq!(world.ask(0, &policy, 1, 4).reason, Some(Reason::CoolDown));
}

#[test]
fn no_limit_is_moved_and_an_empty_one_closes_the_gate_until_it_comes_back() {
    let (mut world, policy) = (World::new(1), hourly(""));
    let told = Told {
        limit: Some(1_000),
        remaining: Some(0),
        reset: Some(When::After(Duration::from_millis(5 * MINUTE))),
        ..Told::default()
    };
    let report = Report {
        limits: vec![told],
        ..answered(&policy, 429)
    };
    let done = world.report(0, report, 0);
    assert_eq!(done.limits, [Heeded::Ignored(Unfit::Eventual)]);
    assert_eq!(done.gate.unwrap().until, at(5 * MINUTE));
    let rows: Vec<&String> = world.object.rows.keys().collect();
    assert_eq!(rows, ["outlook/api"], "no limit is kept in the object");
}

#[test]
fn backing_off_goes_on_though_the_object_sees_no_calls() {
    let policy = hourly(r#", "backOff": {"first": "1s", "factor": 2, "max": "1m"}"#);
    let mut world = World::new(1);
    let mut now = 0;
    for wait in [1, 2, 4, 8] {
        let done = world.report(0, answered(&policy, 429), now);
        let opens = now + wait * SECOND;
        assert_eq!(done.gate.unwrap().until, at(opens));
        // Of the calls that were in flight one counts.
        let again = world.report(0, answered(&policy, 429), now + 1);
        assert_eq!(again.gate.unwrap().until, at(opens));
        now = opens;
    }
}

#[test]
fn a_breaker_counts_no_more_reports_than_isolates_have_counted_calls() {
    let (mut world, policy) = (World::new(2), with_breaker());
    for _ in 0..10 {
        world.report(0, answered(&policy, 500), 0);
    }
    assert!(world.ask(0, &policy, 1, 0).success, "nobody had called");
    world.ask(0, &policy, 1, 0);
    for now in 1..=10 {
        let done = world.report(0, answered(&policy, 500), now);
        assert_eq!(done.breaker.unwrap().failures, now.min(2));
    }
    // Another isolate counts those that it has read of.
    world.sync(0, true, SECOND);
    world.ask(1, &policy, 0, SECOND);
    world.sync(1, true, 2 * SECOND);
    world.ask(1, &policy, 1, 3 * SECOND);
    let done = world.report(1, answered(&policy, 500), 3 * SECOND);
    assert_eq!(done.breaker.unwrap().state, BreakerState::Open);
    let shut = world.ask(1, &policy, 1, 3 * SECOND);
    assert_eq!((shut.success, shut.reason), (false, Some(Reason::Breaker)));
    assert_eq!(shut.retry_after, Some(Duration::from_secs(30)));
}

#[test]
fn a_breaker_counts_each_call_once_though_the_object_sleeps() {
    let (mut world, policy) = (World::new(1), with_breaker());
    for window in [0, HOUR] {
        world.ask(0, &policy, 2, window);
        for now in (0..10).map(|it| window + it * 4 * SECOND) {
            world.object = world.object.restarted();
            let done = world.report(0, answered(&policy, 500), now);
            assert!(done.breaker.unwrap().failures <= 2, "{now}");
        }
        // Both of them, of this window.
        let now = window + 40 * SECOND;
        let breaker = world.report(0, answered(&policy, 200), now).breaker;
        assert_eq!(breaker.map(|it| it.failures), Some(2));
    }
}

#[test]
fn half_open_the_first_answer_closes_a_breaker_or_opens_it_again() {
    for status in [200, 500] {
        let (mut world, policy) = (World::new(1), with_breaker());
        world.ask(0, &policy, 100, 0);
        for now in 0..3 {
            world.report(0, answered(&policy, 500), now);
        }
        assert!(!world.ask(0, &policy, 1, 30 * SECOND).success);
        let open = 2 + 30 * SECOND;
        // What was called before it opened is none of its probes.
        let aged = Report {
            age: Duration::from_secs(10),
            ..answered(&policy, 500)
        };
        let done = world.report(0, aged, open);
        assert_eq!(done.breaker.unwrap().state, BreakerState::HalfOpen);
        assert!(world.ask(0, &policy, 1, open).success);
        let done = world.report(0, answered(&policy, status), open + 1);
        let is_open = done
            .breaker
            .is_some_and(|it| it.state == BreakerState::Open);
        assert_eq!(is_open, status == 500);
        assert_eq!(world.ask(0, &policy, 1, open + 2).success, !is_open);
    }
}

#[test]
fn what_only_the_object_can_do_is_refused() {
    let refusal = |window: &str, rest: &str| {
        let text = format!(
            r#"{{"limits": [{{"algorithm": "fixedWindow", "limit": 10, "window": "{window}"}}],
                {rest}}}"#
        );
        parse(&text).unwrap_err().to_string()
    };
    for rest in [r#""pace": true"#, r#""adapt": {"floor": 1}"#] {
        let told = refusal("1h", &format!(r#"{rest}, "consistency": "eventual""#));
        assert!(told.contains("`pace` or `adapt`"), "{told}");
    }
    let told = refusal("1m", r#""maxCoolDown": "1m", "consistency": "local""#);
    assert!(told.contains("native binding"), "{told}");
}

/// What is done to the isolates of one subject.
#[derive(Debug, Clone)]
enum Step {
    Ask(usize),
    Refused(usize, u64),
    Sync(usize, bool),
    SyncAll,
    Reset(usize),
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<(u64, Step)>> {
    let step = prop_oneof![
        6 => (0..3usize).prop_map(Step::Ask),
        3 => (0..3usize, 1..20 * MINUTE).prop_map(|(i, wait)| Step::Refused(i, wait)),
        4 => (0..3usize, any::<bool>()).prop_map(|(i, takes)| Step::Sync(i, takes)),
        2 => Just(Step::SyncAll),
        1 => (0..3usize).prop_map(Step::Reset),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec((0..4 * MINUTE, step), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Where the gate was reported nobody is admitted while it is closed, and whoever has been
    /// synced since, neither; once it is over, or reset and read, everybody is.
    #[test]
    fn a_gate_is_known_to_whoever_reported_or_read_it(steps in steps()) {
        let (mut world, policy) = (World::new(3), hourly(r#", "maxCoolDown": "20m""#));
        let mut now = 0;
        // Until when it is closed, by the object; who has to know that; who may still believe in
        // one that was reset.
        let (mut until, mut knows, mut believes) = (0, [false; 3], [false; 3]);
        for (pause, step) in steps {
            now += pause;
            match step {
                Step::Ask(isolate) => {
                    let decision = world.ask(isolate, &policy, 0, now);
                    if now < until && knows[isolate] {
                        prop_assert_eq!(decision.reason, Some(Reason::CoolDown));
                        let wait = at(until).since(at(now));
                        prop_assert!(believes[isolate] || decision.retry_after == Some(wait));
                    }
                    if now >= until && !believes[isolate] {
                        prop_assert!(decision.success, "{:?}", decision);
                    }
                }
                Step::Refused(isolate, wait) => {
                    let longer = now + wait.min(20 * MINUTE);
                    if longer > until.max(now) {
                        until = longer;
                        knows = [false; 3];
                    }
                    world.report(isolate, refused(&policy, wait), now);
                    knows[isolate] = true;
                }
                Step::Sync(isolate, takes) => world.sync(isolate, takes, now),
                Step::SyncAll => {
                    for round in 0..2 {
                        for isolate in 0..3 {
                            // In use, so that it is due, also after failures.
                            world.ask(isolate, &policy, 0, now);
                            now += 61 * SECOND;
                            world.sync(isolate, true, now);
                        }
                        if round == 1 {
                            knows = [true; 3];
                            believes = [false; 3];
                        }
                    }
                }
                Step::Reset(isolate) => {
                    now += 1;
                    world.reset(isolate, now);
                    // Of the same millisecond the reset is the later one.
                    now += 1;
                    until = 0;
                    believes = [true; 3];
                    believes[isolate] = false;
                    knows = [false; 3];
                }
                Step::Restart => world.object = world.object.restarted(),
            }
        }
    }
}
