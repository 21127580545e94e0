//! The decision when the subject's object is unavailable: the policy's failure mode, and the share
//! of a limit that each isolate may admit by itself.
//!
//! A share is the lesser of 1 % of the limit (at least one unit) and the last known `remaining`,
//! per isolate and window. So n isolates admit at most n % of a limit above it while the object is
//! unavailable.

use core::cell::Cell;
use core::hash::{Hash, Hasher};

use crate::decide::Check;
use crate::decision::{Decision, Reason};
use crate::isolate::bounded::{BoundedMap, Key, Secret, Worth};
use crate::limit::quota::Period;
use crate::limit::MAX_WINDOW;
use crate::policy::{FailMode, Policy};
use crate::{Algorithm, Duration, Limit, Timestamp};

/// Maximum number of pairs of subject and policy with shares, some hundred bytes each.
pub const MAX_SUBJECTS: usize = 4_096;
/// A share is the limit divided by this number.
const FRACTION: u64 = 100;
/// After a newcomer was refused because the map is full, newcomers of its namespace are refused for
/// this long without another search, which is expensive.
const LOOKS_AGAIN: Duration = Duration::from_secs(1);

/// What one isolate may admit of one limit by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShareOfLimit {
    /// 1 % of the limit in units, rounded up.
    pub units: u64,
    /// How long the units have to last, from the first of them on: the time in which the limit
    /// admits its whole number once, rounded up.
    pub window: Duration,
}

/// The share of a limit of which nothing is known: with the smallest of its numbers, where they
/// change.
pub fn share_of(limit: &Limit) -> ShareOfLimit {
    let limit = &limit.smallest();
    ShareOfLimit {
        units: limit.algorithm().limit().div_ceil(FRACTION),
        window: window_of(limit),
    }
}

/// Shares by subject and policy, in the memory of one isolate.
///
/// An evicted share could be given out twice. So when a namespace has no room, its new subjects are
/// refused. When another namespace needs the room and a used share is evicted, new subjects of the
/// share's namespace are refused until that share would have ended.
#[derive(Debug)]
pub struct Shares {
    secret: Secret,
    policies: BoundedMap<Box<[Share]>>,
    /// Until when newcomers of a namespace are refused.
    closed: BoundedMap<Timestamp>,
}

/// The units admitted under one limit, and its last known `remaining` with the reset.
#[derive(Debug, Clone, Copy, Default)]
struct Share {
    given: u64,
    until: Timestamp,
    known: Option<(u64, Timestamp)>,
}

impl Shares {
    /// No shares yet; room for `max` pairs, such as [`MAX_SUBJECTS`].
    pub fn new(secret: Secret, max: usize) -> Shares {
        Shares {
            secret,
            policies: BoundedMap::new(max),
            closed: BoundedMap::new(MAX_SUBJECTS),
        }
    }

    /// Records what remains after the object's decision, for a policy whose failure mode is
    /// `share`.
    pub fn record_decision(&mut self, object: &str, policy: &Policy, decision: &Decision) {
        if policy.fail_mode() != FailMode::Share || decision.limits.len() != policy.limits().len() {
            return;
        }
        let Some(shares) = self.of(object, policy, decision.at) else {
            return;
        };
        for (share, standing) in shares.iter_mut().zip(decision.limits.iter()) {
            share.known = Some((standing.remaining, standing.reset));
        }
    }

    /// Decides without the object; `None` if the failure mode does not allow that here.
    pub fn decide(
        &mut self,
        object: &str,
        policy: &Policy,
        check: &Check,
        now: Timestamp,
    ) -> Option<Decision> {
        let success = match policy.fail_mode() {
            FailMode::Open => true,
            FailMode::Closed => return None,
            FailMode::Share => self.spend(object, policy, check, now),
            // Decided by `counts`, through KV.
            FailMode::Eventual => return None,
        };
        Some(Decision::bare(now, success, Some(Reason::Degraded)))
    }

