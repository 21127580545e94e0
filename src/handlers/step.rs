//! How a handler works without waiting: it says what it wants to know from objects, and what to do with the answers. Only one function
//! awaits ([`super::handle`]), because every function that does becomes a state machine, and those were a tenth of the Worker's size.

use tollgate_core::message::{Answer, Call};
use tollgate_core::refusals::CallTimes;
use tollgate_core::Duration;
use wasm_bindgen::JsValue;

use super::reply::Reply;
use super::Context;
use crate::error::ApiError;
use crate::task::Settled;
use crate::telemetry::Failure;

/// What comes next for a request.
pub(super) enum Step {
    /// Its answer.
    Done(Reply),
    /// Questions to objects, asked all at once.
    Ask(Vec<Question>, Then),
    /// The same, for an answer within this time instead of the deadline.
    AskWithin(Vec<Question>, Duration, Then),
    /// Something of the runtime's to wait for, and what to do with what came of it.
    Await(JsValue, AfterAwait),
}

/// One call to one object.
pub(super) struct Question {
    /// The object's name.
    pub(super) object: String,
    /// What it is asked.
    pub(super) call: Call,
}

/// A question with its answer.
pub(super) struct Asked {
    /// The object's name.
    pub(super) object: String,
    /// What it was asked.
    pub(super) call: Call,
    /// When it was asked, and when it had answered.
    pub(super) times: CallTimes,
    /// What it said, or why it said nothing.
    pub(super) answer: Result<Answer, Failure>,
}

/// What to do with the answers, which come in the order of the questions.
pub(super) type Then = Box<dyn FnOnce(&Context, Vec<Asked>) -> Result<Step, ApiError>>;

/// What to do with what a promise came to.
pub(super) type AfterAwait = Box<dyn FnOnce(&Context, Settled) -> Result<Step, ApiError>>;

impl Step {
    /// Asks one object one thing.
    pub(super) fn ask(
        object: String,
        call: Call,
        then: impl FnOnce(&Context, Asked) -> Result<Step, ApiError> + 'static,
    ) -> Step {
        let then: Then = Box::new(|context, asked| {
            let asked = asked.into_iter().next();
            // There is an answer to every question.
            let asked = asked.ok_or_else(ApiError::object_unavailable)?;
            then(context, asked)
        });
        Step::Ask(vec![Question { object, call }], then)
    }
}
