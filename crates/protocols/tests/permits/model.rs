//! The life of a permit as a model for the checker: what may happen next, and what always holds.

use std::sync::Arc;

use stateright::{Model, Property};

use super::calls::Act;
use super::life::Life;
use super::state::{
    Ending, State, Why, ALIKE, AS_LONG, COMES_BACK, EARLY, HOME, NEVER_ABOVE, OTHER, TOTALS,
};
use crate::common::object::Object;
use crate::common::worker::End;

pub(crate) const AT_HOME: &str = "the home is charged what the outcome says";
pub(crate) const ELSEWHERE: &str = "once nothing is owed, every part is charged what it says";
pub(crate) const PROMISED: &str = "what was answered as admitted is held until it ends";
pub(crate) const REFUSED: &str = "what was refused is neither held nor charged";
pub(crate) const SEEN_TO: &str = "an alarm sees to all that others wait for";
pub(crate) const AS_MUCH: &str =
    "all parts hold as much as was answered, until all have agreed to less";

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
    /// What a Worker asks of a part arrives there.
    Arrive(usize),
    /// The Worker waits no longer for it.
    GiveUpWaiting(usize),
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
        for (place, errand) in state.errands.iter().enumerate() {
            may(true, Action::Arrive(place));
            may(errand.waits.is_some(), Action::GiveUpWaiting(place));
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
            Action::Act(which) => self.act(&mut state, which),
            Action::Arrive(place) => state.arrive(place),
            Action::GiveUpWaiting(place) => state.give_up_waiting(place),
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
            never_seen!(AS_LONG),
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
        if self.ticks > 1 && self.times_of(|act| matches!(act, Act::Settle(_))) > 0 {
            properties.push(Property::sometimes(
                "a settlement comes late, to a part that was told before",
                |_, state: &State| {
                    let is_settled = matches!(state.ending, Some(Ending::Settled { .. }));
                    let was_late = state.ended[HOME].is_some_and(|it| it.is_alone);
                    let was_told = state.ended[OTHER].is_some_and(|it| !it.is_alone);
                    is_settled && was_late && was_told && state.is_quiet()
                },
            ));
        }
        if self.ticks > 2 {
            properties.push(Property::sometimes(
                "a home is silent",
                |_, state: &State| state.ended[OTHER].is_some_and(|it| it.is_alone),
            ));
        }
        if self.times_of(|act| matches!(act, Act::TopUp(_))) > 0 {
            properties.push(Property::always(AS_MUCH, |_, state: &State| {
                let held = [HOME, OTHER].map(|it| state.objects[it].seen.held);
                let is_less = |held: &u64| *held > 0 && *held < state.least;
                !held.iter().any(is_less)
            }));
        }
        properties
    }
}
