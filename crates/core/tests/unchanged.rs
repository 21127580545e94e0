//! A call that is refused changes nothing: no state, no row, no alarm, and nothing that could be
//! taken back before it.

#![allow(clippy::unwrap_used)] // a test may panic, also in its helpers

mod common;

use common::{bucket, fixed, named, START};
use proptest::prelude::*;
use tollgate_core::algorithm::state::Moment;
use tollgate_core::calendar::TimeZone;
use tollgate_core::decide::Check;
use tollgate_core::isolate::debts::Charge;
use tollgate_core::limit::quota::{Anchor, Period, Quota, TimeZoneName};
use tollgate_core::limit::Name;
use tollgate_core::message::Call;
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::{Effects, Item, Refusal, SubjectState, MAX_ENTRIES};
use tollgate_core::{Algorithm, Limit, Timestamp};

const MINUTE: u64 = 60_000;

/// A runtime that knows every zone, or has lost all but UTC.
struct Zones {
    is_known: bool,
}

impl TimeZone for Zones {
    fn offset_at(&self, _zone: &TimeZoneName, _instant: Timestamp) -> Option<i32> {
        self.is_known.then_some(3_600)
    }
}

fn quota(zone: &str, limit: u64) -> Algorithm {
    let zone = TimeZoneName::new(zone).unwrap();
    let quota = Quota::new(limit, Period::Minute, zone, Anchor::default());
    Algorithm::Quota(quota.unwrap())
}

/// A named limit under one of several definitions, alone or beside others; or a part of the limits
/// that fill a subject.
fn policy(kind: usize) -> Policy {
    let x = |algorithm| named("x", algorithm);
    let plain = |algorithm| Limit::new(None, algorithm);
    let limits = match kind {
        0 => vec![x(quota("Europe/Berlin", 5))],
        1 => vec![x(quota("Asia/Tokyo", 5))],
        2 => vec![x(fixed(5, MINUTE))],
        3 => vec![x(Algorithm::TokenBucket(bucket(5, 1, 10_000)))],
        4 => vec![
            named("y", fixed(9, 10_000)),
            x(quota("Europe/Berlin", 5)),
            named("z", quota("Asia/Tokyo", 9)),
        ],
        5 => vec![x(quota("Europe/Berlin", 5)), named("x", fixed(5, MINUTE))],
        6..FILLING => vec![x(fixed(5, MINUTE + kind as u64 * 1_000))],
        _ => (0..8)
            .map(|i| plain(fixed(9, MINUTE * (kind as u64 * 8 + i))))
            .collect(),
    };
    let policy = Policy::new(limits).unwrap();
    match kind {
        0..FILLING => policy.named(Name::new("policy", "p").unwrap(), common::version(1)),
        _ => policy,
    }
}

/// From this kind on a [`policy`] is one that fills a subject. Those before bring more definitions
/// of one name than there is room for.
const FILLING: usize = 26;
/// All of them. Those that fill a subject are one more than it has room for.
const KINDS: usize = FILLING + MAX_ENTRIES / 8 + 1;

fn item(kind: usize, cost: i64) -> Item {
    Item {
        policy: policy(kind),
        check: Check::of(cost),
    }
}

#[derive(Debug, Clone)]
enum Step {
    Limit(Vec<(usize, i64)>, Option<u128>),
    Charge(Vec<(usize, i64)>, u128),
    Cancel(u128),
}

fn step() -> impl Strategy<Value = Step> {
    let kind = || prop_oneof![3 => 0..FILLING, 1 => FILLING..KINDS];
    let items = move || prop::collection::vec((kind(), -1..4i64), 1..4);
    let operation = || 1..8u128;
    prop_oneof![
        4 => (items(), prop::option::of(operation())).prop_map(|(items, id)| Step::Limit(items, id)),
        2 => (items(), operation()).prop_map(|(items, id)| Step::Charge(items, 100 + id)),
        2 => operation().prop_map(Step::Cancel),
    ]
}

