//! What is read can be written: each request and each policy comes back as it was.
#![allow(clippy::unwrap_used)] // a test may panic, also in its helpers

mod common;

use common::generated::{name, policy, span, subject, text, whole};
use proptest::option;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tollgate_core::api::block::{self, Block, MAX_REASON};
use tollgate_core::api::multi::{self, Checks, MultiRequest, MAX_ENTRIES};
use tollgate_core::api::permit::{self, Release, Renew};
use tollgate_core::api::query::{self, SubjectQuery};
use tollgate_core::api::request::{self, suits, suits_waiting, LimitRequest, Rule, MAX_WAIT};
use tollgate_core::api::stage::{self, NewStage};
use tollgate_core::api::{policy as form, to_json};
use tollgate_core::decide::{Check, OnExpiry, Overage};
use tollgate_core::idempotency::Repeat;
use tollgate_core::limit::{Name, MAX_WINDOW};
use tollgate_core::number::MAX_SAFE;
use tollgate_core::policy::consistency::Consistency;
use tollgate_core::subject::SubjectParts;
use tollgate_core::subject_state::StageOverride;
use tollgate_core::{Duration, Timestamp};

fn rule() -> impl Strategy<Value = Rule> {
    prop_oneof![
        1 => name().prop_map(Rule::Named),
        3 => policy().prop_map(Rule::Inline),
    ]
}

/// 0 to 366 d.
fn delay() -> impl Strategy<Value = Duration> {
    whole(0, MAX_WINDOW.as_millis()).prop_map(Duration::from_millis)
}

fn check() -> impl Strategy<Value = Check> {
    let most = MAX_SAFE as i64;
    let cost = prop_oneof![Just(1), Just(0), Just(-most), Just(most), -most..=most];
    let terms = (0..3_usize, 0..2_usize, any::<bool>());
    let parts = (
        cost,
        any::<bool>(),
        option::of(delay()),
        option::of(span()),
        terms,
    );
    parts.prop_map(
        |(cost, peek, max_delay, hold, (overage, on_expiry, record))| Check {
            cost,
            peek,
            max_delay,
            hold,
            overage: Overage::ALL[overage],
            on_expiry: OnExpiry::ALL[on_expiry],
            record,
            ..Check::ONE
        },
    )
}

/// What a request may be called.
fn repeat() -> impl Strategy<Value = Repeat> {
    let name = "[a-zA-Z0-9é \"\\\\/-]{1,120}";
    prop_oneof![name.prop_map(Repeat::Key), name.prop_map(Repeat::Operation),]
}

/// Any request that can be asked. What its policy does not allow is not asked.
fn limit_request() -> impl Strategy<Value = LimitRequest> {
    let wait = option::of(whole(0, MAX_WAIT.as_millis()));
    let asked = (
        any::<bool>(),
        wait,
        option::of(text(1, 64)),
        option::of(repeat()),
    );
    (subject(), rule(), check(), asked).prop_map(|(subject, rule, mut check, asked)| {
        let (pressure, wait, priority, repeat) = asked;
        if let Rule::Inline(policy) = &rule {
            for part in 0..4 {
                match part {
                    _ if suits(&check, policy).is_ok() => break,
                    0 => (check.hold, check.overage, check.record) = (None, Overage::Deny, false),
                    1 => check.max_delay = None,
                    2 => check.cost = 1,
                    _ => check.peek = false,
                }
            }
        }
        // Waiting goes with less than the rest.
        let wait = wait.map(Duration::from_millis);
        let wait = wait.filter(|_| !check.peek && check.max_delay.is_none());
        let wait = wait.filter(|_| match &rule {
            Rule::Inline(policy) => suits_waiting(&check, wait, policy).is_ok(),
            Rule::Named(_) => true,
        });
        let repeat = repeat.filter(|_| !check.peek);
        LimitRequest {
            subject,
            rule,
            check,
            wait,
            pressure,
            priority,
            repeat,
        }
    })
}

/// The same subject with another identifier.
fn renamed(subject: &SubjectParts, identifier: String) -> SubjectParts {
    let mut parts = SubjectParts::new(identifier).unwrap();
    if let Some(provider) = subject.provider() {
        parts = parts.with_provider(provider).unwrap();
    }
    if let Some(scope) = subject.scope() {
        parts = parts.with_scope(scope).unwrap();
    }
    parts
}

/// Whether its object alone decides it.
fn is_decided_there(request: &LimitRequest) -> bool {
    match &request.rule {
        Rule::Inline(policy) => {
            policy.consistency() == Consistency::Strong && policy.shed().is_none()
        }
        Rule::Named(_) => true,
    }
}

