//! Whom an override is for.

use core::fmt;

use crate::dots::is_dots;
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
#[error("`target` must be {}", self.expected())]
pub enum InvalidTarget {
    /// It follows no grammar of a target.
    Grammar,
    /// A part of it is `.` or `..` ([`crate::dots`]).
    Dots,
}

impl InvalidTarget {
    /// What a target must be, in words.
    pub const fn expected(self) -> &'static str {
        match self {
            InvalidTarget::Grammar => Target::GRAMMAR,
            InvalidTarget::Dots => {
                "one of which no part is `.` or `..`: no path can hold these, and nobody has them"
            }
        }
    }
}

impl Target {
    /// What a target looks like, in words.
    pub const GRAMMAR: &'static str = "subject:<provider>/<scope>/<identifier>, \
        prefix:<provider>/<scope>/<start>*, policy:<name>, provider:<name> or all, each part \
        encoded as encodeURIComponent does";
    /// The longest text of a target, in bytes, each byte of it encoded.
    pub const MAX_TEXT: usize = 16 + 3 * (2 * MAX_PART + MAX_IDENTIFIER);

    /// Reads the text of a target. Its parts are split first and decoded then, so that a `/` in an
    /// identifier is written as `%2F`. None of them is `.` or `..` then.
    pub fn parse(text: &str) -> Result<Target, InvalidTarget> {
        let target = Target::stored(text)?;
        let has_dots = target.names().into_iter().any(is_dots);
        match has_dots {
            true => Err(InvalidTarget::Dots),
            false => Ok(target),
        }
    }

    /// Reads the text of a target out of a row or a message, or of one to be looked up: older
    /// builds had some with `.` and `..`.
    pub fn stored(text: &str) -> Result<Target, InvalidTarget> {
        Target::read(text).ok_or(InvalidTarget::Grammar)
    }

    /// The whole names in it, each as it is without encoding.
    fn names(&self) -> [&str; 3] {
        match self {
            Target::Subject(group, last) => [&group.provider, &group.scope, last],
            // What an identifier begins with is no name: a `*` stands behind it.
            Target::Prefix(group, _) => [&group.provider, &group.scope, ""],
            Target::Policy(name) => [name.as_str(), "", ""],
            Target::Provider(provider) => [provider, "", ""],
            Target::All => [""; 3],
        }
    }

    fn read(text: &str) -> Option<Target> {
        if text.len() > Target::MAX_TEXT {
            return None;
        }
        if text == "all" {
            return Some(Target::All);
        }
        let (kind, rest) = text.split_once(':')?;
        match kind {
            "policy" => {
                let name = Name::stored("policy", &decoded(rest)?);
                name.ok().map(Target::Policy)
            }
            "provider" => decoded(rest)
                .filter(|name| (1..=MAX_PART).contains(&name.len()))
                .map(Target::Provider),
            "subject" => {
                let (group, identifier) = parts(rest)?;
                let identifier = decoded(identifier)?;
                let fits = (1..=MAX_IDENTIFIER).contains(&identifier.len());
                fits.then_some(Target::Subject(group, identifier))
            }
            "prefix" => {
                let (group, start) = parts(rest)?;
                let start = decoded(start.strip_suffix('*')?)?;
                let fits = start.len() <= MAX_IDENTIFIER;
                fits.then_some(Target::Prefix(group, start))
            }
            _ => None,
        }
    }

    /// Whether it is one subject.
    pub const fn is_subject(&self) -> bool {
        matches!(self, Target::Subject(..))
    }

