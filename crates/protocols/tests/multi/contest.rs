//! Requests that contend, and what may happen to them: a model for the checker.

use std::sync::Arc;

use crate::common::object::Object;
use crate::common::wire::Wire;
use crate::common::worker::{End, Request, Worker};
use crate::common::LIMIT;
use stateright::{Model, Property};
use tollgate_core::message::{Answer, Call};

/// A carrier that does something wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// A cancellation takes back what its Worker has charged last.
    CancelsTheNewest,
    /// Cancellations that nobody waits for are forgotten.
    ForgetsCancellations,
    /// A charge that comes after its cancellation is taken.
    TakesLateCharges,
    /// What is contended is refused for good.
    AsksOnce,
}

/// Requests, and what may happen to them.
#[derive(Debug, Clone)]
pub(crate) struct Contest {
    pub(crate) requests: Vec<Request>,
    /// How many replies may stay away, Workers die, and objects restart.
    pub(crate) silent: u8,
    pub(crate) deaths: u8,
    pub(crate) crashes: u8,
    /// Whether every message takes equally long, and is not overtaken.
    pub(crate) is_timed: bool,
    /// Whether all begin at one instant.
    pub(crate) is_together: bool,
    pub(crate) wrong: Option<Wrong>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    objects: [Arc<Object>; 2],
    workers: Vec<Arc<Worker>>,
    wire: Wire,
    /// What was admitted at each object and not taken back: object and operation.
    charged: Vec<(usize, u128)>,
    /// Of it what nobody can take back any more, because its object has restarted since.
    stays: Vec<(usize, u128)>,
    silent: u8,
    deaths: u8,
    crashes: u8,
    has_restarted: bool,
    was_late: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    Begin(usize),
    /// The object gets what is at this place of the wire, and answers.
    Deliver(usize),
    /// A Worker has all replies of its step, or does without.
    GoOn(usize),
    /// A reply stays away.
    GiveUp(usize, usize),
    Die(usize),
    Crash(usize),
    /// All messages take equally long: time goes on.
    Pass,
}

impl Contest {
    /// These requests, in the best of worlds.
    pub(crate) fn of(requests: Vec<Request>) -> Contest {
        Contest {
            requests,
            silent: 0,
            deaths: 0,
            crashes: 0,
            is_timed: false,
            is_together: false,
            wrong: None,
        }
    }

    fn deliver(&self, state: &mut State, place: usize) {
        let envelope = state.wire.0.remove(place);
        let object = Arc::make_mut(&mut state.objects[envelope.object]);
        for (place, text) in envelope.calls {
            let call = Call::decode(&text).unwrap().1;
            let carried = self.carried(&call, &state.workers[envelope.worker]);
            let answer = object.answer(&carried.encode(), true);
            let done = match carried {
                Call::Cancel { .. } => &carried,
                _ => &call,
            };
            note(&mut state.charged, envelope.object, done, &answer);
            state.was_late |= matches!((&call, &answer), (Call::Limit { .. }, Answer::Refused(..)));
            if let Some(step) = envelope.step {
                let answer = self.heard(answer);
                Arc::make_mut(&mut state.workers[envelope.worker]).hear(step, place, answer);
            }
        }
        state.charged.sort_unstable();
        state.charged.dedup();
    }

    /// The call that arrives.
    fn carried(&self, call: &Call, worker: &Worker) -> Call {
        match (self.wrong, call) {
            (Some(Wrong::CancelsTheNewest), Call::Cancel { .. }) => Call::Cancel {
                operation: worker.operation(),
            },
            (Some(Wrong::TakesLateCharges), Call::Limit { items, .. }) => Call::Limit {
                operation: None,
                items: items.clone(),
                holding: None,
            },
            _ => call.clone(),
        }
    }

    /// The answer as the Worker hears it.
    fn heard(&self, mut answer: Answer) -> Answer {
        if let (Some(Wrong::AsksOnce), Answer::Decided(decisions)) = (self.wrong, &mut answer) {
            decisions.iter_mut().for_each(|it| it.contended = false);
        }
        answer
    }

    fn spent(&self, state: &State, object: usize) -> u64 {
        let all = state.charged.iter().chain(&state.stays);
        let here = all.filter(|(at, _)| *at == object);
        here.map(|(_, operation)| self.requests[Worker::of_operation(*operation)].cost)
            .sum()
    }

    fn is_quiet(state: &State) -> bool {
        state.wire.0.is_empty() && state.workers.iter().all(|it| it.is_over())
    }
}

/// Notes what a call has charged or taken back.
fn note(charged: &mut Vec<(usize, u128)>, object: usize, call: &Call, answer: &Answer) {
    match (call, answer) {
        (
            Call::Limit {
                operation: Some(id),
                ..
            },
            Answer::Decided(decisions),
        ) if decisions.iter().all(|it| it.success) => charged.push((object, *id)),
        (Call::Cancel { operation }, _) => charged.retain(|it| *it != (object, *operation)),
        _ => {}
    }
}

