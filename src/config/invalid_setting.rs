//! A setting that cannot be used: what the log says, and what callers see.

use crate::error::{ApiError, Code};

/// The secret that holds the tokens.
pub(super) const TOKENS: &str = "TOLLGATE_TOKENS";
/// What the secret looks like.
pub(super) const EXAMPLE: &str =
    r#"[{"token": "<a long random text>", "role": "admin", "namespace": "default"}]"#;

fn no_tokens() -> String {
    format!(
        "The Worker has no tokens yet: set the secret {TOKENS} (`wrangler secret put {TOKENS}`), such as {EXAMPLE}."
    )
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

/// The setting `name` cannot be used; `what` goes on with the sentence.
pub(super) fn wrong(name: &str, what: &str) -> InvalidSetting {
    InvalidSetting::Wrong(format!("The Worker's setting {name} {what}."))
}
