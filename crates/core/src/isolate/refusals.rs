//! The refused-until cache of one isolate: what a subject's object refused a moment ago is refused
//! again without asking it.
//!
//! Only the object decides what may be remembered ([`Decision::cache_for`], at most a second, zero
//! where something other than time can free units), and the time counts from before the call was
//! sent, so an entry never outlives the refusal it stands for. A reset, an unblock or a raised
//! limit is therefore seen within that second. Entries are keyed by the subject, with its
//! namespace, and the whole policy; they hold for the cost that was refused and for dearer ones,
//! never for a cheaper one.
//!
//! Shortly before an entry ends one caller is sent to the object to renew it while the others are
//! still answered from memory: so a crowd that repeats itself costs one call, not one for each that
//! asks while the entry is missing.
//!
//! Only plain data is kept, bounded by [`MAX_REFUSALS`] entries of a fixed size, and what is asked
//! for again outlives what is not.

use crate::decide::{longest_wait, Check};
use crate::decision::{Decision, Reason, Standing, Standings};
use crate::isolate::bounded::{Bounded, Key, Secret, Worth};
use crate::limit::{Rate, Window};
use crate::policy::Policy;
use crate::{Algorithm, Duration, Limit, Timestamp};

/// The most refusals that an isolate remembers: with their one to eight limits 0.7 to 2.5 MB of its
/// 128 MB. An abuser needs one entry a second, so this many can be refused at once before any
/// object is asked twice.
pub const MAX_REFUSALS: usize = 4_096;

/// An entry is renewed in the last twentieth of its time: 50 ms of a second, longer than most calls
/// take.
const RENEWED_IN_LAST: u64 = 20;

/// What was refused lately.
#[derive(Debug)]
pub struct Refusals {
    secret: Secret,
    entries: Bounded<Entry>,
}

#[derive(Debug)]
struct Entry {
    /// The least cost known to be refused.
    cost: u64,
    /// The isolate's clock before the object was asked, and when its answer was there.
    asked: CallTimes,
    /// From this instant on, by the isolate's clock, the object has to be asked.
    until: Timestamp,
    /// Whether somebody has been sent to the object to renew it.
    renewing: bool,
    /// Whether it has answered anything: such an entry stays when room is needed.
    used: bool,
    decision: Decision,
}

/// The isolate's clock around one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallTimes {
    /// Just before the call was sent.
    pub sent: Timestamp,
    /// When the answer was there.
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
            entries: Bounded::new(MAX_REFUSALS),
        }
    }

    /// Under what the refusals by a policy are kept: the object's name, which names the namespace
    /// and the subject, and the whole definition with its version.
    pub fn key(&self, object: &str, policy: &Policy) -> Key {
        self.secret.key(object, policy)
    }

    /// Answers `check` with what is remembered, as of `now` by the isolate's clock; `None` means
    /// that the object has to be asked.
    ///
    /// Waits count on: they are enough, and by no more too long than the first answer took to
    /// arrive. For a dearer request than the one that was refused they are enough too; where that
    /// cannot be told without the object, it is asked. `remaining` is what the object said, at most
    /// a second ago.
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

    /// Remembers what the object answered to `check`, if it may be remembered. An admission ends
    /// what was remembered: less is left now than that says, and after a refund more.
    pub fn learn(&mut self, key: Key, check: &Check, asked: CallTimes, decision: &Decision) {
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

    /// How many refusals are remembered, those that are over included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// The cost of a check that a remembered refusal can answer: one that wants units, and wants them
/// now.
fn plain_cost(check: &Check) -> Option<u64> {
    let plain = check.max_delay.is_none() && check.hold.is_none();
    let cost = u64::try_from(check.cost).ok();
    cost.filter(|&cost| plain && cost > 0)
}

impl Entry {
    /// A clock that stepped back says nothing about how much time has passed.
    fn is_alive(&self, now: Timestamp) -> bool {
        self.asked.sent <= now && now < self.until
    }

    /// What is over is worth least, then what has answered nothing.
    fn worth(&self, now: Timestamp) -> Worth {
        let rank = u64::from(self.is_alive(now)) * 2 + u64::from(self.used);
        (rank, self.until.as_millis())
    }

    /// Whether it is time for somebody to renew it.
    fn is_due(&self, now: Timestamp) -> bool {
        let whole = self.until.since(self.asked.sent).as_millis();
        !self.renewing && self.until.since(now).as_millis() <= whole / RENEWED_IN_LAST
    }

    fn decision_at(&self, policy: &Policy, cost: u64, now: Timestamp) -> Option<Decision> {
        // The object decided before its answer was there: at least so much has passed since, so
        // what is left of a wait is enough.
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

    /// The refusal of a dearer request than the one that was refused.
    fn dearer(&self, policy: &Policy, cost: u64, at: Timestamp) -> Option<Decision> {
        let (limits, old) = (policy.limits(), &self.decision.limits);
        let standings = limits.iter().zip(old.iter()).map(|(limit, standing)| {
            let (refused, retry_at) = if cost > most_of(limit.algorithm()) {
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

    /// An instant at which one limit has room for `cost`, if nothing else is used: as early as can
    /// be told from what it said of the cheaper request. `None` where that says too little.
    fn fits_by(&self, limit: &Limit, standing: &Standing, cost: u64) -> Option<Timestamp> {
        match limit.algorithm() {
            // Whatever does not fit now fits in the next span.
            Algorithm::FixedWindow(_) | Algorithm::Quota(_) => Some(standing.reset),
            Algorithm::SlidingLog(_) => Some(standing.reset),
            Algorithm::SlidingWindow(window) => Some(self.slid_by(window, standing, cost)),
            // Whether credits last until then is for the object to say.
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

    /// The units by which the dearer request is dearer come back one after the other.
    fn refilled_by(&self, rate: Rate, stepped: bool, standing: &Standing, cost: u64) -> Timestamp {
        let (from, units) = match standing.retry_at {
            Some(at) => (at, cost - self.cost),
            None => (self.decision.at, cost.saturating_sub(standing.remaining)),
        };
        from.plus(rate.time_for(units, stepped))
    }

    /// At worst all that is counted was used in the present window. Then it counts whole until the
    /// window's end, and fades in the next.
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

/// The most that a limit can ever give at once.
fn most_of(algorithm: &Algorithm) -> u64 {
    let credits = match algorithm {
        Algorithm::TokenBucket(bucket) => bucket.burst_credits().map_or(0, |it| it.cap()),
        _ => 0,
    };
    algorithm.limit().saturating_add(credits)
}
