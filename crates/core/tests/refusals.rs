//! The refused-until cache in front of a subject's object: it never refuses what the object would
//! admit, its waits are enough, and a flood of made-up identifiers neither grows it nor drives out
//! who is being refused.

#![allow(clippy::unwrap_used)]

mod common;

use common::{algorithm, leaky, moment, named, policy_of, Kind, Spec, START};
use proptest::prelude::*;
use tollgate_core::decide::Check;
use tollgate_core::decision::{Decision, Reason};
use tollgate_core::isolate::bounded::Secret;
use tollgate_core::isolate::refusals::{CallTimes, Refusals, MAX_REFUSALS};
use tollgate_core::policy::{Policy, Version};
use tollgate_core::subject::{Namespace, SubjectParts};
use tollgate_core::subject_state::{Effects, Item, SubjectState};
use tollgate_core::{Algorithm, Duration, Timestamp};

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(START + millis)
}

fn refusals() -> Refusals {
    Refusals::new(Secret::new(0x5eed))
}

/// An object and one isolate in front of it, whose clocks agree.
struct World {
    object: SubjectState,
    cache: Refusals,
    policy: Policy,
    now: u64,
    /// How often the object was asked.
    calls: usize,
}

impl World {
    fn new(policy: Policy) -> World {
        World {
            object: SubjectState::default(),
            cache: refusals(),
            policy,
            now: 0,
            calls: 0,
        }
    }

    fn object(&mut self, check: &Check, now: u64) -> Decision {
        let item = Item {
            policy: self.policy.clone(),
            check: check.clone(),
        };
        let mut effects = Effects::default();
        let decided =
            self.object
                .limit(&[item], None, &mut || 7, moment(START + now), &mut effects);
        decided.unwrap().pop().unwrap()
    }

    /// What the isolate answers: `true` beside it when it comes from the cache. A call takes
    /// `there` and `back` milliseconds.
    fn ask(&mut self, check: &Check, there: u64, back: u64) -> (Decision, bool) {
        let key = self.cache.key("u1", &self.policy);
        if let Some(known) = self.cache.find(key, &self.policy, check, at(self.now)) {
            return (known, true);
        }
        self.calls += 1;
        let sent = at(self.now);
        let decision = self.object(check, self.now + there);
        self.now += there + back;
        let asked = CallTimes {
            sent,
            received: at(self.now),
        };
        self.cache.record_decision(key, check, asked, &decision);
        (decision, false)
    }

    fn would_admit(&mut self, cost: u64, now: u64) -> bool {
        let peek = Check {
            peek: true,
            ..Check::of(cost as i64)
        };
        self.object(&peek, now).success
    }
}

fn spec(kind: Kind) -> Spec {
    Spec {
        kind,
        limit: 10,
        window: 60_000,
        amount: 10,
    }
}

#[test]
fn refused_repeats_ask_the_object_once_a_second() {
    let mut world = World::new(policy_of(algorithm(&spec(Kind::FixedWindow))));
    world.ask(&Check::of(10), 2, 2);
    world.calls = 0;
    for _ in 0..10_000 {
        let (decision, _) = world.ask(&Check::ONE, 2, 2);
        assert!(!decision.success);
        world.now += 1;
    }
    // One at the beginning, and one whenever 19 twentieths of a second have passed.
    let most = world.now / 950 + 1;
    assert!(world.calls as u64 <= most, "{} > {most}", world.calls);
}

#[test]
fn one_of_a_crowd_renews_an_entry_while_the_others_are_answered() {
    let mut world = World::new(policy_of(algorithm(&spec(Kind::FixedWindow))));
    world.ask(&Check::of(10), 0, 0);
    world.ask(&Check::ONE, 0, 0);
    let key = world.cache.key("u1", &world.policy);
    let mut hits = |now| {
        let find = |_: &i32| {
            let (cache, policy) = (&mut world.cache, &world.policy);
            // Who only wants to know whether there is one is not sent to renew it.
            let has = (0..3).map(|_| cache.has(key, policy, &Check::ONE, at(now)));
            let has: Vec<bool> = has.collect();
            let known = cache.find(key, policy, &Check::ONE, at(now));
            assert_eq!(has, [known.is_some(); 3]);
            known.is_some()
        };
        (0..10).filter(find).count()
    };
    assert_eq!(
        [hits(949), hits(950), hits(999), hits(1_000)],
        [10, 9, 10, 0]
    );
}

#[test]
fn a_cheaper_request_is_not_refused_by_a_dearer_ones_refusal() {
    let mut world = World::new(policy_of(algorithm(&spec(Kind::SlidingWindow))));
    world.ask(&Check::of(8), 2, 2);
    assert!(!world.ask(&Check::of(3), 2, 2).0.success);
    assert!(world.ask(&Check::of(3), 2, 2).1);
    assert!(world.ask(&Check::of(4), 2, 2).1, "a dearer one is");
    let (cheaper, cached) = world.ask(&Check::of(2), 2, 2);
    assert!(cheaper.success && !cached);
    let (again, cached) = world.ask(&Check::of(3), 2, 2);
    assert!(
        !cached && again.deciding().unwrap().remaining == 0,
        "what an admission has made untrue is forgotten"
    );
}

