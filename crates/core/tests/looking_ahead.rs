//! What it costs to look ahead: of limits as large as any caller may bring, over every change that
//! is looked at. Counted are the questions for a zone's clocks, which are what costs.

#![allow(clippy::unwrap_used)]

mod common;

use common::clocks::{Clocks, Counted};
use tollgate_core::algorithm::state::Moment;
use tollgate_core::calendar::Remembered;
use tollgate_core::decide::Check;
use tollgate_core::decision::Decision;
use tollgate_core::limit::quota::TimeZoneName;
use tollgate_core::limit::schedule::{Hours, Numbers, WeekDays, MAX_TIMES, MAX_TIME_ZONES};
use tollgate_core::limit::{Name, Rate, TokenBucket};
use tollgate_core::number::Decimal;
use tollgate_core::policy::{Policy, MAX_LIMITS};
use tollgate_core::subject_state::{Effects, Item, SubjectState};
use tollgate_core::{Algorithm, Duration, Limit, Timestamp};

/// 2026-10-20, five days before clocks are set back in Europe.
const START: u64 = 1_792_454_400_000;
const DAY: u64 = 86_400_000;
const WEEK: u64 = 7 * DAY;

type Zones = Counted<Remembered<Counted<Clocks>>>;

fn zones() -> Zones {
    Counted {
        zones: Remembered::new(Counted::default()),
        asked: Default::default(),
    }
}

/// A bucket that is all but never refilled, with so many hours, no two alike: all in one zone, or
/// in as many different ones as a limit may have. `changes`: their numbers are different too.
fn limit(place: usize, times: usize, is_one_zone: bool, changes: bool) -> Limit {
    let zones: Vec<TimeZoneName> = TimeZoneName::all().collect();
    let rate = Rate::new(
        "refill",
        Decimal::new(1, 0).unwrap(),
        Duration::from_millis(52 * WEEK),
    );
    let bucket = TokenBucket::new(5, rate.unwrap()).unwrap();
    let hours = |i: usize| {
        let (from, to) = (
            format!("0{}:0{}", i % 9, i % 7),
            format!("12:{:02}", (i * 7) % 60),
        );
        let zone = match is_one_zone {
            true => "Europe/Berlin",
            false => zones[100 + MAX_TIME_ZONES * place + i % MAX_TIME_ZONES].as_str(),
        };
        let zone = TimeZoneName::new(zone).unwrap();
        let most = if changes { 1 + i as u64 % 5 } else { 5 };
        let numbers = Numbers {
            most: Some(most),
            rate: None,
        };
        Hours::new(Some((&from, &to)), WeekDays::ALL, zone, numbers).unwrap()
    };
    let limit = Limit::new(
        Some(Name::new("name", &format!("n{place}")).unwrap()),
        Algorithm::TokenBucket(bucket),
    );
    limit
        .scheduled(Vec::new(), (0..times).map(hours).collect())
        .unwrap()
}

fn ask(state: &mut SubjectState, policy: &Policy, cost: i64, now: u64, zones: &Zones) -> Decision {
    let moment = Moment {
        now: Timestamp::from_millis(now),
        zones,
    };
    let items = [Item {
        policy: policy.clone(),
        check: Check::of(cost),
    }];
    let effects = &mut Effects::default();
    let mut answers = state
        .limit(&items, None, &mut || 1, moment, effects)
        .unwrap();
    answers.remove(0)
}

/// How often zones are asked about a request, and how often the runtime is.
fn asked_about(state: &mut SubjectState, policy: &Policy, cost: i64, now: u64) -> (u32, u32) {
    let zones = zones();
    ask(state, policy, cost, now, &zones);
    (zones.asked.get(), zones.zones.zones().asked.get())
}

#[test]
fn looking_ahead_asks_a_bounded_number_of_times() {
    let (mut at_once, mut after_silence) = ((0, 0), (0, 0));
    for (limits, times) in [
        (1, 1),
        (1, MAX_TIMES),
        (MAX_LIMITS, 1),
        (MAX_LIMITS, MAX_TIMES),
    ] {
        for (is_one_zone, changes) in [(true, true), (true, false), (false, true), (false, false)] {
            let limits = 0..limits;
            let limits = limits.map(|place| limit(place, times, is_one_zone, changes));
            let policy = Policy::new(limits.collect()).unwrap();
            let mut state = SubjectState::default();
            for cost in [1, 5, 4, 3] {
                let (zones, runtime) = asked_about(&mut state, &policy, cost, START);
                at_once = (at_once.0.max(zones), at_once.1.max(runtime));
            }
            let (zones, runtime) = asked_about(&mut state, &policy, 5, START + 400 * DAY);
            after_silence = (after_silence.0.max(zones), after_silence.1.max(runtime));
        }
    }
    assert!(at_once.0 < 400_000 && at_once.1 < 5_000, "{at_once:?}");
    assert!(
        after_silence.0 < 2_000_000 && after_silence.1 < 10_000,
        "{after_silence:?}"
    );
}

/// What a policy with one night rate costs, as most are.
#[test]
fn looking_ahead_over_nights_asks_little() {
    let policy = Policy::of(limit(0, 1, true, true));
    let mut state = SubjectState::default();
    asked_about(&mut state, &policy, 1, START);
    let (zones, runtime) = asked_about(&mut state, &policy, 5, START);
    assert!(zones < 2_000 && runtime < 60, "{zones} {runtime}");
}
