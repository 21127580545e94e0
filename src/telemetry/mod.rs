//! Telemetry: counters by policy, source and outcome, counters of failures, and `rate_limit_check`
//! log events.
//!
//! Recording costs a few additions, and no request waits for a write. [`flush`] logs the events
//! afterwards. Memory is bounded, and dropped events are counted.

use tollgate_core::api::response::to_json;
use tollgate_core::decision::{Decision, Reason, Source};
use tollgate_core::isolate::bounded::{BoundedMap, Secret, Worth};
use tollgate_core::policy::Policy;
use tollgate_core::subject::Subject;
use tollgate_core::Duration;

mod counters;
mod event;
#[cfg(target_arch = "wasm32")]
pub(crate) mod flush;
mod histogram;

pub use counters::{Counter, Kind};
pub use histogram::{Histogram, BOUNDS};

use counters::Counters;
use event::{CountersEvent, Event, FailureCount};

use crate::doors::Failure;

/// Maximum number of pending events, shared fairly by namespaces.
const MAX_EVENTS: usize = 1_000;
/// Maximum number of namespaces with their own counter for sampling.
const MAX_SAMPLED: usize = 256;

/// One decision to record.
#[derive(Debug, Clone, Copy)]
pub struct Checked<'a> {
    /// The subject.
    pub subject: &'a Subject,
    /// The policy.
    pub policy: &'a Policy,
    /// The units requested.
    pub cost: i64,
    /// The decision.
    pub decision: &'a Decision,
    /// Whether it is not enforced.
    pub is_shadow: bool,
    /// Whether it is an admission near a limit.
    pub is_near: bool,
    /// Whether the answer is held until the caller's turn has come.
    pub waits: bool,
    /// Where it was decided.
    pub source: Source,
}

impl Checked<'_> {
    fn kind(&self) -> Kind<'_> {
        Kind {
            namespace: self.subject.namespace().as_str(),
            policy: self.policy.name_or_empty(),
            source: self.source.word(),
            outcome: match (self.is_shadow, self.decision.success) {
                (true, false) => "wouldDeny",
                _ => outcome(self.decision),
            },
        }
    }
}

/// The context of a log event.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The id of the HTTP request.
    pub request_id: String,
    /// The version deployed.
    pub version: String,
    /// Whether the event names the identifier, which may be a person's.
    pub with_identifier: bool,
}

/// Counters and pending events of one isolate. No namespace can evict another's.
#[derive(Debug)]
pub struct Recorder {
    secret: Secret,
    counters: Counters,
    failures: [u64; Failure::ALL.len()],
    /// Number of sampled checks by namespace.
    sampled: BoundedMap<u64>,
    /// By number.
    events: BoundedMap<(u64, String)>,
    /// The number of the next event.
    next: u64,
    dropped: u64,
}

impl Recorder {
    /// Counts a decision. True if it has to be logged as well: every denial of an object, and one
    /// admission in `every` (0: none). Denials from the isolate's refusals repeat one that was
    /// logged within the last second.
    pub fn count(&mut self, checked: &Checked, every: u64) -> bool {
        let namespace = checked.subject.namespace().as_str();
        let is_promised = !checked.waits && !checked.decision.is_repeated();
        let delay = checked.decision.delay.filter(|_| is_promised);
        (self.counters).count(&checked.kind(), checked.is_near, delay);
        match (checked.decision.success, checked.source) {
            // Repeats a denial that was logged within the last second.
            (false, Source::Cache) => false,
            // Made for floods: a log of each denial would cost more than the denial.
            (true, _) | (false, Source::Kv | Source::Binding) => {
                let key = self.secret.key_in(namespace, &());
                let (sampled, _) = self.sampled.get_or_put(key, || 0, |count| (0, *count));
                *sampled += 1;
                every > 0 && sampled.is_multiple_of(every)
            }
            (false, _) => true,
        }
    }

    /// Counts for how long the answer to a check was held, after its caller's turn has come.
    pub fn waited(&mut self, checked: &Checked, time: Duration) {
        self.counters.waited(&checked.kind(), time);
    }

