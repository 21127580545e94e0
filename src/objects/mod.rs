//! The three classes of Durable Objects: shells around the core. They load state, read the clock once per event, apply what the core
//! decided, and keep the namespace's directory told. Their rows are in [`rows`].

pub mod directory;
pub mod keyspace;
mod listing;
pub mod rate_limit;
mod resident;
mod rows;
