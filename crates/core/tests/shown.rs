//! A definition that is shown is one that can be asked for: what `GET /limit` says of a limit reads
//! back as the same limit.
#![allow(clippy::unwrap_used)] // a test may panic, also in its helpers

use proptest::prelude::*;
use serde_json::{json, Value};
use tollgate_core::api::policy::definition::DefinitionBody;
use tollgate_core::api::request::{parse, Rule};
use tollgate_core::{Algorithm, Limit};

/// The limit of a request with these fields.
fn limit(fields: &str) -> Limit {
    let body = format!(r#"{{"identifier": "u1", "limits": [{fields}]}}"#);
    match parse(&body)
        .map_err(|error| format!("{error} {fields}"))
        .unwrap()
        .rule
    {
        Rule::Inline(policy) => policy.limits()[0].clone(),
        Rule::Named(name) => panic!("{name:?}"),
    }
}

/// What is shown of it, as fields of a request.
fn shown(algorithm: &Algorithm) -> String {
    let definition = serde_json::to_string(&DefinitionBody::from(algorithm)).unwrap();
    let limit = match definition.contains("capacity") {
        true => String::new(),
        false => format!(r#""limit":{},"#, algorithm.limit()),
    };
    let rest = definition.trim_start_matches('{');
    format!(r#"{{"algorithm":"{}",{limit}{rest}"#, algorithm.word())
}

#[test]
fn a_definition_is_shown_in_the_words_of_a_request() {
    let table = [
        (
            r#"{"limit": 5, "window": "15m"}"#,
            json!({"window": 900_000}),
        ),
        (
            r#"{"algorithm": "tokenBucket", "capacity": 9, "refillRate": 1.6666666666666667}"#,
            json!({"capacity": 9, "refill": {"amount": 1.666666666, "interval": 1_000}}),
        ),
        (
            r#"{"algorithm": "tokenBucket", "capacity": 9, "refill": {"amount": 3, "interval": "1m"}, "initial": 0,
                "burstCredits": {"cap": 5, "expiry": "1h"}, "forgetAfter": "2d"}"#,
            json!({"capacity": 9, "refill": {"amount": 3, "interval": 60_000}, "initial": 0,
                "burstCredits": {"cap": 5, "expiry": 3_600_000}, "forgetAfter": 172_800_000}),
        ),
        (
            r#"{"algorithm": "tokenBucket", "capacity": 9, "refillRate": 1, "stepped": true}"#,
            json!({"capacity": 9, "refill": {"amount": 1, "interval": 1_000}, "stepped": true}),
        ),
        (
            r#"{"algorithm": "leakyBucket", "capacity": 9, "leakRate": 0.5, "maxDelay": "2s"}"#,
            json!({"capacity": 9, "leak": {"amount": 0.5, "interval": 1_000}, "maxDelay": 2_000}),
        ),
        (
            r#"{"algorithm": "quota", "limit": 9, "period": "day"}"#,
            json!({"period": "day", "timeZone": "UTC"}),
        ),
        (
            r#"{"algorithm": "quota", "limit": 9, "period": "year", "timeZone": "asia/calcutta", "anchor": {"time": "06:30", "day": 6, "month": 4}}"#,
            json!({"period": "year", "timeZone": "Asia/Kolkata", "anchor": {"time": "06:30:00", "day": 6, "month": 4}}),
        ),
        (
            r#"{"algorithm": "concurrency", "limit": 9, "ttl": "30s"}"#,
            json!({"ttl": 30_000}),
        ),
    ];
    for (fields, expected) in table {
        let definition = DefinitionBody::from(limit(fields).algorithm());
        let text = serde_json::to_string(&definition).unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap(),
            expected,
            "{fields}"
        );
    }
}

#[test]
fn an_amount_is_shown_to_its_last_digit() {
    let fields =
        r#"{"algorithm": "tokenBucket", "capacity": 9, "refillRate": 1000000000.123456789}"#;
    assert!(shown(limit(fields).algorithm()).contains(r#""amount":1000000000.123456789,"#));
}

fn any_limit() -> impl Strategy<Value = String> {
    let span = 1u64..=366 * 86_400_000;
    let count = 0u64..=1 << 53;
    let rate = "(0|[1-9][0-9]{0,8})\\.[0-9]{0,11}[1-9]";
    let rate = rate.prop_filter("a rate", |text| {
        text.parse::<f64>().is_ok_and(|rate| rate >= 1e-9)
    });
    let optional = |text: BoxedStrategy<String>| prop_oneof![Just(String::new()), text];
    let windows = (
        prop::sample::select(vec!["fixedWindow", "slidingWindow", "slidingLog"]),
        0u64..=1_000,
        span.clone(),
    )
        .prop_map(|(word, limit, window)| {
            format!(r#"{{"algorithm": "{word}", "limit": {limit}, "window": {window}}}"#)
        });
    let extras = optional(
        prop_oneof![
            Just(r#", "stepped": true"#.to_owned()),
            (1u64..1 << 53, span.clone()).prop_map(|(cap, expiry)| format!(
                r#", "burstCredits": {{"cap": {cap}, "expiry": {expiry}}}"#
            )),
            span.clone()
                .prop_map(|span| format!(r#", "forgetAfter": {span}, "initial": 0"#)),
        ]
        .boxed(),
    );
    let tokens = (count.clone(), rate.clone(), span.clone(), extras).prop_map(
        |(capacity, rate, interval, extras)| {
            format!(r#"{{"algorithm": "tokenBucket", "capacity": {capacity}, "refillRate": {rate}, "refillInterval": {interval}{extras}}}"#)
        },
    );
    let delay = optional(
        span.clone()
            .prop_map(|span| format!(r#", "maxDelay": {span}"#))
            .boxed(),
    );
    let leaky = (count.clone(), rate, span.clone(), delay).prop_map(
        |(capacity, rate, interval, delay)| {
            format!(r#"{{"algorithm": "leakyBucket", "capacity": {capacity}, "leakRate": {rate}, "leakInterval": {interval}{delay}}}"#)
        },
    );
    let zone = prop::sample::select(vec!["UTC", "Europe/Berlin", "us/eastern", "Asia/Calcutta"]);
    let anchor = prop_oneof![
        Just((vec!["minute", "hour", "day", "week", "month"], "")),
        Just((
            vec!["day", "week", "month", "year"],
            r#", "anchor": {"time": "09:05:07"}"#
        )),
        Just((vec!["week"], r#", "anchor": {"weekday": "sunday"}"#)),
        Just((
            vec!["quarter", "year"],
            r#", "anchor": {"day": 31, "month": 2}"#
        )),
    ];
    let quota = (count, zone, anchor, any::<prop::sample::Index>()).prop_map(
        |(limit, zone, (periods, anchor), at)| {
            let period = periods[at.index(periods.len())];
            format!(r#"{{"algorithm": "quota", "limit": {limit}, "period": "{period}", "timeZone": "{zone}"{anchor}}}"#)
        },
    );
    let slots = (0u64..=1_000, span).prop_map(|(limit, ttl)| {
        format!(r#"{{"algorithm": "concurrency", "limit": {limit}, "ttl": {ttl}}}"#)
    });
    prop_oneof![windows, tokens, leaky, quota, slots]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_shown_reads_back_as_the_same_limit(fields in any_limit()) {
        let asked = limit(&fields);
        let again = limit(&shown(asked.algorithm()));
        prop_assert_eq!(again.algorithm(), asked.algorithm());
    }
}
