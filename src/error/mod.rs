//! The error that a caller gets in place of a decision: one closed list of codes, one mapping to
//! HTTP, one body (`application/problem+json`, RFC 9457).
//!
//! The sentence in `detail` names the remedy. It never repeats a secret, and nothing of the request
//! but the name of a field.

mod code;

pub use code::Code;

use serde::Serialize;
use tollgate_core::api::refused::Refused as Unanswered;
use tollgate_core::api::response::to_json;
use tollgate_core::api::BadRequest;
use tollgate_core::policy::consistency::LocalLimit;
use tollgate_policies::refused::Refused;

use crate::headers;

/// One error, ready to be answered. Boxed: it is the rare half of almost every result, and results
/// that are small are moved by less code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError(Box<Parts>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    code: Code,
    detail: String,
    field: Option<String>,
    allow: Option<&'static str>,
    stale: Option<Stale>,
}

/// Why a request is to be decided once more, under the newest overrides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stale {
    /// An object knows newer ones.
    Known,
    /// An object that may know newer ones does not answer.
    Silence,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    request_id: &'a str,
}

impl ApiError {
    /// An error with a sentence that says what to do.
    pub fn new(code: Code, detail: impl Into<String>) -> ApiError {
        ApiError(Box::new(Parts {
            code,
            detail: detail.into(),
            field: None,
            allow: None,
            stale: None,
        }))
    }

    /// 405, with the methods that the path has, such as `GET, DELETE`.
    pub fn method_not_allowed(allow: &'static str) -> ApiError {
        let detail = format!("This path answers {allow}.");
        let mut error = ApiError::new(Code::MethodNotAllowed, detail);
        error.0.allow = Some(allow);
        error
    }

    /// The same at the path of a subject's stage, which is not lifted: that could mean to let it go
    /// on, or to begin anew.
    pub fn stage_stays(allow: &'static str) -> ApiError {
        let mut error = ApiError::method_not_allowed(allow);
        error.0.detail = format!(
            "This path answers {allow}: {{\"paused\": false}} lets a stage go on, {{\"start\": <now>}} begins it anew."
        );
        error
    }

    /// The policy that was asked for does not exist.
    pub fn unknown_policy(name: &str) -> ApiError {
        // A name is at most 64 harmless characters.
        let detail = format!(
            "There is no policy `{name}`: make it with PUT /policies/{name}, or send the limit itself, such as `limit` and `window`."
        );
        ApiError::new(Code::UnknownPolicy, detail).with_field("policy")
    }

    /// What is wrong with the check is so by a policy to which the one that was asked falls back.
    #[must_use]
    pub fn of_fallback(mut self, name: &str) -> ApiError {
        let detail = &self.0.detail;
        self.0.detail = format!("By `{name}`, to which the policy falls back: {detail}");
        self
    }

    /// The policy does not let this token ask it.
    pub fn not_asked_by(name: &str) -> ApiError {
        let detail = format!(
            "This token may not ask the policy `{name}`: `askedBy` in it lists the names of those that may."
        );
        ApiError::new(Code::Forbidden, detail).with_field("policy")
    }

    /// The policies could not be reached, and nothing is known of them.
    pub fn policy_unavailable() -> ApiError {
        let detail = "The namespace's policies could not be reached, and nothing was decided: try again shortly.";
        ApiError::new(Code::PolicyUnavailable, detail)
    }

    /// The deployment brings the policy, and it cannot be decided with what is stored in the place
    /// of others that it brings.
    pub fn unfit_policy(name: &str, why: &Refused) -> ApiError {
        let detail = format!(
            "`{name}`, which the deployment brings, cannot be asked together with what is stored: {why}"
        );
        ApiError::new(Code::PolicyUnavailable, detail)
    }

    /// The object that keeps the policies did not answer.
    pub fn policies_silent() -> ApiError {
        let detail = "The namespace's policies did not answer in time. Nothing says whether a change was made: read the policy, then send it again with `If-Match`.";
        ApiError::new(Code::PolicyUnavailable, detail)
    }

    /// The object that lists the subjects did not answer.
    pub fn directory_silent() -> ApiError {
        let detail = "The list of subjects did not answer in time. Ask again.";
        ApiError::new(Code::ObjectUnavailable, detail)
    }

    /// The token may ask named policies only.
    pub fn inline_forbidden() -> ApiError {
        let detail = "This token may not bring limits of its own: name a policy in `policy`.";
        ApiError::new(Code::InlineForbidden, detail)
    }

    /// The permit is not one that this namespace holds.
    pub fn unknown_permit() -> ApiError {
        Unanswered::unknown_permit().into()
    }

    /// A quota names a time zone that the runtime does not know.
    pub fn unknown_time_zone(zone: &str) -> ApiError {
        Unanswered::unknown_time_zone(zone).into()
    }

    /// An object was asked itself, and the question is about another one's subject.
    pub fn other_subject(asked: &str) -> ApiError {
        // Without the identifier, which is not repeated.
        let (parts, _) = asked.rsplit_once(':').unwrap_or(("rate-limit", ""));
        let detail = format!(
            "This object is that of another subject than the question is about, which belongs to `{parts}:<identifier>`: take the object of that name, or ask the Worker."
        );
        ApiError::new(Code::OtherSubject, detail)
    }

    /// An object was asked itself that has no subject's name.
    pub fn unnamed_object() -> ApiError {
        let detail = "The object has no subject's name: take it with `getByName(\"rate-limit:<provider>:<scope>:<identifier>\")`, each part as `encodeURIComponent` makes it, and an empty scope left out with its colon.";
        ApiError::new(Code::UnnamedObject, detail)
    }

