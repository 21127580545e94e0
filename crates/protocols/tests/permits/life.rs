//! The life of a permit, and what each may do in it.

use std::sync::Arc;

use tollgate_core::decide::{Check, OnExpiry};
use tollgate_core::message::{Answer, Call};
use tollgate_core::subject_state::Item;

use super::calls::Act;
use super::state::{State, Why, ESTIMATE, HOME, OTHER};
use crate::common::policy;
use crate::common::worker::{End, Request, Worker};

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
    /// A settlement that comes once more is charged as if there were no permit.
    ChargesAgain,
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

/// One unit of an object's limit.
fn unit() -> Item {
    Item {
        policy: policy(),
        check: Check::ONE,
    }
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

    pub(crate) fn first(&self) -> State {
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

    pub(crate) fn go_on(&self, state: &mut State) {
        let worker = Arc::make_mut(&mut state.worker);
        let operation = worker.operation();
        worker.go_on(&mut state.wire);
        if self.wrong == Some(Wrong::CancelsTheAnswered) && worker.end == Some(End::Admitted) {
            worker.cancel_later(vec![HOME, OTHER], operation, &mut state.wire);
        }
    }

    pub(crate) fn deliver(&self, state: &mut State, place: usize) {
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

    pub(crate) fn act(&self, state: &mut State, which: usize) {
        state.acts[which] -= 1;
        let act = self.acts[which].0;
        if self.wrong == Some(Wrong::ChargesAgain) && state.ending.is_some() {
            let operation = 1;
            let items = vec![unit()];
            let text = Call::Charge { operation, items }.encode();
            state.with(HOME, Why::Told, |it| it.answer(&text, true));
            return;
        }
        let is_stored = self.wrong != Some(Wrong::AnswersBeforeItWrites);
        state.act(act, is_stored);
    }

    pub(crate) fn ask(state: &mut State, object: usize) {
        state.asks[object] -= 1;
        let call = Call::Limit {
            operation: None,
            items: vec![unit()],
            holding: None,
        };
        let text = call.encode();
        let answer = state.with(object, Why::Time, |it| it.answer(&text, true));
        let is_admitted = matches!(answer, Answer::Decided(all) if all[0].success);
        state.asked[object] += u64::from(is_admitted);
    }

    pub(crate) fn tick(&self, state: &mut State, object: usize) {
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

    pub(crate) fn tell(&self, state: &mut State) {
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

    pub(crate) fn conclude(state: &mut State, which: usize) {
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

    /// How often callers do something of a kind.
    pub(crate) fn times_of(&self, is_meant: impl Fn(Act) -> bool) -> u8 {
        let meant = self.acts.iter().filter(|(act, _)| is_meant(*act));
        meant.map(|(_, times)| times).sum()
    }

    /// Requests are over long before a clock ticks.
    pub(crate) fn may_tick(&self, state: &State, object: usize) -> bool {
        let waits = state.worker.has_begun() && !state.worker.is_over();
        state.clocks[object] < self.ticks && state.wire.0.is_empty() && !waits
    }
}
