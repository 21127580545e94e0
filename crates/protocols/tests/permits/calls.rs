//! What callers do with a permit, as `src/routes/permits.rs` does it for them.

use tollgate_core::decide::Overage;
use tollgate_core::limit::Real;
use tollgate_core::message::{Answer, Call, RefusalCode};
use tollgate_core::subject_state::{Settled, Topped, Topup};

use super::state::{Ending, State, Topping, Why, ALIKE, HOME, OTHER};
use crate::common::TICK;

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
            Act::TopUp(total) => top_up(permit, total),
        }
    }
}

fn real(cost: u64) -> Real {
    Real {
        cost: Some(cost),
        ..Real::default()
    }
}

fn top_up(permit: u128, total: u64) -> Call {
    Call::TopUp(Topup {
        permit,
        total: real(total),
        overage: Overage::Deny,
    })
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
            (Act::Renew, Answer::Renewed { .. }) => self.renewed(HOME),
            (Act::TopUp(total), Answer::Topped(topped)) => self.topped(total, &topped),
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
        if object == HOME {
            self.renewals += 1;
        }
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

    /// The other part is told of a longer hold, in the background.
    pub(crate) fn renew_elsewhere(&mut self) {
        self.renewals -= 1;
        let text = Act::Renew.call(self.worker.permit()).encode();
        let answer = self.with(OTHER, Why::Time, |it| it.answer(&text, true));
        if let Answer::Renewed { .. } = answer {
            self.renewed(OTHER);
        }
    }

    /// The home holds another total: the other part is asked for the same.
    fn topped(&mut self, total: u64, topped: &Topped) {
        if self.ended[HOME].is_some() {
            self.flag(ALIKE);
        }
        if topped.success && !topped.others.is_empty() {
            self.put(Topping {
                object: OTHER,
                total,
                before: Some(topped.before[0].1),
                is_given_up: false,
            });
        } else if topped.success {
            self.answered = Some(total);
        }
    }

    fn put(&mut self, topping: Topping) {
        self.toppings.push(topping);
        self.toppings.sort_unstable();
    }

    /// All hold again what they did before.
    fn put_back(&mut self, total: u64) {
        for object in [HOME, OTHER] {
            self.put(Topping {
                object,
                total,
                before: None,
                is_given_up: true,
            });
        }
    }

    /// A topup arrives at its object.
    pub(crate) fn top(&mut self, place: usize) {
        let topping = self.toppings.remove(place);
        let text = top_up(self.worker.permit(), topping.total).encode();
        let answer = self.with(topping.object, Why::Time, |it| it.answer(&text, true));
        let is_held = matches!(answer, Answer::Topped(topped) if topped.success);
        match topping.before.filter(|_| !topping.is_given_up) {
            Some(_) if is_held => self.answered = Some(topping.total),
            Some(before) => self.put_back(before),
            None => {}
        }
    }

    /// The Worker waits no longer for the other part.
    pub(crate) fn give_up_top(&mut self, place: usize) {
        let mut topping = self.toppings.remove(place);
        topping.is_given_up = true;
        let before = topping.before;
        self.put(topping);
        if let Some(before) = before {
            self.put_back(before);
        }
    }
}
