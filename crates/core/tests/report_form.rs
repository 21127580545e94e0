//! `POST /limit/report`: what its body is, and that what is written is read back.

#![allow(clippy::unwrap_used)]

use tollgate_core::api::report::{parse, MAX_HEADERS};
use tollgate_core::api::request::Rule;
use tollgate_core::api::to_json;
use tollgate_core::Duration;

const NAMED: &str = r#"{"policy":"api","identifier":"u1","status":429,"headers":{}}"#;

#[test]
fn the_policy_is_named_or_brought_along() {
    let named = parse(NAMED).unwrap();
    assert!(matches!(&named.rule, Rule::Named(name) if name.as_str() == "api"));
    assert!(!named.is_of_parent && named.limit.is_none());
    let body = r#"{"identifier":"u1","provider":"p","scope":"s","limit":5,"window":"1m","status":100,"headers":{}}"#;
    let inline = parse(body).unwrap();
    assert!(matches!(&inline.rule, Rule::Inline(policy) if policy.limits()[0].label() == "5/1m"));
    assert_eq!(inline.subject.provider(), Some("p"));
    // Of the policy's parent.
    let above = parse(r#"{"policy":"api","scope":"s","status":599,"headers":{}}"#).unwrap();
    assert_eq!(
        (above.is_of_parent, above.subject.scope()),
        (true, Some("s"))
    );
}

#[test]
fn a_limit_is_named_by_a_text_and_has_a_number() {
    let named = NAMED.replace("\"status\"", "\"limit\":\"hour\",\"status\"");
    assert_eq!(parse(&named).unwrap().limit.as_deref(), Some("hour"));
    let inline = |label: &str| {
        let limit = r#"{"name":"hour","limit":5,"window":"1h"}"#;
        parse(&format!(
            r#"{{"identifier":"u","limits":[{limit},{{"limit":9,"window":"1d"}}],"limit":"{label}","status":200,"headers":{{}}}}"#
        ))
    };
    for label in ["hour", "9/1d"] {
        assert_eq!(inline(label).unwrap().limit.as_deref(), Some(label));
    }
    assert_eq!(inline("minute").unwrap_err().field, "limit");
}

#[test]
fn headers_are_texts_or_lists_of_texts() {
    let body = NAMED.replace(
        "\"headers\":{}",
        r#""headers":{"Retry-After":"60","RateLimit":["a","b"],"retry-after":"7"},"age":"2s""#,
    );
    let report = parse(&body).unwrap();
    let expected = [
        ("Retry-After", "60"),
        ("RateLimit", "a"),
        ("RateLimit", "b"),
        ("retry-after", "7"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(report.headers, expected);
    assert_eq!(report.age, Duration::from_secs(2));
    let most = format!("[{}]", vec!["\"1\""; MAX_HEADERS].join(","));
    let with = |headers: &str| parse(&NAMED.replace("{}", headers));
    assert!(with(&format!(r#"{{"a":{most}}}"#)).is_ok());
    assert_eq!(
        with(&format!(r#"{{"a":{most},"b":"1"}}"#))
            .unwrap_err()
            .field,
        "headers"
    );
    assert_eq!(with(r#"{"a":"1","a":"2"}"#).unwrap_err().field, "headers.a");
    assert_eq!(with(r#"{"a":[]}"#).unwrap_err().field, "headers.a");
}

#[test]
fn what_is_written_is_read_back() {
    for body in [
        NAMED,
        r#"{"policy":"api","provider":"p","limit":"hour","status":200,"headers":{"a":["1","2"],"b":"3"},"age":5}"#,
        r#"{"identifier":"u1","limits":[{"algorithm":"fixedWindow","limit":5,"window":60000}],"limit":"5/1m","status":503,"headers":{"":""}}"#,
    ] {
        let report = parse(body).unwrap();
        assert_eq!(parse(&to_json(&report)), Ok(report), "{body}");
    }
}
