//! `.` and `..` are nobody's name, wherever a caller gives one, and what an older build stored
//! under them is read all the same.

use tollgate_core::api::overrides::{effect_text, parse_effect};
use tollgate_core::api::policy::named;
use tollgate_core::api::{acquire, block, multi, overrides, query, request, stage, subjects};
use tollgate_core::api::{to_json, BadRequest, Problem};
use tollgate_core::dots::NO_DOTS;
use tollgate_core::limit::Name;
use tollgate_core::overrides::{Kind, Target};

/// A text, with the field that is wrong where `DOTS` in it is `.` or `..`.
type Case = (
    fn(&str) -> Result<(), BadRequest>,
    &'static str,
    &'static str,
);

fn request(body: &str) -> Result<(), BadRequest> {
    request::parse(body).map(drop)
}

fn several(body: &str) -> Result<(), BadRequest> {
    multi::parse(body).map(drop)
}

fn block(body: &str) -> Result<(), BadRequest> {
    block::parse(body).map(drop)
}

fn subject(text: &str) -> Result<(), BadRequest> {
    query::parse(text).map(drop)
}

fn check(text: &str) -> Result<(), BadRequest> {
    query::check(text).map(drop)
}

fn listed(text: &str) -> Result<(), BadRequest> {
    subjects::parse(text).map(drop)
}

fn pause(body: &str) -> Result<(), BadRequest> {
    overrides::parse(Kind::Pause, body).map(drop)
}

fn replace(body: &str) -> Result<(), BadRequest> {
    overrides::parse(Kind::Replace, body).map(drop)
}

fn policy(body: &str) -> Result<(), BadRequest> {
    named::parse(body).map(drop)
}

