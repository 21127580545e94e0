//! What is answered, as JSON: field names in camelCase, instants in Unix milliseconds, durations in
//! milliseconds. What is not known is absent; no number is invented.

use serde::Serialize;

use super::definition::DefinitionBody;
use crate::decision::{Decision, Reason, Source};
use crate::isolate::counts::CountStatus;
use crate::limit::Name;
use crate::permit::Permit;
use crate::policy::consistency::{Consistency, LocalLimit};
use crate::policy::Policy;
use crate::subject::Subject;
use crate::subject_state::{LimitStatus, Status};
use crate::{Duration, Limit, Timestamp};

/// The body of a decision, 200 or 429.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DecisionBody<'a> {
    /// Admitted or not.
    pub success: bool,
    /// The deciding limit's limit or capacity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Units it has left after this decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining: Option<u64>,
    /// When its window ends, its use is forgotten or it is full, in Unix ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset: Option<u64>,
    /// How long until the same request, alone, succeeds, in ms; absent where waiting cannot help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// How long to wait before going on, in ms, where a place was promised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<u64>,
    /// Why it was refused, or not decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The limit that refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limited_by: Option<String>,
    /// The policy's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<&'a str>,
    /// The policy's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Where it was decided.
    pub source: &'static str,
    /// The permit of a slot taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permit: Option<String>,
    /// Its place in the order of all grants of the subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fence: Option<u64>,
    /// When the slot is free again, in Unix ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// Each limit, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<StandingBody>,
}

/// One of several limits in a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StandingBody {
    /// Its name, else such as `100/15m`.
    pub name: String,
    /// Its algorithm's word.
    pub algorithm: &'static str,
    /// Limit or capacity.
    pub limit: u64,
    /// Units left.
    pub remaining: u64,
    /// As in the decision, in Unix ms.
    pub reset: u64,
    /// How long until this limit has room for the same request, in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// Why this limit refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
}

impl<'a> DecisionBody<'a> {
    /// The body for `decision` under `policy`, for a subject, decided at `source`.
    pub fn new(
        decision: &Decision,
        policy: &'a Policy,
        subject: &Subject,
        source: Source,
    ) -> DecisionBody<'a> {
        let deciding = decision.deciding();
        let label = |i: u8| match policy.shed() {
            Some(shed) if source == Source::Binding => Some(LocalLimit::label(&shed)),
            _ => policy.limits().get(usize::from(i)).map(Limit::label),
        };
        DecisionBody {
            success: decision.success,
            limit: deciding.map(|standing| standing.limit),
            remaining: deciding.map(|standing| standing.remaining),
            reset: deciding.map(|standing| standing.reset.as_millis()),
            retry_after: decision.retry_after.map(Duration::as_millis),
            delay: decision.delay.map(Duration::as_millis),
            reason: decision.reason.map(Reason::word),
            limited_by: if decision.success {
                None
            } else {
                decision.deciding.and_then(label)
            },
            policy: policy.name().map(Name::as_str),
            version: policy.name().map(|_| policy.version()),
            source: source.word(),
            permit: decision.grant.as_ref().map(|grant| {
                Permit {
                    subject: subject.clone(),
                    bits: grant.permit,
                }
                .to_text()
            }),
            fence: decision.grant.as_ref().map(|grant| grant.fence),
            expires: decision
                .grant
                .as_ref()
                .map(|grant| grant.expires.as_millis()),
            limits: standings(decision, policy),
        }
    }
}

fn standings(decision: &Decision, policy: &Policy) -> Vec<StandingBody> {
    if decision.limits.len() < 2 {
        return Vec::new();
    }
    let body = |(limit, standing): (&Limit, &crate::decision::Standing)| StandingBody {
        name: limit.label(),
        algorithm: limit.algorithm().word(),
        limit: standing.limit,
        remaining: standing.remaining,
        reset: standing.reset.as_millis(),
        retry_after: standing
            .retry_at
            .map(|at| at.since(decision.at).as_millis()),
        reason: standing.refused.map(Reason::word),
    };
    policy
        .limits()
        .iter()
        .zip(decision.limits.iter())
        .map(body)
        .collect()
}

/// The body of `POST /limit/multi`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MultiBody<'a> {
    /// Whether all were admitted; if not, nothing was consumed.
    pub success: bool,
    /// How long until the entry that is refused longest succeeds, alone, in ms, as in the header;
    /// absent where waiting cannot help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// One decision an entry, in order.
    pub results: Vec<DecisionBody<'a>>,
}

/// The body of `POST /limit/renew`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RenewedBody {
    /// Always true.
    pub success: bool,
    /// The same permit.
    pub permit: String,
    /// The same fence.
    pub fence: u64,
    /// The new deadline, in Unix ms.
    pub expires: u64,
}

/// The body of `POST /acquire`: the small older form, in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AcquireBody {
    /// Admitted or not.
    pub allowed: bool,
    /// Tokens left; absent when not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining: Option<u64>,
    /// Whole seconds until the same request succeeds, rounded up; absent where waiting cannot help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl From<&Decision> for AcquireBody {
    fn from(decision: &Decision) -> AcquireBody {
        AcquireBody {
            allowed: decision.success,
            remaining: decision.deciding().map(|standing| standing.remaining),
            retry_after: decision.retry_after.map(Duration::as_secs_ceil),
        }
    }
}

