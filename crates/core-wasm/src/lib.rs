//! The pure core for JavaScript, in a wasm of its own: decides offline, on a clock of the caller.
//!
//! Questions, answers and errors are the JSON of the HTTP API, read and written by the same code.
//! Each subject is what its object would be, a [`SubjectState`], in memory and without rows. Where
//! the Worker's part is only to ask one object, this asks it itself; what takes more (a policy's
//! parent, what it falls back to, permits over several subjects, KV, native bindings) is an error
//! that says so. The npm package in `core/` is around it.
//!
//! | modules | what they are |
//! |---|---|
//! | `bindings` | what JavaScript calls; the runtime's time zones |
//! | [`limiter`] | questions to answers |
//! | [`permits`] | the same of what is done with permits |
//! | [`together`] | several questions, all or nothing |
//! | [`asked`] | a question, its subject and its limits |
//! | [`policies`] | the named policies |
//! | [`subjects`] | the states of all subjects, and how they end |
//! | [`random`] | random bits from a seed |
//! | [`failure`] | why there is no answer |
//!
//! [`SubjectState`]: tollgate_core::subject_state::SubjectState

pub mod asked;
#[cfg(target_arch = "wasm32")]
pub mod bindings;
pub mod failure;
pub mod limiter;
pub mod permits;
pub mod policies;
pub mod random;
pub mod subjects;
pub mod together;
