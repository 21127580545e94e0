//! What callers do with a permit, as `src/routes/permits.rs` does it for them.

use tollgate_core::decide::Overage;
use tollgate_core::limit::Real;
use tollgate_core::message::{Answer, Call, RefusalCode};
use tollgate_core::parts::{NewTotal, Next, Renewal};
use tollgate_core::subject_state::{Settled, Topped, Topup, TopupStep};
use tollgate_core::Timestamp;

use super::state::{Ending, Errand, Machine, State, Why, Working, ALIKE, AS_LONG, HOME, OTHER};
use crate::common::{moment, TICK};

/// What a caller does with the permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Settle(u64),
    Release,
    Renew,
    /// Names the new total.
    TopUp(u64),
}

impl Act {
    fn call(self, permit: u128) -> Call {
        match self {
            Act::Settle(cost) => Call::Settle {
                permit,
                real: real(cost),
            },
            Act::Release => Call::Release { permit },
            Act::Renew => Call::Renew {
                permit,
                hold: Some(TICK),
            },
            Act::TopUp(total) => Call::TopUp(top_up(permit, total)),
        }
    }
}

fn real(cost: u64) -> Real {
    Real {
        cost: Some(cost),
        ..Real::default()
    }
}

fn top_up(permit: u128, total: u64) -> Topup {
    Topup::new(permit, real(total), Overage::Deny)
}

impl State {
    /// A caller's call arrives at the home, which answers. `is_stored`: and writes before.
    pub(crate) fn act(&mut self, act: Act, is_stored: bool) {
        let text = act.call(self.worker.permit()).encode();
        let why = match act {
            Act::Settle(_) | Act::Release => Why::Told,
            Act::Renew | Act::TopUp(_) => Why::Time,
        };
        if let Act::TopUp(total) = act {
            self.may_hold(total);
        }
        let answer = self.with(HOME, why, |it| it.answer(&text, is_stored));
        match (act, answer) {
            (Act::Settle(cost), Answer::Settled(settled)) => self.settled(cost, &settled),
            (Act::Release, Answer::Done) => self.released(),
            (Act::Renew, answer @ Answer::Renewed { .. }) => {
                self.renewed(HOME);
                let asked = (self.worker.permit(), Some(TICK));
                let now = moment(self.clocks[HOME]).now;
                let (renewal, _) = Renewal::begin("home".to_owned(), asked, TICK, now);
                self.work(Machine::Renew(renewal), answer);
            }
            (Act::TopUp(total), Answer::Topped(topped)) => self.topped(total, topped),
            (_, Answer::Refused(RefusalCode::UnknownPermit, _)) => self.is_unknown(),
            (_, Answer::Refused(RefusalCode::PermitEnded, _)) => self.has_ended(act),
            _ => self.flag(ALIKE),
        }
    }

    fn may_hold(&mut self, total: u64) {
        if !self.totals.contains(&total) {
            self.totals.push(total);
            self.totals.sort_unstable();
        }
    }

    fn settled(&mut self, cost: u64, settled: &Settled) {
        let ending = match self.ending {
            Some(Ending::Released) => return self.flag(ALIKE),
            Some(known @ Ending::Settled { .. }) => known,
            Some(Ending::Kept(kept)) => Ending::Settled { cost, kept },
            Some(Ending::GivenBack) | None => Ending::Settled { cost, kept: 0 },
        };
        self.ending = Some(ending);
        let told: Vec<u64> = settled.shares.iter().map(|it| it.units).collect();
        let is_alike = matches!(ending, Ending::Settled { cost: known, kept }
            if known == cost && told == [cost.max(kept)]);
        if !is_alike {
            self.flag(ALIKE);
        }
    }

    fn released(&mut self) {
        match self.ending {
            None | Some(Ending::Released) => self.ending = Some(Ending::Released),
            Some(_) => self.flag(ALIKE),
        }
    }

    fn renewed(&mut self, object: usize) {
        if self.ended[object].is_some() {
            self.flag(ALIKE);
        }
        self.until[object] = self.until[object].max(self.clocks[object] + 1);
    }

    /// The home does not know the permit: it was forgotten, after as long again as it was held.
    fn is_unknown(&mut self) {
        let is_forgotten = |at: u64| self.clocks[HOME] > at;
        if !self.ended[HOME].is_some_and(|it| is_forgotten(it.at)) {
            self.flag(ALIKE);
        }
    }

    /// The home says that the permit has ended otherwise.
    fn has_ended(&mut self, act: Act) {
        let is_right = match (act, self.ending) {
            (_, None) => false,
            (Act::Settle(cost), Some(Ending::Settled { cost: known, .. })) => cost != known,
            (Act::Settle(_), Some(ending)) => ending == Ending::Released,
            (Act::Release, Some(ending)) => ending != Ending::Released,
            (Act::Renew | Act::TopUp(_), Some(_)) => true,
        };
        if !is_right {
            self.flag(ALIKE);
        }
    }

