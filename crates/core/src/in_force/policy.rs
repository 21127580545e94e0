//! A policy at one instant.

use crate::algorithm::state::Moment;
use crate::calendar::UnknownTimeZone;
use crate::limit::schedule::StageClock;
use crate::policy::Policy;
use crate::Timestamp;

impl Policy {
    /// The policy with the numbers that are in force at this moment, for a subject whose stages run
    /// by `clock`; it says until when they are ([`Policy::in_force_until`]).
    pub fn in_force(
        &self,
        clock: Option<&StageClock>,
        moment: Moment,
    ) -> Result<Policy, UnknownTimeZone> {
        let until = self.next_change(clock, moment)?;
        self.in_force_till(until, clock, moment)
    }

    /// The same where it is known until when.
    pub(crate) fn in_force_till(
        &self,
        until: Option<Timestamp>,
        clock: Option<&StageClock>,
        moment: Moment,
    ) -> Result<Policy, UnknownTimeZone> {
        let limits = self.limits().iter();
        let limits = limits.map(|limit| limit.in_force(clock, moment));
        Ok(self.with_numbers(limits.collect::<Result<_, _>>()?, until))
    }

    /// The next instant at which the numbers of any of its limits are others.
    pub fn next_change(
        &self,
        clock: Option<&StageClock>,
        moment: Moment,
    ) -> Result<Option<Timestamp>, UnknownTimeZone> {
        let mut next = None;
        for limit in self.limits() {
            let change = limit.next_change(clock, moment)?;
            next = change.into_iter().chain(next).min();
        }
        Ok(next)
    }
}
