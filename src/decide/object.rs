//! In the subject's object, which is the usual place and the exact one. What it refused a moment
//! ago the isolate refuses without it.

use core::slice;

use tollgate_core::api::refused::Refused;
use tollgate_core::decision::{Decision, Reason, Source};
use tollgate_core::idempotency::Keyed;
use tollgate_core::isolate::bounded::Key;
use tollgate_core::isolate::refusals::CallTimes;
use tollgate_core::lease::Borrowing;
use tollgate_core::message::{Answer, Call, RefusalCode};
use tollgate_core::multi::Time;
use tollgate_core::policy::Policy;
use tollgate_core::replay::trace::Apart;
use tollgate_core::store::RateLimitStore;
use tollgate_core::subject_state::{Item, Status};
use tollgate_core::Duration;

use super::asking::{record_kept, Asking};
use super::{binding, debts, fallback};
use crate::clock;
use crate::context::Context;
use crate::doors::limiter::{Answered, Question, Told};
use crate::error::{ApiError, Stale};
use crate::isolate;
use crate::recording;
use crate::telemetry::flush;

/// The subjects' objects, and what the isolate knows of them, for the time of one request.
pub(super) struct ObjectStore<'a> {
    pub(super) context: &'a Context<'a>,
    /// How the request is known when it comes again.
    pub(super) keyed: Option<Keyed>,
}

impl RateLimitStore for ObjectStore<'_> {
    type Error = ApiError;

    /// Decides: by what the isolate remembers, else by asking. Where the object is to be shielded
    /// from floods, a native binding is asked first.
    async fn decide(&self, object: &str, item: &Item) -> Result<(Decision, Source), ApiError> {
        let context = self.context;
        if context.is_here(object) {
            return self.decide_here(object, item).await;
        }
        let key = key_of(object, &item.policy);
        // Who has been admitted before is not refused now.
        if self.keyed.is_none() {
            if let Some(decision) = remembered(key, item) {
                return Ok((decision, Source::Cache));
            }
        }
        self.ask(key, object, item, None).await
    }
}

impl ObjectStore<'_> {
    /// Decides by asking, where nothing is remembered; `borrowing`: what is told of a lease.
    pub(super) async fn ask(
        &self,
        key: Key,
        object: &str,
        item: &Item,
        borrowing: Option<Borrowing>,
    ) -> Result<(Decision, Source), ApiError> {
        let context = self.context;
        if let Some(shed) = item.policy.shed() {
            if item.check.cost > 0 && !item.check.peek {
                // Boxed, like all that is asked less.
                if let Some(decision) = Box::pin(binding::shed(context, shed, object)).await? {
                    recording::apart(context, object, item, Apart::Elsewhere);
                    return Ok((decision, Source::Binding));
                }
            }
        }
        let items = slice::from_ref(item);
        let told = Told {
            keyed: self.keyed,
            known: context.known,
            borrowing,
        };
        let asking = Asking::new(object, (None, None), items, told, &|_| key);
        let mut answered = ask(context, &asking.question, context.deadline()).await;
        if asking.lacks_definition(&answered) {
            let left = left(context, &answered);
            answered = Box::pin(ask(context, &asking.whole(items), left)).await;
        }
        if let Some(left) = time_to_ask_again(context, &answered) {
            let again = Box::pin(ask(context, &asking.whole(items), left)).await;
            match again.answer {
                Ok(_) => answered = again,
                // Its first answer stands: it was in reach a moment ago, so no failure mode takes
                // its place.
                Err(failure) => flush::failed(failure),
            }
        }
        let times = answered.times;
        match answered.answer {
            Ok(answer) => {
                // One item was asked, so there is one decision.
                let decision = decisions(answer)?.pop();
                let decision = decision.ok_or_else(ApiError::object_unavailable)?;
                learn(object, key, item, times, &decision);
                record_kept(key, item, times, &decision);
                if let Some(told) = &borrowing {
                    isolate::with(|isolate| isolate.leases.answered(key, told, times, &decision));
                }
                Ok((decision, Source::Object))
            }
            Err(failure) => {
                if let Some(told) = &borrowing {
                    isolate::with(|isolate| isolate.leases.failed(key, told));
                }
                let (decision, source) = fallback::decide(context, failure, object, item)?;
                let is_stored = self.keyed.is_some_and(|it| it.is_stored());
                if decision.success && (is_stored || !failure.may_have_counted()) {
                    debts::owe(object, item, self.keyed.as_ref());
                }
                Ok((decision, source))
            }
        }
    }

    /// Decides in the object that runs the request: nothing is in between that could fail, or that
    /// would have to be remembered.
    async fn decide_here(&self, object: &str, item: &Item) -> Result<(Decision, Source), ApiError> {
        let context = self.context;
        let question = Question::here(object, item, self.keyed.as_ref(), context.known);
        match ask(context, &question, context.deadline()).await.answer {
            Ok(answer) => {
                let decision = decisions(answer)?.pop();
                let decision = decision.ok_or_else(ApiError::object_unavailable)?;
                Ok((decision, Source::Object))
            }
            // Its rows cannot be read.
            Err(failure) => fallback::decide(context, failure, object, item),
        }
    }
}

