//! One cached refusal: when it answers, and what.

use crate::decide::longest_wait;
use crate::decision::{Decision, Reason, Standing, Standings};
use crate::isolate::bounded::Worth;
use crate::limit::{Rate, Window};
use crate::policy::Policy;
use crate::{Algorithm, Duration, Limit, Timestamp};

use super::call_times::CallTimes;

/// An entry is renewed in the last twentieth of its life: 50 ms of a second, longer than most calls
/// take.
const RENEWED_IN_LAST: u64 = 20;

/// One refusal of an object.
#[derive(Debug)]
pub(super) struct CachedRefusal {
    /// The lowest cost known to be refused.
    pub(super) cost: u64,
    /// When the object was called and when it answered, by the isolate's clock.
    pub(super) asked: CallTimes,
    /// When the entry expires, by the isolate's clock.
    pub(super) until: Timestamp,
    /// Whether a caller has been sent to the object to renew the entry.
    pub(super) renewing: bool,
    /// Whether it has answered a request. Such entries are evicted last.
    pub(super) used: bool,
    pub(super) decision: Decision,
}

impl CachedRefusal {
    /// If the clock has stepped back, the time passed is unknown and the entry is not used.
    pub(super) fn is_alive(&self, now: Timestamp) -> bool {
        self.asked.sent <= now && now < self.until
    }

    /// Expired entries are evicted first, then those that have answered no request.
    pub(super) fn worth(&self, now: Timestamp) -> Worth {
        let rank = u64::from(self.is_alive(now)) * 2 + u64::from(self.used);
        (rank, self.until.as_millis())
    }

    /// Whether the next caller is to renew it.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let whole = self.until.since(self.asked.sent).as_millis();
        !self.renewing && self.until.since(now).as_millis() <= whole / RENEWED_IN_LAST
    }

    /// The answer at `now` to a request of `cost`, at least that of the entry; `None` where the
    /// refusal does not tell enough.
    pub(super) fn decision_at(
        &self,
        policy: &Policy,
        cost: u64,
        now: Timestamp,
    ) -> Option<Decision> {
        // The object decided before its answer was received. At least this time has passed since,
        // so the rest of a wait suffices.
        let at = self.decision.at.plus(now.since(self.asked.received));
        let is_of_upstream = matches!(
            self.decision.reason,
            Some(Reason::CoolDown | Reason::Breaker)
        );
        if cost > self.cost && is_of_upstream {
            return None; // only the object knows what is left when the upstream may be called again
        }
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
        if policy.is_scheduled() || !policy.granted().is_empty() {
            return None; // only the object knows the numbers of that instant, and what was taken
        }
        let (limits, old) = (policy.limits(), &self.decision.limits);
        let standings = limits.iter().zip(old.iter()).map(|(limit, standing)| {
            if standing.limit != limit.algorithm().limit() {
                return None; // only the object knows the number that is in force
            }
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
            granted: None,
            cache_for: Duration::ZERO,
            contended: false,
            newer: None, // such a refusal is not cached
            keeps_policy: false,
            recognition: None,
            while_lent: false,
            loan: None,
        })
    }

    /// An instant at which one limit has room for `cost`, if nothing else is used: the earliest
    /// that the cached refusal proves. `None` where it proves none.
    fn fits_by(&self, limit: &Limit, standing: &Standing, cost: u64) -> Option<Timestamp> {
        match limit.algorithm() {
            // A new window or period starts empty.
            Algorithm::FixedWindow(_) | Algorithm::FirstUse(_) | Algorithm::Quota(_) => {
                Some(standing.reset)
            }
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
