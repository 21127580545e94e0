//! What objects reply to one request, or failure modes in their place.

use crate::decision::{Decision, Source};

use super::effect::{Effect, Message};
use super::event::Reply;
use super::plan::{Charged, ObjectAnswer, Verdict};
use super::request::{Multi, Phase, Silent};

/// What came of asking some objects: the answers of those that gave one, and the silent ones.
type TakenIn = (Vec<(usize, ObjectAnswer)>, Vec<Silent>);

const fn answer(charged: Charged, verdict: Verdict) -> ObjectAnswer {
    ObjectAnswer { charged, verdict }
}

impl<E> Multi<E> {
    /// Takes in the replies of objects to what they were asked.
    pub(super) fn take_in_all(
        &mut self,
        replies: impl IntoIterator<Item = (Message, Reply<E>)>,
        effects: &mut Vec<Effect<E>>,
    ) -> TakenIn {
        let (mut answers, mut silent) = TakenIn::default();
        for (message, reply) in replies {
            let object = message.object();
            match reply {
                Reply::Cancelled => {}
                Reply::Decided(decisions) => {
                    self.learn(object, &decisions, effects);
                    answers.push((object, answer_of(&decisions)));
                    self.give(object, decisions);
                }
                Reply::Failed(error) => {
                    self.error.get_or_insert(error);
                    answers.push((object, answer(Charged::No, Verdict::Refused)));
                }
                // Its refusal of the first round stands.
                Reply::Silent { .. } if self.is_decided(object) => {
                    effects.push(Effect::KeepRefusal { object });
                    answers.push((object, answer(Charged::Perhaps, Verdict::Refused)));
                }
                Reply::Silent { may_have_counted } => silent.push(Silent {
                    object,
                    may_have_counted,
                }),
            }
        }
        (answers, silent)
    }

    /// Takes in how those objects stand whose charges were cancelled; the replies of the others.
    /// Without an answer the entries keep what was true before they were cancelled.
    pub(super) fn give_charged(
        &mut self,
        replies: impl IntoIterator<Item = (Message, Reply<E>)>,
        unasked: &[usize],
    ) -> Vec<(Message, Reply<E>)> {
        let mut others = Vec::new();
        for (message, reply) in replies {
            match (message, reply) {
                (Message::Cancel { .. }, _) => {}
                (Message::Look { object }, reply) if !unasked.contains(&object) => {
                    if let Reply::Decided(decisions) = reply {
                        self.give(object, decisions);
                    }
                }
                other => others.push(other),
            }
        }
        others
    }

    /// Has the failure modes decide in place of silent objects.
    pub(super) fn fall_back(
        &mut self,
        silent: Vec<Silent>,
        answers: Vec<(usize, ObjectAnswer)>,
        peek: bool,
        effects: &mut Vec<Effect<E>>,
    ) {
        let entries = silent.iter().flat_map(|it| self.entries_of(it.object));
        effects.push(Effect::FallBack {
            entries: entries.copied().collect(),
            peek,
        });
        self.phase = Phase::FallingBack {
            silent,
            answers,
            peek,
        };
    }

    /// Takes in what the failure modes decided. Every entry that was decided knows it, so that what
    /// was given out can be given back.
    pub(super) fn fell_back(
        &mut self,
        silent: &[Silent],
        decided: Vec<Result<(Decision, Source), E>>,
        peek: bool,
    ) -> Vec<(usize, ObjectAnswer)> {
        let mut decided = decided.into_iter();
        let mut answers = Vec::with_capacity(silent.len());
        for it in silent {
            let mut verdict = Verdict::Admitted;
            for &entry in &self.objects[it.object].entries {
                let entry = &mut self.entries[entry];
                entry.uncounted = !it.may_have_counted;
                match decided.next() {
                    Some(Ok(answer)) => entry.fall_back(answer, peek),
                    Some(Err(error)) => drop(self.error.get_or_insert(error)),
                    None => {}
                }
                if !entry.is_admitted() {
                    verdict = Verdict::Refused;
                }
            }
            answers.push((it.object, answer(Charged::Perhaps, verdict)));
        }
        answers
    }

    pub(super) fn is_decided(&self, object: usize) -> bool {
        let mut entries = self.objects[object].entries.iter();
        entries.all(|&entry| self.entries[entry].is_decided())
    }

    /// Gives each entry of an object its decision.
    fn give(&mut self, object: usize, decisions: Vec<Decision>) {
        for (&entry, decision) in self.objects[object].entries.iter().zip(decisions) {
            self.entries[entry].decide(decision);
        }
    }

    /// Has decisions remembered. An entry may be refused because of another entry of the same
    /// object, which is not charged then: so a refusal is answered again from memory for an
    /// object's only entry alone, while the object is asked first the next time in any case.
    fn learn(&self, object: usize, decisions: &[Decision], effects: &mut Vec<Effect<E>>) {
        let entries = &self.objects[object].entries;
        for (&entry, decision) in entries.iter().zip(decisions) {
            effects.push(Effect::Learn {
                entry,
                decision: decision.clone(),
                is_alone: entries.len() == 1,
            });
        }
    }
}

/// What an object's decisions come to: it charges all or nothing.
fn answer_of(decisions: &[Decision]) -> ObjectAnswer {
    let mut refusals = decisions.iter().filter(|decision| !decision.success);
    if refusals.clone().next().is_none() {
        answer(Charged::Yes, Verdict::Admitted)
    } else if refusals.all(|decision| decision.contended) {
        answer(Charged::No, Verdict::Contended)
    } else {
        answer(Charged::No, Verdict::Refused)
    }
}
