//! The Upstash side of Tollgate: Redis data, its commands, and the scripts of the published rate
//! limiters, run natively.
//!
//! No I/O, no clock, no randomness: rows, time and random bits are arguments. From the outside in:
//!
//! - [`protocol`] reads commands from HTTP and writes replies to it, and has RESP for the way to
//!   the objects.
//! - [`session`] plans the commands of one request: which objects to ask, and how their answers
//!   become replies. [`key`] says which object holds a key.
//! - [`message`] is what the Worker and an object say to each other, [`answer`] the object's side.
//! - [`commands`] is the table of what an object runs, out of [`command`] and [`script`].
//! - [`keyspace`] is what one object holds, [`values`] what a key holds.
//! - [`bounds`] has every bound, [`error`] what is answered past it.
#![forbid(unsafe_code)]

pub mod answer;
pub mod bounds;
pub mod command;
pub mod commands;
pub mod error;
pub mod glob;
pub mod key;
pub mod keyspace;
pub mod message;
pub mod meter;
pub mod protocol;
pub mod reply;
pub mod script;
pub mod session;
pub mod sha1;
pub mod values;

#[cfg(test)]
mod tests;
