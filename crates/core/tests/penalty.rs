//! Penalties: who goes on being refused is shut out, longer each time; compared with a model that
//! knows every refusal, over simulated time, sleep and cleaning.

#![allow(clippy::unwrap_used)]

mod common;

use common::object::Object;
use common::{fixed, moment, named, policy_of, version, START};
use proptest::prelude::*;
use tollgate_core::algorithm::state::Moment;
use tollgate_core::api::policy::parse;
use tollgate_core::api::to_json;
use tollgate_core::decide::Check;
use tollgate_core::decision::{Decision, Reason};
use tollgate_core::limit::Name;
use tollgate_core::message::{Answer, Call};
use tollgate_core::policy::penalty::Penalty;
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::{Effects, Item};
use tollgate_core::{Duration, Timestamp};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;

fn penalty(after: u64, within: u64, block: &[u64]) -> Penalty {
    let block = block.iter().map(|&ms| Duration::from_millis(ms)).collect();
    Penalty::new(after, Duration::from_millis(within), block).unwrap()
}

/// Three refusals within ten seconds; one minute, ten minutes, an hour.
fn usual() -> Penalty {
    penalty(3, 10 * SECOND, &[MINUTE, 10 * MINUTE, 60 * MINUTE])
}

fn penalized(limit: u64, window: u64, penalty: Penalty) -> Policy {
    let policy = policy_of(fixed(limit, window)).with_penalty(penalty);
    let name = Name::new("policy", "login").unwrap();
    policy.unwrap().named(name, version(1))
}

/// One unit an hour, of which nothing is left.
fn used_up() -> (Object, Policy) {
    let policy = penalized(1, 60 * MINUTE, usual());
    let mut object = Object::default();
    assert!(object.ask(&policy, 1, START).success);
    (object, policy)
}

/// Is refused at these instants after the start, by the limit.
#[track_caller]
fn refused_at(object: &mut Object, policy: &Policy, instants: &[u64]) {
    for &at in instants {
        let answer = object.ask(policy, 1, START + at);
        assert_eq!(answer.reason, Some(Reason::Limit), "at {at}");
    }
}

#[track_caller]
fn is_blocked(answer: &Decision, wait: u64) {
    assert_eq!(answer.reason, Some(Reason::Blocked));
    let wait = Some(Duration::from_millis(wait));
    assert_eq!((answer.success, answer.retry_after), (false, wait));
}

fn call(object: &mut Object, call: &Call, now: u64) -> Answer {
    let mut effects = Effects::default();
    let answer = object
        .state
        .answer(call, &mut || 1, moment(now), &mut effects);
    object.apply(effects);
    answer
}

fn unblock(object: &mut Object, policy: Option<&str>, now: u64) {
    let policy = policy.map(str::to_owned);
    let (duration, reason) = (Duration::ZERO, String::new());
    let lifted = Call::Block {
        policy,
        duration,
        reason,
    };
    assert_eq!(call(object, &lifted, now), Answer::Done);
}

#[test]
fn the_refusal_that_is_one_too_many_tells_the_blocks_end() {
    let (mut object, policy) = used_up();
    refused_at(&mut object, &policy, &[1_000, 2_000]);
    is_blocked(&object.ask(&policy, 1, START + 3_000), MINUTE);
    is_blocked(&object.ask(&policy, 1, START + 3_001), MINUTE - 1);
    // Cost 0 and a look are told the same; another policy of the subject is not concerned.
    is_blocked(&object.ask(&policy, 0, START + 4_000), MINUTE - 1_000);
    assert!(
        object
            .ask(&policy_of(fixed(1, MINUTE)), 1, START + 4_000)
            .success
    );
    // At its end the limit decides again.
    refused_at(&mut object, &policy, &[3_000 + MINUTE]);
}

