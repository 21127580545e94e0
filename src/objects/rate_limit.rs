//! `RateLimitDO`: the state of one subject.
//!
//! One object per subject, named by [`crate::placement`]. It answers the messages of
//! [`tollgate_core::message`], each in one synchronous step: the clock is read once, the state
//! comes from memory, the core decides, rows are written ahead, and nothing can run between. The
//! runtime's output gate holds an answer back until its writes are durable, so no answered decision
//! is lost.
//!
//! A row may run ahead of the real use. One timer of at most a second, in src/entry.js, writes the
//! exact row a second after the last admission, before the object can hibernate. Nothing else is
//! pending in an idle object.
//!
//! Stored: the rows of [`super::rows::limiter`]. One alarm per idle period deletes them, so an idle
//! subject ends with empty storage. The namespace's directory is notified in the background.

use core::cell::RefCell;
use std::rc::Rc;

use tollgate_core::codec::Unreadable;
use tollgate_core::message::{Answer, Call, RefusalCode, MESSAGES};
use tollgate_core::subject_state::{Effects, SubjectState, ALARM_SPACING, STEADY};
use tollgate_core::{Duration, Timestamp};
use tollgate_versions::Version;
use wasm_bindgen::prelude::*;
use worker::{durable_object, DurableObject, Env, Request, Response, Result, State};

use super::listing::{keep_listed, Listed, Listing};
use super::resident::Resident;
use super::rows::limiter::Store;
use crate::directory::DirectoryCall;
use crate::{clock, hot, settings};

/// When cleaning fails, because a row is of another version or a time zone has gone, it is tried
/// again after this long.
const CLEAN_AGAIN: Duration = Duration::from_secs(3_600);
/// How long a call to the directory may take. No caller waits for it.
const LISTING: Duration = Duration::from_secs(10);

/// The object of one subject: a shell around [`Subject`].
#[durable_object(fetch)]
pub struct RateLimitDO {
    subject: Rc<Subject>,
}

impl DurableObject for RateLimitDO {
    fn new(state: State, env: Env) -> Self {
        RateLimitDO {
            subject: Rc::new(Subject {
                resident: Resident::new(),
                last: RefCell::new(None),
                listing: Listing::new(env.clone(), LISTING),
                state,
                env,
            }),
        }
    }

    async fn fetch(&self, _request: Request) -> Result<Response> {
        Response::error("A subject's object is called, not fetched.", 405)
    }
}

#[wasm_bindgen]
impl RateLimitDO {
    /// Answers one message, as text. Values, not strings, on both sides: nothing is copied into
    /// wasm before it is known to be alive.
    pub fn call(&self, text: &JsValue) -> JsValue {
        let answer = match self.subject.read(text.as_string().unwrap_or_default()) {
            Ok(read) => self.subject.answer(&read.1).encode_in(read.0),
            Err(Unreadable::Version { .. }) => MESSAGES.other(),
            Err(damaged) => unavailable(&damaged).encode_in(MESSAGES.written()),
        };
        let text = JsValue::from_str(&answer);
        keep_listed(&self.subject);
        text
    }

    /// The cleaning alarm. The promise settles when the directory has been notified.
    pub fn ring(&self) -> core::result::Result<JsValue, JsValue> {
        self.subject.clean()?;
        Ok(keep_listed(&self.subject))
    }

    /// The milliseconds until [`RateLimitDO::close`] has to run, at most a second; −1 if it need
    /// not.
    pub fn closes_in(&self) -> f64 {
        let left = |at: Timestamp| at.since(clock::now()).min(STEADY);
        self.subject
            .closes_at()
            .map_or(-1.0, |at| left(at).as_millis() as f64)
    }

    /// The closing timer, which src/entry.js keeps: writes exact what ran ahead of the real use,
    /// before the object can fall asleep.
    pub fn close(&self) -> Result<(), JsValue> {
        self.subject.close().map_err(JsValue::from)
    }
}

fn unavailable(why: &dyn core::fmt::Display) -> Answer {
    Answer::Refused(RefusalCode::Unavailable, why.to_string())
}

/// An operation is cancelled at most one deadline after the deadline of its charge.
const fn twice(deadline: Duration) -> Duration {
    Duration::from_millis(deadline.as_millis() * 2)
}

/// A call, and the version in which to answer it.
type Asked = Rc<(Version, Call)>;

struct Subject {
    state: State,
    env: Env,
    resident: Resident<Awake>,
    /// The last call and its text. Most calls to a busy subject are equal, and parsing a call costs
    /// more than deciding it.
    last: RefCell<Option<(String, Asked)>>,
    listing: Listing,
}

