//! Which limits can be counted by isolates and merged through KV.

use crate::error::InvalidLimit;
use crate::limit::quota::Period;
use crate::{Algorithm, Duration, Limit};

/// The shortest window that makes sense: KV shows a count to other isolates after up to a minute,
/// and the bounds grow with the part of the window in which isolates do not know of each other.
pub const MIN_COUNTED_WINDOW: Duration = Duration::from_secs(600);

/// Whether these limits can be counted through KV. The errors name what to take instead.
pub(super) fn suits(limits: &[Limit]) -> Result<(), InvalidLimit> {
    let conflict = |field, with| Err(InvalidLimit::Conflict { field, with });
    for limit in limits {
        let too_short = match limit.algorithm() {
            Algorithm::FixedWindow(window) | Algorithm::SlidingWindow(window) => {
                window.window() < MIN_COUNTED_WINDOW
            }
            Algorithm::Quota(quota) => quota.period() < Period::Hour,
            Algorithm::FirstUse(_) => return conflict(
                "start",
                "counting through KV (`eventual`), which adds up aligned windows: take `start: \"epoch\"`, or `consistency: \"strong\"`",
            ),
            _ => return conflict(
                "algorithm",
                "counting through KV (`eventual`), which adds up aligned windows: take fixedWindow, slidingWindow or quota, or `consistency: \"strong\"`",
            ),
        };
        if too_short {
            return conflict(
                "window",
                "counting through KV (`eventual`), which takes windows of 10m and longer: take `consistency: \"strong\"`, or \"local\" for 10s and 1m",
            );
        }
    }
    Ok(())
}
