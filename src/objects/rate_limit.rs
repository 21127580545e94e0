//! `RateLimitDO`: the state of one subject.
//!
//! One object per subject, named by [`crate::placement`]. It answers the messages of
//! [`tollgate_core::message`], each in one synchronous step ([`super::subject`]). The runtime's
//! output gate holds an answer back until its writes are durable, so no answered decision is lost.
//!
//! Stored: the rows of [`super::rows::limiter`]. One alarm per idle period deletes them, so an idle
//! subject ends with empty storage. The namespace's directory is notified in the background.

use std::rc::Rc;

use wasm_bindgen::prelude::*;
use worker::{durable_object, DurableObject, Env, Request, Response, Result, State};

use super::listing::ListedObject;
use super::outcomes::Outcomes;
use super::subject::{LastCall, LoadedSubject};
use crate::clock;

/// The object of one subject.
#[durable_object(fetch)]
pub struct RateLimitDO {
    subject: Rc<ListedObject<LoadedSubject>>,
    outcomes: Rc<Outcomes>,
    last: LastCall,
}

impl DurableObject for RateLimitDO {
    fn new(state: State, env: Env) -> Self {
        RateLimitDO {
            outcomes: Outcomes::new(env.clone()),
            subject: ListedObject::new(state, env),
            last: LastCall::default(),
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
            self.subject.is_called(name);
            let text = text.as_string().unwrap_or_default();
            let answer = JsValue::from_str(&self.last.answer(text, &self.subject));
            self.subject.notify();
            self.outcomes.tell(&self.subject);
            answer
        })
    }

    /// The cleaning alarm. The promise settles when the directory has been
    /// notified, or where there is anything to tell of permits, when that was told.
    pub fn ring(&self) -> core::result::Result<JsValue, JsValue> {
        clock::in_event(|| {
            let notified = self.subject.ring()?;
            let told = self.outcomes.tell(&self.subject);
            Ok(if told.is_undefined() { notified } else { told })
        })
    }

    /// The milliseconds from the last event until [`RateLimitDO::close`] has to run, at most a
    /// second; −1 if it need not.
    pub fn closes_in(&self) -> f64 {
        let left = self.subject.look(LoadedSubject::closes_in).flatten();
        left.map_or(-1.0, |left| left.as_millis() as f64)
    }

    /// The closing timer, which src/entry.js keeps: writes exact what ran ahead of the real use,
    /// before the object can fall asleep.
    pub fn close(&self) -> core::result::Result<(), JsValue> {
        if self.closes_in() < 0.0 {
            return Ok(());
        }
        clock::in_event(|| self.subject.with(|awake, _| awake.loaded.close()))?;
        Ok(())
    }
}
