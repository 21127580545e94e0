//! One entry of `times`: hours of the day, on days of the week, as the clocks of a zone show them.

use super::Numbers;
use crate::error::InvalidLimit;
use crate::limit::quota::{clock_time, seconds_of_day, TimeZoneName, Weekday};

/// Seconds of a day on the clock.
const DAY: u64 = 86_400;

/// Days of the week, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WeekDays(u8);

impl WeekDays {
    /// Every day.
    pub const ALL: WeekDays = WeekDays(0b111_1111);

    /// These days; `None` where there is none, or one twice.
    pub fn of(days: impl IntoIterator<Item = Weekday>) -> Option<WeekDays> {
        let mut set = 0;
        for day in days {
            let bit = 1 << day as u8;
            if set & bit != 0 {
                return None;
            }
            set |= bit;
        }
        (set != 0).then_some(WeekDays(set))
    }

    /// One bit a day, Monday the lowest.
    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    /// The days of such bits.
    pub(crate) fn stored(bits: u8) -> Option<WeekDays> {
        (1..=WeekDays::ALL.0)
            .contains(&bits)
            .then_some(WeekDays(bits))
    }

    /// Whether the day, Monday 0 to Sunday 6, is one of them.
    pub(crate) const fn has(self, day: u8) -> bool {
        self.0 & (1 << day) != 0
    }

    /// The days, from Monday on.
    pub fn days(self) -> impl Iterator<Item = Weekday> {
        let all = Weekday::ALL.into_iter();
        all.filter(move |day| self.has(*day as u8))
    }
}

/// Numbers that hold while the clocks of a zone show certain hours.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Hours {
    /// From the first second of the day on, and before the second one: on the next day where that
    /// is the earlier one. `None`: the whole day.
    between: Option<(u32, u32)>,
    /// The days on which these hours begin.
    days: WeekDays,
    zone: TimeZoneName,
    numbers: Numbers,
}

impl Hours {
    /// Hours between two different times of the day, `HH:MM` or `HH:MM:SS`; `None` for whole days.
    pub fn new(
        between: Option<(&str, &str)>,
        days: WeekDays,
        zone: TimeZoneName,
        numbers: Numbers,
    ) -> Result<Hours, InvalidLimit> {
        let seconds = |text| seconds_of_day(text).map_or(u64::MAX, u64::from);
        let between = between.map(|(from, to)| (seconds(from), seconds(to)));
        Hours::stored(between, days, zone, numbers)
    }

    /// The same, each time in seconds since midnight.
    pub(crate) fn stored(
        between: Option<(u64, u64)>,
        days: WeekDays,
        zone: TimeZoneName,
        numbers: Numbers,
    ) -> Result<Hours, InvalidLimit> {
        let is_time = |second: u64| second < DAY;
        match between {
            Some((from, to)) if from == to || !is_time(from) || !is_time(to) => {
                Err(InvalidLimit::Malformed {
                    field: "between",
                    expected: "two different times of day as HH:MM or HH:MM:SS",
                })
            }
            _ => Ok(Hours {
                // Below the seconds of a day.
                between: between.map(|(from, to)| (from as u32, to as u32)),
                days,
                zone,
                numbers,
            }),
        }
    }

    /// The same hours with other numbers.
    pub(crate) fn with_numbers(&self, numbers: Numbers) -> Hours {
        Hours {
            numbers,
            ..self.clone()
        }
    }

    /// The two times of the day in seconds since midnight; `None` for whole days.
    pub(crate) const fn seconds(&self) -> Option<(u32, u32)> {
        self.between
    }

    /// The two times of the day, as `HH:MM:SS`; `None` for whole days.
    pub fn between(&self) -> Option<[String; 2]> {
        let (from, to) = self.between?;
        Some([clock_time(from), clock_time(to)])
    }

    /// The days on which the hours begin.
    pub const fn days(&self) -> WeekDays {
        self.days
    }

    /// Whose clocks show them.
    pub const fn zone(&self) -> &TimeZoneName {
        &self.zone
    }

    /// What is in force then.
    pub const fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// The seconds of the day at which they may begin or end.
    fn marks(&self) -> [u32; 2] {
        self.between.map_or([0, 0], |(from, to)| [from, to])
    }
}

/// At which seconds of the day such hours may begin or end, by the clocks of each of their zones.
pub(super) fn marks_of(times: &[Hours]) -> Vec<(TimeZoneName, Vec<u32>)> {
    let mut all: Vec<(TimeZoneName, Vec<u32>)> = Vec::new();
    for hours in times {
        let place = all.iter().position(|(zone, _)| zone == hours.zone());
        let place = place.unwrap_or(all.len());
        if place == all.len() {
            all.push((hours.zone().clone(), Vec::new()));
        }
        all[place].1.extend(hours.marks());
    }
    for (_, marks) in &mut all {
        marks.sort_unstable();
        marks.dedup();
    }
    all
}
