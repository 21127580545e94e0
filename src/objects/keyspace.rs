//! `KeyspaceDO`: the Redis keys of one shard of a namespace.
//!
//! One object per shard, as `tollgate_upstash::route` cuts them: the keys of one limiter and
//! identifier. It answers the messages of [`tollgate_upstash::message`], each in one synchronous
//! step: the clock is read once, commands run on the keys in memory, what they changed is written
//! all or none, and nothing can run between. The runtime's output gate holds an answer back until
//! its writes are durable.
//!
//! Stored: the rows of [`super::rows::keyspace`]. One alarm sweeps expired keys; an object without
//! keys ends with empty storage. The namespace's directory is notified before the first answer, so
//! that `FLUSHDB` and the like find every answered key.

use std::rc::Rc;

use tollgate_core::Duration;
use tollgate_upstash::answer::answer;
use tollgate_upstash::keyspace::{Keyspace, SWEEP_LAG};
use tollgate_upstash::message::{Allowance, Message, Unreadable, MESSAGES};
use tollgate_versions::Version;
use wasm_bindgen::prelude::*;
use worker::{durable_object, DurableObject, Env, Request, Response, Result, State};

use super::listing::{keep_listed, Listed, Listing};
use super::resident::Resident;
use super::rows::keyspace::Store;
use crate::directory::DirectoryCall;
use crate::{clock, task};

/// How long a first answer waits for the directory; afterwards the call continues in the
/// background. Shorter than the caller's deadline.
const LISTING: Duration = Duration::from_millis(500);

/// When the object checks again whether it is empty or the directory can be reached, ms.
const LOOK_AGAIN: i64 = 30_000;

/// When the object is to go on sweeping where more keys had expired than it deletes at once, ms.
const SWEEP_ON: i64 = 1_000;

/// The answer after a failure: a text that the Worker cannot read as a reply.
const REFUSED: &str = "1 refused\n";

/// The object of one shard: a shell around `Shard`.
#[durable_object(fetch)]
pub struct KeyspaceDO {
    shard: Rc<Shard>,
}

impl DurableObject for KeyspaceDO {
    fn new(state: State, env: Env) -> Self {
        KeyspaceDO {
            shard: Rc::new(Shard {
                state,
                resident: Resident::new(),
                listing: Listing::new(env, LISTING),
            }),
        }
    }

    async fn fetch(&self, _request: Request) -> Result<Response> {
        Response::error("An object of keys is called, not fetched.", 405)
    }
}

#[wasm_bindgen]
impl KeyspaceDO {
    /// Answers one message: a text, or its promise while the directory is being notified of the
    /// first keys. Values, not strings, on both sides: nothing is copied into wasm before it is
    /// known to be alive. The other arguments are an [`Allowance`], which an older Worker does not
    /// send.
    pub fn call(
        &self,
        text: &JsValue,
        reply: Option<u32>,
        looks: Option<u32>,
        last: Option<bool>,
    ) -> JsValue {
        let allowance = reply.zip(looks).zip(last);
        let allowance = allowance.map(|((reply, looks), last)| Allowance {
            reply: reply as usize,
            looks: looks as usize,
            last,
        });
        let answer = match Message::decode(&text.as_string().unwrap_or_default()) {
            Ok((version, message)) => self.shard.answer((version, &message), allowance),
            Err(Unreadable::OtherVersion) => MESSAGES.other(),
            Err(Unreadable::Damaged) => REFUSED.to_owned(),
        };
        let answer = JsValue::from_str(&answer);
        memory::keep(&self.shard);
        let told = keep_listed(&self.shard);
        if told.is_undefined() || !self.shard.waits() {
            return answer;
        }
        task::spawn(async move {
            let _ = task::settled(told).await;
            answer
        })
    }

    /// The sweeping alarm. It is over when the promise is settled: when the directory has been
    /// told.
    pub fn ring(&self) -> core::result::Result<JsValue, JsValue> {
        self.shard.sweep()?;
        Ok(keep_listed(&self.shard))
    }
}

/// What all objects of this isolate keep in memory between calls.
mod memory {
    use std::cell::RefCell;
    use std::rc::{Rc, Weak};

    use tollgate_upstash::bounds::{MAX_KEPT_TOGETHER, SMALL_KEPT};

    use super::Shard;

    thread_local! {
        /// The objects that keep much, and their bytes, in the order of their last calls.
        static LARGE: RefCell<Vec<(Weak<Shard>, usize)>> = const { RefCell::new(Vec::new()) };
    }

    /// Records the bytes that an object keeps after a call. When the sum is too large, the least
    /// recently called objects drop their keys from memory.
    pub(super) fn keep(shard: &Rc<Shard>) {
        LARGE.with_borrow_mut(|large| {
            large.retain(|(other, _)| {
                other.strong_count() > 0 && other.as_ptr() != Rc::as_ptr(shard)
            });
            let held = shard.held();
            if held <= SMALL_KEPT {
                return;
            }
            large.push((Rc::downgrade(shard), held));
            let mut together: usize = large.iter().map(|(_, held)| held).sum();
            while together > MAX_KEPT_TOGETHER {
                let (oldest, held) = large.remove(0);
                together -= held;
                if let Some(oldest) = oldest.upgrade() {
                    oldest.forget();
                }
            }
        });
    }
}

struct Shard {
    state: State,
    resident: Resident<Awake>,
    listing: Listing,
}

