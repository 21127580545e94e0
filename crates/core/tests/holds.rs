//! Permits that hold units: at each admission what is spent and held is never above the limit, real
//! costs are charged once, and everything may come twice, late, or after a restart.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use common::object::Object;
use common::permits::{costs, held_for, ms, permit, real, Permits};
use common::{algorithm, counted, fixed, moment, named, policy_of, Admitted, Kind, Spec, START};
use proptest::prelude::*;
use tollgate_core::decide::{Check, OnExpiry, Overage};
use tollgate_core::decision::{Decision, Reason};
use tollgate_core::limit::Real;
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::{
    Effects, End, Home, Item, Notice, Outcome, Refusal, Topup, MAX_HELD,
};
use tollgate_core::{Algorithm, Duration};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

fn bucket(capacity: u64, a_second: u64) -> Policy {
    policy_of(Algorithm::TokenBucket(common::bucket(
        capacity, a_second, SECOND,
    )))
}

#[test]
fn a_bucket_refills_only_to_what_is_not_held() {
    let (policy, mut object) = (bucket(100, 1), Object::default());
    let held = permit(&object.hold(&policy, 100, 200 * SECOND, START));
    // The naive deficit has refilled by now.
    let refused = object.ask(&policy, 1, START + 199 * SECOND);
    assert_eq!(
        (refused.success, refused.reason),
        (false, Some(Reason::Limit))
    );
    object.settle(held, &real(100), START + 199_900).unwrap();
    assert!(!object.ask(&policy, 2, START + 200_900).success);
    assert!(object.ask(&policy, 1, START + 200_900).success);
}

#[test]
fn held_units_count_in_every_window_that_the_hold_touches() {
    let (policy, mut object) = (policy_of(fixed(100, HOUR)), Object::default());
    let held = permit(&object.hold(&policy, 100, 10 * SECOND, START + HOUR - SECOND));
    let at = START + HOUR + 5 * SECOND;
    let refused = object.ask(&policy, 1, at);
    // Not settled, it is charged at its deadline, in the new hour.
    let wait = refused.retry_after.unwrap().as_millis();
    assert_eq!(at + wait, START + 2 * HOUR);
    object.settle(held, &real(60), at).unwrap();
    assert_eq!(object.left(&policy, at), 40);
}

#[test]
fn what_is_not_settled_is_kept_or_given_back_at_its_deadline() {
    for (on_expiry, left) in [(OnExpiry::Keep, 40), (OnExpiry::GiveBack, 100)] {
        let (policy, mut object) = (policy_of(fixed(100, HOUR)), Object::default());
        let check = Check {
            on_expiry,
            ..held_for(60, MINUTE)
        };
        let decision = object.limit(&policy, check, None, START).unwrap();
        let held = permit(&decision);
        assert_eq!(object.left(&policy, START + MINUTE - 1), 40);
        assert_eq!(object.left(&policy, START + MINUTE), left);
        let mut restarted = object.restarted();
        assert_eq!(restarted.left(&policy, START + MINUTE), left);
        // Settled late, the difference is charged, once.
        for again in 0..2 {
            let settled = restarted.settle(held, &real(80), START + 2 * MINUTE - 1);
            assert_eq!(settled.unwrap().shares[0].units, 80, "{again}");
            assert_eq!(restarted.left(&policy, START + 2 * MINUTE - 1), 20);
        }
        // For less nothing comes back of what was kept.
        let settled = object.settle(held, &real(10), START + 2 * MINUTE - 1);
        let charged = if on_expiry == OnExpiry::Keep { 60 } else { 10 };
        assert_eq!(settled.unwrap().shares[0].units, charged);
        // It is known for as long again as it was held.
        let mut later = restarted.restarted();
        later.ask(&policy, 1, START + 5 * MINUTE);
        let late = later.settle(held, &real(80), START + 5 * MINUTE);
        assert_eq!(late, Err(Refusal::UnknownPermit));
    }
}

