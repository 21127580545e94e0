//! Which overrides hold for a subject, and what limits are under them.

#![allow(clippy::unwrap_used)]

mod common;

use common::object::Object;
use common::{bucket, fixed, moment, named, START};
use proptest::prelude::*;
use tollgate_core::api::overrides::{parse, parse_effect, Until};
use tollgate_core::api::to_json;
use tollgate_core::decide::Check;
use tollgate_core::decision::Reason;
use tollgate_core::limit::{Concurrency, Name, Window};
use tollgate_core::message::{Answer, Call, RefusalCode};
use tollgate_core::number::Decimal;
use tollgate_core::overrides::{
    adjusted, Effect, Grant, Group, Index, Kind, Override, Revision, Stop, Target,
};
use tollgate_core::policy::Policy;
use tollgate_core::subject::{Namespace, Subject, SubjectParts};
use tollgate_core::subject_state::{Effects, Item};
use tollgate_core::{Algorithm, Duration, Limit, Timestamp};

fn subject(provider: &str, scope: &str, identifier: &str) -> Subject {
    let parts = SubjectParts::new(identifier).unwrap();
    let parts = parts.with_provider(provider).unwrap();
    let parts = parts.with_scope(scope).unwrap();
    parts.in_namespace(Namespace::default())
}

fn name(text: &str) -> Name {
    Name::new("policy", text).unwrap()
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn set(target: &str, effect: Effect, until: Option<u64>) -> Override {
    Override {
        target: Target::parse(target).unwrap(),
        effect,
        until: until.map(at),
        author: "ann".to_owned(),
        reason: "because".to_owned(),
    }
}

fn scale(factor: &str) -> Effect {
    Effect::Scale(Decimal::parse(factor).unwrap())
}

fn pause() -> Effect {
    Effect::Pause(Stop::default())
}

/// A customer's exception was set in spring; the provider bans everybody today (e1).
#[test]
fn e1_no_exception_opens_what_was_stopped_for_all() {
    let index = Index::of([
        set("subject:salesforce/org/acme", scale("10"), None),
        set("subject:salesforce/org/vip", Effect::Bypass, None),
        set("provider:salesforce", pause(), Some(9_000)),
    ]);
    for identifier in ["acme", "vip", "other"] {
        let who = subject("salesforce", "org", identifier);
        let stopped = index.matched(&who, None, at(5_000)).stopped().unwrap();
        assert_eq!(stopped.reason, Reason::Paused);
        let refusal = stopped.refusal(at(5_000));
        assert_eq!(refusal.retry_after, Some(Duration::from_millis(4_000)));
        assert!(index.matched(&who, None, at(9_000)).stopped().is_none());
    }
    let elsewhere = subject("github", "org", "acme");
    assert!(index.matched(&elsewhere, None, at(0)).stopped().is_none());
}

#[test]
fn of_several_stops_the_last_to_end_is_told_and_a_denial_is_named() {
    let index = Index::of([
        set("all", pause(), Some(100)),
        set("provider:p", Effect::Deny(Stop::default()), Some(50)),
    ]);
    let matched = index.matched(&subject("p", "", "a"), None, at(10));
    let stopped = matched.stopped().unwrap();
    assert_eq!(
        (stopped.reason, stopped.until),
        (Reason::Override, Some(at(100)))
    );
    let stopped = index
        .matched(&subject("p", "", "a"), None, at(50))
        .stopped();
    assert_eq!(stopped.unwrap().reason, Reason::Paused);
    let endless = Index::of([
        set("all", pause(), None),
        set("provider:p", pause(), Some(50)),
    ]);
    let stopped = endless
        .matched(&subject("p", "", "a"), None, at(10))
        .stopped();
    let refusal = stopped.unwrap().refusal(at(10));
    assert_eq!((refusal.success, refusal.retry_after), (false, None));
}

/// What holds, by looking at each override alone.
fn naive(
    all: &[Override],
    who: &Subject,
    policy: Option<&Name>,
    now: Timestamp,
) -> (bool, Option<Effect>) {
    let holds: Vec<&Override> = all
        .iter()
        .filter(|it| it.until.is_none_or(|until| now < until))
        .filter(|it| match &it.target {
            Target::All => true,
            Target::Provider(provider) => provider == who.provider(),
            Target::Policy(name) => policy == Some(name),
            Target::Prefix(group, start) => {
                (group.provider.as_str(), group.scope.as_str()) == (who.provider(), who.scope())
                    && who.identifier().starts_with(start.as_str())
            }
            Target::Subject(group, identifier) => {
                (group.provider.as_str(), group.scope.as_str()) == (who.provider(), who.scope())
                    && who.identifier() == identifier
            }
        })
        .collect();
    let is_stop = |it: &&&Override| match &it.effect {
        Effect::Deny(stop) | Effect::Pause(stop) => {
            !stop.except.iter().any(|it| it.matches(who, policy))
        }
        _ => false,
    };
    let mut changing: Vec<&&Override> = holds
        .iter()
        .filter(|it| it.effect.stop().is_none() && it.effect.grant().is_none())
        .collect();
    let order = |it: &Override| match &it.target {
        Target::Subject(..) => 10_000,
        Target::Prefix(_, start) => 1_000 + start.len(),
        Target::Policy(_) => 2,
        Target::Provider(_) => 1,
        Target::All => 0,
    };
    changing.sort_by_key(|it| core::cmp::Reverse(order(it)));
    let stopped = holds.iter().any(|it| is_stop(&it));
    (stopped, changing.first().map(|it| it.effect.clone()))
}

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "ab", "abc", "a:b"]).prop_map(str::to_owned)
}

