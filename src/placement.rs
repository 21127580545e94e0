//! Which object keeps what: the names under which the Worker reaches its objects. Names are permanent; state is stored under them.

use tollgate_core::subject::{Namespace, Subject};

/// The last part of the name of a namespace's directory.
const DIRECTORY: &str = "directory";

/// What the name of an object for Redis keys begins with, in the default namespace.
const KEYSPACES: &str = "keyspace:";

/// The name of the subject's object, such as `rate-limit:salesforce:org:abc123`, or `shop/rate-limit:default:u1`.
pub fn object_of(subject: &Subject) -> String {
    subject.object_name()
}

/// The name of the namespace's directory: `directory`, or `shop/directory`.
pub fn directory_of(namespace: &Namespace) -> String {
    if namespace.is_default() {
        DIRECTORY.to_owned()
    } else {
        format!("{}/{DIRECTORY}", namespace.as_str())
    }
}

/// What the names of a namespace's objects for Redis keys begin with: `keyspace:`, or `shop/keyspace:`.
pub fn keyspaces_of(namespace: &Namespace) -> String {
    if namespace.is_default() {
        KEYSPACES.to_owned()
    } else {
        format!("{}/{KEYSPACES}", namespace.as_str())
    }
}

/// The directory in which the object of this name is listed; `None` when no subject and no shard of keys has such a name.
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
}
