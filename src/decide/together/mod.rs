//! Several checks over several subjects, all or nothing: carries out what [`Multi`] wants done, and
//! tells it what came of it.

mod messages;
mod refund;
mod shadow;

use tollgate_core::api::multi::{self, Checks};
use tollgate_core::api::request::LimitRequest;
use tollgate_core::decision::{Decision, Source};
use tollgate_core::isolate::refusals::CallTimes;
use tollgate_core::message::Call;
use tollgate_core::multi::{Asked, Decided, Effect, Event, Multi, Terms};

use super::again::{self, Turn};
use super::asking::record_kept;
use super::charged::{Charged, Given};
use super::newer;
use super::outcome::Outcome;
use super::pending::{self, Levels, Pending, Reads};
use super::waiting;
use super::{fallback, object};
use crate::clock;
use crate::context::Context;
use crate::doors::Failure;
use crate::error::ApiError;
use crate::hot;
use crate::isolate;
use crate::telemetry::flush;

/// What was decided about all.
pub(crate) struct Together {
    /// Whether all are admitted; else none is charged.
    pub(crate) success: bool,
    /// Of each, in the order of the request.
    pub(crate) outcomes: Vec<Outcome>,
}

impl Together {
    /// The same, after everybody was told who has to know.
    fn told(mut self, context: &Context) -> Together {
        self.outcomes.iter_mut().for_each(|it| it.tell(context));
        self
    }
}

/// Decides one check together with what stands above it: admitted by all, or charged to none.
/// `answers_all`: whether each level is to be answered where one refuses.
pub(super) async fn check_levels(
    context: &Context<'_>,
    levels: Levels,
    answers_all: bool,
) -> Result<Outcome, ApiError> {
    let check = &levels.own.item.check;
    if check.cost < 0 && !check.peek {
        return refund::give_back(context, levels).await;
    }
    let mut together = decide(context, vec![levels], answers_all).await?;
    let outcome = together.outcomes.pop();
    outcome.ok_or_else(ApiError::object_unavailable) // one was asked
}

/// Decides all requests; once more where an object knows newer overrides than the isolate. Where
/// they wait, the outcomes come with the turn of the last of them.
pub(crate) async fn check_all(
    context: &Context<'_>,
    read: Reads<'_, Checks>,
) -> Result<Together, ApiError> {
    let mut together = decided(context, read).await?;
    let waits = together.success && together.outcomes.iter().any(Outcome::waits);
    if !waits {
        return Ok(together);
    }
    let shut_out = async || shut_out(context, read).await;
    let outcomes = &mut together.outcomes;
    let refused = Box::pin(waiting::held(context, outcomes, shut_out)).await;
    Ok(refused.unwrap_or(together))
}

/// What refuses now whoever asks for nothing, as [`super::shut_out`].
async fn shut_out(context: &Context<'_>, read: Reads<'_, Checks>) -> Option<Together> {
    let look = || {
        let mut checks = read()?;
        (checks.wait, checks.repeat) = (None, None);
        for request in &mut checks.limits {
            request.check = waiting::of_nothing(request.check.clone());
        }
        Ok(checks)
    };
    let together = decided(context, &look).await.ok()?;
    (!together.success).then_some(together)
}

async fn decided(context: &Context<'_>, read: Reads<'_, Checks>) -> Result<Together, ApiError> {
    again::decided(context, async |context: &Context<'_>, turn: &Turn| {
        checked(context, read()?, turn).await
    })
    .await
}

async fn checked(context: &Context<'_>, checks: Checks, turn: &Turn) -> Result<Together, ApiError> {
    let is_degraded = pending::confirmed(context, &checks.limits).await?;
    let context = &turn.ready(context);
    let question = checks.repeat.as_ref().map(|_| checks.question());
    let wait = checks.wait;
    let all = checks.limits.into_iter();
    let all = all.map(|it| Levels::of(context, LimitRequest { wait, ..it }, is_degraded));
    let mut all = all.collect::<Result<Vec<Levels>, ApiError>>()?;
    if let Some((repeat, question)) = checks.repeat.zip(question) {
        let kept_for = all.iter().map(Levels::kept_for).min();
        let first = all.first().zip(kept_for);
        let keyed = first.map(|(first, kept_for)| first.keyed(&repeat, &question, kept_for));
        if let Some(keyed) = keyed {
            all.iter_mut().for_each(|levels| levels.know_by(keyed));
        }
    }
    for (i, levels) in all.iter().enumerate() {
        if !levels.instead.is_empty() {
            return Err(multi::fallback_alone(i).into());
        }
        if levels.caps {
            return Err(multi::cap_alone(i).into());
        }
        multi::suits(i, &levels.own.item.policy)?;
        if !levels.above.is_empty() && levels.own.item.check.cost < 0 {
            return Err(multi::refund_alone(i).into());
        }
    }
    Ok(decide(context, all, true).await?.told(context))
}

