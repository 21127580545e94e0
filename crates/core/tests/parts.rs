//! What is done with a permit in all of its objects: the machines that say what to ask and what to
//! undo, with real objects that are silent or late now and then.

#![allow(clippy::unwrap_used)]

mod common;

use common::object::Object;
use common::permits::{costs, held_for, real, Permits};
use common::{fixed, moment, named, policy_of, START};
use proptest::prelude::*;
use tollgate_core::decide::{Check, Overage};
use tollgate_core::decision::Grant;
use tollgate_core::limit::Real;
use tollgate_core::message::{Answer, Call, RefusalCode};
use tollgate_core::parts::{Failed, NewTotal, Next, Renewal, Step};
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::{
    Effects, End, Home, Item, Others, Outcome, Refusal, Topped, Topup,
};
use tollgate_core::Duration;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const PERMIT: u128 = 77;
const DEADLINE: Duration = Duration::from_secs(1);

/// Objects with parts of one permit, of which the first is its home.
struct Parts {
    objects: Vec<Object>,
    now: u64,
    /// Calls that were not waited for, in order.
    late: Vec<(usize, Call)>,
}

/// How an object treats a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Answers,
    /// It does what it is told, and its answer is lost.
    Unheard,
    /// The call arrives when nobody waits for it any more.
    Late,
    /// The call never arrives.
    Lost,
}

fn name_of(object: usize) -> String {
    format!("object{object}")
}

fn number_of(name: &str) -> usize {
    name.strip_prefix("object").unwrap().parse().unwrap()
}

/// Items that ask for so many units of each policy.
fn items(of: &[(Policy, i64)], hold: u64) -> Vec<Item> {
    let item = |(policy, cost): &(Policy, i64)| Item {
        policy: policy.clone(),
        check: held_for(*cost, hold),
    };
    of.iter().map(item).collect()
}

fn names_of(items: &[Item]) -> Vec<String> {
    let names = items.iter().flat_map(Item::limits_held);
    let mut names: Vec<String> = names.map(|name| name.as_str().to_owned()).collect();
    names.dedup();
    names
}

impl Parts {
    /// Each object holds what its items ask for.
    fn held(all: &[Vec<Item>]) -> Parts {
        let objects = (1..all.len()).map(name_of).collect();
        let limits = Some(all[1..].iter().flat_map(|it| names_of(it)).collect());
        let mut home = Home::Here(Others { objects, limits });
        let mut objects = Vec::new();
        for items in all {
            let mut object = Object::default();
            let decided = object.change(|it, effects| {
                let permit = &mut || PERMIT;
                (it.state).hold(items, Some(1), &home, permit, moment(START), effects)
            });
            assert!(decided.unwrap().iter().all(|it| it.success));
            home = Home::Elsewhere;
            objects.push(object);
        }
        Parts {
            objects,
            now: START,
            late: Vec::new(),
        }
    }

    /// An object does what a call says, which it is sent as text.
    fn call(&mut self, object: usize, call: &Call) -> Answer {
        let now = self.now;
        let (version, call) = Call::decode(&call.encode()).unwrap();
        let answer = self.objects[object].change(|it, effects: &mut Effects| {
            it.state.answer(&call, &mut || 9, moment(now), effects)
        });
        Answer::decode(&answer.encode_in(version)).unwrap()
    }

    /// Does what a machine says, as a Worker does.
    fn run<T>(
        &mut self,
        mut step: Step<T>,
        mut how: impl FnMut(usize) -> How,
        mut next: impl FnMut(Vec<Option<Answer>>, u64) -> Step<T>,
    ) -> Result<T, Failed> {
        loop {
            for (object, call) in &step.tell {
                let object = number_of(object);
                self.call(object, call);
            }
            let calls = match step.next {
                Next::Ask { calls, patience } => {
                    assert!(patience > Duration::ZERO && !calls.is_empty());
                    calls
                }
                Next::Done(done) => return done,
            };
            let mut answers = Vec::new();
            for (object, call) in calls {
                let object = number_of(&object);
                answers.push(match how(object) {
                    How::Answers => Some(self.call(object, &call)),
                    How::Unheard => {
                        self.call(object, &call);
                        None
                    }
                    How::Late => {
                        self.late.push((object, call));
                        None
                    }
                    How::Lost => None,
                });
            }
            step = next(answers, self.now);
        }
    }