#[test]
fn an_ended_permit_answers_the_same_call_alike_and_refuses_another() {
    type Act = fn(&mut Object, u128, u64) -> Result<(), Refusal>;
    let settle: Act = |it, permit, now| it.settle(permit, &real(5), now).map(drop);
    let settle_else: Act = |it, permit, now| it.settle(permit, &real(6), now).map(drop);
    let release: Act = |it, permit, now| Permits::release(it, permit, now);
    let renew: Act = |it, permit, now| it.renew(permit, MINUTE, now).map(drop);
    let top_up: Act = |it, permit, now| {
        let total = real(7);
        let topup = Topup::new(permit, total, Overage::Deny);
        it.top_up(&topup, now).map(drop)
    };
    let ended = |how| Err(Refusal::PermitEnded(how));
    type Answered = (Act, Result<(), Refusal>);
    let cases: [(Act, [Answered; 5]); 2] = [
        (
            settle,
            [
                (settle, Ok(())),
                (settle_else, ended(End::Settled)),
                (release, ended(End::Settled)),
                (renew, ended(End::Settled)),
                (top_up, ended(End::Settled)),
            ],
        ),
        (
            release,
            [
                (settle, ended(End::Released)),
                (settle_else, ended(End::Released)),
                (release, Ok(())),
                (renew, ended(End::Released)),
                (top_up, ended(End::Released)),
            ],
        ),
    ];
    for (end, then) in cases {
        let (policy, mut object) = (policy_of(fixed(10, HOUR)), Object::default());
        let held = permit(&object.hold(&policy, 5, MINUTE, START));
        end(&mut object, held, START).unwrap();
        let left = object.left(&policy, START);
        for (call, answer) in then {
            let mut restarted = object.restarted();
            assert_eq!(call(&mut object, held, START + 1), answer);
            assert_eq!(call(&mut restarted, held, START + 1), answer);
            assert_eq!(object.left(&policy, START + 1), left);
        }
        for call in [settle, release, renew, top_up] {
            assert_eq!(call(&mut object, 99, START), Err(Refusal::UnknownPermit));
        }
    }
}

#[test]
fn a_reset_ends_no_hold() {
    let (policy, mut object) = (policy_of(fixed(10, HOUR)), Object::default());
    let held = permit(&object.hold(&policy, 6, MINUTE, START));
    assert!(object.ask(&policy, 4, START).success);
    object.reset(START);
    assert_eq!(object.left(&policy, START), 4);
    let mut restarted = object.restarted();
    assert_eq!(restarted.left(&policy, START), 4);
    restarted.settle(held, &real(6), START).unwrap();
    assert_eq!(restarted.left(&policy, START), 4);
}

#[test]
fn a_settlement_is_charged_whole_and_carried_as_debt_of_at_most_the_limit() {
    let (policy, mut object) = (policy_of(fixed(10, HOUR)), Object::default());
    let held = permit(&object.hold(&policy, 5, MINUTE, START));
    let settled = object.settle(held, &real(14), START).unwrap();
    assert_eq!((settled.shares[0].units, settled.shares[0].debt), (14, 4));
    assert!(!object.ask(&policy, 1, START + HOUR - 1).success);
    assert!(object.ask(&policy, 10, START + HOUR).success);

    let mut object = Object::default();
    let held = permit(&object.hold(&policy, 5, MINUTE, START));
    let settled = object.settle(held, &real(1 << 53), START).unwrap();
    let share = &settled.shares[0];
    assert_eq!(
        (share.units, share.debt, share.forgiven),
        (20, 10, (1 << 53) - 20)
    );
    // A bucket pays its debt by refill.
    let (policy, mut object) = (bucket(10, 1), Object::default());
    let held = permit(&object.hold(&policy, 5, MINUTE, START));
    object.settle(held, &real(1_000), START).unwrap();
    let refused = object.ask(&policy, 1, START);
    assert_eq!(refused.retry_after, Some(ms(11 * SECOND)));
    assert!(object.ask(&policy, 1, START + 11 * SECOND).success);
}

fn llm() -> Policy {
    Policy::new(vec![
        named(
            "tokens",
            Algorithm::TokenBucket(common::bucket(1_000, 1_000, MINUTE)),
        ),
        named("requests", fixed(3, MINUTE)),
        named("cents", fixed(500, 24 * HOUR)),
    ])
    .unwrap()
}

#[test]
fn one_decision_takes_of_each_limit_what_is_its_own() {
    let (policy, mut object) = (llm(), Object::default());
    let check = Check {
        costs: costs(&[("tokens", 600), ("cents", 40)]),
        ..held_for(1, MINUTE)
    };
    let decision = object.limit(&policy, check.clone(), None, START).unwrap();
    let left = |it: &Decision| it.limits.iter().map(|it| it.remaining).collect::<Vec<_>>();
    assert_eq!(left(&decision), [400, 2, 460]);
    let held = permit(&decision);
    // Of a limit without room all is refused, and nothing held.
    let refused = object.limit(&policy, check, None, START).unwrap();
    assert_eq!((refused.success, refused.deciding), (false, Some(0)));
    assert_eq!(left(&refused), [400, 2, 460]);
    // A cost for the others leaves those that were named as they were held.
    let settled = object.settle(held, &real(2), START).unwrap();
    let units: Vec<u64> = settled.shares.iter().map(|it| it.units).collect();
    assert_eq!(units, [600, 2, 40]);

    let mut object = Object::default();
    let check = Check {
        costs: costs(&[("tokens", 600), ("cents", 40)]),
        ..Check::ONE
    };
    let decision = object.limit(&policy, check, Some(7), START).unwrap();
    assert_eq!(left(&decision), [400, 2, 460]);
    object.cancel(7, START);
    let peek = Check {
        peek: true,
        ..Check::of(0)
    };
    let decision = object.limit(&policy, peek, None, START).unwrap();
    assert_eq!(left(&decision), [1_000, 3, 500]);
}

