//! What is answered can be read: each body comes back as it was, and is written again byte for
//! byte.
#![allow(clippy::unwrap_used)] // a test may panic, also in its helpers

mod common;

use common::generated::{limit, name, policy, scheduled, span, subject, text, whole};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde::de::DeserializeOwned;
use serde::Serialize;
use tollgate_core::algorithm::classes::Share;
use tollgate_core::api::request::Rule;
use tollgate_core::api::response::{
    to_json, AcquireBody, DecisionBody, ExplainBody, Kv, MultiBody, RenewedBody, StageBody,
    StatusBody,
};
use tollgate_core::block::Block;
use tollgate_core::decision::{Decision, Grant, Reason, Recognition, Source, Standing};
use tollgate_core::explain::explain;
use tollgate_core::isolate::counts::{bounds::Bounds, CountStatus, Definition};
use tollgate_core::lease::Loan;
use tollgate_core::limit::schedule::{Pause, StageClock};
use tollgate_core::limit::Name;
use tollgate_core::message::{Answer, MESSAGES};
use tollgate_core::policy::Policy;
use tollgate_core::report::{
    Adjusted, BreakerState, Broken, Closed, ClosedBy, Heeded, Reported, Unfit,
};
use tollgate_core::subject::{Namespace, Subject};
use tollgate_core::subject_state::{
    Denial, LimitStatus, OutlookStatus, StageChange, StageStatus, Status, StepChange,
};
use tollgate_core::{Duration, Timestamp};

/// Reads `body` back, and says whether it is the same, in value and in bytes.
fn comes_back<B: Serialize + DeserializeOwned + PartialEq>(body: &B) -> bool {
    let text = to_json(body);
    let read: B = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    read == *body && to_json(&read) == text
}

fn instant() -> impl Strategy<Value = Timestamp> {
    whole(0, 1 << 53).prop_map(Timestamp::from_millis)
}

fn duration() -> impl Strategy<Value = Duration> {
    whole(0, 1 << 53).prop_map(Duration::from_millis)
}

fn reason() -> impl Strategy<Value = Reason> {
    let words = [
        "limit",
        "costExceedsCapacity",
        "blocked",
        "degraded",
        "coolDown",
        "breaker",
    ];
    select(words.to_vec()).prop_map(|word| Reason::from_word(word).unwrap())
}

fn source() -> impl Strategy<Value = Source> {
    let words = ["object", "lease", "cache", "kv", "binding", "fallback"];
    select(words.to_vec()).prop_map(|word| Source::from_word(word).unwrap())
}

fn standing() -> impl Strategy<Value = Standing> {
    let refusal = (option::of(reason()), option::of(instant()));
    let parts = (whole(0, 1 << 53), whole(0, 1 << 53), instant(), refusal);
    parts.prop_map(|(limit, remaining, reset, (refused, retry_at))| Standing {
        limit,
        remaining,
        reset,
        refused,
        retry_at,
    })
}

/// A decision over so many limits, or over none.
fn decision(limits: usize) -> impl Strategy<Value = Decision> {
    let standings = prop_oneof![
        1 => Just(Vec::new()),
        4 => prop::collection::vec(standing(), limits),
    ];
    let grant = option::of((1u128.., any::<u64>(), instant()));
    let recognition = (
        option::of(instant()),
        any::<bool>(),
        option::of(any::<u64>()),
    );
    let recognition =
        option::of(
            recognition.prop_map(|(since, is_repeated, version)| Recognition {
                since,
                is_repeated,
                version,
            }),
        );
    let times = (instant(), option::of(duration()), option::of(duration()));
    let verdict = (any::<bool>(), option::of(reason()), option::of(0u8..8));
    let loan = option::of((any::<u64>(), duration()));
    let loan = loan.prop_map(|loan| loan.map(|(units, life)| Box::new(Loan { units, life })));
    let lending = (any::<bool>(), loan);
    (verdict, times, standings, (grant, recognition, lending)).prop_map(
        |(
            (success, reason, deciding),
            (at, retry_after, delay),
            standings,
            (grant, recognition, (while_lent, loan)),
        )| Decision {
            recognition,
            while_lent,
            loan,
            deciding,
            retry_after,
            delay,
            limits: standings.into_iter().collect(),
            grant: grant.map(|(permit, fence, expires)| {
                Box::new(Grant {
                    permit,
                    fence,
                    expires,
                })
            }),
            ..Decision::bare(at, success, reason)
        },
    )
}

