//! What is recorded of one subject: the states at which replaying may begin, and its calls.

use std::rc::Rc;

use crate::message::{Answer, Call};
use crate::overrides::Override;
use crate::subject_state::Place;
use crate::Timestamp;

/// What is recorded of one subject.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubjectTrace {
    /// Who it is, as the report names it.
    pub subject: String,
    /// States before calls, in any order.
    pub states: Vec<State>,
    /// Its calls, in any order.
    pub events: Vec<Event>,
}

/// The state of a subject before one of its calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The place of the call.
    pub before: Place,
    /// Its rows, key and text, as they tell the real use.
    pub rows: Vec<(String, String)>,
}

/// One call to a subject's object, or a request that was answered without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When it was answered, by the clock of whoever answered.
    pub at: Timestamp,
    /// The number of the isolate that asked; 0 where a build from before this number recorded it.
    pub isolate: u64,
    /// Its place among the calls to the object; `None` where an isolate answered.
    pub place: Option<Place>,
    /// Where an isolate answered: the place of the last call of which it had heard.
    pub after: Option<Place>,
    /// The call; equal ones are one.
    pub asked: Rc<Asked>,
    /// The operation of the call, if it has one.
    pub operation: Option<u128>,
    /// What was answered.
    pub told: Told,
    /// In how many of a million cases a subject such as this one is recorded: 1 to
    /// [`ALWAYS`]. At that it was recorded for being one of the busiest, whatever the sample.
    pub share: u32,
    /// Why the request is no matter of the object, if it is none: then it is counted apart, and
    /// changes nothing.
    pub apart: Option<Apart>,
}

impl Event {
    /// Whether the call was not done, so that whoever made it has made it once more. A permit that
    /// nobody held any more was given back only once, and the candidate may hold it yet.
    pub(super) fn is_repeated(&self) -> bool {
        let is_of_permit = matches!(self.asked.call, Call::Release { .. } | Call::Renew { .. });
        self.told.is_undone && !is_of_permit
    }
}

/// A call, and what was over the head of its policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The call, with the definitions that it was decided by, and without its operation.
    pub call: Call,
    /// Of each item the overrides that change limits, the nearest first; may be shorter than the
    /// items, and then there are none for the rest.
    pub under: Vec<Vec<Override>>,
}

impl Asked {
    /// A call under no override.
    pub const fn plain(call: Call) -> Asked {
        let under = Vec::new();
        Asked { call, under }
    }
}

/// Why a request is no matter of the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Apart {
    /// An override refuses whatever is asked for the subject.
    Stopped,
    /// Others decided: a native binding that shields the object, or the failure mode.
    Elsewhere,
}

/// A call without its operation, and that.
pub fn without_operation(call: &Call) -> (Call, Option<u128>) {
    let mut call = call.clone();
    let operation = match &mut call {
        Call::Limit { operation, .. } => operation.take(),
        Call::Charge { operation, .. } | Call::Cancel { operation } => {
            Some(core::mem::take(operation))
        }
        _ => None,
    };
    (call, operation)
}

/// The share of what is always recorded.
pub const ALWAYS: u32 = 1_000_000;

/// What was answered to a call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// Whether each item of a [`Call::Limit`] was admitted; none of other calls.
    pub admitted: Vec<bool>,
    /// Whether it was refused for the sake of charges that could yet be taken back. Then it was
    /// asked once more, or told as `busy`: it is replayed, and not counted.
    pub is_contended: bool,
    /// Whether it was not done at all, such as a call that named a definition which the object did
    /// not know. It has changed nothing.
    pub is_undone: bool,
    /// The permit that was given.
    pub permit: Option<u128>,
}

impl Told {
    /// What an answer told.
    pub fn of(answer: &Answer) -> Told {
        let Answer::Decided(decisions) = answer else {
            return Told {
                is_undone: matches!(answer, Answer::Refused(..)),
                ..Told::default()
            };
        };
        let grant = decisions.iter().find_map(|it| it.grant.as_deref());
        Told {
            admitted: decisions.iter().map(|it| it.success).collect(),
            is_contended: decisions.iter().any(|it| it.contended),
            is_undone: false,
            permit: grant.map(|grant| grant.permit),
        }
    }
}

impl SubjectTrace {
    /// The calls in the order in which they are replayed: by instant, then by place. (Keys of plain
    /// numbers, which other code sorts too: each kind of them is a kilobyte of the Worker.)
    pub(super) fn in_order(&self) -> Vec<&Event> {
        let key = |(index, event): (usize, &Event)| {
            let number = event.place.or(event.after).map_or(0, |place| place.number);
            let is_own = u64::from(event.place.is_none());
            (event.at.as_millis(), 2 * number + is_own, index)
        };
        let mut keys: Vec<_> = self.events.iter().enumerate().map(key).collect();
        keys.sort_unstable();
        keys.into_iter()
            .map(|(.., index)| &self.events[index])
            .collect()
    }

    /// The rows of the state before the call of this place.
    pub(super) fn state_before(&self, place: Place) -> Option<&State> {
        self.states.iter().find(|state| state.before == place)
    }
}
