//! The names of time zones: which there are, and which of them name the same zone.
//!
//! The list is part of this crate, so that a name means one zone wherever it is read: the key of a
//! stored count must not change with the runtime, which has names of its own and changes them. When
//! the clocks of a zone show what, the runtime is asked ([`crate::calendar::TimeZone`]).

use core::cmp::Ordering;
use std::borrow::Cow;

use crate::error::InvalidLimit;

/// The longest name of a time zone, in characters.
pub const MAX_ZONE_NAME: usize = 64;

/// Every name of IANA's database, one a line, in the order of their lower-case letters; a link is
/// followed by the zone's own name. `scripts/zones.mjs` writes it. The first line, the database's
/// version, sorts before every name.
const ZONES: &str = include_str!("zones.txt");

const UTC: &str = "UTC";

/// A time zone, by the name that is its own in IANA's database, such as `Europe/Berlin`. Equal for
/// all names of one zone, which differ in letter case or are links (`europe/berlin`,
/// `Europe/Oslo`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TimeZoneName(Cow<'static, str>);

impl TimeZoneName {
    /// The zone that a caller names: any name of IANA's database, in any case.
    ///
    /// ```
    /// # use tollgate_core::limit::quota::TimeZoneName;
    /// assert_eq!(TimeZoneName::new("asia/calcutta")?.as_str(), "Asia/Kolkata");
    /// assert!(TimeZoneName::new("Mars/Olympus").is_err());
    /// # Ok::<(), tollgate_core::InvalidLimit>(())
    /// ```
    pub fn new(text: &str) -> Result<TimeZoneName, InvalidLimit> {
        is_well_formed(text)?;
        match own_name(text) {
            Some(name) => Ok(TimeZoneName(Cow::Borrowed(name))),
            None => Err(InvalidLimit::UnknownTimeZone),
        }
    }

    /// The zone that a stored row or a message names. A name that is not listed here is kept as it
    /// is: a build with a newer list knew it.
    pub fn stored(text: &str) -> Result<TimeZoneName, InvalidLimit> {
        is_well_formed(text)?;
        let name = own_name(text).map_or_else(|| Cow::Owned(text.to_owned()), Cow::Borrowed);
        Ok(TimeZoneName(name))
    }

    /// Every zone, by its own name.
    pub fn all() -> impl Iterator<Item = TimeZoneName> {
        ZONES
            .lines()
            .filter(|line| !line.contains(' '))
            .map(|name| TimeZoneName(Cow::Borrowed(name)))
    }

    /// Whether it is UTC, for which nobody needs to be asked.
    pub fn is_utc(&self) -> bool {
        self.0 == UTC
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for TimeZoneName {
    /// UTC.
    fn default() -> TimeZoneName {
        TimeZoneName(Cow::Borrowed(UTC))
    }
}

/// 1 to 64 characters: parts of letters, digits, `_`, `+` and `-`, each beginning with a letter,
/// joined by `/`.
fn is_well_formed(text: &str) -> Result<(), InvalidLimit> {
    let good = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'-'))
    };
    if text.len() <= MAX_ZONE_NAME && text.split('/').all(good) {
        return Ok(());
    }
    Err(InvalidLimit::Malformed {
        field: "timeZone",
        expected: "an IANA time zone name such as Europe/Berlin",
    })
}

/// The own name of the zone that is called `name` in any case: a binary search for its line.
fn own_name(name: &str) -> Option<&'static str> {
    let (mut from, mut to) = (0, ZONES.len());
    while from < to {
        // All is ASCII, so it can be cut anywhere.
        let middle = from + (to - from) / 2;
        let start = ZONES[..middle].rfind('\n').map_or(0, |at| at + 1);
        let end = ZONES[middle..]
            .find('\n')
            .map_or(ZONES.len(), |at| middle + at);
        let line = &ZONES[start..end];
        let (listed, own) = line.split_once(' ').unwrap_or((line, line));
        match compare(listed, name) {
            Ordering::Equal => return Some(own),
            Ordering::Less => from = end + 1,
            Ordering::Greater => to = start,
        }
    }
    None
}

