//! Who is limited: provider, scope and identifier, inside a namespace; and the object name in which
//! all four are written.
//!
//! The namespace comes from the caller's token and never from what the caller sent, so requests
//! carry [`SubjectParts`] and become a [`Subject`] only together with a [`Namespace`]. Names are
//! injective: every part is encoded as `encodeURIComponent` does, so none can contain `:` or `/`,
//! and the number of colons tells whether there is a scope. Names are permanent: state is stored
//! under them.

mod namespace;
mod network;

pub use namespace::Namespace;
pub use network::Ipv6Prefix;

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use thiserror::Error;

use crate::dots::{is_dots, NO_DOTS};
use crate::percent;

/// The longest identifier, in bytes of UTF-8.
pub const MAX_IDENTIFIER: usize = 1_024;
/// The longest provider and the longest scope, in bytes of UTF-8. One byte holds the length in a
/// permit.
pub const MAX_PART: usize = 128;
/// The provider of a subject that names none.
pub const DEFAULT_PROVIDER: &str = "default";

/// In front of every object name of the native API.
const PREFIX: &str = "rate-limit:";

/// A part of a subject that cannot be one. `field` is the part's name in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidSubject {
    /// It is too short or too long.
    #[error("`{field}` must be {min} to {max} bytes long")]
    OutOfRange {
        /// The part's name in JSON.
        field: &'static str,
        /// The least number of bytes.
        min: usize,
        /// The largest number of bytes.
        max: usize,
    },
    /// It is `.` or `..` ([`crate::dots`]).
    #[error("`{field}` must be {NO_DOTS}")]
    Dots {
        /// The part's name in JSON.
        field: &'static str,
    },
}

/// The three parts of a subject that a caller may name, of which none is `.` or `..`
/// ([`crate::dots`]). What was not named is absent, so that a policy's own parts can stand in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SubjectParts {
    provider: Option<String>,
    scope: Option<String>,
    identifier: String,
}

impl SubjectParts {
    /// `identifier`: 1 to 1,024 bytes of UTF-8, any characters.
    pub fn new(identifier: impl Into<String>) -> Result<SubjectParts, InvalidSubject> {
        Ok(SubjectParts {
            provider: None,
            scope: None,
            identifier: sized("identifier", identifier.into(), 1, MAX_IDENTIFIER)?,
        })
    }

    /// Names the provider: 1 to 128 bytes of UTF-8, any characters.
    pub fn with_provider(
        mut self,
        provider: impl Into<String>,
    ) -> Result<SubjectParts, InvalidSubject> {
        self.provider = Some(sized("provider", provider.into(), 1, MAX_PART)?);
        Ok(self)
    }

    /// Names the scope: 0 to 128 bytes of UTF-8, any characters. An empty one says that there is
    /// none.
    pub fn with_scope(mut self, scope: impl Into<String>) -> Result<SubjectParts, InvalidSubject> {
        self.scope = Some(sized("scope", scope.into(), 0, MAX_PART)?);
        Ok(self)
    }

    /// The provider, if it was named.
    pub fn provider(&self) -> Option<&str> {
        self.provider.as_deref()
    }

    /// The scope, if it was named.
    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// The identifier.
    pub fn identifier(&self) -> &str {
        &self.identifier
    }

    /// The subject in whose name this one is counted, where IPv6 addresses are counted by their
    /// network.
    #[must_use]
    pub fn in_network(mut self, prefix: Option<Ipv6Prefix>) -> SubjectParts {
        if let Some(network) = prefix.and_then(|it| it.network_of(&self.identifier)) {
            self.identifier = network;
        }
        self
    }

    /// The subject in the namespace of the caller's token. What was not named is the default:
    /// provider `default`, no scope.
    pub fn in_namespace(self, namespace: Namespace) -> Subject {
        Subject {
            namespace,
            provider: self.provider.unwrap_or_else(|| DEFAULT_PROVIDER.to_owned()),
            scope: self.scope.unwrap_or_default(),
            identifier: self.identifier,
        }
    }
}

