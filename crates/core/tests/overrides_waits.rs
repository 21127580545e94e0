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

fn bucket(capacity: u64, units: u64, interval: u64) -> Limit {
    let bucket = common::bucket(capacity, units, interval);
    common::named("l", Algorithm::TokenBucket(bucket))
}

/// A bucket that would refill in a hundred days.
fn slow() -> Vec<Limit> {
    vec![bucket(100, 1, 24 * HOUR)]
}

/// Under the override it is full again in a second, and it is for five.
#[test]
fn the_rate_of_an_override_ends_with_it_though_nobody_asks() {
    let fast = Effect::Scale(Decimal::new(10_000_000, 0).unwrap());
    let replaced = vec![bucket(100, 100, 1_000)];
    for effect in [fast, Effect::Replace(replaced)] {
        for is_asleep in [false, true] {
            let isolate = Isolate::new(slow(), vec![set(acme(), effect.clone(), Some(5_000))]);
            let mut object = Object::with_exact_waits();
            assert!(isolate.ask(&mut object, 100, START + 4_990).success);
            if is_asleep {
                object = object.restarted();
            }
            let refused = isolate.ask(&mut object, 2, START + 13_000);
            assert!(!refused.success && refused.limits[0].remaining == 1);
            // One unit came in the 10 ms, or in 25 h at the own rate; the second is on its way.
            let day = Duration::from_millis(24 * HOUR);
            assert!(refused.retry_after.unwrap() <= day);
        }
    }
}

/// An override that is made to last longer, or less long, ends then, also for whom it limits as
/// before: a refusal is enough to know it, and no sleep forgets it.
#[test]
fn an_override_ends_when_it_was_said_last() {
    let fast = |until| {
        let replaced = vec![bucket(100, 100, 1_000)];
        Isolate::new(slow(), vec![set(acme(), Effect::Replace(replaced), until)])
    };
    for (first, then, at_eight) in [(5_000, 60_000, true), (60_000, 5_000, false)] {
        let mut object = Object::with_exact_waits();
        assert!(
            fast(Some(first))
                .ask(&mut object, 100, START + 4_900)
                .success
        );
        let isolate = fast(Some(then));
        assert!(!isolate.ask(&mut object, TOO_MUCH, START + 4_910).success);
        let mut object = object.restarted();
        let answer = isolate.ask(&mut object, 90, START + 8_000);
        assert_eq!(answer.success, at_eight, "until {then}");
    }
}

/// The same, where nobody asked between the change and the old end: who asks next knows it.
#[test]
fn an_override_that_was_made_to_last_longer_meanwhile_has_not_ended_at_its_old_end() {
    // 100 a minute; a tenth of that under the override.
    let base = || vec![bucket(1_000, 100, 60_000)];
    let slow = |until| Isolate::new(base(), vec![set(acme(), factor(1), Some(until))]);
    for is_lost in [false, true] {
        let mut object = Object::with_exact_waits();
        assert!(slow(60_000).ask(&mut object, 100, START).success);
        if is_lost {
            object = object.restarted();
        }
        let mut item = slow(HOUR).item(1, START + 120_000);
        item.policy = item.policy.adjusted_at(START + 30_000);
        let answer = object.limit(&item.policy, item.check, None, START + 120_000);
        // 10 a minute came back for two minutes, and one was taken.
        assert_eq!(answer.unwrap().limits[0].remaining, 19);
    }
}

/// All is back when it was told, and not before.
#[test]
fn what_is_told_of_a_full_bucket_looks_ahead_over_the_end_of_an_override() {
    let replaced = Effect::Replace(vec![bucket(1_000, 1_000, 10_000)]);
    let base = vec![bucket(1_000, 10, 60_000)];
    let isolate = Isolate::new(base, vec![set(acme(), replaced, Some(1_000))]);
    let mut object = Object::with_exact_waits();
    let reset = isolate.ask(&mut object, 1_000, START).limits[0]
        .reset
        .as_millis();
    // 100 came in a second, the other 900 come at ten a minute.
    assert_eq!(reset, START + 1_000 + 90 * 60_000);
    let left = |at| isolate.ask(&mut object.restarted(), 0, at).limits[0].remaining;
    assert_eq!((left(reset - 1), left(reset)), (999, 1_000));
}

