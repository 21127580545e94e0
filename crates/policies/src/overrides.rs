//! What is kept of an override.

use tollgate_core::api::to_json;
use tollgate_core::overrides::{Effect, Kind, Override, Target};
use tollgate_core::Timestamp;

/// What an override is known by.
pub type OverrideKey = (Target, Kind);

/// What is kept of an override.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverrideRecord {
    /// The revision that set or lifted it.
    pub revision: u64,
    /// When that was.
    pub at: Timestamp,
    /// The name of the token that did it; empty where the token has none.
    pub author: String,
    /// Why, in the author's words.
    pub reason: String,
    /// When it is over; `None`: it has no end.
    pub until: Option<Timestamp>,
    /// What it does; `None` when it was lifted.
    pub effect: Option<Effect>,
}

/// What a change of an override has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverrideChange {
    /// The override before, unless there was none in force.
    pub before: Option<OverrideRecord>,
    /// All that is to be stored anew, or deleted where the book does not have it.
    pub changed: Vec<OverrideKey>,
}

impl OverrideRecord {
    /// Whether it is in force.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.effect.is_some() && self.until.is_none_or(|until| until > now)
    }
}

/// How many bytes an override takes where it is told, about.
pub fn bytes_of(it: &Override) -> usize {
    let texts = it.target.to_string().len() + it.author.len() + it.reason.len();
    texts + to_json(&it.effect).len() + 64
}
