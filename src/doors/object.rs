//! The common part of the typed doors to objects: addressing, reading an answer, and the retry for
//! an object whose build cannot read this one's version.
//!
//! During a deployment two builds run at once. An object answers in the version of the call. If it
//! cannot read that version, it does nothing and answers with its own; the call is then repeated in
//! that version, within the same deadline.

use tollgate_core::{Duration, Timestamp};
use tollgate_upstash::message::Allowance;
use tollgate_versions::{other_version, Version, Versions};

use super::Failure;
use crate::clock;
use crate::hot::{self, millis, Namespace};
use crate::task::{settled, Settled};

/// An object's answer as text.
pub(super) type Reply = Result<String, Failure>;

/// Access to the objects of one class during one request or alarm.
pub(super) struct Door {
    /// Where the objects are.
    pub(super) namespace: Namespace,
    /// The versions of their messages.
    pub(super) versions: Versions,
    /// Encodes a message anew in another version.
    pub(super) in_version: fn(&str, Version) -> Option<String>,
    /// The deadline of a call.
    pub(super) patience: Duration,
    /// The caller.
    pub(super) asker: Asker,
}

/// The caller.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asker {
    /// A Worker's request.
    Worker,
    /// An object. Nothing stays pending in it when its calls are answered.
    Object,
}

impl Door {
    /// Makes one call, as [`addressed`] makes it.
    pub(super) async fn ask(&self, call: &str) -> Reply {
        let began = clock::now();
        let reply = self.send(call, self.patience).await;
        let Some(call) = self.again(&reply) else {
            return reply;
        };
        let reply = self.send(&call?, self.left(began)).await;
        self.last(reply)
    }

    /// Makes several calls at once, as [`addressed`] makes them; the answers in their order.
    /// `allowance`: what an object of Redis keys may take.
    pub(super) async fn ask_all(
        &self,
        calls: Vec<String>,
        allowance: Option<&Allowance>,
    ) -> Vec<Reply> {
        let began = clock::now();
        let mut answers = self.send_all(calls, allowance, self.patience).await;
        let mut places = Vec::new();
        let mut calls = Vec::new();
        for (place, reply) in answers.iter_mut().enumerate() {
            match self.again(reply) {
                Some(Ok(call)) => {
                    places.push(place);
                    calls.push(call);
                }
                Some(Err(failure)) => *reply = Err(failure),
                None => {}
            }
        }
        if places.is_empty() {
            return answers;
        }
        let second = self.send_all(calls, allowance, self.left(began)).await;
        for (place, reply) in places.into_iter().zip(second) {
            answers[place] = self.last(reply);
        }
        answers
    }

    /// The rest of the deadline.
    fn left(&self, began: Timestamp) -> Duration {
        let taken = clock::now().since(began).as_millis();
        Duration::from_millis(self.patience.as_millis().saturating_sub(taken))
    }

    /// The reply to a call that must not be repeated.
    fn last(&self, reply: Reply) -> Reply {
        match self.again(&reply) {
            Some(_) => Err(Failure::Unavailable),
            None => reply,
        }
    }

    /// The call to repeat, if the object answered that it cannot read the version.
    fn again(&self, reply: &Reply) -> Option<Result<String, Failure>> {
        let (number, call) = other_version(reply.as_ref().ok()?)?;
        let call = self.versions.read(number).and_then(|version| {
            let (name, text) = call.split_once('\n')?;
            Some(addressed(name, &(self.in_version)(text, version)?))
        });
        Some(call.ok_or_else(|| {
            hot::log_error(&format!(
                "tollgate: an object of a build too far from this one: it speaks version {number}"
            ));
            Failure::Unavailable
        }))
    }

    async fn send(&self, call: &str, patience: Duration) -> Reply {
        let ask = match self.asker {
            Asker::Object => hot::ask_from_object,
            Asker::Worker => hot::ask,
        };
        read(settled(ask(&self.namespace, call, millis(patience))).await)
    }

    async fn send_all(
        &self,
        calls: Vec<String>,
        allowance: Option<&Allowance>,
        patience: Duration,
    ) -> Vec<Reply> {
        if calls.is_empty() {
            return Vec::new();
        }
        let count = calls.len();
        let patience = millis(patience);
        let answers = match allowance {
            Some(allowance) => hot::ask_all_allowing(
                &self.namespace,
                calls,
                patience,
                allowance.reply as u32, // both far below 2^32
                allowance.looks as u32,
                allowance.last,
            ),
            None => match self.asker {
                Asker::Object => hot::ask_all_from_object(&self.namespace, calls, patience),
                Asker::Worker => hot::ask_all(&self.namespace, calls, patience),
            },
        };
        match settled(answers).await {
            Ok(values) => js_sys::Array::from(&values)
                .iter()
                .map(|value| read(Ok(value)))
                .collect(),
            Err(_) => (0..count).map(|_| Err(Failure::Unreachable)).collect(), // none of them rejects
        }
    }
}

/// A text with the name of the object that it is for, as `ask` in hot.js takes it. Names have no
/// line breaks.
pub(super) fn addressed(name: &str, text: &str) -> String {
    let mut call = String::with_capacity(name.len() + 1 + text.len());
    call.push_str(name);
    call.push('\n');
    call.push_str(text);
    call
}

/// The result of `ask` in hot.js.
fn read(settled: Settled) -> Reply {
    let value = settled.map_err(|_| Failure::Unreachable)?;
    match (value.as_string(), value.as_f64()) {
        (Some(text), _) => Ok(text),
        (None, Some(0.0)) => Err(Failure::Timeout),
        (None, Some(1.0)) => Err(Failure::Overloaded),
        _ => Err(Failure::Unreachable),
    }
}
