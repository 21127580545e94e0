//! `RecordDO`: the recorded use of a namespace's policies.
//!
//! One object per namespace, named by [`crate::placement`]. It answers the messages of
//! [`tollgate_records::message`], each in one synchronous step. No check waits for it.
//!
//! Stored: the rows of [`super::rows::records`]. An alarm drops what is over.

use tollgate_core::codec::Unreadable;
use tollgate_records::keeper::Keeper;
use tollgate_records::message::{Answer, Call, RECORD_MESSAGES};
use wasm_bindgen::prelude::*;
use worker::{durable_object, DurableObject, Env, Request, Response, Result, State};

use super::resident::Resident;
use super::rows::records::Store;
use crate::{clock, settings};

/// The object of one namespace.
#[durable_object(fetch)]
pub struct RecordDO {
    state: State,
    env: Env,
    loaded: Resident<(Keeper, Store)>,
}

impl DurableObject for RecordDO {
    fn new(state: State, env: Env) -> Self {
        let loaded = Resident::new();
        RecordDO { state, env, loaded }
    }

    async fn fetch(&self, _request: Request) -> Result<Response> {
        super::not_fetched()
    }
}

#[wasm_bindgen]
impl RecordDO {
    /// Answers one message, as text. Values, not strings, on both sides: nothing is copied into
    /// wasm before it is known to be alive.
    pub fn call(&self, text: &JsValue) -> JsValue {
        let text = text.as_string().unwrap_or_default();
        clock::in_event(|| self.answer(&text)).into()
    }

    /// The alarm: drops what is over.
    pub fn ring(&self) -> core::result::Result<JsValue, JsValue> {
        clock::in_event(|| self.with(|(_, store)| store.clean(clock::now())))?;
        Ok(JsValue::UNDEFINED)
    }
}

impl RecordDO {
    fn answer(&self, text: &str) -> String {
        let (version, call) = match Call::decode(text) {
            Ok(asked) => asked,
            Err(Unreadable::Version { .. }) => return RECORD_MESSAGES.other(),
            Err(damaged) => return refused(&damaged),
        };
        let answered = self.with(|(keeper, store)| {
            let moment = clock::moment();
            keeper.answer(store, (version, &call), moment.now, moment.zones)
        });
        answered.unwrap_or_else(|error| refused(&error))
    }

    fn with<T>(&self, run: impl FnOnce(&mut (Keeper, Store)) -> Result<T>) -> Result<T> {
        let load = || {
            let (secret, store) = Store::open(&self.state)?;
            let names = settings::logs_identifiers(&self.env);
            Ok((Keeper::new(secret, names), store))
        };
        self.loaded.with(load, |loaded, _| run(loaded))
    }
}

fn refused(why: &dyn core::fmt::Display) -> String {
    worker::console_error!("tollgate: recorded use was not kept or read: {why}");
    Answer::Refused(why.to_string()).encode_in(RECORD_MESSAGES.written())
}