    fn top_up(
        &mut self,
        (total, overage): (Real, Overage),
        how: impl FnMut(usize) -> How,
    ) -> Result<Topped, Failed> {
        let topup = Topup::new(PERMIT, total, overage);
        let (mut total, step) = NewTotal::begin(name_of(0), topup, DEADLINE);
        self.run(step, how, |answers, _| total.step(answers))
    }

    /// Begins a topup that its home has answered: what is to be done then.
    fn begun(&mut self, topup: Topup) -> (NewTotal, Step<Topped>) {
        let (mut total, _) = NewTotal::begin(name_of(0), topup.clone(), DEADLINE);
        let at_home = self.call(0, &Call::TopUp(topup));
        let step = total.step(vec![Some(at_home)]);
        (total, step)
    }

    fn renew(&mut self, hold: u64, how: impl FnMut(usize) -> How) -> Result<Grant, Failed> {
        let asked = (PERMIT, Some(Duration::from_millis(hold)));
        let now = |now| moment(now).now;
        let (mut renewal, step) = Renewal::begin(name_of(0), asked, DEADLINE, now(self.now));
        self.run(step, how, |answers, at| renewal.step(answers, now(at)))
    }

    /// What is held of each limit of each object.
    fn units(&self) -> Vec<Vec<u64>> {
        let units = |object: &Object| {
            let status = object.state.status(None, moment(self.now)).unwrap();
            status.limits.iter().map(|limit| limit.held).collect()
        };
        self.objects.iter().map(units).collect()
    }

    /// What is late arrives.
    fn arrive(&mut self) {
        for (object, call) in core::mem::take(&mut self.late) {
            self.call(object, &call);
        }
    }
}

fn simple(limits: &[u64]) -> Vec<Vec<Item>> {
    let policy = |limit: &u64| items(&[(policy_of(fixed(*limit, HOUR)), 4)], MINUTE);
    limits.iter().map(policy).collect()
}

const WELL: fn(usize) -> How = |_| How::Answers;

#[test]
fn a_topup_is_held_in_all_parts_or_undone_in_all() {
    let mut parts = Parts::held(&simple(&[100, 50, 20]));
    let topped = parts.top_up((real(20), Overage::Deny), WELL).unwrap();
    assert!(topped.success && parts.units() == [[20], [20], [20]]);
    let refused = parts.top_up((real(21), Overage::Deny), WELL).unwrap();
    let told = (refused.success, refused.held[0].1, refused.retry_after);
    assert_eq!(told, (false, 20, None), "what is held would have to end");
    assert_eq!(parts.units(), [[20], [20], [20]]);
    let capped = parts.top_up((real(5), Overage::Cap), WELL).unwrap();
    assert!(capped.success && parts.units() == [[5], [5], [5]]);
    let capped = parts.top_up((real(200), Overage::Cap), WELL).unwrap();
    assert_eq!((capped.success, capped.held[0].1), (true, 20));
    assert_eq!(parts.units(), [[20], [20], [20]]);
}

#[test]
fn of_several_refusals_the_longest_is_told() {
    for windows in [[HOUR, 2 * HOUR], [2 * HOUR, HOUR]] {
        let of = |window| policy_of(fixed(20, window));
        let all = windows.map(|window| items(&[(of(window), 4)], MINUTE));
        let mut parts = Parts::held(&[simple(&[100])[0].clone(), all[0].clone(), all[1].clone()]);
        for (object, window) in parts.objects[1..].iter_mut().zip(windows) {
            assert!(object.ask(&of(window), 10, START).success);
        }
        let refused = parts.top_up((real(15), Overage::Deny), WELL).unwrap();
        let told = (refused.success, refused.retry_after);
        assert_eq!(told, (false, Some(Duration::from_millis(2 * HOUR))));
        assert_eq!(parts.units(), [[4], [4], [4]]);
    }
}

#[test]
fn where_a_part_is_silent_every_other_one_holds_what_it_did() {
    for silence in [How::Unheard, How::Late, How::Lost] {
        let mut parts = Parts::held(&simple(&[100, 100, 100]));
        let how = |object| if object == 1 { silence } else { How::Answers };
        let topped = parts.top_up((real(20), Overage::Deny), how);
        assert_eq!(topped, Err(Failed::Silent));
        assert_eq!(parts.units(), [[4], [4], [4]], "{silence:?}");
        // What arrives after it was undone is not done any more.
        parts.arrive();
        assert_eq!(parts.units(), [[4], [4], [4]], "{silence:?}");
        assert!(
            parts
                .top_up((real(9), Overage::Deny), WELL)
                .unwrap()
                .success
        );
        assert_eq!(parts.units(), [[9], [9], [9]]);
    }
}