    /// Charges the cost to every limit's share, or to none.
    fn spend(&mut self, object: &str, policy: &Policy, check: &Check, now: Timestamp) -> bool {
        let cost = match u64::try_from(check.cost) {
            Ok(cost) if cost > 0 => cost,
            _ => return true, // a refund, or no units
        };
        let Some(shares) = self.of(object, policy, now) else {
            return false;
        };
        let limits = policy.limits();
        for (share, limit) in shares.iter_mut().zip(limits) {
            if share.until <= now {
                share.given = 0;
                share.until = now.plus(window_of(limit));
            }
        }
        let fits = |(share, limit): (&Share, &Limit)| {
            share.given.saturating_add(cost) <= share.max_units(limit, now)
        };
        let success = shares.iter().zip(limits).all(fits);
        if success && !check.peek {
            for share in shares {
                share.given += cost;
            }
        }
        success
    }

    /// Gives back what was admitted at `at` for a request that is refused all the same, as by the
    /// limit of another subject. A share that has begun anew since keeps what was given of it.
    pub fn give_back(&mut self, object: &str, policy: &Policy, check: &Check, at: Timestamp) {
        let cost = u64::try_from(check.cost).unwrap_or(0);
        if cost == 0 || check.peek || policy.fail_mode() != FailMode::Share {
            return;
        }
        let key = self.secret.key(object, &StateOf(policy));
        let Some(shares) = self.policies.get_mut(key) else {
            return; // evicted, and its namespace closed until it ends
        };
        for (share, limit) in shares.iter_mut().zip(policy.limits()) {
            if share.until <= at.plus(window_of(limit)) {
                share.given = share.given.saturating_sub(cost);
            }
        }
    }

    /// The shares of one subject and policy, inserted if absent; `None` when there is no room.
    fn of(&mut self, object: &str, policy: &Policy, now: Timestamp) -> Option<&mut Box<[Share]>> {
        let key = self.secret.key(object, &StateOf(policy));
        if self.policies.get_mut(key).is_none() && !self.begin(key, policy, now) {
            return None;
        }
        self.policies.get_mut(key)
    }

    /// Inserts a new entry; whether there was room.
    #[allow(clippy::borrowed_box, reason = "the map gives what it keeps")]
    fn begin(&mut self, key: Key, policy: &Policy, now: Timestamp) -> bool {
        let closed = |until: &mut Timestamp| *until > now;
        if self.closed.get_mut(key.of_namespace()).is_some_and(closed) {
            return false;
        }
        // A used share stays, unless another namespace needs the room.
        let room_by = Cell::new(now.plus(LOOKS_AGAIN));
        let may_evict = |other: Key, shares: &Box<[Share]>| match given_until(shares, now) {
            Some(until) if other.namespace() == key.namespace() => {
                room_by.set(until.min(room_by.get()));
                false
            }
            _ => true,
        };
        let fresh = vec![Share::default(); policy.limits().len()].into_boxed_slice();
        let worth = |shares: &Box<[Share]>| worth(shares, now);
        let put = self.policies.try_put(key, fresh, worth, may_evict);
        let closed = match &put {
            Ok(Some((gone, shares))) => given_until(shares, now).map(|until| (*gone, until)),
            Ok(None) => None,
            Err(_) => Some((key, room_by.get())),
        };
        if let Some((key, until)) = closed {
            self.close(key.of_namespace(), until, now);
        }
        put.is_ok()
    }

    fn close(&mut self, namespace: Key, until: Timestamp, now: Timestamp) {
        let worth = |until: &Timestamp| (0, until.since(now).as_millis());
        let (closed, _) = self.closed.get_or_put(namespace, || until, worth);
        *closed = until.max(*closed);
    }
}

/// When the last used share ends; `None` if none is used.
fn given_until(shares: &[Share], now: Timestamp) -> Option<Timestamp> {
    let given = shares
        .iter()
        .filter(|share| share.given > 0 && share.until > now);
    given.map(|share| share.until).max()
}