    /// The home holds another total, or not.
    fn topped(&mut self, total: u64, topped: Topped) {
        if self.ended[HOME].is_some() {
            self.flag(ALIKE);
        }
        if topped.success {
            self.turn = topped.turn;
        }
        let topup = top_up(self.worker.permit(), total);
        let (new_total, _) = NewTotal::begin("home".to_owned(), topup, TICK);
        let machine = Machine::TopUp(new_total, topped.turn);
        self.work(machine, Answer::Topped(topped));
    }

    /// A Worker asks its home first, which has answered; the machine goes on.
    fn work(&mut self, machine: Machine, answer: Answer) {
        let heard = Vec::new();
        self.machines.push(Some(Working { machine, heard }));
        self.go_on(self.machines.len() - 1, vec![Some(answer)]);
    }

    /// A machine hears an answer, or that there is none; it goes on once it has heard all.
    fn hear(&mut self, (which, place): (usize, usize), answer: Option<Answer>) {
        let Some(working) = &mut self.machines[which] else {
            return;
        };
        working.heard[place] = Some(answer);
        if let Some(answers) = working.heard.iter().cloned().collect() {
            self.go_on(which, answers);
        }
    }

    /// A machine does what comes next after these answers.
    fn go_on(&mut self, which: usize, answers: Vec<Option<Answer>>) {
        let Some(Working { mut machine, .. }) = self.machines[which].take() else {
            return;
        };
        let now = moment(self.clocks[HOME]).now;
        match &mut machine {
            Machine::TopUp(new_total, turn) => {
                let turn = *turn;
                let step = new_total.step(answers);
                self.tell(step.tell);
                match step.next {
                    Next::Ask { calls, .. } => self.ask_for(which, calls, machine),
                    Next::Done(Ok(topped)) if topped.success && turn == self.turn => {
                        self.least = topped.held[0].1;
                    }
                    Next::Done(_) => {}
                }
            }
            Machine::Renew(renewal) => {
                let step = renewal.step(answers, now);
                self.tell(step.tell);
                match step.next {
                    Next::Ask { calls, .. } => self.ask_for(which, calls, machine),
                    Next::Done(Ok(grant)) => self.promised(grant.expires),
                    Next::Done(Err(_)) => {}
                }
            }
        }
    }

    fn ask_for(&mut self, which: usize, calls: Vec<(String, Call)>, machine: Machine) {
        for (_, call) in &calls {
            if let Call::TopUp(Topup {
                total,
                step: TopupStep::Set,
                ..
            }) = call
            {
                self.least = self.least.min(total.cost.unwrap()); // all have agreed
            }
        }
        let heard = vec![None; calls.len()];
        self.machines[which] = Some(Working { machine, heard });
        self.send(calls, Some(which));
    }

    fn tell(&mut self, calls: Vec<(String, Call)>) {
        self.send(calls, None);
    }

    fn send(&mut self, calls: Vec<(String, Call)>, waits: Option<usize>) {
        for (place, (name, call)) in calls.into_iter().enumerate() {
            let waits = waits.map(|which| (which, place));
            let object = [HOME, OTHER][usize::from(name != "home")];
            let text = call.encode();
            self.put(Errand {
                object,
                text,
                waits,
            });
        }
    }

    fn put(&mut self, errand: Errand) {
        self.errands.push(errand);
        self.errands.sort_unstable();
    }

    /// A renewal was answered: so long no part ends.
    fn promised(&mut self, expires: Timestamp) {
        let ticks = |object: usize| moment(self.until[object]).now;
        if [HOME, OTHER].into_iter().any(|it| ticks(it) < expires) {
            self.flag(AS_LONG);
        }
    }

    /// What a Worker asks of one part arrives there.
    pub(crate) fn arrive(&mut self, place: usize) {
        let Errand {
            object,
            text,
            waits,
        } = self.errands.remove(place);
        let answer = self.with(object, Why::Time, |it| it.answer(&text, true));
        if let Answer::Renewed { .. } = answer {
            self.renewed(object);
        }
        if let Some(question) = waits {
            self.hear(question, Some(answer));
        }
    }

    /// The Worker waits no longer for it; it is on its way still.
    pub(crate) fn give_up_waiting(&mut self, place: usize) {
        let mut errand = self.errands.remove(place);
        let question = errand.waits.take();
        self.put(errand);
        if let Some(question) = question {
            self.hear(question, None);
        }
    }
}