#[test]
fn a_client_that_retries_every_ten_seconds_while_blocked_is_let_in_at_the_end() {
    // A window of a minute, so that the limit itself has room when the block is over.
    let policy = penalized(
        1,
        MINUTE,
        penalty(3, 10 * SECOND, &[5 * MINUTE, 60 * MINUTE]),
    );
    let mut object = Object::default();
    object.ask(&policy, 1, START);
    refused_at(&mut object, &policy, &[1_000, 2_000]);
    is_blocked(&object.ask(&policy, 1, START + 3_000), 5 * MINUTE);
    let mut at = START + 13_000;
    while at < START + 3_000 + 5 * MINUTE {
        let left = START + 3_000 + 5 * MINUTE - at;
        is_blocked(&object.ask(&policy, 1, at), left);
        at += 10_000;
    }
    assert!(object.ask(&policy, 1, START + 3_000 + 5 * MINUTE).success);
}

#[test]
fn a_sleep_does_not_clear_the_count_and_a_kill_loses_none_of_it() {
    let policy = penalized(1, 60 * MINUTE, penalty(4, MINUTE, &[MINUTE]));
    let mut object = Object::default();
    object.ask(&policy, 1, START);
    for at in [11_000, 22_000, 33_000] {
        object = object.restarted();
        refused_at(&mut object, &policy, &[at]);
    }
    object = object.restarted();
    is_blocked(&object.ask(&policy, 1, START + 44_000), MINUTE);
    object = object.restarted();
    is_blocked(&object.ask(&policy, 1, START + 50_000), MINUTE - 6_000);
}

#[test]
fn at_most_one_refusal_a_second_counts_and_writes() {
    let (mut object, policy) = used_up();
    let writes = object.writes;
    for at in 1_000..3_000 {
        refused_at(&mut object, &policy, &[at]);
    }
    assert_eq!(object.writes - writes, 2);
    refused_at(&mut object, &policy, &[2_999]);
    is_blocked(&object.ask(&policy, 1, START + 3_000), MINUTE);
}

#[test]
fn what_comes_too_seldom_never_blocks() {
    let policy = penalized(1, 60 * MINUTE, usual());
    let mut object = Object::default();
    object.ask(&policy, 1, START);
    let instants: Vec<u64> = (1..200).map(|i| i * 5_001).collect();
    refused_at(&mut object, &policy, &instants);
}

#[test]
fn each_block_is_longer_than_the_last_and_the_longest_repeats() {
    let policy = penalized(0, MINUTE, usual()); // refused for good
    let mut object = Object::default();
    let mut at = START;
    for block in [1, 10, 60, 60] {
        for second in 0..2 {
            let answer = object.ask(&policy, 1, at + second * SECOND);
            assert_eq!(answer.reason, Some(Reason::CostExceedsCapacity));
        }
        is_blocked(&object.ask(&policy, 1, at + 2 * SECOND), block * MINUTE);
        at += 2 * SECOND + block * MINUTE;
        object = object.restarted();
    }
    // Who then keeps quiet for `within` begins at the first step again, and leaves nothing.
    let quiet = at + 10 * SECOND;
    object.clean(quiet);
    assert!(object.rows.is_empty());
    for second in 0..2 {
        object.ask(&policy, 1, quiet + second * SECOND);
    }
    is_blocked(&object.ask(&policy, 1, quiet + 2 * SECOND), MINUTE);
}

#[test]
fn an_alarm_before_its_time_forgets_no_step() {
    let (mut object, policy) = used_up();
    refused_at(&mut object, &policy, &[1_000, 2_000]);
    object.ask(&policy, 1, START + 3_000);
    // One millisecond before the step would be forgotten.
    let at = 3_000 + MINUTE + 10 * SECOND - 1;
    object.clean(START + at);
    let mut object = object.restarted();
    refused_at(&mut object, &policy, &[at, at + 1_000]);
    is_blocked(&object.ask(&policy, 1, START + at + 2_000), 10 * MINUTE);
}

#[test]
fn one_alarm_waits_for_all_of_it() {
    let policy = penalized(1, 10 * SECOND, penalty(1, SECOND, &[60 * MINUTE]));
    let mut object = Object::default();
    object.ask(&policy, 1, START);
    is_blocked(&object.ask(&policy, 1, START + 1_000), 60 * MINUTE);
    object.clean(START + 2 * MINUTE);
    let kept = Timestamp::from_millis(START + 1_000 + 60 * MINUTE + SECOND);
    assert_eq!(object.alarm, Some(kept));
}

