//! What a request over several subjects is told.

use crate::decision::{Decision, Source};

/// What happened since the last step. `E` is why something cannot be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<E> {
    /// The replies to the messages of an [`Effect::Send`](super::Effect::Send), in their order.
    Replied(Vec<Reply<E>>),
    /// What the failure modes decided for an [`Effect::FallBack`](super::Effect::FallBack), in the
    /// order of its entries.
    FellBack(Vec<Result<(Decision, Source), E>>),
}

/// What became of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply<E> {
    /// The object decided: one decision for each of its entries, in their order.
    Decided(Vec<Decision>),
    /// The object has answered a cancellation.
    Cancelled,
    /// The object refuses to answer, and has charged nothing.
    Failed(E),
    /// The object gave no answer.
    Silent {
        /// Whether it may have counted the message all the same.
        may_have_counted: bool,
    },
}
