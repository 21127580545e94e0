//! One entry of a request: what is asked, and what was decided about it.

use crate::decision::{Decision, Source};

/// One entry as it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The name of its subject's object.
    pub object: &'a str,
    /// Whether it only looks.
    pub is_peek: bool,
    /// The refusal that the isolate remembers, if it does.
    pub remembered: Option<Decision>,
    /// Whether its object's last answer was a refusal of its own.
    pub refused_last: bool,
    /// Whether it gives units back: its cost is below zero.
    pub gives_back: bool,
}

/// One entry while its request is decided.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    is_peek: bool,
    /// Its decision, as far as it is known.
    answer: Option<(Decision, Source)>,
    /// Whether its object, if the whole is admitted, has certainly not counted it.
    pub(super) uncounted: bool,
    /// Whether its failure mode has given out units for it.
    is_given: bool,
}

impl Entry {
    pub(super) fn new(asked: Asked) -> Entry {
        Entry {
            is_peek: asked.is_peek,
            answer: asked.remembered.map(|refusal| (refusal, Source::Cache)),
            uncounted: false,
            is_given: false,
        }
    }

    pub(super) const fn is_decided(&self) -> bool {
        self.answer.is_some()
    }

    pub(super) fn is_admitted(&self) -> bool {
        let answer = self.answer.as_ref();
        answer.is_some_and(|(decision, _)| decision.success)
    }

    /// Takes in what its object decided.
    pub(super) fn decide(&mut self, decision: Decision) {
        self.answer = Some((decision, Source::Object));
    }

    /// Takes in what its failure mode decided, of a `peek` or for good.
    pub(super) fn fall_back(&mut self, answer: (Decision, Source), peek: bool) {
        self.is_given = answer.0.success && !peek && !self.is_peek;
        self.answer = Some(answer);
    }

    /// What its failure mode gave out and has not been given back yet, which it is now.
    pub(super) fn give_back(&mut self) -> Option<Decision> {
        let is_given = core::mem::take(&mut self.is_given);
        let (decision, _) = self.answer.as_ref().filter(|_| is_given)?;
        Some(decision.clone())
    }

    /// The request is refused: no slot is held for it, and there is no turn to wait for.
    pub(super) fn withdraw(&mut self) {
        if let Some((decision, _)) = &mut self.answer {
            decision.grant = None;
            decision.delay = None;
        }
    }

    /// Its decision, and where it was made.
    pub(super) fn into_answer(self) -> Option<(Decision, Source)> {
        self.answer
    }

    /// It is undecided again.
    pub(super) fn forget(&mut self) {
        self.answer = None;
        self.uncounted = false;
    }
}