#[test]
fn a_reset_does_not_end_it_and_an_unblocking_forgets_it() {
    let (mut object, policy) = used_up();
    refused_at(&mut object, &policy, &[1_000, 2_000]);
    object.ask(&policy, 1, START + 3_000);
    object.reset(START + 4_000);
    is_blocked(&object.ask(&policy, 1, START + 5_000), MINUTE - 2_000);
    unblock(&mut object, Some("another"), START + 5_000);
    is_blocked(&object.ask(&policy, 1, START + 6_000), MINUTE - 3_000);
    unblock(&mut object, Some("login"), START + 6_000);
    assert!(object.ask(&policy, 1, START + 6_000).success);
    let mut object = object.restarted();
    refused_at(&mut object, &policy, &[7_000, 8_000]);
    is_blocked(&object.ask(&policy, 1, START + 9_000), MINUTE); // the first step
    unblock(&mut object, None, START + 9_500);
    refused_at(&mut object, &policy, &[10_000]);
}

#[test]
fn only_refusals_by_the_limit_count() {
    let (mut object, policy) = used_up();
    let peek = Check {
        peek: true,
        ..Check::of(1)
    };
    for at in [1_000, 2_000, 3_000, 4_000] {
        let answer = object
            .limit(&policy, peek.clone(), None, START + at)
            .unwrap();
        assert_eq!(answer.reason, Some(Reason::Limit));
    }
    // Somebody's block.
    let blocked = Call::Block {
        policy: Some("login".to_owned()),
        duration: Duration::from_millis(20 * SECOND),
        reason: "abuse".to_owned(),
    };
    call(&mut object, &blocked, START + 5_000);
    for at in [6_000, 7_000, 8_000, 9_000] {
        is_blocked(&object.ask(&policy, 1, START + at), 25_000 - at);
    }
    unblock(&mut object, Some("login"), START + 10_000);
    refused_at(&mut object, &policy, &[11_000, 12_000]);
    is_blocked(&object.ask(&policy, 1, START + 13_000), MINUTE);
}

#[test]
fn a_refusal_that_rests_on_what_may_be_taken_back_does_not_count() {
    let policy = penalized(1, 60 * MINUTE, penalty(1, SECOND, &[MINUTE]));
    let mut object = Object::default();
    let charged = object.limit(&policy, Check::of(1), Some(7), START);
    assert!(charged.unwrap().success);
    let busy = object.ask(&policy, 1, START + 10);
    assert!(busy.contended && busy.reason == Some(Reason::Limit));
    object.cancel(7, START + 20);
    assert!(object.ask(&policy, 1, START + 30).success);
}

#[test]
fn of_several_items_those_of_the_policy_are_blocked_together() {
    let (mut object, policy) = used_up();
    refused_at(&mut object, &policy, &[1_000, 2_000]);
    let other = policy_of(fixed(5, MINUTE));
    let item = |policy: &Policy| Item {
        policy: policy.clone(),
        check: Check::of(1),
    };
    let items = [item(&policy), item(&other), item(&policy)];
    let mut effects = Effects::default();
    let answers = object
        .state
        .limit(&items, None, &mut || 1, moment(START + 3_000), &mut effects)
        .unwrap();
    is_blocked(&answers[0], MINUTE);
    assert!(answers[1].success);
    is_blocked(&answers[2], MINUTE);
}

#[test]
fn a_policy_is_kept_with_its_penalty() {
    // One limit that is all of its policy, and two.
    let limits = vec![named("a", fixed(1, MINUTE)), named("b", fixed(5, MINUTE))];
    let two = Policy::new(limits).unwrap().with_penalty(usual()).unwrap();
    let name = Name::new("policy", "two").unwrap();
    for policy in [
        penalized(1, 60 * MINUTE, usual()),
        two.named(name, version(4)),
    ] {
        let mut object = Object::default();
        object.ask(&policy, 1, START);
        let reference = Policy::reference(policy.name().unwrap().clone(), policy.version());
        for at in [1_000, 2_000, 3_000] {
            object = object.restarted();
            object.ask(&reference, 1, START + at);
        }
        is_blocked(&object.ask(&reference, 1, START + 3_000), MINUTE);
    }
}

