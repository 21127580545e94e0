//! From the environment to a validated [`Config`]: tokens, CORS, the deadline, what is logged.
//! Parsed once per isolate.
//!
//! A wrong setting is an error that says which one and what to do; it never falls back to a
//! default, and no secret is ever part of a message.

use tollgate_core::api::fields::Fields;
use tollgate_core::api::Problem;
use tollgate_core::subject::Namespace;
use tollgate_core::Duration;

use crate::auth::{hash, Caller, Hash, Role};
use crate::error::{ApiError, Code};

/// Maximum number of tokens. A secret holds 5 KB, which is about forty.
const MAX_TOKENS: usize = 64;
/// Maximum length of a token, in bytes: it has to fit into a header.
const MAX_TOKEN: usize = 1_024;
/// How long the Worker waits for an object: long enough for an object on another continent that has
/// to wake, short enough that a caller's own deadline of a few seconds still sees the answer.
pub const DEADLINE: Duration = Duration::from_secs(1);
/// The longest deadline that can be set.
const MAX_DEADLINE: u64 = 30_000;
/// One admission in so many is logged; denials are all logged.
const LOG_EVERY: u64 = 1_000;

/// The settings as they stand in the environment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings<'a> {
    /// `TOLLGATE_TOKENS`, a secret.
    pub tokens: Option<&'a str>,
    /// `TOLLGATE_CORS_ORIGINS`.
    pub cors_origins: Option<&'a str>,
    /// `TOLLGATE_DEADLINE_MS`.
    pub deadline_ms: Option<&'a str>,
    /// `TOLLGATE_LOG_EVERY`.
    pub log_every: Option<&'a str>,
    /// `TOLLGATE_LOG_IDENTIFIERS`.
    pub log_identifiers: Option<&'a str>,
}

/// The validated settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    callers: Vec<Caller>,
    origins: Vec<String>,
    deadline: Duration,
    log_every: u64,
    log_identifiers: bool,
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidSetting {
    /// There are no tokens. Every caller sees this: a fresh Worker holds no data, and its operator
    /// has to know which setting is missing.
    NoTokens,
    /// A setting is wrong. The sentence names the setting and the remedy. It goes to the Worker's
    /// log only: callers without a token must not learn the settings.
    Wrong(String),
}

impl InvalidSetting {
    /// The sentence for the Worker's log.
    pub fn to_log(&self) -> String {
        match self {
            InvalidSetting::NoTokens => no_tokens(),
            InvalidSetting::Wrong(sentence) => sentence.clone(),
        }
    }
}

impl From<&InvalidSetting> for ApiError {
    fn from(invalid: &InvalidSetting) -> ApiError {
        let detail = match invalid {
            InvalidSetting::NoTokens => no_tokens(),
            InvalidSetting::Wrong(_) => {
                "The Worker has a setting that cannot be used. Whoever runs it finds in its log which one, and why."
                    .to_owned()
            }
        };
        ApiError::new(Code::NotConfigured, detail)
    }
}

impl Config {
    /// Validates the settings.
    pub fn parse(settings: &Settings) -> Result<Config, InvalidSetting> {
        Ok(Config {
            callers: callers(settings.tokens)?,
            origins: origins(settings.cors_origins.unwrap_or(""))?,
            deadline: match settings.deadline_ms {
                Some(text) => whole("TOLLGATE_DEADLINE_MS", text, 1, MAX_DEADLINE)
                    .map(Duration::from_millis)?,
                None => DEADLINE,
            },
            log_every: match settings.log_every {
                Some(text) => whole("TOLLGATE_LOG_EVERY", text, 0, u64::from(u32::MAX))?,
                None => LOG_EVERY,
            },
            log_identifiers: match settings.log_identifiers {
                Some("true") => true,
                Some("false") | None => false,
                Some(_) => {
                    return Err(wrong(
                        "TOLLGATE_LOG_IDENTIFIERS",
                        "must be `true` or `false`",
                    ))
                }
            },
        })
    }

    /// The callers with a token; at least one.
    pub fn callers(&self) -> &[Caller] {
        &self.callers
    }

