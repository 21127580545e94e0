//! `POST /limit/multi`: several checks, over several subjects, all or nothing.
//!
//! The fields beside `limits` are defaults for each entry; a field of an entry comes before its
//! default. What chooses the limit goes together: an entry with `policy` or `limits` takes no
//! inline limit from the defaults, one with an inline limit no `policy`, and of two spellings
//! (`capacity`, `maxTokens`) the entry's stands alone. A default that an entry's algorithm does not
//! have passes it by. What is written has no defaults: each entry has all that it needs.
//!
//! How the request is known when it comes again, and `wait`, are said of the whole of it and stand
//! beside `limits` alone: it has one answer, which comes once.

use serde::Serialize;

use super::fields::Fields;
use super::policy::{limit, settings::SETTINGS};
use super::request::{self, only_known, LimitRequest, Rule};
use super::{repeat, to_json, BadRequest, Problem};
use crate::idempotency::Repeat;
use crate::policy::Policy;
use crate::subject::{SubjectParts, DEFAULT_PROVIDER};
use crate::Duration;

/// The most entries of one request: each may be an object of its own to ask.
pub const MAX_ENTRIES: usize = 32;

/// The canonical body that asks these 1 to 32 checks, which [`parse`] reads back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MultiRequest<'a> {
    /// The checks, in order; none of them waits for itself.
    pub limits: &'a [LimitRequest],
    /// How long the answer may be held until the turn of all of them has come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait: Option<Duration>,
    /// What the caller calls all of it, so that it is known when it comes again.
    #[serde(flatten)]
    pub repeat: Option<&'a Repeat>,
}

/// Checks that are decided together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checks {
    /// In order; none of them waits for itself.
    pub limits: Vec<LimitRequest>,
    /// How long the answer may be held until the turn of all of them has come: at most
    /// [`MAX_WAIT`](super::request::MAX_WAIT).
    pub wait: Option<Duration>,
    /// What the caller calls all of them, so that they are known when they come again.
    pub repeat: Option<Repeat>,
}

impl Checks {
    /// What is asked, in the canonical form: a request that comes again asks the same.
    pub fn question(&self) -> String {
        let Checks { limits, wait, .. } = self;
        to_json(&MultiRequest {
            limits,
            wait: *wait,
            repeat: None,
        })
    }
}

/// Reads the body of `POST /limit/multi`: 1 to 32 checks, no two of which charge the same state.
///
/// ```
/// let body = r#"{"limit": 10, "window": "1m", "limits": [
///     {"identifier": "a"}, {"identifier": "b", "cost": 2}
/// ]}"#;
/// let requests = tollgate_core::api::multi::parse(body).unwrap().limits;
/// assert_eq!((requests[0].check.cost, requests[1].check.cost), (1, 2));
/// ```
pub fn parse(body: &str) -> Result<Checks, BadRequest> {
    let mut defaults = Fields::parse(body)?;
    only_known(&defaults)?;
    // Taken, so that it is no default of the entries.
    let repeat = repeat::take(&mut defaults)?;
    let entries = defaults.array("limits", MAX_ENTRIES)?;
    let entries = defaults.required("limits", entries)?;
    let mut requests: Vec<LimitRequest> = Vec::with_capacity(entries.len());
    let mut wait = None;
    for entry in entries {
        let mut fields = entry.object()?;
        only_known(&fields)?;
        if fields.has("wait") {
            let with = "an entry of its own: write it beside `limits`, for the whole request";
            return Err(fields.error("wait", Problem::Conflict { with }));
        }
        fields.add_defaults(&defaults, wanted);
        let path = fields.here().to_owned();
        let mut request = request::take(fields)?;
        wait = request.wait.take();
        let clash = clash_of_repeat(&request, repeat.as_ref());
        if let Some((field, with)) = clash.or_else(|| clash_of_wait(&request, wait)) {
            return Err(BadRequest::new(
                format!("{path}.{field}"),
                Problem::Conflict { with },
            ));
        }
        if let Rule::Inline(policy) = &request.rule {
            if let Some(setting) = decided_elsewhere(policy) {
                return Err(alone(format!("{path}.{setting}")));
            }
        }
        if requests
            .iter()
            .any(|other| charge_same_state(other, &request))
        {
            let with =
                "an earlier entry for the same limit of the same subject: add their costs up";
            return Err(BadRequest::new(path, Problem::Conflict { with }));
        }
        requests.push(request);
    }
    Ok(Checks {
        limits: requests,
        wait,
        repeat,
    })
}

