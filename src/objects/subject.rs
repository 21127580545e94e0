//! A subject in the memory of its object: the core's state, and the rows that follow it.
//!
//! Each event is one synchronous step: the clock is read once, the state comes from memory, the
//! core decides, rows are written ahead, and nothing can run between.
//!
//! A row may run ahead of the real use. One timer of at most a second, in src/entry.js, writes the
//! exact row a second after the last admission, before the object can hibernate. Nothing else is
//! pending in an idle object.

use core::cell::RefCell;
use std::rc::Rc;

use tollgate_core::codec::Unreadable;
use tollgate_core::message::{may_be_news, Answer, Call, RefusalCode, MESSAGES};
use tollgate_core::subject_state::{Effects, Notice, SubjectState, ALARM_SPACING, STEADY};
use tollgate_core::summary::{Summary, Telling, Told};
use tollgate_core::{Duration, Timestamp};
use tollgate_versions::Version;
use worker::{Env, Result, State};

use super::listing::{KeptName, ListedObject, Loaded};
use super::rows::limiter::Store;
use crate::{clock, hot, settings};

/// When cleaning fails, because a row is of another version or a time zone has gone, it is tried
/// again after this long.
const CLEAN_AGAIN: Duration = Duration::from_secs(3_600);

/// A call, and the version in which to answer it.
type Asked = Rc<(Version, Call)>;

/// The last call to an object, and its text. Most calls to a busy subject are equal, and parsing a
/// call costs more than deciding it.
#[derive(Default)]
pub(super) struct LastCall(RefCell<Option<(String, Asked)>>);

impl LastCall {
    /// The answer to a message, both as text.
    pub(super) fn answer(&self, text: String, subject: &ListedObject<LoadedSubject>) -> String {
        match self.read(text, subject) {
            Ok(asked) => answer(subject, &asked.1).encode_in(asked.0),
            Err(Unreadable::Version { .. }) => MESSAGES.other(),
            Err(damaged) => unavailable(&damaged).encode_in(MESSAGES.written()),
        }
    }

    /// The call in a text, with the policies that the object keeps, as soon as it knows them.
    fn read(
        &self,
        text: String,
        subject: &ListedObject<LoadedSubject>,
    ) -> core::result::Result<Asked, Unreadable> {
        let mut last = self.0.borrow_mut();
        if let Some((_, asked)) = last.as_mut().filter(|(known, _)| *known == text) {
            if let Some((_, call)) = Rc::get_mut(asked) {
                let items = call.items_mut();
                if items.iter().any(|item| item.policy.is_reference()) {
                    subject.look(|loaded| loaded.state.complete(items));
                }
            }
            return Ok(Rc::clone(asked));
        }
        let asked = Rc::new(Call::decode(&text)?);
        *last = Some((text, Rc::clone(&asked)));
        Ok(asked)
    }
}

/// The answer to a call.
pub(super) fn answer(subject: &ListedObject<LoadedSubject>, call: &Call) -> Answer {
    let answered = subject.with(|awake, woken| {
        let is_listed = awake.is_listed();
        let answer = awake.loaded.answer(call, woken, is_listed)?;
        // What an alarm has found empty need not be so any more.
        awake.emptied &= awake.loaded.is_empty();
        Ok(answer)
    });
    answered.unwrap_or_else(|error| unavailable(&error))
}

fn unavailable(why: &dyn core::fmt::Display) -> Answer {
    Answer::Refused(RefusalCode::Unavailable, why.to_string())
}

/// A subject whose rows have been read.
pub(super) struct LoadedSubject {
    state: SubjectState,
    store: Store,
    /// The time of the last event.
    at: Timestamp,
    /// What the directory was told.
    telling: Telling,
    /// Whether that stands in a row that has to be left as it is.
    is_foreign: bool,
}

impl LoadedSubject {
    fn answer(&mut self, call: &Call, woken: bool, is_listed: bool) -> Result<Answer> {
        let moment = clock::moment();
        self.at = moment.now;
        if let Some(keyed) = call.keyed() {
            if let Err(unreadable) = self.look_up(keyed.id)? {
                return Ok(unavailable(&unreadable));
            }
        }
        let mut effects = Effects::default();
        let answer = self
            .state
            .answer(call, &mut hot::random_bits, moment, &mut effects);
        // Reading the alarm needs an await, so it is set anew if there is something to delete,
        // here or by a decision. It is a write as well: where memory was dropped because one
        // failed, nothing is decided until one succeeds.
        if woken && effects.alarm.is_none() && (self.state.has_rows() || is_listed) {
            let at = moment.now.plus(ALARM_SPACING);
            let soonest = self.state.rings_by(moment.now);
            let at = soonest.map_or(at, |soonest| soonest.min(at));
            self.state.alarm_is(Some(at));
            effects.alarm = Some(at);
        }
        self.apply(&effects)?;
        if woken {
            self.expect_change()?; // that alarm may have been for news
        }
        self.expect_news(call, &answer)?;
        Ok(answer)
    }

    /// Tells the state what a row knows of a request that may have come before.
    fn look_up(&mut self, id: u128) -> Result<core::result::Result<(), Unreadable>> {
        if !self.state.lacks_key(id, self.at) {
            return Ok(Ok(()));
        }
        let found = self.store.find_key(id)?;
        Ok(match found {
            Some((number, row)) => self.state.found_key(id, number, &row, self.at),
            None => Ok(()),
        })
    }

