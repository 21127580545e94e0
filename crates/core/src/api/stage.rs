//! `PUT /overrides/subject:<provider>/<scope>/<identifier>/stage`: what is to be set of a subject's
//! stage.

use serde::{Serialize, Serializer};

use super::fields::Fields;
use super::overrides::MAX_REASON;
use super::policy::limit;
use super::{BadRequest, Problem, BODY};
use crate::limit::Name;
use crate::overrides::Target;
use crate::subject::SubjectParts;
use crate::subject_state::StageOverride;
use crate::Timestamp;

/// The fields of the body.
pub const FIELDS: [&str; 4] = ["start", "paused", "policy", "reason"];
/// What stands in place of a kind of override in the path.
pub const KIND: &str = "stage";
/// The bounds of `start`, September 2001 to November 2286: numbers of 13 digits. Unix seconds lie
/// below, which would be read as an instant of 1970 and make every subject warm at once.
const START: (u64, u64) = (1_000_000_000_000, 9_999_999_999_999);

/// A stage to set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewStage {
    /// The part of the subject's clock that is set.
    pub set: StageOverride,
    /// The policy whose stages run by it: says which subject is meant, and that there are stages.
    pub policy: Option<Name>,
    /// Why, for people: 1 to 256 bytes.
    pub reason: Option<String>,
}

/// Reads `{start?, paused?, policy?, reason?}`, of `start` (Unix ms) and `paused` at least one.
///
/// ```
/// let stage = tollgate_core::api::stage::parse(r#"{"paused": true, "reason": "holidays"}"#)?;
/// assert_eq!((stage.set.start, stage.set.paused), (None, Some(true)));
/// # Ok::<(), tollgate_core::api::BadRequest>(())
/// ```
pub fn parse(body: &str) -> Result<NewStage, BadRequest> {
    let mut fields = Fields::parse(body)?;
    fields.only(&[&FIELDS])?;
    let start = fields.count("start", START.0, START.1)?;
    let set = StageOverride {
        start: start.map(Timestamp::from_millis),
        paused: fields.boolean("paused")?,
    };
    if set == StageOverride::default() {
        let expected = "an object with `start`, `paused` or both";
        return Err(BadRequest::new(BODY, Problem::Malformed { expected }));
    }
    let stage = NewStage {
        set,
        policy: limit::name(&mut fields, "policy")?,
        reason: fields.text("reason", 1, MAX_REASON)?.map(String::from),
    };
    fields.finish()?;
    Ok(stage)
}

#[derive(Serialize)]
struct Form<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paused: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'a Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl Serialize for NewStage {
    /// What [`parse`] reads.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let form = Form {
            start: self.set.start.map(Timestamp::as_millis),
            paused: self.set.paused,
            policy: self.policy.as_ref(),
            reason: self.reason.as_deref(),
        };
        form.serialize(serializer)
    }
}

/// The subject that a target is, as far as it is one.
pub fn subject(target: &str) -> Result<SubjectParts, BadRequest> {
    let wrong = |problem| BadRequest::new("target", problem);
    let target = Target::parse(target).map_err(|error| wrong(error.into()))?;
    let subject = target.subject();
    subject.ok_or_else(|| {
        let expected =
            "subject:<provider>/<scope>/<identifier>: each subject has a stage of its own";
        wrong(Problem::Malformed { expected })
    })
}