    /// How long the Worker waits for an object: 1 ms to 30 s, 1 s unless set.
    pub const fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Whether any page may read answers, so that the `Origin` of a request has to be looked at.
    pub fn allows_pages(&self) -> bool {
        !self.origins.is_empty()
    }

    /// Whether pages of `origin` may read answers.
    pub fn allows_origin(&self, origin: &str) -> bool {
        self.origins
            .iter()
            .any(|known| known == origin || known == "*")
    }

    /// One admission in so many is logged, 0 none; 1,000 unless set.
    pub const fn log_every(&self) -> u64 {
        self.log_every
    }

    /// Whether log events name the identifier, which may be a person's; not unless set.
    pub const fn log_identifiers(&self) -> bool {
        self.log_identifiers
    }
}

fn wrong(name: &str, what: &str) -> InvalidSetting {
    InvalidSetting::Wrong(format!("The Worker's setting {name} {what}."))
}

fn whole(name: &str, text: &str, min: u64, max: u64) -> Result<u64, InvalidSetting> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let value = text.parse().ok().filter(|_| digits);
    value
        .filter(|value| (min..=max).contains(value))
        .ok_or_else(|| {
            wrong(
                name,
                &format!("must be a whole number between {min} and {max}"),
            )
        })
}

const TOKENS: &str = "TOLLGATE_TOKENS";
const EXAMPLE: &str =
    r#"[{"token": "<a long random text>", "role": "admin", "namespace": "default"}]"#;

fn no_tokens() -> String {
    format!(
        "The Worker has no tokens yet: set the secret {TOKENS} (`wrangler secret put {TOKENS}`), such as {EXAMPLE}."
    )
}

fn callers(text: Option<&str>) -> Result<Vec<Caller>, InvalidSetting> {
    let text = text
        .filter(|text| !text.trim_ascii().is_empty())
        .ok_or(InvalidSetting::NoTokens)?;
    let invalid = |why: String| {
        InvalidSetting::Wrong(format!(
            "The Worker's secret {TOKENS} cannot be used: {why}"
        ))
    };
    let body = format!("{{\"{TOKENS}\":{text}}}");
    let mut fields = Fields::parse(&body).map_err(|bad| match bad.problem {
        // The line and column would be those of the text with the secret's name in front.
        Problem::NotJson { .. } => invalid(format!("it is not JSON. It looks like {EXAMPLE}.")),
        _ => invalid(bad.to_string()),
    })?;
    let entries = fields
        .array(TOKENS, MAX_TOKENS)
        .map_err(|bad| invalid(bad.to_string()))?;
    fields.finish().map_err(|bad| invalid(bad.to_string()))?;
    let mut callers: Vec<Caller> = Vec::new();
    for (i, entry) in entries.unwrap_or_default().into_iter().enumerate() {
        let fields = entry.object().map_err(|bad| invalid(bad.to_string()))?;
        let caller = caller(fields).map_err(&invalid)?;
        if let Some(first) = callers.iter().position(|other| other.hash == caller.hash) {
            return Err(invalid(format!(
                "entries {first} and {i} have the same token; remove one."
            )));
        }
        callers.push(caller);
    }
    Ok(callers)
}

fn caller(mut fields: Fields<'_>) -> Result<Caller, String> {
    let here = fields.here().to_owned();
    let text = |bad: tollgate_core::api::BadRequest| bad.to_string();
    let token = fields.text("token", 1, MAX_TOKEN).map_err(text)?;
    let sha256 = fields.text("sha256", 64, 64).map_err(text)?;
    let hash = match (token, sha256) {
        (Some(token), None) if token.bytes().all(|b| b.is_ascii_graphic()) => hash(&token),
        (Some(_), None) => {
            return Err(format!(
                "`{here}.token` must be of letters, digits and signs, without spaces: a header has to carry it."
            ))
        }
        (None, Some(hex)) => from_hex(&hex)
            .ok_or_else(|| format!("`{here}.sha256` must be 64 lower-case hexadecimal digits."))?,
        _ => return Err(format!("`{here}` needs `token` or `sha256`, one of them.")),
    };
    let role = fields
        .word("role", ROLES, |word| {
            Role::from_word(word).ok_or(Problem::Malformed { expected: ROLES })
        })
        .and_then(|role| fields.required("role", role))
        .map_err(text)?;
    let namespace = match fields.text("namespace", 1, MAX_TOKEN).map_err(text)? {
        Some(name) => Namespace::new(&name).map_err(|error| format!("`{here}`: {error}."))?,
        None => Namespace::default(),
    };
    fields.finish().map_err(text)?;
    Ok(Caller {
        hash,
        role,
        namespace,
    })
}

