//! The three classes of Durable Objects: shells around the core. They load state, read the clock
//! once per event, apply the core's effects, and notify the namespace's directory. Their rows are
//! in [`rows`].

#[allow(missing_docs)] // of what the crate's macro exports
pub mod directory;
#[allow(missing_docs)] // of what the crate's macro exports
pub mod keyspace;
mod listing;
#[allow(missing_docs)] // of what the crate's macro exports
pub mod rate_limit;
mod resident;
mod rows;
