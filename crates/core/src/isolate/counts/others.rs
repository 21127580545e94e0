//! The units that a count has read from other isolates.

use crate::calendar::Span;
use crate::{Duration, Timestamp};

use super::pair::Pair;
use super::record::Record;

/// How long another isolate's last published rate is extrapolated: KV's delay and the time to the
/// next reading. An isolate without requests publishes that its rate is zero, so this bound matters
/// only for isolates that have ended.
const MAX_EXTRAPOLATION: Duration = Duration::from_secs(75);

/// The use of one limit by the other isolates together.
#[derive(Debug, Clone)]
pub(super) struct Others {
    pub(super) units: Pair,
    /// Their total rate when they were read, in units per million seconds.
    rate: u64,
    read_at: Timestamp,
}

impl Others {
    /// No use is known.
    pub(super) fn none(now: Timestamp) -> Others {
        Others {
            units: Pair::default(),
            rate: 0,
            read_at: now,
        }
    }

    /// Drops the units and the rate.
    pub(super) fn clear(&mut self) {
        self.units = Pair::default();
        self.rate = 0;
    }

    /// Goes on to another window. The rate of the old window does not apply to the new one.
    pub(super) fn advance(&mut self, follows: bool) {
        self.units = self.units.advanced_if(follows);
        self.rate = 0;
    }

    /// Starts a new sum of the others' records.
    pub(super) fn begin_reading(&mut self, now: Timestamp) {
        self.clear();
        self.read_at = now;
    }

    /// Adds a record that another isolate published at `at`, to the window `span` and the one that
    /// started at `before`; whether that isolate has admitted units in this window.
    pub(super) fn add(
        &mut self,
        record: &Record,
        at: Timestamp,
        span: Span,
        before: Option<Timestamp>,
    ) -> bool {
        if record.start == span.start {
            let age = self.read_at.since(at);
            let going_on = age < MAX_EXTRAPOLATION;
            let rate = if going_on { record.rate } else { 0 };
            let used = record.used.saturating_add(units(rate, age));
            self.units.current = self.units.current.saturating_add(used);
            self.units.previous = self.units.previous.saturating_add(record.previous);
            self.rate = self.rate.saturating_add(rate);
            return record.used > 0;
        }
        if record.start == span.end {
            // The other clock is ahead and in the next window already.
            self.units.current = self.units.current.saturating_add(record.previous);
            return record.previous > 0;
        }
        if Some(record.start) == before {
            self.units.previous = self.units.previous.saturating_add(record.used);
        }
        false
    }

    /// Adds units that this isolate had published under a key that it never writes again.
    pub(super) fn add_units(&mut self, own: Pair) {
        self.units.current = self.units.current.saturating_add(own.current);
        self.units.previous = self.units.previous.saturating_add(own.previous);
    }

    /// Their estimated use by `now`: the use read, plus their rate since.
    pub(super) fn current_by(&self, now: Timestamp) -> u64 {
        let since = now.since(self.read_at).min(MAX_EXTRAPOLATION);
        self.units.current.saturating_add(units(self.rate, since))
    }

    /// Their total rate when they were read, in units per million seconds.
    pub(super) const fn rate(&self) -> u64 {
        self.rate
    }
}

/// Units in `time` at a rate per million seconds, rounded down.
fn units(rate: u64, time: Duration) -> u64 {
    let units = u128::from(rate) * u128::from(time.as_millis()) / 1_000_000_000;
    u64::try_from(units).unwrap_or(u64::MAX)
}
