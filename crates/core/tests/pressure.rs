//! How full the tightest limit is, as an answer tells it.

#![allow(clippy::unwrap_used)]

mod common;

use common::generated::spec;
use common::object::{policy, Object};
use common::{algorithm, START};
use proptest::prelude::*;
use tollgate_core::api::request;
use tollgate_core::api::response::{to_json, DecisionBody};
use tollgate_core::decide::Check;
use tollgate_core::decision::{Decision, Source};
use tollgate_core::number::Decimal;
use tollgate_core::policy::Policy;
use tollgate_core::pressure::Pressure;
use tollgate_core::subject::{Namespace, SubjectParts};
use tollgate_core::Limit;

fn text(pressure: Option<Pressure>) -> String {
    to_json(&pressure)
}

#[test]
fn it_is_told_in_thousandths_rounded_down_and_1_means_that_nothing_is_left() {
    for (limit, used, told) in [
        (10, 1, "0.1"),
        (3, 1, "0.333"),
        (1_000_000, 1, "0"),
        (1_000_000, 999_999, "0.999"),
        (20, 1, "0.05"),
        (4, 4, "1"),
        (1 << 53, 1 << 52, "0.5"),
    ] {
        let policy = policy(common::fixed(limit, 60_000), None);
        let mut object = Object::default();
        assert_eq!(text(object.ask(&policy, used, START).pressure()), told);
        assert_eq!(
            text(object.ask(&policy, 0, START).pressure()),
            told,
            "a look"
        );
    }
    let refused = Decision::bare(tollgate_core::Timestamp::ZERO, false, None);
    assert_eq!(refused.pressure(), None);
    // A step may admit nothing.
    let none = request::parse(
        r#"{"identifier":"a","limit":2,"window":"1m","times":[{"days":["mon","tue","wed","thu","fri","sat","sun"],"limit":0}]}"#,
    );
    let request::Rule::Inline(none) = none.unwrap().rule else {
        panic!("inline");
    };
    let mut object = Object::default();
    assert_eq!(text(object.ask(&none, 1, START).pressure()), "1");
}

#[test]
fn a_body_has_it_where_it_is_given() {
    let policy = policy(common::fixed(4, 60_000), None);
    let decision = Object::default().ask(&policy, 3, START);
    let subject = SubjectParts::new("a")
        .unwrap()
        .in_namespace(Namespace::default());
    let body = DecisionBody::new(&decision, &policy, &subject, Source::Object);
    assert!(!to_json(&body).contains("pressure"));
    let json = to_json(&body.under(decision.pressure()));
    assert!(json.contains(r#""pressure":0.75,"#), "{json}");
    let back: DecisionBody = serde_json::from_str(&json).unwrap();
    assert_eq!(back.pressure, decision.pressure());
}

#[test]
fn requests_ask_for_it_with_a_flag() {
    let asks = |body: &str| request::parse(body).map(|it| it.pressure);
    let with = |field: &str| format!(r#"{{"identifier":"a","limit":1,"window":"1m"{field}}}"#);
    assert_eq!(asks(&with("")), Ok(false));
    assert_eq!(asks(&with(r#","pressure":true"#)), Ok(true));
    assert_eq!(asks(&with(r#","pressure":false"#)), Ok(false));
    let wrong = asks(&with(r#","pressure":1"#)).unwrap_err();
    assert_eq!(wrong.field, "pressure");
}

fn part(mantissa: u64, scale: u8) -> Option<Pressure> {
    Pressure::of(Decimal::new(mantissa, scale).unwrap())
}

#[test]
fn a_part_has_three_decimals_and_is_above_nothing() {
    assert_eq!(part(1, 0), Some(Pressure::FULL));
    assert_eq!(part(8, 1), Some(Pressure::NEAR));
    assert_eq!(text(part(1, 3)), "0.001");
    for wrong in [(2, 0), (1_001, 3), (1, 4), (u64::from(u32::MAX), 0)] {
        assert_eq!(part(wrong.0, wrong.1), None, "{wrong:?}");
    }
}

proptest! {
    /// Of several limits it is that of the fullest, which is full where one has nothing left, and
    /// no admission lowers it.
    #[test]
    fn it_is_that_of_the_fullest_and_rises_with_each_admission(
        specs in prop::collection::vec(spec(), 1..4),
        costs in prop::collection::vec(0i64..6, 1..20),
    ) {
        let named = |(i, spec)| common::named(&format!("l{i}"), algorithm(spec));
        let limits: Vec<Limit> = specs.iter().enumerate().map(named).collect();
        let policy = Policy::new(limits).unwrap();
        let mut object = Object::default();
        let mut before = None;
        for cost in costs {
            let decision = object.limit(&policy, Check::of(cost), None, START).unwrap();
            let pressure = decision.pressure();
            let is_full = decision.limits.iter().any(|it| it.remaining == 0);
            prop_assert_eq!(is_full, pressure == Some(Pressure::FULL));
            prop_assert!(pressure >= before, "{pressure:?} after {before:?}");
            before = pressure;
            for standing in decision.limits.iter() {
                let used = standing.limit - standing.remaining;
                let thousandths = text(pressure).parse::<f64>().unwrap() * 1_000.0;
                prop_assert!(thousandths + 1.0 > used as f64 * 1_000.0 / standing.limit as f64);
            }
        }
    }
}
