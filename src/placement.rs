//! Which object keeps what: the names under which the Worker reaches its objects. Names are permanent; state is stored under them.

use tollgate_core::subject::{Namespace, Subject};

/// The last part of the name of a namespace's directory.
const DIRECTORY: &str = "directory";

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

/// The directory in which the subject with this object name is listed; `None` when no subject has such a name.
pub fn directory_for_object(name: &str) -> Option<String> {
    Subject::from_object_name(name).map(|subject| directory_of(subject.namespace()))
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
