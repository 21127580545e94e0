//! The door to a subject's object: one call and one answer within the deadline, and no call while
//! the object's circuit is open.
//!
//! A call that the object may have counted, such as one that timed out, is never sent twice. The
//! platform itself retries errors marked `retryable` where it knows that the call did not run.
//! Errors marked `overloaded` must not be retried, and open the circuit.

use std::borrow::Cow;
use std::rc::Rc;

use tollgate_core::decision::Decision;
use tollgate_core::idempotency::Keyed;
use tollgate_core::isolate::circuit::{CallKind, CallOutcome};
use tollgate_core::isolate::refusals::CallTimes;
use tollgate_core::lease::Borrowing;
use tollgate_core::message::{
    borrowing, encode_charge, encode_hold, encode_limit, in_version, keyed, knowing, recorded,
    Answer, Call, Holding, RefusalCode, MESSAGES,
};
use tollgate_core::overrides::Revision;
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::Item;
use tollgate_core::{Duration, Timestamp};
use worker::Env;

use super::here::Here;
use super::object::{addressed, Asker, Door, Reply};
use super::Failure;
use crate::clock;
use crate::hot::{self, Bindings};
use crate::isolate;

/// How an object is asked.
#[derive(Clone)]
enum Said {
    /// By a text with its name, as [`addressed`] makes it.
    Text(String),
    /// By the call itself: the object that runs the request.
    Here(Box<Call>),
}

/// What an object is told beside what it is asked.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Told {
    /// How the request is known when it comes again, if it is.
    pub(crate) keyed: Option<Keyed>,
    /// How far the overrides are known by which the items were made, where the object is told.
    pub(crate) known: Option<Revision>,
    /// What the isolate has spent of what it was lent, if it borrows.
    pub(crate) borrowing: Option<Borrowing>,
}

impl Told {
    /// Without a lease.
    pub(crate) const fn new(keyed: Option<Keyed>, known: Option<Revision>) -> Told {
        Told {
            keyed,
            known,
            borrowing: None,
        }
    }
}

/// One call to one object.
#[derive(Clone)]
pub(crate) struct Question {
    /// The object's name.
    pub(crate) object: String,
    said: Said,
    /// Whether it only takes back what was charged.
    is_cancel: bool,
    /// The call, where it is recorded, and whether with the state before it.
    recorded: Option<(Box<Call>, bool)>,
}

impl Question {
    /// Any call.
    pub(crate) fn new(object: &str, call: &Call) -> Question {
        let is_cancel = matches!(call, Call::Cancel { .. });
        Question::of(object, call.encode(), is_cancel, &|| call.clone())
    }

    /// A [`Call::Limit`]. Of policies that the object keeps, as `is_kept` says, only name and
    /// version are sent.
    pub(crate) fn limit(
        object: &str,
        operation: Option<u128>,
        (items, holding): (&[Item], Option<&Holding>),
        Told {
            keyed: by,
            known,
            borrowing: told,
        }: &Told,
        is_kept: &dyn Fn(&Policy) -> bool,
    ) -> Question {
        let call = || Call::Limit {
            operation,
            items: items.to_vec(),
            holding: holding.cloned(),
        };
        let text = match holding {
            Some(holding) => encode_hold(operation, items, holding, is_kept),
            None => encode_limit(operation, items, is_kept),
        };
        let text = match told {
            Some(told) => borrowing(&text, told),
            None => text,
        };
        let text = match by {
            Some(by) => keyed(&text, by),
            None => text,
        };
        let text = match known {
            Some(known) => knowing(&text, *known),
            None => text,
        };
        Question::of(object, text, false, &call)
    }

    /// The same for the object that runs the request, which needs no text. `by`: how it is known
    /// when it comes again; `known`: how far the overrides are known, where that is said.
    pub(crate) fn here(
        object: &str,
        item: &Item,
        by: Option<&Keyed>,
        known: Option<Revision>,
    ) -> Question {
        let limit = Call::Limit {
            operation: None,
            items: vec![item.clone()],
            holding: None,
        };
        let wish = wish(object);
        let recorded = wish.map(|with_state| (Box::new(limit.clone()), with_state));
        Question {
            object: object.to_owned(),
            said: Said::Here(Box::new(limit.with_fields(by.copied(), known, wish))),
            is_cancel: false,
            recorded,
        }
    }

