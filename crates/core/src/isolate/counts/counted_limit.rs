//! Which limit a count is of, and in which windows or periods it is counted.

use crate::algorithm::state::{span_at, Moment};
use crate::algorithm::windows::window_at;
use crate::calendar::{Span, UnknownTimeZone};
use crate::policy::{Policy, Version, MIN_COUNTED_WINDOW};
use crate::{Algorithm, Limit, Timestamp};

use super::record::{id_of, Definition, Purpose};

/// The limit of a count.
#[derive(Debug, Clone)]
pub(super) struct CountedLimit {
    purpose: Purpose,
    policy: String,
    version: Version,
    limit: Limit,
    id: u64,
}

impl CountedLimit {
    pub(super) fn new(purpose: Purpose, policy: &Policy, limit: &Limit) -> CountedLimit {
        CountedLimit {
            purpose,
            policy: policy.name_or_empty().to_owned(),
            version: policy.version(),
            limit: limit.clone(),
            id: id_of(purpose, policy.name_or_empty(), limit),
        }
    }

    /// Whether this is `limit` in `policy`. The rule is that of an object's states, so past use is
    /// kept when numbers change.
    pub(super) fn is_that_of(&self, purpose: Purpose, policy: &Policy, limit: &Limit) -> bool {
        self.purpose == purpose
            && self.policy == policy.name_or_empty()
            && self.limit.shares_state_with(limit)
    }

    /// Takes over the requested numbers.
    pub(super) fn update(&mut self, policy: &Policy, limit: &Limit) {
        if self.limit != *limit {
            self.limit = limit.clone();
        }
        self.version = policy.version();
    }

    /// The window or period that holds `moment.now`.
    pub(super) fn span_at(&self, moment: Moment) -> Result<Span, UnknownTimeZone> {
        // `Consistency::suits` admits only aligned windows and quotas.
        let other = || window_at(MIN_COUNTED_WINDOW, moment.now);
        Ok(span_at(self.algorithm(), moment)?.unwrap_or_else(other))
    }

    /// Where the window before `span` started; only sliding windows look back.
    pub(super) fn start_before(&self, span: Span) -> Option<Timestamp> {
        let Algorithm::SlidingWindow(window) = self.algorithm() else {
            return None;
        };
        let before = (span.start.as_millis()).checked_sub(window.window().as_millis());
        before.map(Timestamp::from_millis)
    }

    /// How long a record of `span` matters: until the window's end, or for a sliding window until
    /// the end of the next one.
    pub(super) fn matters_until(&self, span: Span) -> Timestamp {
        match self.algorithm() {
            Algorithm::SlidingWindow(window) => span.end.plus(window.window()),
            _ => span.end,
        }
    }

    /// Whether the window before the current one counts too.
    pub(super) const fn slides(&self) -> bool {
        matches!(self.algorithm(), Algorithm::SlidingWindow(_))
    }

    pub(super) const fn algorithm(&self) -> &Algorithm {
        self.limit.algorithm()
    }

    /// Whether `GET /limit` shows it. Counts in place of an object are charged to the object.
    pub(super) fn is_shown(&self) -> bool {
        self.purpose == Purpose::Mode
    }

    pub(super) fn definition(&self) -> Definition {
        Definition {
            id: self.id,
            policy: self.policy.clone(),
            version: self.version,
            limit: self.limit.clone(),
        }
    }

    /// The name of its policy, empty for inline.
    pub(super) fn policy(&self) -> &str {
        &self.policy
    }

    pub(super) const fn id(&self) -> u64 {
        self.id
    }
}
