//! Whatever happens to one subject, in any order: requests under any definitions, several at once,
//! operations and their cancellations, refunds, peeks, resets, blocks, alarms, closing timers,
//! crashes, and a clock that steps back. After every event the promises hold that do not depend on
//! what came before.

#![allow(clippy::unwrap_used)]

mod common;

use common::object::Object;
use common::{algorithm, bucket, moment, named, Kind, Spec, START};
use proptest::prelude::*;
use tollgate_core::decide::Check;
use tollgate_core::decision::{Decision, Reason};
use tollgate_core::limit::quota::{Anchor, Period, Quota, TimeZoneName};
use tollgate_core::limit::{BurstCredits, TokenBucket};
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::{Effects, Item, Refusal, ALARM_SPACING};
use tollgate_core::{Algorithm, Duration, Limit, Timestamp};

#[derive(Debug, Clone)]
enum Event {
    /// Asks several of the policies, each with its cost, all or nothing.
    Ask {
        items: Vec<(usize, i64, bool)>,
        operation: Option<u128>,
    },
    Cancel(u128),
    Release(u128),
    Reset,
    Block(u64),
    Alarm,
    Close,
    Crash,
}

/// What happened to a subject, to be told again.
#[derive(Debug, Clone)]
struct History {
    policies: Vec<Policy>,
    events: Vec<(u64, Event)>,
}

impl History {
    /// The subject after all of it.
    fn object(&self) -> Object {
        let mut object = Object::default();
        for (now, event) in &self.events {
            self.happen(&mut object, event, *now);
        }
        object
    }

    fn happen(
        &self,
        object: &mut Object,
        event: &Event,
        now: u64,
    ) -> Option<Result<Vec<Decision>, Refusal>> {
        let mut effects = Effects::default();
        let mut answer = None;
        match event {
            Event::Ask { items, operation } => {
                object.permits += 1;
                let permit = object.permits;
                let items: Vec<Item> = items
                    .iter()
                    .map(|&(which, cost, peek)| self.item(which, cost, peek))
                    .collect();
                answer = Some(object.state.limit(
                    &items,
                    *operation,
                    &mut || permit,
                    moment(now),
                    &mut effects,
                ));
            }
            Event::Cancel(operation) => {
                object
                    .state
                    .cancel(*operation, moment(now), &mut effects)
                    .unwrap();
            }
            Event::Release(permit) => {
                drop(object.state.release(*permit, moment(now), &mut effects));
            }
            Event::Reset => object.state.reset(None, moment(now), &mut effects).unwrap(),
            Event::Block(length) => object
                .state
                .block(
                    None,
                    Duration::from_millis(*length),
                    "",
                    moment(now),
                    &mut effects,
                )
                .unwrap(),
            Event::Alarm => {
                object.alarm = None;
                object.state.clean(moment(now), &mut effects).unwrap();
            }
            Event::Close => object.state.close(moment(now), &mut effects),
            Event::Crash => {
                *object = Object {
                    alarm: object.alarm,
                    ..object.restarted()
                };
                if object.state.has_rows() {
                    let at = Timestamp::from_millis(now).plus(ALARM_SPACING);
                    object.state.alarm_is(Some(at));
                    object.alarm = Some(at);
                }
            }
        }
        object.apply(effects);
        answer
    }

    fn item(&self, which: usize, cost: i64, peek: bool) -> Item {
        let policy = self.policies[which % self.policies.len()].clone();
        let cost = if policy.gives_permits() {
            cost.abs()
        } else {
            cost
        };
        Item {
            policy,
            check: Check {
                peek,
                ..Check::of(cost)
            },
        }
    }