fn take(
    object: &mut SubjectState,
    step: &Step,
    moment: Moment,
    effects: &mut Effects,
) -> Result<(), Refusal> {
    let items = |items: &[(usize, i64)]| -> Vec<Item> {
        items.iter().map(|&(kind, cost)| item(kind, cost)).collect()
    };
    match step {
        Step::Limit(asked, operation) => object
            .limit(&items(asked), *operation, &mut || 7, moment, effects)
            .map(drop),
        Step::Charge(owed, operation) => object.charge(&items(owed), *operation, moment, effects),
        Step::Cancel(operation) => object.cancel(*operation, moment, effects),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_call_that_is_refused_changes_nothing(
        steps in prop::collection::vec((step(), 0..30_000u64, prop::bool::weighted(0.7)), 1..60),
    ) {
        let mut object = SubjectState::default();
        let mut now = START;
        for (step, pause, is_known) in steps {
            now += pause;
            let zones = Zones { is_known };
            let moment = Moment { now: Timestamp::from_millis(now), zones: &zones };
            // Who looks under an operation has old ones forgotten, which is no change of any limit.
            let peek = Item { check: Check { peek: true, ..Check::ONE }, ..item(KINDS, 1) };
            let _ = object.limit(&[peek], Some(99), &mut || 7, moment, &mut Effects::default());
            let before = format!("{object:?}");
            let mut effects = Effects::default();
            if let Err(refusal) = take(&mut object, &step, moment, &mut effects) {
                prop_assert!(effects.writes.is_empty() && effects.alarm.is_none(), "{effects:?}");
                prop_assert_eq!(&before, &format!("{object:?}"), "{}", refusal);
            }
        }
    }
}

#[test]
fn a_charge_of_several_is_charged_whole_or_not_at_all_and_can_be_sent_again() {
    let known = Zones { is_known: true };
    let at = |now| Moment {
        now: Timestamp::from_millis(START + now),
        zones: &known,
    };
    let mut object = SubjectState::default();
    let mut effects = Effects::default();
    // One state less than there is room for.
    for kind in FILLING..FILLING + MAX_ENTRIES / 8 {
        let mut filling = item(kind, 1);
        if kind == FILLING {
            filling.policy = Policy::new(filling.policy.limits()[1..].to_vec()).unwrap();
        }
        let decided = object.limit(&[filling], None, &mut || 7, at(0), &mut effects);
        assert!(decided.unwrap()[0].success);
    }
    let owed = [2, FILLING + 1].map(|kind| Item {
        policy: Policy::new(vec![policy(kind).limits()[0].clone()]).unwrap(),
        check: Check::of(4),
    });
    let [room, known_already] = owed;
    let too_many = item(KINDS - 1, 1);
    let call = |items: Vec<Item>| Call::Charge {
        operation: 1,
        items,
    };
    let used = |object: &SubjectState| -> u64 {
        let status = object.status(None, at(2)).unwrap();
        let used = |it: &tollgate_core::subject_state::LimitStatus| {
            it.limit.algorithm().limit() - it.remaining
        };
        status.limits.iter().map(used).sum()
    };
    let before = used(&object);
    let mut effects = Effects::default();
    let items = vec![known_already.clone(), room.clone(), too_many];
    let answer = object.answer(&call(items), &mut || 7, at(1), &mut effects);
    assert_eq!(Charge::of_answer(&answer), Charge::NotDone, "{answer:?}");
    assert!(effects.writes.is_empty(), "{effects:?}");
    assert_eq!(used(&object), before);
    let answer = object.answer(
        &call(vec![known_already, room]),
        &mut || 7,
        at(1),
        &mut effects,
    );
    assert_eq!(Charge::of_answer(&answer), Charge::Done);
    assert_eq!(used(&object), before + 8);
}

#[test]
fn a_cancellation_that_is_refused_can_be_sent_again() {
    let moment = |now, zones| Moment {
        now: Timestamp::from_millis(START + now),
        zones,
    };
    let (known, lost) = (Zones { is_known: true }, Zones { is_known: false });
    let mut effects = Effects::default();
    let mut object = SubjectState::default();
    let asked = [item(0, 2)];
    let decided = object.limit(
        &asked,
        Some(1),
        &mut || 7,
        moment(59_500, &known),
        &mut effects,
    );
    assert!(decided.unwrap()[0].success);
    // The minute has turned, and where the next one begins nobody can tell.
    let before = format!("{object:?}");
    let refused = object.cancel(1, moment(60_500, &lost), &mut effects);
    assert!(matches!(refused, Err(Refusal::UnknownTimeZone(_))));
    assert_eq!(before, format!("{object:?}"));
    assert_eq!(
        object.cancel(1, moment(60_500, &known), &mut effects),
        Ok(())
    );
}