const ROLES: &str = "admin, check or read";

fn from_hex(text: &str) -> Option<Hash> {
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != bytes.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

/// Origins, separated by commas: `https://app.example`, or `*` alone for all.
fn origins(text: &str) -> Result<Vec<String>, InvalidSetting> {
    let text = text.trim_ascii();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let origins: Vec<&str> = text.split(',').map(str::trim_ascii).collect();
    if text == "*" || origins.iter().all(|origin| is_origin(origin)) {
        return Ok(origins.into_iter().map(str::to_owned).collect());
    }
    Err(wrong(
        "TOLLGATE_CORS_ORIGINS",
        "must be origins as browsers send them, such as `https://app.example`, separated by commas (in lower case, without a path \
         or the usual port), or `*` alone",
    ))
}

/// Whether a browser can send exactly this text as the `Origin` of a page. Any other text would
/// never match.
fn is_origin(origin: &str) -> bool {
    let (rest, usual) = match (
        origin.strip_prefix("https://"),
        origin.strip_prefix("http://"),
    ) {
        (Some(rest), _) => (rest, 443),
        (_, Some(rest)) => (rest, 80),
        _ => return false,
    };
    let is_ipv6 = rest.starts_with('[');
    let end = match is_ipv6 {
        true => rest.find(']').map_or(0, |at| at + 1),
        false => rest.find(':').unwrap_or(rest.len()),
    };
    let (host, port) = rest.split_at(end);
    let host_fits = |b: u8| match is_ipv6 {
        true => matches!(b, b'0'..=b'9' | b'a'..=b'f' | b':' | b'.' | b'[' | b']'),
        false => matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_'),
    };
    let port_fits = |port: &str| {
        let number = port.parse::<u16>();
        number.is_ok_and(|number| number > 0 && number != usual && number.to_string() == port)
    };
    host.len() > if is_ipv6 { 2 } else { 0 }
        && host.bytes().all(host_fits)
        && (port.is_empty() || port.strip_prefix(':').is_some_and(port_fits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(tokens: &str) -> Result<Config, String> {
        Config::parse(&Settings {
            tokens: Some(tokens),
            ..Settings::default()
        })
        .map_err(|invalid| invalid.to_log())
    }

    #[test]
    fn without_tokens_nothing_is_open_and_the_error_says_what_to_set() {
        for tokens in [None, Some(""), Some("  \n")] {
            let error = Config::parse(&Settings {
                tokens,
                ..Settings::default()
            })
            .unwrap_err();
            let told = ApiError::from(&error);
            for sentence in [told.detail(), &error.to_log()] {
                assert!(
                    sentence.contains("wrangler secret put TOLLGATE_TOKENS"),
                    "{sentence}"
                );
            }
        }
    }

    #[test]
    fn a_token_may_stand_as_its_hash() {
        let hashed = format!(
            r#"[{{"sha256": "{}", "role": "read"}}]"#,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        let plain = r#"[{"token": "abc", "role": "read", "namespace": "default"}]"#;
        assert_eq!(parse(&hashed), parse(plain));
    }

    #[test]
    fn wrong_tokens_are_refused_with_the_place_and_without_the_secret() {
        let table = [
            (r#"{"token": "hunter2"}"#, "must be an array"),
            ("[]", "must have between 1 and 64 entries"),
            ("[hunter2]", "is not JSON"),
            (r#"[1], "x": 1"#, "`x` is not known here"),
            (r#"["hunter2"]"#, "`TOLLGATE_TOKENS[0]` must be an object"),
            (
                r#"[{"token": "hunter2"}]"#,
                "`TOLLGATE_TOKENS[0].role` is missing",
            ),
            (
                r#"[{"token": "hunter2", "role": "root"}]"#,
                "must be admin, check or read",
            ),
            (r#"[{"role": "read"}]"#, "needs `token` or `sha256`"),
            (
                r#"[{"token": "hun ter2", "role": "read"}]"#,
                "without spaces",
            ),
            (
                r#"[{"token": "hunter2", "role": "read", "namespace": "a/b"}]"#,
                "`namespace` must be",
            ),
            (
                r#"[{"token": "hunter2", "role": "read", "ns": "a"}]"#,
                "`TOLLGATE_TOKENS[0].ns` is not known here",
            ),
            (
                r#"[{"token": "hunter2", "role": "read"}, {"token": "hunter2", "role": "admin"}]"#,
                "entries 0 and 1 have the same token",
            ),
            (
                r#"[{"sha256": "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD", "role": "read"}]"#,
                "64 lower-case hexadecimal digits",
            ),
        ];
        for (tokens, expected) in table {
            let error = parse(tokens).unwrap_err();
            assert!(error.contains(expected), "{tokens}: {error}");
            assert!(!error.contains("ter2"), "{error}");
            // Callers see the same answer for every wrong setting.
            let told = ApiError::from(&InvalidSetting::Wrong(error));
            assert_eq!(told, ApiError::from(&InvalidSetting::Wrong(String::new())));
        }
    }

    #[test]
    fn other_settings_have_defaults_and_bounds() {
        let tokens = Some(r#"[{"token": "a", "role": "read"}]"#);
        let config = Config::parse(&Settings {
            tokens,
            ..Settings::default()
        })
        .unwrap();
        assert_eq!(config.deadline(), Duration::from_secs(1));
        assert_eq!(
            (config.log_every(), config.log_identifiers()),
            (1_000, false)
        );
        assert!(!config.allows_pages());
        let bad = |settings: Settings| {
            Config::parse(&Settings { tokens, ..settings })
                .unwrap_err()
                .to_log()
        };
        for text in ["0", "30001", "1.5", "+1", "", "1s"] {
            let deadline_ms = Some(text);
            let error = bad(Settings {
                deadline_ms,
                ..Settings::default()
            });
            assert!(
                error.contains("TOLLGATE_DEADLINE_MS must be a whole number between 1 and 30000"),
                "{error}"
            );
        }
        for text in [
            "app.example",
            "https://a/",
            "https://",
            "https://a, b",
            "https://a,,",
            "https://a.example,*",
            "*,https://a.example",
            "*,*",
            "* , *",
            "https://*.example",
            "https://A.example",
            "HTTPS://a.example",
            "https://a.example:443",
            "http://a.example:80",
            "https://a.example:0",
            "https://a.example:08",
            "https://a.example:65536",
            "https://a.example:",
            "https://u:p@a.example",
            "https://a.example?x",
            "https://ä.example",
            "https://[::1",
            "https://[]",
            "https://[::1]x",
            "ftp://a.example",
            "null",
        ] {
            let cors_origins = Some(text);
            let error = bad(Settings {
                cors_origins,
                ..Settings::default()
            });
            assert!(error.contains("TOLLGATE_CORS_ORIGINS"), "{text}");
        }
    }

    #[test]
    fn only_named_origins_may_read() {
        let config = Config::parse(&Settings {
            tokens: Some(r#"[{"token": "a", "role": "read"}]"#),
            cors_origins: Some("https://app.example, http://localhost:5173"),
            ..Settings::default()
        })
        .unwrap();
        assert!(config.allows_origin("http://localhost:5173"));
        assert!(!config.allows_origin("https://app.example.evil"));
        assert!(!config.allows_origin("https://app.example:444"));
        assert!(!config.allows_origin("*"));
    }

    #[test]
    fn origins_are_as_browsers_send_them() {
        let tokens = Some(r#"[{"token": "a", "role": "read"}]"#);
        for origin in [
            "https://a.example:8443",
            "http://a.example:443",
            "http://127.0.0.1:8787",
            "http://[::1]:5173",
            "https://xn--bcher-kva.example",
        ] {
            let config = Config::parse(&Settings {
                tokens,
                cors_origins: Some(origin),
                ..Settings::default()
            });
            assert!(config.unwrap().allows_origin(origin), "{origin}");
        }
        let all = Config::parse(&Settings {
            tokens,
            cors_origins: Some(" * "),
            ..Settings::default()
        });
        assert!(all.unwrap().allows_origin("https://any.example"));
    }
}