/// A policy, named or not, and a decision under it.
fn decided() -> impl Strategy<Value = (Policy, Decision, Subject, Source)> {
    let named = (policy(), option::of((name(), any::<u64>())));
    let policy = named.prop_map(|(policy, named)| match named {
        Some((name, version)) => policy.named(name, common::version(version)),
        None => policy,
    });
    policy.prop_flat_map(|policy| {
        let decision = decision(policy.limits().len());
        let subject = subject().prop_map(|parts| parts.in_namespace(Namespace::default()));
        (Just(policy), decision, subject, source())
    })
}

fn policy_name() -> impl Strategy<Value = String> {
    let name = name().prop_map(|name: Name| name.as_str().to_owned());
    prop_oneof![Just(String::new()), name]
}

fn clock() -> impl Strategy<Value = StageClock> {
    let pause = option::of((instant(), option::of(instant())));
    (instant(), span(), pause).prop_map(|(start, paused, pause)| StageClock {
        start,
        paused,
        pause: pause.map(|(from, until)| Pause { from, until }),
    })
}

fn closed() -> impl Strategy<Value = Closed> {
    let causes = [ClosedBy::Told, ClosedBy::Reset, ClosedBy::BackOff];
    let parts = (
        instant(),
        prop::sample::select(causes.to_vec()),
        text(0, 64),
    );
    parts.prop_map(|(until, cause, by)| Closed { until, cause, by })
}

fn broken() -> impl Strategy<Value = Broken> {
    let states = [
        BreakerState::Closed,
        BreakerState::Open,
        BreakerState::HalfOpen,
    ];
    let states = prop::sample::select(states.to_vec());
    let parts = (states, option::of(instant()), 0u64..1_000);
    parts.prop_map(|(state, until, failures)| Broken {
        state,
        until,
        failures,
    })
}

fn outlook() -> impl Strategy<Value = OutlookStatus> {
    let parts = (
        policy_name(),
        option::of(closed()),
        option::of(broken()),
        option::of(instant()),
        option::of(whole(0, 1 << 53)),
    );
    parts.prop_map(
        |(policy, gate, breaker, paced_until, adapted_to)| OutlookStatus {
            policy,
            gate,
            breaker,
            paced_until,
            adapted_to,
        },
    )
}

fn heeded() -> impl Strategy<Value = Heeded> {
    let unfit = [
        Unfit::Unsaid,
        Unfit::Passed,
        Unfit::AnotherLimit,
        Unfit::Ambiguous,
        Unfit::Slots,
        Unfit::Eventual,
    ];
    let of = (text(1, 64), whole(0, 1 << 53), whole(0, 1 << 53));
    prop_oneof![
        of.prop_map(|(limit, from, to)| Heeded::Of { limit, from, to }),
        prop::sample::select(unfit.to_vec()).prop_map(Heeded::Ignored),
    ]
}

fn reported() -> impl Strategy<Value = Reported> {
    let limits = prop::collection::vec(heeded(), 0..4);
    let adapted = (text(1, 64), whole(0, 1 << 53), whole(0, 1 << 53));
    let adapted = adapted.prop_map(|(limit, from, to)| Adjusted { limit, from, to });
    let state = (
        option::of(closed()),
        option::of(broken()),
        option::of(adapted),
    );
    let parts = (instant(), state, any::<(bool, bool)>(), limits);
    parts.prop_map(
        |(at, (gate, breaker, adapted), (is_cut, is_late), limits)| Reported {
            at,
            gate,
            is_cut,
            is_late,
            breaker,
            adapted,
            limits,
        },
    )
}