    /// A [`Call::Charge`]. `by`: how it is known when it comes again, if it is.
    pub(crate) fn charge(
        object: &str,
        operation: u128,
        items: &[Item],
        by: Option<&Keyed>,
    ) -> Question {
        let call = || Call::Charge {
            operation,
            items: items.to_vec(),
        };
        let text = encode_charge(operation, items);
        let text = match by {
            Some(by) => keyed(&text, by),
            None => text,
        };
        Question::of(object, text, false, &call)
    }

    /// The text for an object elsewhere.
    fn text(&self) -> Cow<'_, str> {
        match &self.said {
            Said::Text(text) => Cow::Borrowed(text),
            Said::Here(call) => Cow::Owned(addressed(&self.object, &call.encode())),
        }
    }

    /// The answer of this object itself.
    fn answer_of(&self, here: &dyn Here) -> Result<Answer, Failure> {
        let answer = match &self.said {
            Said::Here(call) => here.answer(call),
            Said::Text(text) => {
                let (_, text) = text.split_once('\n').ok_or(Failure::Unreadable)?;
                let (_, call) = Call::decode(text).map_err(|_| Failure::Unreadable)?;
                here.answer(&call)
            }
        };
        available(answer).map(|answer| noted(self, answer))
    }

    /// Asks for what is recorded of it, where its object is.
    fn of(object: &str, text: String, is_cancel: bool, call: &dyn Fn() -> Call) -> Question {
        let wish = wish(object);
        let text = match wish {
            None => addressed(object, &text),
            Some(with_state) => addressed(object, &recorded(&text, with_state)),
        };
        Question {
            object: object.to_owned(),
            said: Said::Text(text),
            is_cancel,
            recorded: wish.map(|with_state| (Box::new(call()), with_state)),
        }
    }
}

/// Whether what this object is asked is recorded, and then whether with the state before it.
fn wish(object: &str) -> Option<bool> {
    isolate::with(|isolate| isolate.recorder.wish(object, clock::now()))
}

/// The outcome of a question.
pub(crate) struct Answered {
    /// When it was sent and when it was answered.
    pub(crate) times: CallTimes,
    /// The object's answer, or why there is none.
    pub(crate) answer: Result<Answer, Failure>,
}

/// The door, for the time of one request.
pub(crate) struct Limiter {
    door: Door,
    /// The object that runs the request, if one does.
    here: Option<Rc<dyn Here>>,
    /// Whether so little of a request's time is left that no answer says nothing about the object.
    is_cut_short: bool,
}

impl Limiter {
    /// `patience`: how long an object may take; of a request that has `deadline` in all.
    pub(crate) fn new(env: &Env, patience: Duration, deadline: Duration) -> Limiter {
        Limiter {
            door: Door {
                namespace: env.bound().rate_limit(),
                versions: MESSAGES,
                in_version,
                patience,
                asker: Asker::Worker,
            },
            here: None,
            is_cut_short: patience.as_millis() < deadline.as_millis() / 2,
        }
    }

    /// The same door from within an object; one that runs the request asks itself without a call.
    pub(crate) fn in_object(mut self, here: Option<Rc<dyn Here>>) -> Limiter {
        self.door.asker = Asker::Object;
        self.here = here;
        self
    }

    /// The answer of the object that runs the request, if it is the one that is asked. It is in
    /// reach, so its circuit is not asked.
    fn answer_here(&self, question: &Question) -> Option<Answered> {
        let here = self.here.as_ref();
        let here = here.filter(|here| here.name() == question.object)?;
        let answer = question.answer_of(here.as_ref());
        Some(Answered::now(clock::now(), answer))
    }

    /// Asks one object.
    pub(crate) async fn ask(&self, question: &Question) -> Answered {
        if let Some(answered) = self.answer_here(question) {
            return answered;
        }
        let sent = clock::now();
        let answer = match permission(question) {
            Some(kind) => self.recorded(question, kind, self.door.ask(&question.text()).await),
            None => Err(Failure::LeftAlone),
        };
        Answered::now(sent, answer)
    }

