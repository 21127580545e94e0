//! The typed door to a subject's object: one call, one answer, within the deadline. A call that timed out may have been counted, so
//! nothing is ever sent twice.

use tollgate_core::message::{Answer, Call, RefusalCode};
use tollgate_core::Duration;

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
        for (name, call) in calls {
            asked.push(addressed(name, &call.encode()));
        }
        let namespace = self.env.rate_limit();
        if let [call] = asked.as_slice() {
            let answer = runtime::ask(&namespace, call, self.deadline);
            return vec![answer_of(settled(answer).await)];
        }
        let count = asked.len();
        let answers = runtime::ask_all(&namespace, asked, self.deadline);
        match settled(answers).await {
            Ok(values) => js_sys::Array::from(&values)
                .iter()
                .map(|value| answer_of(Ok(value)))
                .collect(),
            Err(_) => vec![Err(Failure::Unreachable); count], // `ask` never rejects
        }
    }
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
