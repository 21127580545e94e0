//! What objects have charged, or may have, and is to be taken back: of a request that was refused
//! elsewhere, or whose caller has gone while he waited for his turn.

use tollgate_core::decision::Decision;
use tollgate_core::idempotency::Keyed;
use tollgate_core::message::Call;
use tollgate_core::subject_state::Item;

use super::{debts, fallback};
use crate::context::Context;
use crate::doors::limiter::Question;

/// What was charged, so that it can be taken back.
#[derive(Clone)]
pub(super) struct Charged {
    pub(super) operation: u128,
    /// The objects that have charged their parts, or may have.
    pub(super) objects: Vec<String>,
    /// What failure modes have given out in place of objects.
    pub(super) given: Vec<Given>,
}

/// What a failure mode has given out to a caller who waits. It is owed to the object once he goes
/// ahead: who leaves before has used nothing.
#[derive(Clone)]
pub(super) struct Given {
    pub(super) object: String,
    pub(super) item: Item,
    pub(super) keyed: Option<Keyed>,
    pub(super) decision: Decision,
}

impl Given {
    /// The object is to be charged once it answers again.
    pub(super) fn owe(&self) {
        debts::owe(&self.object, &self.item, self.keyed.as_ref());
    }
}

impl Charged {
    /// The caller goes ahead.
    pub(super) fn keep(&self) {
        self.given.iter().for_each(Given::owe);
    }

    /// Has the objects take it back, in the background. A place before the last is a gap then,
    /// which the next caller takes whose cost fits.
    pub(super) fn give_back(&self, context: &Context) {
        for Given {
            object,
            item,
            decision,
            ..
        } in &self.given
        {
            fallback::give_back(context, object, item, decision);
        }
        let call = Call::Cancel {
            operation: self.operation,
        };
        let questions = self.objects.iter().map(|it| Question::new(it, &call));
        let questions: Vec<Question> = questions.collect();
        let limiter = context.limiter(context.config.deadline());
        context.in_background(async move {
            limiter.ask_all(&questions).await;
        });
    }
}
