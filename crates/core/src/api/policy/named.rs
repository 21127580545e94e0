//! A policy as it is kept under a name: what [`super::parse`] reads, and what only a kept one has.
//!
//! Its canonical form is that of a policy with the other fields behind it, each where it is given.

use serde::Serialize;

use super::fall_back;
use super::limit::FIELDS;
use super::numbers::at;
use super::outbound;
use super::parent::{self, Parent};
use super::record::{self, Record};
use super::{LIMITS, SETTINGS};
use crate::api::fields::Fields;
use crate::api::{subject, suits, terms, BadRequest, Problem};
use crate::decide::{Check, OnExpiry, Overage};
use crate::limit::Name;
use crate::policy::Policy;
use crate::pressure::Pressure;
use crate::subject::{SubjectParts, MAX_PART};

/// The most names in `askedBy`.
pub const MAX_ASKED_BY: usize = 64;
/// The longest name of a token, in bytes.
pub const MAX_TOKEN_NAME: usize = 64;
/// The longest description, in bytes.
pub const MAX_DESCRIPTION: usize = 1_024;
/// The longest `source`, in bytes.
pub const MAX_SOURCE: usize = 128;

const NEAR: &str = "a number between 0.001 and 1, with at most 3 decimals";

/// The fields of a named policy beside the limits and the settings.
pub const OTHERS: [&str; 19] = [
    "provider",
    "scope",
    "parent",
    fall_back::FIELD,
    "replacesInline",
    outbound::FIELDS[0],
    outbound::FIELDS[1],
    outbound::FIELDS[2],
    outbound::FIELDS[3],
    outbound::FIELDS[4],
    "record",
    "shadow",
    "nearLimit",
    "overage",
    "onExpiry",
    "askedBy",
    "description",
    "extends",
    "source",
];

/// A policy that is kept under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedPolicy {
    /// The limits, and how they behave; without name and version.
    #[serde(flatten)]
    pub policy: Policy,
    /// The only provider whose subjects it limits; `None`: the caller says which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The only scope whose subjects it limits; `None`: the caller says which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// What stands above it and is asked together with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// The policies that are asked in its place where it refuses, in this order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fallback_to: Vec<Name>,
    /// What is recorded of its use; `None`: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<Record>,
    /// Whether it is decided, recorded and counted, and refuses nobody.
    #[serde(skip_serializing_if = "is_enforced")]
    pub shadow: bool,
    /// From which pressure on an admission is counted as one near the limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub near_limit: Option<Pressure>,
    /// What is done with what its limits have no room for.
    #[serde(skip_serializing_if = "is_usual")]
    pub overage: Overage,
    /// What becomes of what is held and not settled in time.
    #[serde(skip_serializing_if = "is_usual")]
    pub on_expiry: OnExpiry,
    /// The names of the tokens that may ask it; none: every token may.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub asked_by: Vec<String>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What keeps this policy, in the words of the tool that wrote it; decides nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_enforced(shadow: &bool) -> bool {
    !*shadow
}

fn is_usual<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl NamedPolicy {
    /// The subject that a request means: with the policy's provider and scope, where it has them,
    /// of which the request may then only name the same, and by its network where it counts by
    /// that.
    pub fn limited(&self, mut subject: SubjectParts) -> Result<SubjectParts, BadRequest> {
        let conflict = |field: &str| {
            let with = "that of the policy: leave it out";
            Err(BadRequest::new(field, Problem::Conflict { with }))
        };
        if let Some(provider) = &self.provider {
            match subject.provider() {
                None => subject = subject.with_provider(provider.as_str())?,
                Some(given) if given == provider => {}
                Some(_) => return conflict("provider"),
            }
        }
        if let Some(scope) = &self.scope {
            match subject.scope() {
                None => subject = subject.with_scope(scope.as_str())?,
                Some(given) if given == scope => {}
                Some(_) => return conflict("scope"),
            }
        }
        Ok(subject.in_network(self.policy.ipv6_prefix()))
    }

    /// A check on the terms of this policy, as far as it has none of its own. Nobody goes into debt
    /// who may not.
    pub fn on_terms(&self, mut check: Check) -> Result<Check, BadRequest> {
        if check.overage == Overage::Debt && self.overage != Overage::Debt {
            let with = "the policy: its own `overage` says whether there may be debt";
            return Err(BadRequest::new("overage", Problem::Conflict { with }));
        }
        let takes_more = check.cost > 0 && !check.record && check.max_delay.is_none();
        if check.overage == Overage::Deny && takes_more {
            check.overage = self.overage;
        }
        if check.on_expiry == OnExpiry::Keep {
            check.on_expiry = self.on_expiry;
        }
        Ok(check)
    }

    /// The subject of the same identifier that is asked for where a policy refuses that falls back
    /// to this one: `subject` is the one that the request named. Its provider and scope are handed
    /// on where this policy has none.
    pub fn limited_instead(&self, subject: &SubjectParts) -> Result<SubjectParts, BadRequest> {
        let mut parts = SubjectParts::new(subject.identifier())?;
        if let Some(provider) = subject.provider().filter(|_| self.provider.is_none()) {
            parts = parts.with_provider(provider)?;
        }
        if let Some(scope) = subject.scope().filter(|_| self.scope.is_none()) {
            parts = parts.with_scope(scope)?;
        }
        self.limited(parts)
    }
}

