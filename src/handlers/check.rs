//! One check of one subject: in the object, in the isolate or by a native binding, as its policy wants; what the isolate remembers as
//! refused is answered without the object, and the failure mode answers in place of an object that does not.

use tollgate_core::api::request::{LimitRequest, Rule};
use tollgate_core::bounded::Key;
use tollgate_core::consistency::{Consistency, LocalLimit};
use tollgate_core::decide::Check;
use tollgate_core::decision::{Decision, Source};
use tollgate_core::message::{Answer, Call};
use tollgate_core::multi::Time;
use tollgate_core::policy::{FailMode, Policy};
use tollgate_core::subject::Subject;
use tollgate_core::subject_state::Item;
use tollgate_core::Duration;

use super::answer::decisions;
use super::decided::{note, Decided};
use super::local::Tier;
use super::reply::Reply;
use super::step::{AfterAwait, Asked, Question, Step, Then};
use super::{charge_back, eventual, local, observe, Context};
use crate::auth::Caller;
use crate::clock;
use crate::error::ApiError;
use crate::isolate::memory;
use crate::placement;
use crate::runtime::Bindings;
use crate::telemetry::Failure;

/// The limits that a request is to be decided under.
pub(super) fn policy_of(rule: Rule) -> Result<Policy, ApiError> {
    match rule {
        Rule::Inline(policy) => Ok(policy),
        // Policies are not stored yet, so none has this name.
        Rule::Named(name) => Err(ApiError::unknown_policy(name.as_str())),
    }
}

/// Finds the limits, names the subject, and has it decided; `render` writes the answer.
pub(super) fn check(
    context: &Context,
    caller: &Caller,
    request: LimitRequest,
    render: fn(&Decided) -> Reply,
) -> Result<Step, ApiError> {
    let policy = policy_of(request.rule)?;
    let check = request.check;
    let subject = request.subject.in_namespace(caller.namespace.clone());
    let object = placement::object_of(&subject);
    let pending = Pending {
        subject,
        object,
        policy,
        check,
        render,
    };
    if pending.policy.fail_mode() == FailMode::Eventual && context.env.bound().kv().is_none() {
        return Err(ApiError::no_kv()); // now, and not first when the object is out of reach
    }
    match pending.policy.consistency() {
        Consistency::Strong => pending.strong(context),
        Consistency::Eventual => pending.eventual(context),
        Consistency::Local => pending.local(context),
    }
}

/// A check that is not decided yet.
struct Pending {
    subject: Subject,
    object: String,
    policy: Policy,
    check: Check,
    render: fn(&Decided) -> Reply,
}

impl Pending {
    /// The answer.
    fn decided(self, context: &Context, decision: Decision, source: Source) -> Step {
        let decided = Decided {
            subject: self.subject,
            policy: self.policy,
            decision,
            source,
        };
        note(context, &decided, &self.object, self.check.cost);
        Step::Done((self.render)(&decided))
    }

    /// The subject's object decides, unless the isolate remembers that it refuses; where it is to be shielded from floods, a native binding
    /// is asked first.
    fn strong(self, context: &Context) -> Result<Step, ApiError> {
        let key = memory(|memory| memory.refusals.key(&self.object, &self.policy));
        if let Some(decision) = remembered(key, &self.policy, &self.check) {
            return Ok(self.decided(context, decision, Source::Cache));
        }
        match self.policy.shed() {
            Some(shed) if self.check.cost > 0 && !self.check.peek => self.shed(context, &shed, key),
            _ => Ok(self.ask(key)),
        }
    }

    fn ask(self, key: Key) -> Step {
        let (subject, render) = (self.subject, self.render);
        let items = vec![Item {
            policy: self.policy,
            check: self.check,
        }];
        let call = Call::Limit {
            operation: None,
            items,
        };
        let decided = move |context: &Context, asked| {
            let decided = decide(context, subject, key, asked)?;
            Ok(Step::Done(render(&decided)))
        };
        Step::ask(
            self.object,
            call,
            move |context, asked| match time_to_ask_again(context, &asked) {
                Some(left) => Ok(ask_again(asked, left, decided)),
                None => decided(context, asked),
            },
        )
    }

    #[inline(never)]
    fn shed(self, context: &Context, shed: &LocalLimit, key: Key) -> Result<Step, ApiError> {
        local::find(context, shed, "shed")?;
        let asked = local::ask(context, shed, &self.object, Tier::First);
        let then: AfterAwait = Box::new(move |context, settled| {
            // A binding that does not answer sheds nothing.
            Ok(match local::admits(settled) {
                Some(false) => self.decided(context, local::decision(false), Source::Binding),
                _ => self.ask(key),
            })
        });
        Ok(Step::Await(asked, then))
    }

