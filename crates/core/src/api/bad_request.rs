//! What is wrong with a request, as data and as one sentence.

use core::fmt;

use crate::dots::NO_DOTS;
use crate::error::InvalidLimit;
use crate::overrides::InvalidTarget;
use crate::subject::InvalidSubject;
use crate::Duration;

/// What stands for the whole body in [`BadRequest::field`].
pub const BODY: &str = "body";
/// The most characters of a caller's own text that an error repeats.
const MAX_ECHO: usize = 40;

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRequest {
    /// Where: a path such as `limits[2].window`, the name of a query parameter, or `body`. Of names
    /// that the caller made up at most 40 characters; values are never repeated.
    pub field: String,
    /// What.
    pub problem: Problem,
}

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// It is needed and not there.
    Missing,
    /// There is no such field here.
    Unknown,
    /// It is there more than once.
    Duplicate,
    /// It has another JSON type; `null` is a type of its own.
    WrongType {
        /// The right type in words.
        expected: &'static str,
    },
    /// It is below `min` or above `max`, both inclusive.
    OutOfRange {
        /// The least value allowed.
        min: i64,
        /// The largest value allowed.
        max: i64,
        /// What is counted.
        unit: Unit,
    },
    /// It does not follow its grammar.
    Malformed {
        /// What would be right, in words.
        expected: &'static str,
    },
    /// It cannot stand together with something else.
    Conflict {
        /// What it clashes with, and where it helps what to do.
        with: &'static str,
    },
    /// The body is not JSON.
    NotJson {
        /// The line where that shows, from 1.
        line: usize,
        /// The column where that shows, from 0.
        column: usize,
    },
    /// It names a time zone that IANA's database does not have.
    UnknownTimeZone,
    /// It was called so before.
    Renamed {
        /// What it is called now.
        now: &'static str,
    },
    /// It has a meaning, but not in this version.
    Unsupported {
        /// What to do instead.
        why: &'static str,
    },
}

/// What the bounds of an [`Problem::OutOfRange`] count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// The value itself.
    None,
    /// Milliseconds of a duration.
    Millis,
    /// Bytes of a text's UTF-8.
    Bytes,
    /// Elements of an array.
    Entries,
    /// Fields of an object.
    Fields,
}

impl BadRequest {
    /// This is wrong with the field of this name.
    pub fn new(field: impl Into<String>, problem: Problem) -> BadRequest {
        BadRequest {
            field: field.into(),
            problem,
        }
    }

    /// The code as callers see it.
    pub const fn code(&self) -> &'static str {
        match self.problem {
            Problem::NotJson { .. } => "invalidJson",
            Problem::UnknownTimeZone => "unknownTimeZone",
            _ => "invalidField",
        }
    }

    /// The body is not JSON.
    pub(super) fn not_json(error: serde_json::Error) -> BadRequest {
        let problem = Problem::NotJson {
            line: error.line(),
            column: error.column(),
        };
        BadRequest::new(BODY, problem)
    }
}

impl Problem {
    /// It is `.` or `..` ([`crate::dots`]).
    pub(super) const NO_DOTS: Problem = Problem::Malformed { expected: NO_DOTS };

    /// There are none, or more than `max`, a small constant.
    pub(super) const fn at_most(max: usize, unit: Unit) -> Problem {
        let max = max as i64;
        Problem::OutOfRange { min: 1, max, unit }
    }
}

impl std::error::Error for BadRequest {}

