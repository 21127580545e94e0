//! The published and the unpublished part of an isolate's own count.

use crate::{Duration, Timestamp};

/// The shortest time over which a rate is measured.
const RATE_OVER: Duration = Duration::from_secs(5);

/// Tracks which part of one count has been published.
#[derive(Debug, Clone, Default)]
pub(super) struct Published {
    /// Units admitted since the last publication.
    since: u64,
    at: Option<Timestamp>,
    /// The published rate, in units per million seconds.
    rate: u64,
    /// Whether the count has changed since.
    changed: bool,
}

impl Published {
    /// Records admitted units; negative ones are a refund.
    pub(super) fn add_units(&mut self, units: i64) {
        self.since = self.since.saturating_add(u64::try_from(units).unwrap_or(0));
        self.changed |= units != 0;
    }

    /// Whether anything is to be published: units, or a rate that has fallen to zero.
    pub(super) const fn has_unpublished(&self) -> bool {
        self.changed || self.rate > 0
    }

    /// Units per million seconds since the last publication; the published rate if that was too
    /// recent.
    pub(super) fn rate(&self, now: Timestamp) -> u64 {
        let over = self.at.map_or(Duration::ZERO, |at| now.since(at));
        if over < RATE_OVER {
            return self.rate;
        }
        let rate = u128::from(self.since) * 1_000_000_000 / u128::from(over.as_millis());
        u64::try_from(rate).unwrap_or(u64::MAX)
    }

    /// Records that everything is being written.
    pub(super) fn mark_published(&mut self, now: Timestamp) {
        *self = Published {
            since: 0,
            at: Some(now),
            rate: self.rate(now),
            changed: false,
        };
    }

    /// Records that the write failed.
    pub(super) const fn mark_unpublished(&mut self) {
        self.changed = true;
    }
}