fn sized(
    field: &'static str,
    text: String,
    min: usize,
    max: usize,
) -> Result<String, InvalidSubject> {
    if is_dots(&text) {
        Err(InvalidSubject::Dots { field })
    } else if (min..=max).contains(&text.len()) {
        Ok(text)
    } else {
        Err(InvalidSubject::OutOfRange { field, min, max })
    }
}

/// One subject of one namespace: everything that has a state of its own.
///
/// ```
/// use tollgate_core::subject::{Namespace, SubjectParts};
///
/// let parts = SubjectParts::new("abc123")?.with_provider("salesforce")?.with_scope("org")?;
/// let subject = parts.in_namespace(Namespace::default());
/// assert_eq!(subject.object_name(), "rate-limit:salesforce:org:abc123");
/// # Ok::<(), tollgate_core::subject::InvalidSubject>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject {
    namespace: Namespace,
    provider: String,
    scope: String,
    identifier: String,
}

impl Subject {
    /// The namespace.
    pub const fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// The provider.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The scope; empty where there is none.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// The identifier.
    pub fn identifier(&self) -> &str {
        &self.identifier
    }

    /// The name of the subject's object: `rate-limit:<provider>:<scope>:<identifier>`, an empty
    /// scope left out with its colon, `<namespace>/` in front of it unless that is `default`.
    /// ASCII, at most 3,918 characters.
    pub fn object_name(&self) -> String {
        let mut name = String::with_capacity(
            PREFIX.len() + self.provider.len() + self.scope.len() + self.identifier.len() + 16,
        );
        if !self.namespace.is_default() {
            name.push_str(self.namespace.as_str());
            name.push('/');
        }
        name.push_str(PREFIX);
        percent::encode_component(&self.provider, &mut name);
        if !self.scope.is_empty() {
            name.push(':');
            percent::encode_component(&self.scope, &mut name);
        }
        name.push(':');
        percent::encode_component(&self.identifier, &mut name);
        name
    }

    /// What the object names of all subjects of a namespace begin with.
    pub fn all_names(namespace: &Namespace) -> String {
        let subject = Subject {
            namespace: namespace.clone(),
            provider: String::new(),
            scope: String::new(),
            identifier: String::new(),
        };
        let mut name = subject.object_name();
        name.pop(); // the colon in front of the identifier
        name
    }

    /// What the object names of a provider and scope begin with whose identifiers begin with
    /// `identifier`. Names of other scopes may begin so, too.
    pub fn prefix_of_names(
        namespace: &Namespace,
        provider: &str,
        scope: &str,
        identifier: &str,
    ) -> String {
        let subject = Subject {
            namespace: namespace.clone(),
            provider: provider.to_owned(),
            scope: scope.to_owned(),
            identifier: identifier.to_owned(),
        };
        subject.object_name()
    }

    /// The subject whose [`Subject::object_name`] is `name`; `None` when no subject has that name.
    pub fn from_object_name(name: &str) -> Option<Subject> {
        let (namespace, rest) = match name.split_once('/') {
            Some((namespace, rest)) => (Namespace::new(namespace).ok()?, rest),
            None => (Namespace::default(), name),
        };
        let mut parts = rest.strip_prefix(PREFIX)?.split(':');
        let (provider, second, third) = (parts.next()?, parts.next()?, parts.next());
        let (scope, identifier) = third.map_or(("", second), |third| (second, third));
        let subject = Subject {
            namespace,
            provider: percent::decode_component(provider)?,
            scope: percent::decode_component(scope)?,
            identifier: percent::decode_component(identifier)?,
        };
        // Refuses what no name looks like: a fourth part, an empty scope with its colon, a
        // written-out default namespace.
        subject.checked().filter(|it| it.object_name() == name)
    }

    /// The subject without its namespace, as text for the inside of a permit (base64url): the
    /// namespace of a presented permit is that of the token it is presented with. At most 1,710
    /// characters.
    pub fn to_permit_part(&self) -> String {
        // Both are at most `MAX_PART` bytes long, so their lengths fit in a byte.
        let mut bytes = vec![self.provider.len() as u8, self.scope.len() as u8];
        for part in [&self.provider, &self.scope, &self.identifier] {
            bytes.extend_from_slice(part.as_bytes());
        }
        URL_SAFE_NO_PAD.encode(&bytes)
    }