/// Reads a policy that extends no other: see [`super::parse`], and 1 to 128 bytes of `provider`, 0
/// to 128 of `scope`, a `parent` ([`super::parent`]), `fallbackTo` ([`super::fall_back`]),
/// `replacesInline`, `record` ([`super::record`]), `shadow`, `nearLimit` of 0.001 to 1,
/// `overage`, `onExpiry`, 1 to 64 names of tokens in `askedBy`, 1 to 1,024 bytes of `description`,
/// and 1 to 128 of `source`.
pub fn parse(body: &str) -> Result<NamedPolicy, BadRequest> {
    take(Fields::parse(body)?)
}

/// Reads what [`parse`] read before it was stored, maybe in an older build.
pub fn stored(canonical: &str) -> Result<NamedPolicy, BadRequest> {
    take(Fields::stored(canonical)?)
}

fn take(fields: Fields<'_>) -> Result<NamedPolicy, BadRequest> {
    let mut fields = known(fields)?;
    let is_written = fields.has("limits") || fields.has_any(&FIELDS);
    if !is_written {
        return Err(fields.error("limits", Problem::Missing));
    }
    if fields.has("extends") {
        return Err(fields.error("extends", Problem::Unknown));
    }
    // Before the limits, whose errors would be about fields of a limit.
    let provider = subject::part(&mut fields, "provider", 1, MAX_PART)?;
    let scope = subject::part(&mut fields, "scope", 0, MAX_PART)?;
    let parent = parent::take(&mut fields)?;
    let fallback_to = fall_back::take(&mut fields)?;
    let asked_by = match fields.array("askedBy", MAX_ASKED_BY)? {
        Some(names) => names
            .into_iter()
            .map(|name| name.text(1, MAX_TOKEN_NAME))
            .collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    let description = fields.text("description", 1, MAX_DESCRIPTION)?;
    let record = record::take(&mut fields)?;
    let shadow = fields.boolean("shadow")?.unwrap_or(false);
    let near_limit = fields.decimal_within("nearLimit", NEAR, |it| Pressure::of(it).is_some())?;
    let overage = terms::overage(&mut fields)?;
    let on_expiry = terms::on_expiry(&mut fields)?;
    let source = fields.text("source", 1, MAX_SOURCE)?;
    let replaces_inline = fields.boolean("replacesInline")?.unwrap_or(false);
    let mut policy = super::take(&mut fields)?;
    if replaces_inline {
        let replacing = policy.replacing_inline();
        policy = replacing.map_err(|error| at(&fields, error))?;
    }
    policy = outbound::take(&mut fields, policy)?;
    if record.is_some() {
        record::suits(&policy)?;
    }
    if overage != Overage::Deny {
        let check = Check {
            overage,
            ..Check::ONE
        };
        suits::suits(&check, &policy)?;
    }
    fields.finish()?;
    Ok(NamedPolicy {
        policy,
        provider: provider.map(Into::into),
        scope: scope.map(Into::into),
        parent,
        fallback_to,
        record,
        shadow,
        near_limit: near_limit.and_then(Pressure::of),
        overage,
        on_expiry,
        asked_by,
        description: description.map(Into::into),
        source: source.map(Into::into),
    })
}

/// The name of the policy that a written one extends, if it does. Refuses fields that no policy
/// has.
pub fn base_of(written: &str) -> Result<Option<Name>, BadRequest> {
    super::limit::name(&mut known(Fields::parse(written)?)?, "extends")
}

/// Whether a field is one of a limit, which may stand beside the settings where there is one limit.
pub fn is_of_limit(name: &str) -> bool {
    FIELDS.contains(&name) || name == "maxDelay"
}

fn known(fields: Fields<'_>) -> Result<Fields<'_>, BadRequest> {
    let known = fields.only(&[&LIMITS, &FIELDS, &SETTINGS, &OTHERS]);
    known.map_err(|error| super::renamed(&fields).unwrap_or(error))?;
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde::de::IgnoredAny;
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Schema {
        definitions: Definitions,
    }

    #[derive(Deserialize)]
    struct Definitions {
        policy: Object,
    }

    #[derive(Deserialize)]
    struct Object {
        properties: BTreeMap<String, IgnoredAny>,
    }

    #[test]
    fn the_schema_for_editors_has_the_same_fields() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/policy.json");
        let text = std::fs::read_to_string(path).unwrap();
        let schema: Schema = serde_json::from_str(&text).unwrap();
        let listed: BTreeSet<&str> = (schema.definitions.policy.properties.keys())
            .map(String::as_str)
            .collect();
        let read = [&FIELDS[..], &SETTINGS, &OTHERS, &["limits", "maxDelay"]].concat();
        let read = read.into_iter().collect();
        assert_eq!(listed, read);
    }
}