    /// An object was asked itself for what only the Worker does; `field` asks for it.
    pub fn of_the_worker(field: &str, what: &str) -> ApiError {
        let detail = format!("`{field}` is not for an object that is asked itself: {what}");
        ApiError::new(Code::InvalidField, detail).with_field(field)
    }

    /// The subject's object did not answer.
    pub fn object_unavailable() -> ApiError {
        let detail = "The subject's state did not answer in time. Nothing says whether this request was counted; try again shortly.";
        ApiError::new(Code::ObjectUnavailable, detail)
    }

    /// Nothing was decided, because there may be newer overrides: see [`ApiError::stale`].
    pub fn stale_overrides(why: Stale) -> ApiError {
        let mut error = ApiError::object_unavailable();
        error.0.stale = Some(why);
        error
    }

    /// Why it is to be decided once more, if it is. No caller sees such an error.
    pub fn stale(&self) -> Option<Stale> {
        self.0.stale
    }

    /// KV did not answer. The caller may retry.
    pub fn kv_unavailable() -> ApiError {
        let detail = "KV did not answer in time. The subject's object has done its part; ask again, so that counts in KV follow.";
        ApiError::new(Code::KvUnavailable, detail)
    }

    /// Counting through KV is asked for, and no KV namespace is bound.
    pub fn no_kv() -> ApiError {
        let detail = "Counting through KV (`eventual`) needs a KV namespace that wrangler.toml binds as TOLLGATE_KV; docs/deploy.md says how.";
        ApiError::new(Code::NotConfigured, detail)
    }

    /// A native rate-limit binding is asked for that is not there.
    pub fn no_binding(field: &str, limit: &LocalLimit) -> ApiError {
        let binding = limit.binding();
        let (units, period) = (limit.limit(), limit.period().as_secs_ceil());
        let detail = format!(
            "`{field}` needs a native rate-limit binding `{binding}`: add `[[ratelimits]]` with `name = \"{binding}\"`, a `namespace_id` that is yours alone and `simple = {{ limit = {units}, period = {period} }}` to wrangler.toml."
        );
        ApiError::new(Code::InvalidField, detail).with_field(field)
    }

    /// Names the field.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<String>) -> ApiError {
        self.0.field = Some(field.into());
        self
    }

    /// Which error it is.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The sentence that says what to do.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The body.
    pub fn to_json(&self, request_id: &str) -> String {
        let (status, code, title) = self.0.code.parts();
        to_json(&Body {
            r#type: format!("urn:tollgate:error:{code}"),
            title,
            status,
            code,
            detail: &self.0.detail,
            field: self.0.field.as_deref(),
            request_id,
        })
    }

    /// The headers that belong to the error, as `name: value` lines.
    pub fn header_lines(&self) -> String {
        match (self.0.allow, self.0.code) {
            (Some(methods), _) => headers::allow(methods),
            (None, Code::Unauthorized) => headers::CHALLENGE.to_owned(),
            (
                None,
                Code::NotConfigured
                | Code::ObjectUnavailable
                | Code::KvUnavailable
                | Code::PolicyUnavailable,
            ) => headers::RETRY_SOON.to_owned(),
            _ => String::new(),
        }
    }
}

impl From<Unanswered> for ApiError {
    fn from(refused: Unanswered) -> ApiError {
        let Unanswered {
            code,
            field,
            detail,
        } = refused;
        let code = Code::from_word(code).unwrap_or(Code::Internal);
        let error = ApiError::new(code, detail);
        match field {
            Some(field) => error.with_field(field),
            None => error,
        }
    }
}

impl From<BadRequest> for ApiError {
    fn from(bad: BadRequest) -> ApiError {
        let code = Code::from_word(bad.code()).unwrap_or(Code::InvalidField);
        let detail = bad.to_string();
        ApiError::new(code, detail).with_field(bad.field)
    }
}

#[cfg(test)]
mod tests {
    use tollgate_core::api::Problem;

    use super::*;

    #[test]
    fn a_bad_field_is_named_and_nothing_else_of_the_request_is_repeated() {
        let bad = BadRequest {
            field: "limits[2].window".to_owned(),
            problem: Problem::Missing,
        };
        assert_eq!(
            ApiError::from(bad).to_json("r1"),
            r#"{"type":"urn:tollgate:error:invalidField","title":"A field is wrong","status":400,"code":"invalidField","detail":"`limits[2].window` is missing: add it.","field":"limits[2].window","requestId":"r1"}"#
        );
    }

    #[test]
    fn every_problem_has_a_code_of_the_list() {
        let code = |problem| {
            let bad = BadRequest::new("body", problem);
            let word = bad.code();
            assert_eq!(ApiError::from(bad).code().word(), word);
            word
        };
        let not_json = Problem::NotJson { line: 1, column: 0 };
        assert_eq!(code(not_json), "invalidJson");
        assert_eq!(code(Problem::UnknownTimeZone), "unknownTimeZone");
        assert_eq!(code(Problem::Missing), "invalidField");
    }

    #[test]
    fn a_405_says_what_is_allowed_and_a_401_how_to_sign_in() {
        let error = ApiError::method_not_allowed("GET, DELETE");
        assert_eq!(error.header_lines(), "Allow: GET, DELETE\n");
        let error = ApiError::new(Code::Unauthorized, "");
        assert!(error
            .header_lines()
            .starts_with("WWW-Authenticate: Bearer "));
    }
}
