//! Time zones for tests.

use std::cell::Cell;

use tollgate_core::calendar::TimeZone;
use tollgate_core::limit::quota::TimeZoneName;
use tollgate_core::Timestamp;

/// The clocks of the zones that IANA has.
#[derive(Debug, Default)]
pub(crate) struct Clocks;

impl TimeZone for Clocks {
    fn offset_at(&self, zone: &TimeZoneName, instant: Timestamp) -> Option<i32> {
        let zone = jiff::tz::TimeZone::get(zone.as_str()).ok()?;
        let instant = jiff::Timestamp::from_millisecond(instant.as_millis() as i64).ok()?;
        Some(zone.to_offset(instant).seconds())
    }
}

/// Zones that count how often they are asked.
#[derive(Debug, Default)]
pub(crate) struct Counted<Zones> {
    pub(crate) zones: Zones,
    pub(crate) asked: Cell<u32>,
}

impl<Zones: TimeZone> TimeZone for Counted<Zones> {
    fn offset_at(&self, zone: &TimeZoneName, instant: Timestamp) -> Option<i32> {
        self.asked.set(self.asked.get() + 1);
        self.zones.offset_at(zone, instant)
    }
}
