//! Applies each call to a subject's state.

use super::{Answer, Call};
use crate::algorithm::state::Moment;
use crate::subject_state::{Effects, SubjectState};

impl SubjectState {
    /// Answers one call; `effects` are to be applied before the answer is sent.
    pub fn answer(
        &mut self,
        call: &Call,
        random: &mut dyn FnMut() -> u128,
        moment: Moment,
        effects: &mut Effects,
    ) -> Answer {
        self.rewrite_older(moment, effects);
        let answer = match call {
            Call::Limit { operation, items } => self
                .limit(items, *operation, random, moment, effects)
                .map(Answer::Decided),
            Call::Charge { operation, items } => self
                .charge(items, *operation, moment, effects)
                .map(|()| Answer::Done),
            Call::Cancel { operation } => self
                .cancel(*operation, moment, effects)
                .map(|()| Answer::Done),
            Call::Status { policy } => self.status(policy.as_deref(), moment).map(Answer::Status),
            Call::Next { item, count } => self.next(item, *count, moment).map(Answer::Next),
            Call::Reset { policy } => self
                .reset(policy.as_deref(), moment, effects)
                .map(|()| Answer::Done),
            Call::Block {
                policy,
                duration,
                reason,
            } => self
                .block(policy.as_deref(), *duration, reason, moment, effects)
                .map(|()| Answer::Done),
            Call::Renew { permit, hold } => self
                .renew(*permit, *hold, moment, effects)
                .map(Answer::Renewed),
            Call::Release { permit } => self
                .release(*permit, moment, effects)
                .map(|()| Answer::Done),
        };
        answer.unwrap_or_else(|refusal| Answer::from(&refusal))
    }
}
