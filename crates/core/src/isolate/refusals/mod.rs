//! Refusals: a request that a subject's object has just refused is refused again without calling
//! the object.
//!
//! The object decides how long a refusal may be cached ([`Decision::cache_for`]): at most a second,
//! and zero where something other than time can free units. The time counts from before the call
//! was sent, so an entry never outlives its refusal. A reset, an unblock or a raised limit takes
//! effect within that second. The key is the subject, with its namespace, and the whole policy. An
//! entry answers requests of the refused cost and of higher costs, never of a lower cost.
//!
//! Shortly before an entry expires, one caller is sent to the object to renew it while the others
//! are still answered from memory. So many concurrent retries cost one call.
//!
//! At most [`MAX_REFUSALS`] entries of a fixed size are kept. Entries that have answered a request
//! are evicted last.

mod cached_refusal;
mod call_times;

pub use call_times::CallTimes;

use cached_refusal::CachedRefusal;

use crate::decide::Check;
use crate::decision::Decision;
use crate::isolate::bounded::{BoundedMap, Key, Secret};
use crate::policy::Policy;
use crate::Timestamp;

/// Maximum number of refusals: with one to eight limits each, 0.7 to 2.5 MB of an isolate's 128 MB.
/// A refused caller needs one entry a second, so this many can be refused at once before any object
/// is called twice.
pub const MAX_REFUSALS: usize = 4_096;

/// The refusals of one isolate.
#[derive(Debug)]
pub struct Refusals {
    secret: Secret,
    entries: BoundedMap<CachedRefusal>,
}

impl Refusals {
    /// An empty cache.
    pub fn new(secret: Secret) -> Refusals {
        Refusals {
            secret,
            entries: BoundedMap::new(MAX_REFUSALS),
        }
    }

    /// The key of a refusal: the object's name, which holds namespace and subject, and the whole
    /// policy with its version.
    pub fn key(&self, object: &str, policy: &Policy) -> Key {
        self.secret.key(object, policy)
    }

    /// The cached refusal for `check` at `now`, by the isolate's clock; `None` means that the
    /// object has to be called.
    ///
    /// Waits are counted down. They suffice, and are too long by at most the time that the object's
    /// answer took to arrive. The wait of a higher cost is computed where the refusal tells enough;
    /// otherwise the answer is `None`. `remaining` is the object's number, at most a second old.
    pub fn find(
        &mut self,
        key: Key,
        policy: &Policy,
        check: &Check,
        now: Timestamp,
    ) -> Option<Decision> {
        let (cost, entry) = self.alive(key, check, now)?;
        if entry.is_due(now) {
            entry.renewing = true;
            return None;
        }
        let decision = entry.decision_at(policy, cost, now)?;
        entry.used = true;
        Some(decision)
    }

    /// Whether [`Refusals::find`] has a refusal for `check`. It may be asked beforehand: it sends
    /// nobody to renew the entry.
    pub fn has(&mut self, key: Key, policy: &Policy, check: &Check, now: Timestamp) -> bool {
        self.alive(key, check, now).is_some_and(|(cost, entry)| {
            !entry.is_due(now) && entry.decision_at(policy, cost, now).is_some()
        })
    }

    /// The entry that may answer `check`, and its cost.
    fn alive(
        &mut self,
        key: Key,
        check: &Check,
        now: Timestamp,
    ) -> Option<(u64, &mut CachedRefusal)> {
        let cost = check.plain_cost()?;
        let entry = self.entries.get_mut(key)?;
        (cost >= entry.cost && entry.is_alive(now)).then_some((cost, entry))
    }

    /// Records the object's decision on `check`. A refusal is kept if it may be cached. An
    /// admission removes the entry, because its numbers are no longer true.
    pub fn record_decision(
        &mut self,
        key: Key,
        check: &Check,
        asked: CallTimes,
        decision: &Decision,
    ) {
        if decision.success {
            if check.changes() {
                self.entries.remove(key);
            }
            return;
        }
        let Some(cost) = check.plain_cost() else {
            return;
        };
        let until = asked.sent.plus(decision.cache_for);
        if until <= asked.received {
            self.entries.remove(key); // over already, or never to be remembered; and what was known is older
            return;
        }
        let used = self.entries.get_mut(key).is_some_and(|old| old.used);
        let entry = CachedRefusal {
            cost,
            asked,
            until,
            renewing: false,
            used,
            decision: decision.clone(),
        };
        let now = asked.received;
        let worth = |entry: &CachedRefusal| entry.worth(now);
        self.entries.put(key, entry, worth);
    }

    /// Number of entries, expired ones included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
