//! `POST /limit`: may this subject do this, at this cost?
//!
//! The limit is named by `policy`, written at the top of the request, or several are written into
//! `limits`. One entry of `POST /limit/multi` is read by the same code, with the fields beside the
//! entries as defaults ([`super::multi`]).

pub use super::rule::Rule;

use super::fields::Fields;
use super::{inline, rule, BadRequest, Problem};
use crate::decide::Check;
use crate::limit::MAX_WINDOW;
use crate::number::MAX_SAFE;
use crate::policy::consistency::Consistency;
use crate::policy::Policy;
use crate::subject::{SubjectParts, MAX_IDENTIFIER, MAX_PART};
use crate::Duration;

/// A subject, what limits it, and what is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitRequest {
    /// Who is limited.
    pub subject: SubjectParts,
    /// By what.
    pub rule: Rule,
    /// What is asked: `cost` is 1 unless said, `maxDelay` 0 to 366 d, `hold` 1 ms to 366 d.
    pub check: Check,
}

/// Fields of a request beside those of one inline limit.
pub(super) const FIELDS: [&str; 14] = [
    "identifier",
    "provider",
    "scope",
    "policy",
    "limits",
    "cost",
    "peek",
    "maxDelay",
    "hold",
    "failMode",
    "consistency",
    "shed",
    "refunds",
    "writeAhead",
];

/// Fields that were called otherwise before.
pub(super) const RENAMED: [(&str, &str); 1] = [("reserve", "writeAhead")];

/// Fields that the design knows and this version does not, with what to do meanwhile.
pub(super) const LATER: [(&str, &str); 8] = [
    (
        "wait",
        "send `maxDelay`, and wait for the answer's `delay` before going on",
    ),
    (
        "idempotencyKey",
        "leave it out; a request that is sent again counts again",
    ),
    (
        "priority",
        "leave it out; all callers of a limit are served alike",
    ),
    (
        "weights",
        "leave it out; all callers of a limit are served alike",
    ),
    (
        "parent",
        "ask for both levels at once with POST /limit/multi",
    ),
    ("regions", "leave it out; a limit is decided in one place"),
    ("schedule", "send the limit that holds now"),
    ("shadow", "send `peek`, which decides and changes nothing"),
];

/// Reads the body of `POST /limit`.
///
/// ```
/// use tollgate_core::api::request::{parse, Rule};
///
/// let request = parse(r#"{"identifier": "u1", "limit": 100, "window": "15m"}"#).unwrap();
/// assert!(matches!(request.rule, Rule::Inline(policy) if policy.limits()[0].label() == "100/15m"));
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
    let known = fields.only(&[&FIELDS, &inline::FIELDS]);
    if known.is_err() {
        if let Some(&(name, now)) = RENAMED.iter().find(|(name, _)| fields.has(name)) {
            return Err(fields.error(name, Problem::Renamed { now }));
        }
        if let Some(&(name, why)) = LATER.iter().find(|(name, _)| fields.has(name)) {
            return Err(fields.error(name, Problem::Unsupported { why }));
        }
    }
    known
}

/// Takes a whole request out of `fields`.
pub(super) fn take(mut fields: Fields<'_>) -> Result<LimitRequest, BadRequest> {
    let subject = subject(&mut fields)?;
    // Before the options: an inline shaper takes `maxDelay` for itself.
    let rule = rule::take(&mut fields)?;
    let check = Check {
        cost: cost(&mut fields)?,
        peek: fields.boolean("peek")?.unwrap_or(false),
        max_delay: fields.duration("maxDelay", Duration::ZERO, MAX_WINDOW)?,
        hold: fields.duration("hold", Duration::from_millis(1), MAX_WINDOW)?,
    };
    if let Rule::Inline(policy) = &rule {
        if let Some((field, problem)) = clash(&check, policy) {
            return Err(fields.error(field, problem));
        }
    }
    fields.finish()?;
    Ok(LimitRequest {
        subject,
        rule,
        check,
    })
}

/// Takes the three parts of a subject.
pub(super) fn subject(fields: &mut Fields<'_>) -> Result<SubjectParts, BadRequest> {
    let identifier = fields.text("identifier", 1, MAX_IDENTIFIER)?;
    let identifier = fields.required("identifier", identifier)?;
    let mut subject = SubjectParts::new(identifier)?;
    if let Some(provider) = fields.text("provider", 1, MAX_PART)? {
        subject = subject.with_provider(provider)?;
    }
    if let Some(scope) = fields.text("scope", 0, MAX_PART)? {
        subject = subject.with_scope(scope)?;
    }
    Ok(subject)
}

/// Takes the cost.
pub(super) fn cost(fields: &mut Fields<'_>) -> Result<i64, BadRequest> {
    let most = MAX_SAFE as i64; // 2^53
    Ok(fields.integer("cost", -most, most)?.unwrap_or(1))
}

/// Whether `check` can be asked of `policy`. Parsing has seen to it for an inline policy; whoever
/// looks up a named one asks here. A `concurrency` limit counts slots, so it takes no refund (its
/// permits are released) and promises nothing for later (`maxDelay`); cost 0 takes no slot and
/// always succeeds. `hold` needs a limit that has slots.
pub fn suits(check: &Check, policy: &Policy) -> Result<(), BadRequest> {
    match clash(check, policy) {
        Some((field, problem)) => Err(BadRequest::new(field, problem)),
        None => Ok(()),
    }
}

fn clash(check: &Check, policy: &Policy) -> Option<(&'static str, Problem)> {
    let slots = policy.gives_permits();
    let conflict = |with| Problem::Conflict { with };
    if slots && check.cost < 0 {
        let with = "`concurrency` when it is below 0: release the permit instead";
        return Some(("cost", conflict(with)));
    }
    if slots && check.max_delay.is_some() {
        let with = "`concurrency`: nobody knows when a slot is released";
        return Some(("maxDelay", conflict(with)));
    }
    if !slots && check.hold.is_some() {
        let why = "only a `concurrency` limit can be held, and none of these is one";
        return Some(("hold", Problem::Unsupported { why }));
    }
    if let Some(clash) = clash_of_mode(check, policy.consistency()) {
        return Some(clash);
    }
    if check.cost < 0 && !policy.refunds() {
        let with = "`refunds: false` when it is below 0";
        return Some(("cost", conflict(with)));
    }
    None
}

/// What cannot be asked of counts that no object keeps.
fn clash_of_mode(check: &Check, consistency: Consistency) -> Option<(&'static str, Problem)> {
    let conflict = |with| Problem::Conflict { with };
    match consistency {
        Consistency::Eventual if check.max_delay.is_some() => {
            let with = "`consistency: \"eventual\"`: nobody keeps a place there; take `strong`";
            Some(("maxDelay", conflict(with)))
        }
        Consistency::Local if check.max_delay.is_some() => {
            let with = "`consistency: \"local\"`: nobody keeps a place there; take `strong`";
            Some(("maxDelay", conflict(with)))
        }
        Consistency::Local if !matches!(check.cost, 0 | 1) => {
            let with = "`consistency: \"local\"` when it is not 0 or 1: a native binding counts requests; take `strong`";
            Some(("cost", conflict(with)))
        }
        Consistency::Local if check.peek => {
            let with = "`consistency: \"local\"`: a native binding cannot be asked without counting; take `strong`";
            Some(("peek", conflict(with)))
        }
        _ => None,
    }
}
