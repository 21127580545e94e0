//! Isolates that borrow of one object: what may happen next, and what always holds.

use std::sync::Arc;

use stateright::{Model, Property};
use tollgate_core::decide::Check;
use tollgate_core::isolate::leases::Turn;
use tollgate_core::lease::{Borrowing, Terms};
use tollgate_core::limit::Real;
use tollgate_core::message::Call;
use tollgate_core::policy::Policy;
use tollgate_core::subject_state::Item;
use tollgate_core::{Algorithm, Duration};

use super::borrower::Borrower;
use super::lender::{decision_of, Lender, Seen};

/// The bits of the permit.
const PERMIT: u128 = 7;

/// A carrier, or a machine, that does something wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// The object answers before its rows are written.
    AnswersBeforeItWrites,
    /// A lease is taken to begin when the answer arrives.
    CountsFromTheAnswer,
    /// What is given back is told without what was spent of it.
    ForgetsWhatWasSpent,
    /// An isolate that starts anew uses the leases that it was lent before.
    GoesOnAfterItsEnd,
}

/// What may happen, and how often.
#[derive(Debug, Clone)]
pub(crate) struct Lending {
    pub(crate) policy: Policy,
    pub(crate) terms: Terms,
    /// The real time at first, and by how much it goes on, so many times.
    pub(crate) from: u64,
    pub(crate) step: u64,
    pub(crate) ticks: u8,
    /// Units that each isolate is asked for, one by one.
    pub(crate) checks: Vec<u8>,
    /// Messages that come twice, and questions that nobody waits for any more.
    pub(crate) doubled: u8,
    pub(crate) silent: u8,
    /// Isolates that end, with what they have.
    pub(crate) evictions: u8,
    /// Restarts of the object, and by how much its clock may go astray then.
    pub(crate) crashes: u8,
    pub(crate) skews: Vec<i64>,
    /// Times at which the object forgets what is over.
    pub(crate) cleans: u8,
    /// What a permit beside the leases holds; none where zero.
    pub(crate) held: u64,
    pub(crate) wrong: Option<Wrong>,
}

impl Lending {
    /// Units of one limit, for isolates that are asked for so many each.
    pub(crate) fn of(policy: Policy, max: Option<u64>, checks: &[u8]) -> Lending {
        Lending {
            policy,
            terms: Terms::new(max, Some(Duration::from_secs(1))).unwrap(),
            from: START,
            step: 1_000,
            ticks: 0,
            checks: checks.to_vec(),
            doubled: 0,
            silent: 0,
            evictions: 0,
            crashes: 0,
            skews: vec![0],
            cleans: 0,
            held: 0,
            wrong: None,
        }
    }
}

/// A Monday in 2027, and a multiple of the windows.
pub(crate) const START: u64 = 1_798_848_000_000;

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Packet {
    /// To the object; from which isolate, when it was sent.
    Call(usize, u64, String),
    /// To an isolate, in answer to a call that was sent then.
    Answer(usize, u64, String, String),
}

/// All of it at one instant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    now: u64,
    object: Arc<Lender>,
    isolates: Vec<Arc<Borrower>>,
    /// As they were when they were last lent something.
    before: Vec<Option<Arc<Borrower>>>,
    wire: Vec<Packet>,
    /// What may yet happen.
    ticks: u8,
    checks: Vec<u8>,
    doubled: u8,
    silent: u8,
    evictions: u8,
    crashes: u8,
    cleans: u8,
    /// Whether the permit may be taken, and whether it is held.
    permit: (bool, bool),
    /// How many borrowers there were.
    borrowers: u64,
    was_returned: bool,
    was_lost: bool,
    broken: Vec<&'static str>,
}

/// A step of anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// An isolate is asked for a unit.
    Check(usize),
    /// What is at this place of the wire arrives; it may come once more.
    Deliver(usize, bool),
    GiveUp(usize),
    GiveBack(usize),
    /// An isolate ends, and another one starts in its place.
    Evict(usize),
    /// The object starts anew, with its clock ahead by so much more.
    Crash(i64),
    Clean,
    Hold,
    /// The permit is settled with this cost.
    Settle(u64),
    Tick,
}

pub(crate) const NEVER_ABOVE: &str = "nothing is admitted that the limit has no room for";
pub(crate) const COVERED: &str =
    "what is charged, held and lent covers what was admitted and what may be spent";
pub(crate) const FREES: &str = "a restart frees nothing";
pub(crate) const LOSES: &str = "a restart loses nothing in the window in which units were lent";

impl State {
    fn flag(&mut self, what: &'static str) {
        if !self.broken.contains(&what) {
            self.broken.push(what);
        }
    }

    fn send(&mut self, packet: Packet) {
        let place = self.wire.partition_point(|known| *known < packet);
        self.wire.insert(place, packet);
    }