/// The key of an object and a policy, for what the isolate remembers of both.
pub(super) fn key_of(object: &str, policy: &Policy) -> Key {
    isolate::with(|isolate| isolate.refusals.key(object, policy))
}

/// What the object refused a moment ago and would refuse still.
pub(super) fn remembered(key: Key, item: &Item) -> Option<Decision> {
    let now = clock::now();
    isolate::with(|isolate| {
        let refusals = &mut isolate.refusals;
        refusals.find(key, &item.policy, &item.check, now)
    })
}

/// Whether [`remembered`] has a refusal.
pub(super) fn remembers(object: &str, item: &Item) -> bool {
    let (key, now) = (key_of(object, &item.policy), clock::now());
    isolate::with(|isolate| isolate.refusals.has(key, &item.policy, &item.check, now))
}

/// Remembers what the object said.
pub(super) fn learn(object: &str, key: Key, item: &Item, times: CallTimes, decision: &Decision) {
    if decision.is_repeated() {
        return; // it is of a time before
    }
    isolate::with(|isolate| {
        let refusals = &mut isolate.refusals;
        refusals.record_decision(key, &item.check, times, decision);
        if decision.reason == Some(Reason::CoolDown) {
            let opens = times
                .received
                .plus(decision.retry_after.unwrap_or_default());
            let reports = &mut isolate.reports;
            reports.cooled(object, &item.policy, opens, times.received);
        }
    });
}

/// The rest of the deadline, if the object refused because of charges that may yet be taken back
/// and has time to answer once more.
fn time_to_ask_again(context: &Context, answered: &Answered) -> Option<Duration> {
    let is_contended = match &answered.answer {
        Ok(Answer::Decided(decided)) => decided.iter().any(|decision| decision.contended),
        _ => false,
    };
    let time = time(context, answered);
    (is_contended && time.is_enough_for(1, 1)).then(|| time.left())
}

fn time(context: &Context, answered: &Answered) -> Time {
    Time {
        elapsed: answered.times.took(),
        deadline: context.deadline(),
    }
}

/// The rest of the deadline.
fn left(context: &Context, answered: &Answered) -> Duration {
    time(context, answered).left()
}

/// Asks one object; what it is owed is repaid once it has answered.
async fn ask(context: &Context<'_>, question: &Question, patience: Duration) -> Answered {
    let answered = context.limiter(patience).ask(question).await;
    debts::repay(context, question, &answered);
    answered
}

/// Asks several objects at once; the answers in their order. `items`: what each question is about.
pub(super) async fn ask_all(
    context: &Context<'_>,
    askings: &[Asking],
    items: &dyn Fn(usize) -> Vec<Item>,
    patience: Duration,
) -> Vec<Answered> {
    let began = clock::now();
    let questions: Vec<Question> = askings.iter().map(|it| it.question.clone()).collect();
    let mut answers = send_all(context, &questions, patience).await;
    let pairs = askings.iter().zip(&answers).enumerate();
    let lacking = pairs.filter(|(_, (asking, answered))| asking.lacks_definition(answered));
    let lacking: Vec<usize> = lacking.map(|(place, _)| place).collect();
    if lacking.is_empty() {
        return answers;
    }
    let whole = |&place: &usize| askings[place].whole(&items(place));
    let questions: Vec<Question> = lacking.iter().map(whole).collect();
    let time = Time {
        elapsed: clock::now().since(began),
        deadline: patience,
    };
    let again = Box::pin(send_all(context, &questions, time.left())).await;
    for (place, again) in lacking.into_iter().zip(again) {
        answers[place] = again;
    }
    answers
}

