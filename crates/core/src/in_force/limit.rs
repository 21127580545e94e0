//! A limit at one instant.

use super::steps::Steps;
use crate::algorithm::state::Moment;
use crate::calendar::UnknownTimeZone;
use crate::limit::schedule::StageClock;
use crate::{Limit, Timestamp};

/// The most instants that are looked at for one at which the numbers are others: those of an entry
/// for one day of the week. After that many a change is told that is none, which does no harm.
const MAX_INSTANTS: usize = 16;

impl Limit {
    /// The limit with the numbers that are in force at this moment, for a subject whose stages run
    /// by `clock`: `None` before its first admission, while the first step holds.
    pub fn in_force(
        &self,
        clock: Option<&StageClock>,
        moment: Moment,
    ) -> Result<Limit, UnknownTimeZone> {
        match self.schedule() {
            Some(schedule) => {
                let numbers = Steps { schedule, clock }.in_force(moment)?;
                Ok(self.under_numbers(&numbers))
            }
            None => Ok(self.clone()),
        }
    }

    /// The next instant at which its numbers are others; `None` where they stay as they are.
    pub fn next_change(
        &self,
        clock: Option<&StageClock>,
        moment: Moment,
    ) -> Result<Option<Timestamp>, UnknownTimeZone> {
        let Some(schedule) = self.schedule() else {
            return Ok(None);
        };
        let steps = Steps { schedule, clock };
        let present = steps.in_force(moment)?;
        let mut at = moment;
        for _ in 0..MAX_INSTANTS {
            match steps.next_instant(at)? {
                None => return Ok(None),
                Some(next) => at.now = next,
            }
            if steps.in_force(at)? != present {
                break;
            }
        }
        Ok(Some(at.now))
    }

    /// Which stage is in force, from 0, and when the next one begins, as far as that is known.
    pub fn stage(
        &self,
        clock: Option<&StageClock>,
        moment: Moment,
    ) -> Result<Option<(usize, Option<Timestamp>)>, UnknownTimeZone> {
        match self.schedule() {
            Some(schedule) if !schedule.stages().is_empty() => {
                let steps = Steps { schedule, clock };
                Ok(Some((steps.stage_at(moment)?, steps.stage_ends(moment)?)))
            }
            _ => Ok(None),
        }
    }
}
