//! Repays debts: an object that answers again is charged what this isolate admitted in its absence.
//! In the background, and only then, because a charge that gets no answer may have been applied and
//! is never sent again.

use tollgate_core::isolate::debts::Charge;
use tollgate_core::subject_state::Item;
use tollgate_core::Duration;
use worker::Env;

use super::counts;
use crate::clock::moment;
use crate::context::Context;
use crate::doors::limiter::{Answered, Limiter, Question};
use crate::doors::Failure;
use crate::hot;
use crate::isolate;

/// Remembers what was admitted without the object. In a time zone that nobody knows nothing can be
/// counted.
pub(super) fn owe(object: &str, item: &Item) {
    let Item { policy, check } = item;
    let _ = isolate::with(|isolate| isolate.debts.record(object, policy, check, moment()));
}

/// Repays the object of a question what is owed to it, if it has answered.
pub(super) fn repay(context: &Context, question: &Question, answered: &Answered) {
    if answered.answer.is_err() || isolate::with(|isolate| isolate.debts.is_empty()) {
        return;
    }
    match isolate::with(|isolate| isolate.debts.take(&question.object, moment())) {
        Ok(items) if !items.is_empty() => {
            let (env, deadline) = (context.env.clone(), context.config.deadline());
            context.in_background(charge(env, deadline, question.object.clone(), items));
        }
        _ => {}
    }
}

async fn charge(env: Env, deadline: Duration, object: String, items: Vec<Item>) {
    let operation = hot::random_bits();
    let question = Question::charge(&object, operation, &items);
    let answer = Limiter::new(&env, deadline, deadline)
        .ask(&question)
        .await
        .answer;
    let charge = match &answer {
        Ok(answer) => Charge::of_answer(answer),
        Err(Failure::LeftAlone | Failure::Overloaded | Failure::Unavailable) => Charge::NotDone,
        Err(_) => Charge::Unknown,
    };
    match charge {
        Charge::Done => counts::charged(&object, &items),
        Charge::NotDone => items.iter().for_each(|item| owe(&object, item)),
        Charge::Unknown => {}
    }
}
