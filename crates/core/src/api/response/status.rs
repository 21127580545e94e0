//! What `GET /limit` is answered: the full state of a subject.

use std::borrow::Cow;

use serde::de::{DeserializeOwned, Error, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::classes::ClassBody;
use super::outlook::OutlookBody;
use super::StageClockBody;
use crate::api::policy::definition::DefinitionBody;
use crate::block::Block;
use crate::decision::Reason;
use crate::isolate::counts::CountStatus;
use crate::limit::schedule::StageClock;
use crate::limit::Kind as AlgorithmKind;
use crate::overrides::{Grant, Kind, Override};
use crate::policy::consistency::Consistency;
use crate::policy::Version;
use crate::subject::Subject;
use crate::subject_state::{Denial, LimitStatus, Status};
use crate::{Duration, Limit, Timestamp};

/// The body of `GET /limit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusBody<'a> {
    /// Who is limited.
    pub subject: SubjectBody<'a>,
    /// Each limit that is not idle.
    pub limits: Vec<LimitBody<'a>>,
    /// The clock by which its stages run, also while no limit is in use; absent where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<StageClockBody>,
    /// Exceptions in force.
    pub overrides: Vec<OverrideBody<'a>>,
    /// What callers have reported of upstreams, where it holds; absent where nothing does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outlooks: Vec<OutlookBody<'a>>,
    /// The newest refusals, oldest first; forgotten when the object sleeps.
    pub recent_denials: Vec<DenialBody<'a>>,
    /// How long units may be spent that are lent, in ms: so late does a change hold. Absent where
    /// none are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_force_after: Option<u64>,
    /// There where KV did not answer: limits that are counted through it are then missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kv: Option<Kv>,
}

/// How KV did, where that is worth saying.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kv {
    /// It did not answer in time.
    Unavailable,
}

/// A subject in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectBody<'a> {
    /// The provider.
    pub provider: Cow<'a, str>,
    /// The scope, may be empty.
    pub scope: Cow<'a, str>,
    /// The identifier.
    pub identifier: Cow<'a, str>,
}

/// One limit's state in `GET /limit`, and the definition that is in force, in one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LimitBody<'a> {
    /// How much of it is used.
    #[serde(flatten)]
    pub usage: UsageBody<'a>,
    /// What the limit is, in the words of a request.
    #[serde(flatten)]
    pub definition: DefinitionBody,
    /// Which of its stages is in force; absent where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<StageInForceBody>,
    /// The classes that share it now, by name, the rest last; absent where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<ClassBody>,
    /// What is only there where isolates count through KV.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub counted: Option<CountedBody>,
}

/// Which limit of a subject it is, and how much of it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UsageBody<'a> {
    /// The policy's name; absent for inline limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Cow<'a, str>>,
    /// The policy's version when it was last charged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// The limit's name, else such as `100/15m`.
    pub name: String,
    /// Its algorithm.
    pub algorithm: AlgorithmKind,
    /// Limit or capacity.
    pub limit: u64,
    /// `limit` − `remaining`.
    pub used: u64,
    /// Units left, rounded down.
    pub remaining: u64,
    /// Units of those in use that permits hold.
    #[serde(default, skip_serializing_if = "is_none")]
    pub held: u64,
    /// Units of those in use that are lent, and may be spent without a question: by as many the
    /// limit may come to be used less than it could be.
    #[serde(default, skip_serializing_if = "is_none")]
    pub lent: u64,
    /// Units in use beyond the limit.
    #[serde(default, skip_serializing_if = "is_none")]
    pub debt: u64,
    /// As in a decision, in Unix ms.
    pub reset: u64,
}

/// The stage of a limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StageInForceBody {
    /// Which one, from 1, of those in `stages`.
    pub step: u64,
    /// When the subject's stages began, in Unix ms; absent before its first admission.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<u64>,
    /// When the next one begins, in Unix ms; absent where there is none, or nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
    /// Since when the subject's clock stands, in Unix ms; absent while it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_since: Option<u64>,
}

impl StageInForceBody {
    fn new(status: &LimitStatus, clock: Option<&StageClock>) -> Option<StageInForceBody> {
        let stage = status.stage?;
        let paused_since = clock.and_then(StageClock::paused_since);
        Some(StageInForceBody {
            step: stage.step as u64 + 1, // at most 64
            start: clock.map(|clock| clock.start.as_millis()),
            next: stage.next.map(Timestamp::as_millis),
            paused_since: paused_since.map(Timestamp::as_millis),
        })
    }
}