    /// The subject of `namespace` that [`Subject::to_permit_part`] wrote as `text`; `None` for any
    /// other text, also for padding and for spare bits that are not zero, so that no two texts are
    /// one subject.
    pub fn from_permit_part(namespace: Namespace, text: &str) -> Option<Subject> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (&[provider, scope], rest) = bytes.split_first_chunk::<2>()?;
        let (provider, rest) = rest.split_at_checked(usize::from(provider))?;
        let (scope, identifier) = rest.split_at_checked(usize::from(scope))?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        let subject = Subject {
            namespace,
            provider: text(provider)?,
            scope: text(scope)?,
            identifier: text(identifier)?,
        };
        subject.checked()
    }

    /// The subject, if every part keeps its bounds. Older builds had subjects of `.` and `..` too.
    fn checked(self) -> Option<Subject> {
        let sound = (1..=MAX_PART).contains(&self.provider.len())
            && self.scope.len() <= MAX_PART
            && (1..=MAX_IDENTIFIER).contains(&self.identifier.len());
        sound.then_some(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn subject(namespace: &str, provider: &str, scope: &str, identifier: &str) -> Subject {
        SubjectParts::new(identifier)
            .and_then(|parts| parts.with_provider(provider))
            .and_then(|parts| parts.with_scope(scope))
            .unwrap()
            .in_namespace(Namespace::new(namespace).unwrap())
    }

    #[test]
    fn object_names_follow_the_convention() {
        let table = [
            (
                subject("default", "salesforce", "org", "abc123"),
                "rate-limit:salesforce:org:abc123",
            ),
            (
                subject("default", "github", "user", "octocat"),
                "rate-limit:github:user:octocat",
            ),
            (
                subject("default", "stripe", "account", "acct_123"),
                "rate-limit:stripe:account:acct_123",
            ),
            (
                subject("default", "global", "", "etl-pipeline"),
                "rate-limit:global:etl-pipeline",
            ),
            (
                subject("acme", "global", "", "x"),
                "acme/rate-limit:global:x",
            ),
            (
                subject("default", "a:b", "", "c/d"),
                "rate-limit:a%3Ab:c%2Fd",
            ),
            (
                subject("default", "a", "b", "user:1@ü €"),
                "rate-limit:a:b:user%3A1%40%C3%BC%20%E2%82%AC",
            ),
            (
                subject("default", "a", "b", "-_.!~*'()"),
                "rate-limit:a:b:-_.!~*'()",
            ),
            (subject("default", "a", "b", "\0"), "rate-limit:a:b:%00"),
        ];
        for (subject, name) in table {
            assert_eq!(subject.object_name(), name);
            assert_eq!(Subject::from_object_name(name), Some(subject));
        }
    }

    #[test]
    fn what_was_not_named_is_the_default() {
        let subject = SubjectParts::new("u1")
            .unwrap()
            .in_namespace(Namespace::default());
        assert_eq!(subject.object_name(), "rate-limit:default:u1");
    }

    #[test]
    fn a_scope_that_is_left_out_makes_no_two_subjects_alike() {
        let names = [
            subject("default", "a", "", "b"),
            subject("default", "a", "", "b:c"),
            subject("default", "a", "b", "c"),
            subject("default", "a:b", "", "c"),
            subject("default", "a%3Ab", "", "c"),
            subject("a", "b", "", "c"),
            subject("default", "rate-limit", "a", "b"),
            subject("default", "a/rate-limit", "", "b"),
            subject("a", "rate-limit", "", "b"),
        ]
        .map(|subject| subject.object_name());
        for (i, name) in names.iter().enumerate() {
            assert!(!names[..i].contains(name), "{name}");
        }
    }

    #[test]
    fn no_other_text_is_an_object_name() {
        let table = [
            "",
            "rate-limit",
            "rate-limit:",
            "rate-limit:a",
            "rate-limit:a:",
            "rate-limit::b",
            "rate-limit:a::b",
            "rate-limit:a:b:",
            "rate-limit:a:b:c:d",
            "default/rate-limit:a:b",
            "/rate-limit:a:b",
            "x/y/rate-limit:a:b",
            "rate-limit:a:%62",
            "rate-limit:a:%3a",
            "rate-limit:a:b c",
            "rate-limit:a:%",
            "rate-limit:a:%FF",
            "RATE-LIMIT:a:b",
            " rate-limit:a:b",
            "ä/rate-limit:a:b",
        ];
        for name in table {
            assert_eq!(Subject::from_object_name(name), None, "{name}");
        }
        assert_eq!(
            Subject::from_object_name(&format!("rate-limit:{}:b", "p".repeat(129))),
            None
        );
        assert_eq!(
            Subject::from_object_name(&format!("rate-limit:p:{}", "i".repeat(1025))),
            None
        );
    }

    #[test]
    fn bounds_are_bytes_and_both_ends_are_inside() {
        let error = |field, min, max| Some(InvalidSubject::OutOfRange { field, min, max });
        assert_eq!(SubjectParts::new("").err(), error("identifier", 1, 1024));
        assert_eq!(
            SubjectParts::new("x".repeat(1025)).err(),
            error("identifier", 1, 1024)
        );
        assert_eq!(
            SubjectParts::new("€".repeat(342)).err(),
            error("identifier", 1, 1024)
        );
        let longest = SubjectParts::new("€".repeat(341) + "x").unwrap();
        assert_eq!(
            longest.clone().with_provider("").err(),
            error("provider", 1, 128)
        );
        assert_eq!(
            longest.clone().with_provider("p".repeat(129)).err(),
            error("provider", 1, 128)
        );
        assert_eq!(
            longest.clone().with_scope("s".repeat(129)).err(),
            error("scope", 0, 128)
        );
        assert!(longest.with_provider("p").unwrap().with_scope("").is_ok());
    }

    #[test]
    fn no_part_is_a_name_that_no_path_can_hold() {
        let parts = SubjectParts::new("x").unwrap();
        for dots in [".", ".."] {
            let error = |field| Some(InvalidSubject::Dots { field });
            assert_eq!(SubjectParts::new(dots).err(), error("identifier"));
            assert_eq!(parts.clone().with_provider(dots).err(), error("provider"));
            assert_eq!(parts.clone().with_scope(dots).err(), error("scope"));
            // What an older build has stored can still be listed, and its permits released.
            let name = format!("rate-limit:{dots}:{dots}:{dots}");
            let stored = Subject::from_object_name(&name).unwrap();
            assert_eq!(stored.object_name(), name);
            let part = stored.to_permit_part();
            let namespace = Namespace::default();
            assert_eq!(Subject::from_permit_part(namespace, &part), Some(stored));
        }
        for others in ["...", "..x", "./", "%2e", "%2E%2e", " ..", "..\n"] {
            assert!(SubjectParts::new(others).is_ok(), "{others:?}");
        }
    }

    #[test]
    fn the_longest_subject_keeps_the_stated_lengths() {
        let namespace = "n".repeat(64);
        let subject = subject(
            &namespace,
            &"\u{1}".repeat(128),
            &"\u{1}".repeat(128),
            &"\u{1}".repeat(1024),
        );
        assert_eq!(subject.object_name().len(), 3_918);
        assert_eq!(subject.to_permit_part().len(), 1_710);
        assert_eq!(
            Subject::from_object_name(&subject.object_name()),
            Some(subject)
        );
    }

    #[test]
    fn namespaces_follow_the_grammar_of_names() {
        for text in ["", "a/b", "a b", "ä", &"n".repeat(65)] {
            assert!(Namespace::new(text).is_err(), "{text}");
        }
        assert_eq!(Namespace::new("default"), Ok(Namespace::default()));
    }

    #[test]
    fn no_other_text_is_a_permit_part() {
        let table: [&[u8]; 8] = [
            b"",
            &[1],
            &[1, 0],
            &[1, 0, b'a'],
            &[0, 0, b'a'],
            &[9, 0, b'a', b'b'],
            &[1, 9, b'a', b'b'],
            &[1, 0, b'a', 0xff],
        ];
        for bytes in table {
            let text = URL_SAFE_NO_PAD.encode(bytes);
            assert_eq!(
                Subject::from_permit_part(Namespace::default(), &text),
                None,
                "{bytes:?}"
            );
        }
        assert_eq!(
            Subject::from_permit_part(Namespace::default(), "not base64!"),
            None
        );
    }

    #[test]
    fn a_permit_part_has_one_spelling() {
        let of = |text: &str| Subject::from_permit_part(Namespace::default(), text);
        let table = [
            ("AQBhYg", subject("default", "a", "", "b")),
            ("AQBhYmM", subject("default", "a", "", "bc")),
            ("AQBhYmNk", subject("default", "a", "", "bcd")),
            ("AQBhPz8-", subject("default", "a", "", "??>")),
            ("AQBh77-_", subject("default", "a", "", "\u{ffff}")),
        ];
        for (text, subject) in table {
            assert_eq!(subject.to_permit_part(), text);
            assert_eq!(of(text), Some(subject), "{text}");
        }
        for text in [
            "AQBhYg==",
            "AQBhYg=",
            "AQBhYh",
            "AQBhYn",
            "AQBhYmN",
            "AQBhYmO",
            "AQBhYmM=",
            "AQBhYmNkZ",
            "AQBhPz8+",
            "AQBh77+/",
            "AQBhY",
            "AQBh Yg",
            "AQBhYg\n",
            " AQBhYg",
            "AQBhYg==AQBhYg",
            "ä",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    fn any_text(max: usize) -> impl Strategy<Value = String> {
        // Few letters, among them all that join names, so that near collisions come up often.
        let near = "[a:/%3A.-]{1,6}";
        prop_oneof![
            near,
            any::<String>().prop_filter("bounds", move |s| !s.is_empty() && s.len() <= max)
        ]
        .prop_filter("dots", |s| !is_dots(s))
    }

    fn any_subject() -> impl Strategy<Value = Subject> {
        let namespace = prop_oneof![Just("default".to_owned()), "[a-b]{1,2}"];
        let scope = prop_oneof![Just(String::new()), any_text(MAX_PART)];
        (
            namespace,
            any_text(MAX_PART),
            scope,
            any_text(MAX_IDENTIFIER),
        )
            .prop_map(|(n, p, s, i)| subject(&n, &p, &s, &i))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn every_subject_comes_back_from_its_name_and_its_permit_part(subject in any_subject()) {
            let name = subject.object_name();
            prop_assert!(name.is_ascii());
            prop_assert_eq!(Subject::from_object_name(&name), Some(subject.clone()));
            let part = subject.to_permit_part();
            prop_assert_eq!(Subject::from_permit_part(subject.namespace().clone(), &part), Some(subject));
        }

        #[test]
        fn no_two_subjects_share_a_name(a in any_subject(), b in any_subject()) {
            prop_assert_eq!(a == b, a.object_name() == b.object_name());
        }

        #[test]
        fn no_two_subjects_of_few_letters_share_a_name_or_permit_part(
            a in "[a:]{1,2}", b in "[a:]{0,2}", c in "[a:]{1,2}", d in "[a:]{1,2}", e in "[a:]{0,2}", f in "[a:]{1,2}",
        ) {
            let (one, two) = (subject("default", &a, &b, &c), subject("default", &d, &e, &f));
            prop_assert_eq!(one == two, one.object_name() == two.object_name());
            prop_assert_eq!(one == two, one.to_permit_part() == two.to_permit_part());
        }

        #[test]
        fn what_reads_as_a_name_is_the_name_of_its_subject(name in "([a-b]{1,2}/)?rate-limit:[ab%3A:]{0,8}") {
            if let Some(subject) = Subject::from_object_name(&name) {
                prop_assert_eq!(subject.object_name(), name);
            }
        }
    }
}
