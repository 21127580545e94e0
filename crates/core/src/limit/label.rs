//! What a limit is called, and which limits are kept in one state.

use super::schedule::Schedule;
use super::{Algorithm, Limit, Name};
use crate::Duration;

impl Limit {
    /// The limit's name, else its algorithm's word: the second part of its state's key.
    pub fn name_or_word(&self) -> &str {
        self.name().map_or(self.algorithm().word(), Name::as_str)
    }

    /// What people call it: its name, else such as `100/15m`, with its own numbers
    /// whatever are in force.
    pub fn label(&self) -> String {
        if let Some(name) = self.name() {
            return name.as_str().to_owned();
        }
        let own = self.schedule().map_or(self.algorithm(), Schedule::own);
        match own {
            Algorithm::FixedWindow(w)
            | Algorithm::FirstUse(w)
            | Algorithm::SlidingWindow(w)
            | Algorithm::SlidingLog(w) => format!("{}/{}", w.limit(), w.window()),
            Algorithm::TokenBucket(b) => {
                format!("{}/{}", b.refill().amount(), b.refill().interval())
            }
            Algorithm::LeakyBucket(b) => format!("{}/{}", b.leak().amount(), b.leak().interval()),
            Algorithm::Quota(q) => format!("{}/{}", q.limit(), q.period().word()),
            Algorithm::Concurrency(c) => format!("{}/concurrent", c.limit()),
        }
    }

    /// What it is known as among the limits of its policy, whatever its numbers are: its name, else
    /// its algorithm and its time dimension.
    pub(crate) fn known_as(&self) -> String {
        match self.name() {
            Some(name) => name.as_str().to_owned(),
            None => format!("{}/{}", self.name_or_word(), self.algorithm().dimension()),
        }
    }

    /// Whether it is meant by a label, or by what it is known as.
    pub(crate) fn is_called(&self, text: &str) -> bool {
        self.label() == text || self.known_as() == text
    }

    /// Whether an admission takes slots.
    pub const fn gives_permits(&self) -> bool {
        matches!(self.algorithm(), Algorithm::Concurrency(_))
    }

    /// Whether an admission may carry a delay unasked: a leaky bucket with `maxDelay`.
    pub const fn is_shaper(&self) -> bool {
        matches!(self.algorithm(), Algorithm::LeakyBucket(bucket) if bucket.max_delay().is_some())
    }

    /// Whether both limits, in one policy, would be kept in one state: same name (or algorithm) and
    /// same time dimension. The numbers do not count: changing them keeps past use.
    pub fn shares_state_with(&self, other: &Limit) -> bool {
        self.name_or_word() == other.name_or_word()
            && self.algorithm().same_dimension(other.algorithm())
    }

    /// Whether this limit of a policy can take the place of an inline one: the same algorithm over
    /// the same time, and the inline one without a name or with the same.
    pub fn takes_place_of(&self, inline: &Limit) -> bool {
        (inline.name().is_none() || inline.name() == self.name())
            && self.is_of_kind(inline)
            && self.algorithm().same_dimension(inline.algorithm())
    }

    /// Whether both are of one algorithm, whatever its numbers.
    pub fn is_of_kind(&self, other: &Limit) -> bool {
        self.algorithm().kind() == other.algorithm().kind()
    }
}

impl Algorithm {
    /// Whether both count over the same time: equal windows that begin alike, or equal period, zone
    /// and anchor; buckets and slots have none.
    fn same_dimension(&self, other: &Algorithm) -> bool {
        let begins_with_use = |it: &Algorithm| matches!(it, Algorithm::FirstUse(_));
        match (self.window(), other.window()) {
            (Some(a), Some(b)) => return a == b && begins_with_use(self) == begins_with_use(other),
            (None, None) => {}
            _ => return false,
        }
        match (self, other) {
            (Algorithm::Quota(a), Algorithm::Quota(b)) => a.same_calendar(b),
            (Algorithm::Quota(_), _) | (_, Algorithm::Quota(_)) => false,
            _ => true,
        }
    }

    /// The window's length, for the algorithms that have one.
    pub const fn window(&self) -> Option<Duration> {
        match self {
            Algorithm::FixedWindow(w)
            | Algorithm::FirstUse(w)
            | Algorithm::SlidingWindow(w)
            | Algorithm::SlidingLog(w) => Some(w.window()),
            _ => None,
        }
    }

    /// The time that it counts over, in one word without spaces: the window in milliseconds, with a
    /// word of its own where it begins with the first use, or a quota's calendar; empty for buckets
    /// and slots. The last part of a state's key.
    pub(crate) fn dimension(&self) -> String {
        match self {
            Algorithm::Quota(quota) => quota.dimension(),
            Algorithm::FirstUse(w) => format!("{}:firstUse", w.window().as_millis()),
            _ => self
                .window()
                .map(|window| window.as_millis().to_string())
                .unwrap_or_default(),
        }
    }
}
