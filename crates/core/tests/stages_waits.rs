//! Random histories of limits whose numbers change: every wait that is told is enough and not too
//! much, nothing is admitted above the worst case, and a restart at any point admits no more.

#![allow(clippy::unwrap_used)]

mod common;

use common::object::Object;
use common::{algorithm, moment, version, Kind, Spec, START};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use tollgate_core::decide::Check;
use tollgate_core::explain::explain;
use tollgate_core::limit::quota::TimeZoneName;
use tollgate_core::limit::schedule::{Hours, Numbers, Stage, WeekDays};
use tollgate_core::limit::Name;
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::{Effects, StageOverride};
use tollgate_core::{Duration, Limit, Timestamp};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// Numbers of a step: `most`, and of a bucket so many units an hour.
type Step = (Option<u64>, Option<u64>);

#[derive(Debug, Clone)]
struct Written {
    kind: Kind,
    limit: u64,
    amount: u64,
    window: u64,
    shaper: Option<u64>,
    stages: Vec<(u64, Step)>,
    times: Vec<(u64, u64, Step)>,
}

impl Written {
    fn numbers(&self, (most, amount): Step, min: u64) -> Numbers {
        let is_bucket = matches!(self.kind, Kind::TokenBucket | Kind::LeakyBucket);
        Numbers {
            most: most.map(|most| most.max(min)),
            rate: amount
                .filter(|_| is_bucket)
                .map(|it| common::rate(it, HOUR)),
        }
    }

    fn policy(&self) -> Policy {
        let spec = Spec {
            kind: self.kind,
            limit: self.limit,
            window: self.window,
            amount: self.amount,
        };
        let algorithm = match self.shaper.filter(|_| self.kind == Kind::LeakyBucket) {
            Some(most) => {
                let bucket = common::leaky(self.limit, self.amount, self.window);
                let most = Duration::from_millis(most);
                tollgate_core::Algorithm::LeakyBucket(bucket.with_max_delay(most).unwrap())
            }
            None => algorithm(&spec),
        };
        let last = self.stages.len().saturating_sub(1);
        let stages = self.stages.iter().enumerate().map(|(i, &(length, step))| {
            let length = (i < last).then_some(Duration::from_millis(length));
            Stage::new(length, self.numbers(step, u64::from(i == 0))).unwrap()
        });
        let times = self.times.iter().map(|&(from, to, step)| {
            let time = |minute: u64| format!("{:02}:{:02}", minute / 60, minute % 60);
            let (from, to) = (time(from), time((from + to) % 1_440));
            let numbers = self.numbers(step, 0);
            let zone = TimeZoneName::default();
            Hours::new(Some((&from, &to)), WeekDays::ALL, zone, numbers).unwrap()
        });
        let limit = Limit::new(None, algorithm);
        let limit = limit.scheduled(stages.collect(), times.collect()).unwrap();
        let policy = Policy::new(vec![limit]).unwrap();
        policy.named(Name::new("policy", "p").unwrap(), version(1))
    }
}

fn written() -> impl Strategy<Value = Written> {
    let step = || (option::of(0u64..30), option::of(1u64..90));
    let stages = prop::collection::vec((MINUTE..9 * HOUR, step()), 0..4);
    let times = prop::collection::vec((0u64..1_440, 1u64..1_440, step()), 0..4);
    let numbers = (1u64..20, 1u64..60, select(vec![MINUTE, HOUR, 5 * HOUR]));
    let shaper = option::of(0u64..3 * HOUR);
    (select(common::counted()), numbers, shaper, stages, times).prop_map(
        |(kind, (limit, amount, window), shaper, stages, times)| Written {
            kind,
            limit,
            amount,
            window,
            shaper,
            stages,
            times,
        },
    )
}

#[derive(Debug, Clone)]
enum Event {
    Ask {
        cost: u64,
        patience: Option<u64>,
    },
    Stage {
        start: Option<i64>,
        paused: Option<bool>,
    },
    Clean,
    Restart,
}