    /// Records the log event of a decision.
    pub fn log(&mut self, checked: &Checked, origin: &Origin) {
        let (subject, decision) = (checked.subject, checked.decision);
        let line = to_json(&Event {
            event: "rate_limit_check",
            provider: subject.provider(),
            scope: subject.scope(),
            identifier: origin.with_identifier.then(|| subject.identifier()),
            namespace: subject.namespace().as_str(),
            policy: checked.policy.name_or_empty(),
            allowed: decision.success,
            shadow: checked.is_shadow.then_some(true),
            remaining: decision.deciding().map(|standing| standing.remaining),
            cost: checked.cost,
            source: checked.source.word(),
            reason: decision.reason.map(Reason::word),
            request_id: &origin.request_id,
            version: &origin.version,
        });
        self.next += 1;
        let key = self.secret.key_in(subject.namespace().as_str(), &self.next);
        let dropped = self.events.put(key, (self.next, line), by_age);
        self.dropped += u64::from(dropped.is_some());
    }

    /// Counts a failure.
    pub fn fail(&mut self, failure: Failure) {
        self.failures[failure as usize] += 1;
    }
}

/// The first events of a burst are the most useful, so they are evicted last.
const fn by_age((number, _): &(u64, String)) -> Worth {
    (0, u64::MAX - *number)
}

fn outcome(decision: &Decision) -> &'static str {
    if decision.success && decision.is_repeated() {
        return "repeated"; // it was counted before
    }
    match decision.reason {
        Some(reason) => reason.word(),
        None if decision.success => "allowed",
        None => "denied",
    }
}

impl Recorder {
    /// No counters and no events.
    pub fn new(secret: Secret) -> Recorder {
        Recorder {
            secret,
            counters: Counters::new(secret),
            failures: [0; Failure::ALL.len()],
            sampled: BoundedMap::new(MAX_SAMPLED),
            events: BoundedMap::new(MAX_EVENTS),
            next: 0,
            dropped: 0,
        }
    }

    /// The counters of checks, since the isolate began.
    pub fn counters(&self) -> Vec<&Counter> {
        self.counters.all()
    }

    /// Number of failures of this kind.
    pub const fn failures(&self, failure: Failure) -> u64 {
        self.failures[failure as usize]
    }

    /// Whether events are pending.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Removes and returns the pending events, one line of JSON each.
    pub fn take_events(&mut self) -> Vec<String> {
        let events = self.events.take_all(by_age);
        events.into_iter().map(|(_, line)| line).collect()
    }

