//! The three parts of a subject in a request.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use super::fields::Fields;
use super::{BadRequest, Problem};
use crate::dots::is_dots;
use crate::subject::{SubjectParts, MAX_IDENTIFIER, MAX_PART};

/// Takes the three parts of a subject.
pub(super) fn take(fields: &mut Fields<'_>) -> Result<SubjectParts, BadRequest> {
    let identifier = part(fields, "identifier", 1, MAX_IDENTIFIER)?;
    let identifier = fields.required("identifier", identifier)?;
    take_of(fields, identifier)
}

/// Takes the other parts of a subject of this identifier.
pub(super) fn take_of<'a>(
    fields: &mut Fields<'a>,
    identifier: Cow<'a, str>,
) -> Result<SubjectParts, BadRequest> {
    let mut subject = SubjectParts::new(identifier)?;
    if let Some(provider) = part(fields, "provider", 1, MAX_PART)? {
        subject = subject.with_provider(provider)?;
    }
    if let Some(scope) = part(fields, "scope", 0, MAX_PART)? {
        subject = subject.with_scope(scope)?;
    }
    Ok(subject)
}

/// Takes one part of a subject, of `min` to `max` bytes.
pub(super) fn part<'a>(
    fields: &mut Fields<'a>,
    name: &str,
    min: usize,
    max: usize,
) -> Result<Option<Cow<'a, str>>, BadRequest> {
    match fields.text(name, min, max)? {
        Some(text) if is_dots(&text) && !fields.is_stored() => {
            Err(fields.error(name, Problem::NO_DOTS))
        }
        text => Ok(text),
    }
}

#[derive(Serialize)]
struct Form<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    identifier: &'a str,
}

impl Serialize for SubjectParts {
    /// Those parts that are named.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let form = Form {
            provider: self.provider(),
            scope: self.scope(),
            identifier: self.identifier(),
        };
        form.serialize(serializer)
    }
}
