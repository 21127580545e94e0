//! The object that a caller asks itself, and not through the Worker: it runs the whole request, and
//! what is asked of it on the way it answers without a call.

use tollgate_core::subject::Namespace;

/// Such an object.
pub(crate) trait Here {
    /// Its name, which is that of a subject.
    fn name(&self) -> &str;

    /// The namespace of its subject.
    fn namespace(&self) -> &Namespace;

    /// Answers one message, both as text, in one synchronous step.
    fn answer(&self, text: &str) -> String;
}
