//! What is to be done next with the parts of a permit.

use crate::message::{Answer, Call};
use crate::Duration;

/// What to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<T> {
    /// Have these objects do this in the background: nobody waits for it.
    pub tell: Vec<(String, Call)>,
    /// What comes then.
    pub next: Next<T>,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next<T> {
    /// Have these objects answer these calls, all at once. The answers are told in their order.
    Ask {
        /// The name of each object, and what it is asked; at least one.
        calls: Vec<(String, Call)>,
        /// How long they may take.
        patience: Duration,
    },
    /// It is done, or cannot be.
    Done(Result<T, Failed>),
}

/// Why it cannot be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failed {
    /// An object that has to answer did not. The same call can be made again.
    Silent,
    /// An object answers this instead.
    Refused(Box<Answer>),
}

impl<T> Step<T> {
    pub(super) const fn done(result: Result<T, Failed>) -> Step<T> {
        Step {
            tell: Vec::new(),
            next: Next::Done(result),
        }
    }

    pub(super) const fn ask(calls: Vec<(String, Call)>, patience: Duration) -> Step<T> {
        Step {
            tell: Vec::new(),
            next: Next::Ask { calls, patience },
        }
    }

    /// The same, and these are told before.
    pub(super) fn telling(mut self, tell: Vec<(String, Call)>) -> Step<T> {
        self.tell = tell;
        self
    }
}

impl Failed {
    /// Of an answer that is not the one that was asked for; `None` stands for silence.
    pub(super) fn of(answer: Option<Answer>) -> Failed {
        answer.map_or(Failed::Silent, |answer| Failed::Refused(Box::new(answer)))
    }
}
