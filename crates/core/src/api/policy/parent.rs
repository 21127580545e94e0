//! What stands above a policy: `parent: {policy, identifier}`.

use serde::Serialize;

use super::limit;
use crate::api::fields::Fields;
use crate::api::{bytes_between, subject, BadRequest, Problem};
use crate::limit::Name;
use crate::subject::{SubjectParts, DEFAULT_PROVIDER, MAX_IDENTIFIER};

/// The identifier of a parent that says nothing of its own: one subject above all.
pub const ALL: &str = "all";

/// The policy that is asked together with this one, and for which subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parent {
    /// The policy.
    pub policy: Name,
    /// The identifier of its subject: 1 to 1,024 bytes in which `{provider}`, `{scope}`,
    /// `{identifier}` and `{prefix}` stand for those of the subject below; [`ALL`] unless said.
    #[serde(skip_serializing_if = "is_all")]
    pub identifier: String,
}

fn is_all(identifier: &str) -> bool {
    identifier == ALL
}

const EXPECTED: &str =
    "text in which braces stand for {provider}, {scope}, {identifier} or {prefix} alone";

/// Takes `parent`, if it is there.
pub(super) fn take(fields: &mut Fields<'_>) -> Result<Option<Parent>, BadRequest> {
    let Some(mut inner) = fields.object("parent")? else {
        return Ok(None);
    };
    let policy = limit::name(&mut inner, "policy")?;
    let policy = inner.required("policy", policy)?;
    let identifier = subject::part(&mut inner, "identifier", 1, MAX_IDENTIFIER)?;
    let identifier = identifier.map_or_else(|| ALL.to_owned(), String::from);
    if filled(&identifier, &|name| {
        PLACEHOLDERS.contains(&name).then(String::new)
    })
    .is_none()
    {
        let problem = Problem::Malformed { expected: EXPECTED };
        return Err(inner.error("identifier", problem));
    }
    inner.finish()?;
    Ok(Some(Parent { policy, identifier }))
}

const PLACEHOLDERS: [&str; 4] = ["provider", "scope", "identifier", "prefix"];

/// A template with its placeholders filled in; `None` where one of them is none, or has no value.
fn filled(template: &str, value: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let (mut text, mut rest) = (String::new(), template);
    while let Some((before, behind)) = rest.split_once('{') {
        let (name, after) = behind.split_once('}')?;
        text.push_str(before);
        text.push_str(&value(name)?);
        rest = after;
        if before.contains('}') {
            return None;
        }
    }
    text.push_str(rest);
    (!rest.contains('}')).then_some(text)
}

/// What stands in front of the first `:` or `/`; of an identifier without one [`ALL`]. `None` where
/// nothing stands in front of it.
fn prefix(identifier: &str) -> Option<&str> {
    match identifier.split_once([':', '/']) {
        Some(("", _)) => None,
        Some((prefix, _)) => Some(prefix),
        None => Some(ALL),
    }
}

impl Parent {
    /// The subject above `below`, still without the provider and scope of its policy.
    pub fn subject(&self, below: &SubjectParts) -> Result<SubjectParts, BadRequest> {
        let value = |name: &str| {
            let value = match name {
                "provider" => below.provider().unwrap_or(DEFAULT_PROVIDER),
                "scope" => below.scope().unwrap_or_default(),
                "identifier" => below.identifier(),
                _ => prefix(below.identifier())?,
            };
            Some(value.to_owned())
        };
        let Some(identifier) = filled(&self.identifier, &value) else {
            let expected =
                "something in front of its first `:` or `/`: the policy's parent is found by that";
            return Err(BadRequest::new(
                "identifier",
                Problem::Malformed { expected },
            ));
        };
        if !(1..=MAX_IDENTIFIER).contains(&identifier.len()) {
            // What is too long, or nothing, is so because of the subject below.
            let problem = bytes_between(1, MAX_IDENTIFIER);
            return Err(BadRequest::new("identifier", problem));
        }
        Ok(SubjectParts::new(identifier)?)
    }
}

impl Parent {
    /// Whether one subject is above all of a provider and scope, whatever their identifiers are.
    pub fn is_of_all(&self) -> bool {
        !["{identifier}", "{prefix}"]
            .iter()
            .any(|it| self.identifier.contains(it))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn above(template: &str, below: &SubjectParts) -> Result<String, String> {
        let parent = Parent {
            policy: Name::new("policy", "p").map_err(|error| error.to_string())?,
            identifier: template.to_owned(),
        };
        let subject = parent.subject(below).map_err(|error| error.to_string())?;
        Ok(subject.identifier().to_owned())
    }

    #[test]
    fn the_subject_above_is_found_by_the_subject_below() {
        let below = |identifier: &str| SubjectParts::new(identifier).unwrap();
        let full_of = |identifier| {
            below(identifier)
                .with_scope(".")
                .unwrap_or(below(identifier))
        };
        let full = below("acme:mail").with_provider("github").unwrap();
        let full = full.with_scope("rest").unwrap();
        for (template, expected) in [
            ("all", "all"),
            ("{prefix}", "acme"),
            ("{identifier}", "acme:mail"),
            (
                "{provider}/{scope}-{prefix}.{prefix}",
                "github/rest-acme.acme",
            ),
        ] {
            assert_eq!(
                above(template, &full).as_deref(),
                Ok(expected),
                "{template}"
            );
        }
        // Without a separator all have one parent, and none of its own.
        assert_eq!(above("{prefix}", &below("acme")).as_deref(), Ok("all"));
        assert_eq!(above("{prefix}", &below("a/b:c")).as_deref(), Ok("a"));
        assert_eq!(above("{provider}", &below("a")).as_deref(), Ok("default"));
        for (template, identifier) in [("{prefix}", ":a"), ("{prefix}", "/"), ("{scope}", "a")] {
            let error = above(template, &below(identifier)).unwrap_err();
            assert!(error.starts_with("`identifier`"), "{error}");
        }
        // Nor is one found that no path could name.
        for (template, identifier) in [("{prefix}", "..:a"), ("{prefix}", "./"), (".{scope}", "a")]
        {
            let error = above(template, &full_of(identifier)).unwrap_err();
            assert!(error.starts_with("`identifier`"), "{error}");
        }
        let long = below(&"x".repeat(MAX_IDENTIFIER));
        assert!(above("{identifier}{identifier}", &long).is_err());
    }
}
