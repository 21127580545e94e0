//! Permits: their seeds, their renewal and their release.

use crate::algorithm::state::Moment;
use crate::decide::GrantSeed;
use crate::decision::Grant;
use crate::{Duration, Timestamp};

use super::{Effects, Item, Refusal, SubjectState};

impl SubjectState {
    /// Randomness and fence for a grant, where one may be given. The fence starts from the clock, so that it goes on rising after the
    /// subject's storage was emptied.
    pub(super) fn seed(
        &self,
        items: &[Item],
        random: &mut dyn FnMut() -> u128,
        now: Timestamp,
    ) -> GrantSeed {
        if !items
            .iter()
            .any(|item| item.policy.gives_permits() && !item.check.peek)
        {
            return GrantSeed::default();
        }
        GrantSeed {
            permit: random().max(1),
            fence: (self.fence + 1).max(now.as_millis()),
        }
    }

    /// Moves a permit's deadline to `hold` from now (its limit's `ttl` when absent, and never longer), and never to an earlier instant.
    pub fn renew(
        &mut self,
        permit: u128,
        hold: Option<Duration>,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<Grant, Refusal> {
        self.readable()?;
        let mut grant: Option<Grant> = None;
        for entry in &mut self.entries {
            if let Some(slot) = entry.renew(permit, hold, moment.now) {
                let expires = grant.map_or(slot.deadline, |grant| grant.expires.min(slot.deadline));
                grant = Some(Grant {
                    permit,
                    fence: slot.fence,
                    expires,
                });
                entry.write_exact(moment, effects);
            }
        }
        grant.ok_or(Refusal::UnknownPermit)
    }

    /// Frees a permit's slots. Releasing once more, soon after, is answered alike.
    pub fn release(
        &mut self,
        permit: u128,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        self.readable()?;
        let mut found = self.released.contains(permit, moment.now);
        for entry in &mut self.entries {
            if entry.release(permit, moment.now) {
                found = true;
                entry.write_exact(moment, effects);
                self.released.remember(permit, moment.now);
            }
        }
        if found {
            Ok(())
        } else {
            Err(Refusal::UnknownPermit)
        }
    }
}
