//! The rounds of one request: who is asked, what is taken back, and how it ends.

use crate::Timestamp;

use super::effect::{Decided, Effect, Message};
use super::entry::Entry;
use super::plan::{Next, ObjectAnswer, Round};
use super::request::{Multi, Phase};

impl<E> Multi<E> {
    /// Begins a round with these objects, under an operation of its own.
    pub(super) fn begin_round(
        &mut self,
        wave: Vec<usize>,
        now: Timestamp,
        random: &mut dyn FnMut() -> u128,
        effects: &mut Vec<Effect<E>>,
    ) {
        self.operation = (self.objects.len() > 1 || self.terms.is_revocable).then(random);
        self.charge(wave, now, effects);
    }

    /// Has these objects charge their parts.
    fn charge(&mut self, wave: Vec<usize>, now: Timestamp, effects: &mut Vec<Effect<E>>) {
        let operation = self.operation;
        let charge = |object| Message::Charge { object, operation };
        let messages: Vec<Message> = wave.into_iter().map(charge).collect();
        effects.push(Effect::Send {
            messages: messages.clone(),
            patience: self.time(now).left(),
        });
        self.phase = Phase::Charging(messages);
    }

    /// Goes on after the answers of one wave.
    pub(super) fn go_on(
        &mut self,
        answers: Vec<(usize, ObjectAnswer)>,
        now: Timestamp,
        random: &mut dyn FnMut() -> u128,
        effects: &mut Vec<Effect<E>>,
    ) {
        match self.plan.record_answers(answers, self.time(now)) {
            Next::Ask(wave) => self.charge(wave, now, effects),
            Next::Admitted => self.finish(true, effects),
            Next::Refused(Round {
                charged,
                silent,
                unasked,
            }) => {
                self.cancel_later(silent, effects);
                self.refuse(charged, unasked, effects);
            }
            Next::Again(round) => {
                self.cancel_later(round.silent, effects);
                let messages = self.cancels(&round.charged);
                if messages.is_empty() {
                    self.ask_again(now, random, effects);
                } else {
                    let patience = self.time(now).left();
                    effects.push(Effect::Send { messages, patience });
                    self.phase = Phase::TakingBack;
                }
            }
        }
    }

    /// Begins the last round, if there is time. Its entries are undecided again, but for refusals
    /// that the plan keeps.
    pub(super) fn ask_again(
        &mut self,
        now: Timestamp,
        random: &mut dyn FnMut() -> u128,
        effects: &mut Vec<Effect<E>>,
    ) {
        let Next::Ask(wave) = self.plan.ask_again(self.time(now)) else {
            // Nothing is left to take back, and who was not asked only says how it stands.
            let all = 0..self.objects.len();
            let unasked = all.filter(|&object| !self.is_decided(object)).collect();
            self.refuse(Vec::new(), unasked, effects);
            return;
        };
        self.give_back(effects);
        let all = 0..self.objects.len();
        let undecided: Vec<usize> = all.filter(|&it| !self.plan.keeps_refusal(it)).collect();
        self.forget(&undecided);
        self.begin_round(wave, now, random, effects);
    }

    /// The request is refused. Where each entry is to be answered, objects that have charged, which
    /// is taken back, or that were not asked say how their entries stand without it.
    pub(super) fn refuse(
        &mut self,
        charged: Vec<usize>,
        unasked: Vec<usize>,
        effects: &mut Vec<Effect<E>>,
    ) {
        if !self.terms.answers_all {
            self.forget(&charged);
            self.cancel_later(charged, effects);
            self.finish(false, effects);
            return;
        }
        let mut messages = self.cancels(&charged);
        let looked_at = charged.iter().chain(&unasked);
        messages.extend(looked_at.map(|&object| Message::Look { object }));
        if messages.is_empty() {
            self.finish(false, effects);
            return;
        }
        effects.push(Effect::Send {
            messages: messages.clone(),
            patience: self.terms.deadline,
        });
        self.phase = Phase::Looking { messages, unasked };
    }

    /// The messages that take back what these objects charged.
    fn cancels(&self, charged: &[usize]) -> Vec<Message> {
        let Some(operation) = self.operation else {
            return Vec::new();
        };
        let cancel = |&object: &usize| Message::Cancel { object, operation };
        charged.iter().map(cancel).collect()
    }

    /// Has objects that are silent cancel what they may have charged: what is not cancelled stays
    /// charged until its window passes.
    fn cancel_later(&self, objects: Vec<usize>, effects: &mut Vec<Effect<E>>) {
        if let (Some(operation), false) = (self.operation, objects.is_empty()) {
            effects.push(Effect::CancelLater { objects, operation });
        }
    }

    fn give_back(&mut self, effects: &mut Vec<Effect<E>>) {
        for (entry, it) in self.entries.iter_mut().enumerate() {
            if let Some(decision) = it.give_back() {
                effects.push(Effect::GiveBack { entry, decision });
            }
        }
    }

    /// These objects' entries are undecided again.
    fn forget(&mut self, objects: &[usize]) {
        for &object in objects {
            let entries = self.objects[object].entries.iter();
            entries.for_each(|&entry| self.entries[entry].forget());
        }
    }

    /// Ends the request.
    pub(super) fn finish(&mut self, success: bool, effects: &mut Vec<Effect<E>>) {
        if !success || self.error.is_some() {
            self.give_back(effects);
        }
        if let Some(error) = self.error.take() {
            effects.push(Effect::Done(Err(error)));
            return;
        }
        let mut entries = core::mem::take(&mut self.entries);
        if success {
            let uncounted = entries.iter().enumerate().filter(|(_, it)| it.uncounted);
            effects.extend(uncounted.map(|(entry, _)| Effect::Owe { entry }));
        } else {
            entries.iter_mut().for_each(Entry::withdraw);
        }
        effects.push(Effect::Done(Ok(Decided {
            success,
            decisions: entries.into_iter().map(Entry::into_answer).collect(),
        })));
    }
}