    /// What is left of each limit of a policy, as a peek is told.
    fn left(&self, object: &mut Object, which: usize, now: u64) -> Vec<u64> {
        let event = Event::Ask {
            items: vec![(which, 0, true)],
            operation: None,
        };
        match self.happen(object, &event, now) {
            Some(Ok(decisions)) => decisions[0]
                .limits
                .iter()
                .map(|standing| standing.remaining)
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// Definitions of all kinds, some of many units, so that rows run ahead.
fn definition() -> impl Strategy<Value = Algorithm> {
    let limit = || prop_oneof![6 => 1u64..30, 2 => 200u64..2_000];
    let window = prop_oneof![Just(100u64), Just(1_000), Just(7_000), Just(3_600_000)];
    let interval = || prop_oneof![Just(1u64), 10u64..5_000, Just(3_600_000)];
    let kinds = prop::sample::select(Kind::ALL.to_vec());
    let of_any_kind =
        (kinds, limit(), window, 1u64..20).prop_map(|(kind, limit, window, amount)| {
            let limit = match kind {
                Kind::SlidingLog | Kind::Concurrency => limit.min(30),
                _ => limit,
            };
            algorithm(&Spec {
                kind,
                limit,
                window,
                amount,
            })
        });
    let token = (limit(), 1u64..20, interval(), 0u8..4, 0u64..30).prop_map(|(c, a, i, how, n)| {
        let plain = bucket(c, a, i);
        Algorithm::TokenBucket(match how {
            0 => plain.stepped().unwrap(),
            1 => plain.with_initial(n.min(c)).unwrap(),
            2 => plain
                .with_burst_credits(
                    BurstCredits::new(n + 1, Duration::from_millis(50 * n + 1)).unwrap(),
                )
                .unwrap(),
            _ => plain,
        })
    });
    let quota = (limit(), any::<bool>(), any::<bool>()).prop_map(|(limit, is_hourly, is_late)| {
        let period = if is_hourly {
            Period::Hour
        } else {
            Period::Minute
        };
        let zone = if is_late { "UTC" } else { "Etc/UTC" };
        let zone = TimeZoneName::new(zone).unwrap_or_default();
        Algorithm::Quota(Quota::new(limit, period, zone, Anchor::default()).unwrap())
    });
    prop_oneof![5 => of_any_kind, 3 => token, 1 => quota]
}

/// One to three limits, named or not, with or without `writeAhead`.
fn policy() -> impl Strategy<Value = Policy> {
    let limit = (
        definition(),
        prop_oneof![3 => Just(None), 4 => Just(Some("a")), 1 => Just(Some("b"))],
    );
    let limits = prop::collection::vec(limit, 1..4);
    let reserve =
        prop_oneof![3 => Just(None), 1 => Just(Some(1u64)), 1 => (1u64..100).prop_map(Some)];
    (limits, prop::bool::weighted(0.3), reserve).prop_map(|(limits, is_several, reserve)| {
        let count = if is_several { limits.len() } else { 1 };
        let limits: Vec<Limit> = limits
            .into_iter()
            .take(count)
            .map(|(algorithm, name)| match name {
                Some(name) => named(name, algorithm),
                None => Limit::new(None, algorithm),
            })
            .collect();
        let first = limits[0].clone();
        let policy = Policy::new(limits)
            .or_else(|_| Policy::new(vec![first]))
            .unwrap();
        match reserve {
            Some(reserve) => policy.with_write_ahead(reserve).unwrap(),
            None => policy,
        }
    })
}

fn event() -> impl Strategy<Value = Event> {
    let cost = || prop_oneof![10 => 1i64..8, 2 => 20i64..200, 1 => -5i64..1];
    let item = || (0usize..4, cost(), prop::bool::weighted(0.15));
    let operation = || prop::option::weighted(0.4, 1u128..8);
    prop_oneof![
        16 => (item(), operation()).prop_map(|(item, operation)| Event::Ask { items: vec![item], operation }),
        3 => (prop::collection::vec(item(), 2..4), operation()).prop_map(|(items, operation)| Event::Ask { items, operation }),
        3 => (1u128..8).prop_map(Event::Cancel),
        1 => (1u128..20).prop_map(Event::Release),
        1 => Just(Event::Reset),
        1 => prop_oneof![Just(0u64), 1u64..2_000].prop_map(Event::Block),
        2 => Just(Event::Alarm),
        2 => Just(Event::Close),
        2 => Just(Event::Crash),
    ]
}

fn pause() -> impl Strategy<Value = i64> {
    prop_oneof![6 => 0i64..20, 4 => 0i64..1_500, 1 => Just(3_600_000i64), 1 => -2_000i64..0, 1 => Just(61_000i64)]
}

fn history(most: usize) -> impl Strategy<Value = History> {
    let policies = prop::collection::vec(policy(), 1..4);
    let events = prop::collection::vec((pause(), event()), 1..most);
    (policies, events).prop_map(|(policies, events)| {
        let mut now = START + 10_000;
        let events = events
            .into_iter()
            .map(|(pause, event)| {
                now = now.saturating_add_signed(pause);
                (now, event)
            })
            .collect();
        History { policies, events }
    })
}

/// Whether a token bucket among the policy's limits is such a one.
fn has(policy: &Policy, wanted: fn(&TokenBucket) -> bool) -> bool {
    let is_such = |limit: &Limit| matches!(limit.algorithm(), Algorithm::TokenBucket(bucket) if wanted(bucket));
    policy.limits().iter().any(is_such)
}

/// Definitions of one name that count in windows: each a multiple of the shortest.
fn windows() -> impl Strategy<Value = Vec<Policy>> {
    let window = (
        1u64..40,
        prop::sample::select(vec![1u64, 2, 6, 60]),
        prop_oneof![2 => Just(Kind::FixedWindow), 1 => Just(Kind::SlidingLog)],
    );
    let of = |(limit, minutes, kind)| {
        let spec = Spec {
            kind,
            limit,
            window: minutes * 60_000,
            amount: 1,
        };
        Policy::new(vec![named("a", algorithm(&spec))]).unwrap()
    };
    prop::collection::vec(window.prop_map(of), 2..5)
}

/// The beginning of a history.
fn begun(history: &History, events: usize) -> History {
    History {
        policies: history.policies.clone(),
        events: history.events[..events].to_vec(),
    }
}

/// For so long an operation may be taken back.
const YOUNG: Duration = Duration::from_secs(2);

impl History {
    /// Whether an operation was charged so lately, or after this instant by a clock that has
    /// stepped back since.
    fn has_young(&self, now: u64) -> bool {
        self.events.iter().any(|(at, event)| {
            matches!(
                event,
                Event::Ask {
                    operation: Some(_),
                    ..
                }
            ) && at + YOUNG.as_millis() > now
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn a_restart_has_no_more_left_of_any_definition(history in history(25)) {
        for i in 1..=history.events.len() {
            let begun = begun(&history, i);
            let mut object = begun.object();
            let now = begun.events[i - 1].0;
            for which in 0..history.policies.len() {
                for wait in [0, 1, 50, 1_000, 7_000, 3_600_000] {
                    let mut after = object.restarted();
                    let (kept, left) = (begun.left(&mut after, which, now + wait), begun.left(&mut object, which, now + wait));
                    prop_assert!(kept.iter().zip(&left).all(|(kept, left)| kept <= left), "{:?} after {} events, {} ms later: {:?} after a restart, {:?} without, of {:?}; rows {:#?}", begun.events.last(), i, wait, kept, left, history.policies[which].limits(), object.rows);
                }
            }
        }
    }

    #[test]
    fn what_only_looks_changes_nothing(history in history(25)) {
        let mut object = history.object();
        let now = history.events.last().unwrap().0;
        for which in 0..history.policies.len() {
            for (cost, peek) in [(0i64, false), (1, true), (5, true)] {
                let seen = |object: &Object| {
                    // A block refuses a cost of 0 too, and remembers that it did.
                    let state = if peek { format!("{:?}", object.state) } else { String::new() };
                    (state, object.rows.clone(), object.writes)
                };
                let before = seen(&object);
                let event = Event::Ask { items: vec![(which, cost, peek)], operation: None };
                history.happen(&mut object, &event, now);
                prop_assert_eq!(seen(&object), before);
            }
        }
    }

    #[test]
    fn what_is_stored_has_an_alarm_and_ends_with_nothing(history in history(25)) {
        let mut object = Object::default();
        for (now, event) in &history.events {
            history.happen(&mut object, event, *now);
            prop_assert!(object.rows.is_empty() || object.alarm.is_some(), "{:?}", object.rows);
        }
        let mut now = history.events.last().unwrap().0;
        for _ in 0..6 {
            let Some(at) = object.alarm else { break };
            now = now.max(at.as_millis());
            history.happen(&mut object, &Event::Alarm, now);
        }
        prop_assert!(object.rows.is_empty() && object.alarm.is_none(), "{:?}", object.rows);
    }

    #[test]
    fn an_alarm_changes_no_answer(history in history(25)) {
        let mut object = history.object();
        let mut cleaned = history.object();
        let now = history.events.iter().map(|(now, _)| *now).max().unwrap();
        history.happen(&mut cleaned, &Event::Alarm, now);
        for which in 0..history.policies.len() {
            // One that starts low does so once all of its use is forgotten, whatever was asked
            // under its name.
            if has(&history.policies[which], |bucket| bucket.initial().is_some()) {
                continue;
            }
            for wait in [0, 1, 1_000, 3_600_000] {
                let (before, after) = (history.left(&mut object, which, now + wait), history.left(&mut cleaned, which, now + wait));
                prop_assert_eq!(before, after, "of {:?}; {:#?}", history.policies[which].limits(), object.state);
            }
        }
    }

    #[test]
    fn every_wait_holds_and_none_is_too_long(history in history(20)) {
        for i in 1..=history.events.len() {
            let (now, event) = &history.events[i - 1];
            let Event::Ask { items, .. } = event else { continue };
            let [item] = items[..] else { continue };
            let policy = &history.policies[item.0 % history.policies.len()];
            // Credits go while another limit is waited for, and what a bucket starts low by counts
            // for another limit of its name. Before it is first decided, such a bucket tells a peek
            // of no instant at which it begins to fill.
            let has_credits = has(policy, |bucket| bucket.burst_credits().is_some());
            let starts_low = has_credits || has(policy, |bucket| bucket.initial().is_some());
            if starts_low && (policy.limits().len() > 1 || item.2) {
                continue;
            }
            let mut before = begun(&history, i - 1);
            let Some(Ok(answers)) = before.happen(&mut before.object(), event, *now) else { continue };
            let answer = &answers[0];
            if answer.reason == Some(Reason::Blocked) {
                continue; // until then no limit is asked
            }
            if answer.success {
                prop_assert!(answer.retry_after.is_none());
                continue;
            }
            let Some(wait) = answer.retry_after else {
                prop_assert!(answer.reason == Some(Reason::CostExceedsCapacity));
                continue;
            };
            prop_assert!(answer.cache_for <= wait, "{:?}", answer);
            // One that rests on what may yet be taken back says when that is over, and is not
            // remembered: tests/contended.rs.
            if answer.cache_for == Duration::ZERO && before.has_young(*now) && wait <= YOUNG {
                continue;
            }
            before.events.push((*now, event.clone()));
            for alarm in [false, true] {
                for (at, is_admitted) in [(wait.as_millis(), true), (wait.as_millis().saturating_sub(1), false)] {
                    let mut object = before.object();
                    let newest = before.events.iter().map(|(now, _)| *now).max().unwrap();
                    // A bucket that starts low, or earns credits, is forgotten when it was idle as
                    // long as it says.
                    if alarm && !starts_low && *now + at >= newest {
                        before.happen(&mut object, &Event::Alarm, *now + at);
                    }
                    let again = Event::Ask { items: vec![(item.0, item.1, false)], operation: None };
                    let Some(Ok(answers)) = before.happen(&mut object, &again, *now + at) else { continue };
                    prop_assert_eq!(answers[0].success, is_admitted, "{} of {:?} ms after {:?}, {:?} of {:#?}", at, wait, answer, policy.limits(), object.state);
                }
            }
        }
    }

    /// Whatever definitions of one name are asked in turn, by whatever window or limit: in an
    /// aligned window of the shortest no more is admitted than the largest limit.
    #[test]
    fn no_change_of_a_named_limit_makes_a_unit(policies in windows(), steps in prop::collection::vec((prop_oneof![3 => Just(0u64), 2 => 0u64..100_000], 0usize..4, 1i64..20, 0u8..4), 1..40)) {
        let most = policies.iter().map(|policy| policy.limits()[0].algorithm().limit()).max().unwrap();
        let mut object = Object::default();
        let (mut now, mut window, mut sum) = (START, 0, 0);
        for (pause, which, cost, upset) in steps {
            now += pause;
            match upset {
                0 => object = object.restarted(),
                1 => object.clean(now),
                _ => {}
            }
            if now / 60_000 != window {
                (window, sum) = (now / 60_000, 0);
            }
            if object.ask(&policies[which % policies.len()], cost, now).success {
                sum += cost as u64;
                prop_assert!(sum <= most, "{} of {}", sum, most);
            }
        }
    }
}