#[test]
fn what_is_undone_late_undoes_no_newer_topup() {
    let mut parts = Parts::held(&simple(&[100, 100, 10]));
    let topup = Topup::new(PERMIT, real(20), Overage::Deny);
    let (mut total, step) = parts.begun(topup);
    let Next::Ask { calls, .. } = step.next else {
        panic!("the others are asked");
    };
    let answers = calls
        .iter()
        .map(|(object, call)| Some(parts.call(number_of(object), call)));
    let undoing = total.step(answers.collect());
    // Before any of that arrives the caller tries again, for less.
    assert!(
        parts
            .top_up((real(8), Overage::Deny), WELL)
            .unwrap()
            .success
    );
    let step = |answers, _| total.step(answers);
    let late = parts.run(undoing, WELL, step).unwrap();
    assert_eq!((late.success, late.held[0].1), (false, 8));
    assert_eq!(parts.units(), [[8], [8], [8]]);
}

/// A part for each of these limits, of that name.
fn by_names(limits: &[(&str, u64)]) -> Vec<Vec<Item>> {
    let policy = |&(name, limit): &(&str, u64)| {
        let policy = Policy::new(vec![named(name, fixed(limit, HOUR))]).unwrap();
        items(&[(policy, 4)], MINUTE)
    };
    limits.iter().map(policy).collect()
}

#[test]
fn what_a_topup_lowers_is_let_go_once_all_have_agreed() {
    let cents = Policy::new(vec![named("cents", fixed(4, HOUR))]).unwrap();
    for (mails, success) in [(30, false), (20, true)] {
        let mut parts = Parts::held(&by_names(&[("cents", 4), ("mails", 20)]));
        let total = Real {
            cost: None,
            costs: costs(&[("cents", 1), ("mails", mails)]),
        };
        let (mut total, step) = parts.begun(Topup::new(PERMIT, total, Overage::Deny));
        // Somebody asks at home meanwhile.
        let asked = parts.objects[0].limit(&cents, Check::of(3), None, START);
        assert!(!asked.unwrap().success);
        let next = |answers, _| total.step(answers);
        let topped = parts.run(step, WELL, next).unwrap();
        let held = [("cents".to_owned(), if success { 1 } else { 4 })];
        assert_eq!((topped.success, topped.held), (success, held.to_vec()));
        let units = if success { [[1], [20]] } else { [[4], [4]] };
        assert_eq!(parts.units(), units);
    }
}

#[test]
fn what_is_lowered_can_be_lowered_again_where_a_part_was_silent() {
    for (silent, left) in [(0, [20, 5]), (1, [5, 20])] {
        let mut parts = Parts::held(&simple(&[100, 100]));
        let of = |total| (real(total), Overage::Deny);
        assert!(parts.top_up(of(20), WELL).unwrap().success);
        let mut asked = [0, 0];
        let lowered = parts.top_up(of(5), |object| {
            asked[object] += 1;
            match object == silent && asked[object] == 2 {
                true => How::Lost,
                false => How::Answers,
            }
        });
        assert_eq!(lowered, Err(Failed::Silent));
        assert_eq!(parts.units(), left.map(|units| [units]));
        assert!(parts.top_up(of(5), WELL).unwrap().success);
        assert_eq!(parts.units(), [[5], [5]]);
    }
}

#[test]
fn no_part_lets_anything_go_where_one_is_silent_or_has_no_room() {
    for silent in [0, 1, 2] {
        for silence in [How::Unheard, How::Late, How::Lost] {
            let mut parts = Parts::held(&simple(&[100, 100, 100]));
            let of = |total| (real(total), Overage::Deny);
            assert!(parts.top_up(of(20), WELL).unwrap().success);
            let mut is_first = true;
            let how = |object| match object == silent && core::mem::take(&mut is_first) {
                true => silence,
                false => How::Answers,
            };
            assert_eq!(parts.top_up(of(5), how), Err(Failed::Silent));
            parts.arrive();
            assert_eq!(parts.units(), [[20], [20], [20]], "{silent} {silence:?}");
        }
    }
}

