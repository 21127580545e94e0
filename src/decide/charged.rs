//! What objects have charged, or may have, and is to be taken back: of a request that was refused
//! elsewhere, or whose caller has gone while he waited for his turn.

use tollgate_core::message::Call;

use crate::context::Context;
use crate::doors::limiter::{Limiter, Question};

/// What was charged, so that it can be taken back.
#[derive(Clone)]
pub(super) struct Charged {
    pub(super) operation: u128,
    /// The objects that have charged their parts, or may have.
    pub(super) objects: Vec<String>,
}

impl Charged {
    /// Has the objects take it back, in the background. A place before the last is a gap then,
    /// which the next caller takes whose cost fits.
    pub(super) fn give_back(&self, context: &Context) {
        let call = Call::Cancel {
            operation: self.operation,
        };
        let questions = self.objects.iter().map(|it| Question::new(it, &call));
        let questions: Vec<Question> = questions.collect();
        let (env, deadline) = (context.env.clone(), context.config.deadline());
        context.in_background(async move {
            let limiter = Limiter::new(&env, deadline, deadline);
            limiter.ask_all(&questions).await;
        });
    }
}
