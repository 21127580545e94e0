//! Refusals that rest on charges which may yet be taken back: those of operations over several objects, of which this one does not know
//! whether the others have admitted them.

use crate::algorithm::state::Moment;
use crate::decision::Decision;
use crate::{Duration, Timestamp};

use super::operations::Operations;
use super::{Effects, Item, Refusal, SubjectState};

/// So many young operations are looked at. With more of them it is taken for granted that their units would have been enough.
const MAX_LOOKED_AT: usize = 64;

impl SubjectState {
    /// Marks those refusals that would be admissions without young charges: nobody may remember them, and no wait is told beyond the
    /// time at which the last of these charges is taken back or stays.
    pub(super) fn mark_contended(
        &self,
        items: &[Item],
        answers: &mut [Decision],
        moment: Moment,
    ) -> Result<(), Refusal> {
        if answers.iter().all(|answer| answer.success) {
            return Ok(());
        }
        let keys = self.keys_of(items);
        let Some(until) = self.operations.young_until(&keys, moment.now) else {
            return Ok(());
        };
        let without = match self.without_young(&keys, moment)? {
            Some(without) => without.seen_all(items, moment)?,
            None => vec![true; answers.len()],
        };
        for (answer, admitted) in answers.iter_mut().zip(without) {
            if !answer.success && admitted {
                answer.wait_no_longer_than(until);
            }
        }
        Ok(())
    }

    /// The keys of the states that decide these items.
    fn keys_of(&self, items: &[Item]) -> Vec<String> {
        let concerned = self.entries.iter().filter(|entry| {
            items.iter().any(|item| {
                let policy = item.policy.name_or_empty();
                let mut limits = item.policy.limits().iter();
                limits.any(|limit| entry.keeps(policy, limit) || entry.is_named_as(policy, limit))
            })
        });
        concerned.map(|entry| entry.key()).collect()
    }

    /// The subject as it would be if the young operations on these states were taken back; `None` where they are too many to look at.
    fn without_young(
        &self,
        keys: &[String],
        moment: Moment,
    ) -> Result<Option<SubjectState>, Refusal> {
        let Some(young) = self.operations.young(keys, moment.now, MAX_LOOKED_AT) else {
            return Ok(None);
        };
        let mut without = SubjectState {
            entries: self.entries.clone(),
            blocks: self.blocks.clone(),
            operations: Operations::default(),
            ..SubjectState::default()
        };
        let ids: Vec<u128> = young.iter().map(|operation| operation.id()).collect();
        young
            .into_iter()
            .for_each(|it| without.operations.remember(it));
        for id in ids {
            without.cancel(id, moment, &mut Effects::default())?;
        }
        Ok(Some(without))
    }

    /// Whether each item would be admitted, all of them asked in one call.
    fn seen_all(mut self, items: &[Item], moment: Moment) -> Result<Vec<bool>, Refusal> {
        let (holder, unused) = (None, &mut Effects::default());
        let answers = match items {
            [item] => vec![self.limit_one(&item.peek(), holder, moment, unused)?.0],
            items => self.limit_all(items, holder, moment, unused)?.0,
        };
        Ok(answers.iter().map(|answer| answer.success).collect())
    }
}

impl Decision {
    /// A refusal that may end at any time until then.
    fn wait_no_longer_than(&mut self, until: Timestamp) {
        let longest = until.since(self.at);
        self.contended = true;
        self.cache_for = Duration::ZERO;
        self.retry_after = Some(self.retry_after.map_or(longest, |wait| wait.min(longest)));
        let sooner = |mut standing: crate::decision::Standing| {
            if standing.refused.is_some() {
                standing.retry_at = Some(standing.retry_at.map_or(until, |at| at.min(until)));
            }
            standing
        };
        self.limits = self.limits.iter().copied().map(sooner).collect();
    }
}
