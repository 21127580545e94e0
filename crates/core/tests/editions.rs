//! Policies that deployments bring: where no stored policy holds, an edition of one does. It is
//! older or newer than what is stored, and neither than another edition.

#![allow(clippy::unwrap_used)]

mod common;

use common::object::Object;
use common::{fixed, version, START};
use proptest::prelude::*;
use tollgate_core::api::response::DecisionBody;
use tollgate_core::decide::Check;
use tollgate_core::decision::{Decision, Source};
use tollgate_core::limit::Name;
use tollgate_core::message::{encode_limit, Call};
use tollgate_core::policy::{Policy, Version};
use tollgate_core::subject::{Namespace, SubjectParts};
use tollgate_core::subject_state::{Item, Refusal};
use tollgate_core::{Algorithm, Limit};

const HOUR: u64 = 3_600_000;

fn p(version: Version, algorithms: &[Algorithm]) -> Policy {
    let limits = algorithms.iter().map(|it| Limit::new(None, it.clone()));
    let policy = Policy::new(limits.collect()).unwrap();
    policy.named(Name::new("policy", "p").unwrap(), version)
}

/// So many an hour, as a deployment brings it: behind the deletion of this number.
fn brought(edition: u64, number: u64, limit: u64) -> Policy {
    let version = Version {
        edition,
        ..version(number)
    };
    p(version, &[fixed(limit, HOUR)])
}

/// So many an hour, as it is stored.
fn stored(number: u64, limit: u64) -> Policy {
    p(version(number), &[fixed(limit, HOUR)])
}

fn decided_by(asked: &Policy, decision: &Decision) -> Version {
    let newer = decision.newer.as_deref();
    newer.map_or(asked.version(), Policy::version)
}

#[test]
fn what_is_stored_and_what_a_deployment_brings_follow_each_other_and_no_object_goes_back() {
    // Nothing stored at all, then of this namespace something, then of this name.
    let nowhere = Version {
        edition: 7,
        ..Version::NONE
    };
    let in_turn = [
        p(nowhere, &[fixed(10, HOUR)]),
        brought(7, 0, 10),
        stored(1, 20),
        stored(2, 30),
        // Version 3 is the deletion, behind which the deployment's holds again.
        brought(7, 3, 10),
        stored(4, 40),
    ];
    let mut object = Object::default();
    for (i, newest) in in_turn.iter().enumerate() {
        assert!(object.ask(newest, 1, START).newer.is_none());
        for _ in 0..2 {
            for older in &in_turn[..i] {
                let decision = object.ask(older, 0, START);
                assert_eq!(decided_by(older, &decision), newest.version());
            }
            object = object.restarted();
        }
    }
}

#[test]
fn of_two_deployments_each_is_decided_by_its_own_also_behind_a_rollback() {
    let mut object = Object::default();
    let [one, other] = [brought(7, 0, 100), brought(8, 0, 10)];
    for (asked, limit) in [
        (&one, 100),
        (&other, 10),
        (&one, 100),
        (&other, 10),
        (&one, 100),
    ] {
        let decision = object.ask(asked, 1, START);
        assert!(decision.newer.is_none());
        assert_eq!(decision.limits[0].limit, limit);
        object = object.restarted();
    }
    // They count the same: whoever asks more than the smaller one has is refused by it.
    assert!(!object.ask(&other, 6, START).success);
    assert!(object.ask(&other, 5, START).success);
    // And both are older than what is stored.
    object.ask(&stored(1, 50), 1, START);
    for asked in [&one, &other] {
        assert_eq!(decided_by(asked, &object.ask(asked, 0, START)), version(1));
    }
}

#[test]
fn another_edition_is_not_taken_for_the_one_that_is_kept() {
    let mut object = Object::default();
    let [one, other] = [brought(7, 3, 100), brought(8, 3, 10)];
    let reference = |policy: &Policy| {
        let name = policy.name().unwrap().clone();
        Policy::reference(name, policy.version())
    };
    assert!(object.ask(&one, 1, START).keeps_policy);
    let unknown = Err(Refusal::UnknownDefinition("p".to_owned()));
    assert_eq!(
        object.limit(&reference(&other), Check::of(1), None, START),
        unknown
    );
    assert!(object.ask(&other, 1, START).keeps_policy);
    assert_eq!(object.ask(&reference(&other), 1, START).limits[0].limit, 10);
    assert_eq!(
        object.limit(&reference(&one), Check::of(1), None, START),
        unknown
    );
}

#[test]
fn an_edition_travels_and_is_shown_as_its_number() {
    let items = [Item {
        policy: brought(9, 0, 10),
        check: Check::of(1),
    }];
    let text = encode_limit(None, &items, &|_| true).to_string();
    assert!(text.contains("edition=9"), "{text}");
    let (_, call) = Call::decode(&text).unwrap();
    let Call::Limit { items: read, .. } = call else {
        panic!("{text}")
    };
    assert_eq!(read[0].policy.version(), items[0].policy.version());
    let decision = Object::default().ask(&items[0].policy, 1, START);
    let subject = SubjectParts::new("u").unwrap();
    let subject = subject.in_namespace(Namespace::default());
    let body = DecisionBody::new(&decision, &items[0].policy, &subject, Source::Object);
    assert_eq!((body.policy.as_deref(), body.version), (Some("p"), Some(0)));
}

/// Of a namespace's whole life: the policy is stored, deleted, and the deployment changes.
#[derive(Debug, Clone, Copy)]
enum Step {
    Put,
    Delete,
    Deploy(u64),
    /// An isolate asks as it was so many steps ago.
    Ask(usize),
    Sleep,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Put),
        2 => Just(Step::Delete),
        1 => (1..4u64).prop_map(Step::Deploy),
        8 => (0..6usize).prop_map(Step::Ask),
        2 => Just(Step::Sleep),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whoever asks by what held before something was stored or deleted, and the object has seen
    /// what holds since, is decided by that; whoever asks by the newest is decided by it.
    #[test]
    fn no_object_goes_back_behind_a_change_of_what_is_stored(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut object = Object::default();
        let (mut number, mut is_stored, mut edition) = (0, false, 1);
        let mut held = vec![brought(1, 0, 11)];
        let mut newest: Option<Version> = None;
        for step in steps {
            match step {
                Step::Put => (number, is_stored) = (number + 1, true),
                Step::Delete if is_stored => (number, is_stored) = (number + 1, false),
                Step::Deploy(other) => edition = other,
                Step::Ask(ago) => {
                    let asked = &held[held.len() - 1 - ago.min(held.len() - 1)];
                    // So that there is a state, and with it the version.
                    let decision = object.ask(asked, 1, START);
                    let by = decided_by(asked, &decision);
                    let is_older = newest.is_some_and(|it| asked.version() < it);
                    let expected = if is_older { newest } else { Some(asked.version()) };
                    prop_assert_eq!(Some(by), expected);
                    newest = Some(by);
                    continue;
                }
                Step::Sleep => object = object.restarted(),
                Step::Delete => {}
            }
            held.push(match is_stored {
                true => stored(number, 100 + number),
                false => brought(edition, number, 10 + edition),
            });
        }
    }
}