fn event() -> impl Strategy<Value = (u64, Event)> {
    let ask = (1u64..12, option::weighted(0.2, 0u64..4 * HOUR));
    let stage = (option::of(-20i64..5), option::of(any::<bool>()));
    let event = prop_oneof![
        16 => ask.prop_map(|(cost, patience)| Event::Ask { cost, patience }),
        1 => stage.prop_map(|(start, paused)| Event::Stage { start, paused }),
        1 => Just(Event::Clean),
        2 => Just(Event::Restart),
    ];
    let pause = prop_oneof![4 => 0..MINUTE, 3 => 0..HOUR, 1 => 0..30 * HOUR];
    (pause, event)
}

fn check(cost: u64, patience: Option<u64>, peek: bool) -> Check {
    Check {
        peek,
        max_delay: patience.map(Duration::from_millis),
        ..Check::of(cost as i64)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Rows of so small limits are exact, so that whoever is restarted goes on as if nothing had
    /// happened: what is asked of a restarted subject is what the other would be asked.
    #[test]
    fn waits_are_exact_and_no_window_has_more_than_its_worst_case(
        written in written(),
        events in prop::collection::vec(event(), 1..30),
    ) {
        let policy = written.policy();
        let worst = explain(&policy, moment(START)).unwrap()[0].worst_case;
        let mut object = Object::with_exact_waits();
        let mut now = START + 10 * HOUR;
        let mut gone: Vec<(u64, u64)> = Vec::new();
        for (pause, event) in events {
            now += pause;
            match event {
                Event::Ask { cost, patience } => {
                    let mut twin = object.restarted();
                    let peeked = object.limit(&policy, check(cost, patience, true), None, now).unwrap();
                    let decision = object.limit(&policy, check(cost, patience, false), None, now).unwrap();
                    prop_assert_eq!(peeked.success, decision.success);
                    prop_assert_eq!(peeked.retry_after, decision.retry_after);
                    prop_assert_eq!(peeked.delay, decision.delay);
                    let other = twin.limit(&policy, check(cost, patience, false), None, now).unwrap();
                    prop_assert_eq!(&decision.limits, &other.limits);
                    prop_assert_eq!(decision.success, other.success);
                    prop_assert_eq!(decision.retry_after, other.retry_after);
                    if decision.success {
                        gone.push((now + decision.delay.unwrap_or_default().as_millis(), cost));
                        continue;
                    }
                    let admits = |at: u64| {
                        let later = object.restarted().limit(&policy, check(cost, patience, false), None, at);
                        later.unwrap().success
                    };
                    match decision.retry_after.map(Duration::as_millis) {
                        Some(wait) => {
                            prop_assert!(wait > 0);
                            prop_assert!(admits(now + wait), "not after {wait}");
                            prop_assert!(!admits(now + wait - 1), "already before {wait}");
                            for part in 1..5 {
                                prop_assert!(!admits(now + wait * part / 5), "{part}/5 of {wait}");
                            }
                        }
                        None => for hour in [1, 3, 8, 17, 29, 61, 130] {
                            prop_assert!(!admits(now + hour * HOUR / 2), "after {hour} half hours");
                        }
                    }
                }
                Event::Stage { start, paused } => {
                    let start = start.map(|hours| now.saturating_add_signed(hours * HOUR as i64));
                    let set = StageOverride { start: start.map(Timestamp::from_millis), paused };
                    let mut effects = Effects::default();
                    object.state.set_stage(&set, moment(now), &mut effects).unwrap();
                    object.apply(effects);
                }
                Event::Clean => object.clean(now),
                Event::Restart => object = object.restarted(),
            }
        }
        gone.sort_unstable();
        let window = worst.window.unwrap().as_millis();
        for (i, &(first, _)) in gone.iter().enumerate() {
            let inside = gone[i..].iter().take_while(|(at, _)| at - first < window);
            let units: u64 = inside.map(|(_, units)| units).sum();
            prop_assert!(units <= worst.units, "{units} of {} within {window} from {first}", worst.units);
        }
    }
}
