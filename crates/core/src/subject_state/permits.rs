//! Permits: their seeds, their renewal and their release.

use crate::algorithm::slots::Slots;
use crate::algorithm::state::{LimitState, Moment};
use crate::algorithm::{Hold, Holder};
use crate::decision::Grant;
use crate::{Algorithm, Duration, Timestamp};

use super::held::Held;
use super::{Effects, Entry, Item, Refusal, SubjectState};

impl SubjectState {
    /// Who is to hold slots, where some may be given. The fence starts from the clock, so that it
    /// goes on rising after the subject's storage was emptied.
    pub(super) fn holder(
        &self,
        items: &[Item],
        random: &mut dyn FnMut() -> u128,
        now: Timestamp,
    ) -> Option<Holder> {
        let gives = |item: &Item| item.policy.gives_permits() && !item.check.peek;
        items.iter().any(gives).then(|| Holder {
            permit: random().max(1),
            fence: (self.fence + 1).max(now.as_millis()),
        })
    }

    /// Moves a permit's deadline to `hold` from now (its limit's `ttl` when absent, and never
    /// longer), and never to an earlier instant.
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
            if let Some(held) = entry.renew(permit, hold, moment.now) {
                let expires = grant.map_or(held.deadline, |grant| grant.expires.min(held.deadline));
                grant = Some(Grant {
                    permit,
                    fence: held.holder.fence,
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

impl Entry {
    /// The slots that permits hold here, and the longest that one is held.
    fn slots(&mut self) -> Option<(&mut Slots, Duration)> {
        match (&mut self.state, self.limit.algorithm()) {
            (LimitState::Slots(slots), Algorithm::Concurrency(limit)) => Some((slots, limit.ttl())),
            _ => self.held.as_mut().map(|held| (&mut held.slots, held.ttl)),
        }
    }

    /// The slots that somebody holds at `now`, to be kept beside the state of another algorithm.
    pub(super) fn held_beside(&self, now: Timestamp) -> Option<Box<Held>> {
        let mut held = match (&self.state, self.limit.algorithm()) {
            (LimitState::Slots(slots), Algorithm::Concurrency(limit)) => Box::new(Held {
                slots: slots.clone(),
                ttl: limit.ttl(),
            }),
            _ => self.held.clone()?,
        };
        let now = now.max(held.slots.time);
        let slots = &mut held.slots.held;
        slots.retain(|slot| slot.holder.is_some() && slot.deadline > now);
        (!slots.is_empty()).then_some(held)
    }

    /// The newest fence given here, 0 when none is known.
    pub(super) fn newest_fence(&self) -> u64 {
        match (&self.state, &self.held) {
            (LimitState::Slots(slots), _) => slots.fence,
            (_, Some(held)) => held.slots.fence,
            _ => 0,
        }
    }

    /// Moves the deadline of a live permit; `None` when this limit does not hold it.
    pub(super) fn renew(
        &mut self,
        permit: u128,
        hold: Option<Duration>,
        now: Timestamp,
    ) -> Option<Hold> {
        let (slots, ttl) = self.slots()?;
        slots.renew(permit, hold.map_or(ttl, |hold| hold.min(ttl)), now)
    }

    /// Forgets what is spent. Slots that somebody holds are not spent; whether any are left.
    pub(super) fn forget_spent(&mut self, moment: Moment) -> bool {
        let is_held = match self.slots() {
            None => false,
            Some((slots, _)) => {
                slots.held.retain(|slot| slot.holder.is_some());
                slots.view(0, moment.now).reset > moment.now
            }
        };
        if !matches!(self.state, LimitState::Slots(_)) {
            // Only quotas ask for a zone, and no slots are beside them.
            let Ok(fresh) = LimitState::fresh(self.limit.algorithm(), moment) else {
                return false;
            };
            self.state = fresh;
            self.lost = Default::default();
        }
        is_held
    }

    /// Frees the slots of a live permit; `false` when this limit does not hold it.
    pub(super) fn release(&mut self, permit: u128, now: Timestamp) -> bool {
        let Some((slots, _)) = self.slots() else {
            return false;
        };
        let held = slots.find(permit, now).is_some();
        if held {
            slots.release(permit, now);
        }
        held
    }
}