#[test]
fn a_name_may_have_two_definitions_behind_an_override() {
    let sliding = Limit::new(
        Some(Name::new("name", "l").unwrap()),
        Algorithm::SlidingWindow(
            tollgate_core::limit::Window::new(5, Duration::from_millis(HOUR)).unwrap(),
        ),
    );
    let behind = vec![
        common::named("l", fixed(5, 1_000)),
        common::named("l", fixed(5, 100 * HOUR)),
    ];
    let ends = vec![set(acme(), Effect::Replace(vec![sliding]), Some(5_000))];
    let isolate = Isolate::new(behind, ends);
    let mut object = Object::with_exact_waits();
    assert!(isolate.ask(&mut object, 4, START + 4_000).success);
    let mut object = object.restarted();
    let left = isolate.ask(&mut object, 0, START + 5_000 + 2 * HOUR);
    let left: Vec<u64> = left.limits.iter().map(|it| it.remaining).collect();
    assert_eq!(
        left,
        [5, 1],
        "the longer one counts what was used when it came"
    );
}

/// Under another algorithm it is counted what was used when the override ended, also for a subject
/// that was new under it.
#[test]
fn what_was_used_under_another_algorithm_is_counted_when_the_override_ends() {
    let limits = vec![common::named("l", fixed(100, 1_000 * HOUR))];
    let replaced = vec![bucket(100, 10, 1_000)];
    let ends = vec![set(acme(), Effect::Replace(replaced), Some(5_000))];
    let isolate = Isolate::new(limits, ends);
    let mut object = Object::with_exact_waits();
    assert!(isolate.ask(&mut object, 100, START + 4_500).success);
    let mut object = object.restarted();
    let left = isolate.ask(&mut object, 1, START + 20_000).limits[0].remaining;
    assert_eq!(
        left, 4,
        "five came back in half a second, and one was taken"
    );
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
        2 => (spec(), spec()).prop_map(|(one, other)| {
            let other = common::named("m", algorithm(&other));
            Effect::Replace(vec![limit(&one), other])
        }),
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

/// More than any limit has.
const TOO_MUCH: u64 = 1 << 50;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// The end of an override is one for whoever asks before, then or after, however often the
    /// object was lost, and whether or not the limits have a name and a version.
    #[test]
    fn an_override_ends_at_its_instant_whether_or_not_somebody_asks_then(
        base in spec(),
        other in option::of(spec()),
        overrides in overrides(),
        is_inline in any::<bool>(),
        steps in prop::collection::vec(
            (0u64..9, prop_oneof![Just(0u64), 1u64..900, 1_000u64..40_000], any::<[bool; 3]>()),
            1..30,
        ),
    ) {
        let is_closed = |it: &Override| it.effect != Effect::Bypass;
        let overrides: Vec<Override> = overrides.into_iter().filter(is_closed).collect();
        let second = |spec| common::named("m", algorithm(&spec));
        let limits: Vec<Limit> = [limit(&base)].into_iter().chain(other.map(second)).collect();
        let mut isolate = Isolate::new(limits.clone(), overrides);
        if is_inline {
            isolate.base = Policy::new(limits).unwrap();
        }
        isolate.base = isolate.base.clone().with_write_ahead(1).unwrap();
        isolate.ends.sort_unstable();
        let (mut silent, mut asked) = (Object::with_exact_waits(), Object::with_exact_waits());
        let mut now = START;
        for (cost, pause, [is_lost, is_other_lost, is_cleaned]) in steps {
            for end in isolate.ends.clone() {
                if (now + 1..=now + pause).contains(&end) {
                    isolate.ask(&mut asked, TOO_MUCH, end);
                }
            }
            now += pause;
            if is_cleaned {
                silent.clean(now);
            }
            if is_lost {
                silent = silent.restarted();
            }
            if is_other_lost {
                asked = asked.restarted();
            }
            let answers = [&mut silent, &mut asked].map(|it| Decision {
                keeps_policy: false,
                recognition: None,
                ..isolate.ask(it, cost, now)
            });
            prop_assert_eq!(&answers[0], &answers[1], "at {}", now);
        }
    }

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
