//! Every header that an answer can have, by name and value, and nowhere else: those of a decision,
//! which are `RateLimit-Policy` and `RateLimit` (structured fields, after the IETF draft
//! draft-ietf-httpapi-ratelimit-headers), `X-RateLimit-*`, and `Retry-After`; those of problems, of
//! pages that ask, and of the Upstash protocol. Only here milliseconds become whole seconds.
//!
//! Lines are `name: value` and end with a line break. One answer is given so often that src/hot.js
//! writes its headers as one literal, with the names of [`NAMES`]; a test holds both equal.

use core::fmt::Write;

use tollgate_core::api::response::seconds_until;
use tollgate_core::decision::{Decision, Standing};
use tollgate_core::policy::Policy;
use tollgate_core::{Duration, Limit};

/// The names of all headers that [`RateLimitHeaders`] can hold, as a page has to be allowed to read
/// them.
pub const NAMES: &str =
    "RateLimit-Policy, RateLimit, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After";

/// The type of answers in JSON.
pub const JSON: &str = "Content-Type: application/json\n";
/// The type of problems (RFC 9457).
pub const PROBLEM: &str = "Content-Type: application/problem+json\n";
/// The authentication scheme, for an answer with status 401.
pub const CHALLENGE: &str = "WWW-Authenticate: Bearer realm=\"tollgate\"\n";
/// A temporary fault: the caller may retry after a second.
pub const RETRY_SOON: &str = "Retry-After: 1\n";

/// How long a browser may cache the answer to a preflight request, in seconds: two hours, the
/// longest that browsers accept.
const PREFLIGHT_AGE: u32 = 7_200;

/// A policy's version, as `If-Match` takes it.
pub fn etag(version: u64) -> String {
    format!("ETag: \"{version}\"\n")
}

/// The headers that a page may send: those that are read, and those that the Upstash SDKs send
/// beside, without which a browser would not let them call.
const ASKED: &str = "authorization, content-type, if-match, if-none-match, upstash-encoding, upstash-response-format, \
    upstash-sync-token, upstash-telemetry-platform, upstash-telemetry-runtime, upstash-telemetry-sdk";

/// The methods of a path, such as `GET, POST`.
pub fn allow(methods: &str) -> String {
    format!("Allow: {methods}\n")
}

/// The page of this origin may read the answer. `varies`: answers differ by origin, so that a cache
/// has to know.
pub fn cors(origin: Option<&str>, varies: bool) -> String {
    let mut lines = String::new();
    if let Some(origin) = origin {
        lines = format!(
            "Access-Control-Allow-Origin: {origin}\nAccess-Control-Expose-Headers: {NAMES}, ETag\n"
        );
    }
    if varies {
        lines.push_str("Vary: Origin\n");
    }
    lines
}

/// The answer to a preflight request, with the methods of the path.
pub fn preflight(methods: &str) -> String {
    format!(
        "Access-Control-Allow-Methods: {methods}\nAccess-Control-Allow-Headers: {ASKED}\n\
         Access-Control-Max-Age: {PREFLIGHT_AGE}\n"
    )
}

/// An answer of the Upstash protocol. `count` makes its sync token another one each time; nothing
/// is read from it, because every key has one owner, so what was written is read.
pub fn sync_token(count: u32) -> String {
    format!("Upstash-Sync-Token: tollgate={count}\n")
}

/// The headers of one decision. An unknown value has no header.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RateLimitHeaders {
    /// Of the limits asked; absent when none was, as for a blocked subject.
    pub limits: Option<LimitHeaders>,
    /// `Retry-After`: whole seconds, at least 1; there exactly when the decision has a
    /// `retryAfter`.
    pub retry_after: Option<u64>,
}

/// The headers about limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitHeaders {
    /// `RateLimit-Policy`: each limit's name, quota `q` and window `w` in seconds, where it has
    /// one.
    pub policy: String,
    /// `RateLimit`: each limit's name, its remaining units `r`, and the seconds `t` to its reset.
    pub state: String,
    /// `X-RateLimit-Limit`: the deciding limit's limit or capacity.
    pub limit: u64,
    /// `X-RateLimit-Remaining`: what it has left.
    pub remaining: u64,
    /// `X-RateLimit-Reset`: its reset, in Unix seconds, rounded up.
    pub reset_seconds: u64,
}

impl RateLimitHeaders {
    /// The headers of `decision`, made under `policy`.
    pub fn new(decision: &Decision, policy: &Policy) -> RateLimitHeaders {
        RateLimitHeaders {
            limits: decision
                .deciding()
                .map(|deciding| LimitHeaders::new(deciding, decision, policy)),
            retry_after: decision.retry_after.map(retry_after),
        }
    }

    /// The headers as `name: value` lines.
    pub fn lines(&self) -> String {
        let mut lines = String::new();
        if let Some(limits) = &self.limits {
            // Writing to a String cannot fail.
            let _ = write!(
                lines,
                "RateLimit-Policy: {}\nRateLimit: {}\nX-RateLimit-Limit: {}\nX-RateLimit-Remaining: {}\nX-RateLimit-Reset: {}\n",
                limits.policy, limits.state, limits.limit, limits.remaining, limits.reset_seconds
            );
        }
        if let Some(seconds) = self.retry_after {
            let _ = writeln!(lines, "Retry-After: {seconds}");
        }
        lines
    }
}

/// A wait in whole seconds: rounded up, and never 0, which clients take for "at once".
fn retry_after(wait: Duration) -> u64 {
    wait.as_secs_ceil().max(1)
}