impl fmt::Display for BadRequest {
    /// One sentence that names the field, the bound and what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = &self.field;
        match self.problem {
            Problem::Missing => write!(f, "`{field}` is missing: add it."),
            Problem::Unknown => write!(
                f,
                "`{field}` is not known here: remove it, or check its spelling."
            ),
            Problem::Duplicate => write!(f, "`{field}` is given more than once: give it once."),
            Problem::WrongType { expected } => write!(f, "`{field}` must be {expected}."),
            Problem::Malformed { expected } => write!(f, "`{field}` must be {expected}."),
            Problem::OutOfRange { min, max, unit } => out_of_range(f, field, (min, max), unit),
            Problem::Conflict { with } => write!(f, "`{field}` does not go with {with}."),
            Problem::NotJson { line, column } => {
                write!(
                    f,
                    "The body must be one JSON object; line {line}, column {column} is not JSON."
                )
            }
            Problem::UnknownTimeZone => write!(
                f,
                "`{field}` is no time zone of IANA's database: take a name such as Europe/Berlin."
            ),
            Problem::Renamed { now } => write!(f, "`{field}` is called `{now}` now."),
            Problem::Unsupported { why } => write!(f, "`{field}` is not supported yet: {why}."),
        }
    }
}

fn out_of_range(
    f: &mut fmt::Formatter<'_>,
    field: &str,
    (min, max): (i64, i64),
    unit: Unit,
) -> fmt::Result {
    let (verb, noun) = match unit {
        Unit::None => ("be", ""),
        Unit::Bytes => ("be", " bytes long"),
        Unit::Entries => ("have", " entries"),
        Unit::Fields => ("have", " fields"),
        Unit::Millis => {
            let [min, max] = [min, max].map(|bound| Duration::from_millis(bound.unsigned_abs()));
            return write!(f, "`{field}` must be between {min} and {max}.");
        }
    };
    write!(f, "`{field}` must {verb} between {min} and {max}{noun}.")
}

impl From<InvalidLimit> for BadRequest {
    fn from(error: InvalidLimit) -> BadRequest {
        let (field, problem) = problem_of(error);
        BadRequest::new(field, problem)
    }
}

/// The field that a rule of the core names, and the problem.
pub(crate) fn problem_of(error: InvalidLimit) -> (&'static str, Problem) {
    match error {
        InvalidLimit::OutOfRange { field, min, max } => {
            // Bounds of limits are at most 2^53.
            let [min, max] = [min, max].map(|bound| i64::try_from(bound).unwrap_or(i64::MAX));
            let unit = unit_of(field);
            (field, Problem::OutOfRange { min, max, unit })
        }
        InvalidLimit::Malformed { field, expected } => (field, Problem::Malformed { expected }),
        InvalidLimit::Conflict { field, with } => (field, Problem::Conflict { with }),
        InvalidLimit::UnknownTimeZone => ("timeZone", Problem::UnknownTimeZone),
    }
}

/// The unit in which the core states the bounds of a field: durations are milliseconds.
fn unit_of(field: &str) -> Unit {
    const DURATIONS: [&str; 10] = [
        "window",
        "interval",
        "ttl",
        "expiry",
        "maxDelay",
        "hold",
        "forgetAfter",
        "refillInterval",
        "leakInterval",
        "duration",
    ];
    match field.rsplit('.').next() {
        Some("limits") => Unit::Entries,
        Some(name) if DURATIONS.contains(&name) => Unit::Millis,
        _ => Unit::None,
    }
}

impl From<InvalidSubject> for BadRequest {
    fn from(error: InvalidSubject) -> BadRequest {
        match error {
            InvalidSubject::OutOfRange { field, min, max } => {
                BadRequest::new(field, bytes_between(min, max))
            }
            InvalidSubject::Dots { field } => BadRequest::new(field, Problem::NO_DOTS),
        }
    }
}

impl From<InvalidTarget> for Problem {
    fn from(error: InvalidTarget) -> Problem {
        let expected = error.expected();
        Problem::Malformed { expected }
    }
}

/// A text whose length is outside its bounds; these are small constants.
pub(crate) fn bytes_between(min: usize, max: usize) -> Problem {
    Problem::OutOfRange {
        min: min as i64,
        max: max as i64,
        unit: Unit::Bytes,
    }
}

/// As much of a caller's text as an error may repeat.
pub(crate) fn clipped(text: &str) -> String {
    match text.char_indices().nth(MAX_ECHO) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
