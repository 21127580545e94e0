//! Holding another total in all parts of a permit, or in none.

use crate::decide::Overage;
use crate::limit::{Costs, Name, Real};
use crate::message::{Answer, Call};
use crate::subject_state::{Topped, Topup, TopupStep};
use crate::Duration;

use super::step::{Failed, Other, Step};

/// One topup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTotal {
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
    Raising {
        at_home: Topped,
        wanted: Topup,
    },
    /// All have agreed; those that hold more let it go, and this is answered.
    Setting(Topped),
    /// The home holds again what it did.
    Undoing(Why),
    Done,
}

/// Why a topup is undone. Of several reasons the last one here is told.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Why {
    /// A part has no room, for so long.
    NoRoom(Option<Duration>),
    /// A part knows a newer one.
    Overtaken,
    /// A part did not answer, or holds nothing any more.
    Failed(Failed),
}

impl NewTotal {
    /// Begins to have a permit hold other units, whose home is the object `home`. `patience`: how
    /// long each of at most three questions may take.
    pub fn begin(home: String, topup: Topup, patience: Duration) -> (NewTotal, Step<Topped>) {
        let step = Step::ask(vec![(home.clone(), Call::TopUp(topup.clone()))], patience);
        let total = NewTotal {
            home,
            topup,
            patience,
            phase: Phase::AtHome,
        };
        (total, step)
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
            Phase::Raising { at_home, wanted } => self.take_in(at_home, wanted, answers),
            Phase::Setting(topped) => set(topped, answers),
            Phase::Undoing(why) => undone(why, answers.into_iter().next().flatten()),
            Phase::Done => Step::done(Err(Failed::Silent)),
        }
    }

    fn ask_others(&mut self, at_home: Topped) -> Step<Topped> {
        let wanted = Topup {
            total: least_of(&self.topup.total, &at_home),
            turn: Some(at_home.turn).filter(|turn| *turn > 0),
            ..self.topup.clone()
        };
        let others = at_home.others.iter();
        let calls = others.map(|it| (it.clone(), Call::TopUp(wanted.clone())));
        let step = Step::ask(calls.collect(), self.patience);
        self.phase = Phase::Raising { at_home, wanted };
        step
    }

    fn take_in(
        &mut self,
        at_home: Topped,
        wanted: Topup,
        answers: Vec<Option<Answer>>,
    ) -> Step<Topped> {
        let mut total = wanted.total.clone();
        let mut why = None;
        let mut newest = 0;
        for answer in &answers {
            let reason = match answer {
                // What it holds is another topup's, and may be undone with that.
                Some(Answer::Topped(topped)) if wanted.turn.is_some_and(|it| topped.turn > it) => {
                    newest = topped.turn.max(newest);
                    Why::Overtaken
                }
                Some(Answer::Topped(topped)) if topped.success => {
                    total = least_of(&total, topped);
                    continue;
                }
                Some(Answer::Topped(topped)) => Why::NoRoom(topped.retry_after),
                other => match Other::of(other.as_ref()) {
                    Other::HasNone => continue,
                    Other::Ended | Other::Refused => Why::Failed(Failed::of(other.clone())),
                    Other::Silent => Why::Failed(Failed::Silent),
                },
            };
            why = Some(match why {
                Some(why) => later(why, reason),
                None => reason,
            });
        }
        match why {
            None => self.set(at_home, Topup { total, ..wanted }, &answers),
            Some(why) => self.undo(why, &at_home, &wanted, (newest, &answers)),
        }
    }

    /// All have agreed to this total: those that hold more are told to let it go.
    fn set(&mut self, at_home: Topped, agreed: Topup, answers: &[Option<Answer>]) -> Step<Topped> {
        let of_other = |(object, answer)| match answer {
            &Some(Answer::Topped(ref topped)) => Some((object, topped)),
            _ => None,
        };
        let others = at_home.others.iter().zip(answers).filter_map(of_other);
        let all = [(&self.home, &at_home)].into_iter().chain(others);
        let call = Call::TopUp(Topup {
            overage: Overage::Deny,
            step: TopupStep::Set,
            ..agreed.clone()
        });
        let more = all.filter(|(_, topped)| holds_more(topped, &agreed.total));
        let calls: Vec<_> = more.map(|(it, _)| (it.clone(), call.clone())).collect();
        let topped = Topped {
            held: held_under(&at_home, &agreed.total),
            ..at_home
        };
        if calls.is_empty() {
            return Step::done(Ok(topped));
        }
        self.phase = Phase::Setting(topped);
        Step::ask(calls, self.patience)
    }

    /// All hold again what they did before. The home is waited for: it tells what that is.
    fn undo(
        &mut self,
        why: Why,
        at_home: &Topped,
        wanted: &Topup,
        (newest, answers): (u64, &[Option<Answer>]),
    ) -> Step<Topped> {
        // In place of the totals where a part remembers what it held.
        let undoing = |total: Real, newest: u64| {
            Call::TopUp(Topup {
                total,
                overage: Overage::Deny,
                step: TopupStep::Undo { newest },
                ..wanted.clone()
            })
        };
        let told = |answer: &Option<Answer>| match answer {
            Some(Answer::Topped(topped)) if topped.success => Some(before(topped)),
            Some(_) => None, // nothing has changed there
            // It may hold more now.
            None => Some(total_of(&at_home.before, &at_home.named, &wanted.total)),
        };
        let others = at_home.others.iter().zip(answers);
        let tell = others.filter_map(|(object, it)| Some((object.clone(), undoing(told(it)?, 0))));
        let tell = tell.collect();
        let call = undoing(before(at_home), newest);
        self.phase = Phase::Undoing(why);
        Step::ask(vec![(self.home.clone(), call)], self.patience).telling(tell)
    }
}

