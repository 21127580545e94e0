//! The names of objects. They are permanent, because state is stored under them.

use core::fmt::Write;
use std::borrow::Cow;

use tollgate_core::subject::{Namespace, Subject};

use crate::auth::hash;

/// The last part of the name of a namespace's directory.
const DIRECTORY: &str = "directory";

/// The last part of the name of the object that keeps a namespace's policies.
const POLICIES: &str = "policies";

/// The last part of the names of the objects that keep recorded use, without the number of the
/// shard.
const RECORDS: &str = "records:";

/// The start of the name of an object for Redis keys, in the default namespace.
const KEYSPACES: &str = "keyspace:";

/// The name of the namespace's directory: `directory`, or `shop/directory`.
pub fn directory_of(namespace: &Namespace) -> String {
    if namespace.is_default() {
        DIRECTORY.to_owned()
    } else {
        format!("{}/{DIRECTORY}", namespace.as_str())
    }
}

/// The name of the object that keeps the namespace's policies, and of what KV keeps of them:
/// `policies`, or `shop/policies`.
pub fn policies_of(namespace: &Namespace) -> String {
    if namespace.is_default() {
        POLICIES.to_owned()
    } else {
        format!("{}/{POLICIES}", namespace.as_str())
    }
}

/// The name of the object that keeps the recorded use of a namespace; `space` is what the names of
/// the namespace's objects begin with: `records:0`, or `shop/records:0`. There is one shard so far.
pub fn records_of(space: &str) -> String {
    format!("{space}{RECORDS}0")
}

/// What the names of a namespace's objects begin with: nothing, or `shop/`.
pub fn space_of(namespace: &Namespace) -> String {
    if namespace.is_default() {
        String::new()
    } else {
        format!("{}/", namespace.as_str())
    }
}

/// The start of the names of a namespace's objects for Redis keys: `keyspace:`, or
/// `shop/keyspace:`.
pub fn keyspaces_of(namespace: &Namespace) -> String {
    if namespace.is_default() {
        KEYSPACES.to_owned()
    } else {
        format!("{}/{KEYSPACES}", namespace.as_str())
    }
}

/// Maximum length of a short name, in bytes: a KV key has 512, and its other parts need up to 100.
const MAX_SHORT_NAME: usize = 400;
/// Length of the end of a shortened name: `@` and a SHA-256 as hex. No part of an object's name has
/// an `@`.
const DIGEST: usize = 65;

/// The subject's key in KV and native bindings: the object name; if longer than 400 bytes, its
/// first 335, `@`, and its SHA-256.
pub fn short_name(name: &str) -> Cow<'_, str> {
    if name.len() <= MAX_SHORT_NAME {
        return Cow::Borrowed(name);
    }
    // Names are ASCII, so they can be cut anywhere.
    let mut short = name.get(..MAX_SHORT_NAME - DIGEST).unwrap_or("").to_owned();
    short.push('@');
    for byte in hash(name) {
        let _ = write!(short, "{byte:02x}"); // writing to a String cannot fail
    }
    Cow::Owned(short)
}

/// The directory in which the object of this name is listed; `None` when no subject and no shard of
/// keys has such a name.
pub fn directory_for_object(name: &str) -> Option<String> {
    // What follows this word is encoded, so it has no slash and the word stands nowhere else.
    match name.split_once(KEYSPACES) {
        Some(("", _)) => Some(DIRECTORY.to_owned()),
        Some((namespace, _)) if namespace.ends_with('/') && !namespace.contains(':') => {
            Some(format!("{namespace}{DIRECTORY}"))
        }
        _ => Subject::from_object_name(name).map(|subject| directory_of(subject.namespace())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_core::subject::SubjectParts;

    #[test]
    fn each_namespace_has_its_own_directory() {
        let table = [
            ("rate-limit:default:u1", Some("directory")),
            ("shop/rate-limit:stripe:u1", Some("shop/directory")),
            ("shop/keys:3", None),
            ("keyspace:p%3Auser", Some("directory")),
            ("shop/keyspace:p", Some("shop/directory")),
            ("rate-limit:keyspace:u1", Some("directory")),
            ("shop/rate-limit:keyspace:u1", Some("shop/directory")),
            ("rate-limit:", None),
        ];
        for (object, directory) in table {
            assert_eq!(
                directory_for_object(object).as_deref(),
                directory,
                "{object}"
            );
        }
    }

    #[test]
    fn long_names_are_cut_and_never_become_one() {
        let of = |id: &str| {
            let subject = SubjectParts::new(id).unwrap();
            subject.in_namespace(Namespace::default()).object_name()
        };
        let short = of("u1");
        assert_eq!(short_name(&short), short);
        let long = [of(&"ä".repeat(500)), of(&format!("{}b", "ä".repeat(499)))];
        let names = [short_name(&long[0]), short_name(&long[1])];
        assert_ne!(names[0], names[1]);
        for name in &names {
            assert_eq!(name.len(), MAX_SHORT_NAME);
            assert!(name.is_ascii() && !name.contains('/'), "{name}");
        }
        let limit = of(&"x".repeat(MAX_SHORT_NAME - "rate-limit:default:".len()));
        assert_eq!(short_name(&limit), limit);
    }
}