/// A start, a pause, or both.
fn stage_override() -> impl Strategy<Value = (Option<u64>, Option<bool>)> {
    let start = 1_000_000_000_000u64..10_000_000_000_000;
    prop_oneof![
        (start.clone(), option::of(any::<bool>()))
            .prop_map(|(start, paused)| (Some(start), paused)),
        (option::of(start), any::<bool>()).prop_map(|(start, paused)| (start, Some(paused))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_policy_comes_back(policy in policy()) {
        let written = to_json(&policy);
        let read = form::parse(&written).map_err(|error| format!("{error} {written}")).unwrap();
        prop_assert_eq!(&read, &policy);
        prop_assert_eq!(to_json(&read), written);
    }

    #[test]
    fn a_request_comes_back(request in limit_request()) {
        let written = to_json(&request);
        let read = request::parse(&written).map_err(|error| format!("{error} {written}")).unwrap();
        prop_assert_eq!(&read, &request);
        prop_assert_eq!(to_json(&read), written);
    }

    #[test]
    fn a_block_comes_back(
        subject in subject(),
        policy in option::of(name()),
        duration in delay(),
        reason in option::of(text(1, MAX_REASON)),
    ) {
        let block = Block { subject, policy, duration, reason };
        prop_assume!(block.subject.identifier() != "*"); // nobody's
        prop_assert_eq!(block::parse(&to_json(&block)), Ok(block));
    }

    #[test]
    fn a_stage_comes_back(
        (start, paused) in stage_override(),
        policy in option::of(name()),
        reason in option::of(text(1, MAX_REASON)),
    ) {
        let set = StageOverride { start: start.map(Timestamp::from_millis), paused };
        let stage = NewStage { set, policy, reason };
        prop_assert_eq!(stage::parse(&to_json(&stage)), Ok(stage));
    }

    #[test]
    fn a_permit_comes_back(permit in text(1, 200), hold in option::of(span())) {
        let renew = Renew { permit, hold };
        prop_assert_eq!(permit::parse_renew(&to_json(&renew)), Ok(renew.clone()));
        let release = Release { permit: renew.permit };
        prop_assert_eq!(permit::parse_release(&to_json(&release)), Ok(release));
    }

    #[test]
    fn a_query_comes_back(subject in subject(), policy in option::of(name())) {
        let asked = SubjectQuery { subject, policy };
        prop_assert_eq!(query::parse(&asked.to_text()), Ok(asked));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn several_checks_come_back(
        requests in prop::collection::vec(limit_request(), 1..=MAX_ENTRIES),
        repeat in option::of(repeat()),
        wait in option::of(whole(0, MAX_WAIT.as_millis())),
    ) {
        let wait = wait.map(Duration::from_millis);
        let mut requests: Vec<LimitRequest> =
            requests.into_iter().filter(is_decided_there).collect();
        for (i, request) in requests.iter_mut().enumerate() {
            request.subject = renamed(&request.subject, format!("u{i}"));
            request.wait = None; // each for itself
            // An entry that cannot wait is refused together with `wait`.
            let max_delay = request.check.max_delay.filter(|_| wait.is_none());
            request.check.max_delay = max_delay;
            request.check.peek &= wait.is_none();
            request.repeat = None;
            // Neither waits a refund, nor is one a part of what comes again.
            if wait.is_some() || matches!(repeat, Some(Repeat::Key(_))) {
                request.check.cost = request.check.cost.max(0);
            }
        }
        requests.retain(|request| match &request.rule {
            Rule::Inline(policy) => suits_waiting(&request.check, wait, policy).is_ok(),
            Rule::Named(_) => true,
        });
        prop_assume!(!requests.is_empty());
        let written = MultiRequest { limits: &requests, wait, repeat: repeat.as_ref() };
        let parsed = multi::parse(&to_json(&written));
        prop_assert_eq!(parsed, Ok(Checks { limits: requests, wait, repeat }));
    }
}

#[test]
fn the_canonical_forms_are_these() {
    let requests = [
        (
            r#"{"identifier": "u1", "policy": "github.rest", "cost": 1, "peek": false}"#,
            r#"{"identifier":"u1","policy":"github.rest"}"#,
        ),
        (
            r#"{"scope": "", "provider": "p", "identifier": "a\u0022", "requests": 5, "window": "15m", "cost": -2, "peek": true}"#,
            r#"{"provider":"p","scope":"","identifier":"a\"","limits":[{"algorithm":"slidingWindow","limit":5,"window":900000}],"cost":-2,"peek":true}"#,
        ),
        (
            r#"{"identifier": "u1", "strategy": "token-bucket", "maxTokens": 9, "refillRate": 1.50, "initialTokens": 0, "name": "burst",
                "refunds": false, "writeAhead": 3, "failMode": "share", "consistency": "strong", "shed": {"window": "1m", "limit": 7}, "maxDelay": "2s"}"#,
            r#"{"identifier":"u1","limits":[{"name":"burst","algorithm":"tokenBucket","capacity":9,"refill":{"amount":1.5,"interval":1000},"initial":0}],"failMode":"share","shed":{"limit":7,"window":60000},"writeAhead":3,"refunds":false,"maxDelay":2000}"#,
        ),
        (
            r#"{"identifier": "u1", "algorithm": "leakyBucket", "capacity": 9, "leakRate": 0.5, "maxDelay": "2s"}"#,
            r#"{"identifier":"u1","limits":[{"algorithm":"leakyBucket","capacity":9,"leak":{"amount":0.5,"interval":1000},"maxDelay":2000}]}"#,
        ),
        (
            r#"{"identifier": "u1", "limits": [{"algorithm": "concurrency", "limit": 2, "ttl": "30s"}, {"algorithm": "quota", "limit": 9, "period": "week", "anchor": {"weekday": "sunday"}}], "hold": "1s"}"#,
            r#"{"identifier":"u1","limits":[{"algorithm":"concurrency","limit":2,"ttl":30000},{"algorithm":"quota","limit":9,"period":"week","timeZone":"UTC","anchor":{"weekday":"sunday"}}],"hold":1000}"#,
        ),
    ];
    for (asked, canonical) in requests {
        assert_eq!(to_json(&request::parse(asked).unwrap()), canonical);
    }
    let block = r#"{"identifier": "u1", "policy": "p", "duration": "1h", "reason": "abuse"}"#;
    let canonical = r#"{"identifier":"u1","policy":"p","duration":3600000,"reason":"abuse"}"#;
    assert_eq!(to_json(&block::parse(block).unwrap()), canonical);
    let renew = permit::parse_renew(r#"{"hold": "1m", "permit": "p1"}"#).unwrap();
    assert_eq!(to_json(&renew), r#"{"permit":"p1","hold":60000}"#);
    let query = query::parse("identifier=a+b%26&policy=p&scope=").unwrap();
    assert_eq!(query.to_text(), "scope=&identifier=a%20b%26&policy=p");
}

#[test]
fn a_shapers_delay_is_not_the_callers() {
    // In the form with one limit both would be called `maxDelay`.
    let asked = r#"{"identifier": "u1", "limits": [{"algorithm": "leakyBucket", "capacity": 9, "leakRate": 1, "maxDelay": 5}], "maxDelay": 7}"#;
    let request = request::parse(asked).unwrap();
    assert_eq!(request.check.max_delay, Some(Duration::from_millis(7)));
    assert_eq!(request::parse(&to_json(&request)), Ok(request));
}

#[test]
fn a_policy_is_read_by_the_rules_of_a_request() {
    let rows = [
        ("{}", "`limits` is missing: add it."),
        (r#"{"maxDelay": 5}"#, "`limits` is missing: add it."),
        (r#"{"limits": []}"#, "`limits` must have between 1 and 8 entries."),
        (
            r#"{"limits": [{"limit": 5, "window": "1m", "cost": 1}]}"#,
            "`limits[0].cost` is not known here: remove it, or check its spelling.",
        ),
        (
            r#"{"limit": 5, "window": "1m", "identifier": "u1"}"#,
            "`identifier` is not known here: remove it, or check its spelling.",
        ),
        (
            r#"{"limit": 5, "window": "1m", "policy": "p"}"#,
            "`policy` is not known here: remove it, or check its spelling.",
        ),
        (
            r#"{"limit": 5, "window": "1m", "maxDelay": 5}"#,
            "`maxDelay` is not known here: remove it, or check its spelling.",
        ),
        (
            r#"{"limit": 5, "window": "1m", "limits": []}"#,
            "`limit` does not go with `limits`: write it into the elements that it is meant for.",
        ),
        (
            r#"{"limit": 5, "window": "1m", "reserve": 2}"#,
            "`reserve` is called `writeAhead` now.",
        ),
        (
            r#"{"limit": 5, "window": "1m", "writeAhead": 6}"#,
            "`writeAhead` must be between 1 and 5.",
        ),
        (
            r#"{"limit": 5, "window": "1m", "consistency": "eventual"}"#,
            "`consistency` does not go with counting through KV (`eventual`), which takes windows of 10m and longer: take `consistency: \"strong\"`, or \"local\" for 10s and 1m.",
        ),
    ];
    for (policy, sentence) in rows {
        assert_eq!(form::parse(policy).unwrap_err().to_string(), sentence);
    }
}

#[test]
fn a_policy_is_written_without_its_name() {
    let anonymous = form::parse(r#"{"limit": 5, "window": "1m"}"#).unwrap();
    let named = anonymous
        .clone()
        .named(Name::new("policy", "p").unwrap(), common::version(3));
    assert_eq!(to_json(&named), to_json(&anonymous));
}

/// Properties over generated policies say little when the generator is poor.
#[test]
fn the_generated_policies_have_every_part() {
    let mut runner = TestRunner::deterministic();
    let mut all = String::new();
    for _ in 0..500 {
        all += &to_json(&policy().new_tree(&mut runner).unwrap().current());
    }
    let fields = "name limit window capacity refill amount interval initial stepped burstCredits \
        cap expiry forgetAfter leak maxDelay period timeZone anchor time weekday day month ttl \
        limits consistency failMode shed writeAhead refunds";
    for field in fields.split_whitespace() {
        assert!(all.contains(&format!("\"{field}\":")), "{field}");
    }
    let words = "fixedWindow slidingWindow slidingLog tokenBucket leakyBucket quota concurrency \
        eventual local closed share minute year";
    for word in words.split_whitespace() {
        assert!(all.contains(&format!(":\"{word}\"")), "{word}");
    }
}
