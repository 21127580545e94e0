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

use crate::decide::{longest_wait, Check};
use crate::decision::{Decision, Reason, Standing, Standings};
use crate::isolate::bounded::{BoundedMap, Key, Secret, Worth};
use crate::limit::{Rate, Window};
use crate::policy::Policy;
use crate::{Algorithm, Duration, Limit, Timestamp};

/// Maximum number of refusals: with one to eight limits each, 0.7 to 2.5 MB of an isolate's 128 MB.
/// A refused caller needs one entry a second, so this many can be refused at once before any object
/// is called twice.
pub const MAX_REFUSALS: usize = 4_096;

/// An entry is renewed in the last twentieth of its life: 50 ms of a second, longer than most calls
/// take.
const RENEWED_IN_LAST: u64 = 20;

/// The refusals of one isolate.
#[derive(Debug)]
pub struct Refusals {
    secret: Secret,
    entries: BoundedMap<Entry>,
}

#[derive(Debug)]
struct Entry {
    /// The lowest cost known to be refused.
    cost: u64,
    /// When the object was called and when it answered, by the isolate's clock.
    asked: CallTimes,
    /// When the entry expires, by the isolate's clock.
    until: Timestamp,
    /// Whether a caller has been sent to the object to renew the entry.
    renewing: bool,
    /// Whether it has answered a request. Such entries are evicted last.
    used: bool,
    decision: Decision,
}

/// The isolate's clock around one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallTimes {
    /// Just before the call was sent.
    pub sent: Timestamp,
    /// When the answer was received.
    pub received: Timestamp,
}

impl CallTimes {
    /// How long the call took.
    pub fn took(&self) -> Duration {
        self.received.since(self.sent)
    }
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
        let cost = plain_cost(check)?;
        let entry = self.entries.get_mut(key)?;
        if cost < entry.cost || !entry.is_alive(now) {
            return None;
        }
        if entry.is_due(now) {
            entry.renewing = true;
            return None;
        }
        let decision = entry.decision_at(policy, cost, now)?;
        entry.used = true;
        Some(decision)
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
            if !check.peek && check.cost != 0 {
                self.entries.remove(key);
            }
            return;
        }
        let Some(cost) = plain_cost(check) else {
            return;
        };
        let until = asked.sent.plus(decision.cache_for);
        if until <= asked.received {
            self.entries.remove(key); // over already, or never to be remembered; and what was known is older
            return;
        }
        let used = self.entries.get_mut(key).is_some_and(|old| old.used);
        let entry = Entry {
            cost,
            asked,
            until,
            renewing: false,
            used,
            decision: decision.clone(),
        };
        let now = asked.received;
        let worth = |entry: &Entry| entry.worth(now);
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

/// The cost of a check that a cached refusal can answer: a positive cost, without waiting and
/// without a permit.
fn plain_cost(check: &Check) -> Option<u64> {
    let plain = check.max_delay.is_none() && check.hold.is_none();
    let cost = u64::try_from(check.cost).ok();
    cost.filter(|&cost| plain && cost > 0)
}

impl Entry {
    /// If the clock has stepped back, the time passed is unknown and the entry is not used.
    fn is_alive(&self, now: Timestamp) -> bool {
        self.asked.sent <= now && now < self.until
    }

    /// Expired entries are evicted first, then those that have answered no request.
    fn worth(&self, now: Timestamp) -> Worth {
        let rank = u64::from(self.is_alive(now)) * 2 + u64::from(self.used);
        (rank, self.until.as_millis())
    }

    /// Whether the next caller is to renew it.
    fn is_due(&self, now: Timestamp) -> bool {
        let whole = self.until.since(self.asked.sent).as_millis();
        !self.renewing && self.until.since(now).as_millis() <= whole / RENEWED_IN_LAST
    }

    fn decision_at(&self, policy: &Policy, cost: u64, now: Timestamp) -> Option<Decision> {
        // The object decided before its answer was received. At least this time has passed since,
        // so the rest of a wait suffices.
        let at = self.decision.at.plus(now.since(self.asked.received));
        if cost > self.cost && !self.decision.limits.is_empty() {
            return self.dearer(policy, cost, at);
        }
        let passed = at.since(self.decision.at);
        let left = |wait: Duration| {
            Duration::from_millis(wait.as_millis().saturating_sub(passed.as_millis()))
        };
        Some(Decision {
            at,
            retry_after: self.decision.retry_after.map(left),
            cache_for: Duration::ZERO,
            ..self.decision.clone()
        })
    }

