//! What has to hold for a change to be made, and the headers that say so (RFC 9110, section 13.1).

use tollgate_core::api::{BadRequest, Problem};

/// What has to hold for a change to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing.
    None,
    /// There is no such policy.
    Absent,
    /// There is one.
    Present,
    /// It has this version.
    Version(u64),
}

impl Precondition {
    /// Whether it holds for what has this version, or is not there.
    pub fn holds(self, version: Option<u64>) -> bool {
        match self {
            Precondition::None => true,
            Precondition::Absent => version.is_none(),
            Precondition::Present => version.is_some(),
            Precondition::Version(wanted) => version == Some(wanted),
        }
    }

    /// Reads `If-Match` (a version, also in quotes, or `*`) or `If-None-Match` (`*`).
    pub fn of_headers(matching: Option<&str>, other: Option<&str>) -> Result<Self, BadRequest> {
        let wrong = |field: &str, problem| {
            let field = field.to_owned();
            Err(BadRequest { field, problem })
        };
        match (matching.map(str::trim), other.map(str::trim)) {
            (None, None) => Ok(Precondition::None),
            (None, Some("*")) => Ok(Precondition::Absent),
            (Some("*"), None) => Ok(Precondition::Present),
            (Some(version), None) => match number(version) {
                Some(version) => Ok(Precondition::Version(version)),
                None => {
                    let expected = "one version, such as \"7\", or *";
                    wrong("If-Match", Problem::Malformed { expected })
                }
            },
            (None, Some(_)) => {
                let expected = "*, which makes a policy only where there is none";
                wrong("If-None-Match", Problem::Malformed { expected })
            }
            (Some(_), Some(_)) => {
                let with = "`If-None-Match`: send one of them";
                wrong("If-Match", Problem::Conflict { with })
            }
        }
    }
}

fn number(version: &str) -> Option<u64> {
    // What compresses an answer on its way may have made its tag a weak one.
    let strong = version.strip_prefix("W/").unwrap_or(version);
    let quoted = strong.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    let digits = quoted.unwrap_or(strong);
    let is_number = digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_say_what_has_to_hold() {
        let table = [
            (None, None, Precondition::None),
            (Some("7"), None, Precondition::Version(7)),
            (Some(" \"7\" "), None, Precondition::Version(7)),
            (Some("W/\"7\""), None, Precondition::Version(7)),
            (Some("*"), None, Precondition::Present),
            (None, Some("*"), Precondition::Absent),
        ];
        for (matching, other, expected) in table {
            let read = Precondition::of_headers(matching, other);
            assert_eq!(read, Ok(expected), "{matching:?} {other:?}");
        }
        let wrong = ["", "\"", "\"\"", "-7", "+7", "7, 8", "18446744073709551616"];
        for version in wrong {
            let error = Precondition::of_headers(Some(version), None).unwrap_err();
            assert_eq!(error.field, "If-Match", "{version}");
        }
        let error = Precondition::of_headers(None, Some("7")).unwrap_err();
        assert_eq!(error.field, "If-None-Match");
        assert!(Precondition::of_headers(Some("7"), Some("*")).is_err());
    }
}