#[test]
fn what_frees_nothing_or_waits_is_not_answered_from_memory() {
    let mut world = World::new(policy_of(algorithm(&spec(Kind::TokenBucket))));
    world.ask(&Check::of(10), 2, 2);
    assert!(!world.ask(&Check::ONE, 2, 2).0.success);
    let patient = Check {
        max_delay: Some(Duration::from_millis(60_000)),
        ..Check::ONE
    };
    let peek = Check {
        peek: true,
        ..Check::ONE
    };
    assert!(!world.ask(&Check::of(0), 2, 2).1);
    assert!(!world.ask(&patient, 2, 2).1);
    assert!(!world.ask(&Check::ONE, 2, 2).1, "the place was taken");
    assert!(
        world.ask(&peek, 2, 2).1,
        "a peek is answered as the request would be"
    );
    assert!(!world.ask(&Check::of(-5), 2, 2).1);
    assert!(world.ask(&Check::ONE, 2, 2).0.success, "units came back");
}

#[test]
fn an_entry_ends_with_its_cache_for_counted_from_before_the_call() {
    let mut world = World::new(policy_of(algorithm(&spec(Kind::FixedWindow))));
    world.ask(&Check::of(10), 0, 0);
    let (refused, _) = world.ask(&Check::ONE, 300, 300);
    assert_eq!(refused.cache_for, Duration::from_secs(1));
    let key = world.cache.key("u1", &world.policy);
    let mut find = |now| world.cache.find(key, &world.policy, &Check::ONE, at(now));
    assert!(find(949).is_some());
    assert!(find(950).is_none(), "who is to renew it");
    assert!(find(999).is_some());
    assert!(find(1_000).is_none());
    world.now = 1_000;
    assert!(!world.ask(&Check::ONE, 0, 0).1);
    world.now = 999; // the isolate's clock steps back behind the call
    assert!(!world.ask(&Check::ONE, 0, 0).1);
}

#[test]
fn an_answer_that_took_longer_than_it_may_be_remembered_is_not() {
    let mut world = World::new(policy_of(algorithm(&spec(Kind::FixedWindow))));
    world.ask(&Check::of(10), 0, 0);
    world.ask(&Check::ONE, 500, 500);
    assert!(!world.ask(&Check::ONE, 0, 0).1);
}

#[test]
fn another_namespace_subject_policy_or_number_is_another_entry() {
    let mut cache = refusals();
    let policy = policy_of(algorithm(&spec(Kind::FixedWindow)));
    let mut world = World::new(policy.clone());
    world.object(&Check::of(10), 0);
    let refused = world.object(&Check::ONE, 0);
    let asked = CallTimes {
        sent: at(0),
        received: at(0),
    };
    let key = cache.key("u1", &policy);
    cache.record_decision(key, &Check::ONE, asked, &refused);
    let in_shop = Namespace::new("shop").unwrap();
    let elsewhere = SubjectParts::new("u1").unwrap().in_namespace(in_shop);
    let larger = policy_of(algorithm(&Spec {
        limit: 11,
        ..spec(Kind::FixedWindow)
    }));
    let name = tollgate_core::limit::Name::new("policy", "p").unwrap();
    let generation = |generation| Version {
        generation,
        number: 1,
        ..Version::NONE
    };
    let versions = [generation(1), generation(2), common::version(2)];
    let versions = versions.map(|version| policy.clone().named(name.clone(), version));
    let others = [
        cache.key(&elsewhere.object_name(), &policy),
        cache.key("u2", &policy),
        cache.key("u1", &larger),
        cache.key("u1", &versions[0]),
        cache.key("u1", &versions[1]),
        cache.key("u1", &versions[2]),
    ];
    for (i, other) in others.into_iter().enumerate() {
        assert!(!others[..i].contains(&other) && other != key);
        assert_eq!(cache.find(other, &policy, &Check::ONE, at(1)), None);
    }
    assert!(cache.find(key, &policy, &Check::ONE, at(1)).is_some());
}

#[test]
fn a_dearer_request_than_can_ever_fit_is_told_so() {
    let mut world = World::new(policy_of(algorithm(&spec(Kind::TokenBucket))));
    world.ask(&Check::of(10), 2, 2);
    world.ask(&Check::ONE, 2, 2);
    let (decision, cached) = world.ask(&Check::of(11), 2, 2);
    assert!(cached);
    assert_eq!(decision.reason, Some(Reason::CostExceedsCapacity));
    assert_eq!(decision.retry_after, None);
}

#[test]
fn a_blocked_subject_is_refused_from_memory_with_the_wait_that_is_left() {
    let mut world = World::new(policy_of(algorithm(&spec(Kind::FixedWindow))));
    let mut effects = Effects::default();
    world
        .object
        .block(
            None,
            Duration::from_secs(60),
            "abuse",
            moment(START),
            &mut effects,
        )
        .unwrap();
    assert_eq!(
        world.ask(&Check::ONE, 5, 5).0.retry_after,
        Some(Duration::from_millis(59_995))
    );
    world.now += 100;
    let (decision, cached) = world.ask(&Check::of(4), 5, 5);
    assert!(cached);
    assert_eq!(decision.reason, Some(Reason::Blocked));
    assert_eq!(decision.retry_after, Some(Duration::from_millis(59_895)));
}

