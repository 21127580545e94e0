//! The log events, in JSON.

use serde::Serialize;

use super::counters::Counter;

/// One `rate_limit_check` event: a decision.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event<'a> {
    pub(super) event: &'static str,
    pub(super) provider: &'a str,
    pub(super) scope: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) identifier: Option<&'a str>,
    pub(super) namespace: &'a str,
    pub(super) policy: &'a str,
    pub(super) allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) shadow: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remaining: Option<u64>,
    pub(super) cost: i64,
    pub(super) source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<&'static str>,
    pub(super) request_id: &'a str,
    pub(super) version: &'a str,
}

/// How often one kind of failure has come up.
#[derive(Serialize)]
pub(super) struct FailureCount {
    pub(super) failure: &'static str,
    pub(super) count: u64,
}

/// One `rate_limit_counters` event: all counters since the isolate began.
#[derive(Serialize)]
pub(super) struct CountersEvent<'a> {
    pub(super) event: &'static str,
    pub(super) checks: Vec<&'a Counter>,
    /// The longest time of each step of their times, in ms, where there are any.
    #[serde(skip_serializing_if = "<[u64]>::is_empty")]
    pub(super) bounds: &'static [u64],
    pub(super) failures: Vec<FailureCount>,
    pub(super) dropped: u64,
    pub(super) version: &'a str,
}
