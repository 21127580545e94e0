//! `RateLimitDO`: the state of one subject.
//!
//! One object per subject, named by [`crate::placement`]. It answers the messages of [`tollgate_core::message`], each in one synchronous
//! step: the clock is read once, the state comes from memory, the core decides, rows are written ahead, and nothing can run between.
//! What it answers leaves only when its writes are safe (the runtime's output gate), so nothing that was answered is forgotten.
//!
//! A row may run ahead of the real use. One timer of at most a second, in src/entry.js, writes it exact a second after the last
//! admission, long before the object could fall asleep; nothing else is ever pending in an idle object.
//!
//! Stored: the rows of [`crate::limiter_store`]. One alarm per idle period cleans; an idle subject ends with empty storage. The
//! namespace's directory is told in the background.

use core::cell::{Cell, RefCell};
use std::rc::Rc;

use tollgate_core::algorithm::state::Moment;
use tollgate_core::codec::Unreadable;
use tollgate_core::message::{Answer, Call, RefusalCode, MESSAGES};
use tollgate_core::subject_state::{Effects, SubjectState, ALARM_SPACING, STEADY};
use tollgate_core::{Duration, Timestamp};
use tollgate_versions::Version;
use wasm_bindgen::prelude::*;

use crate::clock::{self, RuntimeZones};
use crate::directory::Notice;
use crate::limiter_store::Store;
use crate::runtime::{self, Env, ObjectContext};
use crate::{directory_client, placement, settings, task};

/// When cleaning fails, because a row is of another version or a time zone has gone, it is tried again after this long.
const CLEAN_AGAIN: Duration = Duration::from_secs(3_600);

/// The object of one subject: a shell around [`Subject`].
#[wasm_bindgen]
pub struct RateLimitDO {
    subject: Rc<Subject>,
}

#[wasm_bindgen]
impl RateLimitDO {
    /// Made by src/entry.js for the first call of an object in this wasm instance. Nothing is read before that call is answered.
    #[wasm_bindgen(constructor)]
    pub fn new(context: JsValue, env: JsValue) -> RateLimitDO {
        RateLimitDO {
            subject: Rc::new(Subject {
                context: context.unchecked_into(),
                env: env.unchecked_into(),
                awake: RefCell::new(None),
                last: RefCell::new(None),
                telling: Cell::new(false),
            }),
        }
    }

    /// Answers one message, as text. Values, not strings, on both sides: nothing is copied into wasm before it is known to be alive.
    pub fn call(&self, text: &JsValue) -> JsValue {
        let answer = match self.subject.read(text.as_string().unwrap_or_default()) {
            Ok(read) => self.subject.answer(&read.1).encode_in(read.0),
            Err(Unreadable::Version { .. }) => MESSAGES.other(),
            Err(damaged) => unavailable(&damaged.to_string()).encode_in(MESSAGES.written()),
        };
        let text = JsValue::from_str(&answer);
        Subject::keep_listed(&self.subject);
        text
    }

    /// In how many milliseconds, at most a second, [`RateLimitDO::close`] has something to do; −1 where it has not.
    pub fn closes_in(&self) -> f64 {
        let left = |at: Timestamp| at.since(clock::now()).min(STEADY);
        self.subject
            .closes_at()
            .map_or(-1.0, |at| left(at).as_millis() as f64)
    }

    /// The closing timer, which src/entry.js keeps: writes exact what ran ahead of the real use, before the object can fall asleep.
    pub fn close(&self) -> Result<(), JsValue> {
        self.subject.close()
    }

    /// The cleaning alarm. The promise ends when the directory knows: until then the runtime rings again.
    pub fn alarm(&self) -> Result<JsValue, JsValue> {
        self.subject.clean()?;
        Ok(Subject::keep_listed(&self.subject))
    }
}

fn unavailable(why: &str) -> Answer {
    Answer::Refused(RefusalCode::Unavailable, why.to_owned())
}

/// An operation is taken back within its deadline after the deadline of its charge.
const fn twice(deadline: Duration) -> Duration {
    Duration::from_millis(deadline.as_millis() * 2)
}

/// A call, and the version in which it is to be answered.
type Asked = Rc<(Version, Call)>;

struct Subject {
    context: ObjectContext,
    env: Env,
    /// `None` before the first call, and after storage failed: then memory may be ahead of it, and is loaded anew.
    awake: RefCell<Option<Awake>>,
    /// The last call and its text. A busy subject is mostly asked the same, and reading a call costs more than deciding it.
    last: RefCell<Option<(String, Asked)>>,
    /// Whether a notice to the directory is under way.
    telling: Cell<bool>,
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
    /// Loads the state. Whether the alarm is still set cannot be asked without waiting, so with rows it is set anew.
    fn wake(context: &ObjectContext, env: &Env) -> Result<Awake, JsValue> {
        let (store, found) = Store::open(context)?;
        let rows = found
            .rows
            .iter()
            .map(|(key, row)| (key.as_str(), row.as_str()));
        Ok(Awake {
            state: SubjectState::from_rows(rows).keeping_operations(twice(settings::deadline(env))),
            store,
            listed: found.listed,
            cleaned: false,
        })
    }

