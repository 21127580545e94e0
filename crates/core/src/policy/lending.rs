//! Which limits can be lent to isolates.

use crate::error::InvalidLimit;
use crate::limit::quota::Period;
use crate::{Algorithm, Duration, Limit};

/// The shortest window of which units are lent: five times as long as a lease may live, so that
/// they are not lost with each turn.
const MIN_LENT_WINDOW: Duration = Duration::from_secs(10);

/// Whether units of these limits can be lent. The errors name what to take instead.
pub(super) fn suits(limits: &[Limit]) -> Result<(), InvalidLimit> {
    let conflict = |field, with| Err(InvalidLimit::Conflict { field, with });
    for limit in limits {
        let is_too_short = match limit.algorithm() {
            Algorithm::FixedWindow(window)
            | Algorithm::SlidingWindow(window)
            | Algorithm::SlidingLog(window) => window.window() < MIN_LENT_WINDOW,
            Algorithm::Quota(quota) => quota.period() < Period::Minute,
            Algorithm::TokenBucket(_) => false,
            Algorithm::LeakyBucket(bucket) if bucket.max_delay().is_none() => false,
            Algorithm::LeakyBucket(_) => return conflict(
                "maxDelay",
                "lending (`leased`): what is lent is spent at once, and nobody spaces it; take `consistency: \"strong\"`",
            ),
            Algorithm::FirstUse(_) => return conflict(
                "start",
                "lending (`leased`): what a lost borrower had would open a window; take `start: \"epoch\"`, or `consistency: \"strong\"`",
            ),
            Algorithm::Concurrency(_) => return conflict(
                "algorithm",
                "lending (`leased`): a slot is held and given back, and not spent; take `consistency: \"strong\"`",
            ),
        };
        if is_too_short {
            return conflict(
                "window",
                "lending (`leased`), which takes windows of 10s and longer: take `consistency: \"strong\"`",
            );
        }
    }
    Ok(())
}
