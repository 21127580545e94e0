//! One object: the state of its subject, its storage, its clock and its alarm, as
//! `src/objects/subject.rs` keeps them.

use core::hash::{Hash, Hasher};
use std::collections::BTreeMap;
use std::fmt::Write as _;

use tollgate_core::message::{Answer, Call};
use tollgate_core::subject_state::{
    Effects, Notice, SubjectState, TopupStep, Write, ALARM_SPACING,
};
use tollgate_core::Timestamp;

use super::{moment, LIMIT};

/// What can be seen of an object's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub(crate) struct Seen {
    /// Units charged, debt among them.
    pub(crate) spent: u64,
    /// Units that permits hold.
    pub(crate) held: u64,
}

/// An object, awake.
#[derive(Clone, Default)]
pub(crate) struct Object {
    pub(crate) state: SubjectState,
    rows: BTreeMap<String, String>,
    alarm: Option<Timestamp>,
    /// Whether it has answered since it was loaded from its rows.
    has_answered: bool,
    /// What its memory alone knows: what each operation was answered, and when.
    operations: BTreeMap<u128, String>,
    /// For the same reason what topups have done, in order: they can be undone.
    topped: Vec<String>,
    /// In ticks.
    pub(crate) clock: u64,
    pub(crate) seen: Seen,
    /// Tells all of the above: two objects of one identity go on alike.
    identity: String,
}

impl Object {
    /// Answers a call, both as text. `is_stored`: whether its rows are written before it answers.
    pub(crate) fn answer(&mut self, text: &str, is_stored: bool) -> Answer {
        let (version, call) = Call::decode(text).unwrap();
        let mut effects = Effects::default();
        let now = moment(self.clock);
        let answer = self.state.answer(&call, &mut || 7, now, &mut effects);
        if !core::mem::replace(&mut self.has_answered, true) && effects.alarm.is_none() {
            self.expect_alarm(&mut effects);
        }
        let text = answer.encode_in(version);
        match &call {
            Call::Limit {
                operation: Some(id),
                ..
            } => {
                let known = format!("{} {text}", self.clock);
                self.operations.entry(*id).or_insert(known);
            }
            Call::Cancel { operation } => {
                let known = format!("{} cancelled", self.clock);
                self.operations.insert(*operation, known);
            }
            _ => {}
        }
        if let (Call::TopUp(topup), Answer::Topped(topped)) = (&call, &answer) {
            let known = format!("{:?} of {:?}: {topped:?}", topup.step, topup.turn);
            let is_known = match topup.step {
                TopupStep::Raise => topped.success,
                // It has let go what is kept no longer.
                TopupStep::Set => !topped.success,
                TopupStep::Undo { .. } => !self.topped.is_empty(),
            };
            self.topped.extend(is_known.then_some(known));
        }
        if !is_stored {
            effects.writes.clear();
        }
        self.apply(effects);
        Answer::decode(&text).unwrap()
    }

    /// Sets the alarm, which is not read when an object wakes.
    fn expect_alarm(&self, effects: &mut Effects) {
        if self.state.has_rows() {
            let now = moment(self.clock).now;
            let at = now.plus(ALARM_SPACING);
            effects.alarm = Some(
                self.state
                    .rings_by(now)
                    .map_or(at, |soonest| soonest.min(at)),
            );
        }
    }

    fn apply(&mut self, effects: Effects) {
        for write in effects.writes {
            match write {
                Write::Put { key, row } => drop(self.rows.insert(key, row)),
                Write::Delete { key } => drop(self.rows.remove(&key)),
                Write::DeleteAll => self.rows.clear(),
                keys => unreachable!("no key is used: {keys:?}"),
            }
        }
        if effects.alarm.is_some() {
            self.alarm = effects.alarm;
            self.state.alarm_is(self.alarm);
        }
        self.look();
    }

    /// Its memory is gone: what is left is what its rows tell.
    pub(crate) fn crash(&mut self) {
        let rows = self.rows.iter();
        self.state = SubjectState::from_rows(rows.map(|(key, row)| (key.as_str(), row.as_str())));
        self.operations.clear();
        self.topped.clear();
        self.has_answered = false;
        self.look();
    }

    /// Its clock goes on.
    pub(crate) fn tick(&mut self) {
        self.clock += 1;
        self.look();
    }

    /// Whether its alarm rings before the next tick.
    pub(crate) fn rings(&self) -> bool {
        self.alarm.is_some_and(|at| at < moment(self.clock + 1).now)
    }

    /// Whether no other object waits, or will, to be told anything.
    pub(crate) fn owes_nothing(&self) -> bool {
        self.state.rings_by(moment(self.clock).now).is_none()
    }

    /// Whether an alarm sees to all that other objects wait for.
    pub(crate) fn is_seen_to(&self) -> bool {
        let needed = self.state.rings_by(moment(self.clock).now);
        needed.is_none_or(|needed| self.alarm.is_some_and(|at| at <= needed))
    }

    /// The alarm rings.
    pub(crate) fn ring(&mut self) {
        self.alarm = None;
        let mut effects = Effects::default();
        let now = moment(self.clock);
        self.state.clean(now, &mut effects).unwrap();
        self.apply(effects);
    }

    /// Another object has acknowledged what it was told.
    pub(crate) fn acknowledge(&mut self, notice: &Notice) {
        let mut effects = Effects::default();
        self.state.acknowledge(notice, &mut effects);
        self.apply(effects);
    }

    fn look(&mut self) {
        let now = moment(self.clock);
        let status = self.state.status(None, now).unwrap();
        self.seen = Seen::default();
        if let Some(limit) = status.limits.first() {
            self.seen.held = limit.held;
            self.seen.spent = LIMIT + limit.debt - limit.remaining - limit.held;
        }
        self.identity.clear();
        let to = &mut self.identity;
        let operations = (&self.operations, &self.topped);
        let memory = (self.clock, self.alarm, self.has_answered, operations);
        write!(to, "{memory:?} {:?}", self.rows).unwrap();
        write!(to, "{:?}", self.state.exact_rows(now)).unwrap();
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Object) -> bool {
        self.identity == other.identity
    }
}

impl Eq for Object {}

impl Hash for Object {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.identity.hash(hasher);
    }
}

impl core::fmt::Debug for Object {
    fn fmt(&self, to: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(to, "{:?} {}", self.seen, self.identity)
    }
}
