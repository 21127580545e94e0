//! A calendar quota: so many units per minute, hour, day, week, month, quarter or year of a time
//! zone.
//!
//! Here are its words and what may be combined. When a period starts and ends is in
//! [`crate::calendar`]; how use is counted in it is the algorithm's business.

mod anchor;
mod zone_name;

pub(crate) use anchor::{clock_time, seconds_of_day};
pub use anchor::{Anchor, Weekday};
pub use zone_name::{TimeZoneName, MAX_ZONE_NAME};

use crate::error::InvalidLimit;
use crate::limit::in_range;
use crate::number::MAX_SAFE;

/// `limit` units per calendar period.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Quota {
    limit: u64,
    period: Period,
    time_zone: TimeZoneName,
    anchor: Anchor,
}

impl Quota {
    /// `limit` 0 (deny all) to 2^53; an anchor only with the parts that its period has:
    ///
    /// | period | anchor |
    /// |---|---|
    /// | `minute`, `hour` | none |
    /// | `day` | `time` |
    /// | `week` | `time`, `weekday` |
    /// | `month` | `time`, `day` |
    /// | `quarter`, `year` | `time`, `day`, `month` |
    pub fn new(
        limit: u64,
        period: Period,
        time_zone: TimeZoneName,
        anchor: Anchor,
    ) -> Result<Quota, InvalidLimit> {
        let misplaced = [
            (
                "anchor.time",
                anchor.time().is_some() && period < Period::Day,
            ),
            (
                "anchor.weekday",
                anchor.weekday().is_some() && period != Period::Week,
            ),
            (
                "anchor.day",
                anchor.day().is_some() && period < Period::Month,
            ),
            (
                "anchor.month",
                anchor.month().is_some() && period < Period::Quarter,
            ),
        ];
        if let Some(&(field, _)) = misplaced.iter().find(|(_, wrong)| *wrong) {
            return Err(InvalidLimit::Conflict {
                field,
                with: period.word(),
            });
        }
        Ok(Quota {
            limit: in_range("limit", limit, 0, MAX_SAFE)?,
            period,
            time_zone,
            anchor,
        })
    }

    /// The same periods with another limit, at most 2^53.
    #[must_use]
    pub(crate) fn with_limit(&self, limit: u64) -> Quota {
        Quota {
            limit,
            ..self.clone()
        }
    }

    /// The most units per period.
    pub const fn limit(&self) -> u64 {
        self.limit
    }

    /// How long a period is.
    pub const fn period(&self) -> Period {
        self.period
    }

    /// The zone whose clocks and calendar count.
    pub const fn time_zone(&self) -> &TimeZoneName {
        &self.time_zone
    }

    /// What moves the start of a period, as it was asked for.
    pub const fn anchor(&self) -> Anchor {
        self.anchor
    }

    /// Whether both have the same periods, whatever their limits.
    pub fn same_calendar(&self, other: &Quota) -> bool {
        (self.period, self.start()) == (other.period, other.start())
            && self.time_zone == other.time_zone
    }

    /// Period, zone and start in one word without spaces, such as `week:Europe/Berlin:0:6:32400`:
    /// equal for two quotas with the same calendar. The numbers are month, day or weekday (all from
    /// 0) and second of the day.
    pub fn dimension(&self) -> String {
        self.dimension_in(self.time_zone.as_str())
    }

    /// The same with the zone under another of its names, as builds have written it that took each
    /// name for a zone.
    pub(crate) fn dimension_in(&self, zone: &str) -> String {
        let mut text = self.period.word().to_owned();
        text.push(':');
        text.push_str(zone);
        for number in self.start() {
            text.push(':');
            text.push_str(&number.to_string());
        }
        text
    }

    /// Month, day or weekday, and second of the day on which periods start: the same whether or not
    /// a default was written out.
    fn start(&self) -> [u32; 3] {
        let anchor = &self.anchor;
        let month = anchor.month().map_or(0, |month| month - 1);
        // Quarters that start in April are those that start in January.
        let month = if self.period == Period::Quarter {
            month % 3
        } else {
            month
        };
        // At most one of the two is there.
        let weekday = anchor.weekday().map_or(0, |weekday| weekday as u8);
        let day = anchor.day().map_or(weekday, |day| day - 1);
        [month.into(), day.into(), anchor.time().unwrap_or(0)]
    }
}

/// The length of a quota's period, in calendar terms; shorter ones come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// Each minute of elapsed time.
    Minute,
    /// Each hour of elapsed time: the hour that clocks repeat in autumn is an hour of its own.
    Hour,
    /// Midnight to midnight, or from the anchored time.
    Day,
    /// Monday to Sunday, or from the anchored weekday.
    Week,
    /// From the first of the month, or the anchored day.
    Month,
    /// Three months from January, April, July and October, or so that one of them starts in the
    /// anchored month.
    Quarter,
    /// From the first of January, or the anchored month and day.
    Year,
}

impl Period {
    const ALL: [Period; 7] = [
        Period::Minute,
        Period::Hour,
        Period::Day,
        Period::Week,
        Period::Month,
        Period::Quarter,
        Period::Year,
    ];

    /// Reads the word for it in JSON.
    pub fn parse(text: &str) -> Result<Period, InvalidLimit> {
        Period::from_word(text).ok_or(InvalidLimit::Malformed {
            field: "period",
            expected: "minute, hour, day, week, month, quarter or year",
        })
    }

