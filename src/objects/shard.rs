//! A shard of Redis keys in the memory of its object, and the rows that follow it.
//!
//! Each event is one synchronous step: the clock is read once, commands run on the keys in memory,
//! what they changed is written all or none, and nothing can run between.

use core::mem;

use tollgate_core::summary::Told;
use tollgate_core::{Duration, Timestamp};
use tollgate_upstash::answer::{answer as answer_on, Reaction};
use tollgate_upstash::keyspace::{Keyspace, SWEEP_LAG};
use tollgate_upstash::message::{Allowance, Message, Unreadable, MESSAGES};
use tollgate_versions::Version;
use worker::{Env, Result, State};

use super::listing::{KeptName, ListedObject, Loaded};
use super::rows::keyspace::Store;
use crate::clock;

/// When the object checks again whether it is empty or the directory can be reached.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// When the object is to go on sweeping where more keys had expired than it deletes at once, ms.
const SWEEP_ON: i64 = 1_000;

/// The answer after a failure: a text that the Worker cannot read as a reply.
const REFUSED: &str = "1 refused\n";

/// What a call may take, from the arguments beside its text; `None` where one is missing.
pub(super) fn allowance(
    reply: Option<u32>,
    looks: Option<u32>,
    last: Option<bool>,
) -> Option<Allowance> {
    Some(Allowance {
        reply: reply? as usize,
        looks: looks? as usize,
        last: last?,
    })
}

/// The answer to a message, both as text.
pub(super) fn answer(
    shard: &ListedObject<LoadedShard>,
    text: &str,
    allowance: Option<Allowance>,
) -> String {
    let (version, message) = match Message::decode(text) {
        Ok(asked) => asked,
        Err(Unreadable::OtherVersion) => return MESSAGES.other(),
        Err(Unreadable::Damaged) => return REFUSED.to_owned(),
    };
    let mut undo = false;
    let text = shard.with(|awake, _| {
        let is_listed = awake.is_listed();
        let keys = &mut awake.loaded;
        let reaction = keys.answer((version, &message), allowance, is_listed)?;
        undo = reaction.undo;
        if !undo {
            awake.emptied = message == Message::Clear;
        }
        Ok(reaction.text)
    });
    if undo {
        // Memory is ahead of storage and must not be written.
        shard.unload();
    }
    text.unwrap_or_else(|error| {
        worker::console_error!("tollgate: keys were not written: {error}");
        REFUSED.to_owned()
    })
}

/// A shard whose keys are read, at once or each at its first use.
pub(super) struct LoadedShard {
    keyspace: Keyspace,
    store: Store,
    /// When the alarm rings, as far as this memory set it; Unix ms.
    alarm: Option<i64>,
    /// Whether the keys that are not in memory were looked at for the alarm: an earlier life may
    /// have set it for one of them.
    has_looked: bool,
}

impl LoadedShard {
    /// Runs a message on the keys, and writes what it changed unless it is to be undone.
    fn answer(
        &mut self,
        message: (Version, &Message),
        allowance: Option<Allowance>,
        is_listed: bool,
    ) -> Result<Reaction> {
        let now = now();
        self.keyspace.begin(now);
        let reaction = answer_on(&mut self.keyspace, message, allowance);
        if !reaction.undo {
            self.save(now, is_listed)?;
            if *message.1 == Message::Clear {
                self.look_into_storage()?;
            }
        }
        Ok(reaction)
    }

    /// Writes what has changed, and sees to it that an alarm will sweep what is left.
    fn save(&mut self, now: i64, is_listed: bool) -> Result<()> {
        let changes = self.keyspace.take_changes();
        self.store.apply(changes)?;
        let due = match self.keyspace.is_empty() {
            // The alarm notifies the directory, because keys may have been written by then.
            Some(true) if is_listed => Some(now + LOOK_AGAIN.as_millis() as i64),
            _ => {
                // Once: from then on this memory knows for when the alarm is set.
                let stored = match mem::replace(&mut self.has_looked, true) {
                    true => None,
                    false => self.store.left()?.first_expiry,
                };
                self.sweep_at(stored, now)
            }
        };
        self.ring(due)
    }

    /// When the keys should be swept, Unix ms, of which those that are not in memory expire from
    /// `stored` on.
    fn sweep_at(&self, stored: Option<i64>, now: i64) -> Option<i64> {
        let stored = stored.map(|first| match first <= now {
            true => now + SWEEP_ON,
            false => first + SWEEP_LAG,
        });
        self.keyspace.sweep_at().into_iter().chain(stored).min()
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

    /// What the keys take in memory, bytes.
    pub(super) fn held(&self) -> usize {
        self.keyspace.held()
    }

    /// Forgets the keys, all of which are stored.
    pub(super) fn forget(&mut self) {
        self.keyspace.forget();
    }
}

impl Loaded for LoadedShard {
    /// How long a first answer waits for the directory; afterwards the call continues in the
    /// background. Shorter than the caller's deadline.
    const PATIENCE: Duration = Duration::from_millis(500);
    const RETRY: Duration = LOOK_AGAIN;

    fn load(state: &State, _env: &Env) -> Result<(LoadedShard, KeptName)> {
        let (store, keyspace, name) = Store::open(state)?;
        let loaded = LoadedShard {
            keyspace,
            store,
            alarm: None,
            has_looked: false,
        };
        Ok((loaded, name))
    }

    fn is_empty(&self) -> bool {
        self.keyspace.is_empty() == Some(true)
    }

    fn clean(&mut self) -> Result<bool> {
        let now = now();
        self.alarm = None;
        self.keyspace.begin(now);
        self.keyspace.sweep();
        let changes = self.keyspace.take_changes();
        self.store.apply(changes)?;
        let left = self.store.left()?;
        if !left.any {
            self.look_into_storage()?;
            return Ok(true);
        }
        self.has_looked = true;
        let due = self.sweep_at(left.first_expiry, now);
        self.ring(due)?;
        Ok(false)
    }

    fn ring_by(&mut self, at: Timestamp) -> Result<()> {
        self.ring(Some(unix_ms(at)))
    }

    fn set_listed(&mut self, name: &str, _told: Option<Told>) -> Result<()> {
        self.store.set_listed(name)
    }

    fn set_unlisted(&mut self) -> Result<()> {
        self.store.set_unlisted()
    }

    fn keep_name(&mut self, name: &str) -> Result<()> {
        self.store.keep_name(name)
    }

    fn empty_storage(&mut self) -> Result<()> {
        self.alarm = None;
        self.store.empty()
    }
}

/// The time of the present event, Unix ms.
fn now() -> i64 {
    unix_ms(clock::now())
}

/// Far below 2^63.
fn unix_ms(at: Timestamp) -> i64 {
    at.as_millis() as i64
}
