//! What `POST /limit/report` is answered: what was understood, what it did, and what was ignored.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::outlook::{BreakerBody, GateBody};
use super::status::SubjectBody;
use crate::policy::Policy;
use crate::report::{Heeded, Outcome, Report, Told, When};
use crate::subject::Subject;
use crate::Timestamp;

/// The body of `POST /limit/report`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportBody<'a> {
    /// Whose upstream it is about.
    pub subject: SubjectBody<'a>,
    /// The policy's name; absent for inline limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Cow<'a, str>>,
    /// Whether the upstream refused because of a limit.
    pub refused: bool,
    /// Until when it asked to be left alone, in Unix ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_until: Option<u64>,
    /// Why the subject's object has not heeded it; absent where it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_heeded: Option<NotHeeded>,
    /// The gate, where it is closed now.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateBody<'a>>,
    /// There where the upstream asked for more than the policy's `maxCoolDown`, or told a reset
    /// that is further away than that and than the limit's window.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub cut: bool,
    /// There where a refusal closed nothing: its time has passed, or it was counted with others.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub late: bool,
    /// The breaker, where failures count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<BreakerBody>,
    /// How the limit has changed that adapts, if it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adapted: Option<AdaptedBody<'a>>,
    /// The limits that the upstream told.
    pub limits: Vec<ToldBody<'a>>,
    /// Headers that look like ones of limits and were not understood, or not whole.
    pub ignored: Vec<IgnoredBody<'a>>,
}

/// Why an object has not heeded a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NotHeeded {
    /// It is summed up with others: it is heeded a second later at most.
    Later,
    /// It says nothing that anything heeds.
    Needless,
    /// Ten of its kind of this policy and subject were sent in this second already.
    TooMany,
}

/// A limit that has another number than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdaptedBody<'a> {
    /// Its label.
    pub limit: Cow<'a, str>,
    /// Its number before.
    pub from: u64,
    /// Its number now.
    pub to: u64,
}

/// A limit that an upstream told, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToldBody<'a> {
    /// Its name, as the upstream spells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Cow<'a, str>>,
    /// How many units it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// How many of them remain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining: Option<u64>,
    /// When they come back, in Unix ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset: Option<u64>,
    /// The length of its window, in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<u64>,
    /// The limit of the policy that it is; absent where it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moves: Option<Cow<'a, str>>,
    /// Units that were left of that before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// Units that are left of it now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
    /// Why it moves none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignored: Option<Cow<'a, str>>,
}

/// A header that was not understood, or not whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IgnoredBody<'a> {
    /// Its name, in lower case.
    pub header: Cow<'a, str>,
    /// Why.
    pub why: Cow<'a, str>,
}

impl<'a> ReportBody<'a> {
    /// The body for a report that came at `now`, what became of it, and the headers that were
    /// ignored before, with the word that says why.
    pub fn new(
        subject: &'a Subject,
        report: &'a Report,
        (outcome, now): (&'a Outcome, Timestamp),
        ignored: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> ReportBody<'a> {
        let (reported, not_heeded) = match outcome {
            Outcome::Done(reported) => (Some(reported), None),
            Outcome::Later => (None, Some(NotHeeded::Later)),
            Outcome::Needless => (None, Some(NotHeeded::Needless)),
            Outcome::TooMany => (None, Some(NotHeeded::TooMany)),
        };
        let at = reported.map_or(now, |it| it.at).as_millis();
        let answered = at.saturating_sub(report.age.as_millis());
        let answered = Timestamp::from_millis(answered);
        let at = |when: When| when.instant(answered).as_millis();
        let heeded = |i: usize| reported.and_then(|it| it.limits.get(i));
        let told = report.limits.iter().enumerate();
        let gate = reported.and_then(|it| it.gate.as_ref());
        let breaker = reported.and_then(|it| it.breaker.as_ref());
        let adapted = reported.and_then(|it| it.adapted.as_ref());
        ReportBody {
            subject: SubjectBody::new(subject),
            policy: name_of(&report.policy),
            refused: report.refused,
            wait_until: report.wait.map(at),
            not_heeded,
            gate: gate.map(GateBody::new),
            cut: reported.is_some_and(|it| it.is_cut),
            late: reported.is_some_and(|it| it.is_late),
            breaker: breaker.map(BreakerBody::new),
            adapted: adapted.map(|it| AdaptedBody {
                limit: Cow::Borrowed(&it.limit),
                from: it.from,
                to: it.to,
            }),
            limits: told
                .map(|(i, told)| ToldBody::new(told, heeded(i), at))
                .collect(),
            ignored: ignored
                .map(|(header, why)| IgnoredBody {
                    header: header.into(),
                    why: why.into(),
                })
                .collect(),
        }
    }
}

fn name_of(policy: &Policy) -> Option<Cow<'_, str>> {
    policy.name().map(|name| Cow::Borrowed(name.as_str()))
}

impl<'a> ToldBody<'a> {
    fn new(told: &'a Told, heeded: Option<&'a Heeded>, at: impl Fn(When) -> u64) -> ToldBody<'a> {
        let (moved, ignored) = match heeded {
            None => (None, None),
            Some(Heeded::Of { limit, from, to }) => (Some((limit, from, to)), None),
            Some(Heeded::Ignored(why)) => (None, Some(Cow::Borrowed(why.word()))),
        };
        ToldBody {
            name: told.name.as_deref().map(Cow::Borrowed),
            limit: told.limit,
            remaining: told.remaining,
            reset: told.reset.map(at),
            window: told.window.map(|it| it.as_millis()),
            moves: moved.map(|(limit, ..)| Cow::Borrowed(limit.as_str())),
            from: moved.map(|(_, from, _)| *from),
            to: moved.map(|(.., to)| *to),
            ignored,
        }
    }
}
