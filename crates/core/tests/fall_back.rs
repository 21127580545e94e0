//! Policies that are asked where others refuse: how they are written, whom they count, and what
//! several refusals come to.

#![allow(clippy::unwrap_used)] // a test may panic, also in its helpers

use proptest::prelude::*;
use tollgate_core::api::policy::fall_back::named_in;
use tollgate_core::api::policy::named::{parse, NamedPolicy};
use tollgate_core::api::to_json;
use tollgate_core::decision::{Decision, Reason};
use tollgate_core::subject::SubjectParts;
use tollgate_core::{Duration, Timestamp};

fn policy(rest: &str) -> NamedPolicy {
    parse(&format!(r#"{{"limit":1,"window":"1m"{rest}}}"#)).unwrap()
}

#[test]
fn the_names_stand_in_the_canonical_form_in_their_order() {
    let written = policy(r#","fallbackTo":["b","a.c"]"#);
    let canonical = to_json(&written);
    assert_eq!(parse(&canonical), Ok(written.clone()));
    assert_eq!(named_in(&canonical), written.fallback_to);
    let names: Vec<&str> = written.fallback_to.iter().map(|it| it.as_str()).collect();
    assert_eq!(names, ["b", "a.c"]);
    assert_eq!(named_in(&to_json(&policy(""))), []);
    // A word in a text is no field.
    assert_eq!(
        named_in(&to_json(&policy(r#","description":"fallbackTo""#))),
        []
    );
}

#[test]
fn the_identifier_is_the_callers_and_the_rest_that_of_the_policy_where_it_has_it() {
    let subject = SubjectParts::new("2001:db8::1").unwrap();
    let subject = subject.with_provider("p").unwrap().with_scope("s").unwrap();
    let shown = |policy: &NamedPolicy| to_json(&policy.limited_instead(&subject).unwrap());
    let of = |provider: &str, scope: &str, identifier: &str| {
        format!(r#"{{"provider":"{provider}","scope":"{scope}","identifier":"{identifier}"}}"#)
    };
    assert_eq!(shown(&policy("")), of("p", "s", "2001:db8::1"));
    assert_eq!(
        shown(&policy(r#","provider":"other""#)),
        of("other", "s", "2001:db8::1")
    );
    assert_eq!(shown(&policy(r#","scope":"""#)), of("p", "", "2001:db8::1"));
    assert_eq!(
        shown(&policy(r#","ipv6Prefix":48"#)),
        of("p", "s", "2001:db8::/48")
    );
}

fn refusal(wait: Option<u64>, reason: Option<Reason>) -> Decision {
    let mut decision = Decision::bare(Timestamp::from_millis(7), false, reason);
    decision.retry_after = wait.map(Duration::from_millis);
    decision
}

proptest! {
    #[test]
    fn all_refusals_together_are_the_first_with_the_shortest_wait(
        waits in prop::collection::vec(prop::option::of(1u64..1_000), 1..=4),
    ) {
        let mut first = refusal(waits[0], Some(Reason::CostExceedsCapacity));
        for wait in &waits[1..] {
            first.admits_none(&refusal(*wait, Some(Reason::Limit)));
        }
        let shortest = waits.iter().flatten().min();
        prop_assert_eq!(first.retry_after.map(Duration::as_millis), shortest.copied());
        prop_assert_eq!(first.reason, Some(Reason::CostExceedsCapacity));
    }
}

#[test]
fn every_refusal_falls_back_and_no_admission_does() {
    let reasons = [
        Reason::Limit,
        Reason::CostExceedsCapacity,
        Reason::Blocked,
        Reason::Degraded,
    ];
    for reason in reasons
        .into_iter()
        .chain([Reason::Parent, Reason::Busy])
        .map(Some)
    {
        assert!(refusal(Some(1), reason).falls_back(), "{reason:?}");
    }
    assert!(refusal(None, None).falls_back());
    assert!(refusal(None, Some(Reason::Paused)).falls_back());
    assert!(!refusal(None, Some(Reason::Override)).falls_back());
    for reason in [None, Some(Reason::Degraded), Some(Reason::Override)] {
        assert!(!Decision::bare(Timestamp::from_millis(7), true, reason).falls_back());
    }
}