    fn apply(&mut self, effects: &Effects) -> Result<(), JsValue> {
        self.store.apply(&effects.writes)?;
        effects.alarm.map_or(Ok(()), |at| self.store.set_alarm(at))
    }
}

impl Subject {
    /// The call in a text, and the version in which it is to be answered.
    fn read(&self, text: String) -> Result<Asked, Unreadable> {
        let mut last = self.last.borrow_mut();
        if let Some((_, call)) = last.as_ref().filter(|(known, _)| *known == text) {
            return Ok(Rc::clone(call));
        }
        let call = Rc::new(Call::decode(&text)?);
        *last = Some((text, Rc::clone(&call)));
        Ok(call)
    }

    fn answer(&self, call: &Call) -> Answer {
        let now = clock::now();
        self.with(|awake, woken| {
            let mut effects = Effects::default();
            let moment = Moment {
                now,
                zones: &RuntimeZones,
            };
            let answer = awake
                .state
                .answer(call, &mut runtime::random_bits, moment, &mut effects);
            if woken && effects.alarm.is_none() && awake.state.has_rows() {
                let at = now.plus(ALARM_SPACING);
                awake.state.alarm_is(Some(at));
                effects.alarm = Some(at);
            }
            awake.apply(&effects).map(|()| answer)
        })
        .unwrap_or_else(|error| unavailable(&runtime::said(&error)))
    }

    /// `None` while nothing is loaded: then nothing runs ahead in memory.
    fn closes_at(&self) -> Option<Timestamp> {
        self.awake.borrow().as_ref()?.state.closes_at()
    }

    fn close(&self) -> Result<(), JsValue> {
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

    fn clean(&self) -> Result<(), JsValue> {
        let now = clock::now();
        self.with(|awake, _| {
            let mut effects = Effects::default();
            let moment = Moment {
                now,
                zones: &RuntimeZones,
            };
            if let Err(refusal) = awake.state.clean(moment, &mut effects) {
                runtime::log_error(&format!("tollgate: a subject was not cleaned: {refusal}"));
                effects = Effects {
                    writes: Vec::new(),
                    alarm: Some(now.plus(CLEAN_AGAIN)),
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

    /// Runs a step on the state, which is loaded where it is not there; `run` is told whether it just was.
    fn with<T>(
        &self,
        run: impl FnOnce(&mut Awake, bool) -> Result<T, JsValue>,
    ) -> Result<T, JsValue> {
        let mut slot = self.awake.borrow_mut();
        let woken = slot.is_none();
        let mut awake = match slot.take() {
            Some(awake) => awake,
            None => Awake::wake(&self.context, &self.env)?,
        };
        let result = run(&mut awake, woken);
        if result.is_ok() {
            *slot = Some(awake);
        }
        result
    }

    /// What the directory has to be told, if anything.
    fn notice(&self) -> Option<Notice> {
        let slot = self.awake.borrow();
        let awake = slot.as_ref()?;
        match (&awake.listed, awake.state.has_rows()) {
            (None, true) => self.context.id().name().map(|name| Notice::Alive { name }),
            (Some(name), false) if awake.cleaned => Some(Notice::Gone { name: name.clone() }),
            _ => None,
        }
    }

    /// Tells the directory in the background what it does not know yet; the promise of that. Once at a time, so that notices keep their
    /// order.
    fn keep_listed(this: &Rc<Subject>) -> JsValue {
        if this.telling.get() || this.notice().is_none() {
            return JsValue::UNDEFINED;
        }
        this.telling.set(true);
        let subject = Rc::clone(this);
        task::spawn(async move {
            while let Some(notice) = subject.notice() {
                if !subject.tell(&notice).await {
                    break;
                }
            }
            subject.telling.set(false);
            JsValue::UNDEFINED
        })
    }

    async fn tell(&self, notice: &Notice) -> bool {
        let (Notice::Alive { name } | Notice::Gone { name }) = notice else {
            return false;
        };
        let Some(directory) = placement::directory_for_object(name) else {
            return false;
        };
        let told = directory_client::tell(&self.env, &directory, notice).await;
        let noted = match told {
            Ok(()) => self.note(notice),
            Err(failure) => Err(JsValue::from_str(failure.word())),
        };
        if let Err(error) = &noted {
            runtime::log_error(&format!(
                "tollgate: the directory was not told: {}",
                runtime::said(error)
            ));
            // A subject that is gone would never wake again by itself.
            let _ = self.with(|awake, _| {
                let at: Timestamp = clock::now().plus(ALARM_SPACING);
                awake.state.alarm_is(Some(at));
                awake.store.set_alarm(at)
            });
        }
        noted.is_ok()
    }

    /// Notes what the directory knows now.
    fn note(&self, notice: &Notice) -> Result<(), JsValue> {
        self.with(|awake, _| {
            match notice {
                Notice::Alive { name } => {
                    awake.store.set_listed(name)?;
                    awake.listed = Some(name.clone());
                }
                // It may have come alive meanwhile: then it is told once more.
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
}