#[test]
fn what_a_build_without_penalties_has_kept_is_completed_by_the_first_whole_call() {
    let policy = penalized(1, 60 * MINUTE, usual());
    let without = Policy::new(policy.limits().to_vec()).unwrap();
    let without = without.named(policy.name().unwrap().clone(), policy.version());
    let mut object = Object::default();
    object.ask(&without, 1, START);
    let mut object = object.restarted();
    refused_at(&mut object, &policy, &[1_000]);
    let mut object = object.restarted();
    let reference = Policy::reference(policy.name().unwrap().clone(), policy.version());
    refused_at(&mut object, &reference, &[2_000]);
    is_blocked(&object.ask(&reference, 1, START + 3_000), MINUTE);
}

#[test]
fn the_row_is_that_of_a_block() {
    let (mut object, policy) = used_up();
    refused_at(&mut object, &policy, &[1_000, 2_500]);
    let (first, kept) = (START + 1_000, START + 12_500);
    assert_eq!(
        object.rows["penalty/login"],
        format!("1 block policy=login until=0 reason= step=0 kept={kept} refused={first},1500")
    );
    object.ask(&policy, 1, START + 4_000);
    let (until, kept) = (START + 64_000, START + 74_000);
    assert_eq!(
        object.rows["penalty/login"],
        format!("1 block policy=login until={until} reason= step=1 kept={kept}")
    );
    let Answer::Status(status) = call(&mut object, &Call::Status { policy: None }, START + 5_000)
    else {
        panic!("a status is answered");
    };
    assert_eq!(status.blocks.len(), 1);
    assert_eq!(status.blocks[0].step, Some(1));
}

#[test]
fn a_clock_that_steps_back_neither_counts_twice_nor_stops_counting() {
    let (mut object, policy) = used_up();
    refused_at(&mut object, &policy, &[500_000]);
    refused_at(&mut object, &policy, &[100_000, 100_500, 101_000]);
    is_blocked(&object.ask(&policy, 1, START + 102_000), MINUTE);
}

