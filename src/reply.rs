//! A route's answer as plain data.

use tollgate_core::Duration;

use crate::headers::RateLimitHeaders;

/// An answer in JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body, JSON.
    pub body: String,
    /// The headers of a decision; none where the answer is not one.
    pub headers: RateLimitHeaders,
    /// The version of the policy that it is about.
    pub version: Option<u64>,
}

impl Reply {
    /// A decision.
    pub fn decision(status: u16, body: String, headers: RateLimitHeaders) -> Reply {
        Reply {
            status,
            body,
            headers,
            version: None,
        }
    }

    /// An answer with status 200 that is not a decision.
    pub fn json(body: String) -> Reply {
        Reply {
            status: 200,
            body,
            headers: RateLimitHeaders::default(),
            version: None,
        }
    }

    /// The answer to a change: `{"success":true}`.
    pub fn done() -> Reply {
        Reply::json(r#"{"success":true}"#.to_owned())
    }

    /// The answer to a change that is in force after this time: `inForceAfter` in ms.
    pub fn done_after(time: Duration) -> Reply {
        let after = time.as_millis();
        Reply::json(format!(r#"{{"success":true,"inForceAfter":{after}}}"#))
    }
}