#[test]
fn a_topup_that_was_overtaken_is_not_answered_as_if_it_were_done() {
    for total in [8, 30] {
        let mut parts = Parts::held(&simple(&[100, 100]));
        let (mut first, step) = parts.begun(Topup::new(PERMIT, real(30), Overage::Deny));
        let second = parts.top_up((real(total), Overage::Deny), WELL).unwrap();
        assert!(second.success);
        let next = |answers, _| first.step(answers);
        let topped = parts.run(step, WELL, next).unwrap();
        let told = (topped.success, topped.held[0].1, topped.retry_after);
        assert_eq!(told, (false, total, None));
        assert_eq!(parts.units(), [[total], [total]]);
    }
}

#[test]
fn of_two_topups_at_once_that_both_fail_nothing_is_left() {
    for total in [5, 30] {
        let mut parts = Parts::held(&simple(&[100, 100, 50]));
        let of = |total| (real(total), Overage::Deny);
        assert!(parts.top_up(of(20), WELL).unwrap().success);
        let (mut first, step) = parts.begun(Topup::new(PERMIT, real(total), Overage::Deny));
        let refused = parts.top_up(of(60), WELL).unwrap();
        assert!(!refused.success);
        let how = |object| if object == 1 { How::Lost } else { How::Answers };
        let next = |answers, _| first.step(answers);
        assert_eq!(parts.run(step, how, next), Err(Failed::Silent));
        assert_eq!(parts.units(), [[20], [20], [20]], "{total}");
    }
}

#[test]
fn a_topup_that_is_undone_after_a_newer_one_began_is_what_that_one_goes_back_to() {
    // The first is undone, or all have agreed to it, while the second is under way.
    for (lost, left) in [(true, 20), (false, 5)] {
        let mut parts = Parts::held(&simple(&[100, 100, 50]));
        let of = |total| (real(total), Overage::Deny);
        assert!(parts.top_up(of(20), WELL).unwrap().success);
        let asked = if lost { 30 } else { 5 };
        let (mut first, mut step) = parts.begun(Topup::new(PERMIT, real(asked), Overage::Deny));
        if !lost {
            // All agree before the second one begins.
            let Next::Ask { calls, .. } = step.next else {
                panic!("the others are asked");
            };
            let calls = calls.iter();
            let answers = calls.map(|(object, call)| Some(parts.call(number_of(object), call)));
            step = first.step(answers.collect());
        }
        let (mut second, second_step) = parts.begun(Topup::new(PERMIT, real(60), Overage::Deny));
        let how = |object| match lost && object == 1 {
            true => How::Lost,
            false => How::Answers,
        };
        let done = parts.run(step, how, |answers, _| first.step(answers));
        match lost {
            true => assert_eq!(done, Err(Failed::Silent)),
            false => {
                let topped = done.unwrap();
                assert_eq!((topped.success, topped.held[0].1), (true, 5));
            }
        }
        let next = |answers, _| second.step(answers);
        let refused = parts.run(second_step, WELL, next).unwrap();
        assert_eq!((refused.success, refused.held[0].1), (false, left));
        assert_eq!(parts.units(), [[left], [left], [left]]);
    }
}

#[test]
fn a_home_that_has_lost_count_numbers_past_its_parts() {
    // A build from before has written the row of the home in between: it has no `turn`.
    let mut parts = Parts::held(&simple(&[100, 100]));
    let of = |total| (real(total), Overage::Deny);
    for total in [10, 11, 12, 13] {
        assert!(parts.top_up(of(total), WELL).unwrap().success);
    }
    for row in parts.objects[0].rows.values_mut() {
        *row = row.replace(" turn=4 limits=", "");
    }
    parts.objects[0] = parts.objects[0].restarted();
    assert_eq!(parts.top_up(of(50), WELL), Err(Failed::Silent));
    assert_eq!(parts.units(), [[13], [13]]);
    for total in [50, 6] {
        assert!(parts.top_up(of(total), WELL).unwrap().success);
        assert_eq!(parts.units(), [[total], [total]]);
    }
}

