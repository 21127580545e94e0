//! Repays debts: an object that answers again is charged what this isolate admitted in its absence.
//! In the background, and only then, because a charge that gets no answer may have been applied and
//! is never sent again, but for one that is known by its key.

use tollgate_core::idempotency::Keyed;
use tollgate_core::isolate::debts::{Charge, Debts};
use tollgate_core::subject_state::Item;

use super::counts;
use crate::clock::moment;
use crate::context::Context;
use crate::doors::limiter::{Answered, Limiter, Question};
use crate::doors::Failure;
use crate::hot;
use crate::isolate;

/// Remembers what was admitted without the object. In a time zone that nobody knows nothing can be
/// counted. `keyed`: how its request is known when it comes again, so that it is charged once.
pub(super) fn owe(object: &str, item: &Item, keyed: Option<&Keyed>) {
    let Item { policy, check } = item;
    let _ = isolate::with(|isolate| match keyed {
        Some(keyed) => (isolate.debts).record_keyed(object, keyed, policy, check, moment()),
        None => isolate.debts.record(object, policy, check, moment()),
    });
}

/// Repays the object of a question what is owed to it, if it has answered.
pub(super) fn repay(context: &Context, question: &Question, answered: &Answered) {
    if answered.answer.is_err() || isolate::with(|isolate| isolate.debts.is_empty()) {
        return;
    }
    let owed = isolate::with(|isolate| owed_to(&question.object, &mut isolate.debts));
    if !owed.is_empty() {
        let limiter = context.limiter(context.config.deadline());
        context.in_background(charge(limiter, question.object.clone(), owed));
    }
}

/// What is owed together, and of which request it is, if it is of one that may come again.
type Owed = (Option<Keyed>, Vec<Item>);

fn owed_to(object: &str, debts: &mut Debts) -> Vec<Owed> {
    let keyed = debts.take_keyed(object, moment()).unwrap_or_default();
    let keyed = keyed.into_iter().map(|(keyed, items)| (Some(keyed), items));
    let rest = debts.take(object, moment()).unwrap_or_default();
    keyed
        .chain((!rest.is_empty()).then_some((None, rest)))
        .collect()
}

async fn charge(limiter: Limiter, object: String, owed: Vec<Owed>) {
    let question = |(keyed, items): &Owed| {
        let operation = hot::random_bits();
        Question::charge(&object, operation, items, keyed.as_ref())
    };
    let questions: Vec<Question> = owed.iter().map(question).collect();
    let answers = limiter.ask_all(&questions).await;
    for ((keyed, items), answered) in owed.iter().zip(answers) {
        let charge = match &answered.answer {
            Ok(answer) => Charge::of_answer(answer),
            Err(Failure::LeftAlone | Failure::Overloaded | Failure::Unavailable) => Charge::NotDone,
            // It is charged once, however often it is sent.
            Err(_) if keyed.is_some_and(|it| it.is_stored()) => Charge::NotDone,
            Err(_) => Charge::Unknown,
        };
        match charge {
            Charge::Done => counts::charged(&object, items),
            Charge::NotDone => (items.iter()).for_each(|it| owe(&object, it, keyed.as_ref())),
            Charge::Unknown => {}
        }
    }
}
