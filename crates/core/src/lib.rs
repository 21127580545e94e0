//! The pure core of Tollgate: limits, policies, decisions and the state of one subject.
//!
//! No I/O, no clock, no randomness: time and random bits are arguments, stored rows are values. So the same code runs in the
//! Worker, in native tests, in simulations and on the command line.
#![forbid(unsafe_code)]

pub mod algorithm;
pub mod api;
mod arithmetic;
pub mod base64url;
pub mod block;
pub mod calendar;
pub mod codec;
pub mod decide;
pub mod decision;
pub mod duration;
pub mod error;
pub mod isolate;
pub mod limit;
pub mod message;
pub mod multi;
pub mod number;
pub mod percent;
pub mod permit;
pub mod policy;
pub mod row;
pub mod store;
pub mod subject;
pub mod subject_state;
pub mod time;

pub use duration::Duration;
pub use error::InvalidLimit;
pub use limit::{Algorithm, Limit};
pub use time::Timestamp;
