//! The states of all subjects, in memory: each as its object keeps it, with its alarm, and no rows
//! but those of idempotency keys, which a state looks up one by one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tollgate_core::algorithm::state::Moment;
use tollgate_core::calendar::TimeZone;
use tollgate_core::message::{Answer, Call};
use tollgate_core::subject_state::{Effects, SubjectState, Write, ALARM_SPACING};
use tollgate_core::{Duration, Timestamp};

use crate::failure::Failure;
use crate::random::Random;

/// How many rows of keys a [`Write::DropKeys`] removes.
const DROPPED_AT_ONCE: usize = 100;
/// All subjects are looked through for idle ones at most this often, where there is no room.
const SWEEP_AGAIN: Duration = Duration::from_secs(1);

/// One subject.
#[derive(Default)]
struct Subject {
    state: SubjectState,
    keys: BTreeMap<u128, KeyRow>,
    alarm: Option<Timestamp>,
}

/// The row of a key.
struct KeyRow {
    number: u64,
    until: Timestamp,
    row: String,
}

/// All subjects, by the names of their objects.
pub struct Subjects {
    subjects: HashMap<String, Subject>,
    alarms: BTreeSet<(Timestamp, String)>,
    zones: Box<dyn TimeZone>,
    /// The most that there may be.
    max: usize,
    /// When all were looked through last, in vain.
    swept: Option<Timestamp>,
}

impl Subjects {
    /// None yet, and never more than `max`.
    pub fn new(max: usize, zones: Box<dyn TimeZone>) -> Subjects {
        Subjects {
            subjects: HashMap::new(),
            alarms: BTreeSet::new(),
            zones,
            max,
            swept: None,
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.subjects.len()
    }

    /// Has the alarms ring that are due: idle subjects are dropped.
    pub fn ring(&mut self, now: Timestamp) {
        while self.alarms.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, object)) = self.alarms.pop_first() else {
                return;
            };
            self.clean(&object, now);
        }
    }

    /// Has a subject forget what is idle, as at its alarm.
    fn clean(&mut self, object: &str, now: Timestamp) {
        let Some(subject) = self.subjects.get_mut(object) else {
            return;
        };
        let zones = &*self.zones;
        subject.alarm = None;
        let mut effects = Effects::default();
        let cleaned = subject.state.clean(Moment { now, zones }, &mut effects);
        // A zone that was known when the limit was used is known now; if not, it stays.
        let at = match (&cleaned, effects.alarm, subject.state.has_rows()) {
            (Ok(()), None, false) => None,
            (_, at, _) => Some(at.unwrap_or(now.plus(ALARM_SPACING))),
        };
        match at {
            None => drop(self.subjects.remove(object)),
            Some(at) => {
                subject.apply(&effects);
                subject.set_alarm(at, &effects);
                self.alarms.insert((at, object.to_owned()));
            }
        }
    }

    /// The answer of a subject's state to one call.
    pub fn ask(
        &mut self,
        object: &str,
        call: &Call,
        random: &mut Random,
        now: Timestamp,
    ) -> Result<Answer, Failure> {
        let is_known = self.subjects.contains_key(object);
        if !is_known && !self.has_room(now) {
            return Err(Failure::too_many_subjects(self.max));
        }
        let zones = &*self.zones;
        let subject = self.subjects.entry(object.to_owned()).or_default();
        if let Some(keyed) = call.keyed() {
            subject.look_up(keyed.id, now)?;
        }
        let mut effects = Effects::default();
        let moment = Moment { now, zones };
        let state = &mut subject.state;
        let answer = state.answer(call, &mut || random.bits(), moment, &mut effects);
        subject.apply(&effects);
        if !is_known && !call.may_change() {
            self.subjects.remove(object); // it was only looked at
            return Ok(answer);
        }
        let before = subject.alarm;
        // What is in memory alone, such as a refusal, is forgotten some time as well.
        let after = effects.alarm.or(before);
        let after = after.unwrap_or_else(|| now.plus(ALARM_SPACING));
        if before != Some(after) {
            subject.set_alarm(after, &effects);
            if let Some(before) = before {
                self.alarms.remove(&(before, object.to_owned()));
            }
            self.alarms.insert((after, object.to_owned()));
        }
        Ok(answer)
    }

    /// Whether there is room for one more, where need be after idle ones were dropped before their
    /// alarm.
    fn has_room(&mut self, now: Timestamp) -> bool {
        if self.subjects.len() < self.max {
            return true;
        }
        let is_again = |swept: Timestamp| swept <= now && now.since(swept) < SWEEP_AGAIN;
        if self.swept.is_some_and(is_again) {
            return false;
        }
        let all: Vec<(Timestamp, String)> = self.alarms.iter().cloned().collect();
        self.alarms.clear();
        all.iter().for_each(|(_, object)| self.clean(object, now));
        let has_room = self.subjects.len() < self.max;
        self.swept = (!has_room).then_some(now);
        has_room
    }
}

impl Subject {
    /// Sets the alarm, of which the state knows where it has set it itself.
    fn set_alarm(&mut self, at: Timestamp, effects: &Effects) {
        self.alarm = Some(at);
        if effects.alarm.is_none() {
            self.state.alarm_is(self.alarm);
        }
    }

    /// Tells the state what a row knows of a request that may have come before.
    fn look_up(&mut self, id: u128, now: Timestamp) -> Result<(), Failure> {
        if !self.state.lacks_key(id, now) {
            return Ok(());
        }
        let Some(KeyRow { number, row, .. }) = self.keys.get(&id) else {
            return Ok(());
        };
        let found = self.state.found_key(id, *number, row, now);
        found.map_err(|_| Failure::unavailable()) // this has written it
    }

    /// Keeps the rows of keys. Nothing is loaded from any other row.
    fn apply(&mut self, effects: &Effects) {
        for write in &effects.writes {
            match write {
                Write::PutKey {
                    id,
                    number,
                    until,
                    row,
                } => {
                    let (number, until, row) = (*number, *until, row.clone());
                    self.keys.insert(*id, KeyRow { number, until, row });
                }
                Write::DeleteKey { id } => drop(self.keys.remove(id)),
                Write::DropKeys { before, until } => {
                    let is_over = |it: &KeyRow| it.number < *before || it.until <= *until;
                    let over = self.keys.iter().filter(|(_, it)| is_over(it));
                    let over: Vec<u128> = over.map(|(id, _)| *id).take(DROPPED_AT_ONCE).collect();
                    over.iter().for_each(|id| drop(self.keys.remove(id)));
                }
                Write::DeleteAll => self.keys.clear(),
                Write::Put { .. } | Write::Delete { .. } => {}
            }
        }
    }
}
