//! Carries out the [plan](tollgate_core::multi) of one request: asks the objects, takes charges back, and answers.

use tollgate_core::message::{Answer, Call};
use tollgate_core::multi::{Charged, Heard, Next, Plan, Round, Time, Verdict};
use tollgate_core::Timestamp;
use wasm_bindgen::JsValue;

use super::settle::{give, settle, sourced, Outcome};
use super::{finish, give_back, groups_of, items, Entry, Group};
use crate::clock;
use crate::error::ApiError;
use crate::handlers::observe;
use crate::handlers::step::{Asked, Question, Step, Then};
use crate::handlers::Context;
use crate::isolate::memory;
use crate::limiter_client::Limiter;
use crate::runtime;
use crate::task;

/// One request while its objects are asked.
struct Asking {
    entries: Vec<Entry>,
    groups: Vec<Group>,
    plan: Plan,
    /// The operation of this round's charges. A single object decides all or nothing by itself, so it has none to remember.
    operation: Option<u128>,
    /// When the first object was asked; `None` before.
    begun: Option<Timestamp>,
    /// Why the whole request fails, if it does.
    error: Option<ApiError>,
}

/// Begins to ask.
pub(super) fn begin(entries: Vec<Entry>) -> Step {
    let groups = groups_of(&entries);
    let names: Vec<&str> = groups.iter().map(|group| group.object.as_str()).collect();
    let refused_last = |group: &Group| {
        let mut policies = group.entries.iter().map(|&it| &entries[it].item.policy);
        memory(|memory| policies.any(|it| memory.refused_last.contains(&group.object, it)))
    };
    let refused_last: Vec<bool> = groups.iter().map(refused_last).collect();
    let (plan, wave) = Plan::begin(&names, &refused_last);
    let operation = (groups.len() > 1).then(runtime::random_bits);
    let asking = Asking {
        entries,
        groups,
        plan,
        operation,
        begun: None,
        error: None,
    };
    asking.ask(wave, None)
}

impl Asking {
    /// How much of the deadline is gone.
    fn time(&self, context: &Context) -> Time {
        let now = clock::now();
        Time {
            elapsed: now.since(self.begun.unwrap_or(now)),
            deadline: context.config.deadline(),
        }
    }

    /// Asks these objects at once; all but the first wave within what is left of the deadline.
    fn ask(mut self, wave: Vec<usize>, time: Option<Time>) -> Step {
        let question = |&index: &usize| self.question(index, false);
        let questions = wave.iter().map(question).collect();
        let then: Then = Box::new(move |context, asked| {
            let mut heard = Vec::with_capacity(wave.len());
            for (index, asked) in wave.into_iter().zip(asked) {
                self.begun.get_or_insert(asked.times.sent);
                heard.push((index, self.settle(context, index, asked)));
            }
            let time = self.time(context);
            let next = self.plan.hear(heard, time);
            self.go_on(context, next)
        });
        match time {
            Some(time) => Step::AskWithin(questions, time.left(), then),
            None => Step::Ask(questions, then),
        }
    }

    fn question(&self, index: usize, peek: bool) -> Question {
        let group = &self.groups[index];
        Question {
            object: group.object.clone(),
            call: Call::Limit {
                operation: self.operation.filter(|_| !peek),
                items: items(&self.entries, group, peek),
            },
        }
    }

    /// Gives the entries of one object their decisions.
    fn settle(&mut self, context: &Context, index: usize, asked: Asked) -> Heard {
        if let (Err(failure), true) = (&asked.answer, self.plan.keeps_refusal(index)) {
            observe::failed(*failure);
            return Heard {
                charged: Charged::Perhaps,
                verdict: Verdict::Refused,
            };
        }
        let Outcome { heard, error } =
            settle(context, &mut self.entries, &self.groups[index], asked);
        self.error = self.error.take().or(error);
        heard
    }

    fn go_on(self, context: &Context, next: Next) -> Result<Step, ApiError> {
        match next {
            Next::Ask(wave) => {
                let time = self.time(context);
                Ok(self.ask(wave, Some(time)))
            }
            Next::Admitted => finish(context, self.entries, true, self.error),
            Next::Refused(round) => self.refuse(context, round),
            Next::Again(round) => self.take_back(context, round),
        }
    }

    /// Questions that cancel this round's charges; objects that did not answer are told in the background.
    fn cancel(&self, context: &Context, round: &Round) -> Vec<Question> {
        let Some(operation) = self.operation else {
            return Vec::new();
        };
        let object = |&index: &usize| self.groups[index].object.clone();
        let silent = round.silent.iter().map(object).collect();
        cancel_later(context, silent, operation);
        let cancel = |index: &usize| Question {
            object: object(index),
            call: Call::Cancel { operation },
        };
        round.charged.iter().map(cancel).collect()
    }

    /// Cancels the charges of the first round, and begins the last one.
    fn take_back(self, context: &Context, round: Round) -> Result<Step, ApiError> {
        let questions = self.cancel(context, &round);
        if questions.is_empty() {
            return self.ask_again(context);
        }
        let left = self.time(context).left();
        let then: Then = Box::new(move |context, _| self.ask_again(context));
        Ok(Step::AskWithin(questions, left, then))
    }

    fn ask_again(mut self, context: &Context) -> Result<Step, ApiError> {
        let time = self.time(context);
        let Next::Ask(wave) = self.plan.ask_again(time) else {
            return finish(context, self.entries, false, self.error);
        };
        give_back(context, &self.entries);
        let groups = self.groups.iter().enumerate();
        for (_, group) in groups.filter(|(index, _)| !self.plan.keeps_refusal(*index)) {
            for &place in &group.entries {
                self.entries[place].answer = None;
                self.entries[place].uncounted = false;
            }
        }
        self.operation = self.operation.map(|_| runtime::random_bits());
        Ok(self.ask(wave, Some(time)))
    }

    /// Cancels the charges, and asks how their entries stand without them, and those of objects that were not asked. An object answers two
    /// calls in their order.
    fn refuse(mut self, context: &Context, round: Round) -> Result<Step, ApiError> {
        let mut questions = self.cancel(context, &round);
        let cancelled = questions.len();
        let peeked: Vec<usize> = [&round.charged[..], &round.unasked].concat();
        questions.extend(peeked.iter().map(|&index| self.question(index, true)));
        if questions.is_empty() {
            return finish(context, self.entries, false, self.error);
        }
        let then: Then = Box::new(move |context, asked| {
            for (index, asked) in peeked.into_iter().zip(asked.into_iter().skip(cancelled)) {
                if round.unasked.contains(&index) {
                    self.settle(context, index, asked);
                } else if let Ok(Answer::Decided(decided)) = asked.answer {
                    // Without an answer the entries keep what they said before they were cancelled, which was true then.
                    give(&mut self.entries, &self.groups[index], sourced(decided));
                }
            }
            finish(context, self.entries, false, self.error)
        });
        Ok(Step::Ask(questions, then))
    }
}

/// Cancels in the background at the objects that did not answer. What is not cancelled stays charged until its window passes.
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