    /// The period that a word names.
    pub fn from_word(word: &str) -> Option<Period> {
        Period::ALL.into_iter().find(|period| period.word() == word)
    }

    /// The word for it in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Period::Minute => "minute",
            Period::Hour => "hour",
            Period::Day => "day",
            Period::Week => "week",
            Period::Month => "month",
            Period::Quarter => "quarter",
            Period::Year => "year",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc() -> TimeZoneName {
        TimeZoneName::default()
    }

    pub(super) fn field<T: core::fmt::Debug>(result: Result<T, InvalidLimit>) -> &'static str {
        match result.unwrap_err() {
            InvalidLimit::OutOfRange { field, .. }
            | InvalidLimit::Malformed { field, .. }
            | InvalidLimit::Conflict { field, .. } => field,
            InvalidLimit::UnknownTimeZone => "timeZone",
        }
    }

    #[test]
    fn limits_reach_from_0_to_2_to_the_53() {
        let build = |limit| Quota::new(limit, Period::Day, utc(), Anchor::default());
        assert_eq!(build(0).unwrap().limit(), 0);
        assert_eq!(build(MAX_SAFE).unwrap().limit(), MAX_SAFE);
        assert_eq!(field(build(MAX_SAFE + 1)), "limit");
    }

    #[test]
    fn every_period_reads_back_and_no_other_word_does() {
        for period in Period::ALL {
            assert_eq!(Period::parse(period.word()), Ok(period));
        }
        for wrong in ["", "Day", "days", "daily", "1d", "second", "decade"] {
            assert_eq!(field(Period::parse(wrong)), "period", "{wrong:?}");
        }
    }

    #[test]
    fn an_anchor_has_only_what_its_period_has() {
        let parts = [
            Anchor::default().with_time("08:00").unwrap(),
            Anchor::default().with_weekday("sunday").unwrap(),
            Anchor::default().with_day(15).unwrap(),
            Anchor::default().with_month(4).unwrap(),
        ];
        let names = [
            "anchor.time",
            "anchor.weekday",
            "anchor.day",
            "anchor.month",
        ];
        // minute, hour, day, week, month, quarter, year
        let allowed = ["", "", "t", "tw", "td", "tdm", "tdm"];
        for (period, allowed) in Period::ALL.into_iter().zip(allowed) {
            for ((part, name), letter) in parts.into_iter().zip(names).zip("twdm".chars()) {
                let built = Quota::new(1, period, utc(), part);
                let clash = InvalidLimit::Conflict {
                    field: name,
                    with: period.word(),
                };
                match allowed.contains(letter) {
                    true => assert_eq!(built.unwrap().anchor(), part),
                    false => assert_eq!(built, Err(clash)),
                }
            }
        }
    }

    #[test]
    fn a_default_written_out_is_the_same_calendar() {
        let anchor = Anchor::default;
        let quota = |limit, period, anchor| Quota::new(limit, period, utc(), anchor).unwrap();
        let same = [
            (Period::Week, anchor().with_weekday("monday")),
            (Period::Day, anchor().with_time("00:00")),
            (Period::Month, anchor().with_day(1)),
            (Period::Year, anchor().with_month(1)),
            (Period::Quarter, anchor().with_month(10)),
        ];
        for (period, written) in same {
            let written = quota(5, period, written.unwrap());
            assert!(
                written.same_calendar(&quota(9, period, anchor())),
                "{period:?}"
            );
        }
    }

    #[test]
    fn another_period_zone_or_start_is_another_calendar() {
        let anchor = Anchor::default;
        let berlin = || TimeZoneName::new("Europe/Berlin").unwrap();
        let all = [
            (Period::Day, utc(), Ok(anchor())),
            (Period::Day, berlin(), Ok(anchor())),
            (Period::Day, utc(), anchor().with_time("00:01")),
            (Period::Week, utc(), Ok(anchor())),
            (Period::Week, utc(), anchor().with_weekday("tuesday")),
            (Period::Month, utc(), Ok(anchor())),
            (Period::Month, utc(), anchor().with_day(2)),
            (Period::Quarter, utc(), anchor().with_month(2)),
            (Period::Year, utc(), anchor().with_month(2)),
            (Period::Year, utc(), anchor().with_month(5)),
        ];
        let all = all.map(|(period, zone, at)| Quota::new(1, period, zone, at.unwrap()).unwrap());
        for (i, a) in all.iter().enumerate() {
            for (j, b) in all.iter().enumerate() {
                assert_eq!(
                    a.same_calendar(b),
                    i == j,
                    "{} {}",
                    a.dimension(),
                    b.dimension()
                );
            }
        }
    }

    #[test]
    fn the_stored_word_for_a_calendar_stays_as_it_is() {
        let year = Anchor::default()
            .with_month(4)
            .unwrap()
            .with_day(6)
            .unwrap();
        let week = Anchor::default()
            .with_weekday("sunday")
            .unwrap()
            .with_time("09:00")
            .unwrap();
        let berlin = TimeZoneName::new("Europe/Berlin").unwrap();
        let rows = [
            (Period::Day, Anchor::default(), "day:Europe/Berlin:0:0:0"),
            (Period::Week, week, "week:Europe/Berlin:0:6:32400"),
            (Period::Year, year, "year:Europe/Berlin:3:5:0"),
        ];
        for (period, anchor, word) in rows {
            let quota = Quota::new(1, period, berlin.clone(), anchor).unwrap();
            assert_eq!(quota.dimension(), word);
        }
    }
}