async fn send_all(
    context: &Context<'_>,
    questions: &[Question],
    patience: Duration,
) -> Vec<Answered> {
    let answered = context.limiter(patience).ask_all(questions).await;
    for (question, answered) in questions.iter().zip(&answered) {
        debts::repay(context, question, answered);
    }
    answered
}

/// Has the object of this name do something that no failure mode can do in its place.
pub(crate) async fn call(
    context: &Context<'_>,
    object: &str,
    call: &Call,
) -> Result<Answer, ApiError> {
    let question = Question::new(object, call);
    let answered = ask(context, &question, context.deadline()).await;
    recording::send_later(context);
    answered.answer.map_err(|failure| {
        flush::failed(failure);
        ApiError::object_unavailable()
    })
}

/// What the object of this name shows of its subject: of one policy, or all.
pub(crate) async fn status(
    context: &Context<'_>,
    object: &str,
    policy: Option<String>,
) -> Result<Status, ApiError> {
    match call(context, object, &Call::Status { policy }).await? {
        Answer::Status(status) => Ok(status),
        other => Err(refused(&other)),
    }
}

/// Has each of these objects answer one call, all at once; `None` for one that did not.
pub(crate) async fn call_each(
    context: &Context<'_>,
    objects: impl Iterator<Item = &str>,
    call: &Call,
) -> Vec<Option<Answer>> {
    let questions: Vec<Question> = objects.map(|object| Question::new(object, call)).collect();
    answers(context, &questions).await
}

/// Has these objects answer these calls, all at once, as [`call`]; `None` for one that did not.
pub(crate) async fn call_all(
    context: &Context<'_>,
    calls: &[(String, Call)],
    patience: Duration,
) -> Vec<Option<Answer>> {
    let questions = calls
        .iter()
        .map(|(object, call)| Question::new(object, call));
    let questions: Vec<Question> = questions.collect();
    let answered = send_all(context, &questions, patience).await;
    recording::send_later(context);
    let answer = |answered: Answered| answered.answer.map_err(flush::failed).ok();
    answered.into_iter().map(answer).collect()
}

/// Has these objects answer these calls, in the background.
pub(crate) fn tell_later(context: &Context<'_>, calls: &[(String, Call)]) {
    let questions = calls
        .iter()
        .map(|(object, call)| Question::new(object, call));
    let questions: Vec<Question> = questions.collect();
    if questions.is_empty() {
        return;
    }
    let limiter = context.limiter(context.config.deadline());
    context.in_background(async move {
        limiter.ask_all(&questions).await;
    });
}

/// The answers to questions that are asked at once; `None` where there was none.
pub(super) async fn answers(context: &Context<'_>, questions: &[Question]) -> Vec<Option<Answer>> {
    let answered = send_all(context, questions, context.deadline()).await;
    let answers = answered.into_iter().map(|answered| answered.answer.ok());
    answers.collect()
}

/// Done, or why not.
pub(crate) fn done(answer: Answer) -> Result<(), ApiError> {
    match answer {
        Answer::Done => Ok(()),
        other => Err(refused(&other)),
    }
}

/// Done, and in force after which time if not at once; or why not.
pub(crate) fn done_after(answer: Answer) -> Result<Option<Duration>, ApiError> {
    match answer {
        Answer::DoneLater(after) => Ok(Some(after)),
        other => done(other).map(|()| None),
    }
}

/// The decisions in an answer, or why there are none.
pub(super) fn decisions(answer: Answer) -> Result<Vec<Decision>, ApiError> {
    match answer {
        Answer::Decided(decisions) => Ok(decisions),
        other => Err(refused(&other)),
    }
}

/// An answer that is not the one that was asked for, as an error.
pub(crate) fn refused(answer: &Answer) -> ApiError {
    if let Answer::Refused(RefusalCode::StaleOverrides, _) = answer {
        return ApiError::stale_overrides(Stale::Known);
    }
    Refused::of(answer).map_or_else(ApiError::object_unavailable, ApiError::from)
}