/// Ended shares are evicted first, then unused ones, then used ones, the one that ends soonest
/// first.
fn worth(shares: &[Share], now: Timestamp) -> Worth {
    match given_until(shares, now) {
        Some(until) => (2, until.as_millis()),
        None => (u64::from(!shares.iter().all(|share| share.is_over(now))), 0),
    }
}

impl Share {
    /// The most units that may be admitted before `until`.
    fn max_units(&self, limit: &Limit, now: Timestamp) -> u64 {
        let share = share_of(limit).units;
        match self.known {
            Some((remaining, reset)) if reset > now => share.min(remaining),
            _ => share,
        }
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.until <= now && self.known.is_none_or(|(_, reset)| reset <= now)
    }
}

/// The key of a policy's shares: its name and its limits.
struct StateOf<'a>(&'a Policy);

impl Hash for StateOf<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name_or_empty().hash(state);
        for limit in self.0.limits() {
            limit.algorithm().word().hash(state);
            limit.label().hash(state);
        }
    }
}

/// The time in which a limit admits its whole number once, rounded up.
fn window_of(limit: &Limit) -> Duration {
    const HOUR: u64 = 3_600;
    let refill = |units: u64, rate: &crate::limit::Rate| {
        let millis = u128::from(units) * rate.unit() / u128::from(rate.parts().max(1)) + 1;
        Duration::from_millis(millis.min(u128::from(MAX_WINDOW.as_millis())) as u64)
    };
    match limit.algorithm() {
        Algorithm::FixedWindow(w)
        | Algorithm::FirstUse(w)
        | Algorithm::SlidingWindow(w)
        | Algorithm::SlidingLog(w) => w.window(),
        Algorithm::TokenBucket(bucket) => refill(bucket.capacity(), &bucket.refill()),
        Algorithm::LeakyBucket(bucket) => refill(bucket.capacity(), &bucket.leak()),
        Algorithm::Concurrency(slots) => slots.ttl(),
        Algorithm::Quota(quota) => Duration::from_secs(match quota.period() {
            Period::Minute => 60,
            Period::Hour => HOUR,
            Period::Day => 26 * HOUR,
            Period::Week => 8 * 24 * HOUR,
            Period::Month => 32 * 24 * HOUR,
            Period::Quarter => 93 * 24 * HOUR,
            Period::Year => 366 * 24 * HOUR,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::Standing;
    use crate::isolate::tests::policy;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn shares() -> Shares {
        Shares::new(Secret::new(7), 64)
    }

    fn admitted(
        shares: &mut Shares,
        object: &str,
        policy: &Policy,
        now: u64,
        tries: usize,
    ) -> usize {
        (0..tries)
            .filter(|_| {
                shares
                    .decide(object, policy, &Check::ONE, at(now))
                    .unwrap()
                    .success
            })
            .count()
    }

    #[test]
    fn open_admits_and_says_degraded_without_inventing_a_number() {
        let policy = policy(r#""limit": 5, "window": "1m""#);
        let decision = shares().decide("u1", &policy, &Check::ONE, at(0)).unwrap();
        assert_eq!(
            (decision.success, decision.reason),
            (true, Some(Reason::Degraded))
        );
        assert!(decision.deciding().is_none() && decision.limits.is_empty());
    }

    #[test]
    fn closed_decides_nothing() {
        let policy = policy(r#""limit": 5, "window": "1m", "failMode": "closed""#);
        assert_eq!(shares().decide("u1", &policy, &Check::ONE, at(0)), None);
    }

    #[test]
    fn a_share_is_one_percent_of_the_limit_per_window_and_at_least_one() {
        let mut shares = shares();
        let large = policy(r#""limit": 1000, "window": "1m", "failMode": "share""#);
        assert_eq!(admitted(&mut shares, "u1", &large, 0, 50), 10);
        assert_eq!(admitted(&mut shares, "u1", &large, 59_999, 50), 0);
        assert_eq!(admitted(&mut shares, "u1", &large, 60_000, 50), 10);
        let small = policy(r#""limit": 3, "window": "1m", "failMode": "share""#);
        assert_eq!(
            admitted(&mut shares, "u1", &small, 0, 5),
            1,
            "its own share"
        );
        assert_eq!(
            admitted(&mut shares, "u2", &small, 0, 5),
            1,
            "its own subject"
        );
        let none = policy(r#""limit": 0, "window": "1m", "failMode": "share""#);
        assert_eq!(admitted(&mut shares, "u1", &none, 0, 5), 0);
    }

    #[test]
    fn no_more_is_shared_than_was_last_known_to_remain() {
        let mut shares = shares();
        let policy = policy(r#""limit": 1000, "window": "1m", "failMode": "share""#);
        let standing = Standing {
            limit: 1000,
            remaining: 3,
            reset: at(30_000),
            refused: None,
            retry_at: None,
        };
        let decision = Decision {
            limits: [standing].into_iter().collect(),
            ..shares.decide("u0", &policy, &Check::of(0), at(0)).unwrap()
        };
        shares.record_decision("u1", &policy, &decision);
        assert_eq!(admitted(&mut shares, "u1", &policy, 1, 50), 3);
        assert_eq!(
            admitted(&mut shares, "u1", &policy, 30_000, 50),
            7,
            "what was known has passed; the share's own window has not"
        );
    }

    #[test]
    fn all_limits_share_or_none_does_and_a_peek_takes_nothing() {
        let mut shares = shares();
        let policy = policy(
            r#""failMode": "share", "limits": [{"algorithm": "slidingWindow", "limit": 500, "window": "1m"},
            {"algorithm": "tokenBucket", "capacity": 200, "refill": {"amount": 1, "interval": "1s"}}]"#,
        );
        let peek = Check {
            peek: true,
            ..Check::ONE
        };
        for _ in 0..9 {
            assert!(shares.decide("u1", &policy, &peek, at(0)).unwrap().success);
        }
        assert_eq!(admitted(&mut shares, "u1", &policy, 0, 9), 2);
        assert_eq!(
            admitted(&mut shares, "u1", &policy, 60_000, 9),
            0,
            "the bucket takes 200 s"
        );
        assert_eq!(admitted(&mut shares, "u1", &policy, 200_001, 9), 2);
    }

    #[test]
    fn what_is_given_back_can_be_given_again_in_its_share_alone() {
        let mut shares = shares();
        let policy = policy(r#""limit": 1000, "window": "1m", "failMode": "share""#);
        let ten = Check::of(10);
        for now in 0..9 {
            let decision = shares.decide("u1", &policy, &ten, at(now)).unwrap();
            assert!(decision.success);
            shares.give_back("u1", &policy, &ten, decision.at);
        }
        assert_eq!(admitted(&mut shares, "u1", &policy, 59_999, 50), 10);
        // The share of the next minute owes nothing to that one.
        assert_eq!(admitted(&mut shares, "u1", &policy, 60_000, 4), 4);
        shares.give_back("u1", &policy, &Check::of(4), at(59_999));
        assert_eq!(admitted(&mut shares, "u1", &policy, 60_001, 50), 6);
        // Nothing was given out for a look, or for a refund.
        let peek = Check {
            peek: true,
            ..ten.clone()
        };
        shares.give_back("u1", &policy, &peek, at(60_001));
        shares.give_back("u1", &policy, &Check::of(-5), at(60_001));
        shares.give_back("u2", &policy, &ten, at(60_001));
        assert_eq!(admitted(&mut shares, "u1", &policy, 60_002, 50), 0);
    }

    #[test]
    fn memory_is_bounded_and_running_out_of_it_refuses() {
        let mut shares = shares();
        let policy = policy(r#""limit": 1000, "window": "1m", "failMode": "share""#);
        for i in 0..64 {
            assert_eq!(admitted(&mut shares, &i.to_string(), &policy, 0, 1), 1);
        }
        assert_eq!(admitted(&mut shares, "new", &policy, 59_999, 1), 0);
        assert_eq!(admitted(&mut shares, "new", &policy, 60_000, 1), 1);
    }
}
