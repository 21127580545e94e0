//! Where a check is decided: by the subject's object, in the isolate, by a native binding, or in
//! place of an object that does not answer. Each place is a file. Those that a policy may choose
//! are a `RateLimitStore` each, of which [`levels`] takes one; what is asked where a policy refuses
//! is in [`instead`].

mod again;
mod asking;
pub(crate) mod binding;
mod capped;
mod charged;
pub(crate) mod counts;
mod debts;
mod fallback;
mod here;
mod instead;
mod later;
mod lease;
mod lent;
mod levels;
mod newer;
pub(crate) mod object;
mod outcome;
mod pending;
pub(crate) mod policies;
pub(crate) mod preview;
pub(crate) mod reports;
pub(crate) mod session;
pub(crate) mod subjects;
pub(crate) mod together;
mod waiting;

use core::slice;

use tollgate_core::api::request::LimitRequest;

use crate::context::Context;
use crate::error::ApiError;

use again::Turn;
pub(crate) use outcome::Outcome;
use pending::Levels;
pub(crate) use pending::Reads;

/// Decides a request where its policy wants it decided; once more where an object knows newer
/// overrides than the isolate. Where it waits, the outcome comes with its turn.
pub(crate) async fn check(
    context: &Context<'_>,
    read: Reads<'_, LimitRequest>,
) -> Result<Outcome, ApiError> {
    let mut outcome = decided(context, read).await?;
    if !outcome.waits() {
        return Ok(outcome);
    }
    let shut_out = async || shut_out(context, read).await;
    let outcomes = slice::from_mut(&mut outcome);
    let refused = Box::pin(waiting::held(context, outcomes, shut_out)).await;
    Ok(refused.unwrap_or(outcome))
}

/// What refuses now whoever asks for nothing: a block, a penalty, an override. `None` where nothing
/// does, or where it cannot be known.
async fn shut_out(context: &Context<'_>, read: Reads<'_, LimitRequest>) -> Option<Outcome> {
    let look = || {
        let mut request = read()?;
        request.wait = None;
        request.check = waiting::of_nothing(request.check);
        request.repeat = None;
        Ok(request)
    };
    let outcome = decided(context, &look).await.ok()?;
    (!outcome.decision.success).then_some(outcome)
}

async fn decided(
    context: &Context<'_>,
    read: Reads<'_, LimitRequest>,
) -> Result<Outcome, ApiError> {
    again::decided(context, async |context: &Context<'_>, turn: &Turn| {
        checked(context, read()?, turn).await
    })
    .await
}

async fn checked(
    context: &Context<'_>,
    request: LimitRequest,
    turn: &Turn,
) -> Result<Outcome, ApiError> {
    let is_degraded = pending::confirmed(context, slice::from_ref(&request)).await?;
    let context = &turn.ready(context);
    let levels = Levels::of(context, request, is_degraded)?;
    if context.here.is_some() {
        here::suits(context, &levels)?;
    }
    if !levels.instead.is_empty() {
        return Box::pin(instead::check(context, levels)).await;
    }
    let mut outcome = levels::decide(context, levels).await?;
    outcome.tell(context);
    Ok(outcome)
}