    fn admit(&mut self, units: u64) {
        if units > 0 && !Arc::make_mut(&mut self.object).admit(units) {
            self.flag(NEVER_ABOVE);
        }
    }

    fn seen(&self) -> Seen {
        self.object.seen(self.now)
    }

    fn spendable(&self, model: &Lending) -> u64 {
        let all = self.isolates.iter();
        all.map(|it| it.spendable(&model.terms, self.now)).sum()
    }
}

impl Lending {
    fn item(&self, check: Check) -> Item {
        Item {
            policy: self.policy.clone(),
            check,
        }
    }

    fn question(&self, check: Check) -> Call {
        Call::Limit {
            operation: None,
            items: vec![self.item(check)],
            holding: None,
        }
    }

    fn check(&self, state: &mut State, i: usize) {
        state.checks[i] -= 1;
        let number = state.borrowers + 1;
        let turn = Arc::make_mut(&mut state.isolates[i]).take(&self.terms, state.now, number);
        let call = Box::new(self.question(Check::ONE));
        let call = match turn {
            Turn::Spent(_) => return state.admit(1),
            Turn::Ask => *call,
            Turn::Borrow(borrowing) => {
                state.borrowers = state.borrowers.max(borrowing.borrower);
                Call::Borrowing { borrowing, call }
            }
        };
        state.send(Packet::Call(i, state.now, call.encode()));
    }

    fn deliver(&self, state: &mut State, place: usize) {
        match state.wire[place].clone() {
            Packet::Call(i, sent, text) => self.arrive(state, i, sent, &text),
            Packet::Answer(i, sent, call, text) => self.hear(state, i, sent, &call, &text),
        }
    }

    /// A call arrives at the object.
    fn arrive(&self, state: &mut State, i: usize, sent: u64, text: &str) {
        let text = self.carried(text);
        let before = state.seen();
        let is_stored = self.wrong != Some(Wrong::AnswersBeforeItWrites);
        let answer = Arc::make_mut(&mut state.object).answer(&text, state.now, is_stored);
        let after = state.seen();
        match decision_of(&answer) {
            Some(decision) if decision.success => state.admit(1),
            _ => state.was_returned |= after.remaining > before.remaining,
        }
        let is_lent = before.lent > 0 && after.lent < before.lent;
        let is_free = after.remaining == state.object.left(state.now);
        state.was_lost |= is_lent && after.lent == 0 && !is_free;
        if borrowing_of(&text).is_some() {
            state.send(Packet::Answer(i, sent, text, answer));
        }
    }

    /// The call as it arrives.
    fn carried(&self, text: &str) -> String {
        let (_, call) = Call::decode(text).unwrap();
        match (self.wrong, call) {
            (Some(Wrong::ForgetsWhatWasSpent), Call::Return(mut returned)) => {
                returned.spent = 0;
                Call::Return(returned).encode()
            }
            _ => text.to_owned(),
        }
    }

    /// An answer arrives at an isolate.
    fn hear(&self, state: &mut State, i: usize, sent: u64, call: &str, text: &str) {
        let Some((borrowing, decision)) = borrowing_of(call).zip(decision_of(text)) else {
            return;
        };
        let sent = match self.wrong {
            Some(Wrong::CountsFromTheAnswer) => state.now,
            _ => sent,
        };
        let isolate = Arc::make_mut(&mut state.isolates[i]);
        isolate.answered(&borrowing, [sent, state.now], &decision);
        if self.wrong == Some(Wrong::GoesOnAfterItsEnd) && decision.loan.is_some() {
            state.before[i] = Some(state.isolates[i].clone());
        }
    }

    fn crash(&self, state: &mut State, skew: i64) {
        state.crashes -= 1;
        let before = state.seen();
        Arc::make_mut(&mut state.object).crash(skew);
        let after = state.seen();
        if skew == 0 && after.remaining > before.remaining {
            state.flag(FREES);
        }
        let is_in_window = self.turn().is_some_and(|turn| state.now < turn);
        if skew == 0 && is_in_window && after.remaining < before.remaining {
            state.flag(LOSES);
        }
    }

    fn hold(&self, state: &mut State) {
        let hold = Some(Duration::from_secs(60));
        let check = Check {
            hold,
            ..Check::of(i64::try_from(self.held).unwrap())
        };
        let call = self.question(check).encode();
        let object = Arc::make_mut(&mut state.object);
        let answer = object.answer(&call, state.now, true);
        let is_held = decision_of(&answer).is_some_and(|it| it.success);
        state.permit = (false, is_held);
    }

    fn settle(state: &mut State, units: u64) {
        let real = Real {
            cost: Some(units),
            ..Real::default()
        };
        let permit = PERMIT;
        let call = Call::Settle { permit, real }.encode();
        Arc::make_mut(&mut state.object).answer(&call, state.now, true);
        state.permit = (false, false);
        state.admit(units);
    }

