//! `KeyspaceDO`: the Redis keys of one shard of a namespace.
//!
//! One object per shard, as `tollgate_upstash::route` cuts them: the keys of one limiter and
//! identifier. It answers the messages of [`tollgate_upstash::message`], each in one synchronous
//! step ([`super::shard`]). The runtime's output gate holds an answer back until its writes are
//! durable.
//!
//! Stored: the rows of [`super::rows::keyspace`]. One alarm sweeps expired keys; an object without
//! keys ends with empty storage. The namespace's directory is notified before the first answer, so
//! that `FLUSHDB` and the like find every answered key.

use std::rc::Rc;

use wasm_bindgen::prelude::*;
use worker::{durable_object, DurableObject, Env, Request, Response, Result, State};

use super::listing::ListedObject;
use super::memory;
use super::shard::{self, LoadedShard};
use crate::{clock, task};

/// The object of one shard.
#[durable_object(fetch)]
pub struct KeyspaceDO {
    shard: Rc<ListedObject<LoadedShard>>,
}

impl DurableObject for KeyspaceDO {
    fn new(state: State, env: Env) -> Self {
        KeyspaceDO {
            shard: ListedObject::new(state, env),
        }
    }

    async fn fetch(&self, _request: Request) -> Result<Response> {
        super::not_fetched()
    }
}

#[wasm_bindgen]
impl KeyspaceDO {
    /// Answers one message: a text, or its promise while the directory is being notified of the
    /// first keys. Values, not strings, on both sides: nothing is copied into wasm before it is
    /// known to be alive. The next three arguments are an [`Allowance`], which an older Worker does
    /// not send; `name` is the object's where the runtime tells it none.
    ///
    /// [`Allowance`]: tollgate_upstash::message::Allowance
    pub fn call(
        &self,
        text: &JsValue,
        reply: Option<u32>,
        looks: Option<u32>,
        last: Option<bool>,
        name: &JsValue,
    ) -> JsValue {
        clock::in_event(|| {
            self.shard.is_called(name);
            let allowance = shard::allowance(reply, looks, last);
            let text = text.as_string().unwrap_or_default();
            let answer = JsValue::from_str(&shard::answer(&self.shard, &text, allowance));
            memory::keep(&self.shard);
            let told = self.shard.notify();
            if told.is_undefined() || !self.shard.awaits_directory() {
                return answer;
            }
            task::spawn(async move {
                let _ = task::settled(told).await;
                answer
            })
        })
    }

    /// The sweeping alarm. The promise settles when the directory has been notified.
    pub fn ring(&self) -> core::result::Result<JsValue, JsValue> {
        clock::in_event(|| self.shard.ring())
    }
}
