//! Query strings. [`parse`] reads that of `GET /limit` and `DELETE /limit`, which says which
//! subject is meant, and which of its policies; [`check`] reads that of `POST /limit` without a
//! body, which asks a policy by its name; [`parameters`] reads any other.

use super::fields::Fields;
use super::policy::limit;
use super::request::{LimitRequest, Rule, MAX_WAIT};
use super::suits::clash_of_wait;
use super::{bytes_between, clipped, repeat, subject, to_json, BadRequest, Problem};
use crate::decide::Check;
use crate::limit::weights::MAX_CLASS;
use crate::limit::{Name, MAX_WINDOW};
use crate::number::MAX_SAFE;
use crate::percent::{decode_query, encode_component};
use crate::subject::SubjectParts;
use crate::Duration;

/// A subject, or one policy of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectQuery {
    /// Who.
    pub subject: SubjectParts,
    /// The one policy meant; `None` means all of them, inline limits too.
    pub policy: Option<Name>,
}

impl SubjectQuery {
    /// The query string without its `?`, which [`parse`] reads back: the parameters that are there,
    /// percent-encoded as `encodeURIComponent` does.
    pub fn to_text(&self) -> String {
        let (subject, policy) = (&self.subject, &self.policy);
        let identifier = Some(subject.identifier());
        let policy = policy.as_ref().map(Name::as_str);
        let values = [subject.provider(), subject.scope(), identifier, policy];
        let mut text = String::new();
        for (name, value) in NAMES.into_iter().zip(values) {
            let Some(value) = value else { continue };
            if !text.is_empty() {
                text.push('&');
            }
            text.push_str(name);
            text.push('=');
            encode_component(value, &mut text);
        }
        text
    }
}

/// Reads `provider`, `scope`, `identifier` and `policy` from a query string without its `?`. Names
/// and values are percent-encoded UTF-8 in which `+` is a space; a parameter without `=` is empty,
/// and empty pieces between `&` are nothing.
///
/// ```
/// let query = tollgate_core::api::query::parse("scope=org&identifier=a%20b+c").unwrap();
/// assert_eq!(query.subject.identifier(), "a b c");
/// ```
pub fn parse(query: &str) -> Result<SubjectQuery, BadRequest> {
    let [provider, scope, identifier, policy] = parameters(query, NAMES)?;
    Ok(SubjectQuery {
        subject: subject(provider, scope, identifier)?,
        policy: policy.map(|text| Name::new("policy", &text)).transpose()?,
    })
}

/// Reads the same four from a JSON object, for callers that have no URL.
///
/// ```
/// let query = tollgate_core::api::query::from_body(r#"{"identifier": "a b"}"#).unwrap();
/// assert_eq!(query.to_text(), "identifier=a%20b");
/// ```
pub fn from_body(body: &str) -> Result<SubjectQuery, BadRequest> {
    let mut fields = Fields::parse(body)?;
    fields.only(&[&NAMES])?;
    let query = SubjectQuery {
        subject: subject::take(&mut fields)?,
        policy: limit::name(&mut fields, "policy")?,
    };
    fields.finish()?;
    Ok(query)
}

fn subject(
    provider: Option<String>,
    scope: Option<String>,
    identifier: Option<String>,
) -> Result<SubjectParts, BadRequest> {
    let identifier = identifier.ok_or_else(|| BadRequest::new("identifier", Problem::Missing))?;
    let mut subject = SubjectParts::new(identifier)?;
    if let Some(provider) = provider {
        subject = subject.with_provider(provider)?;
    }
    if let Some(scope) = scope {
        subject = subject.with_scope(scope)?;
    }
    Ok(subject)
}

/// Reads `identifier`, and beside it `provider` and `scope`: a subject, if one is named.
pub fn optional_subject(query: &str) -> Result<Option<SubjectParts>, BadRequest> {
    match parameters(query, SUBJECT)? {
        [None, None, None] => Ok(None),
        [provider, scope, identifier] => subject(provider, scope, identifier).map(Some),
    }
}

/// Reads a check of a named policy from a query string without its `?`: `policy`, `identifier`, and
/// where wanted `provider`, `scope`, `cost`, `peek`, `maxDelay`, `hold`, `wait`, `pressure`,
/// `priority`, `idempotencyKey` and `operation`, each as the body of `POST /limit` has it, texts
/// without quotes.
///
/// ```
/// let request = tollgate_core::api::query::check("policy=mail&identifier=u1&cost=3").unwrap();
/// assert_eq!(request.check.cost, 3);
/// ```
pub fn check(query: &str) -> Result<LimitRequest, BadRequest> {
    let [provider, scope, identifier, policy, cost, peek, max_delay, hold, wait, pressure, priority, key, operation] =
        parameters(query, CHECK)?;
    let policy = policy.ok_or_else(|| BadRequest::new("policy", Problem::Missing))?;
    let most = MAX_SAFE as i64; // 2^53
    let any = (Duration::ZERO, MAX_WINDOW);
    let request = LimitRequest {
        subject: subject(provider, scope, identifier)?,
        rule: Rule::Named(Name::new("policy", &policy)?),
        check: Check {
            cost: number("cost", cost.as_deref(), (-most, most))?.unwrap_or(1),
            peek: flag("peek", peek.as_deref())?,
            max_delay: duration("maxDelay", max_delay.as_deref(), any)?,
            hold: duration(
                "hold",
                hold.as_deref(),
                (Duration::from_millis(1), MAX_WINDOW),
            )?,
            bypass: false,
            ..Check::ONE
        },
        wait: duration("wait", wait.as_deref(), (Duration::ZERO, MAX_WAIT))?,
        pressure: flag("pressure", pressure.as_deref())?,
        priority: priority.map(class).transpose()?,
        repeat: repeat::of(key, operation)
            .map_err(|(field, problem)| BadRequest::new(field, problem))?,
    };
    let looks = request.repeat.as_ref().filter(|_| request.check.peek);
    let clash = looks.map(repeat::clash_of_peek);
    match clash.or(clash_of_wait(&request.check, request.wait)) {
        Some((field, problem)) => Err(BadRequest::new(field, problem)),
        None => Ok(request),
    }
}

