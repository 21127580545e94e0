//! The five classes of Durable Objects, each a shell: [`rate_limit`], [`keyspace`], [`directory`],
//! [`policy`] and [`record`].
//!
//! The clock is read once per event. [`listing`] is an object that the directory lists, over state
//! in memory ([`resident`]); what differs by class is what it has loaded, [`subject`] or [`shard`].
//! Rows are in [`rows`] alone.

#[allow(missing_docs)] // of what the crate's macro exports
pub mod directory;
#[allow(missing_docs)] // of what the crate's macro exports
pub mod keyspace;
mod listing;
mod memory;
mod outcomes;
#[allow(missing_docs)] // of what the crate's macro exports
pub mod policy;
#[allow(missing_docs)] // of what the crate's macro exports
pub mod rate_limit;
#[allow(missing_docs)] // of what the crate's macro exports
pub mod record;
mod resident;
mod rows;
mod shard;
mod subject;

use worker::{Response, Result};

/// What the crate's macro asks every class for and nothing calls: src/entry.js answers a `fetch` by
/// a call.
fn not_fetched() -> Result<Response> {
    Response::error("src/entry.js answers this by a call.", 405)
}