#[rustfmt::skip]
const CASES: [Case; 38] = [
    (request, r#"{"identifier":"DOTS","policy":"p"}"#, "identifier"),
    (request, r#"{"identifier":"a","provider":"DOTS","policy":"p"}"#, "provider"),
    (request, r#"{"identifier":"a","scope":"DOTS","policy":"p"}"#, "scope"),
    (request, r#"{"identifier":"a","policy":"DOTS"}"#, "policy"),
    (request, r#"{"identifier":"DOTS","limit":1,"window":"1h"}"#, "identifier"),
    (request, r#"{"identifier":"a","name":"DOTS","limit":1,"window":"1h"}"#, "name"),
    (request, r#"{"identifier":"a","limits":[{"name":"DOTS","limit":1,"window":"1h"}]}"#, "limits[0].name"),
    (several, r#"{"limits":[{"identifier":"a","policy":"p"},{"identifier":"DOTS","policy":"p"}]}"#, "limits[1].identifier"),
    (several, r#"{"limits":[{"identifier":"a","policy":"p","scope":"DOTS"}]}"#, "limits[0].scope"),
    (several, r#"{"limits":[{"identifier":"a","policy":"DOTS"}]}"#, "limits[0].policy"),
    (several, r#"{"provider":"DOTS","limits":[{"identifier":"a","policy":"p"}]}"#, "provider"),
    (several, r#"{"identifier":"DOTS","limits":[{"policy":"p"}]}"#, "identifier"),
    (|it| acquire::parse(it).map(drop), r#"{"identifier":"DOTS","maxTokens":1,"refillRate":1}"#, "identifier"),
    (block, r#"{"identifier":"DOTS","duration":"1h"}"#, "identifier"),
    (block, r#"{"identifier":"DOTS","duration":0}"#, "identifier"),
    (block, r#"{"identifier":"a","scope":"DOTS","duration":"1h"}"#, "scope"),
    (block, r#"{"identifier":"a","policy":"DOTS","duration":"1h"}"#, "policy"),
    (subject, "identifier=DOTS", "identifier"),
    (subject, "identifier=a&scope=DOTS", "scope"),
    (subject, "identifier=a&provider=DOTS", "provider"),
    (subject, "identifier=a&policy=DOTS", "policy"),
    (check, "policy=p&identifier=DOTS", "identifier"),
    (check, "policy=DOTS&identifier=a", "policy"),
    (check, "policy=p&identifier=a&scope=DOTS", "scope"),
    (|it| query::optional_subject(it).map(drop), "identifier=DOTS", "identifier"),
    (listed, "provider=DOTS", "provider"),
    (listed, "scope=DOTS", "scope"),
    (listed, "policy=DOTS", "policy"),
    (pause, r#"{"except":["all","subject:p/DOTS/x"]}"#, "except[1]"),
    (pause, r#"{"except":["provider:DOTS"]}"#, "except[0]"),
    (pause, r#"{"until":"reset","resetOf":"DOTS"}"#, "resetOf"),
    (replace, r#"{"limits":[{"name":"DOTS","limit":1,"window":"1h"}]}"#, "limits[0].name"),
    (|it| stage::parse(it).map(drop), r#"{"paused":true,"policy":"DOTS"}"#, "policy"),
    (|it| stage::subject(it).map(drop), "subject:p/s/DOTS", "target"),
    (policy, r#"{"scope":"DOTS","limit":1,"window":"1h"}"#, "scope"),
    (policy, r#"{"parent":{"policy":"p","identifier":"DOTS"},"limit":1,"window":"1h"}"#, "parent.identifier"),
    (policy, r#"{"fallbackTo":["a","DOTS"],"limit":1,"window":"1h"}"#, "fallbackTo[1]"),
    (|it| named::base_of(it).map(drop), r#"{"extends":"DOTS"}"#, "extends"),
];

#[test]
fn no_caller_can_give_a_name_that_no_path_can_hold() {
    for (read, text, field) in CASES {
        for dots in [".", ".."] {
            let text = text.replace("DOTS", dots);
            let error = read(&text).expect_err(&text);
            assert_eq!(error.field, field, "{text}");
            assert!(
                error.to_string().contains("`.` and `..`")
                    || error.field.contains("except")
                    || error.field == "target",
                "{error}"
            );
        }
        // In a query they may be encoded, in JSON escaped.
        let encoded = match text.starts_with('{') {
            true => text.replace("DOTS", "\\u002e\\u002E"),
            false => text.replace("DOTS", "%2e%2E"),
        };
        assert_eq!(
            read(&encoded).expect_err(&encoded).field,
            field,
            "{encoded}"
        );
        // What only looks so is a name like any other.
        for fine in ["...", "..a", "a.."] {
            assert_eq!(read(&text.replace("DOTS", fine)), Ok(()), "{text}");
        }
    }
}

#[test]
fn the_error_says_what_is_wrong() {
    let error = request::parse(r#"{"identifier":"..","policy":"p"}"#).unwrap_err();
    assert_eq!(error.problem, Problem::Malformed { expected: NO_DOTS });
    assert_eq!(
        error.to_string(),
        "`identifier` must be something other than `.` and `..`, which no path can hold."
    );
    let error = stage::subject("subject:p/../all").unwrap_err();
    assert_eq!(
        error.to_string(),
        "`target` must be one of which no part is `.` or `..`: no path can hold these, and nobody \
         has them."
    );
}

#[test]
fn what_an_older_build_stored_is_read() {
    let text = r#"{"limits":[{"name":"..","algorithm":"slidingWindow","limit":1,"window":60000}],"provider":".","scope":"..","parent":{"policy":"..","identifier":"."},"fallbackTo":["."]}"#;
    let policy = named::stored(text).unwrap();
    assert_eq!(to_json(&policy), text);
    let stop = parse_effect(Kind::Pause, r#"{"except":["subject:./../.","policy:.."]}"#).unwrap();
    assert_eq!(parse_effect(Kind::Pause, &effect_text(&stop)), Ok(stop));
    let limits =
        r#"{"limits":[{"name":".","algorithm":"slidingWindow","limit":1,"window":60000}]}"#;
    let limits = parse_effect(Kind::Replace, limits).unwrap();
    assert_eq!(
        parse_effect(Kind::Replace, &effect_text(&limits)),
        Ok(limits)
    );
    // More zones than `times` may have today.
    let zones = [
        "Europe/Berlin",
        "Asia/Tokyo",
        "Africa/Cairo",
        "America/Lima",
    ];
    let times: Vec<String> = [&zones[..], &["Australia/Lord_Howe"]]
        .concat()
        .iter()
        .map(|zone| format!(r#"{{"between":["08:00","09:00"],"timeZone":"{zone}","limit":1}}"#))
        .collect();
    let of_zones = format!(
        r#"{{"limits":[{{"limit":2,"window":"1m","times":[{}]}}]}}"#,
        times.join(",")
    );
    assert!(named::stored(&of_zones).is_ok() && named::parse(&of_zones).is_err());
    assert!(parse_effect(Kind::Replace, &of_zones).is_ok());
    let target = Target::stored("subject:p/../all").unwrap();
    assert_eq!(target.to_string(), "subject:p/../all");
    assert!(Name::stored("name", "..").is_ok() && Name::stored("name", "a b").is_err());
}