struct Awake {
    keyspace: Keyspace,
    store: Store,
    /// The name under which the directory lists the object, if it does.
    listed: Option<String>,
    /// When the alarm rings, as far as this memory set it; Unix ms.
    alarm: Option<i64>,
    /// Whether nothing is stored any more.
    emptied: bool,
}

impl Awake {
    /// Writes what has changed, and sees to it that an alarm will sweep what is left.
    fn save(&mut self, now: i64) -> Result<()> {
        let changes = self.keyspace.take_changes();
        self.store.apply(changes)?;
        let due = match self.keyspace.is_empty() {
            // The alarm notifies the directory, because keys may have been written by then.
            Some(true) if self.listed.is_some() => Some(now + LOOK_AGAIN),
            _ => self.keyspace.sweep_at(),
        };
        self.ring(due)
    }

    /// Reads the storage anew where memory does not know whether it is empty.
    fn look_into_storage(&mut self) -> Result<()> {
        if self.keyspace.is_empty().is_none() {
            self.keyspace = self.store.keyspace()?;
        }
        Ok(())
    }

    /// Sets the alarm, unless it rings early enough.
    fn ring(&mut self, due: Option<i64>) -> Result<()> {
        match (due, self.alarm) {
            (Some(due), alarm) if alarm.is_none_or(|alarm| due < alarm) => {
                self.alarm = Some(due);
                self.store.set_alarm(due)
            }
            _ => Ok(()),
        }
    }
}

impl Shard {
    fn answer(&self, message: (Version, &Message), allowance: Option<Allowance>) -> String {
        let now = clock::now().as_millis() as i64; // far below 2^63
        let mut undo = false;
        let text = self.with(|awake| {
            awake.keyspace.begin(now);
            let reaction = answer(&mut awake.keyspace, message, allowance);
            undo = reaction.undo;
            if undo {
                return Ok(reaction.text);
            }
            awake.save(now)?;
            awake.emptied = *message.1 == Message::Clear;
            if awake.emptied {
                awake.look_into_storage()?;
            }
            Ok(reaction.text)
        });
        if undo {
            // Memory is ahead of storage and must not be written.
            self.resident.unload();
        }
        text.unwrap_or_else(|error| {
            worker::console_error!("tollgate: keys were not written: {error}");
            REFUSED.to_owned()
        })
    }

    /// What the keys take in memory, bytes.
    fn held(&self) -> usize {
        let held = self.resident.look(|awake| awake.keyspace.held());
        held.unwrap_or(0)
    }

    /// Forgets the keys, all of which are stored.
    fn forget(&self) {
        self.resident.change(|awake| awake.keyspace.forget());
    }

    fn sweep(&self) -> Result<()> {
        let now = clock::now().as_millis() as i64;
        self.with(|awake| {
            awake.alarm = None;
            awake.keyspace.begin(now);
            awake.keyspace.sweep();
            let changes = awake.keyspace.take_changes();
            awake.store.apply(changes)?;
            let left = awake.store.left()?;
            awake.emptied = !left.any;
            if awake.emptied {
                awake.look_into_storage()?;
            }
            if awake.emptied && awake.listed.is_none() {
                return awake.store.empty();
            }
            let stored = left.first_expiry.map(|first| match first <= now {
                true => now + SWEEP_ON,
                false => first + SWEEP_LAG,
            });
            awake.ring(awake.keyspace.sweep_at().or(stored))
        })
    }

    /// Runs a step on the keys, which are loaded where they are not there.
    fn with<T>(&self, run: impl FnOnce(&mut Awake) -> Result<T>) -> Result<T> {
        self.resident.with(|| self.wake(), |awake, _| run(awake))
    }

    fn wake(&self) -> Result<Awake> {
        let (store, keyspace, listed) = Store::open(self.state.storage())?;
        Ok(Awake {
            keyspace,
            store,
            listed,
            alarm: None,
            emptied: false,
        })
    }

    /// Whether an answer has to wait for the directory: it can be reached, and does not list the
    /// object or is about to remove it.
    fn waits(&self) -> bool {
        let listed = self.resident.look(|awake| awake.listed.is_some());
        !self.listing.was_missed() && (listed != Some(true) || self.listing.is_removing())
    }
}

impl Listed for Shard {
    fn listing(&self) -> &Listing {
        &self.listing
    }

    fn pending_call(&self) -> Option<DirectoryCall> {
        self.resident.look(|awake| {
            let empty = awake.keyspace.is_empty() == Some(true);
            match &awake.listed {
                None if !empty && !awake.emptied => self
                    .state
                    .id()
                    .name()
                    .map(|name| DirectoryCall::Alive { name }),
                Some(name) if awake.emptied && empty => {
                    Some(DirectoryCall::Gone { name: name.clone() })
                }
                _ => None,
            }
        })?
    }

    fn acknowledged(&self, call: &DirectoryCall) -> Result<()> {
        self.with(|awake| {
            match call {
                DirectoryCall::Alive { name } => {
                    awake.store.set_listed(name)?;
                    awake.listed = Some(name.clone());
                }
                // Keys may have been written meanwhile: then the object is reported again.
                _ => {
                    awake.listed = None;
                    if awake.keyspace.is_empty() == Some(true) {
                        awake.alarm = None;
                        awake.store.empty()?;
                    }
                }
            }
            Ok(())
        })
    }

    fn retry_later(&self) {
        // If storage fails, the next call loads the keys anew and notifies the directory.
        let due = clock::now().as_millis() as i64 + LOOK_AGAIN;
        let _ = self.with(|awake| awake.ring(Some(due)));
    }
}
