//! How a stored row stands to the real state: ahead of it, by so much.

use super::state::{shape, LimitState};
use crate::limit::{Algorithm, Rate};
use crate::{Duration, Timestamp};

impl LimitState {
    /// Whether a subject restarted from this state, at `now` or later, would never be given more than one with `real`. Both must be
    /// projected to one instant.
    pub fn covers(&self, real: &LimitState, algorithm: &Algorithm, now: Timestamp) -> bool {
        match (self, real) {
            (LimitState::Counter(kept), LimitState::Counter(real)) => kept.covers(real),
            (LimitState::Sliding(kept), LimitState::Sliding(real)) => kept.covers(real),
            (LimitState::Bucket(kept), LimitState::Bucket(real)) => kept.covers(real),
            (LimitState::Log(kept), LimitState::Log(real)) => match algorithm {
                Algorithm::SlidingLog(window) => kept.covers(real, window, now),
                _ => false,
            },
            (LimitState::Slots(kept), LimitState::Slots(real)) => kept == real,
            _ => false,
        }
    }

    /// The state with `margin` more units used: what is stored, so that the next `margin` admissions need no write. Logs and slots are
    /// kept as they are. The state must be projected.
    #[must_use]
    pub fn ahead(&self, algorithm: &Algorithm, margin: u64) -> LimitState {
        let limit = algorithm.limit();
        let mut next = self.clone();
        match &mut next {
            // A count at the limit admits nothing: more would only refuse longer after the limit is raised.
            LimitState::Counter(counter) => {
                counter.used = counter
                    .used
                    .max(counter.used.saturating_add(margin).min(limit));
            }
            LimitState::Sliding(sliding) => {
                sliding.current = sliding
                    .current
                    .max(sliding.current.saturating_add(margin).min(limit));
            }
            LimitState::Bucket(bucket) => {
                if let Some(shape) = shape(algorithm) {
                    bucket.take(shape, margin);
                }
            }
            LimitState::Log(_) | LimitState::Slots(_) => {}
        }
        next
    }
}

/// What comes back of a bucket within this time may be stored as used: it has come back before a lost object answers again.
const SOON: Duration = Duration::from_millis(100);

/// How far a stored row may run ahead of the real use, plus one: `reserve` where the policy sets it, else 1 for limits up to 100 (exact)
/// and 1 % of the limit above; for a bucket also what comes back within [`SOON`], at most a tenth of it. Logs and slots are always exact.
pub fn reserve_of(algorithm: &Algorithm, reserve: Option<u64>) -> u64 {
    let limit = algorithm.limit();
    let usual = match algorithm {
        Algorithm::SlidingLog(_) | Algorithm::Concurrency(_) => return 1,
        _ if limit <= 100 => 1,
        Algorithm::TokenBucket(bucket) => soon(bucket.refill(), limit),
        Algorithm::LeakyBucket(bucket) => soon(bucket.leak(), limit),
        _ => limit / 100,
    };
    reserve.unwrap_or(usual).clamp(1, limit.max(1))
}

fn soon(rate: Rate, limit: u64) -> u64 {
    rate.units_within(SOON).clamp(limit / 100, limit / 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::request::{parse, Rule};

    fn reserve(limit: &str, set: Option<u64>) -> u64 {
        let request = parse(&format!(r#"{{"identifier": "u", {limit}}}"#)).unwrap();
        let Rule::Inline(policy) = request.rule else {
            panic!()
        };
        reserve_of(policy.limits()[0].algorithm(), set)
    }

    #[test]
    fn rows_run_ahead_by_one_percent_or_by_what_a_bucket_gets_back_at_once() {
        let bucket = |capacity: u64, a_second: u64| {
            let limit = format!(
                r#""algorithm": "tokenBucket", "capacity": {capacity}, "refill": {{"amount": {a_second}, "interval": "1s"}}"#
            );
            reserve(&limit, None)
        };
        assert_eq!(bucket(10_000, 1), 100);
        assert_eq!(bucket(10_000, 5_000), 500);
        assert_eq!(bucket(10_000, 1_000_000), 1_000);
        assert_eq!(bucket(100, 1_000_000), 1);
        assert_eq!(bucket(101, 1_000_000), 10);
        let leaky = r#""algorithm": "leakyBucket", "capacity": 1000, "leak": {"amount": 500, "interval": "1s"}"#;
        assert_eq!(reserve(leaky, None), 50);
        let window = r#""algorithm": "fixedWindow", "limit": 10000, "window": "1s""#;
        assert_eq!(reserve(window, None), 100);
        assert_eq!(reserve(window, Some(1)), 1);
        assert_eq!(reserve(window, Some(99_999)), 10_000);
        assert_eq!(
            reserve(
                r#""algorithm": "slidingLog", "limit": 500, "window": "1s""#,
                Some(9)
            ),
            1
        );
    }
}
