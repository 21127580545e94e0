//! Checks with levels that are not enforced. Those are asked after the others have admitted, so
//! that they never refuse for them, and a request that is refused is charged to none of them.

use tollgate_core::decision::{Decision, Reason, Source};
use tollgate_core::subject_state::Item;

use crate::clock;
use crate::context::Context;
use crate::decide::asking::{record_kept, Asking};
use crate::decide::outcome::Outcome;
use crate::decide::pending::{Levels, Pending};
use crate::decide::{fallback, object};
use crate::doors::limiter::{Answered, Told};
use crate::error::ApiError;

/// One check, taken apart.
pub(super) struct Part {
    has_enforced: bool,
    /// Whether the lowest level is among those that are not enforced.
    is_lowest: bool,
    apart: Vec<Pending>,
}

/// Takes checks apart; with the enforced levels of those that have any.
pub(super) fn taken_apart(checks: Vec<Levels>) -> (Vec<Part>, Vec<Vec<Pending>>) {
    let (mut parts, mut enforced) = (Vec::new(), Vec::new());
    for levels in checks {
        let is_lowest = levels.own.is_shadow;
        let (apart, together): (Vec<Pending>, Vec<Pending>) =
            levels.into_all().partition(|it| it.is_shadow);
        let has_enforced = !together.is_empty();
        enforced.extend(has_enforced.then_some(together));
        parts.push(Part {
            has_enforced,
            is_lowest,
            apart,
        });
    }
    (parts, enforced)
}

/// The names of the limits that are not enforced.
pub(super) fn limits(parts: &[Part]) -> Vec<String> {
    let apart = parts.iter().flat_map(|part| &part.apart);
    let limits = apart.flat_map(|it| it.item.limits_held());
    limits.map(|name| name.as_str().to_owned()).collect()
}

/// The outcomes of checks that are refused before the levels were asked that are not enforced, with
/// the names of the policies that were asked.
pub(super) fn named(parts: Vec<Part>, outcomes: Vec<Outcome>) -> Vec<Outcome> {
    let all = parts.into_iter().zip(outcomes);
    let named =
        all.map(
            |(part, outcome)| match part.apart.into_iter().next().filter(|_| part.is_lowest) {
                Some(lowest) => outcome.about(lowest),
                None => outcome,
            },
        );
    named.collect()
}

/// The outcomes of all checks, from those of the checks with enforced levels. `success`: whether
/// these admit the request.
pub(super) async fn put_together(
    context: &Context<'_>,
    parts: Vec<Part>,
    outcomes: Vec<Outcome>,
    success: bool,
) -> Vec<Outcome> {
    let decided = decided(context, &parts, success).await;
    let (mut decided, mut outcomes) = (decided.into_iter(), outcomes.into_iter());
    let outcome = |part: Part| {
        let mut whole = match part.has_enforced {
            true => Some(outcomes.next()?),
            false => None,
        };
        for (i, pending) in part.apart.into_iter().enumerate() {
            let (decision, source) = decided.next()?;
            let mut shadow = Outcome::new(pending, decision, source);
            shadow.learn(context);
            shadow.tell_later(context);
            whole = Some(match whole {
                None => shadow,
                Some(whole) => whole.beside(shadow, part.is_lowest && i == 0),
            });
        }
        whole
    };
    parts.into_iter().filter_map(outcome).collect()
}

/// What the levels decide that are not enforced, in their order; only looked at where the request
/// is refused.
async fn decided(context: &Context<'_>, parts: &[Part], success: bool) -> Vec<(Decision, Source)> {
    let all: Vec<&Pending> = parts.iter().flat_map(|part| &part.apart).collect();
    let item = |pending: &Pending| match success {
        true => pending.item.clone(),
        false => pending.item.peek(),
    };
    let asking = |pending: &&Pending| {
        let key = |policy: &_| object::key_of(&pending.object, policy);
        let keyed = pending.keyed.filter(|_| success);
        let items = [item(pending)];
        Asking::new(
            &pending.object,
            (None, None),
            &items,
            Told::new(keyed, None),
            &key,
        )
    };
    let askings: Vec<Asking> = all.iter().map(asking).collect();
    let items = |place: usize| vec![item(all[place])];
    let answers = object::ask_all(context, &askings, &items, context.deadline()).await;
    let decided = all.iter().zip(answers);
    let decided = decided.map(|(pending, it)| learnt(context, pending, &item(pending), it));
    decided.collect()
}

/// The decision in an answer, which the isolate remembers. Where there is none it is admitted: this
/// request cannot fail for it.
fn learnt(
    context: &Context<'_>,
    pending: &Pending,
    item: &Item,
    answered: Answered,
) -> (Decision, Source) {
    let decided = match answered.answer {
        Ok(answer) => object::decisions(answer).ok().and_then(|mut it| it.pop()),
        Err(failure) => return absent(fallback::decide(context, failure, &pending.object, item)),
    };
    let Some(decision) = decided else {
        return absent(Err(ApiError::object_unavailable()));
    };
    let key = object::key_of(&pending.object, &item.policy);
    object::learn(&pending.object, key, item, answered.times, &decision);
    record_kept(key, item, answered.times, &decision);
    (decision, Source::Object)
}

fn absent(decided: Result<(Decision, Source), ApiError>) -> (Decision, Source) {
    let admitted = Decision::bare(clock::now(), true, Some(Reason::Degraded));
    decided.unwrap_or((admitted, Source::Fallback))
}
