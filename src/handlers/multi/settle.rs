//! What the answers of several objects come to: decisions for the entries, and charges taken back where one object denies.

use tollgate_core::decision::{Decision, Source};
use tollgate_core::message::{Answer, Call};
use tollgate_core::refusals::CallTimes;
use tollgate_core::subject_state::Item;
use wasm_bindgen::JsValue;

use super::{finish, items, Entry, Group};
use crate::error::ApiError;
use crate::handlers::answer::decisions;
use crate::handlers::check::without_object;
use crate::handlers::step::{Asked, Question, Step, Then};
use crate::handlers::Context;
use crate::isolate::memory;
use crate::limiter_client::Limiter;
use crate::task;
use crate::telemetry::Failure;

/// What became of one object's call.
pub(super) struct Outcome {
    /// Whether it may have charged anything.
    pub(super) charged: Charged,
    /// Why the whole request fails, if it does.
    pub(super) error: Option<ApiError>,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Charged {
    Yes,
    No,
    /// It did not answer.
    Perhaps,
}

/// Gives every entry its decision, and has charges taken back if one denied.
pub(super) fn settle_all(
    context: &Context,
    mut entries: Vec<Entry>,
    groups: Vec<Group>,
    asked: Vec<Asked>,
    operation: u128,
) -> Result<Step, ApiError> {
    let mut outcomes = Vec::with_capacity(groups.len());
    for (group, asked) in groups.iter().zip(asked) {
        outcomes.push(settle(context, &mut entries, group, asked));
    }
    let admitted = |entry: &Entry| entry.answer.as_ref().is_some_and(|(it, _)| it.success);
    let success = entries.iter().all(admitted);
    let charged: Vec<Charged> = outcomes.iter().map(|outcome| outcome.charged).collect();
    let error = outcomes.into_iter().find_map(|outcome| outcome.error);
    if (success && error.is_none()) || groups.len() == 1 {
        return finish(context, entries, success, error);
    }
    let of = |wanted: Charged| {
        let both = groups.iter().zip(&charged);
        both.filter(move |(_, charged)| **charged == wanted)
            .map(|(group, _)| group)
    };
    let silent = of(Charged::Perhaps).map(|group| group.object.clone());
    cancel_later(context, silent.collect(), operation);
    let mut questions = Vec::new();
    for group in of(Charged::Yes) {
        take_back(&entries, group, operation, &mut questions);
    }
    let then: Then = Box::new(move |context, asked| {
        let charged = groups
            .iter()
            .zip(&charged)
            .filter(|(_, charged)| **charged == Charged::Yes);
        // Of each two answers the second is that to the peek.
        let peeked = asked.into_iter().skip(1).step_by(2);
        for ((group, _), asked) in charged.zip(peeked) {
            // Without an answer the entries keep what they said before they were cancelled, which was true then.
            if let Ok(Answer::Decided(decided)) = asked.answer {
                give(&mut entries, group, sourced(decided));
            }
        }
        finish(context, entries, success, error)
    });
    Ok(Step::Ask(questions, then))
}

/// Gives each entry of a group its decision.
pub(super) fn settle(
    context: &Context,
    entries: &mut [Entry],
    group: &Group,
    asked: Asked,
) -> Outcome {
    match asked.answer {
        Ok(answer) => of_object(entries, group, asked.times, answer),
        Err(failure) => Outcome {
            charged: Charged::Perhaps,
            error: of_fallback(context, entries, group, failure),
        },
    }
}

/// What an object said.
fn of_object(entries: &mut [Entry], group: &Group, times: CallTimes, answer: Answer) -> Outcome {
    let decided = match decisions(answer) {
        Ok(decided) => decided,
        Err(error) => {
            return Outcome {
                charged: Charged::No,
                error: Some(error),
            }
        }
    };
    learn(entries, group, times, &decided);
    let charged = if decided.iter().all(|decision| decision.success) {
        Charged::Yes
    } else {
        Charged::No
    };
    give(entries, group, sourced(decided));
    Outcome {
        charged,
        error: None,
    }
}

/// What the failure modes say; the first error. Every entry that was decided knows it, so that what was counted can be given back.
fn of_fallback(
    context: &Context,
    entries: &mut [Entry],
    group: &Group,
    failure: Failure,
) -> Option<ApiError> {
    let mut error = None;
    for &place in &group.entries {
        let entry = &mut entries[place];
        entry.uncounted = !failure.may_have_counted();
        let Item { policy, check } = &entry.item;
        match without_object(context, failure, &group.object, policy, check) {
            Ok(answer) => entry.answer = Some(answer),
            Err(it) => error = error.or(Some(it)),
        }
    }
    error
}

type Sourced = Vec<(Decision, Source)>;

fn sourced(decided: Vec<Decision>) -> Sourced {
    let of_object = |decision| (decision, Source::Object);
    decided.into_iter().map(of_object).collect()
}

/// Remembers a refusal. Of several entries of one object one may be refused because of another, which is then not charged: so only of one.
fn learn(entries: &[Entry], group: &Group, times: CallTimes, decided: &[Decision]) {
    if let ([place], [decision]) = (group.entries.as_slice(), decided) {
        let Entry { key, item, .. } = &entries[*place];
        memory(|memory| {
            let refusals = &mut memory.refusals;
            refusals.learn(*key, &item.check, times, decision);
        });
    }
}

fn give(entries: &mut [Entry], group: &Group, decided: Sourced) {
    for (&place, answer) in group.entries.iter().zip(decided) {
        entries[place].answer = Some(answer);
    }
}

/// Cancels what was charged, and asks how the entries stand without it: two calls to one object are answered in their order.
fn take_back(entries: &[Entry], group: &Group, operation: u128, questions: &mut Vec<Question>) {
    let calls = [
        Call::Cancel { operation },
        Call::Limit {
            operation: None,
            items: items(entries, group, true),
        },
    ];
    questions.extend(calls.map(|call| Question {
        object: group.object.clone(),
        call,
    }));
}

/// Tells those who did not answer in the background: what is not cancelled stays charged until its window passes.
fn cancel_later(context: &Context, objects: Vec<String>, operation: u128) {
    if objects.is_empty() {
        return;
    }
    let (env, deadline) = (context.env.clone(), context.config.deadline());
    let cancelled = task::spawn(async move {
        let call = Call::Cancel { operation };
        let calls = objects.iter().map(|object| (object.as_str(), &call));
        let _ = Limiter::new(&env, deadline).call_all(calls).await;
        JsValue::UNDEFINED
    });
    let _ = context.execution.wait_until(&cancelled);
}
