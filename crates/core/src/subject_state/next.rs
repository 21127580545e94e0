//! When a request is admitted next, again and again: found by deciding it on a copy of what is
//! kept, at simulated instants.

use crate::algorithm::state::Moment;
use crate::{Duration, Timestamp};

use super::{Effects, Item, Refusal, SubjectState};

/// The most admissions of which the instants are told at once.
pub const MAX_NEXT: usize = 10;

impl SubjectState {
    /// The time from now until each of the next `count` (at most [`MAX_NEXT`]) admissions of
    /// `item`, when each is asked for at the first instant at which it is admitted and nobody else
    /// asks; rising, 0 for one that would be admitted now. Fewer where the next one never is: none
    /// where waiting cannot help at all.
    ///
    /// The item is decided as [`SubjectState::limit`] would: under the newest version of its
    /// policy, and not while a block holds. What may still be taken back of recent operations
    /// counts as spent, and an admission with a delay is told by when it is asked for. Changes
    /// nothing; a peek is answered alike.
    pub fn next(
        &self,
        item: &Item,
        count: usize,
        moment: Moment,
    ) -> Result<Vec<Duration>, Refusal> {
        self.loaded.readable()?;
        let mut copy = SubjectState {
            limits: self.limits.clone(),
            blocks: self.blocks.clone(),
            ..SubjectState::default()
        };
        let mut peek = self.newest(core::slice::from_ref(item), moment)[0].peek();
        let mut permits = u128::MAX;
        let mut next = Vec::new();
        let mut at = moment;
        while next.len() < count.min(MAX_NEXT) {
            let Some(first) = copy.first_admitted(&peek, at)? else {
                break;
            };
            at.now = first;
            next.push(first.since(moment.now));
            permits -= 1;
            peek.check.peek = false;
            let item = core::slice::from_ref(&peek);
            copy.limit(item, None, &mut || permits, at, &mut Effects::default())?;
            peek.check.peek = true;
        }
        Ok(next)
    }

    /// The first instant from now on at which a peek is answered with an admission. Each wait is
    /// exact, but a block and the limits behind it are waited for one after the other.
    fn first_admitted(
        &mut self,
        peek: &Item,
        moment: Moment,
    ) -> Result<Option<Timestamp>, Refusal> {
        let mut at = moment;
        loop {
            let decision = self.decider().look(peek, at)?;
            if decision.success {
                return Ok(Some(at.now));
            }
            let wait = decision.retry_after.filter(|wait| *wait > Duration::ZERO);
            match wait {
                Some(wait) if at.now < Timestamp::MAX => at.now = at.now.plus(wait),
                _ => return Ok(None),
            }
        }
    }
}