/// Decides checks with all their levels. `answers_all`: whether each of them is to be answered, and
/// not only what refuses them.
async fn decide(
    context: &Context<'_>,
    checks: Vec<Levels>,
    answers_all: bool,
) -> Result<Together, ApiError> {
    if checks.iter().any(Levels::have_shadow) {
        return Box::pin(partly_enforced(context, checks, answers_all)).await;
    }
    let checks = checks.into_iter().map(|it| it.into_all().collect());
    enforced(context, checks.collect(), Vec::new(), answers_all).await
}

/// Decides checks with levels that are not enforced.
async fn partly_enforced(
    context: &Context<'_>,
    checks: Vec<Levels>,
    answers_all: bool,
) -> Result<Together, ApiError> {
    // What is not enforced admits, whatever its object says, but for a stop.
    if !checks.iter().any(Levels::are_refused) {
        let apart = checks
            .iter()
            .flat_map(Levels::all)
            .filter(|it| it.is_shadow);
        newer::rule_out(context, &newer::objects(apart)).await?;
    }
    let (parts, levels) = shadow::taken_apart(checks);
    let apart = shadow::limits(&parts);
    let Together {
        success,
        mut outcomes,
    } = match levels.is_empty() {
        true => Together {
            success: true,
            outcomes: Vec::new(),
        },
        false => enforced(context, levels, apart, answers_all).await?,
    };
    // Each as what it is, and not as the whole of which it becomes a part.
    outcomes.iter_mut().for_each(|it| it.tell_later(context));
    if !success && !answers_all {
        let outcomes = shadow::named(parts, outcomes);
        return Ok(Together { success, outcomes });
    }
    let outcomes = shadow::put_together(context, parts, outcomes, success).await;
    Ok(Together { success, outcomes })
}

/// Decides checks of which all levels are enforced: of each check its levels, from the lowest.
/// `apart`: the names of the limits of those that are not.
async fn enforced(
    context: &Context<'_>,
    checks: Vec<Vec<Pending>>,
    apart: Vec<String>,
    answers_all: bool,
) -> Result<Together, ApiError> {
    let counts = checks.iter().map(Vec::len).collect();
    let pending: Vec<Pending> = checks.into_iter().flatten().collect();
    let asked: Vec<Asked> = pending.iter().map(asked).collect();
    let is_unasked = asked.iter().map(|it| it.remembered.is_some()).collect();
    let now = clock::now();
    let terms = Terms {
        answers_all,
        is_revocable: pending.iter().any(|it| it.waits),
        deadline: context.deadline(),
    };
    let (multi, mut effects) = Multi::begin(asked, terms, now, &mut hot::random_bits);
    let holds = pending.iter().any(Pending::is_of_permit);
    let mut request = Request {
        context,
        mask: holds.then(hot::random_bits),
        last: vec![None; pending.len()],
        owed: Vec::new(),
        counts,
        is_unasked,
        pending,
        apart,
        multi,
    };
    loop {
        let mut event = Event::Replied(Vec::new());
        for effect in effects {
            match effect {
                Effect::Send { messages, patience } => {
                    event = Event::Replied(request.send(&messages, patience).await);
                }
                Effect::FallBack { entries, peek } => {
                    event = Event::FellBack(request.fall_back(&entries, peek));
                }
                Effect::Done(decided) => {
                    let decided = decided?;
                    if let Some(call) = request.newer_names(&decided) {
                        Box::pin(tell_names(context, call)).await; // boxed, because it is rare
                    }
                    return Ok(request.done(decided));
                }
                other => request.carry_out(other),
            }
        }
        effects = request
            .multi
            .step(event, clock::now(), &mut hot::random_bits);
    }
}

/// Tells the home of a permit what limits elsewhere are called, before its holder has it. Where it
/// does not answer it is told once more, and nobody waits for that.
async fn tell_names(context: &Context<'_>, call: (String, Call)) {
    let calls = [call];
    let answers = object::call_all(context, &calls, context.deadline()).await;
    if answers.iter().any(Option::is_none) {
        object::tell_later(context, &calls);
    }
}

/// An entry, and what the isolate knows of it.
fn asked(pending: &Pending) -> Asked<'_> {
    let Pending { object, item, .. } = pending;
    let key = object::key_of(object, &item.policy);
    Asked {
        object,
        is_peek: item.check.peek,
        // Who has been admitted before is not refused now by what was refused to others.
        remembered: (pending.refusal()).or_else(|| match pending.keyed {
            Some(_) => None,
            None => object::remembered(key, item),
        }),
        refused_last: isolate::with(|isolate| isolate.refused_last.contains(object, &item.policy)),
        gives_back: item.check.cost < 0,
    }
}