#[test]
fn a_limit_that_takes_nothing_refuses_nobody() {
    let policy = Policy::new(vec![
        named("full", fixed(0, HOUR)),
        named("free", fixed(5, HOUR)),
    ])
    .unwrap();
    // Nor does it have who would wait go later.
    let minute = Some(ms(MINUTE));
    for (hold, max_delay) in [(None, None), (minute, None), (None, minute)] {
        let mut object = Object::default();
        let check = Check {
            costs: costs(&[("full", 0)]),
            hold,
            max_delay,
            ..Check::of(5)
        };
        assert!(
            object
                .limit(&policy, check.clone(), None, START)
                .unwrap()
                .success
        );
        let refused = object.limit(&policy, check, None, START).unwrap();
        assert_eq!((refused.success, refused.deciding), (false, Some(1)));
    }
}

#[test]
fn a_cost_of_zero_names_only_what_it_takes() {
    let (policy, mut object) = (llm(), Object::default());
    let check = Check {
        costs: costs(&[("cents", 7)]),
        ..Check::of(0)
    };
    let decision = object.limit(&policy, check, None, START).unwrap();
    let left: Vec<u64> = decision.limits.iter().map(|it| it.remaining).collect();
    assert_eq!(left, [1_000, 3, 493]);
}

#[test]
fn slots_and_units_are_one_permit() {
    let slots = tollgate_core::limit::Concurrency::new(1, ms(10 * MINUTE)).unwrap();
    let policy = Policy::new(vec![
        named("slots", Algorithm::Concurrency(slots)),
        named("units", fixed(10, HOUR)),
    ])
    .unwrap();
    type Act = fn(&mut Object, u128) -> Result<(), Refusal>;
    let settle: Act = |it, permit| it.settle(permit, &real(1), START + 1).map(drop);
    let release: Act = |it, permit| Permits::release(it, permit, START + 1);
    for (end, used) in [(settle, 4), (release, 0)] {
        let mut object = Object::default();
        let check = Check {
            costs: costs(&[("units", 4)]),
            ..held_for(1, MINUTE)
        };
        let decision = object.limit(&policy, check.clone(), None, START).unwrap();
        let grant = *decision.grant.clone().unwrap();
        assert_eq!(grant.expires.as_millis(), START + MINUTE);
        assert!(
            !object
                .limit(&policy, check.clone(), None, START)
                .unwrap()
                .success
        );
        let mut object = object.restarted();
        end(&mut object, grant.permit).unwrap();
        let next = object.limit(&policy, check, None, START + 1).unwrap();
        assert!(next.success, "the slot is free");
        assert_eq!(
            next.limits[1].remaining,
            10 - used - 4,
            "what was named stays as it was held"
        );
        assert!(next.grant.unwrap().fence > grant.fence);
    }
    // Held for longer than it was asked, both are.
    let mut object = Object::default();
    let held = permit(&object.hold(&policy, 1, MINUTE, START));
    assert_eq!(
        object.renew(held, 2 * MINUTE, START + 1),
        Ok(START + 1 + 2 * MINUTE)
    );
    assert_eq!(object.left(&policy, START + 2 * MINUTE), 0);
}

#[test]
fn topping_up_names_the_new_total_and_is_all_or_nothing() {
    let (policy, mut object) = (policy_of(fixed(10, HOUR)), Object::default());
    let permit = permit(&object.hold(&policy, 4, MINUTE, START));
    let topup = |total, overage| Topup::new(permit, real(total), overage);
    for (total, overage, success, held) in [
        (7, Overage::Deny, true, 7),
        (7, Overage::Deny, true, 7),
        (11, Overage::Deny, false, 7),
        (11, Overage::Cap, true, 10),
        (12, Overage::Cap, false, 10),
        (3, Overage::Deny, true, 3),
        (15, Overage::Debt, true, 15),
        (31, Overage::Debt, false, 15),
    ] {
        let topped = object.top_up(&topup(total, overage), START).unwrap();
        assert_eq!(
            (topped.success, topped.held[0].1),
            (success, held),
            "{total} {overage:?}"
        );
        let left = 10_u64.saturating_sub(held);
        assert_eq!(object.left(&policy, START), left);
        assert_eq!(object.restarted().left(&policy, START), left);
    }
}

