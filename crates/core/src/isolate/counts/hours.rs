//! Limits whose numbers change by the hour: the isolate's clock tells which are in force. What is
//! counted in a window counts under all of them.

use std::borrow::Cow;

use crate::algorithm::state::Moment;
use crate::calendar::UnknownTimeZone;
use crate::decide::Check;
use crate::decision::Decision;
use crate::policy::Policy;
use crate::subject_state::{first_fit, Foresight};
use crate::Timestamp;

use super::count::{decided, Count};

/// The policy with the numbers that are in force.
pub(super) fn present<'a>(
    policy: &'a Policy,
    moment: Moment,
) -> Result<Cow<'a, Policy>, UnknownTimeZone> {
    // Limits with stages are not counted here.
    Ok(match policy.is_scheduled() {
        true => Cow::Owned(policy.in_force(None, moment)?),
        false => Cow::Borrowed(policy),
    })
}

/// What a check would be answered later, as far as this isolate knows the use.
pub(super) struct Later<'a> {
    pub(super) policy: &'a Policy,
    pub(super) check: &'a Check,
    /// The count of each of the policy's limits.
    pub(super) counts: Vec<&'a Count>,
}

impl Later<'_> {
    /// Tells a refusal that was made under the numbers in force when the check fits.
    pub(super) fn look_ahead(
        mut self,
        refusal: &mut Decision,
        moment: Moment,
    ) -> Result<(), UnknownTimeZone> {
        if self.policy.is_scheduled() && refusal.deciding.is_some() {
            refusal.comes_at(first_fit(&mut self, refusal, moment)?);
        }
        Ok(())
    }
}

impl Foresight for Later<'_> {
    fn decided_at(&self, moment: Moment) -> Result<Decision, UnknownTimeZone> {
        let policy = present(self.policy, moment)?;
        let mut counts: Vec<Count> = self.counts.iter().map(|&count| count.clone()).collect();
        for (count, limit) in counts.iter_mut().zip(policy.limits()) {
            count.advance(&policy, limit, moment)?;
        }
        decided(&policy, counts.iter(), self.check, moment)
    }

    fn forgotten_at(&self, now: Timestamp) -> Timestamp {
        now // not asked
    }

    /// Windows count under all numbers alike.
    fn advance(&mut self, _moment: Moment) -> Result<(), UnknownTimeZone> {
        Ok(())
    }

    fn next_change(&mut self, moment: Moment) -> Result<Option<Timestamp>, UnknownTimeZone> {
        self.policy.next_change(None, moment)
    }
}
