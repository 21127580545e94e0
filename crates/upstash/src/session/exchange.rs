//! What a session and its caller say to each other: questions for objects and the directory,
//! answers to them.

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

/// What came of one question.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// An object's answer.
    Text(String),
    /// The directory's.
    Names(Vec<String>),
    /// None came.
    Failed,
}

/// How it goes on.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// This is to be asked; the answers belong in the same order into `advance`.
    Ask(Asks),
    /// One reply for each command.
    Done(Vec<Reply>),
}
