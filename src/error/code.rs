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
    /// The permit was never issued, has expired, or belongs to another namespace.
    UnknownPermit,
    /// The path exists, the method on it does not; `Allow` lists those that do.
    MethodNotAllowed,
    /// The body is larger than 64 KiB.
    BodyTooLarge,
    /// The body is of a type that is not read.
    UnsupportedMediaType,
    /// The subject has as many limits in use as it can have.
    TooManyLimits,
    /// A fault of this program.
    Internal,
    /// The Worker lacks a setting, or has a wrong one.
    NotConfigured,
    /// The subject's object did not answer in time, and the failure mode forbids a decision without
    /// it.
    ObjectUnavailable,
    /// KV did not answer in time.
    KvUnavailable,
}

impl Code {
    /// Every code, for the documentation and its test.
    pub const ALL: [Code; 17] = [
        Code::InvalidJson,
        Code::InvalidField,
        Code::UnknownTimeZone,
        Code::Unauthorized,
        Code::Forbidden,
        Code::InlineForbidden,
        Code::NotFound,
        Code::UnknownPolicy,
        Code::UnknownPermit,
        Code::MethodNotAllowed,
        Code::BodyTooLarge,
        Code::UnsupportedMediaType,
        Code::TooManyLimits,
        Code::Internal,
        Code::NotConfigured,
        Code::ObjectUnavailable,
        Code::KvUnavailable,
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
            Code::UnknownPermit => (404, "unknownPermit", "The permit is not known"),
            Code::MethodNotAllowed => (405, "methodNotAllowed", "Another method is needed"),
            Code::BodyTooLarge => (413, "bodyTooLarge", "The body is too large"),
            Code::UnsupportedMediaType => (
                415,
                "unsupportedMediaType",
                "The body is of a type that is not read",
            ),
            Code::TooManyLimits => (422, "tooManyLimits", "The subject has too many limits"),
            Code::Internal => (500, "internal", "Something went wrong here"),
            Code::NotConfigured => (503, "notConfigured", "The Worker is not set up"),
            Code::ObjectUnavailable => (503, "objectUnavailable", "The limit is out of reach"),
            Code::KvUnavailable => (503, "kvUnavailable", "KV is out of reach"),
        }
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
