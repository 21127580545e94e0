//! What is kept of an override.

use tollgate_core::overrides::{Effect, Kind, Target};
use tollgate_core::{Limit, Timestamp};

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

/// The bytes of the limits that take the place of a policy's, each, without its steps; generous.
const LIMIT_BYTES: usize = 1_024;
/// Those of one of its `stages` or `times`; generous.
const STEP_BYTES: usize = 256;

/// How many bytes an override takes where it is told, at most about. Nothing is written for it: it
/// is asked of all of them at each change.
pub fn bytes_of(target: &Target, effect: &Effect, (author, reason): (&str, &str)) -> usize {
    let own = match effect {
        Effect::Deny(stop) | Effect::Pause(stop) => stop.except.iter().map(text_of).sum(),
        Effect::Replace(limits) => limits.iter().map(bytes_of_limit).sum(),
        Effect::Bypass | Effect::Scale(_) | Effect::Grant(_) => 0,
    };
    text_of(target) + own + author.len() + reason.len() + 64
}

fn bytes_of_limit(limit: &Limit) -> usize {
    let steps = limit.schedule();
    let steps = steps.map_or(0, |it| it.stages().len() + it.times().len());
    LIMIT_BYTES + steps * STEP_BYTES
}

/// The bytes of a target's text where each sign of it is encoded.
fn text_of(target: &Target) -> usize {
    let parts = match target {
        Target::Subject(group, last) | Target::Prefix(group, last) => {
            group.provider.len() + group.scope.len() + last.len()
        }
        Target::Policy(name) => name.as_str().len(),
        Target::Provider(name) => name.len(),
        Target::All => 0,
    };
    16 + 3 * parts
}
