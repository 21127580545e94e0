//! The order in which the objects of a request over several subjects are asked, and which charges
//! are taken back.
//!
//! 1. Objects whose last answer was a refusal of their own are asked first and alone. A request
//!    that is always refused then charges nobody.
//! 2. The other objects are asked at once.
//! 3. If every refusal is [contended](crate::decision::Decision::contended) and there is time, the
//!    charges are taken back and every object is asked once more, one after the other in the order
//!    of their names. That answer is final.
//!
//! Because all requests take the objects in one order in step 3, one of the requests that contend
//! is admitted, provided that their messages take about the same time.
//!
//! This module is pure: the caller reports the answers, and the module returns the next step.

use std::collections::VecDeque;

use crate::Duration;

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

/// The time that a request has used and has in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    /// Since the first object was asked.
    pub elapsed: Duration,
    /// From the first question to the last answer.
    pub deadline: Duration,
}

impl Time {
    /// Whether `more` messages fit before the deadline if each takes as long as the `gone` ones
    /// took on average, each with its answer and one after the other.
    pub fn is_enough_for(self, more: usize, gone: usize) -> bool {
        let (elapsed, deadline) = (self.elapsed.as_millis(), self.deadline.as_millis());
        let needed = elapsed.saturating_mul(more as u64);
        elapsed <= deadline && needed <= (deadline - elapsed).saturating_mul(gone as u64)
    }

    /// The rest until the deadline, at least a millisecond.
    pub fn left(self) -> Duration {
        let left = self.deadline.as_millis();
        let left = left.saturating_sub(self.elapsed.as_millis());
        Duration::from_millis(left.max(1))
    }
}

/// The steps of one request.
#[derive(Debug)]
pub struct Plan {
    /// All objects in the order of their names.
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
    /// each whether its last answer was a refusal of its own.
    pub fn begin(names: &[&str], refused_last: &[bool]) -> (Plan, Vec<usize>) {
        let mut by_name: Vec<usize> = (0..names.len()).collect();
        by_name.sort_unstable_by_key(|&index| names[index]);
        let is_first = |index: &usize| refused_last.get(*index).copied().unwrap_or(false);
        let (first, rest): (Vec<usize>, Vec<usize>) = (0..names.len()).partition(is_first);
        let mut waves: VecDeque<Vec<usize>> = [first, rest].into();
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

#[cfg(test)]
mod tests {
    use super::*;

    const ADMITTED: ObjectAnswer = ObjectAnswer {
        charged: Charged::Yes,
        verdict: Verdict::Admitted,
    };
    const CONTENDED: ObjectAnswer = ObjectAnswer {
        charged: Charged::No,
        verdict: Verdict::Contended,
    };
    const REFUSED: ObjectAnswer = ObjectAnswer {
        charged: Charged::No,
        verdict: Verdict::Refused,
    };

    fn time(elapsed: u64) -> Time {
        let millis = Duration::from_millis;
        Time {
            elapsed: millis(elapsed),
            deadline: millis(1_000),
        }
    }

    #[test]
    fn all_are_asked_at_once_and_admit_together() {
        let (mut plan, wave) = Plan::begin(&["b", "a", "c"], &[false; 3]);
        assert_eq!(wave, [0, 1, 2]);
        assert_eq!(
            plan.record_answers(wave.into_iter().map(|i| (i, ADMITTED)), time(5)),
            Next::Admitted
        );
    }

    #[test]
    fn who_refused_last_is_asked_first_and_alone() {
        let (mut plan, wave) = Plan::begin(&["b", "a", "c"], &[false, false, true]);
        assert_eq!(wave, [2]);
        let unasked = Round {
            unasked: vec![0, 1],
            ..Round::default()
        };
        assert_eq!(
            plan.record_answers([(2, REFUSED)], time(5)),
            Next::Refused(unasked)
        );
        let (mut plan, _) = Plan::begin(&["b", "a", "c"], &[false, false, true]);
        assert_eq!(
            plan.record_answers([(2, ADMITTED)], time(5)),
            Next::Ask(vec![0, 1])
        );
        let round = Round {
            charged: vec![0, 2],
            ..Round::default()
        };
        assert_eq!(
            plan.record_answers([(0, ADMITTED), (1, REFUSED)], time(9)),
            Next::Refused(round)
        );
    }

    #[test]
    fn what_is_contended_is_asked_once_more_by_name_and_then_final() {
        let (mut plan, _) = Plan::begin(&["b", "a"], &[false; 2]);
        let round = Round {
            charged: vec![0],
            ..Round::default()
        };
        assert_eq!(
            plan.record_answers([(0, ADMITTED), (1, CONTENDED)], time(5)),
            Next::Again(round)
        );
        assert_eq!(plan.ask_again(time(7)), Next::Ask(vec![1]));
        assert_eq!(
            plan.record_answers([(1, ADMITTED)], time(9)),
            Next::Ask(vec![0])
        );
        let round = Round {
            charged: vec![1],
            ..Round::default()
        };
        assert_eq!(
            plan.record_answers([(0, CONTENDED)], time(12)),
            Next::Refused(round)
        );
    }

    #[test]
    fn it_is_not_asked_again_where_one_refuses_for_good_or_time_is_short() {
        let answers = [(0, CONTENDED), (1, REFUSED)];
        let (mut plan, _) = Plan::begin(&["b", "a"], &[false; 2]);
        assert_eq!(
            plan.record_answers(answers, time(5)),
            Next::Refused(Round::default())
        );
        // Two more messages after one, or three where something is to be taken back first.
        for (first, elapsed, again) in [
            (CONTENDED, 333, true),
            (CONTENDED, 334, false),
            (ADMITTED, 250, true),
            (ADMITTED, 251, false),
            (CONTENDED, 1_001, false),
        ] {
            let (mut plan, _) = Plan::begin(&["b", "a"], &[false; 2]);
            let next = plan.record_answers([(0, first), (1, CONTENDED)], time(elapsed));
            assert_eq!(matches!(next, Next::Again(_)), again, "{elapsed}");
        }
    }

    #[test]
    fn where_taking_back_took_too_long_the_first_answers_are_final() {
        for (elapsed, next) in [
            (500, Next::Ask(vec![1])),
            (501, Next::Refused(Round::default())),
        ] {
            let (mut plan, _) = Plan::begin(&["b", "a"], &[false; 2]);
            plan.record_answers([(0, ADMITTED), (1, CONTENDED)], time(5));
            assert_eq!(plan.ask_again(time(elapsed)), next);
        }
        assert_eq!(time(1_001).left(), Duration::from_millis(1));
    }

    #[test]
    fn a_refusal_stands_where_its_object_falls_silent() {
        const SILENT: ObjectAnswer = ObjectAnswer {
            charged: Charged::Perhaps,
            verdict: Verdict::Refused,
        };
        let (mut plan, _) = Plan::begin(&["b", "a"], &[false; 2]);
        assert!(!plan.keeps_refusal(0) && !plan.keeps_refusal(1));
        plan.record_answers([(0, ADMITTED), (1, CONTENDED)], time(5));
        plan.ask_again(time(7));
        assert!(!plan.keeps_refusal(0) && plan.keeps_refusal(1));
        let round = Round {
            silent: vec![1],
            unasked: vec![0],
            ..Round::default()
        };
        assert_eq!(
            plan.record_answers([(1, SILENT)], time(900)),
            Next::Refused(round)
        );
    }
}