    /// The subject that is meant, if it is one, and may be one.
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
            assert_eq!(Target::parse(text), Err(InvalidTarget::Grammar), "{text}");
        }
        assert_eq!(
            Target::parse("subject:a/b/user@x.org+1").map(|it| it.to_string()),
            Ok("subject:a/b/user%40x.org%2B1".to_owned())
        );
    }

    #[test]
    fn a_part_that_no_path_can_hold_is_refused_in_any_spelling() {
        for dots in [".", "..", "%2e", "%2E%2e", ".%2E", "%2e."] {
            for text in [
                format!("subject:{dots}/s/x"),
                format!("subject:p/{dots}/all"),
                format!("subject:p/s/{dots}"),
                format!("prefix:{dots}/s/*"),
                format!("prefix:p/{dots}/all*"),
                format!("policy:{dots}"),
                format!("provider:{dots}"),
            ] {
                assert_eq!(Target::parse(&text), Err(InvalidTarget::Dots), "{text}");
                // What an older build has stored is read all the same.
                assert!(Target::stored(&text).is_ok(), "{text}");
            }
        }
        for text in [
            "prefix:p/s/..*",
            "subject:p/s/...",
            "subject:p/s/..%2Fx",
            "subject:p/s/%252e",
        ] {
            assert_eq!(
                Target::parse(text).map(|it| it.to_string()),
                Ok(text.to_owned())
            );
        }
    }

    /// The path that arrives where a client asks for this one: what the URL Standard's parser makes
    /// of a path of `https` (section "path state").
    fn arriving(path: &str) -> String {
        let path = path.trim_matches(|c: char| c <= ' ');
        let path: String = path.chars().filter(|c| !"\t\n\r".contains(*c)).collect();
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let parts: Vec<&str> = path[1..].split(['/', '\\']).collect();
        let mut folded: Vec<String> = Vec::new();
        for (i, part) in parts.iter().enumerate() {
            let is_last = i + 1 == parts.len();
            match part.to_ascii_lowercase().replace("%2e", ".").as_str() {
                ".." => drop(folded.pop()),
                "." => {}
                _ => {
                    let encoded = |c: char| match c {
                        '!' | '$'..=';' | '=' | '@'..=']' | '_' | 'a'..='z' | '|' | '~' => c.into(),
                        other => utf8(other),
                    };
                    folded.push(part.chars().map(encoded).collect());
                    continue;
                }
            }
            if is_last {
                folded.push(String::new());
            }
        }
        format!("/{}", folded.join("/"))
    }

    fn utf8(c: char) -> String {
        let mut bytes = [0; 4];
        let bytes = c.encode_utf8(&mut bytes).bytes();
        bytes.map(|byte| format!("%{byte:02X}")).collect()
    }

    #[test]
    fn paths_arrive_as_the_url_standard_says() {
        // The right-hand sides are what `new URL` of JavaScript answers.
        for (path, expected) in [
            ("/a/../b", "/b"),
            ("/a/%2e%2E/b/./c", "/b/c"),
            ("/a\\..\\b", "/b"),
            ("/a/b/..", "/a/"),
            ("/a/.", "/a/"),
            ("/a//b", "/a//b"),
            ("/../../x", "/x"),
            ("/a\t/b\n ", "/a/b"),
            ("/ä b\"`{}", "/%C3%A4%20b%22%60%7B%7D"),
            ("/%09/%5c/...", "/%09/%5c/..."),
        ] {
            assert_eq!(arriving(path), expected, "{path:?}");
        }
    }

    /// Parts that are made of what a path takes apart.
    fn part(least: usize) -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            4 => prop::sample::select(vec![
                ".", "..", "/", "\\", "%2e", "%2E", "%2f", "%", "\t", "\n", "\r", " ", "?", "#", ":", "*",
                "all", "deny", "\0", "+", "subject:", ";", "@", "é",
            ]).prop_map(str::to_owned),
            1 => "\\PC{1,4}",
        ];
        prop::collection::vec(piece, least..6).prop_map(|pieces| pieces.concat())
    }

    fn targets() -> impl Strategy<Value = Target> {
        let group = || (part(1), part(0)).prop_map(|(provider, scope)| Group { provider, scope });
        prop_oneof![
            4 => (group(), part(1)).prop_map(|(group, last)| Target::Subject(group, last)),
            2 => (group(), part(0)).prop_map(|(group, last)| Target::Prefix(group, last)),
            1 => part(1).prop_map(Target::Provider),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn a_target_arrives_by_its_path_as_itself_or_is_none(target in targets()) {
            let text = target.to_string();
            let has_dots = target.names().into_iter().any(is_dots);
            prop_assert_eq!(Target::stored(&text), Ok(target.clone()));
            if has_dots {
                prop_assert_eq!(Target::parse(&text), Err(InvalidTarget::Dots));
            } else {
                let path = format!("/overrides/{text}/deny");
                prop_assert_eq!(arriving(&path), path);
                prop_assert_eq!(Target::parse(&text), Ok(target.clone()));
            }
            // Who may be limited can be named, and nobody else.
            if let Target::Subject(group, identifier) = &target {
                let parts = SubjectParts::new(identifier.as_str())
                    .and_then(|parts| parts.with_provider(group.provider.as_str()))
                    .and_then(|parts| parts.with_scope(group.scope.as_str()));
                prop_assert_eq!(parts.is_ok(), !has_dots);
            }
        }
    }
}
