//! Use that happened while this object could not be asked: recorded when it can be again.

use crate::algorithm::state::Moment;
use crate::algorithm::Take;

use super::operations::Operation;
use super::{Effects, Item, Refusal, SubjectState};

impl SubjectState {
    /// Counts what was given out elsewhere, past any limit and any block: it has been used. Of each limit at most the whole is charged, so
    /// that a long absence is not followed by an equally long refusal. A repeated call charges nothing more. Slots cannot be given out
    /// elsewhere, and refunds not be recorded so: such items change nothing.
    pub fn charge(
        &mut self,
        items: &[Item],
        operation: u128,
        moment: Moment,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        self.readable()?;
        if self.operations.find(operation, moment.now).is_some() {
            return Ok(());
        }
        self.operations.make_room(moment.now)?;
        for item in items {
            let units = u64::try_from(item.check.cost).unwrap_or(0);
            if units == 0 || item.policy.gives_permits() {
                continue;
            }
            let picked = self.pick(item, moment, effects)?;
            for (&place, limit) in picked.places.iter().zip(item.policy.limits()) {
                let state = &mut self.entries[place].state;
                state.project(limit.algorithm(), moment)?;
                let take = Take::of(units.min(limit.algorithm().limit()));
                state.take(limit.algorithm(), take, moment.now, moment)?;
            }
            for key in self.store(item, &picked, moment, effects)? {
                self.operations.drop_charges_of(&key);
            }
            self.charge_others(item, &picked.places, moment.now, moment, effects)?;
        }
        let done = Operation::new(operation, Vec::new(), Vec::new(), moment.now);
        self.operations.remember(done);
        self.ensure_alarm(moment, effects);
        Ok(())
    }
}
