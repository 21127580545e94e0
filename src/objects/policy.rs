//! `PolicyDO`: the policies of a namespace, their versions, and who changed what.
//!
//! One object per namespace, named by [`crate::placement`]. It answers the messages of
//! [`tollgate_policies::message`], each in one synchronous step, and each change is one transaction
//! with one entry of the audit. No check waits for it while isolates have confirmed their copies.
//!
//! Stored: the rows of [`super::rows::policies`]. A second after a change an alarm has KV keep all
//! policies, for isolates that cannot reach the object.

use std::rc::Rc;

use tollgate_core::codec::Unreadable;
use tollgate_core::Duration;
use tollgate_policies::book::Book;
use tollgate_policies::message::{deployed_in, Answer, Call, POLICY_MESSAGES};
use tollgate_policies::service;
use tollgate_policies::snapshot::{Changes, Known};
use wasm_bindgen::prelude::*;
use worker::{durable_object, DurableObject, Env, Request, Response, Result, State};

use super::resident::Resident;
use super::rows::policies::Store;
use crate::doors::kv::Kv;
use crate::{clock, task};

/// How long KV may take to keep the policies.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long after a failure KV is tried again.
const RETRY: Duration = Duration::from_secs(30);

/// The object of one namespace.
#[durable_object(fetch)]
pub struct PolicyDO {
    policies: Rc<Policies>,
}

struct Policies {
    state: State,
    env: Env,
    loaded: Resident<(Book, Store)>,
}

impl DurableObject for PolicyDO {
    fn new(state: State, env: Env) -> Self {
        let loaded = Resident::new();
        PolicyDO {
            policies: Rc::new(Policies { state, env, loaded }),
        }
    }

    async fn fetch(&self, _request: Request) -> Result<Response> {
        super::not_fetched()
    }
}

#[wasm_bindgen]
impl PolicyDO {
    /// Answers one message, as text. Values, not strings, on both sides: nothing is copied into
    /// wasm before it is known to be alive.
    pub fn call(&self, text: &JsValue) -> JsValue {
        let text = text.as_string().unwrap_or_default();
        clock::in_event(|| self.policies.answer(&text)).into()
    }

    /// The alarm after a change. The promise settles when KV keeps it.
    pub fn ring(&self) -> JsValue {
        let policies = Rc::clone(&self.policies);
        task::spawn(async move {
            policies.publish().await;
            JsValue::UNDEFINED
        })
    }
}

impl Policies {
    fn answer(&self, text: &str) -> String {
        let (version, call) = match Call::decode(text) {
            Ok(asked) => asked,
            Err(Unreadable::Version { .. }) => return POLICY_MESSAGES.other(),
            Err(damaged) => return unavailable(&damaged),
        };
        let answered = self.with(|book, store| {
            let moment = clock::moment();
            book.bring(Rc::new(deployed_in(text)));
            service::answer(book, store, (version, &call), moment)
        });
        answered.unwrap_or_else(|error| unavailable(&error))
    }

    fn with<T>(&self, run: impl FnOnce(&mut Book, &mut Store) -> Result<T>) -> Result<T> {
        let load = || Store::open(&self.state, self.has_kv());
        self.loaded.with(load, |(book, store), _| run(book, store))
    }

    fn has_kv(&self) -> bool {
        Kv::of(&self.env).is_some()
    }

    /// Has KV keep all policies; later once more where it does not.
    async fn publish(&self) {
        let begun = self.with(|_, store| {
            store.begin_ringing();
            Ok(())
        });
        if let Err(error) = begun {
            worker::console_error!("tollgate: policies cannot be read: {error}");
        }
        let (Some(kv), Some(name)) = (Kv::of(&self.env), self.state.id().name()) else {
            return;
        };
        let text = self.with(|book, _| Ok(Changes::since(book, Known::default()).encode()));
        let kept = match text {
            Ok(text) => kv.keep(&name, &text, PATIENCE).await.is_ok(),
            Err(error) => {
                worker::console_error!("tollgate: policies cannot be read: {error}");
                false
            }
        };
        if !kept {
            let again = self.with(|_, store| store.ring(clock::now().plus(RETRY)));
            if let Err(error) = again {
                worker::console_error!("tollgate: the alarm cannot be set: {error}");
            }
        }
    }
}

/// Not done, and why. For people: whoever asked for changes cannot read it, and asks again.
fn unavailable(why: &dyn core::fmt::Display) -> String {
    worker::console_error!("tollgate: policies were not reached: {why}");
    Answer::Refused {
        code: "policyUnavailable".to_owned(),
        field: None,
        detail: "The policies could not be read or stored, and nothing is changed: try again."
            .to_owned(),
    }
    .encode_in(POLICY_MESSAGES.written())
}
