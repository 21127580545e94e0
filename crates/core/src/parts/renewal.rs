//! Holding a permit for longer in all of its parts.

use crate::decision::Grant;
use crate::message::{Answer, Call};
use crate::multi::Time;
use crate::{Duration, Timestamp};

use super::step::{Failed, Other, Step};

/// One renewal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewal {
    call: Call,
    began: Timestamp,
    deadline: Duration,
    phase: Phase,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    AtHome,
    Elsewhere {
        /// The home's grant, with the first deadline of all parts that have renewed.
        grant: Grant,
        /// The objects that were asked, in order.
        asked: Vec<String>,
        /// Whether they were silent before.
        is_again: bool,
    },
    Done,
}

impl Renewal {
    /// Begins to renew a permit whose home is the object `home`: for `hold` from now, or as long as
    /// it was asked for. `deadline`: from the first question to the last answer.
    pub fn begin(
        home: String,
        (permit, hold): (u128, Option<Duration>),
        deadline: Duration,
        now: Timestamp,
    ) -> (Renewal, Step<Grant>) {
        let call = Call::Renew { permit, hold };
        let step = Step::ask(vec![(home, call.clone())], deadline);
        let renewal = Renewal {
            call,
            began: now,
            deadline,
            phase: Phase::AtHome,
        };
        (renewal, step)
    }

    /// What to do after these answers; `None` stands for silence.
    pub fn step(&mut self, answers: Vec<Option<Answer>>, now: Timestamp) -> Step<Grant> {
        match core::mem::replace(&mut self.phase, Phase::Done) {
            Phase::AtHome => match answers.into_iter().next().flatten() {
                Some(Answer::Renewed { grant, others }) if others.is_empty() => {
                    Step::done(Ok(grant))
                }
                // So that there is time to ask once more.
                Some(Answer::Renewed { grant, others }) => {
                    let half = self.time(now).left().as_millis().div_ceil(2);
                    self.ask(grant, others, false, Duration::from_millis(half))
                }
                other => Step::done(Err(Failed::of(other))),
            },
            Phase::Elsewhere {
                grant,
                asked,
                is_again,
            } => self.take_in(grant, asked.into_iter().zip(answers), is_again, now),
            Phase::Done => Step::done(Err(Failed::Silent)),
        }
    }

    fn take_in(
        &mut self,
        mut grant: Grant,
        answers: impl Iterator<Item = (String, Option<Answer>)>,
        is_again: bool,
        now: Timestamp,
    ) -> Step<Grant> {
        let mut silent = Vec::new();
        for (object, answer) in answers {
            match answer {
                Some(Answer::Renewed { grant: part, .. }) => {
                    grant.expires = grant.expires.min(part.expires);
                }
                other => match Other::of(other.as_ref()) {
                    Other::HasNone => {}
                    Other::Ended | Other::Refused => return Step::done(Err(Failed::of(other))),
                    Other::Silent => silent.push(object),
                },
            }
        }
        let time = self.time(now);
        if silent.is_empty() {
            Step::done(Ok(grant))
        } else if is_again || time.elapsed >= time.deadline {
            Step::done(Err(Failed::Silent))
        } else {
            self.ask(grant, silent, true, time.left())
        }
    }

    fn ask(
        &mut self,
        grant: Grant,
        asked: Vec<String>,
        is_again: bool,
        patience: Duration,
    ) -> Step<Grant> {
        let calls = asked.iter().map(|it| (it.clone(), self.call.clone()));
        let calls = calls.collect();
        self.phase = Phase::Elsewhere {
            grant,
            asked,
            is_again,
        };
        Step::ask(calls, patience)
    }

    const fn time(&self, now: Timestamp) -> Time {
        Time {
            elapsed: now.since(self.began),
            deadline: self.deadline,
        }
    }
}