#[test]
fn so_many_topups_can_be_undone_and_no_more_are_kept() {
    let mut parts = Parts::held(&simple(&[100, 100]));
    let under_way: Vec<_> = (5..20)
        .map(|total| parts.begun(Topup::new(PERMIT, real(total), Overage::Deny)))
        .collect();
    for (mut total, step) in under_way.into_iter().rev() {
        let how = |object| if object == 1 { How::Lost } else { How::Answers };
        let failed = parts.run(step, how, |answers, _| total.step(answers));
        assert_eq!(failed, Err(Failed::Silent));
    }
    // Fifteen were under way, of which the newest eight are undone.
    assert_eq!(parts.units(), [[11], [4]]);
}

/// A permit over units of one object, and over a place of another that is ahead.
fn with_a_place() -> (Parts, Policy) {
    let mut parts = Parts::held(&simple(&[100]));
    let bucket = tollgate_core::Algorithm::TokenBucket(common::bucket(4, 1, MINUTE));
    let policy = policy_of(bucket);
    let mut object = Object::default();
    assert!(object.ask(&policy, 4, START).success);
    let item = Item {
        policy: policy.clone(),
        check: Check {
            max_delay: Some(Duration::from_secs(600)),
            ..Check::of(1)
        },
    };
    let decided = object.change(|it, effects| {
        let permit = &mut || PERMIT;
        (it.state).hold(
            &[item],
            Some(1),
            &Home::Elsewhere,
            permit,
            moment(START),
            effects,
        )
    });
    assert!(decided.unwrap()[0].grant.is_some());
    let mut home = Object::default();
    let others = vec![name_of(1)];
    let held = home.change(|it, effects| {
        let permit = &mut || PERMIT;
        let here = Home::Here(others.into());
        let items = &simple(&[100])[0];
        (it.state).hold(items, Some(1), &here, permit, moment(START), effects)
    });
    assert!(held.unwrap()[0].success);
    parts.objects = vec![home, object];
    (parts, policy)
}

#[test]
fn a_place_in_another_object_is_neither_topped_up_nor_renewed_nor_settled() {
    let permit = PERMIT;
    let outcomes = [
        Outcome::Settled(real(3)),
        Outcome::Settled(Real::default()),
        Outcome::GivenBack,
    ];
    for outcome in outcomes {
        let (mut parts, policy) = with_a_place();
        let topped = parts.top_up((real(9), Overage::Deny), WELL).unwrap();
        assert!(topped.success && topped.held[0].1 == 9);
        assert!(
            parts
                .top_up((real(5), Overage::Deny), WELL)
                .unwrap()
                .success
        );
        let grant = parts.renew(HOUR, WELL).unwrap();
        assert_eq!(grant.expires.as_millis(), START + HOUR);
        // A minute later its turn has come; it is one unit, which was charged when it was promised.
        for now in [START + SECOND, START + MINUTE + SECOND] {
            parts.now = now;
            let outcome = outcome.clone();
            let told = parts.call(1, &Call::Conclude { permit, outcome });
            assert_eq!(told, Answer::Done);
            let wait = parts.objects[1].ask(&policy, 1, now).retry_after;
            let wait = wait.map(|wait| now + wait.as_millis());
            assert_eq!(wait, Some(START + 2 * MINUTE), "{now}");
        }
    }
}

#[test]
fn a_place_in_another_object_comes_back_where_its_permit_is_released() {
    let (mut parts, policy) = with_a_place();
    let call = Call::Conclude {
        permit: PERMIT,
        outcome: Outcome::Released,
    };
    assert_eq!(parts.call(1, &call), Answer::Done);
    let wait = parts.objects[1].ask(&policy, 1, START).retry_after;
    assert_eq!(wait, Some(Duration::from_millis(MINUTE)));
}

#[test]
fn units_and_a_place_of_one_object_are_the_permit_of_the_units() {
    let bucket = tollgate_core::Algorithm::TokenBucket(common::bucket(4, 1, MINUTE));
    let bucket = policy_of(bucket);
    let place = Item {
        policy: bucket.clone(),
        check: Check {
            max_delay: Some(Duration::from_secs(600)),
            ..Check::of(1)
        },
    };
    let units = simple(&[100])[0][0].clone();
    for items in [[units.clone(), place.clone()], [place, units]] {
        let mut object = Object::default();
        assert!(object.ask(&bucket, 4, START).success);
        let decided = object.change(|it, effects| {
            let permit = &mut || PERMIT;
            let home = &Home::default();
            (it.state).hold(&items, Some(1), home, permit, moment(START), effects)
        });
        assert!(decided.unwrap().iter().all(|it| it.success));
        let held = |object: &Object| {
            let status = object.state.status(None, moment(START)).unwrap();
            status.limits.iter().map(|limit| limit.held).sum::<u64>()
        };
        assert_eq!(held(&object), 4);
        let settled = object.settle(PERMIT, &real(3), START).unwrap();
        let charged: Vec<u64> = settled.shares.iter().map(|share| share.units).collect();
        assert_eq!((charged, held(&object)), (vec![3], 0));
        let wait = object.ask(&bucket, 1, START).retry_after;
        assert_eq!(wait, Some(Duration::from_millis(2 * MINUTE)));
    }
}

