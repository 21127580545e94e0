//! The only reader of the runtime's clock and of its time zones. Who owns a state reads the clock once per event and hands it on.

use tollgate_core::algorithm::state::Moment;
use tollgate_core::calendar::TimeZone;
use tollgate_core::quota::TimeZoneName;
use tollgate_core::Timestamp;

use crate::runtime;

/// Now, in whole milliseconds.
pub(crate) fn now() -> Timestamp {
    // Never negative, whole, and far below 2^53.
    Timestamp::from_millis(runtime::date_now() as u64)
}

/// The zones that the runtime's `Intl` knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RuntimeZones;

impl TimeZone for RuntimeZones {
    fn offset_at(&self, zone: &TimeZoneName, instant: Timestamp) -> Option<i32> {
        let offset = runtime::zone_offset(zone.as_str(), instant.as_millis() as f64).ok()?;
        // At most a day either way, in whole seconds.
        offset.is_finite().then_some(offset as i32)
    }
}

/// Now, with the runtime's time zones.
pub(crate) fn moment() -> Moment<'static> {
    Moment {
        now: now(),
        zones: &RuntimeZones,
    }
}
