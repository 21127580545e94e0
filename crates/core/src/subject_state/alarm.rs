//! The cleaning alarm: one an idle period, not one an admission.

use crate::{Duration, Timestamp};

use super::Effects;

/// The least time between two cleaning alarms: each is a billed request and a row written.
pub const ALARM_SPACING: Duration = Duration::from_secs(60);

/// The alarm, as far as it is known to be set.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Alarm {
    at: Option<Timestamp>,
    /// Whether it is set for what an idle subject keeps, long ahead.
    is_far: bool,
}

impl Alarm {
    /// What the object learnt from its storage.
    pub(super) const fn known(alarm: Option<Timestamp>) -> Alarm {
        Alarm {
            at: alarm,
            is_far: false,
        }
    }

    pub(super) const fn is_set(self) -> bool {
        self.at.is_some()
    }

    /// Whether it is set for long after a subject that is in use may be idle.
    pub(super) const fn is_far(self) -> bool {
        self.is_far
    }

    /// Sets it to an instant, unless it rings before.
    pub(super) fn sooner(&mut self, at: Timestamp, effects: &mut Effects) {
        if self.at.is_none_or(|set| set > at) {
            self.at = Some(at);
            effects.alarm = Some(at);
        }
    }

    /// Sets it to when the last of what is in use is over, or where nothing is, of what is `kept`.
    pub(super) fn set(
        &mut self,
        over: Option<Timestamp>,
        kept: Option<Timestamp>,
        now: Timestamp,
        effects: &mut Effects,
    ) {
        let at = now.plus(ALARM_SPACING).max(over.or(kept).unwrap_or(now));
        self.at = Some(at);
        self.is_far = over.is_none() && kept.is_some();
        effects.alarm = Some(at);
    }
}