    /// The isolate decides by what it knows of all.
    fn eventual(self, context: &Context) -> Result<Step, ApiError> {
        let decision = eventual::decide(context, &self.object, &self.policy, &self.check)?;
        Ok(self.decided(context, decision, Source::Kv))
    }

    /// A native binding decides, or the failure mode where it does not answer.
    #[inline(never)]
    fn local(self, context: &Context) -> Result<Step, ApiError> {
        let limit = local::limit_of(&self.policy)?;
        local::find(context, &limit, "consistency")?;
        if self.check.cost == 0 {
            return Ok(self.decided(context, local::decision(true), Source::Binding));
        }
        let asked = local::ask(context, &limit, &self.object, Tier::Alone);
        let then: AfterAwait = Box::new(move |context, settled| {
            let (decision, source) = match local::admits(settled) {
                Some(success) => (local::decision(success), Source::Binding),
                None => fall_back(context, &self.object, &self.policy, &self.check)?,
            };
            Ok(self.decided(context, decision, source))
        });
        Ok(Step::Await(asked, then))
    }
}

/// The rest of the deadline, if the object refused because of charges that may yet be taken back and has time to answer once more.
fn time_to_ask_again(context: &Context, asked: &Asked) -> Option<Duration> {
    let is_contended = match &asked.answer {
        Ok(Answer::Decided(decided)) => decided.iter().any(|decision| decision.contended),
        _ => false,
    };
    let time = Time {
        elapsed: asked.times.took(),
        deadline: context.config.deadline(),
    };
    (is_contended && time.is_enough_for(1, 1)).then(|| time.left())
}

/// Asks the same object the same within this time. If it does not answer now, its first answer stands: it is in reach.
#[inline(never)]
fn ask_again(
    asked: Asked,
    left: Duration,
    decided: impl FnOnce(&Context, Asked) -> Result<Step, ApiError> + 'static,
) -> Step {
    let question = Question {
        object: asked.object,
        call: asked.call,
    };
    let (times, answer) = (asked.times, asked.answer);
    let then: Then = Box::new(move |context, asked| {
        let asked = asked.into_iter().next();
        // There is an answer to every question.
        let mut asked = asked.ok_or_else(ApiError::object_unavailable)?;
        if let Err(failure) = asked.answer {
            observe::failed(failure);
            (asked.times, asked.answer) = (times, answer);
        }
        decided(context, asked)
    });
    Step::AskWithin(vec![question], left, then)
}

/// What the object refused a moment ago and would refuse still.
pub(super) fn remembered(key: Key, policy: &Policy, check: &Check) -> Option<Decision> {
    memory(|memory| memory.refusals.find(key, policy, check, clock::now()))
}

/// The object's decision, or that of the failure mode.
fn decide(
    context: &Context,
    subject: Subject,
    key: Key,
    asked: Asked,
) -> Result<Decided, ApiError> {
    let item = match asked.call {
        Call::Limit { mut items, .. } => items.pop(),
        _ => None,
    };
    // The call is the one that was made above.
    let Item { policy, check } = item.ok_or_else(ApiError::object_unavailable)?;
    let (decision, source) = match asked.answer {
        Ok(answer) => {
            // One item was asked, so there is one decision.
            let decision = decisions(answer)?.pop();
            let decision = decision.ok_or_else(ApiError::object_unavailable)?;
            memory(|memory| {
                let refusals = &mut memory.refusals;
                refusals.learn(key, &check, asked.times, &decision);
            });
            (decision, Source::Object)
        }
        Err(failure) => {
            let (decision, source) =
                without_object(context, failure, &asked.object, &policy, &check)?;
            if decision.success && !failure.may_have_counted() {
                charge_back::owe(&asked.object, &policy, &check);
            }
            (decision, source)
        }
    };
    let decided = Decided {
        subject,
        policy,
        decision,
        source,
    };
    note(context, &decided, &asked.object, check.cost);
    Ok(decided)
}

/// What the failure mode says in place of an object that gave no answer.
pub(super) fn without_object(
    context: &Context,
    failure: Failure,
    object: &str,
    policy: &Policy,
    check: &Check,
) -> Result<(Decision, Source), ApiError> {
    observe::failed(failure);
    fall_back(context, object, policy, check)
}

#[inline(never)]
fn fall_back(
    context: &Context,
    object: &str,
    policy: &Policy,
    check: &Check,
) -> Result<(Decision, Source), ApiError> {
    if policy.fail_mode() == FailMode::Eventual {
        let decision = eventual::decide_degraded(context, object, policy, check)?;
        return Ok((decision, Source::Kv));
    }
    let decision = memory(|memory| memory.shares.decide(object, policy, check, clock::now()));
    let decision = decision.ok_or_else(ApiError::object_unavailable)?;
    Ok((decision, Source::Fallback))
}
