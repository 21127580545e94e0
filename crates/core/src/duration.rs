//! Lengths of time, and the grammar in which requests write them.
//!
//! `<integer><unit>` or `<integer> <unit>` (one space), unit `ms`, `s`, `m`, `h`, `d` or `w`. One
//! spelling a number: no sign, no fraction (`90m`, not `1.5h`), no leading zero, no other spaces,
//! lower case. Answers carry integer milliseconds; the text form serves names such as `100/15m`, so
//! it is the shortest exact one.

use core::fmt;
use core::str::FromStr;

use thiserror::Error;

use crate::number::MAX_SAFE;

/// A length of time in whole milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Duration(u64);

/// The units, longest first, so that the first one that divides a length gives its shortest text.
const UNITS: [(&str, u64); 6] = [
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

impl Duration {
    /// No time at all.
    pub const ZERO: Duration = Duration(0);
    /// The grammar in words, for errors.
    pub const GRAMMAR: &'static str =
        "a whole number with its unit, such as 500ms, 10s, 15m, 1h, 1d or 1w";

    /// So many milliseconds.
    pub const fn from_millis(millis: u64) -> Duration {
        Duration(millis)
    }

    /// So many seconds.
    pub const fn from_secs(seconds: u64) -> Duration {
        Duration(seconds.saturating_mul(1000))
    }

    /// The length in milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Both one after the other.
    #[must_use]
    pub const fn plus(self, other: Duration) -> Duration {
        Duration(self.0.saturating_add(other.0))
    }

    /// The length in seconds, rounded up: a wait of 1 ms is a wait of 1 s.
    pub const fn as_secs_ceil(self) -> u64 {
        self.0.div_ceil(1000)
    }
}

/// Why a text is no [`Duration`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidDuration {
    /// It does not follow the grammar.
    #[error("must be {}", Duration::GRAMMAR)]
    Malformed,
    /// It does, and is longer than 2^53 milliseconds.
    #[error("must be at most {MAX_SAFE} ms")]
    TooLong,
}

impl FromStr for Duration {
    type Err = InvalidDuration;

    /// Reads the grammar at the top of this module; at most 2^53 milliseconds.
    ///
    /// ```
    /// # use tollgate_core::Duration;
    /// assert_eq!("15m".parse(), Ok(Duration::from_secs(900)));
    /// assert_eq!("1 h".parse(), Ok(Duration::from_secs(3_600)));
    /// assert!("1.5h".parse::<Duration>().is_err());
    /// ```
    fn from_str(text: &str) -> Result<Duration, InvalidDuration> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = text.split_at(digits);
        let unit = rest.strip_prefix(' ').unwrap_or(rest);
        let millis = UNITS
            .iter()
            .find_map(|&(word, millis)| (word == unit).then_some(millis))
            .ok_or(InvalidDuration::Malformed)?;
        if digits == 0 || (digits > 1 && number.starts_with('0')) {
            return Err(InvalidDuration::Malformed);
        }
        number
            .parse::<u64>() // nothing but digits here: it can only fail by being too large
            .ok()
            .and_then(|count| count.checked_mul(millis))
            .filter(|&total| total <= MAX_SAFE)
            .map(Duration)
            .ok_or(InvalidDuration::TooLong)
    }
}

impl fmt::Display for Duration {
    /// The shortest exact text: `15m`, `1h`, `1500ms`, `0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = UNITS
            .iter()
            .find(|&&(_, millis)| self.0 > 0 && self.0.is_multiple_of(millis));
        match exact {
            Some(&(word, millis)) => write!(f, "{}{word}", self.0 / millis),
            None => f.write_str("0s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<u64, InvalidDuration> {
        text.parse::<Duration>().map(Duration::as_millis)
    }

    #[test]
    fn every_unit_is_read_with_and_without_one_space() {
        let table = [
            ("500ms", 500),
            ("10s", 10_000),
            ("15m", 900_000),
            ("1h", 3_600_000),
            ("1d", 86_400_000),
            ("1w", 604_800_000),
            ("0s", 0),
            ("0w", 0),
            ("9007199254740992ms", MAX_SAFE),
        ];
        for (text, millis) in table {
            assert_eq!(parse(text), Ok(millis), "{text}");
            let at = text.find(|c: char| !c.is_ascii_digit()).unwrap();
            let spaced = format!("{} {}", &text[..at], &text[at..]);
            assert_eq!(parse(&spaced), Ok(millis), "{spaced}");
        }
    }

    #[test]
    fn anything_else_is_malformed() {
        let table = [
            "",
            " ",
            "s",
            "10",
            "10 ",
            " 10s",
            "10s ",
            "10  s",
            "10\ts",
            "-1s",
            "+1s",
            "1.5h",
            "1e3s",
            "01s",
            "00s",
            "1S",
            "1 Ms",
            "1min",
            "1sec",
            "1y",
            "1h30m",
            "1_000s",
            "٣s",
            "1µs",
            "10\u{a0}s",
            "null",
        ];
        for text in table {
            assert_eq!(parse(text), Err(InvalidDuration::Malformed), "{text:?}");
        }
    }

    #[test]
    fn above_2_to_the_53_is_too_long_and_never_wraps() {
        let table = [
            "9007199254740993ms",
            "18446744073709551616ms",
            "18446744073709551615w",
            "99999999999999999999999999999999s",
            "14892855247d", // 2^64 / one day, and a little more
        ];
        for text in table {
            assert_eq!(parse(text), Err(InvalidDuration::TooLong), "{text}");
        }
    }

    #[test]
    fn text_is_the_shortest_exact_form() {
        let table = [
            (0, "0s"),
            (1, "1ms"),
            (999, "999ms"),
            (1_000, "1s"),
            (1_500, "1500ms"),
            (60_000, "1m"),
            (90_000, "90s"),
            (900_000, "15m"),
            (3_600_000, "1h"),
            (86_400_000, "1d"),
            (31 * 86_400_000, "31d"),
            (604_800_000, "1w"),
        ];
        for (millis, text) in table {
            assert_eq!(Duration::from_millis(millis).to_string(), text);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn what_is_written_reads_back(count in 0..10_000u64, unit in 0..UNITS.len()) {
            let length = Duration::from_millis(count * UNITS[unit].1);
            prop_assert_eq!(length.to_string().parse(), Ok(length));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9]{0,22}[ ]?[a-zA-Z]{0,3}") {
            if let Ok(length) = text.parse::<Duration>() {
                prop_assert!(length.as_millis() <= MAX_SAFE);
            }
        }
    }
}
