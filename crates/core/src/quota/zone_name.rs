//! The names of time zones: their grammar alone, since only the runtime knows which zones exist.

use crate::error::InvalidLimit;

/// The longest name of a time zone, in characters.
pub const MAX_ZONE_NAME: usize = 64;

/// The IANA name of a time zone, such as `Europe/Berlin`: well formed, but perhaps unknown to the runtime.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TimeZoneName(String);

impl TimeZoneName {
    /// 1 to 64 characters: parts of letters, digits, `_`, `+` and `-`, each beginning with a letter, joined by `/`.
    /// `UTC` is recognized in any case; every other name is kept as written.
    pub fn new(text: &str) -> Result<TimeZoneName, InvalidLimit> {
        let good = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_alphabetic())
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'-'))
        };
        if text.len() > MAX_ZONE_NAME || !text.split('/').all(good) {
            return Err(InvalidLimit::Malformed {
                field: "timeZone",
                expected: "an IANA time zone name such as Europe/Berlin",
            });
        }
        let utc = ["UTC", "Etc/UTC"]
            .iter()
            .any(|name| text.eq_ignore_ascii_case(name));
        Ok(TimeZoneName(if utc { "UTC" } else { text }.to_owned()))
    }

    /// Whether it is UTC, for which nobody needs to be asked.
    pub fn is_utc(&self) -> bool {
        self.0 == "UTC"
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for TimeZoneName {
    /// UTC.
    fn default() -> TimeZoneName {
        TimeZoneName("UTC".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::tests::field;

    #[test]
    fn every_zone_of_the_database_has_a_good_name() {
        for name in jiff::tz::db().available() {
            assert!(TimeZoneName::new(name.as_str()).is_ok(), "{name}");
        }
    }

    #[test]
    fn offsets_paths_and_other_text_are_no_zone() {
        let long = "A".repeat(MAX_ZONE_NAME + 1);
        let wrong = [
            "",
            "+01:00",
            "-05",
            "/",
            "Europe/",
            "/Berlin",
            "Europe//Berlin",
            "../etc/passwd",
            "Europe/Berlin ",
            "Europe Berlin",
            "Europe/Bérlin",
            "1",
            "a:b",
            &long,
        ];
        for text in wrong {
            assert_eq!(field(TimeZoneName::new(text)), "timeZone", "{text:?}");
        }
        assert!(TimeZoneName::new(&long[1..]).is_ok());
    }

    #[test]
    fn utc_is_recognized_however_it_is_written() {
        for text in ["UTC", "utc", "Etc/UTC", "etc/utc"] {
            assert_eq!(TimeZoneName::new(text), Ok(TimeZoneName::default()));
        }
        assert!(!TimeZoneName::new("Europe/London").unwrap().is_utc());
    }
}