fn status() -> impl Strategy<Value = Status> {
    let numbers = (any::<u64>(), whole(0, 1 << 53), instant());
    let stage = option::of((0usize..64, option::of(instant())));
    let stage = stage.prop_map(|stage| stage.map(|(step, next)| StageStatus { step, next }));
    let number = || whole(0, 1 << 53);
    let share = (
        option::of(text(1, 64)),
        number(),
        number(),
        number(),
        instant(),
    );
    let share = share.prop_map(|(name, weight, capacity, remaining, reset)| Share {
        name: name.map(Into::into),
        weight,
        capacity,
        remaining,
        reset,
    });
    let of_limit = (policy_name(), scheduled(), numbers, stage, vec(share, 0..3));
    let of_limit = of_limit.prop_map(
        |(policy, limit, (version, remaining, reset), stage, classes)| LimitStatus {
            policy,
            version: common::version(version),
            limit,
            stage,
            remaining,
            reset,
            held: 0,
            lent: reset.as_millis() % 7,
            debt: 0,
            classes,
        },
    );
    let step = option::of(1u32..9);
    let block = (option::of(policy_name()), instant(), text(0, 100), step);
    let block = block.prop_map(|(policy, until, reason, step)| Block {
        policy,
        until,
        reason,
        step,
    });
    let costs = -(1i64 << 53)..=1 << 53;
    let denial = (
        instant(),
        policy_name(),
        option::of(text(1, 64)),
        costs,
        reason(),
    );
    let denial = denial.prop_map(|(at, policy, limited_by, cost, reason)| Denial {
        at,
        policy,
        limited_by,
        cost,
        reason,
    });
    let parts = (
        prop::collection::vec(of_limit, 0..4),
        prop::collection::vec(block, 0..3),
        prop::collection::vec(denial, 0..3),
        option::of(clock()),
        prop::collection::vec(outlook(), 0..3),
    );
    parts.prop_map(|(limits, blocks, denials, stage, outlooks)| Status {
        taken: (denials.iter())
            .map(|it| (it.at.as_millis(), it.cost.unsigned_abs()))
            .collect(),
        lent_for: (limits.len() > 2).then_some(Duration::from_millis(900)),
        limits,
        stage,
        blocks,
        outlooks,
        denials,
    })
}

fn stage_change() -> impl Strategy<Value = StageChange> {
    let step = (policy_name(), text(1, 64), 0usize..64, 0usize..64);
    let step = step.prop_map(|(policy, limit, from, to)| StepChange {
        policy,
        limit,
        from,
        to,
    });
    let steps = prop::collection::vec(step, 0..4);
    (option::of(clock()), clock(), steps).prop_map(|(before, after, steps)| StageChange {
        before,
        after,
        steps,
    })
}

