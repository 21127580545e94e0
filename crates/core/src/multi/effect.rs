//! What a request over several subjects wants done.

use crate::decision::{Decision, Source};
use crate::Duration;

/// Something to do, in the order given. The last effect of a step is the one that the next
/// [`Event`](super::Event) tells of, or [`Effect::Done`]. Entries are named by their index in the
/// request, objects by the order in which the entries name them first. `E` is why the request
/// cannot be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect<E> {
    /// Send these messages at once. Those to one object arrive in the order given.
    Send {
        /// The messages.
        messages: Vec<Message>,
        /// How long their objects may take.
        patience: Duration,
    },
    /// Have the failure modes decide these entries, whose objects gave no answer.
    FallBack {
        /// The entries.
        entries: Vec<usize>,
        /// Whether to answer as a decision would, and to give out nothing.
        peek: bool,
    },
    /// Have these objects cancel an operation, in the background: they did not answer in time, and
    /// nobody waits for them.
    CancelLater {
        /// The objects.
        objects: Vec<usize>,
        /// The operation.
        operation: u128,
    },
    /// Remember the object's decision on an entry, under the times of its last message.
    Learn {
        /// The entry.
        entry: usize,
        /// The decision.
        decision: Decision,
        /// Whether a refusal may be answered again without the object: the entry is the only one
        /// of its object, so that no other entry has refused it.
        is_alone: bool,
    },
    /// An object that refused in the first round gave no answer in the last. Its refusal stands.
    KeepRefusal {
        /// The object.
        object: usize,
    },
    /// Give back what an entry's failure mode gave out.
    GiveBack {
        /// The entry.
        entry: usize,
        /// What the failure mode decided.
        decision: Decision,
    },
    /// An entry was admitted and its object has certainly not counted it.
    Owe {
        /// The entry.
        entry: usize,
    },
    /// The request is decided, or cannot be.
    Done(Result<Decided, E>),
}

/// What was decided about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// Whether all entries are admitted. Otherwise none is charged.
    pub success: bool,
    /// Each entry's decision, and where it was made; `None` where the request is refused, not each
    /// entry is to be answered, and this one has not refused.
    pub decisions: Vec<Option<(Decision, Source)>>,
}

/// The entry whose decision tells most of these: if all are admitted the one with least left, else
/// the refused one with the longest wait, where waiting in vain counts as the longest. `None` where
/// there is no such entry.
pub fn deciding<'a>(
    success: bool,
    decisions: impl Iterator<Item = Option<&'a Decision>>,
) -> Option<usize> {
    let known = decisions
        .enumerate()
        .filter_map(|(i, decision)| Some((i, decision?)));
    if success {
        let left = |decision: &Decision| Some(decision.deciding()?.remaining);
        let left = known.filter_map(|(i, decision)| Some((i, left(decision)?)));
        return left.min_by_key(|(_, left)| *left).map(|(i, _)| i);
    }
    let wait = |decision: &Decision| decision.retry_after.map_or(u64::MAX, |it| it.as_millis());
    let refused = known.filter(|(_, decision)| !decision.success);
    // Of equal ones the first.
    let refused = refused.min_by_key(|(_, it)| core::cmp::Reverse(wait(it)));
    refused.map(|(i, _)| i)
}

/// One message to one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// Decide and charge the object's entries, all or nothing.
    Charge {
        /// The object.
        object: usize,
        /// Under which operation; none where there is nothing to take back.
        operation: Option<u128>,
    },
    /// Take back what the operation charged.
    Cancel {
        /// The object.
        object: usize,
        /// The operation.
        operation: u128,
    },
    /// Say how the object's entries stand, and change nothing.
    Look {
        /// The object.
        object: usize,
    },
}

impl Message {
    /// The object that it goes to.
    pub const fn object(self) -> usize {
        match self {
            Message::Charge { object, .. }
            | Message::Cancel { object, .. }
            | Message::Look { object } => object,
        }
    }
}
