//! Holding another total in all parts of a permit, or in none.

use crate::decide::Overage;
use crate::limit::{Costs, Name, Real};
use crate::message::{Answer, Call, RefusalCode};
use crate::subject_state::{Topped, Topup};
use crate::Duration;

use super::step::{Failed, Step};

/// One topup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topping {
    home: String,
    topup: Topup,
    /// How long each question may take.
    patience: Duration,
    phase: Phase,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    AtHome,
    /// The others are asked for what the home has room for.
    Elsewhere {
        at_home: Topped,
        wanted: Topup,
    },
    /// The home holds less again.
    Back(Outcome),
    Done,
}

/// What is answered once the home holds less again.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// What one part has room for.
    Less,
    /// A part has no room, for so long.
    Refused(Option<Duration>),
    /// A part did not answer, or holds nothing any more.
    Failed(Failed),
}

impl Topping {
    /// Begins to have a permit hold other units, whose home is the object `home`.
    pub fn begin(home: String, topup: Topup, patience: Duration) -> (Topping, Step<Topped>) {
        let step = Step::ask(vec![(home.clone(), Call::TopUp(topup.clone()))], patience);
        let topping = Topping {
            home,
            topup,
            patience,
            phase: Phase::AtHome,
        };
        (topping, step)
    }

    /// What to do after these answers; `None` stands for silence.
    pub fn step(&mut self, answers: Vec<Option<Answer>>) -> Step<Topped> {
        match core::mem::replace(&mut self.phase, Phase::Done) {
            Phase::AtHome => match answers.into_iter().next().flatten() {
                Some(Answer::Topped(topped)) if topped.success && !topped.others.is_empty() => {
                    self.ask_others(topped)
                }
                Some(Answer::Topped(topped)) => Step::done(Ok(topped)),
                other => Step::done(Err(Failed::of(other))),
            },
            Phase::Elsewhere { at_home, wanted } => self.take_in(at_home, wanted, answers),
            Phase::Back(outcome) => back(outcome, answers.into_iter().next().flatten()),
            Phase::Done => Step::done(Err(Failed::Silent)),
        }
    }

    fn ask_others(&mut self, at_home: Topped) -> Step<Topped> {
        let wanted = Topup {
            total: total_of(&at_home.held, &at_home.named, &self.topup.total),
            turn: Some(at_home.turn).filter(|turn| *turn > 0),
            ..self.topup.clone()
        };
        let others = at_home.others.iter();
        let calls = others.map(|it| (it.clone(), Call::TopUp(wanted.clone())));
        let step = Step::ask(calls.collect(), self.patience);
        self.phase = Phase::Elsewhere { at_home, wanted };
        step
    }

    fn take_in(
        &mut self,
        at_home: Topped,
        wanted: Topup,
        answers: Vec<Option<Answer>>,
    ) -> Step<Topped> {
        let mut least = wanted.total.clone();
        let mut outcome = Outcome::Less;
        for answer in &answers {
            match answer {
                Some(Answer::Topped(topped)) if topped.success => {
                    let held = total_of(&topped.held, &topped.named, &wanted.total);
                    least = smaller(least, &held);
                }
                Some(Answer::Topped(topped)) if outcome == Outcome::Less => {
                    outcome = Outcome::Refused(topped.retry_after);
                }
                Some(Answer::Topped(topped)) => outcome = later(outcome, topped.retry_after),
                // It holds slots alone, or was out of reach when the permit was taken.
                Some(Answer::Refused(RefusalCode::UnknownPermit, _)) => {}
                Some(Answer::Refused(RefusalCode::PermitEnded, _)) => {
                    outcome = Outcome::Failed(Failed::of(answer.clone()));
                }
                _ => outcome = Outcome::Failed(Failed::Silent),
            }
        }
        let is_less = outcome == Outcome::Less;
        if is_less && least == wanted.total {
            return Step::done(Ok(at_home));
        }
        // In place of the totals where a part remembers what it held.
        let back = |total: Real| {
            let topup = Topup {
                total,
                overage: Overage::Deny,
                is_undone: !is_less,
                ..wanted.clone()
            };
            Call::TopUp(topup)
        };
        let told = |answer: &Option<Answer>| match answer {
            Some(Answer::Topped(topped)) if topped.success && is_less => Some(least.clone()),
            Some(Answer::Topped(topped)) if topped.success => Some(before(topped)),
            Some(_) => None, // nothing has changed there
            // It may hold more now.
            None => Some(total_of(&at_home.before, &at_home.named, &wanted.total)),
        };
        let others = at_home.others.iter().zip(&answers);
        let tell = others.filter_map(|(object, it)| Some((object.clone(), back(told(it)?))));
        let tell = tell.collect();
        let total = match is_less {
            true => least.clone(),
            false => before(&at_home),
        };
        let step = Step::ask(vec![(self.home.clone(), back(total))], self.patience);
        self.phase = Phase::Back(outcome);
        step.telling(tell)
    }
}

