//! Units given back to a policy that has a parent. The levels above get back what the lowest one
//! really had to give back, and no more: whoever has used nothing gives back nothing of what others
//! have used. So they are asked one after the other; a refund is never refused, and nothing of it
//! is taken back.

use tollgate_core::decide::Check;
use tollgate_core::decision::{Decision, Source};
use tollgate_core::idempotency::{Aim, Keyed};
use tollgate_core::subject_state::Item;

use crate::context::Context;
use crate::decide::asking::Asking;
use crate::decide::fallback;
use crate::decide::object;
use crate::decide::outcome::Outcome;
use crate::decide::pending::{Levels, Pending};
use crate::doors::limiter::Told;
use crate::error::ApiError;

/// Gives units back to all levels.
pub(super) async fn give_back(context: &Context<'_>, levels: Levels) -> Result<Outcome, ApiError> {
    let Levels { own, mut above, .. } = levels;
    let (decision, source, given) = to_own(context, &own).await?;
    let mut decisions = vec![Some((decision, source))];
    if given > 0 {
        above.iter_mut().for_each(|it| it.item.check.cost = -given);
        decisions.extend(to_above(context, &above).await);
    }
    let mut all = vec![own];
    all.append(&mut above);
    decisions.resize_with(all.len(), || None);
    let outcome = Outcome::of_levels(context, all, decisions);
    outcome.ok_or_else(ApiError::object_unavailable) // the first is known
}

/// Gives units back to the level that was asked: its decision, and how many units it had to give
/// back. It is looked at first, in the same call, so that nothing happens in between.
async fn to_own(context: &Context<'_>, own: &Pending) -> Result<(Decision, Source, i64), ApiError> {
    let look = Check {
        cost: 0,
        ..own.item.peek().check
    };
    let look = Item {
        policy: own.item.policy.clone(),
        check: look,
    };
    let items = [look, own.item.clone()];
    let key = |policy: &_| object::key_of(&own.object, policy);
    let askings = [Asking::new(
        &own.object,
        (None, None),
        &items,
        Told::new(own.keyed, None),
        &key,
    )];
    let all = |_| items.to_vec();
    let mut answers = object::ask_all(context, &askings, &all, context.deadline()).await;
    let answered = answers.pop().ok_or_else(ApiError::object_unavailable)?; // one was asked
    match answered.answer {
        Ok(answer) => {
            let mut decisions = object::decisions(answer)?.into_iter();
            match (decisions.next(), decisions.next()) {
                (Some(before), Some(after)) => {
                    let given = given_back(&before, &after);
                    Ok((after, Source::Object, given))
                }
                _ => Err(ApiError::object_unavailable()),
            }
        }
        Err(failure) => {
            let (decision, source) = fallback::decide(context, failure, &own.object, &own.item)?;
            Ok((decision, source, 0))
        }
    }
}

/// How many units more are left than before, at the limit where that is most; of a refund of n at
/// most n.
fn given_back(before: &Decision, after: &Decision) -> i64 {
    if !after.success {
        return 0;
    }
    let limits = before.limits.iter().zip(after.limits.iter());
    let given = limits.map(|(before, after)| after.remaining.saturating_sub(before.remaining));
    i64::try_from(given.max().unwrap_or(0)).unwrap_or(i64::MAX)
}

/// The level that was asked has known it: the others give back as much, and forget it.
const fn taken_back(keyed: Keyed) -> Keyed {
    let aim = match keyed.aim {
        Aim::TakeBack { .. } => Aim::TakeBack { only_known: false },
        other => other,
    };
    Keyed { aim, ..keyed }
}

/// Gives units back to the levels above; their decisions, as far as they are known.
async fn to_above(context: &Context<'_>, above: &[Pending]) -> Vec<Option<(Decision, Source)>> {
    let asking = |it: &Pending| {
        let key = |policy: &_| object::key_of(&it.object, policy);
        Asking::new(
            &it.object,
            (None, None),
            core::slice::from_ref(&it.item),
            Told::new(it.keyed.map(taken_back), None),
            &key,
        )
    };
    let askings: Vec<Asking> = above.iter().map(asking).collect();
    let items = |place: usize| vec![above[place].item.clone()];
    let answers = object::ask_all(context, &askings, &items, context.deadline()).await;
    let decision = |answered: crate::doors::limiter::Answered| {
        let decision = object::decisions(answered.answer.ok()?).ok()?.pop()?;
        Some((decision, Source::Object))
    };
    answers.into_iter().map(decision).collect()
}
