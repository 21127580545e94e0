//! By the next policy, where one refuses that falls back to others: one after the other, for the
//! same identifier and within one deadline. Each remembers its own refusals. Where the isolate
//! refuses by itself for the first of them, its objects are asked whether they know newer overrides
//! before another one can admit: a `deny` falls back to nobody.

use core::mem;

use tollgate_core::limit::Name;
use tollgate_core::message::{Answer, Call};
use tollgate_core::multi::Time;
use tollgate_core::Duration;

use super::levels::decide;
use super::newer;
use super::object;
use super::outcome::Outcome;
use super::pending::Levels;
use crate::clock;
use crate::context::Context;
use crate::doors::limiter::Question;
use crate::error::{ApiError, Code};

/// The decision of the first policy that admits, or the refusal of the first of all. Another one is
/// asked while there is time for an answer that takes as long as those before took.
pub(super) async fn check(context: &Context<'_>, mut levels: Levels) -> Result<Outcome, ApiError> {
    let began = clock::now();
    let time = || Time {
        elapsed: clock::now().since(began),
        deadline: context.deadline(),
    };
    let mut others = mem::take(&mut levels.instead);
    if levels.own.keyed.is_some() {
        if let Some(outcome) = again(context, &levels, &mut others).await? {
            return Ok(outcome);
        }
    }
    let context = &context.within(time().left());
    let objects = newer::objects(levels.all());
    let mut first = decide(context, levels).await?;
    let mut is_known = first.is_of_objects;
    let mut refused = Vec::from_iter(first.name());
    let (mut refusals, mut admitted) = (Vec::new(), Ok(None));
    // How many answers the request has waited for, one after the other.
    let mut gone = 1;
    for levels in others {
        if !first.decision.falls_back() || !time().is_enough_for(1, gone) {
            break;
        }
        if !is_known && !levels.are_refused() {
            newer::rule_out(&context.within(time().left()), &objects).await?;
            (is_known, gone) = (true, gone + 1);
        }
        let name = levels.own.item.policy.name().cloned();
        gone += 1;
        match decide(&context.within(time().left()), levels).await {
            Ok(outcome) if outcome.decision.success => {
                admitted = Ok(Some(outcome));
                break;
            }
            Ok(outcome) => refusals.push(outcome),
            Err(error) if error.stale().is_some() => return Err(error),
            // Out of reach and closed: it admits nothing, and the refusals of the others stand.
            Err(error) if error.code() == Code::ObjectUnavailable => {}
            Err(error) => {
                admitted = Err(error);
                break;
            }
        }
        refused.extend(name);
    }
    first.tell(context);
    for refusal in &mut refusals {
        refusal.tell(context);
        first.decision.admits_none(&refusal.decision);
    }
    Ok(match admitted? {
        Some(mut outcome) => {
            outcome.tell(context);
            outcome.after(refused)
        }
        None => first,
    })
}

/// The first answer of the policy that has admitted the request before, where it is known when it
/// comes again. Else another one, which has room by now, would be charged too. Objects that do not
/// answer in half of the time know nothing; a stop of the first policy is a stop.
async fn again(
    context: &Context<'_>,
    first: &Levels,
    others: &mut Vec<Levels>,
) -> Result<Option<Outcome>, ApiError> {
    let question = |levels: &Levels| {
        let keyed = levels.own.keyed?;
        let call = Box::new(Call::Recall);
        Some(Question::new(
            &levels.own.object,
            &Call::Keyed { keyed, call },
        ))
    };
    let questions: Vec<Question> = others.iter().filter_map(question).collect();
    if first.all().any(|it| it.stopped.is_some()) {
        return Ok(None);
    }
    let half = Duration::from_millis(context.deadline().as_millis() / 2);
    let answers = object::answers(&context.within(half), &questions).await;
    let is_known = |answer: &Option<Answer>| matches!(answer, Some(Answer::Decided(_)));
    let Some(place) = answers.iter().position(is_known) else {
        return Ok(None);
    };
    let before = [first].into_iter().chain(&others[..place]);
    let refused: Vec<Name> = before
        .filter_map(|it| it.own.item.policy.name().cloned())
        .collect();
    newer::rule_out(context, &newer::objects(first.all())).await?;
    let mut outcome = decide(&context.within(half), others.swap_remove(place)).await?;
    outcome.tell(context);
    Ok(Some(outcome.after(refused)))
}
