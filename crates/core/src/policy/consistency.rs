//! Where a policy is decided, and what can be decided there.

use crate::error::InvalidLimit;
use crate::limit::{in_range, Window};
use crate::number::MAX_SAFE;
use crate::{Algorithm, Duration, Limit};

use super::{counting, lending};

/// Where a policy is decided, and so how exact it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Consistency {
    /// In the subject's object: never above the limit.
    #[default]
    Strong,
    /// In the isolate, by units that the subject's object has lent to it: never above the limit,
    /// and refused early by at most what is lent ([`crate::lease`]).
    Leased,
    /// In the isolate, whose counts are merged through KV: approximate, for windows of ten minutes
    /// and longer.
    Eventual,
    /// By a native rate-limit binding: per location, best effort, for windows of 10 s and 60 s.
    Local,
}

impl Consistency {
    /// The word for it in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Consistency::Strong => "strong",
            Consistency::Leased => "leased",
            Consistency::Eventual => "eventual",
            Consistency::Local => "local",
        }
    }

    /// The one that a word names.
    pub fn from_word(word: &str) -> Option<Consistency> {
        let all = [
            Consistency::Strong,
            Consistency::Leased,
            Consistency::Eventual,
            Consistency::Local,
        ];
        all.into_iter().find(|it| it.word() == word)
    }

    /// Whether the subject's object keeps the state that decides, so that whatever is not decided
    /// elsewhere can be asked of it.
    pub const fn is_of_object(self) -> bool {
        matches!(self, Consistency::Strong | Consistency::Leased)
    }

    /// Whether these limits can be decided so. The error names what to take instead.
    pub fn suits(self, limits: &[Limit]) -> Result<(), InvalidLimit> {
        let conflict = |with| {
            let field = "consistency";
            Err(InvalidLimit::Conflict { field, with })
        };
        match (self, limits) {
            (Consistency::Strong, _) => Ok(()),
            (Consistency::Leased, limits) => lending::suits(limits),
            (_, limits) if limits.iter().any(Limit::has_stages) => {
                conflict("`stages`: only the subject's object knows its start: take `strong`")
            }
            (Consistency::Local, limits) if limits.iter().any(|it| it.schedule().is_some()) => {
                conflict(
                    "`times`: a native binding has one number: take `strong` or `eventual`",
                )
            }
            (Consistency::Eventual, limits) => counting::suits(limits),
            (Consistency::Local, [limit]) if LocalLimit::of(limit).is_some() => Ok(()),
            (Consistency::Local, [limit]) if is_from_use(limit) => Err(InvalidLimit::Conflict {
                field: "start",
                with: "a native binding (`local`), which has windows of its own: take `start: \"epoch\"`, or `strong`",
            }),
            (Consistency::Local, _) => conflict(
                "these limits when it is `local`: give one fixedWindow or slidingWindow with a window of 10s or 1m and a limit of 1 or more, or take `strong`",
            ),
        }
    }
}

/// Whether its windows begin with the first use.
const fn is_from_use(limit: &Limit) -> bool {
    matches!(limit.algorithm(), Algorithm::FirstUse(_))
}

/// So many requests per 10 s or 60 s and location: what a native rate-limit binding counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LocalLimit {
    limit: u64,
    period: Duration,
}

impl LocalLimit {
    /// `limit` 1 to 2^53, `window` 10 s or 60 s: bindings have no others.
    pub fn new(limit: u64, window: Duration) -> Result<LocalLimit, InvalidLimit> {
        if !matches!(window.as_millis(), 10_000 | 60_000) {
            return Err(InvalidLimit::Malformed {
                field: "window",
                expected: "10s or 1m, which is what native rate-limit bindings have",
            });
        }
        Ok(LocalLimit {
            limit: in_range("limit", limit, 1, MAX_SAFE)?,
            period: window,
        })
    }

    /// The local limit that stands for a window limit, where there is one.
    pub fn of(limit: &Limit) -> Option<LocalLimit> {
        let of = |window: &Window| LocalLimit::new(window.limit(), window.window()).ok();
        match limit.algorithm() {
            Algorithm::FixedWindow(window) | Algorithm::SlidingWindow(window) => of(window),
            _ => None,
        }
    }

    /// Requests per period.
    pub const fn limit(&self) -> u64 {
        self.limit
    }

    /// 10 s or 60 s.
    pub const fn period(&self) -> Duration {
        self.period
    }

    /// The name that its binding has to have, such as `LOCAL_100_60`.
    pub fn binding(&self) -> String {
        format!("LOCAL_{}_{}", self.limit, self.period.as_secs_ceil())
    }

    /// What people call it, such as `100/1m`.
    pub fn label(&self) -> String {
        format!("{}/{}", self.limit, self.period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_limit_names_its_binding() {
        let minute = LocalLimit::new(100, Duration::from_secs(60)).unwrap();
        assert_eq!(minute.binding(), "LOCAL_100_60");
        assert_eq!(minute.label(), "100/1m");
        let seconds = LocalLimit::new(5, Duration::from_secs(10)).unwrap();
        assert_eq!(seconds.binding(), "LOCAL_5_10");
        assert!(LocalLimit::new(5, Duration::from_secs(11)).is_err());
        assert!(LocalLimit::new(0, Duration::from_secs(10)).is_err());
    }

    #[test]
    fn every_word_reads_back() {
        for word in ["strong", "leased", "eventual", "local"] {
            assert_eq!(
                Consistency::from_word(word).map(Consistency::word),
                Some(word)
            );
        }
        assert_eq!(Consistency::from_word("lent"), None);
    }
}