    /// When the window turns that it begins in; `None` for a bucket.
    fn turn(&self) -> Option<u64> {
        match self.policy.limits()[0].algorithm() {
            Algorithm::FixedWindow(window) => {
                let window = window.window().as_millis();
                Some((self.from / window + 1) * window)
            }
            _ => None,
        }
    }
}

fn borrowing_of(text: &str) -> Option<Borrowing> {
    match Call::decode(text).unwrap().1 {
        Call::Borrowing { borrowing, .. } => Some(borrowing),
        _ => None,
    }
}

impl Model for Lending {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let isolates = self.checks.iter().map(|_| Arc::new(Borrower::new()));
        vec![State {
            now: self.from,
            object: Arc::new(Lender::new(&self.policy, self.from)),
            isolates: isolates.collect(),
            before: vec![None; self.checks.len()],
            wire: Vec::new(),
            ticks: self.ticks,
            checks: self.checks.clone(),
            doubled: self.doubled,
            silent: self.silent,
            evictions: self.evictions,
            crashes: self.crashes,
            cleans: self.cleans,
            permit: (self.held > 0, false),
            borrowers: 0,
            was_returned: false,
            was_lost: false,
            broken: Vec::new(),
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for place in 0..state.wire.len() {
            actions.push(Action::Deliver(place, false));
            actions.extend((state.doubled > 0).then_some(Action::Deliver(place, true)));
        }
        for (i, isolate) in state.isolates.iter().enumerate() {
            actions.extend((state.checks[i] > 0).then_some(Action::Check(i)));
            let gives_up = state.silent > 0 && isolate.asking.is_some();
            actions.extend(gives_up.then_some(Action::GiveUp(i)));
            actions.extend(isolate.is_due(state.now).then_some(Action::GiveBack(i)));
            let has_any = isolate.asking.is_some() || isolate.spendable(&self.terms, state.now) > 0;
            let may_end = state.evictions > 0 && has_any;
            actions.extend(may_end.then_some(Action::Evict(i)));
        }
        if state.crashes > 0 {
            actions.extend(self.skews.iter().map(|it| Action::Crash(*it)));
        }
        actions.extend((state.cleans > 0).then_some(Action::Clean));
        actions.extend(state.permit.0.then_some(Action::Hold));
        if state.permit.1 {
            actions.extend([0, self.held].map(Action::Settle));
        }
        actions.extend((state.ticks > 0).then_some(Action::Tick));
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Check(i) => self.check(&mut state, i),
            Action::Deliver(place, is_doubled) => {
                let packet = state.wire[place].clone();
                self.deliver(&mut state, place);
                if is_doubled {
                    state.doubled -= 1;
                } else {
                    let place = state.wire.iter().position(|it| *it == packet)?;
                    state.wire.remove(place);
                }
            }
            Action::GiveUp(i) => {
                state.silent -= 1;
                let asking = state.isolates[i].asking?;
                Arc::make_mut(&mut state.isolates[i]).gives_up(&asking);
            }
            Action::GiveBack(i) => {
                for returned in Arc::make_mut(&mut state.isolates[i]).take_due(state.now) {
                    let text = Call::Return(returned).encode();
                    state.send(Packet::Call(i, state.now, text));
                }
            }
            Action::Evict(i) => {
                state.evictions -= 1;
                let anew = || Arc::new(Borrower::new());
                state.isolates[i] = state.before[i].take().unwrap_or_else(anew);
            }
            Action::Crash(skew) => self.crash(&mut state, skew),
            Action::Clean => {
                state.cleans -= 1;
                Arc::make_mut(&mut state.object).clean(state.now);
            }
            Action::Hold => self.hold(&mut state),
            Action::Settle(units) => Lending::settle(&mut state, units),
            Action::Tick => {
                state.ticks -= 1;
                state.now += self.step;
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Lending>> {
        let mut properties = vec![
            Property::always(NEVER_ABOVE, |_, state: &State| {
                !state.broken.contains(&NEVER_ABOVE)
            }),
            Property::always(COVERED, |model: &Lending, state: &State| {
                let seen = state.seen();
                let out = seen.held + state.spendable(model);
                seen.remaining + out <= state.object.left(state.now)
            }),
            Property::always(FREES, |_, state: &State| !state.broken.contains(&FREES)),
            Property::always(LOSES, |_, state: &State| !state.broken.contains(&LOSES)),
            Property::sometimes("units are lent", |model: &Lending, state: &State| {
                state.spendable(model) > 0
            }),
        ];
        if self.ticks > 0 {
            properties.push(Property::sometimes(
                "units are given back",
                |_, state: &State| state.was_returned,
            ));
        }
        if self.evictions > 0 && self.ticks > 1 {
            properties.push(Property::sometimes("units are lost", |_, state: &State| {
                state.was_lost
            }));
        }
        properties
    }
}
