//! Whatever is reported, it makes no limit admit more.

use proptest::option;
use proptest::prelude::*;
use tollgate_core::decide::Check;
use tollgate_core::decision::Reason;
use tollgate_core::policy::Policy;
use tollgate_core::report::{Report, Told, When};
use tollgate_core::{Duration, Limit};

use crate::common::generated::spec;
use crate::common::object::Object;
use crate::common::{algorithm, named, START};
use crate::said::{answered, at, refused, report, HOUR, MINUTE, SECOND};

fn any_told() -> impl Strategy<Value = Told> {
    let numbers = (option::of(0u64..40), option::of(0u64..40));
    let when = prop_oneof![
        (0u64..2 * HOUR).prop_map(|ms| When::After(Duration::from_millis(ms))),
        (0u64..2 * HOUR).prop_map(|ms| When::At(at(ms))),
    ];
    (numbers, option::of(when)).prop_map(|((limit, remaining), reset)| Told {
        limit,
        remaining,
        reset,
        ..Told::default()
    })
}

fn any_report(policy: &Policy) -> impl Strategy<Value = Report> {
    let labels: Vec<String> = policy.limits().iter().map(Limit::label).collect();
    let label = option::of(prop::sample::select(labels));
    let wait = option::of((0u64..HOUR).prop_map(|ms| When::After(Duration::from_millis(ms))));
    let status = prop::sample::select(vec![200u16, 403, 429, 500, 503]);
    let limits = prop::collection::vec(any_told(), 0..4);
    let policy = policy.clone();
    (label, wait, status, limits, 0u64..MINUTE).prop_map(
        move |(limit, wait, status, mut limits, age)| {
            // Now and then the number is that of a limit.
            for (told, own) in limits.iter_mut().zip(policy.limits()) {
                if told.limit.is_none_or(|it| it % 2 == 0) {
                    told.limit = Some(own.algorithm().limit());
                }
            }
            Report {
                limit,
                wait,
                limits,
                age: Duration::from_millis(age),
                ..answered(&policy, status)
            }
        },
    )
}

/// A policy of one to three small limits.
fn small() -> impl Strategy<Value = Policy> {
    prop::collection::vec(spec(), 1..4).prop_map(|specs| {
        let each = specs.iter().zip(["a", "b", "c"]);
        let limits = each.map(|(spec, name)| named(name, algorithm(spec)));
        Policy::new(limits.collect()).unwrap()
    })
}

fn with_reports() -> impl Strategy<Value = (Policy, Vec<(u64, i64, Option<Report>)>)> {
    small().prop_flat_map(|policy| {
        let step = (0u64..20 * SECOND, 1i64..6, option::of(any_report(&policy)));
        (Just(policy), prop::collection::vec(step, 1..25))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_report_never_makes_a_limit_admit_more(
        (policy, steps) in with_reports(),
        later in prop::collection::vec(0u64..2 * HOUR, 4),
        cost in 1i64..6,
    ) {
        let mut object = Object::with_exact_waits();
        let mut now = START;
        for (wait, spent, told) in steps {
            now += wait;
            let _ = object.limit(&policy, Check::of(spent), Some(u128::from(now)), now);
            let Some(told) = told else { continue };
            // A restart knows what the object knows: it stands for a copy.
            let without = object.restarted();
            let mut with = object.restarted();
            report(&mut with, &told, now - START);
            with = with.restarted();
            for &after in &later {
                let (mut with, mut without) = (with.restarted(), without.restarted());
                let peek = Check { peek: true, ..Check::of(cost) };
                let one = with.limit(&policy, peek.clone(), None, now + after).unwrap();
                let other = without.limit(&policy, peek, None, now + after).unwrap();
                prop_assert!(other.success || !one.success, "{after}: {one:?} {other:?}");
                for (one, other) in one.limits.iter().zip(other.limits.iter()) {
                    prop_assert!(one.remaining <= other.remaining, "{one:?} {other:?}");
                }
            }
            report(&mut object, &told, now - START);
        }
    }

    #[test]
    fn the_wait_of_a_closed_gate_is_enough_and_not_too_much(
        policy in small(),
        before in 0i64..6,
        cost in 1i64..6,
        wait in 1_001u64..MINUTE,
    ) {
        let mut object = Object::with_exact_waits();
        let _ = object.limit(&policy, Check::of(before), None, START);
        let done = report(&mut object, &refused(&policy, wait), 1);
        prop_assume!(done.gate.is_some());
        let shut = object.ask(&policy, cost, START + 2);
        prop_assert!(!shut.success);
        if let Some(told) = shut.retry_after {
            prop_assert_eq!(shut.reason, Some(Reason::CoolDown));
            let then = START + 2 + told.as_millis();
            prop_assert!(!object.restarted().ask(&policy, cost, then - 1).success);
            prop_assert!(object.restarted().ask(&policy, cost, then).success);
        }
    }
}
