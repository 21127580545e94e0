//! From the environment to a validated [`Config`]: tokens, CORS, the deadline, what is logged, the
//! policies that the deployment brings.
//! Parsed once per isolate.
//!
//! A wrong setting is an error that says which one and what to do; it never falls back to a
//! default, and no secret is ever part of a message.

mod invalid_setting;
mod origins;
mod policies;
mod tokens;

pub use invalid_setting::InvalidSetting;

use std::rc::Rc;

use tollgate_core::Duration;
use tollgate_policies::deployed::Deployed;

use crate::auth::Caller;

use invalid_setting::wrong;
use origins::origins;
pub use policies::POLICIES;
use tokens::callers;
pub use tokens::{of_props, secret, SECRETS};

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
    /// `TOLLGATE_TOKENS_2` to `TOLLGATE_TOKENS_9`, secrets that go on with it.
    pub more_tokens: [Option<&'a str>; SECRETS - 1],
    /// `TOLLGATE_CORS_ORIGINS`.
    pub cors_origins: Option<&'a str>,
    /// `TOLLGATE_DEADLINE_MS`.
    pub deadline_ms: Option<&'a str>,
    /// `TOLLGATE_LOG_EVERY`.
    pub log_every: Option<&'a str>,
    /// `TOLLGATE_LOG_IDENTIFIERS`.
    pub log_identifiers: Option<&'a str>,
    /// `TOLLGATE_POLICIES`.
    pub policies: Option<&'a str>,
    /// `TOLLGATE_BINDINGS`.
    pub bindings: Option<&'a str>,
}

/// The validated settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    callers: Result<Vec<Caller>, InvalidSetting>,
    origins: Vec<String>,
    deadline: Duration,
    log_every: u64,
    log_identifiers: bool,
    deployed: Rc<Deployed>,
    believes_props: bool,
}

