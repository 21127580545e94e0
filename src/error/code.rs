//! The codes of errors, and the one mapping of each to HTTP.

/// The closed list of codes. A caller may match on them; the sentences may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The body is not JSON, or not UTF-8.
    InvalidJson,
    /// A field or parameter is missing, unknown, of the wrong type, out of range or in conflict;
    /// `field` names it.
    InvalidField,
    /// A quota names a time zone that does not exist.
    UnknownTimeZone,
    /// No token, or one that is not known.
    Unauthorized,
    /// The token's role is too low.
    Forbidden,
    /// The token may ask named policies only.
    InlineForbidden,
    /// There is no such path.
    NotFound,
    /// There is no policy of this name.
    UnknownPolicy,
    /// There is no preset of this name.
    UnknownPreset,
    /// The policy has no such version, or it is no longer kept.
    UnknownVersion,
    /// There is no such override in force.
    UnknownOverride,
    /// The permit was never issued, has expired, or belongs to another namespace.
    UnknownPermit,
    /// The permit has ended in another way.
    PermitEnded,
    /// An object was asked itself, and the question is about another one's subject.
    OtherSubject,
    /// An object was asked itself that has no subject's name.
    UnnamedObject,
    /// The subject has as many permits that hold units as it can have.
    TooManyPermits,
    /// The path exists, the method on it does not; `Allow` lists those that do.
    MethodNotAllowed,
    /// The policy has another version than `If-Match` says, or is there, or is not.
    VersionMoved,
    /// There are policies already of the names that presets would have.
    NameTaken,
    /// Other policies need the policy.
    PolicyInUse,
    /// The deployment brings the policy, and none is stored in its place.
    StaticPolicy,
    /// The namespace has as many policies as it can have.
    TooManyPolicies,
    /// The namespace has as many overrides as it can have.
    TooManyOverrides,
    /// The body is larger than 64 KiB.
    BodyTooLarge,
    /// The policy is larger than 32 KiB.
    PolicyTooLarge,
    /// The body is of a type that is not read.
    UnsupportedMediaType,
    /// The subject has as many limits in use as it can have.
    TooManyLimits,
    /// Another request was sent before under the same idempotency key, or as the same operation.
    IdempotencyKeyReused,
    /// A fault of this program.
    Internal,
    /// The Worker lacks a setting, or has a wrong one.
    NotConfigured,
    /// The subject's object did not answer in time, and the failure mode forbids a decision without
    /// it.
    ObjectUnavailable,
    /// KV did not answer in time.
    KvUnavailable,
    /// The namespace's policies could not be reached.
    PolicyUnavailable,
}

impl Code {
    /// Every code, for the documentation and its test.
    pub const ALL: [Code; 33] = [
        Code::InvalidJson,
        Code::InvalidField,
        Code::UnknownTimeZone,
        Code::Unauthorized,
        Code::Forbidden,
        Code::InlineForbidden,
        Code::NotFound,
        Code::UnknownPolicy,
        Code::UnknownPreset,
        Code::UnknownVersion,
        Code::UnknownOverride,
        Code::UnknownPermit,
        Code::PermitEnded,
        Code::OtherSubject,
        Code::UnnamedObject,
        Code::TooManyPermits,
        Code::MethodNotAllowed,
        Code::VersionMoved,
        Code::NameTaken,
        Code::PolicyInUse,
        Code::StaticPolicy,
        Code::TooManyPolicies,
        Code::TooManyOverrides,
        Code::BodyTooLarge,
        Code::PolicyTooLarge,
        Code::UnsupportedMediaType,
        Code::TooManyLimits,
        Code::IdempotencyKeyReused,
        Code::Internal,
        Code::NotConfigured,
        Code::ObjectUnavailable,
        Code::KvUnavailable,
        Code::PolicyUnavailable,
    ];

    /// Status, code and title: the one mapping to HTTP.
    pub(super) const fn parts(self) -> (u16, &'static str, &'static str) {
        match self {
            Code::InvalidJson => (400, "invalidJson", "The body cannot be read"),
            Code::InvalidField => (400, "invalidField", "A field is wrong"),
            Code::UnknownTimeZone => (400, "unknownTimeZone", "There is no such time zone"),
            Code::Unauthorized => (401, "unauthorized", "A token is needed"),
            Code::Forbidden => (403, "forbidden", "The token does not allow this"),
            Code::InlineForbidden => (
                403,
                "inlineForbidden",
                "The token may not bring limits of its own",
            ),
            Code::NotFound => (404, "notFound", "There is nothing at this path"),
            Code::UnknownPolicy => (404, "unknownPolicy", "There is no such policy"),
            Code::UnknownPreset => (404, "unknownPreset", "There is no such preset"),
            Code::UnknownVersion => (404, "unknownVersion", "There is no such version"),
            Code::UnknownOverride => (404, "unknownOverride", "There is no such override"),
            Code::UnknownPermit => (404, "unknownPermit", "The permit is not known"),
            Code::PermitEnded => (409, "permitEnded", "The permit has ended"),
            Code::OtherSubject => (409, "otherSubject", "This is another subject's object"),
            Code::UnnamedObject => (400, "unnamedObject", "The object has no subject's name"),
            Code::TooManyPermits => (409, "tooManyPermits", "There are too many permits"),
            Code::MethodNotAllowed => (405, "methodNotAllowed", "Another method is needed"),
            Code::VersionMoved => (409, "versionMoved", "The policy has another version"),
            Code::NameTaken => (409, "nameTaken", "There is already such a policy"),
            Code::PolicyInUse => (409, "policyInUse", "Other policies need the policy"),
            Code::StaticPolicy => (409, "staticPolicy", "The deployment brings the policy"),
            Code::TooManyPolicies => (409, "tooManyPolicies", "There are too many policies"),
            Code::TooManyOverrides => (409, "tooManyOverrides", "There are too many overrides"),
            Code::BodyTooLarge => (413, "bodyTooLarge", "The body is too large"),
            Code::PolicyTooLarge => (413, "policyTooLarge", "The policy is too large"),
            Code::UnsupportedMediaType => (
                415,
                "unsupportedMediaType",
                "The body is of a type that is not read",
            ),
            Code::TooManyLimits => (422, "tooManyLimits", "The subject has too many limits"),
            Code::IdempotencyKeyReused => {
                (422, "idempotencyKeyReused", "Another request had this key")
            }
            Code::Internal => (500, "internal", "Something went wrong here"),
            Code::NotConfigured => (503, "notConfigured", "The Worker is not set up"),
            Code::ObjectUnavailable => (503, "objectUnavailable", "The limit is out of reach"),
            Code::KvUnavailable => (503, "kvUnavailable", "KV is out of reach"),
            Code::PolicyUnavailable => (503, "policyUnavailable", "The policies are out of reach"),
        }
    }

    /// The code of a word, if it is one of the list.
    pub fn from_word(word: &str) -> Option<Code> {
        Code::ALL.into_iter().find(|code| code.word() == word)
    }

    /// The HTTP status.
    pub const fn status(self) -> u16 {
        self.parts().0
    }

    /// The code as callers see it.
    pub const fn word(self) -> &'static str {
        self.parts().1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_own_word_and_a_status_that_fits() {
        for (i, code) in Code::ALL.into_iter().enumerate() {
            assert!((400..=503).contains(&code.status()), "{code:?}");
            assert!(Code::ALL[..i].iter().all(|o| o.word() != code.word()));
        }
    }
}