fn target() -> impl Strategy<Value = Target> {
    let group = || (word(), word()).prop_map(|(provider, scope)| Group { provider, scope });
    prop_oneof![
        Just(Target::All),
        word().prop_map(Target::Provider),
        prop::sample::select(vec!["a", "b"]).prop_map(|it| Target::Policy(name(it))),
        (group(), "|a|ab|abc".prop_map(String::from))
            .prop_map(|(group, start)| Target::Prefix(group, start)),
        (group(), word()).prop_map(|(group, identifier)| Target::Subject(group, identifier)),
    ]
}

fn effect() -> impl Strategy<Value = Effect> {
    let stop = || prop::collection::vec(target(), 0..2).prop_map(|except| Stop { except });
    prop_oneof![
        stop().prop_map(Effect::Deny),
        stop().prop_map(Effect::Pause),
        Just(Effect::Bypass),
        (1u64..100, 0u8..3).prop_map(|(m, s)| Effect::Scale(Decimal::new(m, s).unwrap())),
        (1u64..9).prop_map(|limit| Effect::Replace(vec![named("r", fixed(limit, 1_000))])),
        (1u64..9, 0u64..9, 0u64..9).prop_map(|(units, id, kept)| Effect::Grant(Grant {
            units,
            id,
            kept: at(kept),
        })),
    ]
}

proptest! {
    #[test]
    fn the_index_finds_what_a_look_at_each_finds(overrides in prop::collection::btree_map((target(), 0usize..5), (effect(), prop::option::of(0u64..100)), 0..30), provider in word(), scope in word(), identifier in word(), policy in prop::option::of(prop::sample::select(vec!["a", "b"])), now in 0u64..100) {
        // Of one target one of each kind, as the book keeps them.
        let mut all: Vec<Override> = Vec::new();
        for ((target, _), (effect, until)) in overrides {
            let it = Override { target, effect, until: until.map(at), author: String::new(), reason: String::new() };
            if !all.iter().any(|other| other.target == it.target && (other.effect.kind() == it.effect.kind() || other.effect.stop().is_none() && it.effect.stop().is_none())) {
                all.push(it);
            }
        }
        let who = subject(&provider, &scope, &identifier);
        let policy = policy.map(name);
        let index = Index::of(all.clone());
        let matched = index.matched(&who, policy.as_ref(), at(now));
        let (stopped, nearest) = naive(&all, &who, policy.as_ref(), at(now));
        prop_assert_eq!(matched.stopped().is_some(), stopped);
        prop_assert_eq!(matched.nearest().map(|it| it.effect.clone()), nearest);
    }

    #[test]
    fn what_an_override_does_is_read_as_it_is_written(effect in effect()) {
        prop_assert_eq!(parse_effect(effect.kind(), &to_json(&effect)), Ok(effect));
    }

    #[test]
    fn a_scale_multiplies_and_stays_within_bounds(limit in 0u64..5_000, mantissa in 1u64..5_000, digits in 0u8..4) {
        let factor = Decimal::new(mantissa, digits).unwrap();
        let of = |algorithm: Algorithm| {
            let policy = Policy::new(vec![named("l", algorithm)]).unwrap();
            adjusted(&policy, &Effect::Scale(factor)).unwrap().limits()[0].algorithm().clone()
        };
        let exact = u128::from(limit) * u128::from(mantissa) / 10u128.pow(u32::from(digits));
        let expected = if limit == 0 { 0 } else { exact.max(1) as u64 };
        prop_assert_eq!(of(fixed(limit, 1_000)).limit(), expected);
        let slots = Concurrency::new(limit.min(1_000), Duration::from_millis(5)).unwrap();
        prop_assert!(of(Algorithm::Concurrency(slots)).limit() <= Concurrency::MAX_SLOTS);
        let log = Window::new_log(limit.min(1_000), Duration::from_millis(5)).unwrap();
        prop_assert!(of(Algorithm::SlidingLog(log)).limit() <= 1_000);
        if let Algorithm::TokenBucket(scaled) = of(Algorithm::TokenBucket(bucket(limit, 7, 1_000))) {
            // Nothing comes back faster than the factor says, and within a millionth as fast.
            let wanted = 7.0 * factor.to_string().parse::<f64>().unwrap();
            let got: f64 = scaled.refill().amount().to_string().parse().unwrap();
            prop_assert!(got <= wanted * (1.0 + 1e-12) && got > wanted * 0.999_999 - 1e-8);
        }
    }
}

