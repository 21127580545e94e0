//! The only reader of the runtime's clock and of its time zones. The clock is read once per event:
//! a call, an alarm or a timer of an object, and in the Worker each time that a task is begun or
//! resumed.

use core::cell::Cell;

use tollgate_core::algorithm::state::Moment;
use tollgate_core::calendar::{Remembered, TimeZone};
use tollgate_core::limit::quota::TimeZoneName;
use tollgate_core::Timestamp;

use crate::hot;

thread_local! {
    /// The time of the event that is being handled.
    static EVENT: Cell<Option<Timestamp>> = const { Cell::new(None) };
    /// What the runtime's zones were asked.
    static ZONES: Remembered<Intl> = Remembered::new(Intl);
}

/// Runs one event: a call into an object, or a task from when it is begun, or resumed with an
/// answer, until it waits. All of it has one time.
pub(crate) fn in_event<T>(run: impl FnOnce() -> T) -> T {
    if EVENT.get().is_some() {
        return run(); // a task that an event begins
    }
    EVENT.set(Some(read()));
    let output = run();
    EVENT.set(None);
    output
}

/// The time of the present event, in whole milliseconds. Outside of events each call reads the
/// clock.
pub(crate) fn now() -> Timestamp {
    EVENT.get().unwrap_or_else(read)
}

fn read() -> Timestamp {
    // Never negative, whole, and far below 2^53.
    Timestamp::from_millis(hot::date_now() as u64)
}

/// The zones that the runtime's `Intl` knows, asked each time.
struct Intl;

impl TimeZone for Intl {
    fn offset_at(&self, zone: &TimeZoneName, instant: Timestamp) -> Option<i32> {
        let offset = hot::zone_offset(zone.as_str(), instant.as_millis() as f64).ok()?;
        // At most a day either way, in whole seconds.
        offset.is_finite().then_some(offset as i32)
    }
}

/// The same, of which is remembered what was asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RuntimeZones;

impl TimeZone for RuntimeZones {
    fn offset_at(&self, zone: &TimeZoneName, instant: Timestamp) -> Option<i32> {
        ZONES.with(|zones| zones.offset_at(zone, instant))
    }
}

/// Now, with the runtime's time zones.
pub(crate) fn moment() -> Moment<'static> {
    Moment {
        now: now(),
        zones: &RuntimeZones,
    }
}
