//! When a request is admitted next, again and again: found by deciding it on a copy of what is
//! kept, at simulated instants.

use crate::algorithm::state::Moment;
use crate::decide::Check;
use crate::{Duration, Timestamp};

use super::{Effects, Item, Refusal, SubjectState};

/// The most admissions of which the instants are told at once.
pub const MAX_NEXT: usize = 10;
/// How many refusals in a row are waited for: of a block, then of the limits behind it, whose wait
/// ends with an admission. So this many never come.
const MAX_REFUSALS: usize = 4;

impl SubjectState {
    /// The time from now until each of the next `count` (at most [`MAX_NEXT`]) admissions of
    /// `item`, for a caller who asks now, again as soon as he was admitted, and after each
    /// `retryAfter`, while nobody else asks. Rising, and 0 for what is admitted now. Fewer where
    /// the next one never is: none where waiting cannot help at all.
    ///
    /// Each is decided as [`SubjectState::limit`] does: under the newest version of its policy, and
    /// not while a block holds. What may still be taken back of recent operations counts as spent.
    /// An admission with a delay is told by the instant at which it is asked for. Changes nothing;
    /// a peek is answered like the request itself.
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
        let asked = Item {
            policy: item.policy.clone(),
            check: Check {
                peek: false,
                ..item.check.clone()
            },
        };
        let items = &*self.newest(core::slice::from_ref(&asked), moment);
        let mut permit = u128::MAX;
        let mut next = Vec::new();
        let (mut at, mut refusals) = (moment, 0);
        while next.len() < count.min(MAX_NEXT) && refusals < MAX_REFUSALS {
            permit -= 1;
            let effects = &mut Effects::default();
            let decisions = copy.limit(items, None, &mut || permit, at, effects)?;
            let Some(decision) = decisions.first() else {
                break; // not reached: each item has its decision
            };
            if decision.success {
                next.push(at.now.since(moment.now));
                refusals = 0;
            } else if let (Some(wait), true) = (decision.retry_after, at.now < Timestamp::MAX) {
                at.now = at.now.plus(wait);
                refusals += 1;
            } else {
                break;
            }
        }
        Ok(next)
    }
}