/// How far counts that isolates tell each other through KV may be off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CountedBody {
    /// Always `eventual`.
    pub consistency: Consistency,
    /// Isolates that have counted in this window.
    pub isolates: u64,
    /// Units above the limit that this window may end with.
    pub over_admission: OverAdmissionBody,
}

/// Units above a limit, in one aligned window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverAdmissionBody {
    /// On average no more, at the present rate.
    pub expected: u64,
    /// Never more.
    pub hard: u64,
}

/// An exception in `GET /limit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OverrideBody<'a> {
    /// What it does.
    pub kind: OverrideKind,
    /// Whom it is for; absent for a block, which is for this subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The policy that is blocked; absent for all, where it is no block, and where a penalty is for
    /// inline limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Cow<'a, str>>,
    /// What set it; absent where somebody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<SetBy>,
    /// Of a penalty, which of its blocks it is, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// Of a grant, how many units there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<u64>,
    /// Of a grant, how many of them the subject has taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken: Option<u64>,
    /// When it is over, in Unix ms; absent where it has no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
    /// The name of the token that set it.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub author: Cow<'a, str>,
    /// What was said when it was set.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub reason: Cow<'a, str>,
}

/// What an exception does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OverrideKind {
    /// It refuses everything, as `POST /limit/block` said.
    Block,
    /// It refuses everything.
    Deny,
    /// It refuses everything for a while.
    Pause,
    /// It lets everything through.
    Bypass,
    /// It multiplies the limits.
    Scale,
    /// It puts other limits in place of the policy's.
    Replace,
    /// It grants units once, beyond the limits.
    Grant,
}

impl From<Kind> for OverrideKind {
    fn from(kind: Kind) -> OverrideKind {
        match kind {
            Kind::Deny => OverrideKind::Deny,
            Kind::Pause => OverrideKind::Pause,
            Kind::Bypass => OverrideKind::Bypass,
            Kind::Scale => OverrideKind::Scale,
            Kind::Replace => OverrideKind::Replace,
            Kind::Grant => OverrideKind::Grant,
        }
    }
}

impl<'a> OverrideBody<'a> {
    /// An override, for a subject that has `taken` so many units of each grant.
    fn of(it: &'a Override, taken: &[(u64, u64)]) -> OverrideBody<'a> {
        let grant = it.effect.grant();
        let taken_of = |grant: &Grant| {
            let of = taken.iter().find(|(id, _)| *id == grant.id);
            of.map_or(0, |(_, units)| *units)
        };
        OverrideBody {
            units: grant.map(|grant| grant.units),
            taken: grant.as_ref().map(taken_of),
            kind: it.effect.kind().into(),
            target: Some(it.target.to_string()),
            policy: None,
            by: None,
            step: None,
            until: it.until.map(Timestamp::as_millis),
            author: it.author.as_str().into(),
            reason: it.reason.as_str().into(),
        }
    }
}

/// What sets an exception by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SetBy {
    /// The `penalty` of a policy.
    Penalty,
}

/// A refusal in `GET /limit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DenialBody<'a> {
    /// When, in Unix ms.
    pub at: u64,
    /// The policy's name; absent for inline limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Cow<'a, str>>,
    /// The limit that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limited_by: Option<Cow<'a, str>>,
    /// The cost asked.
    pub cost: i64,
    /// Why.
    pub reason: Reason,
}

impl<'a> StatusBody<'a> {
    /// The body for a subject's status: what its object said, and what isolates have counted
    /// without it, where that is known.
    pub fn new(
        subject: &'a Subject,
        status: &'a Status,
        counted: Option<&'a [CountStatus]>,
        overrides: &'a [Override],
    ) -> StatusBody<'a> {
        let kv = counted.is_none().then_some(Kv::Unavailable);
        let counted = counted.unwrap_or_default();
        let of_object =
            (status.limits.iter()).map(|limit| LimitBody::new(limit, status.stage.as_ref()));
        StatusBody {
            subject: SubjectBody::new(subject),
            limits: of_object
                .chain(counted.iter().map(LimitBody::counted))
                .collect(),
            stage: status.stage.as_ref().map(StageClockBody::from),
            overrides: (status.blocks.iter().map(OverrideBody::new))
                .chain(
                    overrides
                        .iter()
                        .map(|it| OverrideBody::of(it, &status.taken)),
                )
                .collect(),
            outlooks: status.outlooks.iter().map(OutlookBody::new).collect(),
            recent_denials: (status.denials.iter()).map(DenialBody::new).collect(),
            in_force_after: status.lent_for.map(Duration::as_millis),
            kv,
        }
    }
}

