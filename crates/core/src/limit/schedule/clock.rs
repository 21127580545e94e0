//! The time by which a subject's stages run: from its start on, without what it was paused.

use crate::{Duration, Timestamp};

/// A subject's own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageClock {
    /// When it shows zero: the first admission, or what somebody has set.
    pub start: Timestamp,
    /// How long it stood in pauses that are over, without the newest one.
    pub paused: Duration,
    /// The newest pause.
    pub pause: Option<Pause>,
}

/// A time in which the clock stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// The first instant.
    pub from: Timestamp,
    /// When the clock goes on; `None` while that is not known.
    pub until: Option<Timestamp>,
}

impl StageClock {
    /// A clock that goes on from this instant.
    pub const fn starting(start: Timestamp) -> StageClock {
        StageClock {
            start,
            paused: Duration::ZERO,
            pause: None,
        }
    }

    /// Whether it stands at this instant, as far as is known.
    pub const fn is_paused(&self) -> bool {
        matches!(self.pause, Some(Pause { until: None, .. }))
    }

    /// Since when it stands, if it does.
    pub fn paused_since(&self) -> Option<Timestamp> {
        self.pause.filter(|_| self.is_paused()).map(|it| it.from)
    }

    /// How long it stood in pauses that are over.
    pub fn stood(&self) -> Duration {
        let last = match self.pause {
            Some(Pause {
                from,
                until: Some(until),
            }) => until.since(from.max(self.start)),
            _ => Duration::ZERO,
        };
        self.paused.plus(last)
    }

    /// What it shows at an instant; zero before the start. Of pauses before the newest one the
    /// whole is taken off, at any instant.
    pub fn elapsed(&self, at: Timestamp) -> Duration {
        let stood = self.pause.map_or(Duration::ZERO, |pause| {
            let until = pause.until.map_or(at, |until| until.min(at));
            until.since(pause.from.max(self.start))
        });
        let passed = at.since(self.start).as_millis();
        let stood = self.paused.plus(stood).as_millis();
        Duration::from_millis(passed.saturating_sub(stood))
    }

    /// When it shows so much; `None` where it stands before.
    pub fn reaches(&self, elapsed: Duration) -> Option<Timestamp> {
        let unpaused = self.start.plus(self.paused).plus(elapsed);
        match self.pause {
            Some(pause) if unpaused > pause.from.max(self.start) => {
                let stood = pause.until?.since(pause.from.max(self.start));
                Some(unpaused.plus(stood))
            }
            _ => Some(unpaused),
        }
    }

    /// Moves the start. Pauses before now count no longer; one that holds goes on.
    pub fn set_start(&mut self, start: Timestamp, now: Timestamp) {
        let paused = self.is_paused();
        *self = StageClock::starting(start);
        self.set_paused(paused, now);
    }

    /// Stops it or lets it go on. What it is already changes nothing.
    pub fn set_paused(&mut self, paused: bool, now: Timestamp) {
        match (&mut self.pause, paused) {
            (Some(Pause { until: None, .. }), true) => {}
            (Some(Pause { until, .. }), false) => *until = until.or(Some(now)),
            (None, false) => {}
            (ended, true) => {
                if let Some(Pause { from, until }) = ended {
                    let stood = until.unwrap_or(now).since((*from).max(self.start));
                    self.paused = self.paused.plus(stood);
                }
                self.pause = Some(Pause {
                    from: now,
                    until: None,
                });
            }
        }
    }
}
