//! Reports, and what they are answered.

use tollgate_core::api::policy::named::parse as parse_policy;
use tollgate_core::decision::{Decision, Reason};
use tollgate_core::limit::Name;
use tollgate_core::message::{Answer, Call};
use tollgate_core::policy::Policy;
use tollgate_core::report::{BreakerState, ClosedBy, Heeded, Report, Reported, Told, Unfit, When};
use tollgate_core::subject_state::{Effects, OutlookStatus};
use tollgate_core::{Duration, Timestamp};

use crate::common::object::Object;
use crate::common::{moment, version, START};

pub(crate) const SECOND: u64 = 1_000;
pub(crate) const MINUTE: u64 = 60 * SECOND;
pub(crate) const HOUR: u64 = 60 * MINUTE;

pub(crate) fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(START + ms)
}

pub(crate) fn after(ms: u64) -> Option<When> {
    Some(When::After(Duration::from_millis(ms)))
}

/// A policy of the name `api` as it is written in JSON.
pub(crate) fn api(json: &str) -> Policy {
    let policy = parse_policy(json).unwrap().policy;
    policy.named(Name::new("policy", "api").unwrap(), version(1))
}

/// 5,000 an hour in an aligned window.
pub(crate) fn hourly() -> Policy {
    api(r#"{"algorithm":"fixedWindow","limit":5000,"window":"1h"}"#)
}

/// A report of this status that says nothing else.
pub(crate) fn answered(policy: &Policy, status: u16) -> Report {
    Report {
        policy: policy.clone(),
        limit: None,
        status,
        refused: status == 429,
        wait: None,
        limits: Vec::new(),
        age: Duration::ZERO,
        by: "worker".to_owned(),
        count: 1,
        in_use: None,
    }
}

/// A refusal that says how long to wait.
pub(crate) fn refused(policy: &Policy, wait: u64) -> Report {
    Report {
        wait: after(wait),
        ..answered(policy, 429)
    }
}

/// A success that tells one limit.
pub(crate) fn telling(policy: &Policy, told: Told) -> Report {
    Report {
        limits: vec![told],
        ..answered(policy, 200)
    }
}

pub(crate) fn told(limit: Option<u64>, remaining: u64) -> Told {
    Told {
        limit,
        remaining: Some(remaining),
        ..Told::default()
    }
}

#[track_caller]
pub(crate) fn report(object: &mut Object, report: &Report, now: u64) -> Reported {
    let mut effects = Effects::default();
    let call = Call::Report(Box::new(report.clone()));
    let (_, decoded) = Call::decode(&call.encode()).unwrap();
    assert_eq!(decoded, call);
    let state = &mut object.state;
    let answer = state.answer(&call, &mut || 1, moment(START + now), &mut effects);
    object.apply(effects);
    match answer {
        Answer::Reported(reported) => reported,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn ask(object: &mut Object, policy: &Policy, now: u64) -> Decision {
    object.ask(policy, 1, START + now)
}

#[track_caller]
pub(crate) fn is_cool_down(answer: &Decision, wait: u64) {
    assert_eq!(answer.reason, Some(Reason::CoolDown));
    let wait = Some(Duration::from_millis(wait));
    assert_eq!((answer.success, answer.retry_after), (false, wait));
}

pub(crate) fn closed(reported: &Reported) -> Option<(u64, ClosedBy)> {
    let gate = reported.gate.as_ref()?;
    Some((gate.until.as_millis() - START, gate.cause))
}

#[track_caller]
pub(crate) fn ignored(reported: &Reported) -> Vec<Unfit> {
    let unfit = reported.limits.iter().map(|it| match it {
        Heeded::Ignored(why) => *why,
        Heeded::Of { .. } => panic!("{it:?}"),
    });
    unfit.collect()
}

#[track_caller]
pub(crate) fn moved(reported: &Reported) -> (&str, u64, u64) {
    match &reported.limits[..] {
        [Heeded::Of { limit, from, to }] => (limit, *from, *to),
        other => panic!("{other:?}"),
    }
}

// The gate.

#[track_caller]
pub(crate) fn is_broken(answer: &Decision, wait: u64) {
    assert_eq!(answer.reason, Some(Reason::Breaker));
    let wait = Some(Duration::from_millis(wait));
    assert_eq!((answer.success, answer.retry_after), (false, wait));
}

pub(crate) fn state(reported: &Reported) -> Option<BreakerState> {
    reported.breaker.as_ref().map(|it| it.state)
}

/// Admits so many and reports each with this status, at one instant.
pub(crate) fn answers(
    object: &mut Object,
    policy: &Policy,
    status: u16,
    count: u64,
    now: u64,
) -> Reported {
    let mut last = None;
    for _ in 0..count {
        assert!(ask(object, policy, now).success);
        last = Some(report(object, &answered(policy, status), now));
    }
    last.unwrap()
}

pub(crate) fn numbers(object: &mut Object, policy: &Policy, now: u64) -> Vec<u64> {
    let answer = object.ask(policy, 1, START + now);
    answer.limits.iter().map(|it| it.limit).collect()
}

/// How the only policy's upstream stands.
pub(crate) fn outlook(object: &Object, now: u64) -> Option<OutlookStatus> {
    let status = object.state.status(None, moment(START + now)).unwrap();
    assert!(status.outlooks.len() <= 1);
    status.outlooks.into_iter().next()
}

/// The same policy as its next version would be.
pub(crate) fn versioned(json: &str, number: u64) -> Policy {
    api(json).named(Name::new("policy", "api").unwrap(), version(number))
}
