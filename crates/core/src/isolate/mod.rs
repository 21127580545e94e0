//! What one isolate remembers between requests, each kind bounded by [`bounded`].
//!
//! [`refusals`] that still hold, the [`circuit`] of each object, [`debts`] to objects that could
//! not be asked, the [`shares`] that are given out in their place, which of several objects refused
//! last ([`refused_last`]), and the [`counts`] that isolates merge through KV. All of it may be
//! lost at any time: no promise rests on it.

pub mod bounded;
pub mod circuit;
pub mod counts;
pub mod debts;
pub mod refusals;
pub mod refused_last;
pub mod shares;

#[cfg(test)]
mod tests;
