//! Whether objects know newer overrides of their subjects than the isolate, where it has answered
//! about them by itself: because of a stop, or of what it remembers. Such an answer may refuse. But
//! before anything is admitted on the strength of it, by another policy or because it is not
//! enforced, the objects are asked.

use tollgate_core::message::{Answer, Call, RefusalCode};
use tollgate_core::overrides::Revision;
use tollgate_core::Duration;

use super::object;
use super::pending::Pending;
use crate::context::Context;
use crate::doors::limiter::Question;
use crate::error::{ApiError, Stale};

/// A subject's object, and the policy by which its subject is limited.
pub(super) type Asked = (String, String);

/// The objects among these that decide, and so are told of their subjects' overrides. No stop holds
/// for units that are given back.
pub(super) fn objects<'a>(pending: impl Iterator<Item = &'a Pending>) -> Vec<Asked> {
    let strong =
        pending.filter(|it| it.item.check.cost >= 0 && it.item.policy.consistency().is_of_object());
    let asked = |it: &Pending| {
        let policy = it.item.policy.name_or_empty();
        (it.object.clone(), policy.to_owned())
    };
    strong.map(asked).collect()
}

/// Makes sure that none of these objects knows newer overrides, in half of the time that there is.
/// Where one does, or does not answer, [`ApiError::stale`]: then the object that keeps all
/// overrides is asked, and not these again.
pub(super) async fn rule_out(context: &Context<'_>, asked: &[Asked]) -> Result<(), ApiError> {
    match context.known.filter(|_| !asked.is_empty()) {
        // Boxed, because it is rare.
        Some(known) => Box::pin(ask(context, asked, known)).await,
        None => Ok(()),
    }
}

async fn ask(context: &Context<'_>, asked: &[Asked], overrides: Revision) -> Result<(), ApiError> {
    let question = |(object, policy): &Asked| {
        let policy = Some(policy.clone());
        let call = Box::new(Call::Status { policy });
        Question::new(object, &Call::Knowing { overrides, call })
    };
    let questions: Vec<Question> = asked.iter().map(question).collect();
    let half = Duration::from_millis(context.deadline().as_millis() / 2);
    let answers = object::answers(&context.within(half), &questions).await;
    let said = |answer: &Option<Answer>| {
        matches!(
            answer,
            Some(Answer::Refused(RefusalCode::StaleOverrides, _))
        )
    };
    if answers.iter().any(said) {
        return Err(ApiError::stale_overrides(Stale::Known));
    }
    match answers.iter().any(Option::is_none) {
        true => Err(ApiError::stale_overrides(Stale::Silence)),
        false => Ok(()),
    }
}