#[test]
fn limits_of_one_name_or_none_hold_again_what_each_did() {
    let hour = |limit, window| named("hour", fixed(limit, window));
    let two = |a, b| {
        let of = [hour(100, HOUR), hour(100, 2 * HOUR)];
        let policies = of.map(|limit| Policy::new(vec![limit]).unwrap());
        let [one, other] = policies;
        let unnamed = policy_of(fixed(100, 3 * HOUR));
        items(
            &[
                (in_policy(one, "a"), a),
                (in_policy(other, "b"), b),
                (unnamed, 9),
            ],
            MINUTE,
        )
    };
    let mut parts = Parts::held(&[two(4, 5), simple(&[20])[0].clone(), two(6, 7)]);
    let before = parts.units();
    let refused = parts.top_up((real(30), Overage::Deny), WELL).unwrap();
    assert!(!refused.success);
    assert_eq!(parts.units(), before);
    // A cost by name is that of each limit of the name.
    let total = Real {
        cost: None,
        costs: costs(&[("hour", 11)]),
    };
    assert!(parts.top_up((total, Overage::Deny), WELL).unwrap().success);
    assert_eq!(parts.units(), [vec![11, 11, 9], vec![4], vec![11, 11, 9]]);
}

#[test]
fn what_is_capped_by_one_name_is_as_much_at_each_limit_of_the_name() {
    let of = |name, limit| {
        let limit = named("hour", fixed(limit, HOUR));
        in_policy(Policy::new(vec![limit]).unwrap(), name)
    };
    let two = items(&[(of("a", 100), 4), (of("b", 20), 5)], MINUTE);
    let mut parts = Parts::held(&[two, items(&[(of("c", 50), 4)], MINUTE)]);
    let total = Real {
        cost: None,
        costs: costs(&[("hour", 70)]),
    };
    let topped = parts.top_up((total, Overage::Cap), WELL).unwrap();
    assert!(topped.success && topped.held.iter().all(|(_, units)| *units == 20));
    assert_eq!(parts.units(), [vec![20, 20], vec![20]]);
}

fn in_policy(policy: Policy, name: &str) -> Policy {
    use tollgate_core::policy::Version;
    let name = tollgate_core::limit::Name::new("policy", name).unwrap();
    policy.named(name, Version::NONE)
}

#[test]
fn a_part_that_was_never_taken_is_not_asked_for_more_and_one_that_is_over_ends_it() {
    let mut parts = Parts::held(&simple(&[100, 100]));
    parts.objects[1] = Object::default();
    assert!(
        parts
            .top_up((real(9), Overage::Deny), WELL)
            .unwrap()
            .success
    );
    assert!(parts.renew(2 * MINUTE, WELL).is_ok());
    let mut parts = Parts::held(&simple(&[100, 100]));
    let permit = PERMIT;
    let outcome = Outcome::Released;
    parts.call(1, &Call::Conclude { permit, outcome });
    let how = End::Released.word().to_owned();
    let ended = Answer::Refused(RefusalCode::PermitEnded, how);
    let ended = Failed::Refused(Box::new(ended));
    let topped = parts.top_up((real(9), Overage::Deny), WELL);
    assert_eq!(topped, Err(ended.clone()));
    assert_eq!(parts.units()[0], [4]);
    assert_eq!(parts.renew(2 * MINUTE, WELL), Err(ended));
}

