//! What only looks: its answer is the one that the same request would get now, and its wait the first instant at which that request, as
//! the next one that is decided, is admitted.

use crate::algorithm::state::{LimitState, Moment};
use crate::calendar::UnknownTimeZone;
use crate::decide::{decide, GrantSeed};
use crate::decision::Decision;
use crate::{Duration, Limit, Timestamp};

use super::pick::Picked;
use super::{Entry, Item, Refusal, SubjectState};

impl SubjectState {
    /// The answer to what changes nothing. Under another definition than the one in force, which stays so until somebody is decided,
    /// the wait has to be found at the rates of that one.
    pub(super) fn looked(
        &mut self,
        item: &Item,
        picked: Picked,
        mut decision: Decision,
        moment: Moment,
    ) -> Result<Decision, Refusal> {
        let redefines = picked.redefines(&self.entries);
        self.put_back(picked);
        if redefines && decision.retry_after.is_some() {
            if let Some(at) = self.first_admitted(item, moment)? {
                decision.retry_after = Some(at.since(moment.now));
            }
        }
        Ok(decision)
    }

    /// The first instant at which the item, as the next that is decided, is admitted; `None` when it is not even once all of the present
    /// use is forgotten. Use only gets less until then, so that it is found by halving.
    fn first_admitted(
        &self,
        item: &Item,
        moment: Moment,
    ) -> Result<Option<Timestamp>, UnknownTimeZone> {
        let policy = item.policy.name_or_empty();
        let named = |entry: &&Entry| {
            let concerns =
                |limit: &Limit| entry.keeps(policy, limit) || entry.is_named_as(policy, limit);
            item.policy.limits().iter().any(concerns)
        };
        let forgotten = self.entries.iter().filter(named);
        let Some(last) = forgotten.map(|entry| entry.idle_at(moment.now)).max() else {
            return Ok(None);
        };
        let (mut refused, mut admitted) = (moment.now, last);
        if !self.would_admit(
            item,
            Moment {
                now: last,
                ..moment
            },
        )? {
            return Ok(None);
        }
        while admitted.since(refused) > Duration::from_millis(1) {
            let half = Duration::from_millis(admitted.since(refused).as_millis() / 2);
            let now = refused.plus(half);
            if self.would_admit(item, Moment { now, ..moment })? {
                admitted = now;
            } else {
                refused = now;
            }
        }
        Ok(Some(admitted))
    }

    fn would_admit(&self, item: &Item, moment: Moment) -> Result<bool, UnknownTimeZone> {
        let mut states = Vec::with_capacity(item.policy.limits().len());
        for limit in item.policy.limits() {
            states.push(self.state_under(item.policy.name_or_empty(), limit, moment)?);
        }
        let mut states: Vec<&mut LimitState> = states.iter_mut().collect();
        let check = item.peek().check;
        decide(
            &item.policy,
            &mut states,
            &check,
            GrantSeed::default(),
            moment,
        )
        .map(|decision| decision.success)
    }
}