impl<'a> SubjectBody<'a> {
    /// The subject without its namespace, which is the caller's own.
    pub fn new(subject: &'a Subject) -> SubjectBody<'a> {
        SubjectBody {
            provider: subject.provider().into(),
            scope: subject.scope().into(),
            identifier: subject.identifier().into(),
        }
    }
}

impl<'a> LimitBody<'a> {
    fn new(status: &'a LimitStatus, clock: Option<&StageClock>) -> LimitBody<'a> {
        let at = (status.remaining, status.reset);
        let policy = (status.policy.as_str(), status.version);
        LimitBody {
            usage: UsageBody {
                held: status.held,
                lent: status.lent,
                debt: status.debt,
                ..UsageBody::new(policy, &status.limit, at)
            },
            definition: (&status.limit).into(),
            stage: StageInForceBody::new(status, clock),
            classes: status.classes.iter().map(ClassBody::from).collect(),
            counted: None,
        }
    }

    fn counted(counted: &'a CountStatus) -> LimitBody<'a> {
        let definition = &counted.definition;
        let at = (counted.remaining, counted.reset);
        let policy = (definition.policy.as_str(), definition.version);
        LimitBody {
            usage: UsageBody::new(policy, &definition.limit, at),
            definition: (&definition.limit).into(),
            stage: None,
            classes: Vec::new(),
            counted: Some(CountedBody {
                consistency: Consistency::Eventual,
                isolates: counted.isolates,
                over_admission: OverAdmissionBody {
                    expected: counted.over.expected,
                    hard: counted.over.hard,
                },
            }),
        }
    }
}

impl<'de> Deserialize<'de> for LimitBody<'_> {
    /// Each part reads the object for itself. Serde would buffer what it flattens, and a decimal
    /// in its buffer is a floating point number.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Mark {
            consistency: Option<IgnoredAny>,
        }
        #[derive(Deserialize)]
        struct Stage {
            stage: Option<StageInForceBody>,
            #[serde(default)]
            classes: Vec<ClassBody>,
        }
        let object = Box::<RawValue>::deserialize(deserializer)?;
        let text = object.get();
        let is_counted = part::<Mark, D>(text)?.consistency.is_some();
        let Stage { stage, classes } = part::<Stage, D>(text)?;
        Ok(LimitBody {
            usage: part::<UsageBody, D>(text)?,
            definition: part::<DefinitionBody, D>(text)?,
            stage,
            classes,
            counted: is_counted
                .then(|| part::<CountedBody, D>(text))
                .transpose()?,
        })
    }
}

/// The fields of a JSON object that `T` has.
fn part<'de, T: DeserializeOwned, D: Deserializer<'de>>(text: &str) -> Result<T, D::Error> {
    serde_json::from_str(text).map_err(D::Error::custom)
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_none(units: &u64) -> bool {
    *units == 0
}

impl<'a> UsageBody<'a> {
    fn new(
        (policy, version): (&'a str, Version),
        limit: &Limit,
        (remaining, reset): (u64, Timestamp),
    ) -> UsageBody<'a> {
        let max = limit.algorithm().limit();
        UsageBody {
            policy: some(policy),
            version: some(policy).map(|_| version.number),
            name: limit.label(),
            algorithm: limit.algorithm().kind(),
            limit: max,
            used: max.saturating_sub(remaining),
            remaining,
            held: 0,
            lent: 0,
            debt: 0,
            reset: reset.as_millis(),
        }
    }
}

impl<'a> OverrideBody<'a> {
    fn new(block: &'a Block) -> OverrideBody<'a> {
        OverrideBody {
            kind: OverrideKind::Block,
            policy: block.policy.as_deref().and_then(some),
            by: block.step.map(|_| SetBy::Penalty),
            step: block.step,
            units: None,
            taken: None,
            target: None,
            until: Some(block.until.as_millis()),
            author: Cow::Borrowed(""),
            reason: Cow::Borrowed(&block.reason),
        }
    }
}

impl<'a> DenialBody<'a> {
    fn new(denial: &'a Denial) -> DenialBody<'a> {
        DenialBody {
            at: denial.at.as_millis(),
            policy: some(&denial.policy),
            limited_by: denial.limited_by.as_deref().map(Cow::Borrowed),
            cost: denial.cost,
            reason: denial.reason,
        }
    }
}

fn some(text: &str) -> Option<Cow<'_, str>> {
    (!text.is_empty()).then_some(Cow::Borrowed(text))
}
