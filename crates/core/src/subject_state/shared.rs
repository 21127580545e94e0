//! The use of a limit that classes share.

use crate::algorithm::classes::Share;
use crate::algorithm::state::Moment;
use crate::algorithm::View;
use crate::calendar::UnknownTimeZone;
use crate::policy::Policy;
use crate::Timestamp;

use super::usage::Usage;

impl Usage {
    /// The same with the class among those that share it that asks the policy, where it is new
    /// there.
    pub(super) fn joined(&self, policy: &Policy, now: Timestamp) -> Option<Usage> {
        let state = (self.state).joined(self.algorithm(), policy.asks().as_ref(), now)?;
        Some(Usage {
            state,
            ..self.clone()
        })
    }

    /// Has the class come that asks the policy, and ask.
    pub(super) fn join(&mut self, policy: &Policy, now: Timestamp) {
        if let Some(joined) = self.joined(policy, now) {
            *self = joined;
        }
        self.turn_to(policy);
    }

    /// Has the class ask that asks the policy, and is here.
    pub(super) fn turn_to(&mut self, policy: &Policy) {
        self.state.turn_to(policy.asks().as_ref());
    }

    /// The class that asks was refused so many units: whether that changes anything.
    pub(super) fn reserve(&mut self, units: u64, moment: Moment) -> Result<bool, UnknownTimeZone> {
        let algorithm = self.limit.algorithm();
        if !self.state.is_shared() {
            return Ok(false);
        }
        let mut next = self.state.clone();
        next.project(algorithm, moment)?;
        let reserves = next.reserve(algorithm, units);
        if reserves {
            self.state = next;
        }
        Ok(reserves)
    }

    /// What is left of the whole, whatever class asks.
    pub(super) fn left_of_whole(&self, moment: Moment) -> Result<u64, UnknownTimeZone> {
        let algorithm = self.algorithm();
        let projected = self.state.projected(algorithm, moment)?;
        let state = projected.as_ref().unwrap_or(&self.state);
        Ok(state.view_of_whole(algorithm, moment.now).remaining)
    }

    /// What is left of the whole, and how each class stands.
    pub(super) fn whole(&self, moment: Moment) -> Result<(View, Vec<Share>), UnknownTimeZone> {
        let algorithm = self.algorithm();
        let projected = self.state.projected(algorithm, moment)?;
        let state = projected.as_ref().unwrap_or(&self.state);
        let view = state.view_of_whole(algorithm, moment.now);
        Ok((view, state.shares(algorithm)))
    }

    /// Whether it tells anything that a new subject's would not, but that classes are here.
    pub(super) fn is_lasting(&self, now: Timestamp) -> bool {
        self.idle_at(now) > now && !self.state.is_only_shared(self.algorithm(), now)
    }
}
