//! The query string of `GET /limit` and `DELETE /limit`: which subject, and which of its policies.

use super::{clipped, BadRequest, Problem};
use crate::limit::Name;
use crate::percent::{decode_query, encode_component};
use crate::subject::SubjectParts;

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
    let [provider, scope, identifier, policy] = parameters(query)?;
    let identifier = identifier.ok_or_else(|| BadRequest::new("identifier", Problem::Missing))?;
    let mut subject = SubjectParts::new(identifier)?;
    if let Some(provider) = provider {
        subject = subject.with_provider(provider)?;
    }
    if let Some(scope) = scope {
        subject = subject.with_scope(scope)?;
    }
    let policy = policy.map(|text| Name::new("policy", &text)).transpose()?;
    Ok(SubjectQuery { subject, policy })
}

const NAMES: [&str; 4] = ["provider", "scope", "identifier", "policy"];

/// The values of [`NAMES`], in their order.
fn parameters(query: &str) -> Result<[Option<String>; NAMES.len()], BadRequest> {
    let mut values = [const { None }; NAMES.len()];
    for piece in query.split('&').filter(|piece| !piece.is_empty()) {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        let name = decoded(name, name)?;
        let Some(at) = NAMES.iter().position(|&known| known == name) else {
            return Err(BadRequest::new(clipped(&name), Problem::Unknown));
        };
        if values[at].is_some() {
            return Err(BadRequest::new(name, Problem::Duplicate));
        }
        values[at] = Some(decoded(&name, value)?);
    }
    Ok(values)
}

fn decoded(name: &str, text: &str) -> Result<String, BadRequest> {
    let expected = "percent-encoded UTF-8, as encodeURIComponent writes it";
    decode_query(text)
        .ok_or_else(|| BadRequest::new(clipped(name), Problem::Malformed { expected }))
}