#[test]
fn overage_admits_what_is_left_or_goes_into_debt_once() {
    for hold in [None, Some(ms(MINUTE))] {
        let (policy, mut object) = (policy_of(fixed(10, HOUR)), Object::default());
        let check = |cost, overage| Check {
            overage,
            hold,
            ..Check::of(cost)
        };
        let mut ask = |cost, overage| {
            object
                .limit(&policy, check(cost, overage), None, START)
                .unwrap()
        };
        let capped = ask(13, Overage::Cap);
        assert_eq!(capped.granted.as_ref().unwrap().cost, 10);
        assert_eq!(capped.limits[0].remaining, 0);
        let none = ask(1, Overage::Cap);
        assert_eq!((none.success, none.granted), (false, None));
        assert!(none.retry_after.is_some());

        let mut object = Object::default();
        let mut ask = |cost, overage| {
            object
                .limit(&policy, check(cost, overage), None, START)
                .unwrap()
        };
        assert!(ask(8, Overage::Debt).success);
        assert!(!ask(13, Overage::Debt).success, "more debt than the limit");
        assert!(ask(6, Overage::Debt).success);
        assert!(!ask(1, Overage::Debt).success, "it is in debt");
        assert!(!ask(1, Overage::Deny).success);
        assert!(!object.ask(&policy, 1, START + MINUTE).success);
        assert!(object.ask(&policy, 10, START + HOUR).success);
    }
}

#[test]
fn what_has_happened_is_always_recorded() {
    let (policy, mut object) = (policy_of(fixed(10, HOUR)), Object::default());
    let past = |cost| Check {
        record: true,
        ..Check::of(cost)
    };
    let mut ask = |check, now| object.limit(&policy, check, None, now).unwrap();
    assert!(ask(past(7), START).success);
    assert!(ask(past(7), START).success);
    let third = ask(past(7), START);
    assert_eq!((third.success, third.limits[0].remaining), (true, 0));
    assert!(!ask(Check::ONE, START + HOUR - 1).success);
    assert!(
        ask(Check::of(10), START + HOUR).success,
        "the turn of the window pays it"
    );
    // Whoever is shut out has sent all the same.
    let mut effects = Effects::default();
    (object.state)
        .block(None, ms(MINUTE), "", moment(START + HOUR), &mut effects)
        .unwrap();
    assert!(
        object
            .limit(&policy, past(3), None, START + HOUR)
            .unwrap()
            .success
    );
}

#[test]
fn a_changed_window_carries_what_is_held() {
    let of = |window| Policy::new(vec![named("api", fixed(100, window))]).unwrap();
    let (hourly, daily) = (of(HOUR), of(24 * HOUR));
    let mut object = Object::default();
    let held = permit(&object.hold(&hourly, 60, 10 * MINUTE, START));
    assert!(!object.ask(&daily, 41, START + 1).success);
    assert!(object.ask(&daily, 40, START + 1).success);
    let mut object = object.restarted();
    object.settle(held, &real(50), START + 2).unwrap();
    assert_eq!(object.left(&daily, START + 2), 10);
    assert_eq!(object.left(&hourly, START + 2), 10);
}

#[test]
fn so_many_permits_are_held_at_once() {
    let (policy, mut object) = (policy_of(fixed(1 << 40, HOUR)), Object::default());
    for _ in 0..MAX_HELD {
        assert!(object.hold(&policy, 1, MINUTE, START).success);
    }
    let one_more = object.limit(&policy, held_for(1, MINUTE), None, START);
    assert_eq!(one_more, Err(Refusal::TooManyPermits));
    assert!(object.ask(&policy, 1, START).success, "others go on");
    assert!(object.hold(&policy, 1, MINUTE, START + MINUTE).success);
}

#[test]
fn idle_storage_is_empty_once_permits_are_forgotten() {
    let (policy, mut object) = (bucket(10, 1), Object::default());
    let held = permit(&object.hold(&policy, 5, 10 * SECOND, START));
    object.settle(held, &real(5), START + 1).unwrap();
    for _ in 0..4 {
        let Some(alarm) = object.alarm else { break };
        object.clean(alarm.as_millis());
    }
    assert_eq!((object.rows.len(), object.alarm), (0, None));
}

#[test]
fn a_hold_that_is_cancelled_was_never_there() {
    let (policy, mut object) = (policy_of(fixed(10, HOUR)), Object::default());
    let decision = object
        .limit(&policy, held_for(6, MINUTE), Some(5), START)
        .unwrap();
    object.cancel(5, START + 1);
    assert_eq!(object.left(&policy, START + 1), 10);
    let gone = object.settle(permit(&decision), &real(1), START + 1);
    assert_eq!(gone, Err(Refusal::UnknownPermit));
    assert!(!object.rows.keys().any(|key| key.starts_with("permit/")));
    // Neither is it held after a restart, nor can a late cancellation undo a settlement.
    assert_eq!(object.restarted().left(&policy, START + 1), 10);
    let decision = object
        .limit(&policy, held_for(6, MINUTE), Some(6), START + 2)
        .unwrap();
    object
        .settle(permit(&decision), &real(6), START + 2)
        .unwrap();
    object.cancel(6, START + 2);
    assert_eq!(object.left(&policy, START + 2), 4);
}

/// Two objects with parts of one permit, of which the first is its home.
struct Pair {
    home: Object,
    other: Object,
    policy: Policy,
    permit: u128,
}

