//! Which versions of a form a build gets on with: of stored rows, of the messages between Workers
//! and objects, of counts in KV.
//!
//! - **A version rises only when an older build could not read the new form.** A field that an
//!   older build may pass over, and may drop when it writes the row anew, raises nothing.
//! - **A build reads the version that it writes and the two before it.** A row of another version
//!   is left as it is, and answered `unavailable`: it is neither overwritten nor taken as empty.
//! - **Who answers, answers in the version that was asked.** So an old Worker understands a new
//!   object. An old object says [`Versions::other`] to a message of a version that it cannot read,
//!   and is asked again in its own.
//! - **A form of rows is read before it is written.** A build may read versions that only a later
//!   one will write ([`Versions::reading`]). Then going back from the later one to this one loses
//!   nothing.
#![forbid(unsafe_code)]

use core::fmt;
use core::ops::RangeInclusive;

#[cfg(feature = "other-versions")]
pub mod pretended;

/// How many versions before the one that it writes a build reads.
pub const BACK: u32 = 2;

/// What an object answers to a message of a version that it cannot read, behind its own version.
/// Every build knows this: who does not ask again reads a refusal in it.
const OTHER: &str = "refused code=unavailable detail=otherVersion";

/// The versions of one form that this build knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    written: u32,
    newest: u32,
}

/// A version that this build can read and write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    number: u32,
    /// How many changes of the form are only pretended.
    #[cfg(feature = "other-versions")]
    pretended: usize,
}

impl Versions {
    /// A form whose newest version, from 1 up, is written.
    pub const fn new(written: u32) -> Versions {
        Versions {
            written,
            newest: written,
        }
    }

    /// The same, and versions up to `newest` are read as well.
    pub const fn reading(self, newest: u32) -> Versions {
        Versions { newest, ..self }
    }

    /// The version that is written.
    pub fn written(self) -> Version {
        self.version(self.in_force().written)
    }

    /// The numbers of the versions that are read.
    pub fn all_read(self) -> RangeInclusive<u32> {
        let Versions { written, newest } = self.in_force();
        written.saturating_sub(BACK).max(1)..=newest
    }

    /// The version of this number, if it is read.
    pub fn read(self, number: u32) -> Option<Version> {
        let is_read = self.all_read().contains(&number);
        is_read.then(|| self.version(number))
    }

    /// The answer to a message of a version that is not read.
    pub fn other(self) -> String {
        format!("{} {OTHER}", self.written())
    }

    #[cfg(not(feature = "other-versions"))]
    const fn in_force(self) -> Versions {
        self
    }

    #[cfg(not(feature = "other-versions"))]
    const fn version(self, number: u32) -> Version {
        Version { number }
    }
}

impl Version {
    /// The number, from 1 up: what readers and writers of several versions decide by.
    pub const fn number(self) -> u32 {
        self.number
    }

    /// What stands in front of the first word of a text of this version: nothing, but in a build
    /// for tests.
    #[cfg(not(feature = "other-versions"))]
    pub const fn mark(self) -> &'static str {
        ""
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        self.number.fmt(out)
    }
}

/// The version of a build that could not read the message that it answers, and what stands on the
/// lines behind it, where the asker keeps what it asked; `None` when it is another answer.
pub fn other_version(answer: &str) -> Option<(u32, &str)> {
    let (first, rest) = answer.split_once('\n').unwrap_or((answer, ""));
    let number = first.strip_suffix(OTHER)?.strip_suffix(' ')?;
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(versions: Versions) -> Vec<u32> {
        (0..12)
            .filter_map(|number| versions.read(number))
            .map(Version::number)
            .collect()
    }

    #[test]
    fn a_build_reads_what_it_writes_and_the_two_versions_before() {
        assert_eq!(read(Versions::new(1)), [1]);
        assert_eq!(read(Versions::new(2)), [1, 2]);
        assert_eq!(read(Versions::new(3)), [1, 2, 3]);
        assert_eq!(read(Versions::new(4)), [2, 3, 4]);
        assert_eq!(read(Versions::new(9)), [7, 8, 9]);
    }

    #[test]
    fn a_build_may_read_what_only_a_later_one_writes() {
        let versions = Versions::new(3).reading(5);
        assert_eq!(read(versions), [1, 2, 3, 4, 5]);
        assert_eq!(versions.written().number(), 3);
    }

    #[test]
    fn nothing_is_taken_for_a_version_that_is_none() {
        let versions = Versions::new(1);
        for number in [0, 2, 3, u32::MAX] {
            assert_eq!(versions.read(number), None);
        }
    }

    #[test]
    fn who_cannot_read_a_message_says_its_version() {
        let other = "7 refused code=unavailable detail=otherVersion";
        assert_eq!(Versions::new(7).other(), other);
        assert_eq!(other_version(other), Some((7, "")));
        let asked = format!("{other}\na\nb");
        assert_eq!(other_version(&asked), Some((7, "a\nb")));
        for answer in [
            "",
            "refused code=unavailable detail=otherVersion",
            "x refused code=unavailable detail=otherVersion",
            "1 done",
            "1 refused code=cancelled detail=otherVersion",
            "7 refused code=unavailable detail=otherVersion ",
        ] {
            assert_eq!(other_version(answer), None, "{answer}");
        }
    }
}