#[test]
fn a_renewal_is_answered_when_all_parts_have_renewed() {
    for silence in [How::Unheard, How::Late, How::Lost] {
        let mut parts = Parts::held(&simple(&[100, 100, 100]));
        let mut asked = 0;
        let once = |object| {
            asked += usize::from(object == 1);
            if object == 1 && asked == 1 {
                silence
            } else {
                How::Answers
            }
        };
        let grant = parts.renew(HOUR, once).unwrap();
        assert_eq!(grant.expires.as_millis(), START + HOUR);
        // Nobody tells the parts anything; each is held until then, and the others as long again.
        parts.now = START + HOUR - 1;
        assert_eq!(parts.units(), [[4], [4], [4]], "{silence:?}");
    }
}

#[test]
fn a_renewal_that_a_part_does_not_answer_twice_fails_and_can_be_made_again() {
    let mut parts = Parts::held(&simple(&[100, 100]));
    let how = |object| if object == 1 { How::Lost } else { How::Answers };
    assert_eq!(parts.renew(HOUR, how), Err(Failed::Silent));
    assert_eq!(parts.units(), [[4], [4]]);
    let grant = parts.renew(HOUR, WELL).unwrap();
    assert_eq!(grant.expires.as_millis(), START + HOUR);
    // Its home is not asked twice, and nothing is asked after the deadline.
    let mut asked = Vec::new();
    let asked_now = &mut asked;
    let silent = parts.renew(HOUR, |object| {
        asked_now.push(object);
        How::Lost
    });
    assert_eq!((silent, asked), (Err(Failed::Silent), vec![0]));
    let (mut renewal, _) = Renewal::begin(name_of(0), (PERMIT, None), DEADLINE, moment(START).now);
    let at_home = parts.call(
        0,
        &Call::Renew {
            permit: PERMIT,
            hold: None,
        },
    );
    let late = moment(START + 1_000).now;
    let Next::Ask { patience, .. } = renewal
        .step(vec![Some(at_home)], moment(START + 600).now)
        .next
    else {
        panic!("the other part is asked");
    };
    assert_eq!(patience, Duration::from_millis(200));
    assert_eq!(
        renewal.step(vec![None], late).next,
        Next::Done(Err(Failed::Silent))
    );
}

#[test]
fn the_first_deadline_of_all_parts_is_answered() {
    let slots = tollgate_core::limit::Concurrency::new(3, Duration::from_secs(30)).unwrap();
    let slots = policy_of(tollgate_core::Algorithm::Concurrency(slots));
    let counted = simple(&[100])[0].clone();
    let mut parts = Parts::held(&[counted, items(&[(slots, 1)], MINUTE)]);
    let grant = parts.renew(HOUR, WELL).unwrap();
    assert_eq!(grant.expires.as_millis(), START + 30 * SECOND);
}

#[test]
fn a_cost_of_a_limit_that_no_part_has_is_refused_and_nothing_is_settled() {
    let limit = |name: &str| Policy::new(vec![named(name, fixed(100, HOUR))]).unwrap();
    let of = |name| items(&[(limit(name), 4)], MINUTE);
    for restarts in [false, true] {
        let mut parts = Parts::held(&[of("mails"), of("cents")]);
        if restarts {
            parts.objects[0] = parts.objects[0].restarted();
        }
        let wrong = Real {
            cost: None,
            costs: costs(&[("mails", 1), ("cent", 2)]),
        };
        let refused = Answer::Refused(RefusalCode::NotHeld, "cent".to_owned());
        let permit = PERMIT;
        let settle = |real| Call::Settle { permit, real };
        assert_eq!(parts.call(0, &settle(wrong.clone())), refused);
        let topped = parts.top_up((wrong, Overage::Deny), WELL);
        assert_eq!(topped, Err(Failed::Refused(Box::new(refused))));
        assert_eq!(parts.units(), [[4], [4]]);
        let right = Real {
            cost: None,
            costs: costs(&[("mails", 1), ("cents", 2)]),
        };
        let settled = parts.call(0, &settle(right.clone()));
        assert!(matches!(settled, Answer::Settled(_)), "{settled:?}");
        let outcome = Outcome::Settled(right);
        parts.call(1, &Call::Conclude { permit, outcome });
        let used = |object: &Object| {
            let status = object.state.status(None, moment(START)).unwrap();
            status.limits[0].remaining
        };
        let left: Vec<u64> = parts.objects.iter().map(used).collect();
        assert_eq!(left, [99, 98]);
    }
}

