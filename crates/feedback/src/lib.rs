//! What an upstream's answer says about its limits: a status and headers, in every usual dialect,
//! become one value. No I/O and no clock: the time of the answer is an argument.
//!
//! ```
//! use tollgate_core::{Duration, Timestamp};
//! use tollgate_feedback::{read, When};
//!
//! let headers = [
//!     ("X-RateLimit-Limit", "5000"),
//!     ("X-RateLimit-Remaining", "0"),
//!     ("X-RateLimit-Reset", "1798761600"),
//!     ("X-RateLimit-Resource", "core"),
//!     ("Retry-After", "60"),
//! ];
//! let answered = Timestamp::from_millis(1_798_758_000_000);
//! let feedback = read(403, headers, answered);
//!
//! assert!(feedback.refused);
//! assert_eq!(feedback.wait, Some(When::After(Duration::from_secs(60))));
//! let core = &feedback.limits[0];
//! assert_eq!(core.name.as_deref(), Some("core"));
//! assert_eq!((core.limit, core.remaining), (Some(5_000), Some(0)));
//! let reset = Timestamp::from_millis(1_798_761_600_000);
//! assert_eq!(core.reset, Some(When::At(reset)));
//! ```
//!
//! An answer is somebody else's text. Everything is bounded: which headers are looked at
//! ([`MAX_HEADERS`], [`MAX_BYTES`]), how many limits are told ([`MAX_LIMITS`]), names
//! ([`MAX_NAME`]), numbers (2^53) and times ([`FURTHEST`]). What is not understood is left out and
//! named in [`Feedback::ignored`], by its header and never by its value.
//!
//! | modules | what they are |
//! |---|---|
//! | [`read()`] | chooses the headers, and has each read in its dialect |
//! | `dialects` | one dialect a file: which headers are its own, and what they say |
//! | `dialect` | what a dialect is |
//! | `notes` | what has been read so far; where it is said twice, the stricter counts |
//! | `value` | numbers, dates, durations and structured fields, as texts of headers |
//! | [`Feedback`] | what was said |
#![forbid(unsafe_code)]

mod dialect;
mod dialects;
mod feedback;
mod notes;
mod read;
mod value;

pub use feedback::{Cause, Feedback, Ignored, Measure, Scope, Told, Why};
pub use notes::{MAX_LIMITS, MAX_NAME};
pub use read::{read, MAX_BYTES, MAX_HEADERS, MAX_IGNORED};
pub use tollgate_core::report::When;
pub use value::when::FURTHEST;