/// The one of two reasons that is told; of two refusals the longer.
fn later(one: Why, other: Why) -> Why {
    match (one, other) {
        (Why::NoRoom(one), Why::NoRoom(other)) => {
            Why::NoRoom(one.zip(other).map(|(one, other)| one.max(other)))
        }
        (one @ Why::Failed(_), _) | (one, Why::NoRoom(_)) => one,
        (_, other) => other,
    }
}

/// The answer once those that held more have let it go. Where a newer topup has overtaken this one
/// meanwhile that decides.
fn set(topped: Topped, answers: Vec<Option<Answer>>) -> Step<Topped> {
    let failed = answers.into_iter().find_map(|answer| match answer {
        Some(Answer::Topped(_)) => None,
        other => Some(Failed::of(other)),
    });
    Step::done(failed.map_or(Ok(topped), Err))
}

/// The answer once the home has said what it holds again.
fn undone(why: Why, answer: Option<Answer>) -> Step<Topped> {
    let topped = match answer {
        Some(Answer::Topped(topped)) => topped,
        other => return Step::done(Err(Failed::of(other))),
    };
    let retry_after = match why {
        Why::NoRoom(retry_after) => retry_after,
        // The home had lost count of its topups, and knows better now.
        Why::Overtaken if topped.success => return Step::done(Err(Failed::Silent)),
        Why::Overtaken => None,
        Why::Failed(why) => return Step::done(Err(why)),
    };
    Step::done(Ok(Topped {
        success: false,
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

/// The units of each limit of an object under a total.
fn held_under(topped: &Topped, total: &Real) -> Vec<(String, u64)> {
    let units = |(name, units): &(String, u64)| {
        let mut costs = total.costs.iter();
        let named = costs.find(|(it, _)| it.as_str() == name);
        let other = total.cost.filter(|_| !topped.named.contains(name));
        let units = named.map(|(_, cost)| *cost).or(other).unwrap_or(*units);
        (name.clone(), units)
    };
    topped.held.iter().map(units).collect()
}

/// Whether an object holds more of a limit than this total.
fn holds_more(topped: &Topped, total: &Real) -> bool {
    let under = held_under(topped, total);
    let mut all = topped.held.iter().zip(&under);
    all.any(|((_, held), (_, under))| held > under)
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

/// What is asked for, or less where an object holds less.
fn least_of(asked: &Real, topped: &Topped) -> Real {
    let held = total_of(&topped.held, &topped.named, asked);
    let costs = asked.costs.iter().zip(held.costs.iter());
    let costs = costs.map(|((name, asked), (_, held))| (name.clone(), *asked.min(held)));
    Real {
        cost: asked.cost.min(held.cost),
        costs: Costs::new(costs.collect()),
    }
}