    /// Asks several objects at once; the answers in their order. Questions to one object are
    /// answered in their order as well.
    pub(crate) async fn ask_all(&self, questions: &[Question]) -> Vec<Answered> {
        let sent = clock::now();
        let own: Vec<Option<Answered>> = questions.iter().map(|it| self.answer_here(it)).collect();
        let permission = |(question, own): (&Question, &Option<Answered>)| match own {
            Some(_) => None,
            None => permission(question),
        };
        let kinds: Vec<Option<CallKind>> = questions.iter().zip(&own).map(permission).collect();
        let asked = questions.iter().zip(&kinds);
        let texts = asked.filter(|(_, kind)| kind.is_some());
        let texts = texts
            .map(|(question, _)| question.text().into_owned())
            .collect();
        let mut answers = self.door.ask_all(texts, None).await.into_iter();
        let answer =
            |((question, kind), own): ((&Question, Option<CallKind>), Option<Answered>)| {
                if let Some(answered) = own {
                    return answered;
                }
                let answer = kind.ok_or(Failure::LeftAlone).and_then(|kind| {
                    let answer = answers.next().unwrap_or(Err(Failure::Unreachable)); // one for each text
                    self.recorded(question, kind, answer)
                });
                Answered::now(sent, answer)
            };
        questions.iter().zip(kinds).zip(own).map(answer).collect()
    }

    /// Reads an object's answer, and reports the outcome of the call to its circuit.
    fn recorded(
        &self,
        question: &Question,
        kind: CallKind,
        reply: Reply,
    ) -> Result<Answer, Failure> {
        let answer = read(reply).map(|answer| noted(question, answer));
        let outcome = match &answer {
            Ok(_) | Err(Failure::Unreadable | Failure::Unavailable) => CallOutcome::Answered,
            Err(Failure::Overloaded) => CallOutcome::Overloaded,
            Err(Failure::Timeout) if self.is_cut_short => CallOutcome::CutShort,
            Err(_) => CallOutcome::Failed,
        };
        // Only the open time of a circuit needs randomness.
        let random = match outcome {
            CallOutcome::Answered | CallOutcome::CutShort => 0,
            CallOutcome::Overloaded | CallOutcome::Failed => hot::random_bits() as u64,
        };
        isolate::with(|isolate| {
            let circuits = &mut isolate.circuits;
            circuits.record_outcome(&question.object, kind, outcome, clock::now(), random);
        });
        answer
    }
}

impl Answered {
    fn now(sent: Timestamp, answer: Result<Answer, Failure>) -> Answered {
        let received = clock::now();
        Answered {
            times: CallTimes { sent, received },
            answer,
        }
    }
}

/// Permission to ask; `None` while the circuit of the object is open.
fn permission(question: &Question) -> Option<CallKind> {
    if question.is_cancel {
        return Some(CallKind::Always);
    }
    let object = &question.object;
    isolate::with(|isolate| isolate.circuits.request_call(object, clock::now()))
}

/// The answer as who asked wants it; what is recorded of it is noted.
fn noted(question: &Question, answer: Answer) -> Answer {
    if let Some((call, with_state)) = &question.recorded {
        let unasked = has_charged_nothing(&answer).then(|| uncharged(call));
        isolate::with(|isolate| {
            let recorder = &mut isolate.recorder;
            let call = unasked.as_ref().unwrap_or(call);
            recorder.note(&question.object, call, *with_state, &answer);
        });
    }
    match answer {
        Answer::Recorded { answer, .. } => *answer,
        answer => answer,
    }
}

/// Whether it is an answer that was given before.
fn has_charged_nothing(answer: &Answer) -> bool {
    match answer {
        Answer::Recorded { answer, .. } => has_charged_nothing(answer),
        Answer::Decided(decisions) => decisions.iter().any(Decision::is_repeated),
        _ => false,
    }
}

/// The call as it would have charged nothing.
fn uncharged(call: &Call) -> Call {
    let mut call = call.clone();
    for item in call.items_mut() {
        item.check.cost = 0;
    }
    call
}

fn read(reply: Reply) -> Result<Answer, Failure> {
    match Answer::decode(&reply?) {
        Ok(answer) => available(answer),
        Err(_) => Err(Failure::Unreadable),
    }
}

fn available(answer: Answer) -> Result<Answer, Failure> {
    let plain = match &answer {
        Answer::Recorded { answer, .. } => answer,
        answer => answer,
    };
    if let Answer::Refused(RefusalCode::Unavailable, why) = plain {
        hot::log_error(&format!("tollgate: an object cannot answer: {why}"));
        return Err(Failure::Unavailable);
    }
    Ok(answer)
}