impl Pair {
    fn new(on_expiry: OnExpiry) -> Pair {
        let policy = policy_of(fixed(100, HOUR));
        let mut pair = Pair {
            home: Object::default(),
            other: Object::default(),
            policy: policy.clone(),
            permit: 77,
        };
        let check = Check {
            on_expiry,
            ..held_for(60, MINUTE)
        };
        let items = [Item { policy, check }];
        let homes = [Home::Here(vec!["other".to_owned()].into()), Home::Elsewhere];
        for (object, home) in [&mut pair.home, &mut pair.other].into_iter().zip(homes) {
            let decided = object.change(|it, effects| {
                let permit = &mut || 77;
                (it.state).hold(&items, Some(1), &home, permit, moment(START), effects)
            });
            assert!(decided.unwrap()[0].success);
        }
        pair
    }

    /// The home tells what it owes, and the other acknowledges it.
    fn tell(&mut self, now: u64) -> Vec<Notice> {
        let notices = self.home.state.notices();
        for notice in &notices {
            let Notice {
                permit, outcome, ..
            } = notice;
            let other = &mut self.other;
            other
                .change(|it, effects| it.state.conclude(*permit, outcome, moment(now), effects))
                .unwrap();
            self.home
                .change(|it, effects| it.state.acknowledge(notice, effects));
        }
        notices
    }

    fn left(&mut self, now: u64) -> (u64, u64) {
        let policy = &self.policy;
        (self.home.left(policy, now), self.other.left(policy, now))
    }
}

#[test]
fn the_home_owes_the_outcome_until_it_is_acknowledged() {
    let mut pair = Pair::new(OnExpiry::GiveBack);
    pair.home.settle(pair.permit, &real(80), START + 1).unwrap();
    // The other part is away; the home restarts, and owes it still.
    pair.home = pair.home.restarted();
    assert!(pair.home.state.has_notices());
    assert!(pair.home.state.rings_by(moment(START + 1).now).is_some());
    assert_eq!(pair.left(START + 10 * SECOND), (20, 40));
    // It comes twice.
    let notices = pair.tell(START + 10 * SECOND);
    assert_eq!(notices.len(), 1);
    for notice in &notices {
        let again = pair.other.change(|it, effects| {
            (it.state).conclude(77, &notice.outcome, moment(START + 11 * SECOND), effects)
        });
        again.unwrap();
    }
    assert_eq!(pair.left(START + 11 * SECOND), (20, 20));
    assert!(!pair.home.restarted().state.has_notices());
}

#[test]
fn a_part_gives_nothing_back_before_its_home_has_said_so() {
    let mut pair = Pair::new(OnExpiry::GiveBack);
    // Its deadline has passed, but its home may have settled.
    assert_eq!(pair.left(START + MINUTE), (100, 40));
    let deadline = pair.home.alarm.unwrap().as_millis();
    assert_eq!(deadline, START + MINUTE, "somebody sees to it");
    pair.home.clean(deadline);
    pair.tell(deadline);
    assert_eq!(pair.left(deadline), (100, 100));
    // Its home is silent for good: what was held is charged.
    let mut pair = Pair::new(OnExpiry::GiveBack);
    assert_eq!(pair.left(START + 2 * MINUTE).1, 40);
    let released = pair.other.change(|it, effects| {
        (it.state).conclude(77, &Outcome::Released, moment(START + 2 * MINUTE), effects)
    });
    assert_eq!(released, Ok(()));
    assert_eq!(pair.left(START + 2 * MINUTE).1, 40);
}

#[test]
fn a_part_that_was_away_is_charged_what_was_settled_meanwhile() {
    for on_expiry in [OnExpiry::Keep, OnExpiry::GiveBack] {
        let mut pair = Pair::new(on_expiry);
        pair.home.settle(pair.permit, &real(80), START + 1).unwrap();
        // Its home is silent for too long, and its alarm deletes what it knows no longer.
        pair.other.clean(START + 2 * MINUTE);
        assert_eq!(pair.left(START + 2 * MINUTE), (20, 40));
        pair.other.clean(START + 20 * HOUR);
        pair.other = pair.other.restarted();
        pair.tell(START + 20 * HOUR);
        assert_eq!(pair.other.left(&pair.policy, START + 20 * HOUR), 80);
    }
}

#[test]
fn a_part_that_was_told_what_was_not_settled_in_time_is_told_a_late_settlement_too() {
    for (on_expiry, told, left) in [
        (OnExpiry::Keep, Outcome::Settled(Real::default()), 70),
        (OnExpiry::GiveBack, Outcome::GivenBack, 10),
    ] {
        let mut pair = Pair::new(on_expiry);
        pair.home.clean(START + MINUTE);
        let notices = pair.tell(START + MINUTE);
        assert_eq!(notices[0].outcome, told);
        // Just before its home forgets the permit; the other one is away for an hour.
        let at = START + 2 * MINUTE - 1;
        pair.home.settle(pair.permit, &real(90), at).unwrap();
        pair.other.clean(at + HOUR);
        pair.tell(at + HOUR);
        assert_eq!(pair.other.left(&pair.policy, at + HOUR), left);
    }
}

