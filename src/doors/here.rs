//! The object that a caller asks itself, and not through the Worker: it runs the whole request, and
//! what is asked of it on the way it answers without a call and without a text.

use tollgate_core::api::request::LimitRequest;
use tollgate_core::api::BadRequest;
use tollgate_core::message::{Answer, Call};
use tollgate_core::subject::Namespace;

/// Such an object.
pub(crate) trait Here {
    /// Its name, which is that of a subject.
    fn name(&self) -> &str;

    /// The namespace of its subject.
    fn namespace(&self) -> &Namespace;

    /// Reads a check. Most of those that a busy subject's object is asked are equal, and reading
    /// one costs more than deciding it.
    fn read(&self, check: &str) -> Result<LimitRequest, BadRequest>;

    /// Answers one call, in one synchronous step.
    fn answer(&self, call: &Call) -> Answer;
}
