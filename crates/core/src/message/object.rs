//! Applies each call to a subject's state.

use super::{Answer, Call, Holding, RefusalCode};
use crate::algorithm::state::Moment;
use crate::subject_state::{Effects, Place, SubjectState};
use crate::Duration;

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
        if let Err(refusal) = self.end_leases(moment, effects) {
            return Answer::from(&refusal);
        }
        if let Call::Recorded { call, with_state } = call {
            if !call.may_change() {
                return self.answer(call, random, moment, effects);
            }
            let state = match with_state {
                true => self.exact_rows(moment),
                false => Vec::new(),
            };
            let (answer, place) = self.placed(call, random, moment, effects);
            return Answer::Recorded {
                answer: Box::new(answer),
                at: moment.now,
                place,
                state,
            };
        }
        if call.may_change() {
            return self.placed(call, random, moment, effects).0;
        }
        self.answered(call, random, moment, effects)
    }

    /// Answers a call that may change something, and counts it. It is never answered from memory
    /// alone for long.
    fn placed(
        &mut self,
        call: &Call,
        random: &mut dyn FnMut() -> u128,
        moment: Moment,
        effects: &mut Effects,
    ) -> (Answer, Place) {
        let place = self.count_call(moment.now);
        let answer = self.answered(call, random, moment, effects);
        let decisions: &[_] = match &answer {
            Answer::Decided(decisions) => decisions,
            _ => &[],
        };
        self.confirm(decisions, moment, effects);
        (answer, place)
    }

    fn answered(
        &mut self,
        call: &Call,
        random: &mut dyn FnMut() -> u128,
        moment: Moment,
        effects: &mut Effects,
    ) -> Answer {
        let answer = match call {
            Call::Recorded { call, .. } => return self.answered(call, random, moment, effects),
            Call::Knowing { overrides, call } => match self.is_ahead_of(*overrides) {
                true => return Answer::Refused(RefusalCode::StaleOverrides, String::new()),
                false => return self.answered(call, random, moment, effects),
            },
            Call::Keyed { keyed, call } => match &**call {
                Call::Limit {
                    operation,
                    items,
                    holding: None,
                } => self
                    .limit_keyed(items, (*operation, None), keyed, random, moment, effects)
                    .map(Answer::Decided),
                Call::Limit {
                    operation,
                    items,
                    holding: Some(Holding { permit, home }),
                } => {
                    let (terms, random) = ((*operation, Some(home)), &mut || *permit);
                    self.limit_keyed(items, terms, keyed, random, moment, effects)
                        .map(Answer::Decided)
                }
                Call::Charge { operation, items } => self
                    .charge_keyed(items, *operation, keyed, moment, effects)
                    .map(|()| Answer::Done),
                Call::Recall => (self.recall(keyed.id, moment))
                    .map(|known| known.map_or(Answer::Done, Answer::Decided)),
                other => return self.answered(other, random, moment, effects),
            },
            Call::Borrowing { borrowing, call } => match &**call {
                Call::Limit {
                    operation: None,
                    items,
                    holding: None,
                } if items.len() == 1 => self
                    .limit_borrowing(&items[0], borrowing, random, moment, effects)
                    .map(Answer::Decided),
                other => return self.answered(other, random, moment, effects),
            },
            Call::Return(returned) => self
                .take_lease_back(returned, moment, effects)
                .map(|()| Answer::Done),
            Call::Recall => Ok(Answer::Done), // nobody says what
            Call::Overridden(at) => {
                self.overridden(*at);
                Ok(Answer::Done)
            }
            Call::Limit {
                operation,
                items,
                holding: None,
            } => self
                .limit(items, *operation, random, moment, effects)
                .map(Answer::Decided),
            Call::Limit {
                operation,
                items,
                holding: Some(Holding { permit, home }),
            } => self
                .hold(items, *operation, home, &mut || *permit, moment, effects)
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
                .map(|()| match self.lent_for(moment.now) {
                    Some(after) if *duration > Duration::ZERO => Answer::DoneLater(after),
                    _ => Answer::Done,
                }),
            Call::Stage(set) => self.set_stage(set, moment, effects).map(Answer::Staged),
            Call::Report(report) => self.report(report, moment, effects).map(Answer::Reported),
            Call::Renew { permit, hold } => {
                self.renew(*permit, *hold, moment, effects)
                    .map(|grant| Answer::Renewed {
                        grant,
                        others: self.others(*permit),
                    })
            }
            Call::Settle { permit, real } => self
                .settle(*permit, real, moment, effects)
                .map(Answer::Settled),
            Call::TopUp(topup) => self.top_up(topup, moment, effects).map(Answer::Topped),
            Call::Conclude { permit, outcome } => self
                .conclude(*permit, outcome, moment, effects)
                .map(|()| Answer::Done),
            Call::Names { permit, limits } => self
                .know_names(*permit, limits, moment, effects)
                .map(|()| Answer::Done),
            Call::Release { permit } => self
                .release(*permit, moment, effects)
                .map(|()| Answer::Done),
        };
        answer.unwrap_or_else(|refusal| Answer::from(&refusal))
    }
}
