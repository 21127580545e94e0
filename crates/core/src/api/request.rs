//! `POST /limit`: may this subject do this, at this cost?
//!
//! The limit is named by `policy`, written at the top of the request, or several are written into
//! `limits`. One entry of `POST /limit/multi` is read by the same code, with the fields beside the
//! entries as defaults ([`super::multi`]).
//!
//! A request is written as it is read, in its canonical form: an inline policy in `limits`
//! ([`super::policy`]), durations in whole milliseconds, and nothing that is as by default.

pub use super::rule::Rule;
pub use super::suits::{knows_costs, suits, suits_waiting};

use serde::{Serialize, Serializer};

use super::fields::Fields;
use super::policy::{self, limit, settings::SETTINGS};
use super::suits::{clash, clash_of_wait, unknown_cost};
use super::terms::{costs, on_expiry, overage};
use super::{repeat, rule, subject, to_json, BadRequest, Problem};
use crate::decide::{Check, OnExpiry, Overage};
use crate::idempotency::Repeat;
use crate::limit::weights::MAX_CLASS;
use crate::limit::{Costs, MAX_WINDOW};
use crate::number::MAX_SAFE;
use crate::subject::SubjectParts;
use crate::Duration;

/// A subject, what limits it, and what is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LimitRequest {
    /// Who is limited.
    #[serde(flatten)]
    pub subject: SubjectParts,
    /// By what.
    #[serde(flatten)]
    pub rule: Rule,
    /// What is asked: `cost` is 1 unless said, `maxDelay` 0 to 366 d, `hold` 1 ms to 366 d.
    #[serde(flatten)]
    pub check: Check,
    /// How long the answer may be held until the caller's turn has come: at most [`MAX_WAIT`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait: Option<Duration>,
    /// Whether the answer tells how full the tightest limit is.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub pressure: bool,
    /// Which of the classes that share the limits asks, where the policy has `weights`: 1 to
    /// [`MAX_CLASS`] bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// What the caller calls it, so that it is known when it comes again.
    #[serde(flatten)]
    pub repeat: Option<Repeat>,
}

impl LimitRequest {
    /// What is asked, in the canonical form: a request that comes again asks the same.
    pub fn question(&self) -> String {
        to_json(&LimitRequest {
            repeat: None,
            ..self.clone()
        })
    }
}

/// Fields of a request beside those of one inline limit ([`policy::LIMIT`]) and of the settings of
/// a policy ([`policy::SETTINGS`]).
pub const FIELDS: [&str; 18] = [
    "identifier",
    "provider",
    "scope",
    "policy",
    "limits",
    "cost",
    "costs",
    "overage",
    "onExpiry",
    "record",
    "peek",
    "maxDelay",
    "hold",
    "wait",
    "pressure",
    "priority",
    repeat::KEY,
    repeat::OPERATION,
];

/// The longest time for which an answer is held.
pub const MAX_WAIT: Duration = Duration::from_secs(30);

/// Fields that the design knows and this version does not, with what to do meanwhile.
const LATER: [(&str, &str); 3] = [
    (
        "parent",
        "name a policy that has it, or ask for both levels at once with POST /limit/multi",
    ),
    ("regions", "leave it out; a limit is decided in one place"),
    ("shadow", "send `peek`, which decides and changes nothing"),
];

/// Reads the body of `POST /limit`.
///
/// ```
/// use tollgate_core::api::request::{parse, Rule};
///
/// let request = parse(r#"{"identifier": "u1", "limit": 100, "window": "15m"}"#).unwrap();
/// let is_inline = |rule| matches!(rule, Rule::Inline(it) if it.limits()[0].label() == "100/15m");
/// assert!(is_inline(request.rule));
/// let error = parse(r#"{"identifier": "u1", "limit": "100", "window": "15m"}"#).unwrap_err();
/// assert_eq!(error.to_string(), "`limit` must be a whole number.");
/// ```
pub fn parse(body: &str) -> Result<LimitRequest, BadRequest> {
    let fields = Fields::parse(body)?;
    only_known(&fields)?;
    take(fields)
}