fn counted() -> impl Strategy<Value = CountStatus> {
    let numbers = (any::<u64>(), whole(0, 1 << 53), instant(), any::<u64>());
    let over = (whole(0, 1 << 53), whole(0, 1 << 53));
    let parts = (policy_name(), limit(), numbers, over);
    parts.prop_map(
        |(policy, limit, (version, remaining, reset, isolates), (expected, hard))| CountStatus {
            definition: Definition {
                id: 7,
                policy,
                version: common::version(version),
                limit,
            },
            remaining,
            reset,
            isolates,
            over: Bounds { expected, hard },
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_decision_comes_back((policy, decision, subject, source) in decided()) {
        let body = DecisionBody::new(&decision, &policy, &subject, source);
        prop_assert!(comes_back(&body));
        prop_assert!(comes_back(&AcquireBody::from(&decision)));
    }

    #[test]
    fn a_status_comes_back(
        parts in subject(),
        status in status(),
        counted in option::of(prop::collection::vec(counted(), 0..3)),
    ) {
        let subject = parts.in_namespace(Namespace::default());
        let body = StatusBody::new(&subject, &status, counted.as_deref(), &[]);
        prop_assert_eq!(body.kv.is_some(), counted.is_none());
        prop_assert!(comes_back(&body));
    }

    #[test]
    fn an_explanation_comes_back(
        (policy, _, _, _) in decided(),
        now in instant(),
        next in option::of(prop::collection::vec(duration(), 0..10)),
    ) {
        // Not every zone of a quota has clocks here.
        let moment = common::moment(now.as_millis());
        if let Ok(explained) = explain(&policy, moment) {
            let body = ExplainBody::new(&policy, &explained, next.as_deref());
            prop_assert!(comes_back(&body));
        }
    }

    #[test]
    fn a_stage_that_was_set_comes_back(
        version: u64,
        change in stage_change(),
        author in text(0, 100),
        reason in text(0, 100),
    ) {
        let body = StageBody::new("subject:a//b", version, &change, (&author, &reason));
        prop_assert!(comes_back(&body));
        let answer = Answer::Staged(change);
        let text = answer.encode_in(MESSAGES.written());
        prop_assert_eq!(Answer::decode(&text), Ok(answer));
    }

    #[test]
    fn what_a_report_did_comes_back(reported in reported()) {
        let answer = Answer::Reported(reported);
        let text = answer.encode_in(MESSAGES.written());
        prop_assert_eq!(Answer::decode(&text), Ok(answer));
    }

    #[test]
    fn a_renewed_permit_comes_back(permit in text(1, 100), fence: u64, expires: u64) {
        let body = RenewedBody { success: true, permit, fence, expires };
        prop_assert!(comes_back(&body));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn several_decisions_come_back(
        all in prop::collection::vec(decided(), 1..5),
        success: bool,
        retry_after in option::of(any::<u64>()),
    ) {
        let body = |(policy, decision, subject, source): &'_ (_, _, _, _)| -> String {
            to_json(&DecisionBody::new(decision, policy, subject, *source))
        };
        let texts: Vec<String> = all.iter().map(body).collect();
        let results = texts.iter().map(|text| serde_json::from_str(text).unwrap());
        let retry_after = retry_after.map(Duration::from_millis);
        let body = MultiBody::new(success, retry_after, None, results.collect());
        prop_assert!(comes_back(&body));
    }
}

#[test]
fn what_is_read_is_what_was_said() {
    let text = r#"{"success":false,"limit":9007199254740992,"remaining":0,"reset":1795222800000,"retryAfter":8412,"reason":"limit","limitedBy":"a\"b","policy":"github.rest","version":3,"source":"cache","limits":[{"name":"100/15m","algorithm":"slidingLog","limit":100,"remaining":0,"reset":5}]}"#;
    let body: DecisionBody = serde_json::from_str(text).unwrap();
    assert_eq!(body.limit, Some(1 << 53));
    assert_eq!(
        (body.reason, body.source),
        (Some(Reason::Limit), Source::Cache)
    );
    assert_eq!(body.limited_by.as_deref(), Some("a\"b"));
    assert_eq!(body.policy.as_deref(), Some("github.rest"));
    assert_eq!(body.limits[0].algorithm.word(), "slidingLog");
    assert_eq!(body.delay, None, "what is absent is not known");
}

#[test]
fn an_amount_is_read_to_its_last_digit() {
    let text = r#"{"subject":{"provider":"p","scope":"","identifier":"i"},"limits":[{"name":"n","algorithm":"tokenBucket","limit":9,"used":0,"remaining":9,"reset":5,"capacity":9,"refill":{"amount":1000000000.123456789,"interval":1000},"consistency":"eventual","isolates":1,"overAdmission":{"expected":2,"hard":3}}],"overrides":[{"kind":"block","until":9}],"recentDenials":[],"kv":"unavailable"}"#;
    let body: StatusBody = serde_json::from_str(text).unwrap();
    let refill = body.limits[0].definition.refill.unwrap();
    assert_eq!(refill.amount.to_string(), "1000000000.123456789");
    assert_eq!(body.limits[0].counted.as_ref().unwrap().isolates, 1);
    assert_eq!(body.kv, Some(Kv::Unavailable));
    assert_eq!(to_json(&body), text);
}

#[test]
fn a_reader_passes_by_what_later_versions_add_and_refuses_unknown_words() {
    let read = |text: &str| serde_json::from_str::<DecisionBody>(text);
    let later = read(r#"{"success":true,"source":"object","laterField":{"level":1}}"#);
    assert!(later.unwrap().success);
    for wrong in [
        r#"{"success":true,"source":"oracle"}"#,
        r#"{"success":true,"source":"object","reason":"mood"}"#,
        r#"{"success":true}"#,
        r#"{"source":"object"}"#,
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_reason_that_nothing_gives_is_an_unknown_word() {
    let json = |word: &str| format!(r#"{{"success":false,"source":"object","reason":"{word}"}}"#);
    let message = |word: &str| format!("1 decided\ndecision at=5 reason={word} cacheFor=0");
    let read = |word: &str| {
        (
            serde_json::from_str::<DecisionBody>(&json(word)).is_ok(),
            Answer::decode(&message(word)).is_ok(),
        )
    };
    assert_eq!(read("degraded"), (true, true));
    for word in ["breakers", "Limit", ""] {
        assert_eq!(read(word), (false, false), "{word}");
    }
}

/// A policy named `p` of these limits, in JSON.
fn named_policy(body: &str) -> Policy {
    let request = tollgate_core::api::request::parse(body).unwrap();
    match request.rule {
        Rule::Inline(policy) => {
            let name = Name::new("policy", "p").unwrap();
            policy.named(name, common::version(3))
        }
        Rule::Named(name) => panic!("{name:?}"),
    }
}

#[test]
fn an_explanation_is_written_so() {
    let explained = |body: &str, next: Option<&[Duration]>| {
        let policy = named_policy(body);
        let limits = explain(&policy, common::moment(common::START + 5)).unwrap();
        to_json(&ExplainBody::new(&policy, &limits, next))
    };
    let next = [Duration::ZERO, Duration::from_millis(1_200)];
    let table = [
        (
            explained(
                r#"{"identifier":"u","failMode":"share","limits":[{"name":"hourly","algorithm":"fixedWindow","limit":100,"window":"1h"},{"algorithm":"tokenBucket","capacity":10,"refill":{"amount":1,"interval":"1s"}}]}"#,
                Some(&next),
            ),
            r#"{"policy":"p","version":3,"mode":{"consistency":"strong","holdsFor":"subject"},"failMode":{"mode":"share","admits":"perIsolate"},"limits":[{"name":"hourly","label":"hourly","algorithm":"fixedWindow","limit":100,"worstCase":{"window":3600000,"units":200,"aligned":100},"outOfReach":{"units":1,"window":3600000},"emptiedAt":1798848000000,"curve":[{"at":0,"available":0},{"at":3600000,"available":100}]},{"label":"1/1s","algorithm":"tokenBucket","limit":10,"worstCase":{"window":10000,"units":19,"perHour":3609,"perDay":86409},"outOfReach":{"units":1,"window":10001},"emptiedAt":1798848000005,"curve":[{"at":0,"available":0},{"at":1000,"available":1},{"at":3000,"available":3},{"at":5000,"available":5},{"at":8000,"available":8},{"at":10000,"available":10}]}],"next":[0,1200]}"#,
        ),
        (
            explained(
                r#"{"identifier":"u","consistency":"eventual","limit":100,"window":"1h"}"#,
                None,
            ),
            r#"{"policy":"p","version":3,"mode":{"consistency":"eventual","holdsFor":"isolate"},"limits":[{"label":"100/1h","algorithm":"slidingWindow","limit":100,"worstCase":{"window":3600000,"units":199,"aligned":100},"overAdmission":{"perIsolate":100,"unseen":40000},"emptiedAt":1798848000000,"curve":[{"at":0,"available":0},{"at":3636000,"available":1},{"at":3960000,"available":10},{"at":4500000,"available":25},{"at":5400000,"available":50},{"at":6300000,"available":75},{"at":7200000,"available":100}]}]}"#,
        ),
        (
            explained(
                r#"{"identifier":"u","failMode":"closed","algorithm":"concurrency","limit":3,"ttl":"10s"}"#,
                Some(&[]),
            ),
            r#"{"policy":"p","version":3,"mode":{"consistency":"strong","holdsFor":"subject"},"failMode":{"mode":"closed","admits":"nothing"},"limits":[{"label":"3/concurrent","algorithm":"concurrency","limit":3,"worstCase":{"units":3},"emptiedAt":1798848000005,"curve":[{"at":0,"available":0},{"at":10000,"available":3}]}],"next":[]}"#,
        ),
    ];
    for (written, expected) in table {
        assert_eq!(written, expected);
    }
}