/// The longer one of two refusals. Where something else is wrong that is told.
fn later(outcome: Outcome, other: Option<Duration>) -> Outcome {
    match outcome {
        Outcome::Refused(known) => {
            Outcome::Refused(known.zip(other).map(|(known, other)| known.max(other)))
        }
        outcome => outcome,
    }
}

/// The answer once the home has said what it holds now.
fn back(outcome: Outcome, answer: Option<Answer>) -> Step<Topped> {
    let topped = match answer {
        Some(Answer::Topped(topped)) => topped,
        other => return Step::done(Err(Failed::of(other))),
    };
    let (success, retry_after) = match outcome {
        Outcome::Less => (true, None),
        Outcome::Refused(retry_after) => (false, retry_after),
        Outcome::Failed(why) => return Step::done(Err(why)),
    };
    Step::done(Ok(Topped {
        success,
        retry_after,
        ..topped
    }))
}

/// What one object held before, limit by limit: as well as it can be said by names.
fn before(topped: &Topped) -> Real {
    let mut real = Real::default();
    let mut named: Vec<(Name, u64)> = Vec::with_capacity(topped.before.len());
    for (name, units) in &topped.before {
        match Name::new("costs", name) {
            Ok(name) if named.iter().any(|(known, _)| *known == name) => {}
            Ok(name) => named.push((name, *units)),
            Err(_) => drop(real.cost.get_or_insert(*units)), // it has no name
        }
    }
    real.costs = Costs::new(named);
    real
}

/// What of these units is held of the limits that are named, and of all others, the least of each.
/// Those that were asked for by name before are none of the others.
fn total_of(held: &[(String, u64)], asked_by_name: &[String], asked: &Real) -> Real {
    let least = |is_meant: &dyn Fn(&str) -> bool| {
        let meant = held.iter().filter(|(name, _)| is_meant(name));
        meant.map(|(_, units)| *units).min()
    };
    let named = asked.costs.iter().map(|(name, cost)| {
        let held = least(&|it| it == name.as_str());
        (name.clone(), held.unwrap_or(*cost))
    });
    let is_other = |it: &str| {
        let mut named = asked.costs.iter().map(|(name, _)| name.as_str());
        !named.any(|name| name == it) && !asked_by_name.iter().any(|name| name == it)
    };
    let others = least(&is_other);
    Real {
        cost: asked.cost.map(|cost| others.unwrap_or(cost)),
        costs: Costs::new(named.collect()),
    }
}

/// The smaller one of each.
fn smaller(one: Real, other: &Real) -> Real {
    let costs = one.costs.iter().zip(other.costs.iter());
    let costs = costs.map(|((name, one), (_, other))| (name.clone(), *one.min(other)));
    Real {
        cost: one.cost.min(other.cost),
        costs: Costs::new(costs.collect()),
    }
}