    /// Sets the alarm for what is not as the directory was told, where it may not be told yet.
    fn expect_change(&mut self) -> Result<()> {
        if self.is_foreign || !self.state.is_readable() || !self.state.has_rows() {
            return Ok(());
        }
        let current = self.state.summary(clock::moment());
        match self.telling.expect_if_changed(self.at, &current) {
            Some(at) => self.ring_by(at),
            None => Ok(()),
        }
    }

    /// Sets the alarm for what may not be told the directory yet.
    fn expect_news(&mut self, call: &Call, answer: &Answer) -> Result<()> {
        let may_be_news = |told: &Told| may_be_news(told, call, answer, self.at);
        if !self.telling.told().is_some_and(may_be_news) {
            return Ok(());
        }
        match self.telling.expect(self.at) {
            Some(at) => self.ring_by(at),
            None => Ok(()),
        }
    }

    /// What other objects are to be told of permits.
    pub(super) fn notices(&self) -> Vec<Notice> {
        self.state.notices()
    }

    /// Whether there is anything to tell.
    pub(super) fn has_notices(&self) -> bool {
        self.state.has_notices()
    }

    /// Other objects have taken notice.
    pub(super) fn acknowledge(&mut self, notices: &[&Notice]) -> Result<()> {
        let mut effects = Effects::default();
        self.state.acknowledge_all(notices, &mut effects);
        self.apply(&effects)
    }

    /// How long after the last event the rows have to be closed, at most [`STEADY`]; `None` while
    /// no row runs ahead.
    pub(super) fn closes_in(&self) -> Option<Duration> {
        let left = |at: Timestamp| at.since(self.at).min(STEADY);
        self.state.closes_at().map(left)
    }

    /// Writes exact what runs ahead of the real use and is due.
    pub(super) fn close(&mut self) -> Result<()> {
        let moment = clock::moment();
        self.at = moment.now;
        let mut effects = Effects::default();
        self.state.close(moment, &mut effects);
        self.apply(&effects)
    }

    fn apply(&mut self, effects: &Effects) -> Result<()> {
        self.store.apply(&effects.writes)?;
        effects.alarm.map_or(Ok(()), |at| self.store.set_alarm(at))
    }
}

impl Loaded for LoadedSubject {
    /// No caller waits for it.
    const PATIENCE: Duration = Duration::from_secs(10);
    const RETRY: Duration = ALARM_SPACING;

    fn load(state: &State, env: &Env) -> Result<(LoadedSubject, KeptName)> {
        let (store, found) = Store::open(state)?;
        let rows = found
            .rows
            .iter()
            .map(|(key, row)| (key.as_str(), row.as_str()));
        // An operation is cancelled at most one deadline after the deadline of its charge.
        let deadline = settings::deadline(env).as_millis();
        let kept = Duration::from_millis(deadline * 2);
        let at = clock::now();
        let loaded = LoadedSubject {
            state: SubjectState::from_rows(rows)
                .keeping_operations(kept)
                .loaded_at(at),
            store,
            at,
            telling: Telling::found(found.told),
            is_foreign: found.is_foreign,
        };
        Ok((loaded, found.name))
    }

    fn is_empty(&self) -> bool {
        !self.state.has_rows()
    }

    fn clean(&mut self) -> Result<bool> {
        let moment = clock::moment();
        self.at = moment.now;
        let mut effects = Effects::default();
        if let Err(refusal) = self.state.clean(moment, &mut effects) {
            worker::console_error!("tollgate: a subject was not cleaned: {refusal}");
            effects = Effects {
                writes: Vec::new(),
                alarm: Some(moment.now.plus(CLEAN_AGAIN)),
            };
            self.state.alarm_is(effects.alarm);
        }
        self.apply(&effects)?;
        self.expect_change()?;
        Ok(self.is_empty() && effects.alarm.is_none())
    }

    fn ring_by(&mut self, at: Timestamp) -> Result<()> {
        self.state.alarm_is(Some(at));
        self.store.set_alarm(at)
    }

    fn summary(&self) -> Option<Summary> {
        Some(self.state.summary(clock::moment()))
    }

    fn look_for_news(&mut self) {
        if !self.is_foreign && self.state.is_readable() {
            let moment = clock::moment();
            let state = &self.state;
            self.telling.look(moment.now, || state.summary(moment));
        }
    }

    fn has_news(&self) -> bool {
        self.telling.has_news()
    }

    fn set_listed(&mut self, name: &str, told: Option<Told>) -> Result<()> {
        if let Some(told) = told.as_ref().filter(|_| !self.is_foreign) {
            self.store.set_listed(name, told)?;
        }
        self.telling.acknowledge(told);
        Ok(())
    }

    fn set_unlisted(&mut self) -> Result<()> {
        self.is_foreign = false;
        self.store.set_unlisted()
    }

    fn keep_name(&mut self, name: &str) -> Result<()> {
        match self.is_foreign {
            true => Ok(()),
            false => self.store.keep_name(name),
        }
    }

    fn empty_storage(&mut self) -> Result<()> {
        self.state.alarm_is(None);
        self.store.empty()
    }
}