    /// All counters as one line of JSON: the `rate_limit_counters` event.
    pub fn counters_event(&self, version: &str) -> String {
        let failures = Failure::ALL.into_iter().map(|failure| FailureCount {
            failure: failure.word(),
            count: self.failures(failure),
        });
        let checks = self.counters();
        let has_times = |it: &&Counter| it.delays.is_some() || it.waits.is_some();
        let bounds: &[u64] = match checks.iter().any(has_times) {
            true => &BOUNDS,
            false => &[],
        };
        to_json(&CountersEvent {
            event: "rate_limit_counters",
            checks,
            bounds,
            failures: failures.filter(|failure| failure.count > 0).collect(),
            dropped: self.dropped,
            version,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_core::api::request::{parse, Rule};
    use tollgate_core::decision::Recognition;
    use tollgate_core::isolate::bounded::Secret;
    use tollgate_core::subject::{Namespace, SubjectParts};
    use tollgate_core::Timestamp;

    fn recorder() -> Recorder {
        Recorder::new(Secret::new(7))
    }

    fn policy() -> Policy {
        let rule = parse(r#"{"identifier": "u1", "limit": 5, "window": "1m"}"#)
            .unwrap()
            .rule;
        match rule {
            Rule::Inline(policy) => policy,
            Rule::Named(_) => unreachable!(),
        }
    }

    fn decision(success: bool) -> Decision {
        let mut shares = tollgate_core::isolate::shares::Shares::new(Secret::new(7), 64);
        let decision = shares.decide(
            "u1",
            &policy(),
            &tollgate_core::decide::Check::ONE,
            Timestamp::ZERO,
        );
        Decision {
            success,
            reason: (!success).then_some(Reason::Limit),
            ..decision.unwrap()
        }
    }

    fn subject() -> Subject {
        SubjectParts::new("ada@example.org")
            .and_then(|parts| parts.with_provider("github"))
            .unwrap()
            .in_namespace(Namespace::default())
    }

    fn record(recorder: &mut Recorder, policy: &Policy, success: bool, every: u64) -> bool {
        record_from(recorder, policy, success, Source::Object, every)
    }

    fn record_from(
        recorder: &mut Recorder,
        policy: &Policy,
        success: bool,
        source: Source,
        every: u64,
    ) -> bool {
        let (subject, decision) = (subject(), decision(success));
        let checked = Checked {
            subject: &subject,
            policy,
            cost: 2,
            decision: &decision,
            is_shadow: false,
            is_near: false,
            waits: false,
            source,
        };
        recorder.count(&checked, every)
    }

    #[test]
    fn every_denial_is_logged_and_one_admission_in_so_many() {
        let mut recorder = recorder();
        let logged = |recorder: &mut Recorder, success, every| {
            (0..10)
                .filter(|_| record(recorder, &policy(), success, every))
                .count()
        };
        assert_eq!(logged(&mut recorder, false, 5), 10);
        assert_eq!(logged(&mut recorder, true, 5), 2);
        assert_eq!(logged(&mut recorder, true, 0), 0);
        let counts: Vec<_> = recorder
            .counters()
            .iter()
            .map(|counter| (counter.outcome, counter.count))
            .collect();
        assert_eq!(counts, [("limit", 10), ("allowed", 20)]);
    }

    #[test]
    fn a_refusal_from_memory_is_counted_and_not_logged_again() {
        let mut recorder = recorder();
        assert!(!record_from(
            &mut recorder,
            &policy(),
            false,
            Source::Cache,
            1
        ));
        let counters = recorder.counters();
        assert_eq!((counters[0].source, counters[0].count), ("cache", 1));
    }

    #[test]
    fn what_is_not_enforced_is_counted_apart() {
        let mut recorder = recorder();
        let (subject, policy, decision) = (subject(), policy(), decision(false));
        let checked = Checked {
            subject: &subject,
            policy: &policy,
            cost: 1,
            decision: &decision,
            is_shadow: true,
            is_near: false,
            waits: false,
            source: Source::Object,
        };
        assert!(recorder.count(&checked, 0));
        assert_eq!(recorder.counters()[0].outcome, "wouldDeny");
    }

    #[test]
    fn where_floods_are_answered_denials_are_logged_as_seldom_as_admissions() {
        let mut recorder = recorder();
        for source in [Source::Kv, Source::Binding] {
            let mut logged = |success| {
                (0..10)
                    .filter(|_| record_from(&mut recorder, &policy(), success, source, 5))
                    .count()
            };
            assert_eq!((logged(false), logged(true)), (2, 2), "{source:?}");
        }
        assert!(record_from(
            &mut recorder,
            &policy(),
            false,
            Source::Fallback,
            0
        ));
    }

    #[test]
    fn an_event_names_the_person_only_when_told_to() {
        let (subject, policy, decision) = (subject(), policy(), decision(false));
        let checked = Checked {
            subject: &subject,
            policy: &policy,
            cost: 2,
            decision: &decision,
            is_shadow: false,
            is_near: false,
            waits: false,
            source: Source::Object,
        };
        let mut recorder = recorder();
        for with_identifier in [false, true] {
            let origin = Origin {
                request_id: "r1".to_owned(),
                version: "v1".to_owned(),
                with_identifier,
            };
            recorder.log(&checked, &origin);
        }
        let rest = r#""namespace":"default","policy":"","allowed":false,"cost":2,"source":"object","reason":"limit","requestId":"r1","version":"v1"}"#;
        let start = r#"{"event":"rate_limit_check","provider":"github","scope":"","#;
        assert_eq!(
            recorder.take_events(),
            [
                format!("{start}{rest}"),
                format!(r#"{start}"identifier":"ada@example.org",{rest}"#)
            ]
        );
        assert!(!recorder.has_events());
    }

    /// Logs so many denials of one namespace.
    fn log(recorder: &mut Recorder, namespace: &str, events: usize) {
        let namespace = Namespace::new(namespace).unwrap();
        let subject = SubjectParts::new("u1").unwrap().in_namespace(namespace);
        let (policy, decision) = (policy(), decision(false));
        let checked = Checked {
            subject: &subject,
            policy: &policy,
            cost: 1,
            decision: &decision,
            is_shadow: false,
            is_near: false,
            waits: false,
            source: Source::Object,
        };
        let origin = Origin {
            request_id: String::new(),
            version: String::new(),
            with_identifier: false,
        };
        for _ in 0..events {
            recorder.log(&checked, &origin);
        }
    }

    #[test]
    fn memory_is_bounded_and_what_is_dropped_is_counted() {
        let mut recorder = recorder();
        log(&mut recorder, "default", MAX_EVENTS + 5);
        assert_eq!(recorder.take_events().len(), MAX_EVENTS);
        assert!(recorder.counters_event("v1").contains(r#""dropped":5"#));
    }

    #[test]
    fn a_flood_of_events_drops_none_of_another_namespace() {
        let mut recorder = recorder();
        log(&mut recorder, "quiet", 3);
        log(&mut recorder, "loud", 10 * MAX_EVENTS);
        log(&mut recorder, "quiet", MAX_EVENTS / 2 - 3);
        let events = recorder.take_events();
        let of = |namespace: &str| {
            let namespace = format!(r#""namespace":"{namespace}""#);
            events
                .iter()
                .filter(|event| event.contains(&namespace))
                .count()
        };
        assert_eq!((of("quiet"), of("loud")), (MAX_EVENTS / 2, MAX_EVENTS / 2));
        assert!(
            events[0].contains("quiet"),
            "in the order in which they came"
        );
    }

    #[test]
    fn promised_delays_and_held_answers_are_told_with_their_steps() {
        let mut recorder = recorder();
        let (subject, policy) = (subject(), policy());
        let turn = Duration::from_millis(40);
        let decision = Decision {
            delay: Some(turn),
            ..decision(true)
        };
        let checked = |waits| Checked {
            subject: &subject,
            policy: &policy,
            cost: 1,
            decision: &decision,
            is_shadow: false,
            is_near: false,
            waits,
            source: Source::Object,
        };
        recorder.count(&checked(false), 0);
        recorder.count(&checked(true), 0);
        recorder.waited(&checked(true), turn);
        let counter = recorder.counters()[0];
        let once = Some(Box::new(Histogram::of(turn)));
        assert_eq!(
            (counter.count, &counter.delays, &counter.waits),
            (2, &once, &once)
        );
        let event = recorder.counters_event("v1");
        assert!(event.contains(r#""bounds":[0,10,50,"#), "{event}");
    }

    #[test]
    fn an_answer_that_was_given_before_is_counted_as_that() {
        let mut recorder = recorder();
        let (subject, policy) = (subject(), policy());
        let decision = Decision {
            delay: Some(Duration::from_millis(40)),
            recognition: Some(Recognition {
                is_repeated: true,
                ..Recognition::default()
            }),
            ..decision(true)
        };
        let checked = Checked {
            subject: &subject,
            policy: &policy,
            cost: 1,
            decision: &decision,
            is_shadow: false,
            is_near: false,
            waits: false,
            source: Source::Object,
        };
        recorder.count(&checked, 0);
        let counter = recorder.counters()[0];
        assert_eq!((counter.outcome, &counter.delays), ("repeated", &None));
    }

    #[test]
    fn failures_are_counted_by_kind() {
        let mut recorder = recorder();
        recorder.fail(Failure::Timeout);
        recorder.fail(Failure::Timeout);
        recorder.fail(Failure::Unavailable);
        assert_eq!(
            recorder.counters_event("v1"),
            r#"{"event":"rate_limit_counters","checks":[],"failures":[{"failure":"timeout","count":2},{"failure":"unavailable","count":1}],"dropped":0,"version":"v1"}"#
        );
    }
}