/// Refuses fields that no request has, and those that later versions will have.
pub(super) fn only_known(fields: &Fields<'_>) -> Result<(), BadRequest> {
    let known = fields.only(&[&FIELDS, &limit::FIELDS, &SETTINGS]);
    if known.is_err() {
        if let Some(error) = policy::renamed(fields) {
            return Err(error);
        }
        if let Some(&(name, why)) = LATER.iter().find(|(name, _)| fields.has(name)) {
            return Err(fields.error(name, Problem::Unsupported { why }));
        }
    }
    known
}

/// Takes a whole request out of `fields`.
pub(super) fn take(mut fields: Fields<'_>) -> Result<LimitRequest, BadRequest> {
    let mut subject = subject::take(&mut fields)?;
    // Before the options: an inline shaper takes `maxDelay` for itself.
    let rule = rule::take(&mut fields)?;
    let check = Check {
        cost: cost(&mut fields)?,
        costs: costs(&mut fields)?,
        on_expiry: on_expiry(&mut fields)?,
        overage: overage(&mut fields)?,
        record: fields.boolean("record")?.unwrap_or(false),
        peek: fields.boolean("peek")?.unwrap_or(false),
        max_delay: fields.duration("maxDelay", Duration::ZERO, MAX_WINDOW)?,
        hold: fields.duration("hold", Duration::from_millis(1), MAX_WINDOW)?,
        bypass: false,
    };
    let wait = fields.duration("wait", Duration::ZERO, MAX_WAIT)?;
    let pressure = fields.boolean("pressure")?.unwrap_or(false);
    let priority = fields.text("priority", 1, MAX_CLASS)?.map(Into::into);
    let repeat = repeat::take(&mut fields)?;
    if let Some(repeat) = repeat.as_ref().filter(|_| check.peek) {
        let (field, problem) = repeat::clash_of_peek(repeat);
        return Err(fields.error(field, problem));
    }
    if let Some((field, problem)) = clash_of_wait(&check, wait) {
        return Err(fields.error(field, problem));
    }
    if let Rule::Inline(policy) = &rule {
        if let Some((field, problem)) = unknown_cost(&check, core::iter::once(policy)) {
            return Err(fields.error(&field, problem));
        }
        subject = subject.in_network(policy.ipv6_prefix());
        if let Some((field, problem)) = clash(&check, wait, policy) {
            return Err(fields.error(field, problem));
        }
    }
    fields.finish()?;
    Ok(LimitRequest {
        subject,
        rule,
        check,
        wait,
        pressure,
        priority,
        repeat,
    })
}

/// Takes the cost.
pub(super) fn cost(fields: &mut Fields<'_>) -> Result<i64, BadRequest> {
    let max = MAX_SAFE as i64; // 2^53
    Ok(fields.integer("cost", -max, max)?.unwrap_or(1))
}

/// What is asked; each field where it is not as by default.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CheckForm<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<i64>,
    #[serde(skip_serializing_if = "Costs::is_empty")]
    costs: &'a Costs,
    #[serde(skip_serializing_if = "Option::is_none")]
    overage: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_expiry: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peek: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_delay: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<Duration>,
}

impl Serialize for Check {
    /// The fields of a request that are not as by default.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let form = CheckForm {
            cost: (self.cost != 1).then_some(self.cost),
            costs: &self.costs,
            overage: (self.overage != Overage::Deny).then(|| self.overage.word()),
            on_expiry: (self.on_expiry != OnExpiry::Keep).then(|| self.on_expiry.word()),
            record: self.record.then_some(true),
            peek: self.peek.then_some(true),
            max_delay: self.max_delay,
            hold: self.hold,
        };
        form.serialize(serializer)
    }
}
