//! The cleaning alarm: one an idle period, not one an admission.

use crate::{Duration, Timestamp};

use super::Effects;

/// The least time between two cleaning alarms: each is a billed request and a row written.
pub const ALARM_SPACING: Duration = Duration::from_secs(60);

/// The alarm, as far as it is known to be set.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Alarm(Option<Timestamp>);

impl Alarm {
    /// What the object learnt from its storage.
    pub(super) const fn known(alarm: Option<Timestamp>) -> Alarm {
        Alarm(alarm)
    }

    pub(super) const fn is_set(self) -> bool {
        self.0.is_some()
    }

    /// Sets it to when the last of what is kept is over.
    pub(super) fn set(&mut self, over: Option<Timestamp>, now: Timestamp, effects: &mut Effects) {
        let at = now.plus(ALARM_SPACING).max(over.unwrap_or(now));
        self.0 = Some(at);
        effects.alarm = Some(at);
    }
}