impl Config {
    /// Validates the settings.
    pub fn parse(settings: &Settings) -> Result<Config, InvalidSetting> {
        let mut secrets = [settings.tokens; SECRETS];
        secrets[1..].copy_from_slice(&settings.more_tokens);
        Ok(Config {
            deployed: policies::deployed(settings.policies)?,
            callers: match callers(secrets) {
                Err(wrong @ InvalidSetting::Wrong(_)) => return Err(wrong),
                callers => callers,
            },
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
            believes_props: match settings.bindings {
                Some("props") => true,
                Some("token") | None => false,
                Some(_) => return Err(wrong("TOLLGATE_BINDINGS", "must be `props` or `token`")),
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

    /// The callers with a token, at least one. Without any the Worker answers nobody; an object of
    /// it that is asked itself does.
    pub fn callers(&self) -> Result<&[Caller], &InvalidSetting> {
        self.callers.as_deref()
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

    /// The policies that the deployment brings; none unless set.
    pub const fn deployed(&self) -> &Rc<Deployed> {
        &self.deployed
    }

    /// Whether the `props` of a service binding say who calls: whoever may deploy Workers of the
    /// account writes them. Not unless set.
    pub const fn believes_props(&self) -> bool {
        self.believes_props
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Role;
    use crate::error::ApiError;

    #[test]
    fn props_say_what_an_entry_without_a_token_does() {
        let caller = of_props(r#"{"namespace": "shop", "role": "check", "name": "mailer"}"#);
        let caller = caller.unwrap();
        let rights = (caller.role, caller.namespace.as_str(), caller.inline);
        assert_eq!(rights, (Role::Check, "shop", true));
        assert_eq!(caller.name.as_deref(), Some("mailer"));
        for wrong in [
            "",
            "[]",
            "{}",
            r#"{"role": "king"}"#,
            r#"{"role": "check", "token": "x"}"#,
            r#"{"role": "check", "namespace": "a/b"}"#,
            r#"{"role": "check", "name": "a b"}"#,
            r#"{"role": "check", "inline": "no"}"#,
        ] {
            assert!(of_props(wrong).is_err(), "{wrong}");
        }
    }

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
            let config = Config::parse(&Settings {
                tokens,
                ..Settings::default()
            })
            .unwrap();
            let error = config.callers().unwrap_err();
            let told = ApiError::from(error);
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
                "`TOLLGATE_TOKENS[0]` and `TOLLGATE_TOKENS[1]` have the same token",
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
    fn tokens_of_all_secrets_are_one_list() {
        let read = |tokens, second, ninth| {
            let mut more_tokens = [None; SECRETS - 1];
            (more_tokens[0], more_tokens[7]) = (second, ninth);
            let settings = Settings {
                tokens,
                more_tokens,
                ..Settings::default()
            };
            Config::parse(&settings).map_err(|invalid| invalid.to_log())
        };
        let [one, two, three] = [
            r#"[{"token": "a", "role": "read", "name": "ann@x.org"}]"#,
            r#"[{"token": "b", "role": "read"}, {"token": "c", "role": "check", "inline": false}]"#,
            r#"[{"token": "d", "role": "read", "name": "ann@x.org", "namespace": "shop"}]"#,
        ];
        let config = read(Some(one), Some(two), Some(three)).unwrap();
        let told = config.callers().unwrap().iter();
        let told: Vec<_> = told.map(|it| (it.name.as_deref(), it.inline)).collect();
        let ann = Some("ann@x.org");
        assert_eq!(
            told,
            [(ann, true), (None, true), (None, false), (ann, true)]
        );
        assert_eq!(
            read(None, None, Some(two))
                .unwrap()
                .callers()
                .unwrap()
                .len(),
            2
        );
        let same_name = one.replace("\"a\"", "\"e\"");
        for (second, ninth, expected) in [
            (
                two,
                two,
                "`TOLLGATE_TOKENS_2[0]` and `TOLLGATE_TOKENS_9[0]` have the same token",
            ),
            (
                two,
                &*same_name,
                "`TOLLGATE_TOKENS[0]` and `TOLLGATE_TOKENS_9[0]` have the same name",
            ),
            (
                two,
                "[7]",
                "secret TOLLGATE_TOKENS_9 cannot be used: `TOLLGATE_TOKENS_9[0]` must be",
            ),
            (
                r#"[{"token": "x", "role": "read", "name": "a b"}]"#,
                "[]",
                "`TOLLGATE_TOKENS_2[0].name`",
            ),
            (
                r#"[{"token": "x", "role": "read", "inline": 0}]"#,
                "[]",
                "`TOLLGATE_TOKENS_2[0].inline`",
            ),
        ] {
            let error = read(Some(one), Some(second), Some(ninth)).unwrap_err();
            assert!(error.contains(expected), "{error}");
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
    fn policies_of_the_deployment_are_read_and_a_wrong_one_is_named() {
        let read = |policies| {
            Config::parse(&Settings {
                tokens: Some(r#"[{"token": "a", "role": "read"}]"#),
                policies,
                ..Settings::default()
            })
        };
        for none in [None, Some(""), Some(" ")] {
            assert!(read(none).unwrap().deployed().is_empty());
        }
        let inbox = r#"{"inbox": {"limit": 100, "window": "1s"}}"#;
        let config = read(Some(inbox)).unwrap();
        assert!(config.deployed().get("inbox").is_some());
        let wrong = inbox.replace("1s", "0s");
        for (text, expected) in [
            (
                "[]",
                "The Worker's setting TOLLGATE_POLICIES cannot be used: it must be one JSON object",
            ),
            (
                &*wrong,
                "cannot be used: in the policy `inbox`: `window` must be between",
            ),
        ] {
            let error = read(Some(text)).unwrap_err();
            assert!(error.to_log().contains(expected), "{}", error.to_log());
            // Callers learn nothing of it.
            assert!(!ApiError::from(&error).detail().contains("POLICIES"));
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