impl Model for Contest {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let requests = self.requests.iter().cloned().enumerate();
        let workers = requests.map(|(name, request)| Arc::new(Worker::new(name, request)));
        vec![State {
            objects: Default::default(),
            workers: workers.collect(),
            wire: Wire::default(),
            charged: Vec::new(),
            stays: Vec::new(),
            silent: self.silent,
            deaths: self.deaths,
            crashes: self.crashes,
            has_restarted: false,
            was_late: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (place, envelope) in state.wire.0.iter().enumerate() {
            let is_due = !self.is_timed || !envelope.is_fresh;
            actions.extend(is_due.then_some(Action::Deliver(place)));
        }
        for (i, worker) in state.workers.iter().enumerate() {
            let is_ready = worker.is_answered() && (!self.is_timed || worker.ready_in == 0);
            actions.extend(is_ready.then_some(Action::GoOn(i)));
        }
        let is_busy = !actions.is_empty();
        for (i, worker) in state.workers.iter().enumerate() {
            actions.extend((!worker.has_begun()).then_some(Action::Begin(i)));
            let places = (0..worker.messages()).filter(|it| worker.may_give_up(*it));
            let silent = places.map(|place| Action::GiveUp(i, place));
            actions.extend(silent.filter(|_| state.silent > 0));
            let dies = state.deaths > 0 && worker.has_begun() && !worker.is_over();
            actions.extend(dies.then_some(Action::Die(i)));
        }
        if state.crashes > 0 {
            actions.extend((0..2).map(Action::Crash));
        }
        let waits = |it: &Worker| it.has_begun() && !it.is_over();
        let is_under_way = !state.wire.0.is_empty() || state.workers.iter().any(|it| waits(it));
        let may_pass = !self.is_together || state.workers.iter().all(|it| it.has_begun());
        let passes = self.is_timed && !is_busy && is_under_way && may_pass;
        actions.extend(passes.then_some(Action::Pass));
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        let wire = &mut state.wire;
        match action {
            Action::Begin(i) => Arc::make_mut(&mut state.workers[i]).begin(wire),
            Action::Deliver(place) => self.deliver(&mut state, place),
            Action::GoOn(i) => Arc::make_mut(&mut state.workers[i]).go_on(wire),
            Action::GiveUp(i, place) => {
                state.silent -= 1;
                Arc::make_mut(&mut state.workers[i]).give_up(place);
            }
            Action::Die(i) => {
                state.deaths -= 1;
                Arc::make_mut(&mut state.workers[i]).end = Some(End::Died);
            }
            Action::Crash(object) => {
                state.crashes -= 1;
                state.has_restarted = true;
                Arc::make_mut(&mut state.objects[object]).crash();
                let is_there = |it: &(usize, u128)| it.0 == object;
                state
                    .stays
                    .extend(state.charged.iter().filter(|it| is_there(it)));
                state.stays.sort_unstable();
                state.charged.retain(|it| !is_there(it));
            }
            Action::Pass => {
                wire.pass();
                for worker in &mut state.workers {
                    if worker.ready_in > 0 {
                        Arc::make_mut(worker).ready_in -= 1;
                    }
                }
            }
        }
        if self.wrong == Some(Wrong::ForgetsCancellations) {
            state.wire.0.retain(|envelope| envelope.step.is_some());
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Contest>> {
        let mut properties = vec![
            Property::always(NEVER_ABOVE, |model: &Contest, state: &State| {
                (0..2).all(|it| model.spent(state, it) <= LIMIT)
            }),
            Property::always(KNOWN, |model: &Contest, state: &State| {
                (0..2).all(|it| state.objects[it].seen.spent == model.spent(state, it))
            }),
            Property::always(REFUSED, |_, state: &State| {
                let is_refused = |it: &Worker| matches!(it.end, Some(End::Refused | End::Failed));
                let charges =
                    |it: &(usize, u128)| is_refused(&state.workers[Worker::of_operation(it.1)]);
                let is_due = Contest::is_quiet(state) && !state.has_restarted;
                !is_due || !state.charged.iter().any(charges)
            }),
            Property::always(ADMITTED, |_, state: &State| {
                let admitted = state
                    .workers
                    .iter()
                    .filter(|it| it.end == Some(End::Admitted));
                let is_there =
                    |it: &(usize, u128)| state.charged.contains(it) || state.stays.contains(it);
                admitted.into_iter().all(|worker| {
                    let all = worker.charged.iter();
                    let mut own = all.filter(|(_, operation)| *operation == worker.operation());
                    own.all(is_there)
                })
            }),
            Property::sometimes("one is admitted", |_, state: &State| {
                state.workers.iter().any(|it| it.end == Some(End::Admitted))
            }),
        ];
        if self.is_timed {
            properties.push(Property::always(ONE_GOES, |_, state: &State| {
                let goes = state.workers.iter().any(|it| it.end == Some(End::Admitted));
                !Contest::is_quiet(state) || goes
            }));
        }
        if self.requests.len() > 1 && self.requests.iter().all(|it| !it.is_slow) {
            properties.push(Property::sometimes(
                "one is asked again, and goes",
                |_, state: &State| {
                    let goes = |it: &Worker| it.has_asked_again() && it.end == Some(End::Admitted);
                    state.workers.iter().any(|it| goes(it))
                },
            ));
        }
        if self.silent > 0 && self.requests.iter().all(|it| !it.is_open) {
            properties.push(Property::sometimes(
                "a charge comes after its cancellation",
                |_, state: &State| state.was_late,
            ));
        }
        properties
    }
}

pub(crate) const NEVER_ABOVE: &str = "no limit is exceeded";
pub(crate) const KNOWN: &str = "an object knows what was admitted and not taken back, and no more";
pub(crate) const REFUSED: &str = "what is refused charges nobody, where no object has restarted";
pub(crate) const ADMITTED: &str = "what is admitted is charged wherever that was answered";
pub(crate) const ONE_GOES: &str = "of those that contend one goes";