#[test]
fn a_home_takes_the_names_by_which_others_have_decided_for_those_of_other_parts() {
    let mut parts = Parts::held(&by_names(&[("mails", 100), ("old", 100)]));
    let permit = PERMIT;
    let settle = |name: &str| Call::Settle {
        permit,
        real: Real {
            cost: None,
            costs: costs(&[(name, 2)]),
        },
    };
    let refused = |name: &str| Answer::Refused(RefusalCode::NotHeld, name.to_owned());
    assert_eq!(parts.call(0, &settle("fresh")), refused("fresh"));
    let limits = vec!["fresh".to_owned()];
    let names = Call::Names { permit, limits };
    assert_eq!(parts.call(0, &names), Answer::Done);
    parts.objects[0] = parts.objects[0].restarted();
    assert_eq!(parts.call(0, &settle("old")), refused("old"));
    let settled = parts.call(0, &settle("fresh"));
    assert!(matches!(settled, Answer::Settled(_)), "{settled:?}");
    // Who is no home knows no names, and who holds nothing no permit.
    assert_eq!(parts.call(1, &names), Answer::Done);
    let permit = PERMIT + 1;
    let limits = Vec::new();
    let unknown = parts.call(0, &Call::Names { permit, limits });
    assert!(matches!(
        unknown,
        Answer::Refused(RefusalCode::UnknownPermit, _)
    ));
}

#[test]
fn a_home_that_was_told_no_names_takes_every_name_for_one_of_another_part() {
    let policy = policy_of(fixed(100, HOUR));
    let items = items(&[(policy, 4)], MINUTE);
    for (home, result) in [
        (Home::Here(vec!["other".to_owned()].into()), Ok(())),
        (Home::default(), Err(Refusal::NotHeld("cents".to_owned()))),
    ] {
        let mut object = Object::default();
        let held = object.change(|it, effects| {
            let permit = &mut || PERMIT;
            (it.state).hold(&items, None, &home, permit, moment(START), effects)
        });
        assert!(held.unwrap()[0].success);
        let real = Real {
            cost: None,
            costs: costs(&[("cents", 2)]),
        };
        assert_eq!(object.settle(PERMIT, &real, START).map(drop), result);
    }
}

#[derive(Debug, Clone)]
struct Try {
    total: u64,
    cap: bool,
    how: Vec<How>,
    /// What the caller asks of the limits beside the permit.
    beside: (usize, u64),
}

fn how() -> impl Strategy<Value = How> {
    prop_oneof![
        6 => Just(How::Answers),
        1 => Just(How::Unheard),
        1 => Just(How::Late),
        1 => Just(How::Lost),
    ]
}

fn attempt() -> impl Strategy<Value = Try> {
    let how = prop::collection::vec(how(), 12);
    (0..40_u64, any::<bool>(), how, (0..3_usize, 0..6_u64)).prop_map(|(total, cap, how, beside)| {
        Try {
            total,
            cap,
            how,
            beside,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// However many topups there are, and whatever of them is lost or late: what was answered last
    /// is held by every part, and no limit is exceeded.
    #[test]
    fn no_part_holds_less_than_was_answered(
        limits in prop::collection::vec(8..40_u64, 3),
        tries in prop::collection::vec(attempt(), 1..8),
    ) {
        let mut parts = Parts::held(&simple(&limits));
        let mut least = 4;
        for Try { total, cap, how, beside } in tries {
            let overage = if cap { Overage::Cap } else { Overage::Deny };
            let mut how = how.into_iter();
            let before = parts.units();
            let answer = parts.top_up((real(total), overage), |_| how.next().unwrap_or(How::Answers));
            match &answer {
                Ok(topped) if topped.success => least = topped.held[0].1,
                Ok(_) => {} // it tells what the home holds
                // All have agreed, perhaps, and some hold less by now, as was asked for.
                Err(_) => least = least.min(total),
            }
            if matches!(&answer, Ok(topped) if !topped.success) {
                prop_assert_eq!(parts.units(), before);
            }
            parts.arrive();
            for (units, limit) in parts.units().iter().zip(&limits) {
                prop_assert!(units[0] >= least, "{:?} of {}", parts.units(), least);
                prop_assert!(units[0] <= *limit);
            }
            let (object, cost) = beside;
            let policy = policy_of(fixed(limits[object], HOUR));
            parts.objects[object].limit(&policy, Check::of(cost as i64), None, START).unwrap();
        }
    }
}
