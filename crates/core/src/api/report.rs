//! `POST /limit/report`: what an upstream answered to a call that was admitted.
//!
//! The subject and the limits are named as in `POST /limit`. A policy's parent may be meant, whose
//! subject the policy names by itself: then `identifier` is left out. What the headers say is read
//! elsewhere; here they are texts.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::element::Element;
use super::fields::Fields;
pub use super::policy::outbound::NO_SUCH_LIMIT;

use super::policy::parent::ALL;
use super::policy::{limit, settings::SETTINGS};
use super::rule::{self, Rule};
use super::{subject, BadRequest, Problem, Unit};
use crate::report::MAX_AGE;
use crate::subject::SubjectParts;
use crate::Duration;

/// The fields of the body beside those of one inline limit ([`LIMIT`](super::policy::LIMIT)) and of
/// the settings of a policy ([`SETTINGS`]).
pub const FIELDS: [&str; 9] = [
    "identifier",
    "provider",
    "scope",
    "policy",
    "limits",
    "maxDelay",
    "status",
    "headers",
    "age",
];
/// The most header fields of one report, each value of a list counted.
pub const MAX_HEADERS: usize = 64;
/// The longest value of a header, in bytes.
pub const MAX_VALUE: usize = 8_192;
/// The longest label of a limit, in bytes.
const MAX_LABEL: usize = 128;

/// What an upstream answered, and whose limits that is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRequest {
    /// Whose upstream.
    pub subject: SubjectParts,
    /// Whether that is the subject above, which the policy's parent names: the identifier of
    /// `subject` was left out and says nothing.
    pub is_of_parent: bool,
    /// By what the call was limited.
    pub rule: Rule,
    /// Which limit of it the answer is about, by its name or as `limitedBy` tells it.
    pub limit: Option<String>,
    /// The HTTP status, 100 to 599.
    pub status: u16,
    /// Names and values of the headers, in their order.
    pub headers: Vec<(String, String)>,
    /// How long ago the upstream answered: at most 1 h.
    pub age: Duration,
}

/// Reads `{policy | an inline limit, provider?, scope?, identifier, limit?, status, headers,
/// age?}`.
///
/// ```
/// let body = r#"{"policy": "github", "identifier": "u1", "status": 429,
///     "headers": {"Retry-After": "60"}}"#;
/// let report = tollgate_core::api::report::parse(body).unwrap();
/// assert_eq!((report.status, report.headers.len()), (429, 1));
/// ```
pub fn parse(body: &str) -> Result<ReportRequest, BadRequest> {
    let mut fields = Fields::parse(body)?;
    fields.only(&[&FIELDS, &limit::FIELDS, &SETTINGS])?;
    // A number is that of an inline limit.
    let is_label = fields.has("policy") || fields.is_text("limit");
    let label = match is_label {
        true => fields.text("limit", 1, MAX_LABEL)?,
        false => None,
    };
    fields.forget("limit");
    let is_of_parent = fields.has("policy") && !fields.has("identifier");
    let subject = match is_of_parent {
        true => subject::take_of(&mut fields, ALL.into())?,
        false => subject::take(&mut fields)?,
    };
    let rule = rule::take(&mut fields)?;
    let subject = match &rule {
        Rule::Inline(policy) => subject.in_network(policy.ipv6_prefix()),
        Rule::Named(_) => subject,
    };
    if let (Rule::Inline(policy), Some(label)) = (&rule, &label) {
        if !policy.limits().iter().any(|it| it.label() == **label) {
            return Err(fields.error("limit", NO_SUCH_LIMIT));
        }
    }
    let status = fields.count("status", 100, 599)?;
    let status = fields.required("status", status)?;
    let headers = fields.object("headers")?;
    let headers = headers_of(fields.required("headers", headers)?)?;
    let age = fields.duration("age", Duration::ZERO, MAX_AGE)?;
    fields.finish()?;
    Ok(ReportRequest {
        subject,
        is_of_parent,
        rule,
        limit: label.map(String::from),
        status: status as u16, // at most 599
        headers,
        age: age.unwrap_or(Duration::ZERO),
    })
}

fn headers_of(mut fields: Fields<'_>) -> Result<Vec<(String, String)>, BadRequest> {
    let too_many = Problem::at_most(MAX_HEADERS, Unit::Entries);
    let mut headers = Vec::new();
    while let Some(name) = fields.untaken(|_| true).map(str::to_owned) {
        let values = match fields.is_text(&name) {
            true => fields
                .text(&name, 0, MAX_VALUE)?
                .into_iter()
                .map(Into::into)
                .collect(),
            false => {
                let list = fields.array(&name, MAX_HEADERS)?.unwrap_or_default();
                let value = |it: Element<'_>| it.text(0, MAX_VALUE);
                list.into_iter()
                    .map(value)
                    .collect::<Result<Vec<String>, _>>()?
            }
        };
        headers.extend(values.into_iter().map(|value| (name.clone(), value)));
        if headers.len() > MAX_HEADERS {
            return Err(BadRequest::new("headers", too_many));
        }
    }
    Ok(headers)
}

#[derive(Serialize)]
struct Form<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identifier: Option<&'a str>,
    #[serde(flatten)]
    rule: &'a Rule,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<&'a str>,
    status: u16,
    headers: Headers<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    age: Option<Duration>,
}

impl Serialize for ReportRequest {
    /// The canonical body, which [`parse`] reads back: headers that are there several times as
    /// lists.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let form = Form {
            provider: self.subject.provider(),
            scope: self.subject.scope(),
            identifier: (!self.is_of_parent).then(|| self.subject.identifier()),
            rule: &self.rule,
            limit: self.limit.as_deref(),
            status: self.status,
            headers: Headers(&self.headers),
            age: (self.age > Duration::ZERO).then_some(self.age),
        };
        form.serialize(serializer)
    }
}

struct Headers<'a>(&'a [(String, String)]);

impl Serialize for Headers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (i, (name, value)) in self.0.iter().enumerate() {
            let of_name = |headers: &'_ [(String, String)]| headers.iter().any(|it| it.0 == *name);
            if of_name(&self.0[..i]) {
                continue;
            }
            if of_name(&self.0[i + 1..]) {
                let all = self.0.iter().filter(|it| it.0 == *name);
                let all: Vec<&str> = all.map(|it| it.1.as_str()).collect();
                map.serialize_entry(name, &all)?;
            } else {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}