#[test]
fn what_is_kept_at_home_is_kept_elsewhere() {
    let mut pair = Pair::new(OnExpiry::Keep);
    pair.home.clean(START + MINUTE);
    pair.tell(START + MINUTE);
    assert_eq!(pair.left(START + MINUTE), (40, 40));
    pair.home
        .settle(pair.permit, &real(90), START + MINUTE + 1)
        .unwrap();
    pair.tell(START + MINUTE + 1);
    assert_eq!(pair.left(START + MINUTE + 1), (10, 10));
}

#[derive(Debug, Clone)]
enum Step {
    Ask(u64),
    Hold {
        cost: u64,
        hold: u64,
        gives_back: bool,
        operation: bool,
    },
    Settle {
        which: usize,
        real: u64,
    },
    Release(usize),
    Renew {
        which: usize,
        hold: u64,
    },
    TopUp {
        which: usize,
        total: u64,
    },
    Cancel(usize),
    Peek(u64),
    Restart,
    Clean,
}

fn steps() -> impl Strategy<Value = Vec<(u64, Step)>> {
    let step = prop_oneof![
        3 => (1..8_u64).prop_map(Step::Ask),
        4 => (1..8_u64, 1..3_000_u64, any::<bool>(), any::<bool>())
            .prop_map(|(cost, hold, gives_back, operation)| {
                Step::Hold { cost, hold, gives_back, operation }
            }),
        3 => (0..8_usize, 0..12_u64).prop_map(|(which, real)| Step::Settle { which, real }),
        1 => (0..8_usize).prop_map(Step::Release),
        1 => (0..8_usize, 1..3_000_u64).prop_map(|(which, hold)| Step::Renew { which, hold }),
        1 => (0..8_usize, 0..10_u64).prop_map(|(which, total)| Step::TopUp { which, total }),
        1 => (0..8_usize).prop_map(Step::Cancel),
        2 => (1..8_u64).prop_map(Step::Peek),
        1 => Just(Step::Restart),
        1 => Just(Step::Clean),
    ];
    prop::collection::vec(
        (prop_oneof![3 => 0..40_u64, 1 => 0..1_500_u64], step),
        1..40,
    )
}

/// A permit as the model knows it.
#[derive(Debug, Clone)]
struct Known {
    permit: u128,
    operation: Option<u128>,
    units: u64,
    until: u64,
    gives_back: bool,
    is_live: bool,
    charged: u64,
    settled: Option<u64>,
    released: bool,
}

/// What was charged and is held, by the definitions alone.
#[derive(Default)]
struct Model {
    admitted: Admitted,
    all: Vec<Known>,
    /// Whether a limit may have carried as much debt as it can, so that something was forgiven.
    has_forgiven: bool,
}

impl Model {
    /// At least the units that are in use.
    fn used(&self, spec: &Spec, now: u64) -> u64 {
        let window = match spec.kind {
            Kind::Quota => MINUTE,
            Kind::TokenBucket | Kind::LeakyBucket => spec.window * 2 * spec.limit / spec.amount,
            _ => 2 * spec.window,
        };
        let all = self.admitted.0.iter().filter(|(at, _)| at + window > now);
        all.map(|(_, units)| units).sum()
    }

    fn expire(&mut self, spec: &Spec, now: u64) {
        let mut over: Vec<&mut Known> = (self.all.iter_mut())
            .filter(|it| it.is_live && it.until <= now)
            .collect();
        over.sort_by_key(|it| it.until);
        let units: u64 = over.iter().map(|it| it.units).sum();
        let first = over.first().map_or(now, |it| it.until);
        for it in over {
            it.is_live = false;
            if !it.gives_back {
                it.charged = it.units;
                self.admitted.add(it.until, it.units);
            }
        }
        self.admitted.sort();
        let most = 2 * spec.limit;
        self.has_forgiven |= units > 0 && self.used(spec, first) + units > most;
    }

    fn held(&self) -> u64 {
        self.all
            .iter()
            .filter(|it| it.is_live)
            .map(|it| it.units)
            .sum()
    }

    fn has_room(&self, spec: &Spec, cost: u64, now: u64) -> bool {
        self.admitted.has_room(spec, cost + self.held(), now)
    }
}

