//! The life of a permit, with all that may happen to it: a model for the checker.

use std::sync::Arc;

use stateright::{Model, Property};
use tollgate_core::decide::{Check, OnExpiry};
use tollgate_core::message::{Answer, Call};
use tollgate_core::subject_state::Item;

use super::calls::Act;
use super::state::{
    State, Why, ALIKE, COMES_BACK, EARLY, ESTIMATE, HOME, NEVER_ABOVE, OTHER, TOTALS,
};
use crate::common::policy;
use crate::common::worker::{End, Request, Worker};

pub(crate) const AT_HOME: &str = "the home is charged what the outcome says";
pub(crate) const ELSEWHERE: &str = "once nothing is owed, every part is charged what it says";
pub(crate) const PROMISED: &str = "what was answered as admitted is held until it ends";
pub(crate) const REFUSED: &str = "what was refused is neither held nor charged";
pub(crate) const SEEN_TO: &str = "an alarm sees to all that others wait for";
pub(crate) const AS_MUCH: &str = "all parts hold as much as a topup was answered";

/// A carrier that does something wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// The home is told of no other parts.
    ForgetsAPart,
    /// What the home has told counts as acknowledged.
    ForgetsANotice,
    /// The other object goes by the home's clock.
    OneClock,
    /// A call is answered before its rows are written.
    AnswersBeforeItWrites,
    /// The Worker cancels what it has answered as admitted.
    CancelsTheAnswered,
}

/// A permit, and what may happen to it.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    pub(crate) on_expiry: OnExpiry,
    /// Whether its taking is explored too; else both objects hold it at first.
    pub(crate) is_taken: bool,
    /// What callers do, each with how often it may arrive.
    pub(crate) acts: Vec<(Act, u8)>,
    /// How often each object is asked for a unit beside it.
    pub(crate) asks: [u8; 2],
    /// How often each object may restart.
    pub(crate) crashes: [u8; 2],
    /// How far the clocks go, in ticks; a permit is held for one.
    pub(crate) ticks: u64,
    /// How many replies of its taking may stay away, and whether its Worker may die.
    pub(crate) silent: u8,
    pub(crate) deaths: u8,
    pub(crate) wrong: Option<Wrong>,
}

/// A step of anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    Begin,
    /// An object gets what is at this place of the wire.
    Deliver(usize),
    GoOn,
    GiveUp(usize),
    Die,
    /// A caller's call arrives at the home.
    Act(usize),
    RenewElsewhere,
    Top(usize),
    GiveUpTop(usize),
    /// An object is asked for a unit.
    Ask(usize),
    Crash(usize),
    Tick(usize),
    Ring(usize),
    /// The home begins to tell what it owes.
    Tell,
    /// The other object gets what it was told at some time.
    Conclude(usize),
    Acknowledge,
    /// The home does not hear of it, and will tell it again.
    ForgetTelling,
}

impl Life {
    /// A permit that both objects hold.
    pub(crate) fn of(on_expiry: OnExpiry, acts: &[(Act, u8)]) -> Life {
        Life {
            on_expiry,
            is_taken: false,
            acts: acts.to_vec(),
            asks: [0, 0],
            crashes: [0, 0],
            ticks: 4,
            silent: 0,
            deaths: 0,
            wrong: None,
        }
    }

    fn first(&self) -> State {
        let request = Request {
            objects: vec![HOME, OTHER],
            names: ["home", "other"],
            cost: ESTIMATE,
            holds: Some(self.on_expiry),
            answers_all: false,
            is_open: false,
            is_slow: false,
            forgets_parts: self.wrong == Some(Wrong::ForgetsAPart),
        };
        let mut state = State::new(
            Worker::new(0, request),
            self.on_expiry == OnExpiry::GiveBack,
        );
        if !self.is_taken {
            self.take(&mut state);
        }
        state.silent = self.silent;
        state.deaths = self.deaths;
        state.acts = self.acts.iter().map(|(_, times)| *times).collect();
        state.asks = self.asks;
        state.crashes = self.crashes;
        state
    }

    /// Takes the permit, without anything in between.
    fn take(&self, state: &mut State) {
        Arc::make_mut(&mut state.worker).begin(&mut state.wire);
        while !state.wire.0.is_empty() {
            self.deliver(state, 0);
        }
        self.go_on(state);
        while !state.wire.0.is_empty() {
            self.deliver(state, 0);
        }
        assert!(state.is_known());
    }