/// The body of `GET /limit`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusBody<'a> {
    /// Who is limited.
    pub subject: SubjectBody<'a>,
    /// Each limit that is not idle.
    pub limits: Vec<LimitBody<'a>>,
    /// Exceptions in force.
    pub overrides: Vec<OverrideBody<'a>>,
    /// The newest refusals, oldest first; forgotten when the object sleeps.
    pub recent_denials: Vec<DenialBody<'a>>,
    /// `unavailable` where KV did not answer: limits that are counted through it are then missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kv: Option<&'static str>,
}

/// A subject in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubjectBody<'a> {
    /// The provider.
    pub provider: &'a str,
    /// The scope, may be empty.
    pub scope: &'a str,
    /// The identifier.
    pub identifier: &'a str,
}

/// One limit's state in `GET /limit`, and the definition that is in force.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LimitBody<'a> {
    /// The policy's name; absent for inline limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<&'a str>,
    /// The policy's version when it was last charged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// The limit's name, else such as `100/15m`.
    pub name: String,
    /// Its algorithm's word.
    pub algorithm: &'static str,
    /// Limit or capacity.
    pub limit: u64,
    /// `limit` − `remaining`.
    pub used: u64,
    /// Units left, rounded down.
    pub remaining: u64,
    /// As in a decision, in Unix ms.
    pub reset: u64,
    /// What the limit is, in the words of a request.
    #[serde(flatten)]
    pub definition: DefinitionBody,
    /// What is only there where isolates count through KV.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub counted: Option<CountedBody>,
}

/// How far counts that isolates tell each other through KV may be off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CountedBody {
    /// Always `eventual`.
    pub consistency: &'static str,
    /// Isolates that have counted in this window.
    pub isolates: u64,
    /// Units above the limit that this window may end with.
    pub over_admission: OverAdmissionBody,
}

/// Units above a limit, in one aligned window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OverAdmissionBody {
    /// On average no more, at the present rate.
    pub expected: u64,
    /// Never more.
    pub hard: u64,
}

/// An exception in `GET /limit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OverrideBody<'a> {
    /// What it does; `block` so far.
    pub kind: &'static str,
    /// The policy it is for; absent for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<&'a str>,
    /// When it is over, in Unix ms.
    pub until: u64,
    /// What was said when it was set.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub reason: &'a str,
}

/// A refusal in `GET /limit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DenialBody<'a> {
    /// When, in Unix ms.
    pub at: u64,
    /// The policy's name; absent for inline limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<&'a str>,
    /// The limit that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limited_by: Option<&'a str>,
    /// The cost asked.
    pub cost: i64,
    /// Why.
    pub reason: &'static str,
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

impl<'a> StatusBody<'a> {
    /// The body for a subject's status: what its object said, and what isolates have counted
    /// without it, where that is known.
    pub fn new(
        subject: &'a Subject,
        status: &'a Status,
        counted: Option<&'a [CountStatus]>,
    ) -> StatusBody<'a> {
        let kv = counted.is_none().then_some("unavailable");
        let counted = counted.unwrap_or_default();
        let of_object = status.limits.iter().map(LimitBody::new);
        StatusBody {
            subject: SubjectBody {
                provider: subject.provider(),
                scope: subject.scope(),
                identifier: subject.identifier(),
            },
            limits: of_object
                .chain(counted.iter().map(LimitBody::counted))
                .collect(),
            overrides: (status.blocks.iter())
                .map(|block| OverrideBody {
                    kind: "block",
                    policy: block.policy.as_deref(),
                    until: block.until.as_millis(),
                    reason: &block.reason,
                })
                .collect(),
            recent_denials: (status.denials.iter())
                .map(|denial| DenialBody {
                    at: denial.at.as_millis(),
                    policy: some(&denial.policy),
                    limited_by: denial.limited_by.as_deref(),
                    cost: denial.cost,
                    reason: denial.reason.word(),
                })
                .collect(),
            kv,
        }
    }
}

impl<'a> LimitBody<'a> {
    fn new(status: &'a LimitStatus) -> LimitBody<'a> {
        let limit = status.limit.algorithm().limit();
        LimitBody {
            policy: some(&status.policy),
            version: some(&status.policy).map(|_| status.version),
            name: status.limit.label(),
            algorithm: status.limit.algorithm().word(),
            limit,
            used: limit.saturating_sub(status.remaining),
            remaining: status.remaining,
            reset: status.reset.as_millis(),
            definition: status.limit.algorithm().into(),
            counted: None,
        }
    }

    fn counted(counted: &'a CountStatus) -> LimitBody<'a> {
        let definition = &counted.definition;
        let limit = definition.limit.algorithm().limit();
        LimitBody {
            policy: some(&definition.policy),
            version: some(&definition.policy).map(|_| definition.version),
            name: definition.limit.label(),
            algorithm: definition.limit.algorithm().word(),
            limit,
            used: limit.saturating_sub(counted.remaining),
            remaining: counted.remaining,
            reset: counted.reset.as_millis(),
            definition: definition.limit.algorithm().into(),
            counted: Some(CountedBody {
                consistency: Consistency::Eventual.word(),
                isolates: counted.isolates,
                over_admission: OverAdmissionBody {
                    expected: counted.over.expected,
                    hard: counted.over.hard,
                },
            }),
        }
    }
}

/// `text` of any of these bodies. A body holds only text, numbers and lists of them, so writing it
/// cannot fail.
pub fn to_json(body: &impl Serialize) -> String {
    serde_json::to_string(body).unwrap_or_default()
}

/// Whole seconds from `now` to `instant`, rounded up: the `t` of the `RateLimit` header.
pub const fn seconds_until(instant: Timestamp, now: Timestamp) -> u64 {
    instant.since(now).as_secs_ceil()
}