/// The name of a class.
fn class(name: String) -> Result<String, BadRequest> {
    match name.len() {
        1..=MAX_CLASS => Ok(name),
        _ => Err(BadRequest::new("priority", bytes_between(1, MAX_CLASS))),
    }
}

/// A parameter that is a duration within bounds: a text, or whole milliseconds.
fn duration(
    name: &'static str,
    value: Option<&str>,
    bounds: (Duration, Duration),
) -> Result<Option<Duration>, BadRequest> {
    let read = |value: &str| {
        let is_number = value.bytes().all(|b| b.is_ascii_digit()) && !value.is_empty();
        let json = if is_number {
            value.to_owned()
        } else {
            to_json(&value)
        };
        super::values::duration(&json, bounds)
    };
    let read = value.map(read).transpose();
    read.map_err(|problem| BadRequest::new(name, problem))
}

/// The parameters of a subject and a policy of it, which [`parse`] reads.
pub const NAMES: [&str; 4] = ["provider", "scope", "identifier", "policy"];
/// The parameters of a subject, which [`optional_subject`] reads.
pub const SUBJECT: [&str; 3] = ["provider", "scope", "identifier"];
/// The parameters of a check, which [`check`] reads.
pub const CHECK: [&str; 13] = [
    "provider",
    "scope",
    "identifier",
    "policy",
    "cost",
    "peek",
    "maxDelay",
    "hold",
    "wait",
    "pressure",
    "priority",
    repeat::KEY,
    repeat::OPERATION,
];
/// The parameters of a change: why, and whether it is only tried.
pub const CHANGE: [&str; 2] = ["reason", "dryRun"];
/// The parameter of a change whose body says why.
pub const DRY_RUN: [&str; 1] = ["dryRun"];
/// The parameter of a page that begins before an entry.
pub const PAGE: [&str; 1] = ["before"];
/// The parameters of the list of overrides.
pub const OVERRIDES: [&str; 2] = ["target", "after"];
/// The parameter of what ends an override.
pub const LIFT: [&str; 1] = ["reason"];

/// The values of the parameters of these names, in their order: each at most once, and no others.
pub fn parameters<const N: usize>(
    query: &str,
    names: [&'static str; N],
) -> Result<[Option<String>; N], BadRequest> {
    let mut values = [const { None }; N];
    fill(query, &names, &mut values)?;
    Ok(values)
}

/// Apart and not generic, because in the Worker size counts.
fn fill(query: &str, names: &[&str], values: &mut [Option<String>]) -> Result<(), BadRequest> {
    for piece in query.split('&').filter(|piece| !piece.is_empty()) {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        let name = decoded(name, name)?;
        let Some(at) = names.iter().position(|&known| known == name) else {
            return Err(BadRequest::new(clipped(&name), Problem::Unknown));
        };
        if values[at].is_some() {
            return Err(BadRequest::new(name, Problem::Duplicate));
        }
        values[at] = Some(decoded(&name, value)?);
    }
    Ok(())
}

/// A parameter of at most `max` bytes; empty where it is not there.
pub fn text(name: &'static str, value: Option<String>, max: usize) -> Result<String, BadRequest> {
    let value = value.unwrap_or_default();
    if value.len() > max {
        return Err(BadRequest::new(name, bytes_between(0, max)));
    }
    Ok(value)
}

/// A parameter that is a whole number within bounds, both inclusive, at most 2^53.
pub fn number(
    name: &'static str,
    value: Option<&str>,
    (min, max): (i64, i64),
) -> Result<Option<i64>, BadRequest> {
    let read = |value| super::values::integer(value, (min, max));
    let read = value.map(read).transpose();
    read.map_err(|problem| BadRequest::new(name, problem))
}

/// A parameter that is `true` or `false`; `false` where it is not there.
pub fn flag(name: &'static str, value: Option<&str>) -> Result<bool, BadRequest> {
    let read = value.map(super::values::boolean).transpose();
    let read = read.map_err(|problem| BadRequest::new(name, problem))?;
    Ok(read.unwrap_or(false))
}

fn decoded(name: &str, text: &str) -> Result<String, BadRequest> {
    let expected = "percent-encoded UTF-8, as encodeURIComponent writes it";
    decode_query(text)
        .ok_or_else(|| BadRequest::new(clipped(name), Problem::Malformed { expected }))
}