    /// The refusal of a request with a higher cost than the cached one.
    fn dearer(&self, policy: &Policy, cost: u64, at: Timestamp) -> Option<Decision> {
        let (limits, old) = (policy.limits(), &self.decision.limits);
        let standings = limits.iter().zip(old.iter()).map(|(limit, standing)| {
            let (refused, retry_at) = if cost > max_units(limit.algorithm()) {
                (Some(Reason::CostExceedsCapacity), None)
            } else if standing.refused.is_none() && cost <= standing.remaining {
                (None, None)
            } else {
                let by = self.fits_by(limit, standing, cost)?;
                (Some(Reason::Limit), Some(by))
            };
            Some(Standing {
                refused,
                retry_at,
                ..*standing
            })
        });
        let limits: Standings = standings.collect::<Option<Vec<_>>>()?.into_iter().collect();
        let deciding = longest_wait(&limits)?;
        Some(Decision {
            at,
            success: false,
            reason: limits[deciding].refused,
            deciding: Some(deciding as u8), // at most MAX_LIMITS
            retry_after: limits[deciding].retry_at.map(|by| by.since(at)),
            limits,
            delay: None,
            grant: None,
            cache_for: Duration::ZERO,
            contended: false,
        })
    }

    /// An instant at which one limit has room for `cost`, if nothing else is used: the earliest
    /// that the cached refusal proves. `None` where it proves none.
    fn fits_by(&self, limit: &Limit, standing: &Standing, cost: u64) -> Option<Timestamp> {
        match limit.algorithm() {
            // A new window or period starts empty.
            Algorithm::FixedWindow(_) | Algorithm::Quota(_) => Some(standing.reset),
            Algorithm::SlidingLog(_) => Some(standing.reset),
            Algorithm::SlidingWindow(window) => Some(self.slid_by(window, standing, cost)),
            // Only the object knows whether credits last until then.
            Algorithm::TokenBucket(bucket) if bucket.burst_credits().is_some() => None,
            Algorithm::TokenBucket(bucket) => {
                let rate = bucket.refill();
                Some(self.refilled_by(rate, bucket.is_stepped(), standing, cost))
            }
            Algorithm::LeakyBucket(bucket) => {
                Some(self.refilled_by(bucket.leak(), false, standing, cost))
            }
            Algorithm::Concurrency(_) => None,
        }
    }

    /// The additional units refill one after the other.
    fn refilled_by(&self, rate: Rate, stepped: bool, standing: &Standing, cost: u64) -> Timestamp {
        let (from, units) = match standing.retry_at {
            Some(at) => (at, cost - self.cost),
            None => (self.decision.at, cost.saturating_sub(standing.remaining)),
        };
        from.plus(rate.time_for(units, stepped))
    }

    /// In the worst case all use was in the current window. It then counts in full until the
    /// window's end and fades during the next one.
    fn slid_by(&self, window: &Window, standing: &Standing, cost: u64) -> Timestamp {
        let length = window.window();
        if standing.reset.since(self.decision.at) <= length {
            return standing.reset; // nothing was used in the present window
        }
        let all_counted = standing.reset.as_millis() - length.as_millis();
        let used = u128::from(window.limit().saturating_sub(standing.remaining).max(1));
        let free = u128::from(window.limit() - cost);
        let window = u128::from(length.as_millis());
        let faded = window.saturating_sub(free * window / used); // at most a window
        Timestamp::from_millis(all_counted).plus(Duration::from_millis(faded as u64))
    }
}

/// The most units that a limit can ever admit at once.
fn max_units(algorithm: &Algorithm) -> u64 {
    let credits = match algorithm {
        Algorithm::TokenBucket(bucket) => bucket.burst_credits().map_or(0, |it| it.cap()),
        _ => 0,
    };
    algorithm.limit().saturating_add(credits)
}
