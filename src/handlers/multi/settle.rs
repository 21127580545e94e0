//! The decisions of one object, or of the failure modes in its place, for the entries that were asked of it.

use tollgate_core::decision::{Decision, Source};
use tollgate_core::message::Answer;
use tollgate_core::multi::{Charged, Heard, Verdict};
use tollgate_core::refusals::CallTimes;
use tollgate_core::subject_state::Item;

use super::{Entry, Group};
use crate::error::ApiError;
use crate::handlers::answer::decisions;
use crate::handlers::check::without_object;
use crate::handlers::step::Asked;
use crate::handlers::Context;
use crate::isolate::memory;
use crate::telemetry::Failure;

/// The outcome of one object's call.
pub(super) struct Outcome {
    pub(super) heard: Heard,
    /// Why the whole request fails, if it does.
    pub(super) error: Option<ApiError>,
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
        Err(failure) => {
            let error = of_fallback(context, entries, group, failure);
            let admitted = |&place: &usize| {
                let answer = entries[place].answer.as_ref();
                answer.is_some_and(|(decision, _)| decision.success)
            };
            let verdict = if error.is_none() && group.entries.iter().all(admitted) {
                Verdict::Admitted
            } else {
                Verdict::Refused
            };
            let charged = Charged::Perhaps;
            Outcome {
                heard: Heard { charged, verdict },
                error,
            }
        }
    }
}

/// What an object said.
fn of_object(entries: &mut [Entry], group: &Group, times: CallTimes, answer: Answer) -> Outcome {
    let decided = match decisions(answer) {
        Ok(decided) => decided,
        Err(error) => {
            return Outcome {
                heard: Heard {
                    charged: Charged::No,
                    verdict: Verdict::Refused,
                },
                error: Some(error),
            }
        }
    };
    learn(entries, group, times, &decided);
    let mut refusals = decided.iter().filter(|decision| !decision.success);
    let (charged, verdict) = if refusals.clone().next().is_none() {
        (Charged::Yes, Verdict::Admitted)
    } else if refusals.all(|decision| decision.contended) {
        (Charged::No, Verdict::Contended)
    } else {
        (Charged::No, Verdict::Refused)
    };
    give(entries, group, sourced(decided));
    Outcome {
        heard: Heard { charged, verdict },
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

pub(super) type Sourced = Vec<(Decision, Source)>;

pub(super) fn sourced(decided: Vec<Decision>) -> Sourced {
    let of_object = |decision| (decision, Source::Object);
    decided.into_iter().map(of_object).collect()
}

/// Remembers refusals. An entry may be refused because of another entry of the same object, which is not charged then: so a refusal is
/// remembered for an object's only entry alone, while the object is asked first the next time in any case.
fn learn(entries: &[Entry], group: &Group, times: CallTimes, decided: &[Decision]) {
    for (&place, decision) in group.entries.iter().zip(decided) {
        let policy = &entries[place].item.policy;
        if !decision.contended {
            memory(|memory| {
                let last = &mut memory.refused_last;
                last.learn(&group.object, policy, !decision.success, times.received);
            });
        }
    }
    if let ([place], [decision]) = (group.entries.as_slice(), decided) {
        let Entry { key, item, .. } = &entries[*place];
        memory(|memory| {
            let refusals = &mut memory.refusals;
            refusals.learn(*key, &item.check, times, decision);
        });
    }
}

pub(super) fn give(entries: &mut [Entry], group: &Group, decided: Sourced) {
    for (&place, answer) in group.entries.iter().zip(decided) {
        entries[place].answer = Some(answer);
    }
}
