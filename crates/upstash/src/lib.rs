//! The Upstash side of Tollgate: Redis data, its commands, and the scripts of the published rate limiters, run natively.
//!
//! No I/O, no clock, no randomness: rows, time and random bits are arguments. [`keyspace`] is what one object holds, [`command`] and
//! [`script`] work on it, [`route`] says which object holds a key, [`resp`] is how commands and replies travel there.
#![forbid(unsafe_code)]

pub mod bounds;
pub mod command;
pub mod error;
mod everywhere;
pub mod glob;
pub mod isolate;
pub mod keyspace;
mod local;
mod merge;
pub mod message;
pub mod meter;
mod placement;
pub mod protocol;
pub mod reply;
pub mod route;
pub mod script;
pub mod session;
pub mod sha1;
pub mod values;
