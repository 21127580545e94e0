//! The checks that every constructor of a limit makes.

use crate::error::InvalidLimit;
use crate::Duration;

/// The longest window, interval, `ttl` or `expiry`: 366 days, so that a leap year fits.
pub const MAX_WINDOW: Duration = Duration::from_millis(366 * 86_400_000);

/// `value` when it is between `min` and `max`, else the error that names the field and both bounds.
pub(crate) fn in_range(
    field: &'static str,
    value: u64,
    min: u64,
    max: u64,
) -> Result<u64, InvalidLimit> {
    if (min..=max).contains(&value) {
        Ok(value)
    } else {
        Err(InvalidLimit::OutOfRange { field, min, max })
    }
}

/// A window or interval: 1 ms to [`MAX_WINDOW`].
pub(super) fn span(field: &'static str, value: Duration) -> Result<Duration, InvalidLimit> {
    in_range(field, value.as_millis(), 1, MAX_WINDOW.as_millis()).map(|_| value)
}
