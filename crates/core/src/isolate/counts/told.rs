//! What an isolate has told others of its own count, and what it has not.

use crate::{Duration, Timestamp};

/// A rate over less than this says nothing.
const RATE_OVER: Duration = Duration::from_secs(5);

/// What others have been told of one count, and what they have not.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Units admitted since.
    since: u64,
    at: Option<Timestamp>,
    /// The rate that was told, in units per million seconds.
    rate: u64,
    /// Whether anything has changed since.
    news: bool,
}

impl Told {
    /// Units were admitted, or given back where they are below zero.
    pub(super) fn count(&mut self, units: i64) {
        self.since = self.since.saturating_add(u64::try_from(units).unwrap_or(0));
        self.news |= units != 0;
    }

    /// Whether there is something that others do not know: units, or that no more are coming.
    pub(super) const fn has_news(&self) -> bool {
        self.news || self.rate > 0
    }

    /// Units per million seconds since the last telling; that of the last one where it is too early
    /// to say.
    pub(super) fn rate(&self, now: Timestamp) -> u64 {
        let over = self.at.map_or(Duration::ZERO, |at| now.since(at));
        if over < RATE_OVER {
            return self.rate;
        }
        let rate = u128::from(self.since) * 1_000_000_000 / u128::from(over.as_millis());
        u64::try_from(rate).unwrap_or(u64::MAX)
    }

    /// Everything has been taken out to be written.
    pub(super) fn tell(&mut self, now: Timestamp) {
        *self = Told {
            since: 0,
            at: Some(now),
            rate: self.rate(now),
            news: false,
        };
    }

    /// The writing failed.
    pub(super) const fn fail(&mut self) {
        self.news = true;
    }
}
