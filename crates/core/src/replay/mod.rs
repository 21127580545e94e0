//! What would have been decided: recorded calls are decided once more, under other policies, by the
//! same code that decided them.
//!
//! [`replay`] feeds each subject's calls to a [`SubjectState`](crate::subject_state::SubjectState),
//! in the order and at the instants at which its object answered them, from the state that it had
//! when the recording began. What it answers under the policies as they were recorded is what the
//! object answered: exactly so where rows do not run ahead of the real use (R = 1), or where the
//! object did not wake from such rows meanwhile.
//!
//! | modules | what they are |
//! |---|---|
//! | [`trace`] | what is recorded of one subject |
//! | `subject` | one subject's calls, decided once more |
//! | `isolates` | what isolates would have remembered meanwhile |
//! | [`tally`] | what came of it, as numbers |
//! | [`report`] | the same of all subjects; of a sample with its [`estimate`] for the whole |
//!
//! A replay takes the calls as they came. That callers would have come otherwise, had they been
//! answered otherwise, it cannot know. Neither what policies above one would have said: each is
//! decided by itself.

pub mod estimate;
mod isolates;
pub mod report;
mod subject;
pub mod tally;
pub mod trace;

pub use report::{replay, Changed, Report};
