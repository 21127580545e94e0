//! The three parts of a subject in a request.

use serde::{Serialize, Serializer};

use super::fields::Fields;
use super::BadRequest;
use crate::subject::{SubjectParts, MAX_IDENTIFIER, MAX_PART};

/// Takes the three parts of a subject.
pub(super) fn take(fields: &mut Fields<'_>) -> Result<SubjectParts, BadRequest> {
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
