//! Whom an override is for.

use core::fmt;

use crate::limit::Name;
use crate::percent::{decode_query, encode_component};
use crate::subject::{Subject, SubjectParts, MAX_IDENTIFIER, MAX_PART};

/// Whom an override is for.
///
/// ```
/// use tollgate_core::overrides::Target;
///
/// let target = Target::parse("prefix:smtp/inbox/acme%3A*")?;
/// assert_eq!(target.to_string(), "prefix:smtp/inbox/acme%3A*");
/// # Ok::<(), tollgate_core::overrides::InvalidTarget>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// `subject:<provider>/<scope>/<identifier>`: one subject. The scope may be empty.
    Subject(Group, String),
    /// `prefix:<provider>/<scope>/<start>*`: the subjects whose identifier starts so. The start may
    /// be empty.
    Prefix(Group, String),
    /// `policy:<name>`: every subject, where it is decided by this policy.
    Policy(Name),
    /// `provider:<name>`: every subject of this provider.
    Provider(String),
    /// `all`: every subject of the namespace.
    All,
}

/// A provider and a scope.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group {
    /// The provider.
    pub provider: String,
    /// The scope; empty where there is none.
    pub scope: String,
}

/// A text that names no target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`target` must be {}", Target::GRAMMAR)]
pub struct InvalidTarget;

impl Target {
    /// What a target looks like, in words.
    pub const GRAMMAR: &'static str = "subject:<provider>/<scope>/<identifier>, \
        prefix:<provider>/<scope>/<start>*, policy:<name>, provider:<name> or all, each part \
        encoded as encodeURIComponent does";
    /// The longest text of a target, in bytes, each byte of it encoded.
    pub const MAX_TEXT: usize = 16 + 3 * (2 * MAX_PART + MAX_IDENTIFIER);

    /// Reads the text of a target. Its parts are split first and decoded then, so that a `/` in an
    /// identifier is written as `%2F`.
    pub fn parse(text: &str) -> Result<Target, InvalidTarget> {
        if text.len() > Target::MAX_TEXT {
            return Err(InvalidTarget);
        }
        if text == "all" {
            return Ok(Target::All);
        }
        let (kind, rest) = text.split_once(':').ok_or(InvalidTarget)?;
        match kind {
            "policy" => {
                let name = decoded(rest).ok_or(InvalidTarget)?;
                let name = Name::new("policy", &name).map_err(|_| InvalidTarget)?;
                Ok(Target::Policy(name))
            }
            "provider" => decoded(rest)
                .filter(|name| (1..=MAX_PART).contains(&name.len()))
                .map(Target::Provider)
                .ok_or(InvalidTarget),
            "subject" => {
                let (group, identifier) = parts(rest).ok_or(InvalidTarget)?;
                let identifier = decoded(identifier)
                    .filter(|identifier| (1..=MAX_IDENTIFIER).contains(&identifier.len()));
                let identifier = identifier.ok_or(InvalidTarget)?;
                Ok(Target::Subject(group, identifier))
            }
            "prefix" => {
                let (group, start) = parts(rest).ok_or(InvalidTarget)?;
                let start = start.strip_suffix('*').and_then(decoded);
                let start = start.filter(|start| start.len() <= MAX_IDENTIFIER);
                Ok(Target::Prefix(group, start.ok_or(InvalidTarget)?))
            }
            _ => Err(InvalidTarget),
        }
    }

    /// Whether it is one subject.
    pub const fn is_subject(&self) -> bool {
        matches!(self, Target::Subject(..))
    }

    /// The subject that is meant, if it is one.
    pub fn subject(&self) -> Option<SubjectParts> {
        let Target::Subject(group, identifier) = self else {
            return None;
        };
        let parts = SubjectParts::new(identifier.as_str()).ok()?;
        let parts = parts.with_provider(group.provider.as_str()).ok()?;
        parts.with_scope(group.scope.as_str()).ok()
    }

    /// The target that is this subject alone.
    pub fn of_subject(subject: &Subject) -> Target {
        let group = Group {
            provider: subject.provider().to_owned(),
            scope: subject.scope().to_owned(),
        };
        Target::Subject(group, subject.identifier().to_owned())
    }

