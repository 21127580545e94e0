//! The state that one isolate keeps between requests. Every part is a [`bounded`] map.
//!
//! - [`refusals`]: refusals that still hold.
//! - [`refused_last`]: which objects refused last.
//! - [`kept`]: which policies objects keep whole.
//! - [`leases`]: units that were borrowed, to be spent without a question.
//! - [`circuit`]: the circuit breaker of each object.
//! - [`debts`]: units admitted while an object was unavailable.
//! - [`reports`]: which reports of upstreams' answers are sent, and when.
//! - [`shares`]: the part of a limit that an isolate may admit in an object's place.
//! - [`counts`]: the counts that isolates merge through KV.
//!
//! All of it may be lost at any time. No guarantee depends on it.

pub mod bounded;
pub mod circuit;
pub mod counts;
pub mod debts;
pub mod kept;
pub mod leases;
pub mod refusals;
pub mod refused_last;
pub mod reports;
pub mod shares;

#[cfg(test)]
mod tests;