impl LimitHeaders {
    fn new(deciding: &Standing, decision: &Decision, policy: &Policy) -> LimitHeaders {
        let mut headers = LimitHeaders {
            policy: String::with_capacity(32),
            state: String::with_capacity(32),
            limit: deciding.limit,
            remaining: deciding.remaining,
            reset_seconds: deciding.reset.as_seconds_ceil(),
        };
        for (limit, standing) in policy.limits().iter().zip(decision.limits.iter()) {
            headers.add(limit, standing, decision);
        }
        headers
    }

    fn add(&mut self, limit: &Limit, standing: &Standing, decision: &Decision) {
        if !self.policy.is_empty() {
            self.policy.push_str(", ");
            self.state.push_str(", ");
        }
        let name = limit.label();
        put_string(&mut self.policy, &name);
        put_string(&mut self.state, &name);
        let seconds = seconds_until(standing.reset, decision.at);
        // Writing to a String cannot fail.
        let _ = write!(self.policy, ";q={}", standing.limit);
        let _ = write!(self.state, ";r={};t={seconds}", standing.remaining);
        if let Some(window) = limit.algorithm().window() {
            let _ = write!(self.policy, ";w={}", window.as_secs_ceil());
        }
    }
}

/// A structured-field string: quoted, `"` and `\` escaped. Labels are ASCII without control
/// characters.
fn put_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_core::api::request::{parse, Rule};
    use tollgate_core::decision::{Reason, Standings};
    use tollgate_core::Timestamp;

    fn policy(limit: &str) -> Policy {
        match parse(&format!(r#"{{"identifier": "u1", {limit}}}"#))
            .unwrap()
            .rule
        {
            Rule::Inline(policy) => policy,
            Rule::Named(_) => unreachable!(),
        }
    }

    fn standing(limit: u64, remaining: u64, reset: u64) -> Standing {
        Standing {
            limit,
            remaining,
            reset: Timestamp::from_millis(reset),
            refused: None,
            retry_at: None,
        }
    }

    fn decision(limits: Vec<Standing>) -> Decision {
        Decision {
            deciding: Some(0),
            limits: Standings::Many(limits),
            ..Decision::bare(Timestamp::from_millis(1_000_000), true, None)
        }
    }

    #[test]
    fn a_decision_says_what_the_drafts_example_says() {
        let policy = policy(r#""limit": 100, "window": "15m""#);
        let lines =
            RateLimitHeaders::new(&decision(vec![standing(100, 99, 1_052_500)]), &policy).lines();
        let expected = "RateLimit-Policy: \"100/15m\";q=100;w=900\n\
            RateLimit: \"100/15m\";r=99;t=53\n\
            X-RateLimit-Limit: 100\nX-RateLimit-Remaining: 99\nX-RateLimit-Reset: 1053\n";
        assert_eq!(lines, expected);
    }

    #[test]
    fn several_limits_are_several_members_and_the_deciding_one_stands_alone_where_there_is_one_value(
    ) {
        let policy = policy(
            r#""limits": [{"name": "burst", "algorithm": "tokenBucket", "capacity": 5, "refill": {"amount": 1, "interval": "1s"}},
            {"algorithm": "slidingWindow", "limit": 80, "window": "1d"}]"#,
        );
        let mut decision = decision(vec![standing(5, 4, 1_001_000), standing(80, 2, 87_400_000)]);
        decision.deciding = Some(1);
        let headers = RateLimitHeaders::new(&decision, &policy).limits.unwrap();
        assert_eq!(headers.policy, r#""burst";q=5, "80/1d";q=80;w=86400"#);
        assert_eq!(headers.state, r#""burst";r=4;t=1, "80/1d";r=2;t=86400"#);
        assert_eq!((headers.limit, headers.remaining), (80, 2));
    }

    #[test]
    fn retry_after_is_there_exactly_when_waiting_helps_and_is_never_too_short() {
        let policy = policy(r#""limit": 1, "window": "1s""#);
        for (millis, seconds) in [
            (None, None),
            (Some(1), Some(1)),
            (Some(1_000), Some(1)),
            (Some(1_001), Some(2)),
            (Some(0), Some(1)),
        ] {
            let mut decision = decision(vec![standing(1, 0, 1_001_000)]);
            decision.success = false;
            decision.retry_after = millis.map(Duration::from_millis);
            assert_eq!(
                RateLimitHeaders::new(&decision, &policy).retry_after,
                seconds
            );
        }
    }

    #[test]
    fn a_blocked_subject_has_no_limits_to_speak_of() {
        let policy = policy(r#""limit": 1, "window": "1s""#);
        let mut blocked = decision(Vec::new());
        blocked.deciding = None;
        blocked.success = false;
        blocked.reason = Some(Reason::Blocked);
        blocked.retry_after = Some(Duration::from_secs(60));
        let headers = RateLimitHeaders::new(&blocked, &policy);
        assert_eq!(headers.lines(), "Retry-After: 60\n");
    }

    #[test]
    fn the_literal_in_javascript_has_the_same_names() {
        let script = include_str!("hot.js");
        let decided = script.split("export function decided").nth(1).unwrap();
        let decided = decided.split("\n}").next().unwrap();
        let is_written = |name: &&str| {
            let forms = [
                format!("\"{name}\":"),
                format!("    {name}:"),
                format!("[\"{name}\"]"),
            ];
            forms.iter().any(|form| decided.contains(form.as_str()))
        };
        let names: Vec<&str> = NAMES.split(", ").collect();
        assert_eq!(names.iter().filter(|name| !is_written(name)).count(), 0);
        assert_eq!(decided.matches("RateLimit").count(), names.len() - 1);
    }

    #[test]
    fn quotes_in_a_name_cannot_end_it() {
        let mut text = String::new();
        put_string(&mut text, r#"a"b\c"#);
        assert_eq!(text, r#""a\"b\\c""#);
    }
}