    /// Whether it is the subject, or holds for it when it is decided by the policy of this name;
    /// `None` for an inline limit.
    pub fn matches(&self, subject: &Subject, policy: Option<&Name>) -> bool {
        let is_in =
            |group: &Group| group.provider == subject.provider() && group.scope == subject.scope();
        match self {
            Target::Subject(group, identifier) => {
                is_in(group) && identifier == subject.identifier()
            }
            Target::Prefix(group, start) => {
                is_in(group) && subject.identifier().starts_with(start.as_str())
            }
            Target::Policy(name) => policy == Some(name),
            Target::Provider(provider) => provider == subject.provider(),
            Target::All => true,
        }
    }

    /// How near it is to a subject that it matches: the nearest has the highest.
    pub fn nearness(&self) -> (u8, usize) {
        match self {
            Target::Subject(..) => (4, 0),
            Target::Prefix(_, start) => (3, start.len()),
            Target::Policy(_) => (2, 0),
            Target::Provider(_) => (1, 0),
            Target::All => (0, 0),
        }
    }
}

/// A part of a path, decoded; `None` where it is none.
fn decoded(part: &str) -> Option<String> {
    if part.contains('/') {
        return None;
    }
    decode_query(&part.replace('+', "%2B"))
}

/// Provider and scope, and the third part as it stands.
fn parts(text: &str) -> Option<(Group, &str)> {
    let mut parts = text.splitn(3, '/');
    let (provider, scope, last) = (parts.next()?, parts.next()?, parts.next()?);
    let provider = decoded(provider).filter(|it| (1..=MAX_PART).contains(&it.len()))?;
    let scope = decoded(scope).filter(|it| it.len() <= MAX_PART)?;
    Some((Group { provider, scope }, last))
}

impl fmt::Display for Target {
    /// The text that [`Target::parse`] reads: for each target one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = |text: &str| {
            let mut out = String::new();
            encode_component(text, &mut out);
            out
        };
        let of = |kind: &str, group: &Group, last: &str| {
            let (provider, scope) = (encoded(&group.provider), encoded(&group.scope));
            format!("{kind}:{provider}/{scope}/{}", encoded(last))
        };
        match self {
            Target::Subject(group, identifier) => f.write_str(&of("subject", group, identifier)),
            Target::Prefix(group, start) => write!(f, "{}*", of("prefix", group, start)),
            Target::Policy(name) => write!(f, "policy:{}", name.as_str()),
            Target::Provider(name) => write!(f, "provider:{}", encoded(name)),
            Target::All => f.write_str("all"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_form_is_read_and_nothing_else() {
        for text in [
            "all",
            "policy:github.rest",
            "provider:salesforce",
            "subject:global//etl-pipeline",
            "subject:web/ip/2001%3Adb8%3A%3A%2F64",
            "prefix:smtp/inbox/*",
            "prefix:smtp/inbox/acme**",
        ] {
            let target = Target::parse(text).unwrap();
            assert_eq!(target.to_string(), text);
        }
        for text in [
            "",
            "All",
            "all/",
            "policy:",
            "policy:a b",
            "provider:",
            "provider:a/b",
            "subject:a/b",
            "subject:a/b/c/d",
            "subject:/b/c",
            "subject:a/b/",
            "subject:a/b/%zz",
            "prefix:a/b/c",
            "person:a",
        ] {
            assert_eq!(Target::parse(text), Err(InvalidTarget), "{text}");
        }
        assert_eq!(
            Target::parse("subject:a/b/user@x.org+1").map(|it| it.to_string()),
            Ok("subject:a/b/user%40x.org%2B1".to_owned())
        );
    }

    proptest! {
        #[test]
        fn every_target_is_read_back(provider in "\\PC{1,20}", scope in "\\PC{0,20}", last in "\\PC{1,40}", is_prefix in any::<bool>()) {
            let group = Group { provider, scope };
            let target = if is_prefix { Target::Prefix(group, last) } else { Target::Subject(group, last) };
            prop_assert_eq!(Target::parse(&target.to_string()), Ok(target));
        }
    }
}
