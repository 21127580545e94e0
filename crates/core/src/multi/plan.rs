//! The order in which the objects of a request over several subjects are asked, and which charges
//! are taken back. The caller reports the answers, and the plan returns the next step.

use std::collections::VecDeque;

use super::time::Time;

/// Whether an object has charged its part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charged {
    /// It has.
    Yes,
    /// It has not.
    No,
    /// It did not answer.
    Perhaps,
}

/// The decision on an object's part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Admitted by the object, or by the failure mode if the object did not answer.
    Admitted,
    /// Refused because of charges that may yet be taken back.
    Contended,
    /// Refused for good, or no decision could be made.
    Refused,
}

/// The outcome of asking one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectAnswer {
    /// Whether there is a charge to take back if the request is refused.
    pub charged: Charged,
    /// The decision on its part.
    pub verdict: Verdict,
}

/// The next step. Numbers are indices into the list of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Ask these objects at once.
    Ask(Vec<usize>),
    /// The request is admitted.
    Admitted,
    /// The request is refused. The charges of this round are to be taken back.
    Refused(Round),
    /// Take back the charges of this round, wait for the acknowledgements, and call
    /// [`Plan::ask_again`]. The next round needs an operation of its own.
    Again(Round),
}

/// What became of each object in one round, as indices into the list of names. Objects that
/// refused are in none of the lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Round {
    /// Objects that have charged.
    pub charged: Vec<usize>,
    /// Objects that did not answer and may have charged.
    pub silent: Vec<usize>,
    /// Objects that were not asked.
    pub unasked: Vec<usize>,
}

/// The steps of one request.
#[derive(Debug, Clone)]
pub struct Plan {
    /// All objects in the order of their names, those that only give back after the others.
    by_name: Vec<usize>,
    /// Objects still to ask in this round; those of one wave are asked at once.
    waves: VecDeque<Vec<usize>>,
    /// The answers of this round.
    answers: Vec<Option<ObjectAnswer>>,
    /// How many messages have been sent and answered one after the other.
    gone: usize,
    /// Objects that refused in the first round, once the last round has begun.
    contended: Option<Vec<bool>>,
}

impl Plan {
    /// A plan for the objects of these names, and the objects to ask first. `refused_last` says of
    /// each whether its last answer was a refusal of its own, `gives_back` whether its part only
    /// gives units back: no cancellation takes that back, so these are asked after all others.
    pub fn begin(names: &[&str], refused_last: &[bool], gives_back: &[bool]) -> (Plan, Vec<usize>) {
        let mut by_name: Vec<usize> = (0..names.len()).collect();
        let is_last = |index: &usize| gives_back.get(*index).copied().unwrap_or(false);
        by_name.sort_unstable_by_key(|index| (is_last(index), names[*index]));
        let is_first = |index: &usize| refused_last.get(*index).copied().unwrap_or(false);
        let (last, others): (Vec<usize>, Vec<usize>) = (0..names.len()).partition(is_last);
        let (first, rest): (Vec<usize>, Vec<usize>) = others.into_iter().partition(is_first);
        let mut waves: VecDeque<Vec<usize>> = [first, rest, last].into();
        waves.retain(|wave| !wave.is_empty());
        let wave = waves.pop_front().unwrap_or_default();
        let plan = Plan {
            by_name,
            waves,
            answers: vec![None; names.len()],
            gone: 0,
            contended: None,
        };
        (plan, wave)
    }

    /// The next step after these answers of the objects that were asked.
    pub fn record_answers(
        &mut self,
        answers: impl IntoIterator<Item = (usize, ObjectAnswer)>,
        time: Time,
    ) -> Next {
        self.gone += 1;
        for (index, answers) in answers {
            self.answers[index] = Some(answers);
        }
        let verdicts = || self.answers.iter().flatten().map(|answers| answers.verdict);
        if verdicts().all(|verdict| verdict == Verdict::Admitted) {
            return match self.waves.pop_front() {
                Some(wave) => Next::Ask(wave),
                None => Next::Admitted,
            };
        }
        let round = self.round();
        let is_final = self.contended.is_some();
        let refused = verdicts().any(|verdict| verdict == Verdict::Refused);
        let more = self.answers.len() + usize::from(!round.charged.is_empty());
        if is_final || refused || !time.is_enough_for(more, self.gone) {
            return Next::Refused(round);
        }
        self.gone += usize::from(!round.charged.is_empty());
        Next::Again(round)
    }

    /// Begins the last round after the charges of the first have been taken back, unless that took
    /// too long: then the answers of the first round are final, and nothing is left to take back.
    pub fn ask_again(&mut self, time: Time) -> Next {
        if !time.is_enough_for(self.answers.len(), self.gone) {
            return Next::Refused(Round::default());
        }
        let is_contended = |answers: &Option<ObjectAnswer>| {
            answers.is_some_and(|it| it.verdict == Verdict::Contended)
        };
        self.contended = Some(self.answers.iter().map(is_contended).collect());
        self.answers.fill(None);
        self.waves = self.by_name.iter().map(|&index| vec![index]).collect();
        Next::Ask(self.waves.pop_front().unwrap_or_default())
    }

    /// Whether the refusal of the first round stands if this object does not answer in the last.
    /// The object was in reach a moment ago, so no failure mode takes its place.
    pub fn keeps_refusal(&self, index: usize) -> bool {
        self.contended.as_ref().is_some_and(|it| it[index])
    }

    fn round(&self) -> Round {
        let mut round = Round::default();
        for (index, answers) in self.answers.iter().enumerate() {
            match answers.map(|answers| answers.charged) {
                Some(Charged::Yes) => round.charged.push(index),
                Some(Charged::Perhaps) => round.silent.push(index),
                Some(Charged::No) => {}
                None => round.unasked.push(index),
            }
        }
        round
    }
}