struct Awake {
    state: SubjectState,
    store: Store,
    /// The name under which the directory lists the subject, if it does.
    listed: Option<String>,
    /// Whether the cleaning alarm has found nothing left.
    cleaned: bool,
}

impl Awake {
    fn apply(&mut self, effects: &Effects) -> Result<()> {
        self.store.apply(&effects.writes)?;
        effects.alarm.map_or(Ok(()), |at| self.store.set_alarm(at))
    }
}

impl Subject {
    /// The call in a text, and the version in which to answer it.
    fn read(&self, text: String) -> core::result::Result<Asked, Unreadable> {
        let mut last = self.last.borrow_mut();
        if let Some((_, call)) = last.as_ref().filter(|(known, _)| *known == text) {
            return Ok(Rc::clone(call));
        }
        let call = Rc::new(Call::decode(&text)?);
        *last = Some((text, Rc::clone(&call)));
        Ok(call)
    }

    fn with<T>(&self, run: impl FnOnce(&mut Awake, bool) -> Result<T>) -> Result<T> {
        self.resident.with(|| self.wake(), run)
    }

    /// Loads the state.
    fn wake(&self) -> Result<Awake> {
        let (store, found) = Store::open(&self.state)?;
        let rows = found
            .rows
            .iter()
            .map(|(key, row)| (key.as_str(), row.as_str()));
        let kept = twice(settings::deadline(&self.env));
        Ok(Awake {
            state: SubjectState::from_rows(rows).keeping_operations(kept),
            store,
            listed: found.listed,
            cleaned: false,
        })
    }

    fn answer(&self, call: &Call) -> Answer {
        let moment = clock::moment();
        self.with(|awake, woken| {
            let mut effects = Effects::default();
            let answer = awake
                .state
                .answer(call, &mut hot::random_bits, moment, &mut effects);
            // Reading the alarm needs an await, so it is set anew if there are rows.
            if woken && effects.alarm.is_none() && awake.state.has_rows() {
                let at = moment.now.plus(ALARM_SPACING);
                awake.state.alarm_is(Some(at));
                effects.alarm = Some(at);
            }
            awake.apply(&effects).map(|()| answer)
        })
        .unwrap_or_else(|error| unavailable(&error))
    }

    /// `None` while no state is loaded: then no row runs ahead.
    fn closes_at(&self) -> Option<Timestamp> {
        self.resident.look(|awake| awake.state.closes_at())?
    }

    fn close(&self) -> Result<()> {
        if self.closes_at().is_none() {
            return Ok(());
        }
        let moment = clock::moment();
        self.with(|awake, _| {
            let mut effects = Effects::default();
            awake.state.close(moment, &mut effects);
            awake.apply(&effects)
        })
    }

    fn clean(&self) -> Result<()> {
        let moment = clock::moment();
        self.with(|awake, _| {
            let mut effects = Effects::default();
            if let Err(refusal) = awake.state.clean(moment, &mut effects) {
                worker::console_error!("tollgate: a subject was not cleaned: {refusal}");
                effects = Effects {
                    writes: Vec::new(),
                    alarm: Some(moment.now.plus(CLEAN_AGAIN)),
                };
                awake.state.alarm_is(effects.alarm);
            }
            awake.apply(&effects)?;
            awake.cleaned = !awake.state.has_rows() && effects.alarm.is_none();
            if awake.cleaned && awake.listed.is_none() {
                awake.store.empty()?;
            }
            Ok(())
        })
    }
}

impl Listed for Subject {
    fn listing(&self) -> &Listing {
        &self.listing
    }

    fn pending_call(&self) -> Option<DirectoryCall> {
        self.resident
            .look(|awake| match (&awake.listed, awake.state.has_rows()) {
                (None, true) => self
                    .state
                    .id()
                    .name()
                    .map(|name| DirectoryCall::Alive { name }),
                (Some(name), false) if awake.cleaned => {
                    Some(DirectoryCall::Gone { name: name.clone() })
                }
                _ => None,
            })?
    }

    fn acknowledged(&self, call: &DirectoryCall) -> Result<()> {
        self.with(|awake, _| {
            match call {
                DirectoryCall::Alive { name } => {
                    awake.store.set_listed(name)?;
                    awake.listed = Some(name.clone());
                }
                // The subject may have stored rows meanwhile: then it is reported again.
                _ => {
                    awake.listed = None;
                    if !awake.state.has_rows() {
                        awake.store.empty()?;
                    }
                }
            }
            Ok(())
        })
    }

    fn retry_later(&self) {
        // If storage fails, the next call loads the state anew and notifies the directory.
        let _ = self.with(|awake, _| {
            let at = clock::now().plus(ALARM_SPACING);
            awake.state.alarm_is(Some(at));
            awake.store.set_alarm(at)
        });
    }
}