    fn go_on(&self, state: &mut State) {
        let worker = Arc::make_mut(&mut state.worker);
        let operation = worker.operation();
        worker.go_on(&mut state.wire);
        if self.wrong == Some(Wrong::CancelsTheAnswered) && worker.end == Some(End::Admitted) {
            worker.cancel_later(vec![HOME, OTHER], operation, &mut state.wire);
        }
    }

    fn deliver(&self, state: &mut State, place: usize) {
        let envelope = state.wire.0.remove(place);
        for (place, text) in envelope.calls {
            let why = match Call::decode(&text).unwrap().1 {
                Call::Cancel { .. } => Why::Cancelled,
                _ => Why::Time,
            };
            let answer = state.with(envelope.object, why, |it| it.answer(&text, true));
            if let Some(step) = envelope.step {
                Arc::make_mut(&mut state.worker).hear(step, place, answer);
            }
        }
    }

    fn ask(state: &mut State, object: usize) {
        state.asks[object] -= 1;
        let item = Item {
            policy: policy(),
            check: Check::ONE,
        };
        let call = Call::Limit {
            operation: None,
            items: vec![item],
            holding: None,
        };
        let text = call.encode();
        let answer = state.with(object, Why::Time, |it| it.answer(&text, true));
        let is_admitted = matches!(answer, Answer::Decided(all) if all[0].success);
        state.asked[object] += u64::from(is_admitted);
    }

    fn tick(&self, state: &mut State, object: usize) {
        state.clocks[object] += 1;
        match (self.wrong, object) {
            (Some(Wrong::OneClock), OTHER) => {}
            (Some(Wrong::OneClock), _) => {
                state.with(HOME, Why::Time, |it| it.tick());
                state.with(OTHER, Why::Time, |it| it.tick());
            }
            _ => state.with(object, Why::Time, |it| it.tick()),
        }
    }

    fn tell(&self, state: &mut State) {
        let notice = state.objects[HOME].state.notices().remove(0);
        if self.wrong == Some(Wrong::ForgetsANotice) {
            state.with(HOME, Why::Time, |it| it.acknowledge(&notice));
            return;
        }
        if !state.told.contains(&notice.outcome) {
            state.told.push(notice.outcome.clone());
        }
        state.telling = Some((notice, false));
    }

    fn conclude(state: &mut State, which: usize) {
        let outcome = state.told[which].clone();
        let permit = state.worker.permit();
        let text = Call::Conclude {
            permit,
            outcome: outcome.clone(),
        };
        let text = text.encode();
        let answer = state.with(OTHER, Why::Told, |it| it.answer(&text, true));
        if let Some((notice, is_answered)) = &mut state.telling {
            *is_answered |= notice.outcome == outcome && answer == Answer::Done;
        }
    }

    /// Requests are over long before a clock ticks.
    fn may_tick(&self, state: &State, object: usize) -> bool {
        let waits = state.worker.has_begun() && !state.worker.is_over();
        state.clocks[object] < self.ticks && state.wire.0.is_empty() && !waits
    }
}

