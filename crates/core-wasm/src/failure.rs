//! Why there is no answer: a code of the HTTP API, the field that it is about, and what to do.

use serde::Serialize;
use tollgate_core::api::refused::Refused as Unanswered;
use tollgate_core::api::{to_json, BadRequest, Problem};
use tollgate_core::message::Answer;
use tollgate_policies::refused::Refused;

/// Why there is no answer. Nothing was charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// A code of the API, or one of those below.
    pub code: String,
    /// What to do.
    pub detail: String,
    /// The field that it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl Failure {
    fn new(code: &str, field: Option<&str>, detail: impl Into<String>) -> Failure {
        Failure {
            code: code.to_owned(),
            detail: detail.into(),
            field: field.map(str::to_owned),
        }
    }

    /// Nobody has given a policy of this name.
    pub fn unknown_policy(name: &str) -> Failure {
        // A name is at most 64 harmless characters.
        let detail = format!(
            "There is no policy `{name}`: give it to the limiter, or send the limit itself, such as `limit` and `window`."
        );
        Failure::new("unknownPolicy", Some("policy"), detail)
    }

    /// A question is longer than the Worker reads.
    pub fn body_too_large(max: usize) -> Failure {
        let detail = format!("The question is larger than {max} bytes of JSON: ask for less.");
        Failure::new("bodyTooLarge", None, detail)
    }

    /// There are as many subjects as there may be, and none of them is idle.
    pub fn too_many_subjects(max: usize) -> Failure {
        let detail = format!(
            "There are {max} subjects in use, which is the most: let time pass until some are idle, reset some, or set a higher `maxSubjects`."
        );
        Failure::new("tooManySubjects", Some("identifier"), detail)
    }

    /// A subject's state does not answer, which no question can bring about.
    pub fn unavailable() -> Failure {
        let detail = "The subject's state cannot be read.";
        Failure::new("objectUnavailable", None, detail)
    }

    /// What this does not decide, and why.
    pub fn unsupported(field: impl Into<String>, why: &'static str) -> Failure {
        BadRequest::new(field, Problem::Unsupported { why }).into()
    }

    /// Of an answer that is not the one that was asked for.
    pub fn of(answer: &Answer) -> Failure {
        Unanswered::of(answer).map_or_else(Failure::unavailable, Failure::from)
    }

    /// As JavaScript reads it.
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}

impl From<BadRequest> for Failure {
    fn from(bad: BadRequest) -> Failure {
        Failure::new(bad.code(), Some(&bad.field), bad.to_string())
    }
}

impl From<Unanswered> for Failure {
    fn from(refused: Unanswered) -> Failure {
        Failure::new(refused.code, refused.field.as_deref(), refused.detail)
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Failure {
        Failure::new(refused.code(), refused.field(), refused.to_string())
    }
}
