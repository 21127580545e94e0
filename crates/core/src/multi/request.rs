//! One request over several subjects, step by step.

use crate::{Duration, Timestamp};

use super::effect::{Effect, Message};
use super::entry::{Asked, Entry};
use super::event::{Event, Reply};
use super::object::Object;
use super::plan::{ObjectAnswer, Plan};
use super::time::Time;

/// One request over several subjects. `E` is why something cannot be decided; of several reasons
/// the first is answered.
#[derive(Debug, Clone)]
pub struct Multi<E> {
    pub(super) entries: Vec<Entry>,
    pub(super) objects: Vec<Object>,
    pub(super) plan: Plan,
    pub(super) phase: Phase,
    /// Under which the present round charges. One object decides all or nothing by itself, so no
    /// operation has to be remembered for it.
    pub(super) operation: Option<u128>,
    begun: Timestamp,
    pub(super) terms: Terms,
    pub(super) error: Option<E>,
}

/// How a request wants to be decided.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Whether each entry is to be answered, also when another one refuses; else a refusal is all
    /// that is told, and no object is asked in vain.
    pub answers_all: bool,
    /// Whether an admission may be taken back later: see [`Multi::operation`].
    pub is_revocable: bool,
    /// From the first message to the last reply.
    pub deadline: Duration,
}

/// What the request waits for.
#[derive(Debug, Clone)]
pub(super) enum Phase {
    /// Objects charge their parts.
    Charging(Vec<Message>),
    /// The charges of the first round are taken back.
    TakingBack,
    /// The request is refused. Objects say how their entries stand without it.
    Looking {
        messages: Vec<Message>,
        /// The objects that were not asked before.
        unasked: Vec<usize>,
    },
    /// Failure modes decide in place of the objects that are silent.
    FallingBack {
        silent: Vec<Silent>,
        /// What is known of the other objects.
        answers: Vec<(usize, ObjectAnswer)>,
        /// Whether the request is refused already.
        peek: bool,
    },
    Done,
}

/// An object that gave no answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Silent {
    pub(super) object: usize,
    /// Whether it may have counted what it was asked.
    pub(super) may_have_counted: bool,
}

impl<E> Multi<E> {
    /// Begins a request, and says what to do first. `random` gives 128 random bits for an
    /// operation.
    pub fn begin(
        asked: Vec<Asked>,
        terms: Terms,
        now: Timestamp,
        random: &mut dyn FnMut() -> u128,
    ) -> (Multi<E>, Vec<Effect<E>>) {
        let objects = Object::of(&asked);
        let names: Vec<&str> = objects.iter().map(|it| it.name.as_str()).collect();
        let refused_last: Vec<bool> = objects.iter().map(|it| it.refused_last).collect();
        let gives_back: Vec<bool> = objects.iter().map(|it| it.gives_back).collect();
        let (plan, wave) = Plan::begin(&names, &refused_last, &gives_back);
        let mut request = Multi {
            entries: asked.into_iter().map(Entry::new).collect(),
            objects,
            plan,
            phase: Phase::Done,
            operation: None,
            begun: now,
            terms,
            error: None,
        };
        let mut effects = Vec::new();
        if request.entries.iter().any(Entry::is_decided) {
            let unasked = (0..request.objects.len()).collect();
            request.refuse(Vec::new(), unasked, &mut effects);
        } else {
            request.begin_round(wave, now, random, &mut effects);
        }
        (request, effects)
    }

    /// Under which operation the present round charges, where it does under one. Once all are
    /// admitted each object knows it.
    pub const fn operation(&self) -> Option<u128> {
        self.operation
    }

    /// How many objects are asked.
    pub fn objects(&self) -> usize {
        self.objects.len()
    }

    /// The entries of an object, as indices into the request.
    pub fn entries_of(&self, object: usize) -> &[usize] {
        &self.objects[object].entries
    }

    /// What to do after this event. One that the request does not wait for changes nothing.
    pub fn step(
        &mut self,
        event: Event<E>,
        now: Timestamp,
        random: &mut dyn FnMut() -> u128,
    ) -> Vec<Effect<E>> {
        let mut effects = Vec::new();
        match (core::mem::replace(&mut self.phase, Phase::Done), event) {
            (Phase::Charging(messages), Event::Replied(replies)) => {
                let replies = messages.into_iter().zip(replies);
                self.replied(replies, false, now, random, &mut effects);
            }
            (Phase::TakingBack, Event::Replied(_)) => self.ask_again(now, random, &mut effects),
            (Phase::Looking { messages, unasked }, Event::Replied(replies)) => {
                let replies = messages.into_iter().zip(replies);
                let replies = self.give_charged(replies, &unasked);
                self.replied(replies, true, now, random, &mut effects);
            }
            (
                Phase::FallingBack {
                    silent,
                    mut answers,
                    peek,
                },
                Event::FellBack(decided),
            ) => {
                answers.extend(self.fell_back(&silent, decided, peek));
                self.all_answered(answers, peek, now, random, &mut effects);
            }
            (phase, _) => self.phase = phase,
        }
        effects
    }

    /// Takes in replies. The failure modes decide for objects that gave none. `peek`: the request
    /// is refused already.
    fn replied(
        &mut self,
        replies: impl IntoIterator<Item = (Message, Reply<E>)>,
        peek: bool,
        now: Timestamp,
        random: &mut dyn FnMut() -> u128,
        effects: &mut Vec<Effect<E>>,
    ) {
        let (answers, silent) = self.take_in_all(replies, effects);
        if silent.is_empty() {
            self.all_answered(answers, peek, now, random, effects);
        } else {
            self.fall_back(silent, answers, peek, effects);
        }
    }

    /// Goes on once every object that was asked has an answer.
    fn all_answered(
        &mut self,
        answers: Vec<(usize, ObjectAnswer)>,
        peek: bool,
        now: Timestamp,
        random: &mut dyn FnMut() -> u128,
        effects: &mut Vec<Effect<E>>,
    ) {
        if peek {
            self.finish(false, effects);
        } else {
            self.go_on(answers, now, random, effects);
        }
    }

    pub(super) const fn time(&self, now: Timestamp) -> Time {
        Time {
            elapsed: now.since(self.begun),
            deadline: self.terms.deadline,
        }
    }
}