#[test]
fn it_is_read_and_written() {
    let written = r#"{"limit":5,"window":"1h","penalty":{"after":5,"within":"1m","block":["1m","10m","1h"]}}"#;
    let policy = parse(written).unwrap();
    let penalty = policy.penalty().unwrap();
    assert_eq!((penalty.after(), penalty.within().as_millis()), (5, MINUTE));
    let steps = [(1, 1), (2, 10), (3, 60), (9, 60)];
    for (step, minutes) in steps {
        assert_eq!(penalty.block(step).as_millis(), minutes * MINUTE);
    }
    assert_eq!(parse(&to_json(&policy)), Ok(policy));
    for (penalty, field) in [
        (r#"{"within":"1m","block":["1m"]}"#, "penalty.after"),
        (r#"{"after":5,"block":["1m"]}"#, "penalty.within"),
        (r#"{"after":5,"within":"1m"}"#, "penalty.block"),
        (
            r#"{"after":0,"within":"1m","block":["1m"]}"#,
            "penalty.after",
        ),
        (
            r#"{"after":1001,"within":"1d","block":["1m"]}"#,
            "penalty.after",
        ),
        (
            r#"{"after":1,"within":"999ms","block":["1m"]}"#,
            "penalty.within",
        ),
        (
            r#"{"after":1,"within":"25h","block":["1m"]}"#,
            "penalty.within",
        ),
        (
            r#"{"after":7,"within":"5s","block":["1m"]}"#,
            "penalty.after",
        ),
        (r#"{"after":1,"within":"1m","block":[]}"#, "penalty.block"),
        (
            r#"{"after":1,"within":"1m","block":["1m",7]}"#,
            "penalty.block[1]",
        ),
        (
            r#"{"after":1,"within":"1m","block":["1m","367d"]}"#,
            "penalty.block[1]",
        ),
        (
            r#"{"after":1,"within":"1m","block":["1m","1m"]}"#,
            "penalty.block",
        ),
        (
            r#"{"after":1,"within":"1m","block":[1e3,2e3,3e3,4e3,5e3,6e3,7e3,8e3,9e3]}"#,
            "penalty.block",
        ),
        (
            r#"{"after":1,"within":"1m","block":["1m"],"for":1}"#,
            "penalty.for",
        ),
        ("7", "penalty"),
    ] {
        let body = format!(r#"{{"limit":5,"window":"1h","penalty":{penalty}}}"#);
        assert_eq!(parse(&body).unwrap_err().field, field, "{penalty}");
    }
    for mode in ["eventual", "local"] {
        let body = written.replace(r#""1h","#, &format!(r#""1h","consistency":"{mode}","#));
        let body = body.replace(r#""window":"1h""#, r#""window":"10m""#);
        let local = body.replace(r#""window":"10m""#, r#""window":"1m""#);
        let body = if mode == "local" { local } else { body };
        let error = parse(&body).unwrap_err();
        assert_eq!(error.field, "penalty", "{mode}: {error}");
    }
}

/// Every refusal and every block there ever was.
#[derive(Default)]
struct Model {
    /// When refusals counted.
    counted: Vec<u64>,
    /// Start and end of each block, with the step.
    blocks: Vec<(u64, u64, u32)>,
}

impl Model {
    fn blocked_until(&self, now: u64) -> Option<u64> {
        let in_force = self.blocks.iter().filter(|(_, end, _)| *end > now);
        in_force.map(|(_, end, _)| *end).max()
    }

    /// A refusal by the limit; the end of the block that it begins.
    fn refuse(&mut self, penalty: &Penalty, now: u64) -> Option<u64> {
        if self.counted.iter().any(|at| now - at < SECOND) {
            return None;
        }
        let within = penalty.within().as_millis();
        let begun = self.blocks.last().map_or(0, |(start, ..)| *start);
        let is_remembered = |&(_, end, _): &(u64, u64, u32)| {
            // No pause of `within` since the block's end.
            let mut since = vec![end];
            since.extend(self.counted.iter().copied().filter(|at| *at > end));
            since.push(now);
            since.windows(2).all(|pair| pair[1] - pair[0] < within)
        };
        let step = self.blocks.last().filter(|it| is_remembered(it));
        let step = step.map_or(0, |(.., step)| *step) + 1;
        self.counted.push(now);
        let counts = |at: &&u64| **at > begun && now - **at <= within;
        if (self.counted.iter().filter(counts).count() as u64) < penalty.after() {
            return None;
        }
        let end = now + penalty.block(step).as_millis();
        self.blocks.push((now, end, step));
        Some(end)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn it_is_what_the_model_says(
        after in 1u64..5,
        within in 4_000u64..30_000,
        steps in prop::collection::btree_set(1_000u64..40_000, 1..4),
        events in prop::collection::vec(
            (prop_oneof![0u64..1_500, 900u64..1_100, 0u64..40_000], 1i64..3, 0u8..6),
            1..120,
        ),
    ) {
        let steps: Vec<u64> = steps.into_iter().collect();
        let penalty = penalty(after, within, &steps);
        let policy = penalized(2, 20_000, penalty.clone());
        let plain = policy_of(fixed(2, 20_000));
        let (mut object, mut other) = (Object::default(), Object::default());
        let mut model = Model::default();
        let mut now = START;
        for (pause, cost, what) in events {
            now += pause;
            match what {
                0 => object = object.restarted(),
                1 if object.alarm.is_some_and(|at| at.as_millis() <= now) => object.clean(now),
                _ => {}
            }
            let answer = object.ask(&policy, cost, now);
            let expected = match model.blocked_until(now) {
                Some(end) => Some(end),
                None if other.ask(&plain, cost, now).success => {
                    prop_assert!(answer.success);
                    continue;
                }
                None => model.refuse(&penalty, now),
            };
            prop_assert!(!answer.success);
            match expected {
                Some(end) => {
                    prop_assert_eq!(answer.reason, Some(Reason::Blocked));
                    prop_assert_eq!(answer.retry_after, Some(Duration::from_millis(end - now)));
                }
                None => prop_assert_eq!(answer.reason, Some(Reason::Limit)),
            }
        }
        // What is left ends with nothing stored.
        let Moment { now: last, .. } = moment(now + 60_000 + within);
        object.clean(last.as_millis());
        prop_assert!(object.rows.is_empty());
    }
}
