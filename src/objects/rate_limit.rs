//! `RateLimitDO`: the state of one subject.
//!
//! One object per subject, named by [`crate::placement`]. It answers the messages of
//! [`tollgate_core::message`], each in one synchronous step ([`super::subject`]). The runtime's
//! output gate holds an answer back until its writes are durable, so no answered decision is lost.
//! Where a caller asks it itself, it runs the whole request ([`Here`]).
//!
//! Stored: the rows of [`super::rows::limiter`]. One alarm per idle period deletes them, so an idle
//! subject ends with empty storage. The namespace's directory is notified in the background.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use tollgate_core::api::request::{self, LimitRequest};
use tollgate_core::api::BadRequest;
use tollgate_core::message::{Answer, Call};
use tollgate_core::subject::{Namespace, Subject};
use wasm_bindgen::prelude::*;
use worker::{durable_object, DurableObject, Env, Request, Response, Result, State};

use super::listing::ListedObject;
use super::outcomes::Outcomes;
use super::subject::{answer, LastCall, LoadedSubject};
use crate::clock;
use crate::doors::here::Here;

/// The object of one subject.
#[durable_object(fetch)]
pub struct RateLimitDO {
    answering: Rc<Answering>,
    /// The same as it runs requests, once a caller has asked it itself.
    named: OnceCell<Rc<Named>>,
}

/// What answers in it.
struct Answering {
    subject: Rc<ListedObject<LoadedSubject>>,
    outcomes: Rc<Outcomes>,
    last: LastCall,
}

/// The object under its name.
struct Named {
    name: String,
    namespace: Namespace,
    answering: Rc<Answering>,
    /// The last check that it read, and its text.
    read: RefCell<Option<(String, LimitRequest)>>,
}

impl DurableObject for RateLimitDO {
    fn new(state: State, env: Env) -> Self {
        RateLimitDO {
            answering: Rc::new(Answering {
                outcomes: Outcomes::new(env.clone()),
                subject: ListedObject::new(state, env),
                last: LastCall::default(),
            }),
            named: OnceCell::new(),
        }
    }

    async fn fetch(&self, _request: Request) -> Result<Response> {
        super::not_fetched()
    }
}

#[wasm_bindgen]
impl RateLimitDO {
    /// Answers one message, as text. Values, not strings, on both sides: nothing is copied into
    /// wasm before it is known to be alive. `name` is the object's where the runtime tells it none.
    pub fn call(&self, text: &JsValue, name: &JsValue) -> JsValue {
        clock::in_event(|| {
            self.answering.subject.is_called(name);
            let text = text.as_string().unwrap_or_default();
            JsValue::from_str(&self.answering.answer(text))
        })
    }

    /// The cleaning alarm. The promise settles when the directory has been
    /// notified, or where there is anything to tell of permits, when that was told.
    pub fn ring(&self) -> core::result::Result<JsValue, JsValue> {
        clock::in_event(|| {
            let notified = self.answering.subject.ring()?;
            let told = self.answering.outcomes.tell(&self.answering.subject);
            Ok(if told.is_undefined() { notified } else { told })
        })
    }

    /// The milliseconds from the last event until [`RateLimitDO::close`] has to run, at most a
    /// second; −1 if it need not.
    pub fn closes_in(&self) -> f64 {
        let left = self
            .answering
            .subject
            .look(LoadedSubject::closes_in)
            .flatten();
        left.map_or(-1.0, |left| left.as_millis() as f64)
    }

    /// Provider and scope of the object's subject; `undefined` where no subject has its name.
    pub fn parts(&self) -> Option<Vec<String>> {
        let subject = Subject::from_object_name(&self.answering.subject.known_name()?)?;
        Some(vec![
            subject.provider().to_owned(),
            subject.scope().to_owned(),
        ])
    }

    /// The closing timer, which src/entry.js keeps: writes exact what ran ahead of the real use,
    /// before the object can fall asleep.
    pub fn close(&self) -> core::result::Result<(), JsValue> {
        if self.closes_in() < 0.0 {
            return Ok(());
        }
        clock::in_event(|| self.answering.subject.with(|awake, _| awake.loaded.close()))?;
        Ok(())
    }
}

impl RateLimitDO {
    /// The object as it runs a request; `None` where no subject has its name.
    pub(crate) fn here(&self) -> Option<Rc<dyn Here>> {
        if let Some(named) = self.named.get() {
            return Some(Rc::clone(named) as Rc<dyn Here>);
        }
        let name = self.answering.subject.known_name()?;
        let named = Rc::new(Named {
            namespace: Subject::from_object_name(&name)?.namespace().clone(),
            name,
            answering: Rc::clone(&self.answering),
            read: RefCell::new(None),
        });
        Some(Rc::clone(self.named.get_or_init(|| named)) as Rc<dyn Here>)
    }
}

impl Answering {
    fn answer(&self, text: String) -> String {
        let answer = self.last.answer(text, &self.subject);
        self.tell();
        answer
    }

    /// Has others know what has changed, in the background.
    fn tell(&self) {
        self.subject.notify();
        self.outcomes.tell(&self.subject);
    }
}

impl Here for Named {
    fn name(&self) -> &str {
        &self.name
    }

    fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    fn read(&self, check: &str) -> core::result::Result<LimitRequest, BadRequest> {
        let mut last = self.read.borrow_mut();
        match &*last {
            Some((known, request)) if known == check => Ok(request.clone()),
            _ => {
                let request = request::parse(check)?;
                *last = Some((check.to_owned(), request.clone()));
                Ok(request)
            }
        }
    }

    fn answer(&self, call: &Call) -> Answer {
        clock::in_event(|| {
            let answer = answer(&self.answering.subject, call);
            self.answering.tell();
            answer
        })
    }
}
