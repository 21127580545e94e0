//! From the `Authorization` header to the caller: a role and a namespace.
//!
//! A presented token is hashed and its hash compared with that of every entry, all bytes of all
//! entries, so that the time taken does not tell how much of which token was right.

use sha2::{Digest, Sha256};
use tollgate_core::subject::Namespace;

use crate::error::{ApiError, Code};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// The rights of a token. Each role includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Look at states.
    Read,
    /// Decide and consume.
    Check,
    /// Reset, block, change policies.
    Admin,
}

impl Role {
    /// The word for it in the configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Role::Read => "read",
            Role::Check => "check",
            Role::Admin => "admin",
        }
    }

    /// The role that a word names.
    pub fn from_word(word: &str) -> Option<Role> {
        [Role::Read, Role::Check, Role::Admin]
            .into_iter()
            .find(|role| role.word() == word)
    }
}

/// The caller that a configured token identifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The hash of the token.
    pub(crate) hash: Hash,
    /// Whose it is; no two tokens of a namespace have the same name.
    pub name: Option<String>,
    /// Whether it may bring limits of its own, and not only ask named policies.
    pub inline: bool,
    /// Its rights.
    pub role: Role,
    /// The token's namespace. Names of objects, cache entries and KV keys use it, never one from
    /// the request.
    pub namespace: Namespace,
}

/// The hash of a token.
pub fn hash(token: &str) -> Hash {
    Sha256::digest(token.as_bytes()).into()
}

/// The caller of the token in `header`, the value of `Authorization`, if its role includes
/// `needed`.
pub fn authorize<'a>(
    callers: &'a [Caller],
    header: &str,
    needed: Role,
) -> Result<&'a Caller, ApiError> {
    let token = bearer(header).ok_or_else(|| {
        unauthorized("Send the header `Authorization: Bearer <token>` with a token of this Worker.")
    })?;
    by_token(callers, token, needed)
}

/// The caller of a token, if its role includes `needed`.
pub fn by_token<'a>(
    callers: &'a [Caller],
    token: &str,
    needed: Role,
) -> Result<&'a Caller, ApiError> {
    let caller = find(callers, &hash(token)).ok_or_else(|| {
        unauthorized("The token is not one of this Worker's: check it for a slip, or ask whoever runs it for another.")
    })?;
    caller.may(needed)
}

impl Caller {
    /// Whoever asks an object itself: whoever may deploy Workers of the account.
    pub fn of_object(namespace: &Namespace) -> Caller {
        Caller {
            hash: [0; 32],
            name: None,
            inline: true,
            role: Role::Admin,
            namespace: namespace.clone(),
        }
    }

    /// The caller, if its role includes `needed`.
    pub fn may(&self, needed: Role) -> Result<&Caller, ApiError> {
        if self.role >= needed {
            return Ok(self);
        }
        let detail = format!(
            "This needs the role `{}`, and the caller has `{}`.",
            needed.word(),
            self.role.word()
        );
        Err(ApiError::new(Code::Forbidden, detail))
    }
}

pub(crate) fn unauthorized(detail: &str) -> ApiError {
    ApiError::new(Code::Unauthorized, detail)
}

/// The token in `Bearer <token>`; the scheme is read in any case.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim_ascii().split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_ascii_start())
}

/// The entry with this hash. Every byte of every entry is compared, so the time does not depend on
/// the match.
fn find<'a>(callers: &'a [Caller], presented: &Hash) -> Option<&'a Caller> {
    callers.iter().fold(None, |found, caller| {
        let pairs = caller.hash.iter().zip(presented);
        let difference = pairs.fold(0, |bits, (a, b)| bits | (a ^ b));
        if core::hint::black_box(difference) == 0 {
            Some(caller)
        } else {
            found
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Settings};

    fn config() -> Config {
        let tokens = r#"[{"token": "root", "role": "admin", "namespace": "default"},
            {"token": "app", "role": "check", "namespace": "shop"},
            {"sha256": "3d6c0e0e40c67af4ffa3ad6bf4c2ac8a6d6f4a6f3b3a5a5d0c8cb6d0bdc4c2a1", "role": "read"}]"#;
        Config::parse(&Settings {
            tokens: Some(tokens),
            ..Settings::default()
        })
        .unwrap()
    }

    #[test]
    fn a_token_brings_its_own_role_and_namespace() {
        let config = config();
        let caller = authorize(config.callers().unwrap(), "Bearer app", Role::Check).unwrap();
        assert_eq!(
            (caller.role, caller.namespace.as_str()),
            (Role::Check, "shop")
        );
    }

    #[test]
    fn each_role_may_do_what_those_below_it_may_and_no_more() {
        let config = config();
        let table = [
            ("Bearer root", Role::Admin, Ok(())),
            ("Bearer root", Role::Read, Ok(())),
            ("Bearer app", Role::Read, Ok(())),
            ("Bearer app", Role::Admin, Err(Code::Forbidden)),
        ];
        for (header, needed, expected) in table {
            let answer = authorize(config.callers().unwrap(), header, needed);
            assert_eq!(
                answer.map(|_| ()).map_err(|error| error.code()),
                expected,
                "{header} {needed:?}"
            );
        }
    }

    #[test]
    fn anything_but_a_known_token_is_refused() {
        let config = config();
        let table = [
            "",
            "Bearer",
            "Bearer ",
            "Bearer rootx",
            "Bearer Root",
            "Bearer root app",
            "Basic root",
            "root",
            "Bearer 3d6c0e0e40c67af4ffa3ad6bf4c2ac8a6d6f4a6f3b3a5a5d0c8cb6d0bdc4c2a1",
        ];
        for header in table {
            let error = authorize(config.callers().unwrap(), header, Role::Read).unwrap_err();
            assert_eq!(error.code(), Code::Unauthorized, "{header:?}");
            assert!(
                !error.to_json("").contains("root"),
                "never repeats a secret"
            );
        }
    }

    #[test]
    fn the_scheme_is_read_in_any_case_and_spacing() {
        for header in ["bearer app", "BEARER app", "Bearer  app", " Bearer app "] {
            assert!(
                authorize(config().callers().unwrap(), header, Role::Read).is_ok(),
                "{header:?}"
            );
        }
    }

    #[test]
    fn hashes_are_those_of_everybody_else() {
        // `printf abc | sha256sum`
        let expected = [
            0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae,
            0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61,
            0xf2, 0x00, 0x15, 0xad,
        ];
        assert_eq!(hash("abc"), expected);
    }
}
