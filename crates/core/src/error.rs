//! What is wrong with a limit or policy that somebody wants to build. Data, not prose: the Worker
//! turns it into sentences.

use thiserror::Error;

/// Why a limit or policy cannot be built. `field` is the name in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidLimit {
    /// A number or duration outside its bounds, both inclusive, in the unit of the field
    /// (durations: milliseconds).
    #[error("`{field}` must be between {min} and {max}")]
    OutOfRange {
        /// The field's name in JSON.
        field: &'static str,
        /// The least value allowed.
        min: u64,
        /// The largest value allowed.
        max: u64,
    },
    /// A text that does not follow its grammar.
    #[error("`{field}` must be {expected}")]
    Malformed {
        /// The field's name in JSON.
        field: &'static str,
        /// What would be right.
        expected: &'static str,
    },
    /// A combination that cannot be kept.
    #[error("`{field}` does not go with {with}")]
    Conflict {
        /// The field's name in JSON.
        field: &'static str,
        /// What it clashes with.
        with: &'static str,
    },
    /// A `timeZone` that IANA's database does not have.
    #[error("`timeZone` must be a time zone that there is")]
    UnknownTimeZone,
}
