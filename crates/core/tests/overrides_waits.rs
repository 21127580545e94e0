//! Waits while overrides change limits and end: a refused request is admitted at the instant that
//! it was told, and not a millisecond earlier.

#![allow(clippy::unwrap_used)]

mod common;

use common::generated::spec;
use common::object::Object;
use common::{algorithm, fixed, version, Spec, START};
use proptest::option;
use proptest::prelude::*;
use tollgate_core::decide::Check;
use tollgate_core::decision::Decision;
use tollgate_core::limit::Name;
use tollgate_core::number::Decimal;
use tollgate_core::overrides::{Effect, Group, Index, Override, Target};
use tollgate_core::policy::Policy;
use tollgate_core::subject::{Namespace, SubjectParts};
use tollgate_core::subject_state::Item;
use tollgate_core::{Algorithm, Duration, Limit, Timestamp};

const HOUR: u64 = 3_600_000;

/// A named policy and the overrides of its namespace, as an isolate has them.
struct Isolate {
    base: Policy,
    overrides: Index,
    /// When each of them ends.
    ends: Vec<u64>,
}

impl Isolate {
    fn new(limits: Vec<Limit>, overrides: Vec<Override>) -> Isolate {
        let name = Name::new("policy", "p").unwrap();
        let ends = overrides.iter().filter_map(|it| it.until);
        Isolate {
            base: Policy::new(limits).unwrap().named(name, version(1)),
            ends: ends.map(Timestamp::as_millis).collect(),
            overrides: Index::of(overrides),
        }
    }

    /// What a check of this subject is decided by now.
    fn item(&self, cost: u64, now: u64) -> Item {
        let at = Timestamp::from_millis(now);
        let parts = SubjectParts::new("acme").unwrap();
        let subject = parts.with_provider("crm").unwrap();
        let subject = subject.in_namespace(Namespace::default());
        let matched = self.overrides.matched(&subject, self.base.name(), at);
        let policy = matched.policy(&self.base);
        let over = self.ends.iter().filter(|end| **end <= now).max();
        let policy = policy.unwrap_or_else(|| self.base.clone());
        Item {
            policy: policy.adjusted_at(over.copied().unwrap_or(1)),
            check: Check {
                bypass: matched
                    .nearest()
                    .is_some_and(|it| it.effect == Effect::Bypass),
                ..Check::of(cost as i64)
            },
        }
    }

    fn ask(&self, object: &mut Object, cost: u64, now: u64) -> Decision {
        let Item { policy, check } = self.item(cost, now);
        object.limit(&policy, check, None, now).unwrap()
    }
}

fn set(target: Target, effect: Effect, until: Option<u64>) -> Override {
    Override {
        target,
        effect,
        until: until.map(|after| Timestamp::from_millis(START + after)),
        author: String::new(),
        reason: String::new(),
    }
}

fn factor(tenths: u64) -> Effect {
    Effect::Scale(Decimal::new(tenths, 1).unwrap())
}

fn acme() -> Target {
    let group = Group {
        provider: "crm".to_owned(),
        scope: String::new(),
    };
    Target::Subject(group, "acme".to_owned())
}

#[test]
fn a_wait_ends_with_the_override_that_made_it_long() {
    let replaced = Effect::Replace(vec![Limit::new(None, fixed(1, 100 * HOUR))]);
    let limits = vec![Limit::new(None, fixed(10, HOUR))];
    let isolate = Isolate::new(limits, vec![set(acme(), replaced, Some(3_000))]);
    let mut object = Object::with_exact_waits();
    assert!(isolate.ask(&mut object, 1, START).success);
    let refused = isolate.ask(&mut object, 1, START + 1_000);
    assert_eq!(refused.retry_after, Some(Duration::from_millis(2_000)));
    assert!(isolate.ask(&mut object, 1, START + 3_000).success);
}

#[test]
fn no_place_is_promised_behind_the_end_of_an_override() {
    let bucket = common::leaky(100, 1, 1_000);
    let shaper = bucket.with_max_delay(Duration::from_millis(HOUR)).unwrap();
    let limits = vec![Limit::new(None, Algorithm::LeakyBucket(shaper))];
    let isolate = Isolate::new(limits, vec![set(Target::All, factor(20), Some(5_000))]);
    let mut object = Object::with_exact_waits();
    for place in 0..10 {
        let delay = isolate.ask(&mut object, 1, START).delay;
        assert_eq!(delay, Some(Duration::from_millis(place * 500)));
    }
    let refused = isolate.ask(&mut object, 1, START);
    assert!(!refused.success);
    assert_eq!(refused.retry_after, Some(Duration::from_millis(5_000)));
}

/// A row that was written before the object fell asleep is enough to be asked by version alone.
#[test]
fn who_is_asked_by_the_version_alone_knows_what_comes() {
    let replaced = Effect::Replace(vec![Limit::new(None, fixed(1, 100 * HOUR))]);
    let limits = vec![Limit::new(None, fixed(10, HOUR))];
    let isolate = Isolate::new(limits, vec![set(acme(), replaced, Some(3_000))]);
    let mut object = Object::with_exact_waits();
    assert!(isolate.ask(&mut object, 1, START).success);
    let mut object = object.restarted();
    let whole = isolate.item(1, START).policy;
    let reference = Policy::reference(whole.name().unwrap().clone(), whole.version());
    let refused = object
        .limit(&reference, Check::ONE, None, START + 1_000)
        .unwrap();
    assert_eq!(refused.retry_after, Some(Duration::from_millis(2_000)));
}

fn limit(spec: &Spec) -> Limit {
    common::named("l", algorithm(spec))
}

fn overrides() -> impl Strategy<Value = Vec<Override>> {
    let effect = prop_oneof![
        4 => (1u64..40).prop_map(factor),
        4 => spec().prop_map(|spec| Effect::Replace(vec![limit(&spec)])),
        1 => Just(Effect::Bypass),
    ];
    let until = option::weighted(0.9, 1u64..150_000);
    prop::collection::vec((effect, until), 0..4).prop_map(|effects| {
        let targets = [acme(), Target::Provider("crm".to_owned()), Target::All];
        let each = targets.into_iter().zip(effects);
        each.map(|(target, (effect, until))| set(target, effect, until))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn every_wait_is_enough_and_not_too_much(
        base in spec(),
        overrides in overrides(),
        steps in prop::collection::vec((1u64..9, prop_oneof![Just(0u64), 1u64..900, 1_000u64..40_000]), 1..40),
    ) {
        let mut isolate = Isolate::new(vec![limit(&base)], overrides);
        isolate.base = isolate.base.clone().with_write_ahead(1).unwrap();
        let mut object = Object::with_exact_waits();
        let mut now = START;
        for (cost, pause) in steps {
            now += pause;
            let answer = isolate.ask(&mut object, cost, now);
            if answer.success {
                continue;
            }
            match answer.retry_after {
                Some(wait) => {
                    let at = now + wait.as_millis();
                    let early = isolate.ask(&mut object.restarted(), cost, at - 1);
                    prop_assert!(!early.success, "a millisecond before {at}");
                    let then = isolate.ask(&mut object.restarted(), cost, at);
                    prop_assert!(then.success, "after the wait that was told, at {at}");
                }
                None => {
                    let last = isolate.ends.iter().copied().max().unwrap_or(now).max(now);
                    let late = isolate.ask(&mut object.restarted(), cost, last + 1_000 * HOUR);
                    prop_assert!(!late.success, "never, as was told");
                }
            }
        }
    }
}
