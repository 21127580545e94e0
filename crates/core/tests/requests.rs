//! What each request body and query string means, and the sentence that answers a wrong one.
#![allow(clippy::unwrap_used)] // a test may panic, also in its helpers

use serde_json::Value;
use tollgate_core::api::policy::named;
use tollgate_core::api::request::{LimitRequest, Rule};
use tollgate_core::api::{
    acquire, block, multi, permit, query, request, stage, BadRequest, Problem, Unit,
};
use tollgate_core::decide::Check;
use tollgate_core::limit::quota::{Anchor, Period, Quota, TimeZoneName};
use tollgate_core::limit::{
    BurstCredits, Concurrency, LeakyBucket, Name, Rate, TokenBucket, Window,
};
use tollgate_core::number::Decimal;
use tollgate_core::policy::consistency::Consistency;
use tollgate_core::policy::{FailMode, Policy};
use tollgate_core::subject::Namespace;
use tollgate_core::{Algorithm, Duration, InvalidLimit, Limit, Timestamp};

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn decimal(text: &str) -> Decimal {
    Decimal::parse(text).unwrap()
}

/// The body of a request about `u1` with these other fields.
fn body(fields: &str) -> String {
    format!(r#"{{"identifier": "u1", {fields}}}"#)
}

fn inline(fields: &str) -> Policy {
    match request::parse(&body(fields)).unwrap().rule {
        Rule::Inline(policy) => policy,
        Rule::Named(name) => panic!("{name:?}"),
    }
}

fn algorithm(fields: &str) -> Algorithm {
    inline(fields).limits()[0].algorithm().clone()
}

fn sentence<T>(result: Result<T, BadRequest>) -> String {
    result
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default()
}

#[track_caller]
fn refused(fields: &str, expected: &str) {
    assert_eq!(
        sentence(request::parse(&body(fields))),
        expected,
        "{fields}"
    );
}

#[test]
fn limit_and_window_alone_are_a_sliding_window() {
    let expected = Algorithm::SlidingWindow(Window::new(100, secs(900)).unwrap());
    for window in [
        "\"15m\"", "\"15 m\"", "900000", "9e5", "900000.0", "\"900s\"",
    ] {
        assert_eq!(
            algorithm(&format!(r#""limit": 100, "window": {window}"#)),
            expected
        );
    }
}

#[test]
fn every_algorithm_is_read_with_all_its_fields() -> Result<(), InvalidLimit> {
    let refill = Rate::new("interval", decimal("100"), secs(900))?;
    let window = Window::new(20, secs(3600))?;
    let anchor = Anchor::default().with_time("06:30")?.with_day(15)?;
    let table = [
        (
            r#""algorithm": "fixedWindow", "limit": 20, "window": "1h""#,
            Algorithm::FixedWindow(window),
        ),
        (
            r#""algorithm": "slidingWindow", "limit": 20, "window": "1h""#,
            Algorithm::SlidingWindow(window),
        ),
        (
            r#""algorithm": "slidingLog", "limit": 20, "window": "1h""#,
            Algorithm::SlidingLog(window),
        ),
        (
            r#""algorithm": "tokenBucket", "capacity": 100, "refill": {"amount": 100, "interval": "15m"}"#,
            Algorithm::TokenBucket(TokenBucket::new(100, refill)?),
        ),
        (
            r#""algorithm": "tokenBucket", "maxTokens": 100, "refillRate": 0.11, "refillInterval": 1000"#,
            Algorithm::TokenBucket(TokenBucket::new(
                100,
                Rate::new("", decimal("0.11"), secs(1))?,
            )?),
        ),
        (
            r#""algorithm": "tokenBucket", "maxTokens": 100, "refillRate": 10"#,
            Algorithm::TokenBucket(TokenBucket::new(
                100,
                Rate::new("", decimal("10"), secs(1))?,
            )?),
        ),
        (
            r#""algorithm": "tokenBucket", "capacity": 100, "refill": {"amount": 100, "interval": "15m"}, "initial": 0,
               "burstCredits": {"cap": 50, "expiry": "1h"}, "forgetAfter": "2d""#,
            Algorithm::TokenBucket(
                TokenBucket::new(100, refill)?
                    .with_initial(0)?
                    .with_burst_credits(BurstCredits::new(50, secs(3600))?)?
                    .with_forget_after(secs(2 * 86_400))?,
            ),
        ),
        (
            r#""algorithm": "tokenBucket", "capacity": 100, "refillRate": 100, "refillInterval": "15m", "stepped": true"#,
            Algorithm::TokenBucket(TokenBucket::new(100, refill)?.stepped()?),
        ),
        (
            r#""algorithm": "leakyBucket", "capacity": 100, "leak": {"amount": 1e2, "interval": "15m"}"#,
            Algorithm::LeakyBucket(LeakyBucket::new(100, refill)?),
        ),
        (
            r#""algorithm": "quota", "limit": 20, "period": "day""#,
            Algorithm::Quota(Quota::new(
                20,
                Period::Day,
                TimeZoneName::default(),
                Anchor::default(),
            )?),
        ),
        (
            r#""algorithm": "quota", "limit": 20, "period": "month", "timeZone": "Europe/Berlin", "anchor": {"time": "06:30", "day": 15}"#,
            Algorithm::Quota(Quota::new(
                20,
                Period::Month,
                TimeZoneName::new("Europe/Berlin")?,
                anchor,
            )?),
        ),
        (
            r#""algorithm": "concurrency", "limit": 10, "ttl": "30s""#,
            Algorithm::Concurrency(Concurrency::new(10, secs(30))?),
        ),
    ];
    for (fields, expected) in table {
        assert_eq!(algorithm(fields), expected, "{fields}");
    }
    Ok(())
}

/// A field, another word for it, and what stands around them.
const ALIASES: [(&str, &str, &str); 12] = [
    (
        r#""algorithm": "fixedWindow""#,
        r#""strategy": "fixed-window""#,
        r#""limit": 20, "window": "1h""#,
    ),
    (
        r#""algorithm": "slidingWindow""#,
        r#""strategy": "sliding-window""#,
        r#""limit": 1000, "window": 3600000"#,
    ),
    (
        r#""algorithm": "tokenBucket""#,
        r#""strategy": "token-bucket""#,
        r#""capacity": 5, "refill": {"amount": 2, "interval": "1m"}"#,
    ),
    (
        r#""algorithm": "leakyBucket""#,
        r#""strategy": "leaky-bucket""#,
        r#""capacity": 5, "leak": {"amount": 2, "interval": "1m"}"#,
    ),
    (r#""limit": 20"#, r#""requests": 20"#, r#""window": "1h""#),
    (
        r#""limit": 20"#,
        r#""requests": 20"#,
        r#""algorithm": "quota", "period": "day""#,
    ),
    (
        r#""limit": 20"#,
        r#""requests": 20"#,
        r#""algorithm": "concurrency", "ttl": "30s""#,
    ),
    (
        r#""capacity": 20"#,
        r#""maxTokens": 20"#,
        r#""algorithm": "tokenBucket", "refill": {"amount": 2, "interval": "1m"}"#,
    ),
    (
        r#""refill": {"amount": 0.111111111, "interval": "1s"}"#,
        r#""refillRate": 0.1111111111111111"#,
        r#""algorithm": "tokenBucket", "capacity": 100"#,
    ),
    (
        r#""initial": 0"#,
        r#""initialTokens": 0"#,
        r#""algorithm": "tokenBucket", "capacity": 5, "refillRate": 1"#,
    ),
    (
        r#""leak": {"amount": 10, "interval": "1s"}"#,
        r#""leakRate": 10"#,
        r#""algorithm": "leakyBucket", "capacity": 50"#,
    ),
    (
        r#""leak": {"amount": 10, "interval": "1m"}"#,
        r#""leakRate": 10, "leakInterval": 60000"#,
        r#""algorithm": "leakyBucket", "capacity": 50"#,
    ),
];

fn first_name(fields: &str) -> &str {
    fields.split('"').nth(1).unwrap()
}

#[test]
fn other_words_mean_the_same_wherever_a_limit_stands() {
    for (own, other, rest) in ALIASES {
        let expected = inline(&format!("{own}, {rest}"));
        assert_eq!(inline(&format!("{other}, {rest}")), expected, "{other}");
        assert_eq!(
            inline(&format!(r#""limits": [{{{other}, {rest}}}]"#)),
            expected,
            "{other}"
        );
        let multi = [
            format!(r#"{{"limits": [{{"identifier": "u1", {other}, {rest}}}]}}"#),
            format!(r#"{{{other}, {rest}, "limits": [{{"identifier": "u1"}}]}}"#),
            format!(r#"{{{other}, "limits": [{{"identifier": "u1", {rest}}}]}}"#),
            format!(r#"{{{rest}, "limits": [{{"identifier": "u1", {other}}}]}}"#),
        ];
        for json in multi {
            assert_eq!(
                entries(&json)[0].rule,
                Rule::Inline(expected.clone()),
                "{json}"
            );
        }
    }
}

#[test]
fn two_words_for_one_thing_are_refused_by_both_their_names() {
    for (own, other, rest) in ALIASES {
        let (own_name, other_name) = (first_name(own), first_name(other));
        let inner = format!("{other}, {rest}, {own}");
        let multi = [
            format!(r#"{{"limits": [{{"identifier": "u1", {inner}}}]}}"#),
            format!(r#"{{{inner}, "limits": [{{"identifier": "u1"}}]}}"#),
        ];
        let refusals = [
            request::parse(&body(&inner)).unwrap_err(),
            request::parse(&body(&format!(r#""limits": [{{{inner}}}]"#))).unwrap_err(),
            multi::parse(&multi[0]).unwrap_err(),
            multi::parse(&multi[1]).unwrap_err(),
        ];
        for refusal in refusals {
            let sentence = refusal.to_string();
            assert!(
                matches!(refusal.problem, Problem::Conflict { .. }),
                "{refusal:?}"
            );
            assert!(refusal.field.ends_with(other_name), "{sentence}");
            assert!(sentence.contains(&format!("`{own_name}`")), "{sentence}");
        }
        // Beside the entries they are defaults: an entry's own word stands alone.
        let expected = inline(&format!("{own}, {rest}"));
        let json = format!(r#"{{{other}, {rest}, "limits": [{{"identifier": "u1", {own}}}]}}"#);
        assert_eq!(entries(&json)[0].rule, Rule::Inline(expected), "{json}");
    }
    refused(
        r#""algorithm": "tokenBucket", "capacity": 5, "refill": {"amount": 2, "interval": "1m"}, "refillInterval": 5"#,
        "`refillInterval` does not go with `refill`, which has the interval.",
    );
    refused(
        r#""algorithm": "leakyBucket", "capacity": 5, "leak": {"amount": 2, "interval": "1m"}, "leakInterval": 5"#,
        "`leakInterval` does not go with `leak`, which has the interval.",
    );
}

#[test]
fn max_delay_makes_an_inline_leaky_bucket_a_shaper_and_is_elsewhere_the_requests() {
    let leaky =
        r#""algorithm": "leakyBucket", "capacity": 5, "leak": {"amount": 1, "interval": "1s"}"#;
    let rate = Rate::new("", decimal("1"), secs(1)).unwrap();
    let meter = LeakyBucket::new(5, rate).unwrap();
    let shaper = meter.with_max_delay(secs(2)).unwrap();
    let read = |fields: String| {
        let request = request::parse(&body(&fields)).unwrap();
        let Rule::Inline(policy) = request.rule else {
            panic!()
        };
        (
            policy.limits()[0].algorithm().clone(),
            request.check.max_delay,
        )
    };
    let table = [
        (format!(r#"{leaky}, "maxDelay": "2s""#), (shaper, None)),
        (
            format!(r#""limits": [{{{leaky}, "maxDelay": "2s"}}]"#),
            (shaper, None),
        ),
        (
            format!(r#""limits": [{{{leaky}}}], "maxDelay": "2s""#),
            (meter, Some(secs(2))),
        ),
        (
            format!(r#""limits": [{{{leaky}, "maxDelay": 2000}}], "maxDelay": 0"#),
            (shaper, Some(Duration::ZERO)),
        ),
    ];
    for (fields, (bucket, max_delay)) in table {
        assert_eq!(read(fields), (Algorithm::LeakyBucket(bucket), max_delay));
    }
}

#[test]
fn options_are_read_and_have_defaults() {
    let check = |fields: &str| request::parse(&body(fields)).unwrap().check;
    assert_eq!(check(r#""policy": "p""#), Check::of(1));
    assert_eq!(
        check(
            r#""policy": "p", "cost": -9007199254740992, "peek": true, "maxDelay": "30s", "hold": 500"#
        ),
        Check {
            cost: -(1 << 53),
            peek: true,
            max_delay: Some(secs(30)),
            hold: Some(Duration::from_millis(500)),
            bypass: false,
            ..Check::ONE
        }
    );
    assert_eq!(
        check(r#""policy": "p", "cost": 0, "peek": false"#),
        Check::of(0)
    );
}

#[test]
fn settings_belong_to_the_inline_policy() {
    let settings = r#""limit": 200, "window": "1h", "failMode": "closed", "consistency": "strong", "refunds": false, "writeAhead": 200"#;
    let policy = inline(settings);
    assert_eq!(policy.fail_mode(), FailMode::Closed);
    assert!(!policy.refunds());
    assert_eq!(policy.write_ahead(), Some(200));
    let elsewhere = inline(
        r#""limit": 200, "window": "1h", "failMode": "eventual", "consistency": "eventual", "shed": {"limit": 9, "window": "1m"}"#,
    );
    assert_eq!(elsewhere.fail_mode(), FailMode::Eventual);
    assert_eq!(elsewhere.consistency(), Consistency::Eventual);
    assert_eq!(
        elsewhere.shed().map(|shed| shed.binding()).as_deref(),
        Some("LOCAL_9_60")
    );
    let local = inline(r#""limit": 200, "window": "10s", "consistency": "local""#);
    assert_eq!(local.consistency(), Consistency::Local);
    let policy = inline(r#""limit": 200, "window": "1h", "failMode": "share", "refunds": true"#);
    assert_eq!(
        (policy.fail_mode(), policy.refunds(), policy.write_ahead()),
        (FailMode::Share, true, None)
    );
}

#[test]
fn several_limits_stand_side_by_side() {
    let fields = r#""limits": [{"algorithm": "fixedWindow", "limit": 20, "window": "1h"}, {"name": "day", "limit": 80, "window": "1d"}]"#;
    let labels: Vec<String> = inline(fields).limits().iter().map(Limit::label).collect();
    assert_eq!(labels, ["20/1h", "day"]);
}

#[test]
fn a_subject_is_read_in_all_its_parts() {
    let request = request::parse(r#"{"provider": "salesforce", "scope": "org", "identifier": "a\u00e4\n:\ud83d\ude00", "policy": "p"}"#).unwrap();
    let subject = request.subject.in_namespace(Namespace::default());
    assert_eq!(
        subject.object_name(),
        "rate-limit:salesforce:org:a%C3%A4%0A%3A%F0%9F%98%80"
    );
    let request = request::parse(&body(r#""scope": "", "policy": "p""#)).unwrap();
    assert_eq!(
        (request.subject.provider(), request.subject.scope()),
        (None, Some(""))
    );
}

#[test]
fn a_rule_is_a_policy_or_an_inline_limit_never_both_never_neither() {
    let both = "`policy` does not go with a limit in the request: give one or the other.";
    refused(r#""policy": "p", "limit": 1, "window": "1m""#, both);
    refused(r#""policy": "p", "name": "n""#, both);
    refused(
        r#""policy": "p", "limits": [{"limit": 1, "window": "1m"}]"#,
        both,
    );
    refused(
        r#""cost": 1"#,
        "`policy` must be given, or else a limit: such as `limit` and `window`, or several in `limits`.",
    );
    refused(
        r#""window": "1m", "limits": [{"limit": 1, "window": "1m"}]"#,
        "`window` does not go with `limits`: write it into the elements that it is meant for.",
    );
    for setting in [
        r#""failMode": "open""#,
        r#""consistency": "strong""#,
        r#""refunds": true"#,
        r#""writeAhead": 1"#,
    ] {
        let name = setting.split('"').nth(1).unwrap();
        refused(
            &format!(r#""policy": "p", {setting}"#),
            &format!("`{name}` does not go with `policy`, which has its own."),
        );
    }
}

#[test]
fn a_wrong_body_is_told_what_it_must_be() {
    let table = [
        (
            "",
            "The body must be one JSON object; line 1, column 0 is not JSON.",
        ),
        (
            "{",
            "The body must be one JSON object; line 1, column 1 is not JSON.",
        ),
        (
            "{}}",
            "The body must be one JSON object; line 1, column 3 is not JSON.",
        ),
        (
            "{\n 'a': 1}",
            "The body must be one JSON object; line 2, column 2 is not JSON.",
        ),
        (
            r#"{"a": 1,}"#,
            "The body must be one JSON object; line 1, column 9 is not JSON.",
        ),
        (
            r#"{"a": 01}"#,
            "The body must be one JSON object; line 1, column 8 is not JSON.",
        ),
        (
            r#"{"a": NaN}"#,
            "The body must be one JSON object; line 1, column 7 is not JSON.",
        ),
        (
            r#"{"\ud800": 1}"#,
            "The body must be one JSON object; line 1, column 9 is not JSON.",
        ),
        ("[]", "`body` must be an object."),
        (" null", "`body` must be an object."),
        ("\"a\"", "`body` must be an object."),
        ("{}", "`identifier` is missing: add it."),
        (
            r#"{"identifer": "u1"}"#,
            "`identifer` is not known here: remove it, or check its spelling.",
        ),
        (
            r#"{"identifier": 7, "policy": "p"}"#,
            "`identifier` must be a string.",
        ),
        (
            r#"{"identifier": null, "policy": "p"}"#,
            "`identifier` must be a string.",
        ),
        (
            r#"{"identifier": "", "policy": "p"}"#,
            "`identifier` must be between 1 and 1024 bytes long.",
        ),
        (
            r#"{"identifier": "\ud800", "policy": "p"}"#,
            "`identifier` must be text of whole characters, without half a surrogate pair.",
        ),
        (
            r#"{"identifier": "a", "identifier": "a"}"#,
            "`identifier` is given more than once: give it once.",
        ),
        (
            r#"{"identifier": "a", "id\u0065ntifier": "a"}"#,
            "`identifier` is given more than once: give it once.",
        ),
        (
            r#"{"identifier": "a", "policy": "p", "provider": ""}"#,
            "`provider` must be between 1 and 128 bytes long.",
        ),
        (
            r#"{"identifier": "a", "policy": "a b"}"#,
            "`policy` must be 1 to 64 of A-Z a-z 0-9 . _ -.",
        ),
        (
            r#"{"identifier": "a", "policy": ""}"#,
            "`policy` must be between 1 and 64 bytes long.",
        ),
    ];
    for (body, expected) in table {
        assert_eq!(sentence(request::parse(body)), expected, "{body}");
    }
}

#[test]
fn wrong_fields_of_a_limit_are_told_the_bound_and_the_right_type() {
    let whole = "must be a whole number.";
    let safe = "must be between 0 and 9007199254740992.";
    let window = r#""window": "1h""#;
    let table = [
        (
            format!(r#""limit": "5", {window}"#),
            format!("`limit` {whole}"),
        ),
        (
            format!(r#""limit": 1.5, {window}"#),
            format!("`limit` {whole}"),
        ),
        (
            format!(r#""limit": true, {window}"#),
            format!("`limit` {whole}"),
        ),
        (
            format!(r#""limit": null, {window}"#),
            format!("`limit` {whole}"),
        ),
        (
            format!(r#""limit": [5], {window}"#),
            format!("`limit` {whole}"),
        ),
        (
            format!(r#""limit": -1, {window}"#),
            format!("`limit` {safe}"),
        ),
        (
            format!(r#""limit": 9007199254740993, {window}"#),
            format!("`limit` {safe}"),
        ),
        (
            format!(r#""limit": 1e300, {window}"#),
            format!("`limit` {safe}"),
        ),
        (window.to_owned(), "`limit` is missing: add it.".to_owned()),
    ];
    for (fields, expected) in table {
        refused(&fields, &expected);
    }
    let grammar =
        "`window` must be a whole number with its unit, such as 500ms, 10s, 15m, 1h, 1d or 1w.";
    let span = "`window` must be between 1ms and 366d.";
    let kind = "`window` must be a duration: whole milliseconds, or text such as \"15m\".";
    let table = [
        ("\"1.5h\"", grammar),
        ("\"\"", grammar),
        ("\"3600\"", grammar),
        ("0", span),
        ("-5", span),
        ("\"0s\"", span),
        ("\"367d\"", span),
        ("31622400001", span),
        ("1e99", span),
        ("\"99999999999999999999w\"", span),
        ("1.5", kind),
        ("null", kind),
        ("{}", kind),
    ];
    for (window, expected) in table {
        refused(&format!(r#""limit": 1, "window": {window}"#), expected);
    }
    refused(r#""limit": 1"#, "`window` is missing: add it.");
    refused(
        r#""algorithm": "slidingLog", "limit": 1001, "window": "1h""#,
        "`limit` must be between 0 and 1000.",
    );
}

#[test]
fn wrong_buckets_quotas_and_slots_are_named_by_the_callers_own_words() {
    let bucket = r#""algorithm": "tokenBucket""#;
    let refill = r#""refill": {"amount": 1, "interval": "1s"}"#;
    let slots = r#""algorithm": "concurrency", "limit": 2, "ttl": "1m""#;
    let quota = r#""algorithm": "quota", "limit": 2"#;
    let table = [
        (format!(r#"{bucket}, {refill}"#), "`capacity` is missing: add it."),
        (format!(r#"{bucket}, "capacity": 5"#), "`refill` is missing: add it."),
        (format!(r#"{bucket}, "maxTokens": -1, {refill}"#), "`maxTokens` must be between 0 and 9007199254740992."),
        (format!(r#"{bucket}, "maxTokens": 1, "capacity": 1, {refill}"#), "`maxTokens` does not go with `capacity`, which is the same."),
        (format!(r#"{bucket}, "capacity": 1, {refill}, "refillRate": 1"#), "`refillRate` does not go with `refill`, which is the same."),
        (format!(r#"{bucket}, "capacity": 1, "refillInterval": "1s""#), "`refillRate` is missing: add it."),
        (format!(r#"{bucket}, "capacity": 1, "refillRate": 0"#), "`refillRate` must be a number between 0.000000001 and 9007199254740992."),
        (format!(r#"{bucket}, "capacity": 1, "refillRate": 0.0000000001"#), "`refillRate` must be a number between 0.000000001 and 9007199254740992."),
        (format!(r#"{bucket}, "capacity": 1, "refillRate": 1e-400"#), "`refillRate` must be a number between 0.000000001 and 9007199254740992."),
        (format!(r#"{bucket}, "capacity": 1, "refillRate": -0.5"#), "`refillRate` must be a number between 0.000000001 and 9007199254740992."),
        (format!(r#"{bucket}, "capacity": 5, {refill}, "initialTokens": 6"#), "`initialTokens` must be between 0 and 5."),
        (r#""strategy": "fixedWindow", "limit": 5, "window": "1m""#.to_owned(), "`strategy` must be sliding-window, fixed-window, token-bucket or leaky-bucket."),
        (r#""strategy": 5, "limit": 5, "window": "1m""#.to_owned(), "`strategy` must be sliding-window, fixed-window, token-bucket or leaky-bucket."),
        (r#""algorithm": "sliding-window", "limit": 5, "window": "1m""#.to_owned(), "`algorithm` must be fixedWindow, slidingWindow, slidingLog, tokenBucket, leakyBucket, quota or concurrency."),
        (r#""requests": "5", "window": "1m""#.to_owned(), "`requests` must be a whole number."),
        (r#""algorithm": "slidingLog", "requests": 1001, "window": "1m""#.to_owned(), "`requests` must be between 0 and 1000."),
        (r#""strategy": "leaky-bucket", "capacity": 5, "leakInterval": "1s""#.to_owned(), "`leakRate` is missing: add it."),
        (r#""strategy": "leaky-bucket", "capacity": 5, "leakRate": 1, "leakInterval": 0"#.to_owned(), "`leakInterval` must be between 1ms and 366d."),
        (r#""strategy": "leaky-bucket", "capacity": 5, "leakRate": 1e-10"#.to_owned(), "`leakRate` must be a number between 0.000000001 and 9007199254740992."),
        (r#""strategy": "leaky-bucket", "capacity": 5, "leakRate": 1, "refillRate": 1"#.to_owned(), "`refillRate` does not go with leakyBucket."),
        (format!(r#"{bucket}, "capacity": 1, "refillRate": "1""#), "`refillRate` must be a number."),
        (format!(r#"{bucket}, "capacity": 1, "refill": 5"#), "`refill` must be an object."),
        (format!(r#"{bucket}, "capacity": 1, "refill": {{"interval": "1s"}}"#), "`refill.amount` is missing: add it."),
        (format!(r#"{bucket}, "capacity": 1, "refill": {{"amount": 1, "interval": 0}}"#), "`refill.interval` must be between 1ms and 366d."),
        (format!(r#"{bucket}, "capacity": 1, "refill": {{"amount": 1, "interval": 1, "x": 1}}"#), "`refill.x` is not known here: remove it, or check its spelling."),
        (format!(r#"{bucket}, "capacity": 5, {refill}, "initial": 6"#), "`initial` must be between 0 and 5."),
        (format!(r#"{bucket}, "capacity": 5, {refill}, "stepped": 1"#), "`stepped` must be true or false."),
        (format!(r#"{bucket}, "capacity": 5, {refill}, "burstCredits": {{"cap": 0, "expiry": 1}}"#), "`burstCredits.cap` must be between 1 and 9007199254740992."),
        (format!(r#"{bucket}, "capacity": 5, {refill}, "stepped": true, "burstCredits": {{"cap": 1, "expiry": 1}}"#), "`burstCredits` does not go with `stepped`."),
        (format!(r#"{bucket}, "capacity": 5, {refill}, "leak": {{}}"#), "`leak` does not go with tokenBucket."),
        (format!(r#"{bucket}, "capacity": 5, {refill}, "window": "1h""#), "`window` does not go with tokenBucket."),
        (format!(r#"{refill}, "capacity": 5"#), "`algorithm` is missing: add it."),
        (r#""limit": 5, "period": "day""#.to_owned(), "`algorithm` is missing: add it."),
        (r#""algorithm": "gcra", "limit": 5"#.to_owned(), "`algorithm` must be fixedWindow, slidingWindow, slidingLog, tokenBucket, leakyBucket, quota or concurrency."),
        (format!(r#"{slots}, "window": "1m""#), "`window` does not go with concurrency."),
        (r#""algorithm": "concurrency", "limit": 1001, "ttl": "1m""#.to_owned(), "`limit` must be between 0 and 1000."),
        (r#""algorithm": "concurrency", "limit": 1"#.to_owned(), "`ttl` is missing: add it."),
        (quota.to_owned(), "`period` is missing: add it."),
        (format!(r#"{quota}, "period": "fortnight""#), "`period` must be minute, hour, day, week, month, quarter or year."),
        (format!(r#"{quota}, "period": 5"#), "`period` must be a string."),
        (format!(r#"{quota}, "period": "day", "timeZone": "Berlin!""#), "`timeZone` must be an IANA time zone name such as Europe/Berlin."),
        (format!(r#"{quota}, "period": "day", "timeZone": "Mars/Olympus""#), "`timeZone` is no time zone of IANA's database: take a name such as Europe/Berlin."),
        (format!(r#"{quota}, "period": "day", "anchor": {{"day": 2}}"#), "`anchor.day` does not go with day."),
        (format!(r#"{quota}, "period": "month", "anchor": {{"day": 32}}"#), "`anchor.day` must be between 1 and 31."),
        (format!(r#"{quota}, "period": "day", "anchor": {{"time": "25:00"}}"#), "`anchor.time` must be a time of day as HH:MM or HH:MM:SS."),
        (format!(r#"{quota}, "period": "week", "anchor": {{"weekday": 1}}"#), "`anchor.weekday` must be a string."),
        (format!(r#"{quota}, "period": "day", "anchor": {{"hour": 1}}"#), "`anchor.hour` is not known here: remove it, or check its spelling."),
    ];
    for (fields, expected) in table {
        refused(&fields, expected);
    }
}

#[test]
fn options_that_a_limit_cannot_keep_are_refused() {
    let window = r#""limit": 5, "window": "1m""#;
    let slots = r#""algorithm": "concurrency", "limit": 2, "ttl": "1m""#;
    let bucket = r#""algorithm": "tokenBucket", "capacity": 5, "refillRate": 1"#;
    let cost = "`cost` must be between -9007199254740992 and 9007199254740992.";
    let table = [
        (format!(r#"{window}, "cost": 9007199254740993"#), cost),
        (format!(r#"{window}, "cost": -9007199254740993"#), cost),
        (format!(r#"{window}, "cost": 0.5"#), "`cost` must be a whole number."),
        (format!(r#"{window}, "peek": "true""#), "`peek` must be true or false."),
        (format!(r#"{window}, "maxDelay": "-1s""#), "`maxDelay` must be a whole number with its unit, such as 500ms, 10s, 15m, 1h, 1d or 1w."),
        (format!(r#"{window}, "maxDelay": "367d""#), "`maxDelay` must be between 0s and 366d."),
        (format!(r#"{window}, "hold": "1m", "maxDelay": "1s""#), "`hold` does not go with a delay (`maxDelay`, `wait`): what is held is held from now on."),
        (format!(r#"{window}, "hold": "1m", "cost": -1"#), "`hold` does not go with `cost` when it is below 0: what is given back is not held."),
        (format!(r#"{window}, "costs": {{"a": 1}}"#), "`costs.a` is not known here: remove it, or check its spelling."),
        (format!(r#"{window}, "costs": {{}}"#), "`costs` must have between 1 and 8 fields."),
        (format!(r#"{slots}, "cost": -1"#), "`cost` does not go with `concurrency` when it is below 0: release the permit instead."),
        (format!(r#"{slots}, "maxDelay": 0"#), "`maxDelay` does not go with `concurrency`: nobody knows when a slot is released."),
        (format!(r#"{slots}, "hold": 0"#), "`hold` must be between 1ms and 366d."),
        (format!(r#"{window}, "refunds": false, "cost": -1"#), "`cost` does not go with `refunds: false` when it is below 0."),
        (format!(r#"{window}, "failMode": "ajar""#), "`failMode` must be open, closed, share or eventual."),
        (format!(r#"{window}, "failMode": "eventual""#), "`failMode` does not go with these limits when it is `eventual`, which adds up fixedWindow, slidingWindow and quota of 10m and longer through KV: take open, closed or share."),
        (format!(r#"{window}, "consistency": "eventual""#), "`consistency` does not go with counting through KV (`eventual`), which takes windows of 10m and longer: take `consistency: \"strong\"`, or \"local\" for 10s and 1m."),
        (format!(r#"{slots}, "consistency": "eventual""#), "`consistency` does not go with counting through KV (`eventual`), which adds up aligned windows: take fixedWindow, slidingWindow or quota, or `consistency: \"strong\"`."),
        (r#""limit": 5, "window": "30s", "consistency": "local""#.to_owned(), "`consistency` does not go with these limits when it is `local`: give one fixedWindow or slidingWindow with a window of 10s or 1m and a limit of 1 or more, or take `strong`."),
        (r#""limit": 0, "window": "10s", "consistency": "local""#.to_owned(), "`consistency` does not go with these limits when it is `local`: give one fixedWindow or slidingWindow with a window of 10s or 1m and a limit of 1 or more, or take `strong`."),
        (format!(r#"{window}, "consistency": "local", "cost": 2"#), "`cost` does not go with `consistency: \"local\"` when it is not 0 or 1: a native binding counts requests; take `strong`."),
        (format!(r#"{window}, "consistency": "local", "peek": true"#), "`peek` does not go with `consistency: \"local\"`: a native binding cannot be asked without counting; take `strong`."),
        (format!(r#"{window}, "consistency": "local", "maxDelay": 0"#), "`maxDelay` does not go with `consistency: \"local\"`: nobody keeps a place there; take `strong`."),
        (r#""limit": 5, "window": "1h", "consistency": "eventual", "maxDelay": 0"#.to_owned(), "`maxDelay` does not go with `consistency: \"eventual\"`: nobody keeps a place there; take `strong`."),
        (format!(r#"{window}, "consistency": "local", "shed": {{"limit": 1, "window": "10s"}}"#), "`shed` does not go with `consistency: \"local\"`, which is the same alone."),
        (format!(r#"{window}, "shed": {{"limit": 1, "window": "11s"}}"#), "`shed.window` must be 10s or 1m, which is what native rate-limit bindings have."),
        (format!(r#"{window}, "shed": {{"limit": 0, "window": "10s"}}"#), "`shed.limit` must be between 1 and 9007199254740992."),
        (format!(r#"{window}, "shed": {{"window": "10s"}}"#), "`shed.limit` is missing: add it."),
        (format!(r#"{window}, "shed": {{"limit": 1, "window": "10s", "x": 1}}"#), "`shed.x` is not known here: remove it, or check its spelling."),
        (format!(r#"{window}, "consistency": "leased", "lease": {{"life": "3s"}}"#), "`lease.life` must be between 100ms and 2s."),
        (format!(r#"{window}, "lease": {{"max": 3}}"#), "`lease` does not go with `consistency`: only `leased` lends."),
        (format!(r#"{window}, "localBurst": 3"#), "`localBurst` does not go with `consistency`: only `leased` lends."),
        (format!(r#"{slots}, "consistency": "leased""#), "`consistency` does not go with lending (`leased`): a slot is held and given back, and not spent; take `consistency: \"strong\"`."),
        (format!(r#"{window}, "consistency": "weak""#), "`consistency` must be strong, leased, eventual or local."),
        (format!(r#"{window}, "writeAhead": 0"#), "`writeAhead` must be between 1 and 5."),
        (format!(r#"{window}, "writeAhead": 6"#), "`writeAhead` must be between 1 and 5."),
        (format!(r#"{window}, "reserve": 3"#), "`reserve` is called `writeAhead` now."),
        (format!(r#"{window}, "wait": "31s""#), "`wait` must be between 0s and 30s."),
        (format!(r#"{window}, "wait": 1, "maxDelay": 1"#), "`wait` does not go with `maxDelay`: with `wait` the answer comes when it is your turn."),
        (format!(r#"{window}, "wait": 1, "peek": true"#), "`wait` does not go with `peek`, which keeps no place."),
        (format!(r#"{slots}, "wait": 1"#), "`wait` does not go with `concurrency`: nobody knows when a slot is released."),
        (format!(r#"{window}, "consistency": "local", "wait": 1"#), "`wait` does not go with `consistency: \"local\"`: nobody keeps a place there; take `strong`."),
        (format!(r#"{window}, "shed": {{"limit": 1, "window": "10s"}}, "wait": 1"#), "`wait` does not go with `shed`, which keeps floods from the subject's object: nobody waits there."),
        (format!(r#"{window}, "priority": """#), "`priority` must be between 1 and 64 bytes long."),
        (format!(r#"{window}, "priority": 1"#), "`priority` must be a string."),
        (format!(r#"{window}, "weights": {{"high": 3}}"#), "`weights` does not go with limits other than tokenBucket and leakyBucket, which have no shares."),
        (format!(r#"{bucket}, "weights": {{"high": 3}}, "maxDelay": 1"#), "`maxDelay` does not go with `weights`: whoever comes later may have a part in what would be promised."),
        (format!(r#"{bucket}, "weights": {{"high": 3}}, "wait": 1"#), "`wait` does not go with `weights`: whoever comes later may have a part in what would be promised."),
        (format!(r#"{bucket}, "weights": {{}}"#), "`weights` must have between 1 and 32 fields."),
        (format!(r#"{bucket}, "weights": {{"a": 0}}"#), "`weights.a` must be between 1 and 1000."),
        (format!(r#"{bucket}, "weights": {{"": 1}}"#), "`weights.` must be between 1 and 64 bytes long."),
        (format!(r#"{bucket}, "by": "child""#), "`weights` is missing: add it."),
        (format!(r#"{bucket}, "weights": {{"a": 1}}, "by": "user""#), "`by` must be priority or child."),
    ];
    for (fields, expected) in table {
        refused(&fields, expected);
    }
    assert!(request::parse(&body(&format!(
        r#"{slots}, "cost": 0, "hold": "5s", "peek": true"#
    )))
    .is_ok());
    for later in ["parent", "regions", "shadow"] {
        let error = request::parse(&body(&format!(r#"{window}, "{later}": null"#))).unwrap_err();
        assert!(
            matches!(error.problem, Problem::Unsupported { .. }),
            "{later}"
        );
    }
}

#[test]
fn a_named_policy_is_asked_whether_it_can_keep_the_options() {
    let slots = inline(r#""algorithm": "concurrency", "limit": 2, "ttl": "1m""#);
    let window = inline(r#""limit": 5, "window": "1m""#);
    let delayed = Check {
        max_delay: Some(secs(1)),
        ..Check::ONE
    };
    let held = Check {
        hold: Some(secs(1)),
        ..Check::ONE
    };
    assert_eq!(request::suits(&delayed, &window), Ok(()));
    assert_eq!(request::suits(&held, &slots), Ok(()));
    assert_eq!(
        request::suits(&delayed, &slots).unwrap_err().field,
        "maxDelay"
    );
    assert_eq!(request::suits(&held, &window), Ok(()));
    let shaped = inline(
        r#""algorithm": "leakyBucket", "capacity": 5, "leak": {"amount": 1, "interval": "1s"}, "maxDelay": "9s""#,
    );
    assert_eq!(request::suits(&held, &shaped).unwrap_err().field, "hold");
    assert_eq!(
        request::suits(&Check::of(-1), &slots).unwrap_err().field,
        "cost"
    );
    assert_eq!(
        request::suits(&Check::of(-1), &window.clone().without_refunds())
            .unwrap_err()
            .field,
        "cost"
    );
    assert_eq!(request::suits(&Check::of(-1), &window), Ok(()));
}

#[test]
fn wrong_elements_of_limits_are_named_by_their_place() {
    let one = r#"{"limit": 1, "window": "1m"}"#;
    let table = [
        ("[]".to_owned(), "`limits` must have between 1 and 8 entries."),
        (format!("[{}]", [one; 9].join(",")), "`limits` must have between 1 and 8 entries."),
        ("{}".to_owned(), "`limits` must be an array."),
        ("[5]".to_owned(), "`limits[0]` must be an object."),
        (format!(r#"[{one}, {{"limit": 1}}]"#), "`limits[1].window` is missing: add it."),
        (format!(r#"[{one}, {{"limit": 1, "window": "1h", "cost": 2}}]"#), "`limits[1].cost` is not known here: remove it, or check its spelling."),
        (format!(r#"[{one}, {{"limit": 1, "window": "1h", "maxDelay": 2}}]"#), "`limits[1].maxDelay` is not known here: remove it, or check its spelling."),
        (format!(r#"[{one}, {{"limit": 1, "limit": 1}}]"#), "`limits[1].limit` is given more than once: give it once."),
        (format!(r#"[{{"algorithm": "leakyBucket", "capacity": 1, "leak": {{"amount": "1"}}}}, {one}]"#), "`limits[0].leak.amount` must be a number."),
        (format!(r#"[{one}, {{"\ud800": 1}}]"#), "`limits[1]` must be text of whole characters, without half a surrogate pair."),
        (format!("[{one}, {one}]"), "`limits` does not go with another limit of the same algorithm and window: give each a `name`."),
        (r#"[{"limit": 1, "window": "60s"}, {"limit": 2, "window": "1m"}]"#.to_owned(), "`limits` does not go with another limit of the same algorithm and window: give each a `name`."),
        (r#"[{"name": "n", "limit": 1, "window": "1m"}, {"name": "n", "limit": 2, "window": "1m"}]"#.to_owned(), "`limits` does not go with another limit of the same algorithm and window: give each a `name`."),
        (r#"[{"name": "a/b", "limit": 1, "window": "1m"}]"#.to_owned(), "`limits[0].name` must be 1 to 64 of A-Z a-z 0-9 . _ -."),
    ];
    for (limits, expected) in table {
        refused(&format!(r#""limits": {limits}"#), expected);
    }
    assert_eq!(
        inline(
            r#""limits": [{"name": "a", "limit": 1, "window": "1m"}, {"limit": 1, "window": "1m"}]"#
        )
        .limits()
        .len(),
        2
    );
}

fn entries(json: &str) -> Vec<LimitRequest> {
    multi::parse(json).unwrap().limits
}

#[test]
fn fields_beside_the_entries_are_defaults_that_an_entry_overrides() {
    let requests = entries(
        r#"{"provider": "acme", "limit": 10, "window": "1m", "cost": 2, "failMode": "closed", "limits": [
            {"identifier": "a"},
            {"identifier": "b", "limit": 20, "cost": 3, "provider": "other"},
            {"identifier": "c", "policy": "p"},
            {"identifier": "d", "limits": [{"limit": 1, "window": "1s"}, {"limit": 2, "window": "2s"}]},
            {"identifier": "e", "algorithm": "tokenBucket", "capacity": 5, "refillRate": 1}]}"#,
    );
    let label = |i: usize| match &requests[i].rule {
        Rule::Named(name) => name.as_str().to_owned(),
        Rule::Inline(policy) => policy
            .limits()
            .iter()
            .map(Limit::label)
            .collect::<Vec<_>>()
            .join(" "),
    };
    let labels: Vec<String> = (0..5).map(label).collect();
    assert_eq!(labels, ["10/1m", "20/1m", "p", "1/1s 2/2s", "1/1s"]);
    let costs: Vec<i64> = requests.iter().map(|request| request.check.cost).collect();
    assert_eq!(costs, [2, 3, 2, 2, 2]);
    assert_eq!(requests[0].subject.provider(), Some("acme"));
    assert_eq!(requests[1].subject.provider(), Some("other"));
    assert!(
        matches!(&requests[3].rule, Rule::Inline(policy) if policy.fail_mode() == FailMode::Closed)
    );
}

#[test]
fn what_chooses_the_limit_goes_together() {
    let requests = entries(
        r#"{"policy": "p", "limits": [{"identifier": "a"}, {"identifier": "a", "limit": 1, "window": "1m", "failMode": "closed"}]}"#,
    );
    assert_eq!(
        requests[0].rule,
        Rule::Named(Name::new("policy", "p").unwrap())
    );
    assert!(
        matches!(&requests[1].rule, Rule::Inline(policy) if policy.fail_mode() == FailMode::Closed)
    );
    let requests = entries(
        r#"{"algorithm": "tokenBucket", "capacity": 5, "refill": {"amount": 1, "interval": "1s"}, "limits": [
            {"identifier": "a", "maxTokens": 7}, {"identifier": "b", "refillRate": 3}, {"identifier": "c"}]}"#,
    );
    let bucket = |i: usize| match &requests[i].rule {
        Rule::Inline(policy) => match policy.limits()[0].algorithm() {
            Algorithm::TokenBucket(bucket) => {
                (bucket.capacity(), bucket.refill().amount().to_string())
            }
            other => panic!("{other:?}"),
        },
        Rule::Named(name) => panic!("{name:?}"),
    };
    assert_eq!(
        [bucket(0), bucket(1), bucket(2)],
        [(7, "1".into()), (5, "3".into()), (5, "1".into())]
    );
}

#[test]
fn wrong_entries_are_named_by_their_place_and_wrong_defaults_by_their_name() {
    let a = r#"{"identifier": "a", "limit": 1, "window": "1m"}"#;
    let same = "`limits[1]` does not go with an earlier entry for the same limit of the same subject: add their costs up.";
    let table = [
        (r#"{"limit": 1, "window": "1m"}"#.to_owned(), "`limits` is missing: add it."),
        (r#"{"limits": []}"#.to_owned(), "`limits` must have between 1 and 32 entries."),
        (format!(r#"{{"limits": [{}]}}"#, [a; 33].join(",")), "`limits` must have between 1 and 32 entries."),
        (format!(r#"{{"limits": [{a}], "prices": 1}}"#), "`prices` is not known here: remove it, or check its spelling."),
        (format!(r#"{{"limits": [{a}], "cost": "1"}}"#), "`cost` must be a whole number."),
        (format!(r#"{{"limits": [{a}, {{"identifier": "b", "limit": 1, "window": 0}}]}}"#), "`limits[1].window` must be between 1ms and 366d."),
        (format!(r#"{{"limits": [{a}, {{"limit": 1, "window": "1m"}}]}}"#), "`limits[1].identifier` is missing: add it."),
        (format!(r#"{{"limits": [{a}, {{"identifier": "b", "limit": 1, "window": "1m", "wait": 1}}]}}"#), "`limits[1].wait` does not go with an entry of its own: write it beside `limits`, for the whole request."),
        (format!(r#"{{"wait": "31s", "limits": [{a}]}}"#), "`wait` must be between 0s and 30s."),
        (format!(r#"{{"wait": 1, "maxDelay": 1, "limits": [{a}]}}"#), "`wait` does not go with `maxDelay`: with `wait` the answer comes when it is your turn."),
        (r#"{"wait": 1, "limits": [{"identifier": "b", "policy": "p", "peek": true}]}"#.to_owned(), "`wait` does not go with `peek`, which keeps no place."),
        (format!(r#"{{"wait": 1, "limits": [{a}, {{"identifier": "b", "policy": "p", "cost": -1}}]}}"#), "`limits[1].cost` does not go with `wait` when it is below 0: send the refund alone, with POST /limit."),
        (r#"{"wait": 5, "limits": [{"identifier": "a", "algorithm": "concurrency", "limit": 1, "ttl": 5}]}"#.to_owned(), "`wait` does not go with `concurrency`: nobody knows when a slot is released."),
        (r#"{"limits": [{"identifier": "b", "limits": [{"limit": 1, "window": "1m"}, {"limit": 1}]}]}"#.to_owned(), "`limits[0].limits[1].window` is missing: add it."),
        (r#"{"window": "1m", "limits": [{"identifier": "b", "algorithm": "tokenBucket", "limit": 1, "capacity": 5, "refillRate": 1}]}"#.to_owned(), "`limits[0].limit` does not go with tokenBucket."),
        (r#"{"limit": 1, "window": "1h", "consistency": "eventual", "limits": [{"identifier": "a"}]}"#.to_owned(), "`limits[0].consistency` does not go with POST /limit/multi, whose entries are decided together by their objects: ask for it alone."),
        (r#"{"limits": [{"identifier": "a", "limit": 1, "window": "1h", "shed": {"limit": 1, "window": "10s"}}]}"#.to_owned(), "`limits[0].shed` does not go with POST /limit/multi, whose entries are decided together by their objects: ask for it alone."),
        (r#"{"policy": "p", "failMode": "open", "limits": [{"identifier": "a"}]}"#.to_owned(), "`failMode` does not go with `policy`, which has its own."),
        (r#"{"policy": "p", "limit": 5, "limits": [{"identifier": "a"}]}"#.to_owned(), "`policy` does not go with a limit in the request: give one or the other."),
        (r#"{"maxDelay": 5, "limits": [{"identifier": "a", "algorithm": "concurrency", "limit": 1, "ttl": 5}]}"#.to_owned(), "`maxDelay` does not go with `concurrency`: nobody knows when a slot is released."),
        (format!(r#"{{"limits": [{a}, {a}]}}"#), same),
        (format!(r#"{{"limits": [{a}, {{"provider": "default", "scope": "", "identifier": "a", "limit": 9, "window": 60000}}]}}"#), same),
        (r#"{"policy": "p", "limits": [{"identifier": "a"}, {"identifier": "a", "cost": 5}]}"#.to_owned(), same),
        ("[]".to_owned(), "`body` must be an object."),
    ];
    for (json, expected) in table {
        assert_eq!(sentence(multi::parse(&json)), expected, "{json}");
    }
    assert_eq!(
        entries(&format!(
            r#"{{"limits": [{a}, {{"identifier": "a", "limit": 1, "window": "2m"}}]}}"#
        ))
        .len(),
        2
    );
    assert_eq!(entries(&format!(r#"{{"limits": [{a}, {{"scope": "s", "identifier": "a", "limit": 1, "window": "1m"}}]}}"#)).len(), 2);
}

#[test]
fn the_older_form_is_a_bucket_in_tokens_per_second() {
    let request =
        acquire::parse(r#"{"identifier": "grok", "cost": 2, "maxTokens": 60, "refillRate": 1.67}"#)
            .unwrap();
    let bucket = TokenBucket::new(60, Rate::new("", decimal("1.67"), secs(1)).unwrap()).unwrap();
    let policy = Policy::new(vec![Limit::new(None, Algorithm::TokenBucket(bucket))]).unwrap();
    assert_eq!(
        (request.rule, request.check),
        (Rule::Inline(policy), Check::of(2))
    );
    let table = [
        (
            r#"{"identifier": "g", "maxTokens": 60}"#,
            "`refillRate` is missing: add it.",
        ),
        (
            r#"{"identifier": "g", "refillRate": 60}"#,
            "`maxTokens` is missing: add it.",
        ),
        (
            r#"{"identifier": "g", "maxTokens": 60, "refillRate": 0}"#,
            "`refillRate` must be a number between 0.000000001 and 9007199254740992.",
        ),
        (
            r#"{"identifier": "g", "maxTokens": 6.5, "refillRate": 1}"#,
            "`maxTokens` must be a whole number.",
        ),
        (
            r#"{"identifier": "g", "maxTokens": 6, "refillRate": 1, "refillInterval": 0}"#,
            "`refillInterval` must be between 1ms and 366d.",
        ),
        (
            r#"{"identifier": "g", "maxTokens": 6, "refillRate": 1, "refillInterval": "soon"}"#,
            "`refillInterval` must be a whole number with its unit, such as 500ms, 10s, 15m, 1h, 1d or 1w.",
        ),
        (
            r#"{"identifier": "g", "maxTokens": 6, "refillRate": 1, "interval": 5}"#,
            "`interval` is not known here: remove it, or check its spelling.",
        ),
        (
            r#"{"maxTokens": 6, "refillRate": 1}"#,
            "`identifier` is missing: add it.",
        ),
    ];
    for (json, expected) in table {
        assert_eq!(sentence(acquire::parse(json)), expected, "{json}");
    }
}

#[test]
fn a_refill_interval_is_per_what_on_limit_and_without_effect_on_acquire() {
    let bucket = |request: LimitRequest| match request.rule {
        Rule::Inline(policy) => policy.limits()[0].algorithm().clone(),
        Rule::Named(name) => panic!("{name:?}"),
    };
    let of = |capacity, amount, interval| {
        let refill = Rate::new("", decimal(amount), interval).unwrap();
        Algorithm::TokenBucket(TokenBucket::new(capacity, refill).unwrap())
    };
    // Tokens, rate and interval of callers that are known.
    for (capacity, rate, interval) in [(60, "1", 1_000), (30, "0.5", 2_000), (100, "1.67", 600)] {
        let fields = format!(
            r#""identifier": "u1", "maxTokens": {capacity}, "refillRate": {rate}, "refillInterval": {interval}"#
        );
        let older = acquire::parse(&format!("{{{fields}}}")).unwrap();
        assert_eq!(bucket(older), of(capacity, rate, secs(1)));
        let request = format!(r#"{{{fields}, "algorithm": "tokenBucket"}}"#);
        let newer = request::parse(&request).unwrap();
        let interval = Duration::from_millis(interval);
        assert_eq!(bucket(newer), of(capacity, rate, interval));
    }
}

#[test]
fn a_block_has_a_duration_and_perhaps_a_policy_and_a_reason() {
    let block = block::parse(r#"{"provider": "p", "scope": "s", "identifier": "u1", "policy": "x", "duration": "1h", "reason": "abuse"}"#).unwrap();
    assert_eq!(
        (block.subject.provider(), block.subject.scope()),
        (Some("p"), Some("s"))
    );
    assert_eq!(block.policy.as_ref().map(Name::as_str), Some("x"));
    assert_eq!(
        (block.duration, block.reason.as_deref()),
        (secs(3600), Some("abuse"))
    );
    let unblock = block::parse(r#"{"identifier": "u1", "duration": 0}"#).unwrap();
    assert_eq!(
        (unblock.duration, unblock.policy, unblock.reason),
        (Duration::ZERO, None, None)
    );
    let long = "r".repeat(257);
    let table = [
        (
            r#""cost": 1"#.to_owned(),
            "`cost` is not known here: remove it, or check its spelling.",
        ),
        (
            r#""reason": "x""#.to_owned(),
            "`duration` is missing: add it.",
        ),
        (
            r#""duration": -1"#.to_owned(),
            "`duration` must be between 0s and 366d.",
        ),
        (
            format!(r#""duration": 1, "reason": "{long}""#),
            "`reason` must be between 1 and 256 bytes long.",
        ),
    ];
    for (fields, expected) in table {
        assert_eq!(sentence(block::parse(&body(&fields))), expected);
    }
}

#[test]
fn a_stage_has_a_start_or_a_pause_and_a_subject_of_its_own() {
    let new = stage::parse(
        r#"{"start": 1798848000000, "paused": false, "policy": "inbox", "reason": "warm"}"#,
    )
    .unwrap();
    let start = new.set.start.map(Timestamp::as_millis);
    assert_eq!(
        (start, new.set.paused),
        (Some(1_798_848_000_000), Some(false))
    );
    assert_eq!(new.policy.as_ref().map(Name::as_str), Some("inbox"));
    assert_eq!(new.reason.as_deref(), Some("warm"));
    let table = [
        (
            r#"{"reason": "x", "policy": "p"}"#,
            "`body` must be an object with `start`, `paused` or both.",
        ),
        (
            r#"{"start": 1798848000}"#, // seconds
            "`start` must be between 1000000000000 and 9999999999999.",
        ),
        (
            r#"{"start": 1798848000000000}"#, // microseconds
            "`start` must be between 1000000000000 and 9999999999999.",
        ),
        (r#"{"start": "now"}"#, "`start` must be a whole number."),
        (r#"{"paused": 1}"#, "`paused` must be true or false."),
        (
            r#"{"paused": true, "limit": "day"}"#,
            "`limit` is not known here: remove it, or check its spelling.",
        ),
        (
            r#"{"paused": true, "policy": "a b"}"#,
            "`policy` must be 1 to 64 of A-Z a-z 0-9 . _ -.",
        ),
        (
            r#"{"paused": true, "reason": ""}"#,
            "`reason` must be between 1 and 256 bytes long.",
        ),
    ];
    for (body, expected) in table {
        assert_eq!(sentence(stage::parse(body)), expected);
    }
    let parts = stage::subject("subject:net/a%2Fb/2001%3Adb8%3A%3A1").unwrap();
    assert_eq!(
        (parts.provider(), parts.scope(), parts.identifier()),
        (Some("net"), Some("a/b"), "2001:db8::1")
    );
    for wide in ["all", "policy:p", "provider:p", "prefix:p//*"] {
        let error = sentence(stage::subject(wide));
        assert!(error.starts_with("`target` must be subject:<provider>/"));
        assert!(error.contains("a stage of its own"), "{error}");
    }
    assert!(sentence(stage::subject("nobody")).contains("or all, each part"));
}

#[test]
fn permits_are_opaque_and_bounded() {
    let renew = permit::parse_renew(r#"{"permit": "x.y", "hold": "30s"}"#).unwrap();
    assert_eq!((renew.permit.as_str(), renew.hold), ("x.y", Some(secs(30))));
    assert_eq!(
        permit::parse_renew(r#"{"permit": "x"}"#).unwrap().hold,
        None
    );
    assert_eq!(
        permit::parse_release(r#"{"permit": "x"}"#).unwrap().permit,
        "x"
    );
    let table = [
        ("{}".to_owned(), "`permit` is missing: add it."),
        (
            r#"{"permit": ""}"#.to_owned(),
            "`permit` must be between 1 and 4096 bytes long.",
        ),
        (
            format!(r#"{{"permit": "{}"}}"#, "p".repeat(4097)),
            "`permit` must be between 1 and 4096 bytes long.",
        ),
        (
            r#"{"permit": "x", "hold": 5}"#.to_owned(),
            "`hold` is not known here: remove it, or check its spelling.",
        ),
    ];
    for (json, expected) in table {
        assert_eq!(sentence(permit::parse_release(&json)), expected, "{json}");
    }
}

#[test]
fn a_query_names_each_parameter_once() {
    let query = query::parse("provider=sales+force&scope=&identifier=a%26b%3Dc&policy=p&").unwrap();
    let subject = &query.subject;
    assert_eq!(
        (subject.provider(), subject.scope(), subject.identifier()),
        (Some("sales force"), Some(""), "a&b=c")
    );
    assert_eq!(query.policy.as_ref().map(Name::as_str), Some("p"));
    assert_eq!(
        query::parse("identifier=a=b").unwrap().subject.identifier(),
        "a=b"
    );
    let table = [
        ("", "`identifier` is missing: add it."),
        ("provider=p", "`identifier` is missing: add it."),
        (
            "identifier",
            "`identifier` must be between 1 and 1024 bytes long.",
        ),
        (
            "identifier=",
            "`identifier` must be between 1 and 1024 bytes long.",
        ),
        (
            "identifier=a&identifier=b",
            "`identifier` is given more than once: give it once.",
        ),
        (
            "identifier=a&%69dentifier=b",
            "`identifier` is given more than once: give it once.",
        ),
        (
            "identifier=a&namespace=b",
            "`namespace` is not known here: remove it, or check its spelling.",
        ),
        (
            "identifier=%FF",
            "`identifier` must be percent-encoded UTF-8, as encodeURIComponent writes it.",
        ),
        (
            "identifier=%4",
            "`identifier` must be percent-encoded UTF-8, as encodeURIComponent writes it.",
        ),
        (
            "identifier=a&policy=a/b",
            "`policy` must be 1 to 64 of A-Z a-z 0-9 . _ -.",
        ),
        (
            "identifier=a&provider=",
            "`provider` must be between 1 and 128 bytes long.",
        ),
    ];
    for (text, expected) in table {
        assert_eq!(sentence(query::parse(text)), expected, "{text}");
    }
}

#[test]
fn a_check_in_a_query_is_the_one_in_a_body() {
    for (query, fields) in [
        ("", ""),
        ("&cost=3&peek=true", r#","cost":3,"peek":true"#),
        (
            "&cost=-9007199254740992&peek=false",
            r#","cost":-9007199254740992"#,
        ),
        ("&maxDelay=0&hold=1", r#","maxDelay":0,"hold":1"#),
        ("&maxDelay=5s&hold=1+h", r#","maxDelay":"5s","hold":"1 h""#),
        ("&priority=high+up", r#","priority":"high up""#),
        ("&priority=", r#","priority":"""#),
        (
            "&wait=30s&pressure=true",
            r#","wait":"30s","pressure":true"#,
        ),
        ("&wait=31s", r#","wait":"31s""#),
        ("&wait=1&maxDelay=1", r#","wait":1,"maxDelay":1"#),
        ("&wait=1&peek=true", r#","wait":1,"peek":true"#),
        (
            "&provider=sales+force&scope=a%26b",
            r#","provider":"sales force","scope":"a&b""#,
        ),
    ] {
        let asked = query::check(&format!("policy=p&identifier=u1{query}"));
        let body = format!(r#"{{"policy":"p","identifier":"u1"{fields}}}"#);
        assert_eq!(asked, request::parse(&body), "{query}");
    }
    for (query, field) in [
        ("identifier=u1", "policy"),
        ("policy=p", "identifier"),
        ("policy=a+b&identifier=u1", "policy"),
        ("policy=p&identifier=u1&cost=", "cost"),
        ("policy=p&identifier=u1&cost=1.5", "cost"),
        ("policy=p&identifier=u1&cost=9007199254740993", "cost"),
        ("policy=p&identifier=u1&cost=1&cost=2", "cost"),
        ("policy=p&identifier=u1&peek=1", "peek"),
        ("policy=p&identifier=u1&peek", "peek"),
        ("policy=p&identifier=u1&maxDelay=soon", "maxDelay"),
        ("policy=p&identifier=u1&maxDelay=", "maxDelay"),
        ("policy=p&identifier=u1&hold=0", "hold"),
        ("policy=p&identifier=u1&hold=367d", "hold"),
        ("policy=p&identifier=u1&limit=1", "limit"),
    ] {
        let error = query::check(query).unwrap_err();
        assert_eq!(error.field, field, "{query}");
    }
}

#[test]
fn a_policy_of_one_provider_or_scope_limits_subjects_of_no_other() {
    let named = |fields: &str| {
        let policy = format!(r#"{{"limit":1,"window":"1h"{fields}}}"#);
        named::parse(&policy).unwrap()
    };
    let parts = |query: &str| query::parse(query).unwrap().subject;
    let both = named(r#","provider":"github","scope":"rest""#);
    let whole = parts("provider=github&scope=rest&identifier=u1");
    for same in [
        "identifier=u1",
        "provider=github&identifier=u1",
        "scope=rest&identifier=u1",
        "provider=github&scope=rest&identifier=u1",
    ] {
        assert_eq!(both.limited(parts(same)), Ok(whole.clone()), "{same}");
    }
    for (other, field) in [
        ("provider=gitlab&identifier=u1", "provider"),
        ("scope=graphql&identifier=u1", "scope"),
        ("provider=github&scope=&identifier=u1", "scope"),
    ] {
        let error = both.limited(parts(other)).unwrap_err();
        assert_eq!(error.field, field, "{other}");
        assert!(matches!(error.problem, Problem::Conflict { .. }), "{other}");
    }
    // One that says nothing leaves it to the caller.
    let other = parts("provider=gitlab&identifier=u1");
    assert_eq!(named("").limited(other.clone()), Ok(other));
}

#[test]
fn an_error_repeats_little_of_what_a_caller_made_up_and_no_value() {
    let long = "n".repeat(50_000);
    let error = request::parse(&format!(r#"{{"{long}": 1}}"#)).unwrap_err();
    assert_eq!(error.field, format!("{}…", "n".repeat(40)));
    let error = query::parse(&format!("{long}=1")).unwrap_err();
    assert_eq!(error.field.chars().count(), 41);
    let error =
        request::parse(&body(r#""policy": "secret words", "limit": "secret""#)).unwrap_err();
    assert!(!error.to_string().contains("secret"));
}

#[test]
fn hostile_shapes_are_refused_quickly() {
    let deep = "[".repeat(32_000) + &"]".repeat(32_000);
    let objects = r#"{"a":"#.repeat(10_000) + "1" + &"}".repeat(10_000);
    let unknown =
        |json: String| matches!(request::parse(&json).unwrap_err().problem, Problem::Unknown);
    assert!(unknown(body(&format!(r#""x": {deep}"#))));
    assert!(unknown(body(&format!(r#""x": {objects}"#))));
    assert!(matches!(
        request::parse(&deep).unwrap_err().problem,
        Problem::WrongType { .. }
    ));
    assert!(matches!(
        request::parse(&"[".repeat(65_536)).unwrap_err().problem,
        Problem::NotJson { .. }
    ));
    let many: Vec<String> = (0..8_000).map(|i| format!("\"{i}\":1")).collect();
    let error = request::parse(&format!("{{{}}}", many.join(","))).unwrap_err();
    let bound = Problem::OutOfRange {
        min: 1,
        max: 64,
        unit: Unit::Fields,
    };
    assert_eq!((error.field.as_str(), error.problem), ("body", bound));
    let zeros = format!(r#""limit": 1{}, "window": "1m""#, "0".repeat(60_000));
    refused(&zeros, "`limit` must be between 0 and 9007199254740992.");
    let entries = format!(r#""limits": [{}1]"#, "1,".repeat(30_000));
    refused(&entries, "`limits` must have between 1 and 8 entries.");
}

/// Requests that between them have every field of `POST /limit`.
const COMPLETE: [&str; 9] = [
    r#"{"provider":"p","scope":"s","identifier":"u1","policy":"p","cost":1,"peek":true,"maxDelay":"1s"}"#,
    r#"{"identifier":"u1","name":"n","limit":9,"window":"1m","failMode":"open","consistency":"strong","refunds":true,"writeAhead":1}"#,
    r#"{"identifier":"u1","algorithm":"tokenBucket","maxTokens":9,"refillRate":0.5,"refillInterval":"1s","initial":1,"stepped":true,"forgetAfter":"1d"}"#,
    r#"{"identifier":"u1","limits":[{"algorithm":"tokenBucket","capacity":9,"refill":{"amount":1,"interval":"1s"},"burstCredits":{"cap":5,"expiry":"1h"}}]}"#,
    r#"{"identifier":"u1","limits":[{"algorithm":"leakyBucket","capacity":9,"leak":{"amount":1,"interval":"1s"},"maxDelay":5}]}"#,
    r#"{"identifier":"u1","algorithm":"quota","limit":9,"period":"year","timeZone":"UTC","anchor":{"time":"06:30","day":1,"month":2}}"#,
    r#"{"identifier":"u1","strategy":"token-bucket","capacity":9,"refillRate":0.5,"initialTokens":1}"#,
    r#"{"identifier":"u1","strategy":"leaky-bucket","capacity":9,"leakRate":0.5,"leakInterval":"1s"}"#,
    r#"{"identifier":"u1","strategy":"sliding-window","requests":9,"window":"1m"}"#,
];

/// Calls `each` for every field in `value`, with its path and the field itself, to be changed for
/// the moment.
fn for_each_field(value: &mut Value, each: &mut dyn FnMut(&str, &[&str]), place: &mut Vec<String>) {
    let keys: Vec<String> = match value {
        Value::Object(map) => map.keys().cloned().collect(),
        Value::Array(array) => (0..array.len()).map(|i| i.to_string()).collect(),
        _ => return,
    };
    for key in keys {
        place.push(key);
        let path = place.iter().map(|part| match part.parse::<usize>() {
            Ok(i) => format!("[{i}]"),
            Err(_) => format!(".{part}"),
        });
        let path: String = path.collect();
        let pointer: Vec<&str> = place.iter().map(String::as_str).collect();
        each(path.trim_start_matches('.'), &pointer);
        let key = place.last().cloned().unwrap_or_default();
        let inner = match value {
            Value::Object(map) => &mut map[&key],
            _ => &mut value[key.parse::<usize>().unwrap()],
        };
        for_each_field(inner, each, place);
        place.pop();
    }
}

fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}

#[test]
fn every_field_refuses_every_other_type_and_the_error_names_it() {
    let others = ["null", "true", "0.5", "\"?\"", "[1]", "{\"a\": 1}"]
        .map(|text| serde_json::from_str::<Value>(text).unwrap());
    let mut tried = 0;
    for text in COMPLETE {
        let whole: Value = serde_json::from_str(text).unwrap();
        assert!(request::parse(&whole.to_string()).is_ok(), "{text}");
        let mut each = |path: &str, place: &[&str]| {
            let pointer = format!("/{}", place.join("/"));
            for other in &others {
                let mut changed = whole.clone();
                let field = changed.pointer_mut(&pointer).unwrap();
                if kind(field) == kind(other) {
                    continue;
                }
                *field = other.clone();
                let error = request::parse(&changed.to_string()).unwrap_err();
                assert_eq!(error.field, path, "{changed}");
                tried += 1;
            }
        };
        for_each_field(&mut whole.clone(), &mut each, &mut Vec::new());
    }
    assert!(tried > 200, "{tried}");
}

#[test]
fn every_object_refuses_a_field_it_does_not_know_and_one_given_twice() {
    for text in COMPLETE {
        let objects = text.match_indices('{').map(|(at, _)| at + 1);
        for at in objects {
            let (before, after) = text.split_at(at);
            let error = request::parse(&format!("{before}\"typo\":1,{after}")).unwrap_err();
            assert_eq!(error.problem, Problem::Unknown);
            assert!(
                error.field == "typo" || error.field.ends_with(".typo"),
                "{}",
                error.field
            );
            let first = after.split('"').nth(1).unwrap();
            let error = request::parse(&format!("{before}\"{first}\":1,{after}")).unwrap_err();
            assert_eq!(error.problem, Problem::Duplicate);
            assert!(error.field.ends_with(first), "{}", error.field);
        }
    }
}