/// What an entry cannot have of its own, or where all of it is called so.
fn clash_of_repeat(
    request: &LimitRequest,
    whole: Option<&Repeat>,
) -> Option<(&'static str, &'static str)> {
    match (&request.repeat, whole) {
        (Some(own), _) => {
            let with = "an entry of its own: write it beside `limits`, for the whole request";
            Some((own.field(), with))
        }
        (None, Some(Repeat::Key(_))) if request.check.cost < 0 => {
            let with =
                "`idempotencyKey` when it is below 0: send the refund alone, with POST /limit";
            Some(("cost", with))
        }
        _ => None,
    }
}

/// What cannot be taken back where the caller leaves before his turn: what is given back may be
/// taken by others meanwhile.
fn clash_of_wait(
    request: &LimitRequest,
    wait: Option<Duration>,
) -> Option<(&'static str, &'static str)> {
    let with = "`wait` when it is below 0: send the refund alone, with POST /limit";
    wait.filter(|_| request.check.cost < 0)
        .map(|_| ("cost", with))
}

/// Whether an entry that lacks the field takes it from the defaults.
fn wanted(name: &str, entry: &Fields<'_>) -> bool {
    let of_limit = limit::FIELDS.contains(&name);
    let other_spelling = |alias: &limit::Alias| {
        (name == alias.word && entry.has(alias.other))
            || (name == alias.other && entry.has(alias.word))
    };
    if entry.has("policy") {
        !of_limit && !SETTINGS.contains(&name)
    } else if entry.has("limits") {
        !of_limit && name != "policy"
    } else if entry.has_any(&limit::FIELDS) {
        name != "policy" && !limit::ALIASES.iter().any(other_spelling)
    } else {
        true
    }
}

/// Whether the policy that the entry `i` names can be decided together with others. Parsing has
/// seen to it for inline ones; whoever looks up a named one asks here.
pub fn suits(i: usize, policy: &Policy) -> Result<(), BadRequest> {
    match decided_elsewhere(policy) {
        Some(_) => Err(alone(format!("limits[{i}].policy"))),
        None => Ok(()),
    }
}

/// The entry `i` gives units back to a policy that has a parent, which is done level by level.
pub fn refund_alone(i: usize) -> BadRequest {
    let with =
        "a policy that has a parent when it is below 0: send the refund alone, with POST /limit";
    BadRequest::new(format!("limits[{i}].cost"), Problem::Conflict { with })
}

/// The policy of entry `i` has a parent, and admits what both have left.
pub fn cap_alone(i: usize) -> BadRequest {
    let with = "POST /limit/multi, where it would be all or nothing: ask for it alone";
    BadRequest::new(format!("limits[{i}].overage"), Problem::Conflict { with })
}

/// The policy of entry `i` falls back to others, which is done for one check after the other.
pub fn fallback_alone(i: usize) -> BadRequest {
    let with = "POST /limit/multi, where its `fallbackTo` would be asked too: ask for it alone";
    BadRequest::new(format!("limits[{i}].policy"), Problem::Conflict { with })
}

fn alone(field: String) -> BadRequest {
    let with =
        "POST /limit/multi, whose entries are decided together by their objects: ask for it alone";
    BadRequest::new(field, Problem::Conflict { with })
}

/// The setting by which a policy is not decided by its object alone.
pub fn decided_elsewhere(policy: &Policy) -> Option<&'static str> {
    if !policy.consistency().is_of_object() {
        return Some("consistency");
    }
    policy.shed().map(|_| "shed")
}

fn charge_same_state(a: &LimitRequest, b: &LimitRequest) -> bool {
    same_subject(&a.subject, &b.subject)
        && match (&a.rule, &b.rule) {
            (Rule::Named(a), Rule::Named(b)) => a == b,
            (Rule::Inline(a), Rule::Inline(b)) => share_a_state(a, b),
            _ => false,
        }
}

fn same_subject(a: &SubjectParts, b: &SubjectParts) -> bool {
    let provider = |parts: &SubjectParts| {
        parts.provider().unwrap_or(DEFAULT_PROVIDER) == b.provider().unwrap_or(DEFAULT_PROVIDER)
    };
    let scope =
        |parts: &SubjectParts| parts.scope().unwrap_or_default() == b.scope().unwrap_or_default();
    a.identifier() == b.identifier() && provider(a) && scope(a)
}

fn share_a_state(a: &Policy, b: &Policy) -> bool {
    let shared = |limit| {
        b.limits()
            .iter()
            .any(|other| other.shares_state_with(limit))
    };
    a.limits().iter().any(shared)
}