impl Model for Life {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.first()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let worker = &state.worker;
        let waits = worker.has_begun() && !worker.is_over();
        let mut may = |is_possible: bool, action: Action| {
            if is_possible {
                actions.push(action);
            }
        };
        may(!worker.has_begun(), Action::Begin);
        (0..state.wire.0.len()).for_each(|place| may(true, Action::Deliver(place)));
        may(worker.is_answered(), Action::GoOn);
        for place in 0..worker.messages() {
            let may_give_up = state.silent > 0 && worker.may_give_up(place);
            may(may_give_up, Action::GiveUp(place));
        }
        may(state.deaths > 0 && waits, Action::Die);
        for (which, times) in state.acts.iter().enumerate() {
            may(*times > 0 && state.is_known(), Action::Act(which));
        }
        may(state.renewals > 0, Action::RenewElsewhere);
        for (place, topping) in state.toppings.iter().enumerate() {
            may(true, Action::Top(place));
            may(!topping.is_given_up, Action::GiveUpTop(place));
        }
        for object in [HOME, OTHER] {
            may(state.asks[object] > 0, Action::Ask(object));
            may(state.crashes[object] > 0, Action::Crash(object));
            may(self.may_tick(state, object), Action::Tick(object));
            may(state.objects[object].rings(), Action::Ring(object));
        }
        let owes = state.objects[HOME].state.has_notices();
        may(owes && state.telling.is_none(), Action::Tell);
        (0..state.told.len()).for_each(|which| may(true, Action::Conclude(which)));
        if let Some((_, is_answered)) = state.telling {
            may(is_answered, Action::Acknowledge);
            may(true, Action::ForgetTelling);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Begin => Arc::make_mut(&mut state.worker).begin(&mut state.wire),
            Action::Deliver(place) => self.deliver(&mut state, place),
            Action::GoOn => self.go_on(&mut state),
            Action::GiveUp(place) => {
                state.silent -= 1;
                Arc::make_mut(&mut state.worker).give_up(place);
            }
            Action::Die => {
                state.deaths -= 1;
                Arc::make_mut(&mut state.worker).end = Some(End::Died);
            }
            Action::Act(which) => {
                state.acts[which] -= 1;
                let is_stored = self.wrong != Some(Wrong::AnswersBeforeItWrites);
                state.act(self.acts[which].0, is_stored);
            }
            Action::RenewElsewhere => state.renew_elsewhere(),
            Action::Top(place) => state.top(place),
            Action::GiveUpTop(place) => state.give_up_top(place),
            Action::Ask(object) => Life::ask(&mut state, object),
            Action::Crash(object) => {
                state.crashes[object] -= 1;
                state.has_restarted[object] = true;
                state.with(object, Why::Time, Object::crash);
                if object == HOME {
                    state.telling = None;
                }
            }
            Action::Tick(object) => self.tick(&mut state, object),
            Action::Ring(object) => state.with(object, Why::Time, Object::ring),
            Action::Tell => self.tell(&mut state),
            Action::Conclude(which) => Life::conclude(&mut state, which),
            Action::Acknowledge => {
                let (notice, _) = state.telling.take()?;
                state.with(HOME, Why::Time, |it| it.acknowledge(&notice));
            }
            Action::ForgetTelling => state.telling = None,
        }
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Life>> {
        macro_rules! never_seen {
            ($what:expr) => {
                Property::always($what, |_: &Life, state: &State| {
                    !state.broken.contains(&$what)
                })
            };
        }
        let mut properties = vec![
            never_seen!(NEVER_ABOVE),
            never_seen!(EARLY),
            never_seen!(COMES_BACK),
            never_seen!(TOTALS),
            never_seen!(ALIKE),
            Property::always(AT_HOME, |_, state: &State| state.is_charged_at_home()),
            Property::always(ELSEWHERE, |_, state: &State| {
                !state.is_quiet() || state.is_charged_elsewhere()
            }),
            Property::always(PROMISED, |_, state: &State| {
                !state.is_known() || state.is_dropped == [false, false]
            }),
            Property::always(REFUSED, |_, state: &State| {
                let end = state.worker.end;
                let is_refused = matches!(end, Some(End::Refused | End::Failed));
                let is_due = is_refused && state.wire.0.is_empty();
                let is_held = |it: usize| state.objects[it].seen.held > 0 || state.charged(it) > 0;
                let has_restarted = state.has_restarted.contains(&true);
                !is_due || has_restarted || !(0..2).any(is_held)
            }),
            Property::always(SEEN_TO, |_, state: &State| state.objects[HOME].is_seen_to()),
            Property::sometimes("all is told", |_, state: &State| {
                state.is_quiet() && state.ended[OTHER].is_some_and(|it| !it.is_alone)
            }),
        ];
        if self.ticks > 2 {
            properties.push(Property::sometimes("a home is silent", |_, state: &State| {
                state.ended[OTHER].is_some_and(|it| it.is_alone)
            }));
        }
        if self.acts.iter().filter(|(act, _)| matches!(act, Act::TopUp(_))).map(|(_, times)| times).sum::<u8>() == 1 {
            properties.push(Property::always(AS_MUCH, |_, state: &State| {
                let held = [HOME, OTHER].map(|it| state.objects[it].seen.held);
                let is_less = |held: &u64| *held > 0 && Some(*held) < state.answered;
                !held.iter().any(is_less)
            }));
        }
        properties
    }
}

use crate::common::object::Object;
