//! Questions that a session has for objects and the directory, and the answers to them.

use crate::message::Allowance;
use crate::reply::Reply;

/// Something to ask.
#[derive(Clone, Debug, PartialEq)]
pub enum Asks {
    /// Objects of shards, all at once.
    Objects {
        /// Name and message of each.
        calls: Vec<(String, String)>,
        /// What each may take.
        allowance: Allowance,
    },
    /// The directory, for names of objects in their order.
    Names {
        /// What they begin with.
        prefix: String,
        /// Only names behind this one; empty for the first.
        after: String,
        /// How many at most.
        limit: u32,
    },
}

/// The outcome of one question.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// An object's answer.
    Text(String),
    /// The directory's.
    Names(Vec<String>),
    /// No answer: the call failed or its deadline passed.
    Failed,
}

/// What a session needs next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Ask this, and call `advance` with the answers in the same order.
    Ask(Asks),
    /// One reply for each command.
    Done(Vec<Reply>),
}