/// The order of the lower-case letters of both.
fn compare(a: &str, b: &str) -> Ordering {
    let a = a.bytes().map(|b| b.to_ascii_lowercase());
    a.cmp(b.bytes().map(|b| b.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limit::quota::tests::field;

    /// Each line's name, and the own name of its zone.
    fn listed() -> Vec<(&'static str, &'static str)> {
        let lines = ZONES.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| line.split_once(' ').unwrap_or((line, line)))
            .collect()
    }

    #[test]
    fn the_list_is_in_order_and_every_link_is_to_a_zone() {
        let all = listed();
        assert!(all.len() > 590, "{}", all.len());
        for pair in all.windows(2) {
            assert_eq!(compare(pair[0].0, pair[1].0), Ordering::Less, "{pair:?}");
        }
        let own: Vec<String> = TimeZoneName::all()
            .map(|zone| zone.as_str().to_owned())
            .collect();
        for (name, target) in all {
            assert!(own.iter().any(|zone| zone == target), "{name}");
            assert!(name.len() <= MAX_ZONE_NAME);
        }
    }

    #[test]
    fn every_name_of_the_database_is_listed() {
        for name in jiff::tz::db().available() {
            let name = name.as_str();
            assert!(
                TimeZoneName::new(name).is_ok(),
                "{name}: run scripts/zones.mjs"
            );
        }
    }

    #[test]
    fn all_names_of_a_zone_have_the_same_clocks_since_1970() {
        let changes = |name: &str| {
            let zone = jiff::tz::db().get(name).unwrap();
            let epoch = jiff::Timestamp::UNIX_EPOCH;
            let end = jiff::Timestamp::from_second(4_102_444_800).unwrap(); // 2100
            let mut offsets = vec![(0, zone.to_offset(epoch).seconds())];
            let following = zone.following(epoch);
            for change in following.take_while(|change| change.timestamp() < end) {
                let offset = change.offset().seconds();
                if offsets.last().is_none_or(|last| last.1 != offset) {
                    offsets.push((change.timestamp().as_second(), offset));
                }
            }
            offsets
        };
        for (name, own) in listed() {
            assert_eq!(changes(name), changes(own), "{name} and {own}");
        }
    }

    #[test]
    fn links_and_cases_are_one_zone_and_neighbours_are_not() {
        let name = |text: &str| TimeZoneName::new(text).unwrap().as_str().to_owned();
        let table = [
            ("europe/berlin", "Europe/Berlin"),
            ("EUROPE/BERLIN", "Europe/Berlin"),
            ("Europe/Oslo", "Europe/Berlin"),
            ("Asia/Calcutta", "Asia/Kolkata"),
            ("asia/kolkata", "Asia/Kolkata"),
            ("Europe/Kiev", "Europe/Kyiv"),
            ("US/Eastern", "America/New_York"),
            ("america/buenos_aires", "America/Argentina/Buenos_Aires"),
            ("america/port-au-prince", "America/Port-au-Prince"),
            ("gb-eire", "Europe/London"),
            ("Etc/gmt+5", "Etc/GMT+5"),
            ("Etc/GMT-5", "Etc/GMT-5"),
        ];
        for (written, own) in table {
            assert_eq!(name(written), own, "{written}");
        }
    }

    proptest! {
        #[test]
        fn a_zone_is_found_by_every_name_in_every_case(
            at in 0..listed().len(),
            upper in proptest::collection::vec(any::<bool>(), MAX_ZONE_NAME),
        ) {
            let (name, own) = listed()[at];
            let cased = name.chars().zip(upper).map(|(c, up)| match up {
                true => c.to_ascii_uppercase(),
                false => c.to_ascii_lowercase(),
            });
            let cased: String = cased.collect();
            for read in [TimeZoneName::new(&cased), TimeZoneName::stored(&cased)] {
                let zone = read.unwrap();
                prop_assert_eq!(zone.as_str(), own, "{}", cased);
            }
        }

        #[test]
        fn only_listed_names_are_found(text in "[A-Za-z]{1,9}(/[A-Za-z_+0-9-]{1,9})?") {
            let known = listed().into_iter().find(|(name, _)| name.eq_ignore_ascii_case(&text));
            let found = TimeZoneName::new(&text).ok();
            prop_assert_eq!(found.as_ref().map(TimeZoneName::as_str), known.map(|(_, own)| own));
        }
    }

    #[test]
    fn a_name_that_is_not_listed_is_refused_from_callers_and_kept_in_rows() {
        for name in [
            "Mars/Olympus",
            "ACT",
            "BST",
            "SystemV/EST5",
            "Europe",
            "Europe/Berli",
            "A",
        ] {
            assert_eq!(TimeZoneName::new(name), Err(InvalidLimit::UnknownTimeZone));
            assert_eq!(TimeZoneName::stored(name).unwrap().as_str(), name);
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
            "# tzdata",
            &long,
        ];
        for text in wrong {
            assert_eq!(field(TimeZoneName::new(text)), "timeZone", "{text:?}");
            assert_eq!(field(TimeZoneName::stored(text)), "timeZone", "{text:?}");
        }
        assert!(TimeZoneName::stored(&long[1..]).is_ok());
    }

    #[test]
    fn utc_is_recognized_however_it_is_written() {
        for text in [
            "UTC",
            "utc",
            "Etc/UTC",
            "etc/utc",
            "GMT",
            "Zulu",
            "Etc/Greenwich",
        ] {
            assert_eq!(TimeZoneName::new(text), Ok(TimeZoneName::default()));
        }
        assert!(!TimeZoneName::new("Europe/London").unwrap().is_utc());
        assert!(!TimeZoneName::new("Africa/Abidjan").unwrap().is_utc());
    }
}
