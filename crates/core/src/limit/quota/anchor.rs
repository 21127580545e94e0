//! Where in the calendar a period starts. Which parts a period may have is checked by
//! [`super::Quota`].

use crate::error::InvalidLimit;
use crate::limit::in_range;

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Weekday {
    /// The day on which weeks start by default.
    Monday,
    /// The second day.
    Tuesday,
    /// The third day.
    Wednesday,
    /// The fourth day.
    Thursday,
    /// The fifth day.
    Friday,
    /// The sixth day.
    Saturday,
    /// The seventh day.
    Sunday,
}

impl Weekday {
    /// All of them.
    pub const ALL: [Weekday; 7] = [
        Weekday::Monday,
        Weekday::Tuesday,
        Weekday::Wednesday,
        Weekday::Thursday,
        Weekday::Friday,
        Weekday::Saturday,
        Weekday::Sunday,
    ];

    /// The word for it in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Weekday::Monday => "monday",
            Weekday::Tuesday => "tuesday",
            Weekday::Wednesday => "wednesday",
            Weekday::Thursday => "thursday",
            Weekday::Friday => "friday",
            Weekday::Saturday => "saturday",
            Weekday::Sunday => "sunday",
        }
    }

    /// Its first three letters.
    pub fn short(self) -> &'static str {
        &self.word()[..3]
    }

    /// The day that three letters name.
    pub fn from_short(word: &str) -> Option<Weekday> {
        Weekday::ALL.into_iter().find(|day| day.short() == word)
    }

    /// The day that a word names.
    pub fn from_word(word: &str) -> Option<Weekday> {
        Weekday::ALL.into_iter().find(|day| day.word() == word)
    }
}

/// Moves the start of a period away from midnight, Monday, the first of the month or January. An
/// absent part does not move it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Anchor {
    time: Option<u32>,
    weekday: Option<Weekday>,
    day: Option<u8>,
    month: Option<u8>,
}

impl Anchor {
    /// Starts at this time of day on the zone's clocks: `HH:MM` or `HH:MM:SS`, `00:00` to
    /// `23:59:59`.
    pub fn with_time(mut self, text: &str) -> Result<Anchor, InvalidLimit> {
        self.time = Some(seconds_of_day(text).ok_or(InvalidLimit::Malformed {
            field: "anchor.time",
            expected: "a time of day as HH:MM or HH:MM:SS",
        })?);
        Ok(self)
    }

    /// Starts weeks on this day: `monday` to `sunday`.
    pub fn with_weekday(mut self, text: &str) -> Result<Anchor, InvalidLimit> {
        self.weekday = Some(Weekday::from_word(text).ok_or(InvalidLimit::Malformed {
            field: "anchor.weekday",
            expected: "monday, tuesday, wednesday, thursday, friday, saturday or sunday",
        })?);
        Ok(self)
    }

    /// Starts on this day of the month, 1 to 31; in a shorter month on its last day.
    pub fn with_day(mut self, day: u64) -> Result<Anchor, InvalidLimit> {
        // At most 31 after the check, so nothing is cut off.
        self.day = Some(in_range("anchor.day", day, 1, 31)? as u8);
        Ok(self)
    }

    /// Starts in this month, 1 (January) to 12.
    pub fn with_month(mut self, month: u64) -> Result<Anchor, InvalidLimit> {
        // At most 12 after the check, so nothing is cut off.
        self.month = Some(in_range("anchor.month", month, 1, 12)? as u8);
        Ok(self)
    }

    /// The time of day in seconds since midnight on the clock; `None` means midnight.
    pub const fn time(&self) -> Option<u32> {
        self.time
    }

    /// The time of day as `HH:MM:SS`; `None` means midnight.
    pub fn clock_time(&self) -> Option<String> {
        self.time.map(clock_time)
    }

    /// The first day of a week; `None` means Monday.
    pub const fn weekday(&self) -> Option<Weekday> {
        self.weekday
    }

    /// The first day of a month, before clamping to the month's end; `None` means the first.
    pub const fn day(&self) -> Option<u8> {
        self.day
    }

    /// The first month of a year or of one of the quarters; `None` means January.
    pub const fn month(&self) -> Option<u8> {
        self.month
    }
}

/// Seconds since midnight as `HH:MM:SS`.
pub(crate) fn clock_time(seconds: u32) -> String {
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}", seconds % 60)
}

/// `HH:MM` or `HH:MM:SS` as seconds since midnight.
pub(crate) fn seconds_of_day(text: &str) -> Option<u32> {
    let two_digits = |part: &str, below: u32| {
        let plain = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        part.parse::<u32>().ok().filter(|&n| plain && n < below)
    };
    let mut parts = text.split(':');
    let hours = two_digits(parts.next()?, 24)?;
    let minutes = two_digits(parts.next()?, 60)?;
    let seconds = parts.next().map_or(Some(0), |part| two_digits(part, 60))?;
    parts
        .next()
        .is_none()
        .then_some((hours * 60 + minutes) * 60 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::quota::tests::field;

    #[test]
    fn every_weekday_reads_back_and_no_other_word_does() {
        for weekday in Weekday::ALL {
            let anchor = Anchor::default().with_weekday(weekday.word()).unwrap();
            assert_eq!(anchor.weekday(), Some(weekday));
        }
        for wrong in ["", "Monday", "mon", "1"] {
            let anchor = Anchor::default().with_weekday(wrong);
            assert_eq!(field(anchor), "anchor.weekday", "{wrong:?}");
        }
    }

    #[test]
    fn a_time_of_day_is_hours_minutes_and_perhaps_seconds() {
        let rows = [
            ("00:00", 0),
            ("08:30", 30_600),
            ("23:59", 86_340),
            ("00:00:01", 1),
            ("23:59:59", 86_399),
        ];
        for (text, seconds) in rows {
            let anchor = Anchor::default().with_time(text).unwrap();
            assert_eq!(anchor.time(), Some(seconds), "{text}");
        }
        let wrong = [
            "",
            "8:00",
            "08",
            "0800",
            "08:",
            "08:0",
            "08:60",
            "24:00",
            "08:00:60",
            "08:00:",
            "08:00:00:00",
            "+8:00",
            " 08:00",
            "08:00Z",
            "-1:00",
            "08:00:00.5",
            "\u{0660}\u{0668}:00",
        ];
        for text in wrong {
            assert_eq!(
                field(Anchor::default().with_time(text)),
                "anchor.time",
                "{text:?}"
            );
        }
    }

    #[test]
    fn days_reach_to_31_and_months_to_12() {
        assert_eq!(Anchor::default().with_day(31).unwrap().day(), Some(31));
        assert_eq!(Anchor::default().with_month(12).unwrap().month(), Some(12));
        for wrong in [0, 32, 257, u64::MAX] {
            assert_eq!(field(Anchor::default().with_day(wrong)), "anchor.day");
            assert_eq!(field(Anchor::default().with_month(wrong)), "anchor.month");
        }
        assert_eq!(field(Anchor::default().with_month(13)), "anchor.month");
    }
}
