//! What a namespace's directory knows of a subject beside its name: which policies limit it, and in
//! which states it is, each until an instant.

mod query;
mod telling;
mod told;

pub use query::{Filter, MAX_AFTER, MAX_SCANNED};
pub use telling::Telling;
pub use told::{Told, SPACING};

use crate::codec::{Line, LineWriter, Unreadable};
use crate::Timestamp;

/// The most policies that are told of a subject; of more, the first in the order of their names.
pub const MAX_POLICIES: usize = 8;

/// A state that a subject may be in, beside others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// A limit has no unit left. Over when the last of such limits has one again.
    Exhausted,
    /// A block or a penalty shuts it out, of one of its policies at least.
    Blocked,
    /// A pause holds.
    Paused,
    /// Another override is in force.
    Overridden,
}

impl State {
    /// All of them, in the order of [`Summary`]'s texts.
    pub const ALL: [State; 4] = [
        State::Exhausted,
        State::Blocked,
        State::Paused,
        State::Overridden,
    ];

    /// The word for it in JSON, in messages and in rows.
    pub const fn word(self) -> &'static str {
        match self {
            State::Exhausted => "exhausted",
            State::Blocked => "blocked",
            State::Paused => "paused",
            State::Overridden => "overridden",
        }
    }

    /// The state that a word names.
    pub fn from_word(word: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.word() == word)
    }

    const fn place(self) -> usize {
        match self {
            State::Exhausted => 0,
            State::Blocked => 1,
            State::Paused => 2,
            State::Overridden => 3,
        }
    }
}

/// A subject in short, as its object knew it at an instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    policies: Vec<String>,
    until: [Option<Timestamp>; 4],
}

impl Summary {
    /// Of a subject that these policies limit; what is said twice counts once.
    pub fn of(policies: impl IntoIterator<Item = String>) -> Summary {
        let mut policies: Vec<String> = policies.into_iter().collect();
        policies.sort_unstable();
        policies.dedup();
        policies.truncate(MAX_POLICIES);
        Summary {
            policies,
            until: [None; 4],
        }
    }

    /// The names of its policies, in order, at most [`MAX_POLICIES`].
    pub fn policies(&self) -> &[String] {
        &self.policies
    }

    /// Puts it in a state until an instant; [`Timestamp::MAX`] is for good.
    pub fn set(&mut self, state: State, until: Option<Timestamp>) {
        self.until[state.place()] = until;
    }

    /// Until when it is in a state; `None` where it is not, or was by then.
    pub fn until(&self, state: State, now: Timestamp) -> Option<Timestamp> {
        self.until[state.place()].filter(|until| *until > now)
    }

    /// Adds it to a line.
    pub fn put(&self, line: LineWriter) -> LineWriter {
        let line = line.put("policies", self.policies.join(","));
        let each = State::ALL.into_iter().zip(self.until);
        each.fold(line, |line, (state, until)| {
            line.put_some(state.word(), until.map(Timestamp::as_millis))
        })
    }

    /// Reads it; `None` where the line has none.
    pub fn get(line: &Line) -> Result<Option<Summary>, Unreadable> {
        let Some(policies) = line.get("policies") else {
            return Ok(None);
        };
        let names = policies.split(',').filter(|name| !name.is_empty());
        let mut summary = Summary::of(names.map(str::to_owned));
        for state in State::ALL {
            let until = line.number(state.word())?;
            summary.set(state, until.map(Timestamp::from_millis));
        }
        Ok(Some(summary))
    }
}
