//! The typed door to a subject's object: one call, one answer, within the deadline, and none while the object's circuit is open.
//!
//! Nothing is ever sent twice from here. A call that timed out may have been counted. Errors that the platform marks `retryable` it has
//! retried itself, where it knows that the call did not run; those marked `overloaded` must not be retried, and open the circuit.

use tollgate_core::circuit::{Outcome, Pass};
use tollgate_core::message::{Answer, Call, RefusalCode};
use tollgate_core::Duration;

use crate::clock;
use crate::isolate::memory;
use crate::runtime::{self, Env};
use crate::task::{settled, Settled};
use crate::telemetry::Failure;

/// What an object answered, as text.
pub(crate) struct Reached(pub(crate) String);

/// The door, for the time of one request.
pub(crate) struct Limiter<'a> {
    env: &'a Env,
    deadline: u32,
}

impl<'a> Limiter<'a> {
    /// `deadline`: at most 30 s.
    pub(crate) fn new(env: &'a Env, deadline: Duration) -> Limiter<'a> {
        Limiter {
            env,
            deadline: u32::try_from(deadline.as_millis()).unwrap_or(u32::MAX),
        }
    }

    /// Asks several objects at once; the answers in their order. Two calls to one object are answered in their order as well.
    pub(crate) async fn call_all(
        &self,
        calls: impl Iterator<Item = (&str, &Call)>,
    ) -> Vec<Result<Answer, Failure>> {
        let mut asked = Vec::with_capacity(1);
        let mut texts = Vec::with_capacity(1);
        let now = clock::now();
        for (object, call) in calls {
            let pass = memory(|memory| memory.circuits.pass(object, now));
            if pass.is_some() {
                texts.push(addressed(object, &call.encode()));
            }
            asked.push((object, pass));
        }
        let mut answers = self.send(texts).await.into_iter();
        let answer = |(object, pass): (&str, Option<Pass>)| {
            let pass = pass.ok_or(Failure::LeftAlone)?;
            let answer = answers.next().unwrap_or(Err(Failure::Unreachable)); // one for each text
            came_to(object, pass, &answer);
            answer
        };
        asked.into_iter().map(answer).collect()
    }

    async fn send(&self, texts: Vec<String>) -> Vec<Result<Answer, Failure>> {
        let namespace = self.env.rate_limit();
        if let [text] = texts.as_slice() {
            let answer = runtime::ask(&namespace, text, self.deadline);
            return vec![answer_of(settled(answer).await)];
        }
        if texts.is_empty() {
            return Vec::new();
        }
        let count = texts.len();
        let answers = runtime::ask_all(&namespace, texts, self.deadline);
        match settled(answers).await {
            Ok(values) => js_sys::Array::from(&values)
                .iter()
                .map(|value| answer_of(Ok(value)))
                .collect(),
            Err(_) => vec![Err(Failure::Unreachable); count], // `ask` never rejects
        }
    }
}

/// Tells the object's circuit what came of a call.
fn came_to(object: &str, pass: Pass, answer: &Result<Answer, Failure>) {
    let outcome = match answer {
        Ok(_) | Err(Failure::Unreadable | Failure::Unavailable) => Outcome::Answered,
        Err(Failure::Overloaded) => Outcome::Overloaded,
        Err(_) => Outcome::Failed,
    };
    memory(|memory| {
        // Randomness is wanted only for how long a circuit opens.
        let random = match outcome {
            Outcome::Answered => 0,
            _ => runtime::random_bits() as u64,
        };
        let circuits = &mut memory.circuits;
        circuits.came_to(object, pass, outcome, clock::now(), random);
    });
}

/// A text with the name of the object that it is for, as `ask` in runtime.js takes it. Names have no line breaks.
pub(crate) fn addressed(name: &str, text: &str) -> String {
    let mut call = String::with_capacity(name.len() + 1 + text.len());
    call.push_str(name);
    call.push('\n');
    call.push_str(text);
    call
}

/// What `ask` in runtime.js came to.
pub(crate) fn read(settled: Settled) -> Result<Reached, Failure> {
    let value = settled.map_err(|_| Failure::Unreachable)?;
    match (value.as_string(), value.as_f64()) {
        (Some(text), _) => Ok(Reached(text)),
        (None, Some(0.0)) => Err(Failure::Timeout),
        (None, Some(1.0)) => Err(Failure::Overloaded),
        _ => Err(Failure::Unreachable),
    }
}

fn answer_of(settled: Settled) -> Result<Answer, Failure> {
    let Reached(text) = read(settled)?;
    match Answer::decode(&text) {
        Ok(Answer::Refused(RefusalCode::Unavailable, why)) => {
            runtime::log_error(&format!("tollgate: an object cannot answer: {why}"));
            Err(Failure::Unavailable)
        }
        Ok(answer) => Ok(answer),
        Err(_) => Err(Failure::Unreadable),
    }
}
