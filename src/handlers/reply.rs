//! Answers as the runtime wants them: a status, one body and headers made in one step.

use wasm_bindgen::JsValue;

use crate::config::Config;
use crate::error::ApiError;
use crate::headers::{RateLimitHeaders, NAMES};
use crate::router::methods_of;
use crate::runtime::{self, Headers};

/// How long a page may remember that it may ask, in seconds: two hours, the most that browsers keep.
const PREFLIGHT_AGE: u32 = 7_200;

/// An answer in JSON.
pub(super) struct Reply {
    /// The HTTP status.
    pub(super) status: u16,
    /// The body.
    pub(super) body: String,
    /// The headers of a decision.
    pub(super) headers: RateLimitHeaders,
}

impl Reply {
    /// An answer that is not a decision.
    pub(super) fn json(body: String) -> Reply {
        Reply {
            status: 200,
            body,
            headers: RateLimitHeaders::default(),
        }
    }

    /// Done, with nothing more to say.
    pub(super) fn done() -> Reply {
        Reply::json(r#"{"success":true}"#.to_owned())
    }

    /// The runtime's answer.
    pub(super) fn into_response(self, cors: &Cors) -> JsValue {
        match (&self.headers.limits, &cors.origin) {
            (Some(limits), None) => {
                // None of the three can hold a line break.
                let text = [&limits.policy, "\n", &limits.state, "\n", &self.body].concat();
                runtime::decided(
                    self.status,
                    &text,
                    // All at most 2^53, and a reset in seconds far below.
                    limits.limit as f64,
                    limits.remaining as f64,
                    limits.reset_seconds as f64,
                    self.headers.retry_after.unwrap_or(0) as f64,
                )
            }
            _ => {
                let lines = self.headers.lines();
                respond(self.status, &self.body, "application/json", &lines, cors)
            }
        }
    }
}

/// The answer to a request that went wrong.
pub(super) fn problem(error: &ApiError, request_id: &str, cors: &Cors) -> JsValue {
    respond(
        error.code().status(),
        &error.to_json(request_id),
        "application/problem+json",
        &error.header_lines(),
        cors,
    )
}

fn respond(status: u16, body: &str, content_type: &str, lines: &str, cors: &Cors) -> JsValue {
    let all = format!("content-type: {content_type}\n{lines}{}", cors.lines());
    runtime::answer(status, body, &all)
}

/// Whether a page may read the answer. Without the setting nothing of this is looked at.
#[derive(Debug, Default)]
pub(super) struct Cors {
    /// The page's origin, if it is one of those that may.
    origin: Option<String>,
    /// Whether answers differ by origin, so that a cache has to know.
    varies: bool,
}

impl Cors {
    /// Looks at the request's origin.
    pub(super) fn of(config: &Config, headers: &Headers) -> Cors {
        if !config.allows_pages() {
            return Cors::default();
        }
        let origin = headers.get("origin");
        Cors {
            origin: origin.filter(|origin| config.allows_origin(origin)),
            varies: true,
        }
    }

    /// The answer to a page that asks beforehand whether it may.
    pub(super) fn preflight(&self, method: &str, path: &str) -> Option<JsValue> {
        if method != "OPTIONS" || self.origin.is_none() {
            return None;
        }
        let methods = methods_of(path)?;
        let lines = format!(
            "access-control-allow-methods: {methods}\naccess-control-allow-headers: authorization, content-type\naccess-control-max-age: {PREFLIGHT_AGE}\n{}",
            self.lines()
        );
        Some(runtime::answer(200, "", &lines))
    }

    fn lines(&self) -> String {
        let mut lines = String::new();
        if let Some(origin) = &self.origin {
            lines = format!(
                "access-control-allow-origin: {origin}\naccess-control-expose-headers: {NAMES}\n"
            );
        }
        if self.varies {
            lines.push_str("vary: origin\n");
        }
        lines
    }
}