#[test]
fn slots_and_shapers_are_never_answered_from_memory() {
    let shaper = leaky(10, 1, 60_000).with_max_delay(Duration::ZERO).unwrap();
    let slots = algorithm(&spec(Kind::Concurrency));
    for algorithm in [Algorithm::LeakyBucket(shaper), slots] {
        let mut world = World::new(policy_of(algorithm));
        world.ask(&Check::of(10), 0, 0);
        for _ in 0..3 {
            let (decision, cached) = world.ask(&Check::ONE, 0, 0);
            assert!(!decision.success && !cached);
        }
    }
}

#[test]
fn a_flood_of_a_million_identifiers_is_bounded_and_the_hot_one_still_hits() {
    let mut cache = refusals();
    let policy = policy_of(algorithm(&spec(Kind::FixedWindow)));
    let mut world = World::new(policy.clone());
    world.object(&Check::of(10), 0);
    let refused = world.object(&Check::ONE, 0);
    let hot = cache.key("abuser", &policy);
    let (mut misses, mut asked_of_hot, mut peak) = (0, 0, 0);
    for i in 0..1_000_000u64 {
        let now = i / 100; // 100,000 new identifiers a second, each refused
        let asked = CallTimes {
            sent: at(now),
            received: at(now),
        };
        let flood = cache.key(&i.to_string(), &policy);
        cache.record_decision(flood, &Check::ONE, asked, &refused);
        if i % 50 == 0 {
            asked_of_hot += 1;
            if cache.find(hot, &policy, &Check::ONE, at(now)).is_none() {
                misses += 1;
                cache.record_decision(hot, &Check::ONE, asked, &refused);
            }
        }
        if i % 10_000 == 0 {
            peak = peak.max(cache.len());
        }
    }
    assert!(peak <= MAX_REFUSALS && cache.len() <= MAX_REFUSALS);
    // Ten seconds: each has one call that is due, and at most another one or two because the flood
    // came between it and its first repeat.
    assert!(misses <= 20, "{misses} of {asked_of_hot} asked the object");
}

/// One of several callers' requests: how long after the last, at what cost, through the cache or
/// another isolate.
type Step = (u64, u64, bool);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let pause = prop_oneof![3 => 0..40u64, 1 => 0..2_000u64];
    prop::collection::vec((pause, 1..12u64, prop::bool::weighted(0.8)), 1..60)
}

fn plain_limit() -> impl Strategy<Value = Algorithm> {
    let numbers = (
        prop::sample::select(common::counted()),
        0..12u64,
        1..5_000u64,
        1..9u64,
    );
    let any = numbers.prop_map(|(kind, limit, window, amount)| {
        algorithm(&Spec {
            kind,
            limit,
            window,
            amount,
        })
    });
    let stepped = (1..12u64, 1..9u64, 1..3_000u64).prop_map(|(capacity, amount, interval)| {
        let bucket = common::bucket(capacity, amount, interval).stepped();
        Algorithm::TokenBucket(bucket.unwrap())
    });
    prop_oneof![6 => any, 1 => stepped]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn what_memory_refuses_the_object_refuses_and_the_wait_is_enough(
        first in plain_limit(),
        second in prop::option::of(plain_limit()),
        steps in steps(),
        (there, back) in (0..30u64, 0..30u64),
    ) {
        let mut limits = vec![named("a", first)];
        limits.extend(second.map(|limit| named("b", limit)));
        let mut world = World::new(Policy::new(limits).unwrap());
        // The cost of the last refusal that the object itself gave here, and whether anybody has
        // been admitted since.
        let mut exact: Option<u64> = None;
        for (pause, cost, through_cache) in steps {
            world.now += pause;
            if !through_cache {
                let now = world.now;
                if world.object(&Check::of(cost as i64), now).success {
                    exact = None;
                }
                continue;
            }
            let (decision, cached) = world.ask(&Check::of(cost as i64), there, back);
            if !cached {
                exact = (!decision.success).then_some(cost);
                continue;
            }
            let now = world.now;
            prop_assert!(!decision.success);
            prop_assert!(!world.would_admit(cost, now), "refused what the object would admit");
            let Some(wait) = decision.retry_after else {
                prop_assert!(matches!(decision.reason, Some(Reason::CostExceedsCapacity)));
                prop_assert!(!world.would_admit(cost, now + 400 * 86_400_000));
                continue;
            };
            prop_assert!(wait > Duration::ZERO);
            if exact.is_some() {
                // Nothing was used since: asking again then, alone, succeeds.
                prop_assert!(world.would_admit(cost, now + wait.as_millis()), "{wait} is too short");
            }
            if exact == Some(cost) {
                let early = wait.as_millis().saturating_sub(back + 1);
                prop_assert!(!world.would_admit(cost, now + early), "{wait} is too long");
            }
        }
    }
}
