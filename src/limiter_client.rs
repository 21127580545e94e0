//! The typed door to a subject's object: one call, one answer, within the deadline, and none while the object's circuit is open.
//!
//! Nothing that may have been counted is sent twice from here. A call that timed out may have been. Errors that the platform marks `retryable` it has
//! retried itself, where it knows that the call did not run; those marked `overloaded` must not be retried, and open the circuit.

use tollgate_core::circuit::{Outcome, Pass};
use tollgate_core::message::{in_version, Answer, Call, RefusalCode, MESSAGES};
use tollgate_core::Duration;

use crate::clock;
use crate::isolate::memory;
use crate::object_client::{addressed, Asker, Came, Door};
use crate::runtime::{self, Bindings};
use worker::Env;
use crate::telemetry::Failure;

/// The door, for the time of one request.
pub(crate) struct Limiter(Door);

impl Limiter {
    /// `deadline`: at most 30 s.
    pub(crate) fn new(env: &Env, deadline: Duration) -> Limiter {
        Limiter(Door {
            namespace: env.bound().rate_limit(),
            versions: MESSAGES,
            in_version,
            deadline: u32::try_from(deadline.as_millis()).unwrap_or(u32::MAX),
            asker: Asker::Worker,
        })
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
        let mut answers = self.0.ask(texts).await.into_iter();
        let answer = |(object, pass): (&str, Option<Pass>)| {
            let pass = pass.ok_or(Failure::LeftAlone)?;
            let came = answers.next().unwrap_or(Err(Failure::Unreachable)); // one for each text
            let answer = answer_of(came);
            came_to(object, pass, &answer);
            answer
        };
        asked.into_iter().map(answer).collect()
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

fn answer_of(came: Came) -> Result<Answer, Failure> {
    match Answer::decode(&came?.0) {
        Ok(Answer::Refused(RefusalCode::Unavailable, why)) => {
            runtime::log_error(&format!("tollgate: an object cannot answer: {why}"));
            Err(Failure::Unavailable)
        }
        Ok(answer) => Ok(answer),
        Err(_) => Err(Failure::Unreadable),
    }
}
