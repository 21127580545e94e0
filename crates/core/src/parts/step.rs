//! What is to be done next with the parts of a permit.

use crate::message::{Answer, Call, RefusalCode};
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

/// What a part has said that has not done what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Other {
    /// It has no units of the permit: it was out of reach when that was taken, holds slots alone,
    /// or a place that was promised.
    HasNone,
    /// What it held has ended.
    Ended,
    /// It cannot, for another reason.
    Refused,
    /// It has said nothing, or what nobody has asked.
    Silent,
}

impl Other {
    pub(super) const fn of(answer: Option<&Answer>) -> Other {
        let Some(Answer::Refused(code, _)) = answer else {
            return Other::Silent;
        };
        match code {
            RefusalCode::UnknownPermit | RefusalCode::IsPlace => Other::HasNone,
            RefusalCode::PermitEnded => Other::Ended,
            RefusalCode::UnknownTimeZone
            | RefusalCode::NotHeld
            | RefusalCode::TooManyPermits
            | RefusalCode::TooManyLimits
            | RefusalCode::UnknownDefinition
            | RefusalCode::StaleOverrides
            | RefusalCode::Cancelled
            | RefusalCode::KeyReused => Other::Refused,
            // It cannot read the call, or write.
            RefusalCode::Unavailable => Other::Silent,
        }
    }
}
