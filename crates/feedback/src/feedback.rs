//! What an upstream's answer said.

use tollgate_core::report::When;
use tollgate_core::Duration;

/// What an upstream's answer said about its limits. The default says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Feedback {
    /// Whether the upstream refused because of a limit: with 429, or with 403 together with a wait
    /// or a limit of which nothing remains (GitHub). Rate-limited is not failed.
    pub refused: bool,
    /// What of the upstream refused, as far as it said so.
    pub cause: Cause,
    /// How long the upstream asked to be left alone; the longest where it said so twice. `None`
    /// where it did not ask, or with a status below 400: there `Retry-After` is said of something
    /// else, such as the next look at a job.
    pub wait: Option<When>,
    /// The limits that it told, by name; at most [`MAX_LIMITS`](crate::MAX_LIMITS).
    pub limits: Vec<Told>,
    /// The headers that look like ones of limits and were not understood, or not whole, by name; at
    /// most [`MAX_IGNORED`](crate::MAX_IGNORED).
    pub ignored: Vec<Ignored>,
}

/// A limit as an upstream told it. What it did not tell is `None`, and never zero.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Told {
    /// Its name or resource, as the upstream spells it; in lower case where it is part of a
    /// header's name. At most [`MAX_NAME`](crate::MAX_NAME) visible characters.
    pub name: Option<String>,
    /// How many units it has, up to 2^53.
    pub limit: Option<u64>,
    /// How many of them remain, rounded down, and never more than the limit has or than are not
    /// used; where only `limit` and `used` are told, those that are not used.
    pub remaining: Option<u64>,
    /// How many of them are used, rounded up.
    pub used: Option<u64>,
    /// When they come back, all or the first of them. May have passed.
    pub reset: Option<When>,
    /// The length of its window.
    pub window: Option<Duration>,
    /// What its units are, where the upstream says so, such as `content-bytes`; at most
    /// [`MAX_NAME`](crate::MAX_NAME) visible characters.
    pub unit: Option<String>,
}

impl From<&Told> for tollgate_core::report::Told {
    /// What of it decisions heed.
    fn from(told: &Told) -> tollgate_core::report::Told {
        tollgate_core::report::Told {
            name: told.name.clone(),
            limit: told.limit,
            remaining: told.remaining,
            reset: told.reset,
            window: told.window,
        }
    }
}

/// What of an upstream refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cause {
    /// For how much of it the limit counts.
    pub scope: Option<Scope>,
    /// What the limit counts.
    pub measure: Option<Measure>,
}

/// For how much of an upstream a limit counts, the widest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// One endpoint or route.
    Endpoint,
    /// One resource, for whoever asks for it.
    Resource,
    /// Everything that the caller asks for.
    Everything,
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// Requests in a time.
    Rate,
    /// Requests under way at once.
    Concurrency,
}

/// A header that was not understood, or not whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ignored {
    /// Its name in lower case, cut at [`MAX_NAME`](crate::MAX_NAME) bytes.
    pub header: String,
    /// Why.
    pub why: Why,
}

/// Why a header was not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// Its value does not follow the dialect.
    Malformed,
    /// A number below zero, which some upstreams say for "unknown" and some for "unlimited".
    Negative,
    /// A number beyond 2^53.
    TooLarge,
    /// A time that is neither a wait nor an instant near the answer.
    Implausible,
    /// It belongs to a dialect, and says something that is not known.
    Unknown,
    /// A wait with a status below 400.
    NotRefused,
    /// More than is looked at.
    TooMuch,
}

impl Why {
    /// As a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Why::Malformed => "malformed",
            Why::Negative => "negative",
            Why::TooLarge => "tooLarge",
            Why::Implausible => "implausible",
            Why::Unknown => "unknown",
            Why::NotRefused => "notRefused",
            Why::TooMuch => "tooMuch",
        }
    }
}