fn specs() -> impl Strategy<Value = Spec> {
    let kinds = counted();
    (
        0..kinds.len(),
        8..24_u64,
        prop_oneof![Just(100), Just(1_000), Just(7_000)],
        1..9_u64,
    )
        .prop_map(move |(kind, limit, window, amount)| Spec {
            kind: kinds[kind],
            limit,
            window: if kinds[kind] == Kind::Quota {
                MINUTE
            } else {
                window
            },
            amount,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    /// An admission is one exactly where the definition has room for it beside what is held; what
    /// is told of waits is exact; real costs are charged once, whatever comes twice or after a
    /// restart.
    #[test]
    fn spent_and_held_are_never_above_the_limit(spec in specs(), steps in steps()) {
        let policy = policy_of(algorithm(&spec));
        let (mut object, mut model) = (Object::with_exact_waits(), Model::default());
        let mut now = START + 10_000;
        let mut operation = 0;
        for (gap, step) in steps {
            now += gap;
            model.expire(&spec, now);
            if model.has_forgiven {
                break; // how much, its own test shows
            }
            match step {
                Step::Ask(cost) => {
                    let decision = object.ask(&policy, cost as i64, now);
                    prop_assert_eq!(decision.success, model.has_room(&spec, cost, now), "{:?} at {}", spec, now - START);
                    if decision.success {
                        model.admitted.add(now, cost);
                    }
                }
                Step::Hold { cost, hold, gives_back, operation: is_operation } => {
                    operation += 1;
                    let id = is_operation.then_some(operation);
                    let on_expiry = if gives_back { OnExpiry::GiveBack } else { OnExpiry::Keep };
                    let check = Check { on_expiry, ..held_for(cost as i64, hold) };
                    let decision = object.limit(&policy, check, id, now).unwrap();
                    prop_assert_eq!(decision.success, model.has_room(&spec, cost, now), "{:?} at {}", spec, now - START);
                    if decision.success {
                        model.all.push(Known {
                            permit: decision.grant.unwrap().permit,
                            operation: id,
                            units: cost,
                            until: now + hold,
                            gives_back,
                            is_live: true,
                            charged: 0,
                            settled: None,
                            released: false,
                        });
                    }
                }
                Step::Settle { which, real: units } => {
                    let Some(known) = model.all.get(which).cloned() else { continue };
                    let answer = object.settle(known.permit, &real(units), now);
                    let answer = if known.released {
                        prop_assert_eq!(answer, Err(Refusal::PermitEnded(End::Released)));
                        continue;
                    } else if known.settled.is_some_and(|settled| settled != units) {
                        prop_assert_eq!(answer, Err(Refusal::PermitEnded(End::Settled)));
                        continue;
                    } else {
                        answer.unwrap().shares[0].units
                    };
                    let more = answer - known.charged;
                    let charged: u64 = model.admitted.0.iter().map(|(_, units)| units).sum();
                    let is_full = charged + more >= spec.limit * 2;
                    prop_assert!(answer == units.max(known.charged) || is_full, "{answer} of {units}");
                    model.admitted.add(now, more);
                    let it = &mut model.all[which];
                    (it.is_live, it.charged, it.settled) = (false, answer, Some(units));
                }
                Step::Release(which) => {
                    let Some(known) = model.all.get(which).cloned() else { continue };
                    let answer = Permits::release(&mut object, known.permit, now);
                    if known.is_live {
                        prop_assert_eq!(answer, Ok(()));
                        let it = &mut model.all[which];
                        (it.is_live, it.released) = (false, true);
                    } else {
                        prop_assert_eq!(answer.is_ok(), known.released);
                    }
                }
                Step::Renew { which, hold } => {
                    let Some(known) = model.all.get(which).cloned() else { continue };
                    let answer = object.renew(known.permit, hold, now);
                    prop_assert_eq!(answer.is_ok(), known.is_live);
                    if let Ok(until) = answer {
                        prop_assert_eq!(until, known.until.max(now + hold));
                        model.all[which].until = until;
                    }
                }
                Step::TopUp { which, total } => {
                    let Some(known) = model.all.get(which).cloned() else { continue };
                    let topup = Topup::new(known.permit, real(total), Overage::Deny);
                    let answer = object.top_up(&topup, now);
                    prop_assert_eq!(answer.is_ok(), known.is_live);
                    let Ok(topped) = answer else { continue };
                    let more = total.saturating_sub(known.units);
                    let fits = more == 0 || model.has_room(&spec, more, now);
                    prop_assert_eq!(topped.success, fits, "{:?} at {}", spec, now - START);
                    if fits {
                        model.all[which].units = total;
                    }
                }
                Step::Cancel(which) => {
                    let Some(known) = model.all.get(which).cloned() else { continue };
                    let Some(id) = known.operation else { continue };
                    object.cancel(id, now);
                    if known.is_live {
                        model.all.remove(which);
                    }
                }
                Step::Peek(cost) => {
                    let rows = object.rows.clone();
                    let peek = Check { peek: true, ..Check::of(cost as i64) };
                    let decision = object.limit(&policy, peek.clone(), None, now).unwrap();
                    prop_assert_eq!(decision.success, model.has_room(&spec, cost, now));
                    prop_assert_eq!(&object.rows, &rows, "a peek changes nothing");
                    if let Some(wait) = decision.retry_after.map(Duration::as_millis) {
                        let mut at = |now| object.limit(&policy, peek.clone(), None, now).unwrap().success;
                        prop_assert!(at(now + wait), "{wait} is enough for {cost} of {spec:?}");
                        prop_assert!(!at(now + wait - 1), "{wait} is too much for {cost} of {spec:?}");
                    } else {
                        prop_assert!(decision.success || cost > spec.limit);
                    }
                }
                Step::Restart => {
                    object = object.restarted();
                    model.all.iter_mut().for_each(|it| it.operation = None);
                }
                Step::Clean => object.clean(now),
            }
        }
    }
}

#[test]
fn rows_come_back_as_they_were() {
    let pair = Pair::new(OnExpiry::GiveBack);
    let mut settled = Pair::new(OnExpiry::Keep);
    settled.home.settle(77, &real(9), START + 1).unwrap();
    for object in [&pair.home, &pair.other, &settled.home] {
        let rows: BTreeMap<String, String> = object.rows.clone();
        let exact = object.restarted().state.exact_rows(moment(START + 1));
        for (key, row) in exact
            .into_iter()
            .filter(|(key, _)| key.starts_with("permit/"))
        {
            assert_eq!(rows.get(&key), Some(&row));
        }
        assert!(rows.keys().any(|key| key.starts_with("permit/")));
    }
}

fn patient() -> Check {
    Check {
        max_delay: Some(ms(MINUTE)),
        ..Check::ONE
    }
}

fn queue() -> Policy {
    let one_a_second = common::leaky(100, 1, SECOND).with_max_delay(ms(MINUTE));
    policy_of(Algorithm::LeakyBucket(one_a_second.unwrap()))
}

#[test]
fn a_place_is_a_permit_until_its_turn() {
    let (policy, mut object) = (queue(), Object::with_exact_waits());
    let ask = |object: &mut Object, operation, now| {
        object.limit(&policy, patient(), operation, now).unwrap()
    };
    let first = ask(&mut object, None, START);
    assert_eq!((first.delay, first.grant), (Some(ms(0)), None));
    let all: Vec<Decision> = (1..4).map(|i| ask(&mut object, Some(i), START)).collect();
    let permits: Vec<u128> = all.iter().map(permit).collect();
    let expires = all
        .iter()
        .map(|it| it.grant.as_ref().unwrap().expires.as_millis() - START);
    assert_eq!(
        expires.collect::<Vec<_>>(),
        [SECOND, 2 * SECOND, 3 * SECOND]
    );
    // Given back after a crash, it is a gap at its instant; once, however often it is said.
    let mut object = object.restarted();
    for _ in 0..2 {
        assert_eq!(Permits::release(&mut object, permits[1], START + 1), Ok(()));
    }
    let next = ask(&mut object, None, START + 1);
    assert_eq!(next.delay, Some(ms(2 * SECOND - 1)), "no promise has moved");
    // What its operation is told then takes nobody else's place.
    object.cancel(2, START + 1);
    assert_eq!(
        ask(&mut object, None, START + 1).delay,
        Some(ms(4 * SECOND - 1))
    );
    // An operation that memory has lost gives its place back all the same.
    object.cancel(3, START + 1);
    assert_eq!(
        ask(&mut object, None, START + 1).delay,
        Some(ms(3 * SECOND - 1))
    );
    // At its turn it is used: it cannot be given back, and is forgotten a minute later.
    let late = Permits::release(&mut object, permits[0], START + SECOND);
    assert_eq!(late, Err(Refusal::PermitEnded(End::Settled)));
    let real = object.settle(next.grant.unwrap().permit, &real(1), START + 1_500);
    assert_eq!(real, Err(Refusal::IsPlace));
    ask(&mut object, None, START + 2 * MINUTE);
    let gone = Permits::release(&mut object, permits[0], START + 2 * MINUTE);
    assert_eq!(gone, Err(Refusal::UnknownPermit));
    for _ in 0..6 {
        let Some(alarm) = object.alarm else { break };
        object.clean(alarm.as_millis());
    }
    assert_eq!((object.rows.len(), object.alarm), (0, None));
}

#[test]
fn a_place_in_several_objects_is_given_back_in_all() {
    let policy = queue();
    let (mut home, mut other) = (Object::default(), Object::default());
    let items = [Item {
        policy: policy.clone(),
        check: patient(),
    }];
    let homes = [Home::Here(vec!["other".to_owned()].into()), Home::Elsewhere];
    for (object, at) in [&mut home, &mut other].into_iter().zip(homes) {
        assert!(object.ask(&policy, 1, START).success);
        let decided = object.change(|it, effects| {
            (it.state).hold(&items, Some(1), &at, &mut || 77, moment(START), effects)
        });
        assert_eq!(decided.unwrap()[0].grant.as_ref().unwrap().permit, 77);
    }
    assert_eq!(Permits::release(&mut home, 77, START + 1), Ok(()));
    for notice in home.restarted().state.notices() {
        let told = other.change(|it, effects| {
            (it.state).conclude(77, &notice.outcome, moment(START + 2), effects)
        });
        told.unwrap();
    }
    for object in [&mut home, &mut other] {
        assert_eq!(
            object.ask(&policy, 1, START + 2).delay,
            Some(ms(SECOND - 2))
        );
    }
}
