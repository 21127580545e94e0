//! Numbers of a limit that change at known instants: `stages`, which count from each subject's own
//! start, and `times`, which follow the clocks of a time zone.
//!
//! A limit has its own definition, and one that is in force: the same but for `limit`, `capacity`
//! and rate. Everything that decides works with the definition in force ([`crate::in_force`]), and
//! knows when that ends.
//!
//! **Both together.** Of `times` the first entry that holds takes the place of the limit's own
//! numbers. Where the limit has `stages` as well, the smaller number of both is in force, one by
//! one: a warm-up is never passed at any hour, nor a night rate in any stage.

mod clock;
mod hours;
mod numbers;
mod stage;

pub use clock::{Pause, StageClock};
pub use hours::{Hours, WeekDays};
pub use numbers::Numbers;
pub use stage::Stage;

use super::quota::TimeZoneName;
use super::{in_range, Algorithm};
use crate::error::InvalidLimit;

/// The most steps of `stages`.
pub const MAX_STAGES: usize = 64;
/// The most entries of `times`.
pub const MAX_TIMES: usize = 32;
/// In so many different time zones at most are the entries of `times` that somebody brings: whoever
/// looks ahead reads the clocks of each at every change.
pub const MAX_TIME_ZONES: usize = 4;

/// What a limit with changing numbers has beside those in force.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Schedule {
    /// The limit's own algorithm: what no step says is as it says.
    own: Algorithm,
    stages: Vec<Stage>,
    times: Vec<Hours>,
    /// At which seconds of the day hours may begin or end on the clocks of each of their zones.
    marks: Vec<(TimeZoneName, Vec<u32>)>,
}

impl Schedule {
    /// The steps from a subject's start on, in order: each but the last with its length.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// The hours with other numbers: the first that holds is in force.
    pub fn times(&self) -> &[Hours] {
        &self.times
    }

    /// At which seconds of the day the hours may begin or end, by the clocks that show them.
    pub(crate) fn marks(&self) -> &[(TimeZoneName, Vec<u32>)] {
        &self.marks
    }

    /// The limit's own algorithm.
    pub const fn own(&self) -> &Algorithm {
        &self.own
    }

    /// Those of all steps.
    pub(super) fn numbers(&self) -> impl Iterator<Item = &Numbers> {
        let stages = self.stages.iter().map(Stage::numbers);
        stages.chain(self.times.iter().map(Hours::numbers))
    }

    /// 1 to [`MAX_STAGES`] stages or none, of which the first admits something: a subject starts
    /// with its first admission. At most [`MAX_TIMES`] entries of `times`, and not none of both.
    pub(super) fn new(
        own: Algorithm,
        stages: Vec<Stage>,
        times: Vec<Hours>,
    ) -> Result<Schedule, InvalidLimit> {
        in_range("stages", stages.len() as u64, 0, MAX_STAGES as u64)?;
        in_range("times", times.len() as u64, 0, MAX_TIMES as u64)?;
        if let Some((last, before)) = stages.split_last() {
            if last.length().is_some() || before.iter().any(|stage| stage.length().is_none()) {
                return Err(InvalidLimit::Malformed {
                    field: "stages",
                    expected: "steps with `for`, but the last, which has none and stays in force",
                });
            }
            if own.with(stages[0].numbers()).limit() == 0 {
                return Err(InvalidLimit::Malformed {
                    field: "stages",
                    expected: "steps of which the first admits 1 or more: a subject starts with \
                               its first admission",
                });
            }
        }
        let schedule = Schedule {
            marks: hours::marks_of(&times),
            own,
            stages,
            times,
        };
        for numbers in schedule.numbers() {
            numbers.suits(&schedule.own)?;
        }
        Ok(schedule)
    }
}
