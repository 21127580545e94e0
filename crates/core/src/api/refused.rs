//! Why an object has not done what it was asked, as callers are told: a code of the API, the field
//! that it is about, and a sentence that says what to do. It never repeats a secret.

use crate::message::{Answer, RefusalCode};
use crate::subject_state::{MAX_DEFINITIONS, MAX_ENTRIES, MAX_HELD};

/// Why an object has not done what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The code, of the closed list of the API.
    pub code: &'static str,
    /// The field that it is about, if it is about one.
    pub field: Option<String>,
    /// What to do.
    pub detail: String,
}

impl Refused {
    fn new(code: &'static str, field: Option<&str>, detail: impl Into<String>) -> Refused {
        Refused {
            code,
            field: field.map(str::to_owned),
            detail: detail.into(),
        }
    }

    /// Of an answer that is not the one that was asked for; `None` where that says nothing that a
    /// caller could mend: the object is out of reach, as far as callers are concerned.
    pub fn of(answer: &Answer) -> Option<Refused> {
        let Answer::Refused(code, text) = answer else {
            return None;
        };
        Some(match code {
            RefusalCode::UnknownTimeZone => Refused::unknown_time_zone(text),
            RefusalCode::KeyReused => Refused::key_reused(),
            RefusalCode::UnknownPermit => Refused::unknown_permit(),
            RefusalCode::PermitEnded => Refused::permit_ended(text),
            RefusalCode::IsPlace => Refused::is_place(),
            RefusalCode::NotHeld => Refused::not_held(text),
            RefusalCode::TooManyPermits => Refused::too_many_permits(),
            RefusalCode::TooManyLimits => match text.strip_prefix("name/") {
                Some(name) => Refused::too_many_definitions(name),
                None => Refused::too_many_limits(text.parse().ok()),
            },
            RefusalCode::UnknownDefinition
            | RefusalCode::StaleOverrides
            | RefusalCode::Cancelled
            | RefusalCode::Unavailable => return None,
        })
    }

    /// A quota names a time zone that the runtime does not know.
    pub fn unknown_time_zone(zone: &str) -> Refused {
        let detail = format!("There is no time zone `{zone}`: take a name such as Europe/Berlin.");
        Refused::new("unknownTimeZone", Some("timeZone"), detail)
    }

    /// The permit is not one that this namespace holds.
    pub fn unknown_permit() -> Refused {
        let detail =
            "The permit is not held: it was never given, has expired, or was released. Ask for a new one.";
        Refused::new("unknownPermit", Some("permit"), detail)
    }

    /// The permit has ended, and not as this call would end it.
    fn permit_ended(how: &str) -> Refused {
        let detail = match how {
            "expired" => "The permit has expired: its time was over before it was settled or released. Settle it to charge the difference; ask for a new one to go on.".to_owned(),
            how => format!("The permit was {how} already, and by another call than this one. Ask for a new one."),
        };
        Refused::new("permitEnded", Some("permit"), detail)
    }

    /// The permit is that of a place, of which only one thing can be done.
    fn is_place() -> Refused {
        let detail = "The permit is that of a place: go ahead at its turn, or release it before.";
        Refused::new("invalidField", Some("permit"), detail)
    }

    /// The permit holds nothing of a limit that is named.
    fn not_held(name: &str) -> Refused {
        let detail = format!(
            "The permit holds nothing of a limit `{name}`: name those that the request charged."
        );
        Refused::new("invalidField", Some(&format!("costs.{name}")), detail)
    }

    /// The subject has as many permits that hold units as it can have.
    fn too_many_permits() -> Refused {
        let detail = format!("The subject has {MAX_HELD} permits that hold units, and can have no more: settle or release some, or hold for a shorter time.");
        Refused::new("tooManyPermits", Some("hold"), detail)
    }

    /// Another request was sent before under the name that a request is given.
    fn key_reused() -> Refused {
        let detail = "Another request was sent before under this `idempotencyKey` or `operation`, and is still known: take a new one for each request, and send a request again as it was.";
        Refused::new("idempotencyKeyReused", None, detail)
    }

    /// The subject has as many limits in use as it can have, with so many different names, where
    /// that is known.
    fn too_many_limits(names: Option<usize>) -> Refused {
        let advice = match names {
            Some(names) if names > MAX_ENTRIES / 2 => {
                format!("They have {names} different names, each of which is a limit of its own: use fewer `name`s")
            }
            Some(_) => "Each window, period, time zone and anchor is a limit of its own: use fewer different ones"
                .to_owned(),
            None => "Each name, window, period, time zone and anchor is a limit of its own: use fewer different ones"
                .to_owned(),
        };
        let detail = format!(
            "The subject has {MAX_ENTRIES} limits in use, which is the most. {advice}, or reset the subject with DELETE /limit."
        );
        Refused::new("tooManyLimits", None, detail)
    }

    /// The limit of this name has as many definitions in use as it can have.
    fn too_many_definitions(name: &str) -> Refused {
        // A name is at most 64 harmless characters.
        let detail = format!(
            "The limit `{name}` has {MAX_DEFINITIONS} definitions in use, which is the most. Each window, period, time zone and anchor is one: use fewer different ones, another `name`, or reset the subject with DELETE /limit."
        );
        Refused::new("tooManyLimits", Some("name"), detail)
    }
}
