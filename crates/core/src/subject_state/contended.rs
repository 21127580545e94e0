//! Refusals that rest on charges which may yet be taken back: those of operations over several
//! objects, of which this one does not know whether the others have admitted them.

use crate::algorithm::state::Moment;
use crate::decision::Decision;

use super::blocks::Blocks;
use super::decider::Decider;
use super::entry::Entry;
use super::granted::Share;
use super::holds::Terms;
use super::limits::Limits;
use super::operations::Operations;
use super::{Effects, Item, Refusal};

/// So many young operations are looked at. With more of them it is taken for granted that their
/// units would have been enough.
const MAX_LOOKED_AT: usize = 64;

/// What a refusal rests on.
pub(super) struct Contended<'a> {
    pub(super) limits: &'a Limits,
    pub(super) blocks: &'a Blocks,
    pub(super) operations: &'a Operations,
}

impl Contended<'_> {
    /// Marks those refusals that would be admissions without young charges: nobody may remember
    /// them, and no wait is told beyond the time at which the last of these charges is taken back
    /// or stays. Where that cannot be known, because a time zone is gone or the operations are too
    /// many to look at, their units are taken to have been enough.
    pub(super) fn mark(&self, items: &[Item], answers: &mut [Decision], moment: Moment) {
        if answers.iter().all(|answer| answer.success) {
            return;
        }
        let keys = self.keys_of(items);
        let Some(until) = self.operations.young_until(&keys, moment.now) else {
            return;
        };
        let without = match self.without_young(&keys, moment) {
            Ok(Some(mut without)) => self.seen(&mut without, items, moment),
            Ok(None) => Ok(vec![true; answers.len()]),
            Err(refusal) => Err(refusal),
        };
        let without = without.unwrap_or_else(|_| vec![true; answers.len()]);
        for (answer, admitted) in answers.iter_mut().zip(without) {
            if !answer.success && admitted {
                answer.wait_no_longer_than(until);
            }
        }
    }

    /// The keys of the states that decide these items.
    fn keys_of(&self, items: &[Item]) -> Vec<String> {
        let is_asked = |entry: &&Entry| {
            items.iter().any(|item| {
                let mut limits = item.policy.limits().iter();
                limits.any(|limit| entry.concerns(&item.policy, limit))
            })
        };
        let concerned = self.limits.entries.iter().filter(is_asked);
        let granted = items.iter().flat_map(|item| item.policy.granted());
        let granted = granted.map(|it| Share::key_of(it.id));
        concerned.map(Entry::key).chain(granted).collect()
    }

    /// The limits as they would be if the young operations on these states were taken back; `None`
    /// where they are too many to look at.
    fn without_young(&self, keys: &[String], moment: Moment) -> Result<Option<Limits>, Refusal> {
        let Some(young) = self.operations.young(keys, moment.now, MAX_LOOKED_AT) else {
            return Ok(None);
        };
        let mut limits = self.limits.clone();
        let mut operations = Operations::default();
        let ids: Vec<u128> = young.iter().map(|operation| operation.id()).collect();
        young.into_iter().for_each(|it| operations.remember(it));
        for id in ids {
            limits.take_back(id, &mut operations, moment, &mut Effects::default())?;
        }
        Ok(Some(limits))
    }

    /// Whether each item would be admitted by these limits, all of them asked in one call.
    fn seen(
        &self,
        limits: &mut Limits,
        items: &[Item],
        moment: Moment,
    ) -> Result<Vec<bool>, Refusal> {
        let blocks = self.blocks;
        let mut decider = Decider {
            limits,
            blocks,
            terms: Terms::default(),
            taken: None,
        };
        let unused = &mut Effects::default();
        let (answers, _) = match items {
            [item] => decider.decide(&[item.peek()], None, moment, unused)?,
            items => decider.decide(items, None, moment, unused)?,
        };
        Ok(answers.iter().map(|answer| answer.success).collect())
    }
}