/// One request while its objects are asked.
struct Request<'a> {
    context: &'a Context<'a>,
    /// All levels of all checks, those of one check in a row from the lowest.
    pending: Vec<Pending>,
    /// The names of the limits of levels that are not enforced.
    apart: Vec<String>,
    /// How many levels each check has.
    counts: Vec<usize>,
    /// Whether the isolate refuses a level by itself.
    is_unasked: Vec<bool>,
    multi: Multi<ApiError>,
    /// What makes the bits of a permit of the operation that takes it, which others may know; only
    /// where something is held.
    mask: Option<u128>,
    /// Of each entry, what came of the last message to its object.
    last: Vec<Option<(CallTimes, Option<Failure>)>>,
    /// The entries that failure modes have admitted.
    owed: Vec<usize>,
}

impl Request<'_> {
    /// Has the failure modes decide these entries.
    fn fall_back(
        &self,
        entries: &[usize],
        peek: bool,
    ) -> Vec<Result<(Decision, Source), ApiError>> {
        let decide = |&entry: &usize| {
            let object = &self.pending[entry].object;
            let failure = self.last[entry].and_then(|(_, failure)| failure);
            let failure = failure.unwrap_or(Failure::Unreachable); // its object gave no answer
            fallback::decide(self.context, failure, object, &self.item(entry, peek))
        };
        entries.iter().map(decide).collect()
    }

    /// Carries out an effect that nothing comes of.
    fn carry_out(&mut self, effect: Effect<ApiError>) {
        match effect {
            Effect::CancelLater { objects, operation } => self.cancel_later(&objects, operation),
            Effect::Learn {
                entry,
                decision,
                is_alone,
            } => self.learn(entry, &decision, is_alone),
            Effect::KeepRefusal { object } => {
                let entries = self.multi.entries_of(object).iter();
                let failure = entries.filter_map(|&entry| self.last[entry]?.1).next();
                if let Some(failure) = failure {
                    flush::failed(failure);
                }
            }
            Effect::GiveBack { entry, decision } => {
                let Pending { object, item, .. } = &self.pending[entry];
                fallback::give_back(self.context, object, item, &decision);
            }
            Effect::Owe { entry } => self.owed.push(entry),
            Effect::Send { .. } | Effect::FallBack { .. } | Effect::Done(_) => {}
        }
    }

    fn learn(&self, entry: usize, decision: &Decision, is_alone: bool) {
        let Pending { object, item, .. } = &self.pending[entry];
        let Some((times, _)) = self.last[entry] else {
            return; // no answer without a message
        };
        if !decision.contended && !decision.is_repeated() {
            isolate::with(|isolate| {
                let last = &mut isolate.refused_last;
                last.record_answer(object, &item.policy, !decision.success, times.received);
            });
        }
        let key = object::key_of(object, &item.policy);
        record_kept(key, item, times, decision);
        if is_alone {
            object::learn(object, key, item, times, decision);
        }
    }

    /// What was decided, still to be told.
    fn done(self, decided: Decided) -> Together {
        let refused = self.pending.iter().zip(&self.is_unasked);
        refused
            .filter(|(_, is_unasked)| **is_unasked)
            .for_each(|(pending, _)| pending.record_refusal(self.context));
        let given = self.given(&decided);
        let charged = self.charged(&decided, given);
        let mut pending = self.pending.into_iter();
        let mut decisions = decided.decisions.into_iter();
        let outcome = |levels: usize| {
            let pending = pending.by_ref().take(levels).collect();
            let decisions = decisions.by_ref().take(levels).collect();
            Outcome::of_levels(self.context, pending, decisions)
        };
        let mut outcomes: Vec<Outcome> = self.counts.into_iter().filter_map(outcome).collect();
        if self.mask.is_some() {
            Outcome::share_permit(&mut outcomes);
        }
        // It is one operation: the first outcome knows it for all.
        if let Some(outcome) = outcomes.first_mut() {
            outcome.charged = charged;
        }
        Together {
            success: decided.success,
            outcomes,
        }
    }

    /// What failure modes have given out of an admitted request.
    fn given(&self, decided: &Decided) -> Vec<Given> {
        let given = |&entry: &usize| {
            let pending = &self.pending[entry];
            let (decision, _) = decided.decisions.get(entry)?.as_ref()?;
            Some(Given {
                object: pending.object.clone(),
                item: pending.item.clone(),
                keyed: pending.keyed,
                decision: decision.clone(),
            })
        };
        self.owed.iter().filter_map(given).collect()
    }

    /// What can be taken back, where the caller waits for its turn. What was given out to one who
    /// does not is owed at once.
    fn charged(&self, decided: &Decided, given: Vec<Given>) -> Option<Charged> {
        let operation = self.multi.operation().filter(|_| decided.success);
        let waiting = self.pending.iter().filter(|it| it.waits);
        let mut objects: Vec<String> = waiting.map(|it| it.object.clone()).collect();
        objects.sort_unstable();
        objects.dedup();
        match operation.filter(|_| !objects.is_empty()) {
            Some(operation) => Some(Charged {
                operation,
                objects,
                given,
            }),
            None => {
                given.iter().for_each(Given::owe);
                None
            }
        }
    }
}