#[test]
fn bodies_are_read_strictly() {
    let pause = parse(
        Kind::Pause,
        r#"{"until": 5, "reason": "ban", "except": ["policy:p"]}"#,
    )
    .unwrap();
    assert_eq!(pause.until, Until::At(at(5)));
    let reset = parse(Kind::Deny, r#"{"until": "reset", "resetOf": "p"}"#).unwrap();
    assert_eq!(reset.until, Until::Reset(Some(name("p"))));
    for (kind, body, field) in [
        (Kind::Pause, r#"{"factor": 2}"#, "factor"),
        (Kind::Pause, r#"{"until": "soon"}"#, "until"),
        (Kind::Pause, r#"{"until": true}"#, "until"),
        (Kind::Pause, r#"{"until": 0}"#, "until"),
        (Kind::Pause, r#"{"until": "2h", "resetOf": "p"}"#, "resetOf"),
        (Kind::Pause, r#"{"except": ["x"]}"#, "except[0]"),
        (Kind::Pause, r#"{"reason": ""}"#, "reason"),
        (Kind::Scale, "{}", "factor"),
        (Kind::Scale, r#"{"factor": 0}"#, "factor"),
        (Kind::Scale, r#"{"factor": -1}"#, "factor"),
        (Kind::Scale, r#"{"factor": 1000000.5}"#, "factor"),
        (Kind::Replace, "{}", "limits"),
        (Kind::Replace, r#"{"limits": []}"#, "limits"),
        (
            Kind::Replace,
            r#"{"limits": [{"limit": 1}]}"#,
            "limits[0].window",
        ),
        (Kind::Bypass, r#"{"limits": []}"#, "limits"),
        (Kind::Grant, r#"{"until": "1d"}"#, "units"),
        (Kind::Grant, r#"{"units": 5}"#, "until"),
        (Kind::Grant, r#"{"units": 0, "until": "1d"}"#, "units"),
        (Kind::Grant, r#"{"units": 1.5, "until": "1d"}"#, "units"),
        (Kind::Grant, r#"{"units": 1, "until": "1d", "id": 4}"#, "id"),
        (
            Kind::Grant,
            r#"{"units": 1, "until": "1d", "kept": 4}"#,
            "kept",
        ),
    ] {
        let error = parse(kind, body).unwrap_err();
        assert_eq!(error.field, field, "{body}");
    }
}

/// What a Worker asks that knows the overrides of a revision.
fn ask_knowing(object: &mut Object, number: u64) -> Answer {
    let ask = Call::Limit {
        operation: None,
        items: vec![Item {
            policy: Policy::new(vec![named("l", fixed(10, 1_000))]).unwrap(),
            check: Check::ONE,
        }],
        holding: None,
    };
    let generation = START;
    let overrides = Revision { generation, number };
    let call = Box::new(ask);
    answer(object, &Call::Knowing { overrides, call })
}

fn answer(object: &mut Object, call: &Call) -> Answer {
    let mut effects = Effects::default();
    let answer = object
        .state
        .answer(call, &mut || 1, moment(START), &mut effects);
    object.apply(effects);
    answer
}

#[test]
fn nobody_is_decided_by_older_overrides_than_the_object_was_told_of() {
    let mut object = Object::default();
    let is_decided = |answer: &Answer| matches!(answer, Answer::Decided(_));
    assert!(is_decided(&ask_knowing(&mut object, 7)));
    for (number, generation) in [(9, START), (8, START), (500, START - 1)] {
        let told = Call::Overridden(Revision { generation, number });
        assert_eq!(answer(&mut object, &told), Answer::Done);
    }
    let rows = object.rows.clone();
    let stale = Answer::Refused(RefusalCode::StaleOverrides, String::new());
    assert_eq!(ask_knowing(&mut object, 8), stale);
    assert_eq!(object.rows, rows);
    assert!(is_decided(&ask_knowing(&mut object, 9)));
    // A reset does not change that; who sleeps has forgotten it.
    answer(&mut object, &Call::Reset { policy: None });
    assert_eq!(ask_knowing(&mut object, 8), stale);
    assert!(is_decided(&ask_knowing(&mut object.restarted(), 8)));
}

fn bypassing(check: Check) -> Check {
    Check {
        bypass: true,
        ..check
    }
}

/// What is let through is counted up to the limit, so that nobody has all of it afterwards (e2).
#[test]
fn e2_what_is_let_through_is_counted_up_to_the_limit() {
    let limits: Vec<Limit> = vec![
        named("hour", fixed(10, 3_600_000)),
        named("b", Algorithm::TokenBucket(bucket(5, 1, 1_000))),
    ];
    let policy = Policy::new(limits).unwrap();
    let mut object = Object::with_exact_waits();
    for cost in [4, 4, 4, 1_000] {
        let check = bypassing(Check::of(cost));
        let peeked = object
            .limit(
                &policy,
                Check {
                    peek: true,
                    ..check.clone()
                },
                None,
                START,
            )
            .unwrap();
        let decision = object.limit(&policy, check.clone(), None, START).unwrap();
        for it in [&peeked, &decision] {
            assert!(it.success);
            assert_eq!((it.reason, it.retry_after), (Some(Reason::Override), None));
        }
    }
    let mut object = object.restarted();
    let decision = object.limit(&policy, Check::ONE, None, START).unwrap();
    assert_eq!(
        (
            decision.success,
            decision.limits[0].remaining,
            decision.limits[1].remaining
        ),
        (false, 0, 0)
    );
    let later = object
        .limit(&policy, Check::ONE, None, START + 3_600_000)
        .unwrap();
    assert!(later.success);
}

#[test]
fn what_is_let_through_takes_a_slot_where_one_is_free() {
    let slots = Algorithm::Concurrency(Concurrency::new(1, Duration::from_secs(60)).unwrap());
    let policy = Policy::new(vec![named("jobs", slots)]).unwrap();
    let mut object = Object::with_exact_waits();
    let first = object
        .limit(&policy, bypassing(Check::ONE), None, START)
        .unwrap();
    let second = object
        .limit(&policy, bypassing(Check::ONE), None, START)
        .unwrap();
    assert!(first.success && first.grant.is_some());
    assert!(second.success && second.grant.is_none());
}

/// An isolate that has not heard of an exception asks beside one that has (e7): the newest rules.
#[test]
fn e7_a_subject_never_goes_back_to_what_overrides_said_before() {
    let policy = |limit, adjusted| {
        let policy = Policy::new(vec![named("l", fixed(limit, 3_600_000))]).unwrap();
        policy
            .named(name("p"), common::version(1))
            .adjusted_at(adjusted)
    };
    let mut object = Object::with_exact_waits();
    let ask = |object: &mut Object, policy: &Policy| {
        object
            .limit(policy, Check::ONE, None, START)
            .unwrap()
            .success
    };
    for _ in 0..10 {
        assert!(ask(&mut object, &policy(100, 7)));
    }
    assert!(ask(&mut object, &policy(10, 0)), "decided by the newer one");
    let mut object = object.restarted();
    assert!(ask(&mut object, &policy(10, 6)));
    assert!(!ask(&mut object, &policy(10, 8)), "lifted");
    assert!(!ask(&mut object, &policy(100, 7)), "and not before");
}
