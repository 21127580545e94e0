//! What is answered, as JSON: field names in camelCase, instants in Unix milliseconds, durations in
//! milliseconds. What is not known is absent; no number is invented.
//!
//! Each body is written and read by the same type, and what is read is written again byte for byte.
//! A reader takes no notice of fields that it does not know: a later version may answer more. A
//! word that it does not know is an error, because it would have to guess what the word means.
//!
//! ```
//! use tollgate_core::api::response::{to_json, DecisionBody};
//! use tollgate_core::decision::Source;
//!
//! let text = r#"{"success":true,"limit":100,"remaining":99,"reset":60000,"source":"object"}"#;
//! let body: DecisionBody = serde_json::from_str(text)?;
//! assert_eq!((body.remaining, body.source), (Some(99), Source::Object));
//! assert_eq!(to_json(&body), text);
//! # Ok::<(), serde_json::Error>(())
//! ```

mod classes;
mod decision;
mod explain;
mod outlook;
mod permit;
mod report;
mod stage;
mod status;

pub use super::to_json;
pub use classes::ClassBody;
pub use decision::{
    AcquireBody, DecisionBody, GrantedBody, MultiBody, StandingBody, WouldDenyBody,
};
pub use explain::{
    ExplainBody, FailModeBody, LeastBody, LimitExplainBody, ModeBody, OutOfReachBody,
    OverAdmissionPerIsolateBody, PointBody, WorstCaseBody,
};
pub use outlook::{BreakerBody, GateBody, OutlookBody};
pub use permit::{RenewedBody, SettledBody, ToppedBody, Units};
pub use report::{AdaptedBody, IgnoredBody, NotHeeded, ReportBody, ToldBody};
pub use stage::{StageBody, StageClockBody, StagedBody, StepChangeBody};
pub use status::{
    CountedBody, DenialBody, Kv, LimitBody, OverAdmissionBody, OverrideBody, OverrideKind, SetBy,
    StatusBody, SubjectBody, UsageBody,
};

use crate::Timestamp;

/// Whole seconds from `now` to `instant`, rounded up: the `t` of the `RateLimit` header.
pub const fn seconds_until(instant: Timestamp, now: Timestamp) -> u64 {
    instant.since(now).as_secs_ceil()
}
