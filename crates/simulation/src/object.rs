//! One object: the core's state of a subject, its storage, its clock, and the gate that holds
//! answers back until what they rest on is durable.

use std::collections::VecDeque;

use tollgate_core::algorithm::state::Moment;
use tollgate_core::calendar::UtcOnly;
use tollgate_core::isolate::bounded::Key;
use tollgate_core::message::{Answer, Call};
use tollgate_core::subject_state::{Effects, SubjectState, ALARM_SPACING};
use tollgate_core::{Duration, Timestamp};

use crate::judge::{Judge, Told};
use crate::rule::{Exact, Rule};
use crate::store::Store;

/// An operation is cancelled at most one deadline after the deadline of its charge: as in the
/// Worker.
const KEPT: Duration = Duration::from_secs(2);

/// What is in an object's memory.
#[derive(Debug)]
pub(crate) struct Awake {
    pub(crate) state: SubjectState,
    /// The machine that it runs on.
    pub(crate) machine: u32,
    pub(crate) build: u32,
    /// Which of all wakings it is.
    pub(crate) life: u32,
    has_answered: bool,
    /// Its last event, in µs.
    pub(crate) last: u64,
    pub(crate) is_closing: bool,
}

/// An answer behind the gate.
#[derive(Debug)]
pub(crate) struct Unsent {
    pub(crate) leaves_at: u64,
    pub(crate) request: u32,
    pub(crate) answer: u32,
    /// What it admits, the first time that it says so.
    pub(crate) told: Option<Told>,
}

/// A subject: its object, who judges it, and what a perfect limiter would admit.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) subject: u64,
    pub(crate) name: String,
    /// Under which isolates remember its refusals.
    pub(crate) key: Key,
    pub(crate) awake: Option<Box<Awake>>,
    /// Whether it lost its memory by sleeping, and not by a crash.
    pub(crate) has_slept: bool,
    pub(crate) store: Store,
    pub(crate) unsent: VecDeque<Unsent>,
    /// The alarm that is expected to ring.
    pub(crate) rings_at: Option<Timestamp>,
    /// How many events wait for it.
    pub(crate) events: u32,
    pub(crate) is_idle_timed: bool,
    pub(crate) judge: Judge,
    pub(crate) ideal: Exact,
}

pub(crate) const fn moment(now: Timestamp) -> Moment<'static> {
    Moment {
        now,
        zones: &UtcOnly,
    }
}

impl Object {
    pub(crate) fn new(subject: u64, name: String, key: Key, rule: &Rule) -> Object {
        Object {
            subject,
            name,
            key,
            awake: None,
            has_slept: true,
            store: Store::default(),
            unsent: VecDeque::new(),
            rings_at: None,
            events: 0,
            is_idle_timed: false,
            judge: Judge::new(rule),
            ideal: Exact::new(rule),
        }
    }

    /// Loads the state from the durable rows, or from none.
    pub(crate) fn load(&mut self, has_rows: bool) -> SubjectState {
        let rows = self.store.rows().filter(|_| has_rows);
        SubjectState::from_rows(rows).keeping_operations(KEPT)
    }

    pub(crate) fn wake(&mut self, state: SubjectState, machine: u32, build: u32, life: u32) {
        self.awake = Some(Box::new(Awake {
            state,
            machine,
            build,
            life,
            has_answered: false,
            last: 0,
            is_closing: false,
        }));
    }

    /// Its memory is gone.
    pub(crate) fn lose_memory(&mut self) {
        self.awake = None;
        self.judge.lost_memory();
    }
}

impl Awake {
    /// Answers a call, as `src/objects/subject.rs` does: the alarm is not read at waking, so it is
    /// set anew where there is something to delete.
    pub(crate) fn answer(&mut self, call: &Call, now: Timestamp) -> (Answer, Effects) {
        let mut effects = Effects::default();
        let moment = moment(now);
        let answer = self.state.answer(call, &mut || 7, moment, &mut effects);
        if !core::mem::replace(&mut self.has_answered, true)
            && effects.alarm.is_none()
            && self.state.has_rows()
        {
            let at = now.plus(ALARM_SPACING);
            let soonest = self.state.rings_by(now);
            effects.alarm = Some(soonest.map_or(at, |soonest| soonest.min(at)));
            self.state.alarm_is(effects.alarm);
        }
        (answer, effects)
    }

    /// Until when the window in force lasts, and how many of its units are in use; `None` where
    /// nothing is kept.
    pub(crate) fn window(&self, now: Timestamp) -> Option<(u64, u64)> {
        let status = self.state.status(None, moment(now)).ok()?;
        let limit = status.limits.first()?;
        let used = limit.limit.algorithm().limit() + limit.debt - limit.remaining;
        Some((limit.reset.as_millis(), used))
    }
}
