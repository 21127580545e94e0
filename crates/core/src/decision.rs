//! The answer to one check: success or not, which limit decided, why, what remains and when to come
//! back.

use crate::lease::Loan;
use crate::limit::Costs;
use crate::policy::Policy;
use crate::{Duration, Timestamp};

/// Why a check was refused, or admitted without being decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Not enough is left; waiting helps.
    Limit,
    /// The cost is above what the limit can ever give; waiting does not help.
    CostExceedsCapacity,
    /// Somebody blocked the subject.
    Blocked,
    /// The object could not be reached, and the policy's failure mode answered; or the policies
    /// could not be reached, and the last known version was asked.
    Degraded,
    /// A policy above the one asked has not enough left.
    Parent,
    /// Only charges of the last moments, which may yet be taken back, leave no room.
    Busy,
    /// An override decided, and not the limits: it denies the subject, or lets it through.
    Override,
    /// An override pauses the subject.
    Paused,
    /// The upstream has refused a moment ago, as somebody reported.
    CoolDown,
    /// The upstream fails, as was reported, and its breaker is open.
    Breaker,
}

impl Reason {
    /// All of them.
    pub const ALL: [Reason; 10] = [
        Reason::Limit,
        Reason::CostExceedsCapacity,
        Reason::Blocked,
        Reason::Degraded,
        Reason::Parent,
        Reason::Busy,
        Reason::Override,
        Reason::Paused,
        Reason::CoolDown,
        Reason::Breaker,
    ];

    /// The word for it in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Reason::Limit => "limit",
            Reason::CostExceedsCapacity => "costExceedsCapacity",
            Reason::Blocked => "blocked",
            Reason::Degraded => "degraded",
            Reason::Parent => "parent",
            Reason::Busy => "busy",
            Reason::Override => "override",
            Reason::Paused => "paused",
            Reason::CoolDown => "coolDown",
            Reason::Breaker => "breaker",
        }
    }

    /// Whether another policy may admit what one has refused for this reason: whatever it is but
    /// for an override that denies. Each is listed, so that a new one is thought about.
    pub const fn is_of_policy(self) -> bool {
        match self {
            Reason::Limit
            | Reason::CostExceedsCapacity
            | Reason::Blocked
            | Reason::Degraded
            | Reason::Parent
            | Reason::Busy
            | Reason::Paused
            | Reason::CoolDown
            | Reason::Breaker => true,
            Reason::Override => false,
        }
    }

    /// Whether there is no room: others may be admitted, or the same caller in a while.
    pub const fn is_of_room(self) -> bool {
        matches!(
            self,
            Reason::Limit | Reason::CostExceedsCapacity | Reason::Parent | Reason::Busy
        )
    }

    /// The reason that a word names.
    pub fn from_word(word: &str) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| reason.word() == word)
    }
}

/// Where a decision was made: a caller always knows how good the answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Source {
    /// The subject's object: exact.
    #[default]
    Object,
    /// Units lent to the isolate.
    Lease,
    /// A refusal remembered by the isolate.
    Cache,
    /// Counts merged through KV.
    Kv,
    /// A native rate-limit binding.
    Binding,
    /// The failure mode.
    Fallback,
}

impl Source {
    /// All of them.
    pub const ALL: [Source; 6] = [
        Source::Object,
        Source::Lease,
        Source::Cache,
        Source::Kv,
        Source::Binding,
        Source::Fallback,
    ];

    /// The word for it in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Source::Object => "object",
            Source::Lease => "lease",
            Source::Cache => "cache",
            Source::Kv => "kv",
            Source::Binding => "binding",
            Source::Fallback => "fallback",
        }
    }

    /// The source that a word names.
    pub fn from_word(word: &str) -> Option<Source> {
        Source::ALL.into_iter().find(|source| source.word() == word)
    }
}

/// How one limit stands after a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The limit or capacity.
    pub limit: u64,
    /// Units left after this decision, rounded down.
    pub remaining: u64,
    /// When its window or period ends, all use is forgotten, or the bucket is full: by algorithm.
    pub reset: Timestamp,
    /// Why this limit refused; `None` when it had room.
    pub refused: Option<Reason>,
    /// When the same check, alone, succeeds; present where this limit refused and waiting helps.
    pub retry_at: Option<Timestamp>,
}

/// A held slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// The permit's 128 random bits.
    pub permit: u128,
    /// Rises with each grant of the subject, for ever: a resource can refuse an older holder.
    pub fence: u64,
    /// When the slot is free again unless it is renewed.
    pub expires: Timestamp,
}

/// What was admitted of a check that asked for more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// Units of each limit that is not named.
    pub cost: i64,
    /// Units of the limits of these names.
    pub costs: Costs,
}

/// The decision over all limits of one policy for one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// When it was decided, by the clock that decided.
    pub at: Timestamp,
    /// Admitted or not.
    pub success: bool,
    /// Why not, or why undecided.
    pub reason: Option<Reason>,
    /// Which limit the top-level fields speak of, as an index into `limits`: on denial the one with
    /// the longest wait (never counts as longest), on success the one with least left. `None` when
    /// no limit was asked, as for a blocked subject.
    pub deciding: Option<u8>,
    /// How long until the same check, alone, succeeds, by the object's real clock; `None` on
    /// success and where waiting cannot help.
    pub retry_after: Option<Duration>,
    /// How long to wait before going on, where a delay was asked for or the limit shapes.
    pub delay: Option<Duration>,
    /// Each limit's standing, in the policy's order.
    pub limits: Standings,
    /// The slot taken, if any; apart, because most decisions have none and are moved about.
    pub grant: Option<Box<Grant>>,
    /// What was admitted, where that is less than was asked for.
    pub granted: Option<Box<Granted>>,
    /// How long the refusal may be remembered by the caller's isolate; zero where something other
    /// than time can free units.
    pub cache_for: Duration,
    /// Whether this refusal would be an admission without charges that may yet be taken back.
    pub contended: bool,
    /// The policy under the newer version by which it was decided, where an older one was asked:
    /// `limits` are those of this one. Apart, because hardly any decision has it.
    pub newer: Option<Box<Policy>>,
    /// Whether the object keeps the whole policy, so that it can be asked by its name and version
    /// alone.
    pub keeps_policy: bool,
    /// How the request is known when it comes again; `None` where it is not.
    pub recognition: Option<Recognition>,
    /// Whether this refuses while units are lent that may come back: then nothing is known of when.
    pub while_lent: bool,
    /// What is lent with it, to be spent without a question.
    pub loan: Option<Box<Loan>>,
}

/// How an object knows a request when it comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recognition {
    /// All requests from this instant on are known, if they were admitted; `None` where they are
    /// remembered in memory alone.
    pub since: Option<Timestamp>,
    /// Whether this is the answer that it was given before, and nothing was charged now.
    pub is_repeated: bool,
    /// The number of the policy's version by which a repeated one was decided, if that has one.
    pub version: Option<u64>,
}

/// One to eight standings, without an allocation for the usual one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standings {
    /// A policy of one limit.
    One([Standing; 1]),
    /// None or several limits.
    Many(Vec<Standing>),
}

impl core::ops::Deref for Standings {
    type Target = [Standing];

    fn deref(&self) -> &[Standing] {
        match self {
            Standings::One(one) => one,
            Standings::Many(many) => many,
        }
    }
}

impl FromIterator<Standing> for Standings {
    fn from_iter<I: IntoIterator<Item = Standing>>(iter: I) -> Standings {
        let mut iter = iter.into_iter();
        match (iter.next(), iter.next()) {
            (Some(one), None) => Standings::One([one]),
            (first, second) => {
                Standings::Many(first.into_iter().chain(second).chain(iter).collect())
            }
        }
    }
}

impl Decision {
    /// Whether another policy may be asked in place of the one that has decided this.
    pub fn falls_back(&self) -> bool {
        !self.success && self.reason.is_none_or(Reason::is_of_policy)
    }

    /// The refusal of several policies of which each admits what it can: of the first, with the
    /// shortest wait of all. The others were asked later, so their waits suffice as well.
    pub fn admits_none(&mut self, other: &Decision) {
        let waits = [self.retry_after, other.retry_after];
        self.retry_after = waits.into_iter().flatten().min();
    }

    /// A decision of which nothing else is known: neither how limits stand nor when to come back.
    pub fn bare(at: Timestamp, success: bool, reason: Option<Reason>) -> Decision {
        Decision {
            at,
            success,
            reason,
            deciding: None,
            retry_after: None,
            delay: None,
            limits: Standings::Many(Vec::new()),
            grant: None,
            granted: None,
            cache_for: Duration::ZERO,
            contended: false,
            newer: None,
            keeps_policy: false,
            recognition: None,
            while_lent: false,
            loan: None,
        }
    }

    /// What a native rate-limit binding said: whether it admits.
    pub fn of_binding(at: Timestamp, success: bool) -> Decision {
        let refused = (!success).then_some(Reason::Limit);
        Decision {
            deciding: refused.map(|_| 0),
            ..Decision::bare(at, success, refused)
        }
    }

    /// Whether one of two refusals that hold at once ends later; one that never ends is longest.
    pub(crate) fn is_longer_than(&self, other: &Decision) -> bool {
        let wait = |it: &Decision| it.retry_after.map_or(u64::MAX, Duration::as_millis);
        wait(self) > wait(other)
    }

    /// Makes it a refusal that may end at any time until then, because units are lent.
    pub(crate) fn wait_for_leases(&mut self, until: Timestamp) {
        self.while_lent = true;
        self.wait_at_most(until);
    }

    /// Makes it a refusal that may end at any time until then.
    pub(crate) fn wait_no_longer_than(&mut self, until: Timestamp) {
        self.contended = true;
        self.wait_at_most(until);
    }

    fn wait_at_most(&mut self, until: Timestamp) {
        let longest = until.since(self.at);
        self.cache_for = Duration::ZERO;
        self.retry_after = Some(self.retry_after.map_or(longest, |wait| wait.min(longest)));
        let sooner = |mut standing: Standing| {
            if standing.refused.is_some() {
                standing.retry_at = Some(standing.retry_at.map_or(until, |at| at.min(until)));
            }
            standing
        };
        self.limits = self.limits.iter().copied().map(sooner).collect();
    }

    /// The admission in place of this decision where its policy is not enforced. The limits stand
    /// as they do; nothing is to be waited for.
    #[must_use]
    pub fn unenforced(&self) -> Decision {
        let room = |standing: &Standing| Standing {
            refused: None,
            retry_at: None,
            ..*standing
        };
        Decision {
            success: true,
            reason: self.reason.filter(|_| self.success),
            retry_after: None,
            delay: None,
            limits: self.limits.iter().map(room).collect(),
            contended: false,
            cache_for: Duration::ZERO,
            ..self.clone()
        }
    }

    /// Makes it a refusal of which it is known when the same check succeeds; `None`: never.
    pub(crate) fn comes_at(&mut self, at: Option<Timestamp>) {
        let reason = match at {
            Some(_) => Reason::Limit,
            None => Reason::CostExceedsCapacity,
        };
        self.retry_after = at.map(|at| at.since(self.at));
        self.reason = Some(reason);
        let deciding = self.deciding.map(usize::from);
        self.change(deciding, |standing| {
            standing.refused = Some(reason);
            standing.retry_at = at;
        });
    }

    /// Tells the limits as those of `policy`, after it was decided by smaller ones.
    pub(crate) fn tell_whole(&mut self, policy: &Policy) {
        let limits = policy.limits().iter().map(|it| it.algorithm().limit());
        let whole = |(standing, limit): (&Standing, u64)| Standing { limit, ..*standing };
        self.limits = self.limits.iter().zip(limits).map(whole).collect();
    }

    /// Says when one of its limits has all of its room again.
    pub(crate) fn set_reset(&mut self, limit: usize, reset: Timestamp) {
        self.change(Some(limit), |standing| standing.reset = reset);
    }

    fn change(&mut self, limit: Option<usize>, change: impl FnOnce(&mut Standing)) {
        let standings = match &mut self.limits {
            Standings::One(one) => &mut one[..],
            Standings::Many(many) => &mut many[..],
        };
        if let Some(standing) = limit.and_then(|limit| standings.get_mut(limit)) {
            change(standing);
        }
    }

    /// Whether it is an answer that was given before.
    pub fn is_repeated(&self) -> bool {
        self.recognition.is_some_and(|it| it.is_repeated)
    }

    /// The standing that the top-level fields speak of.
    pub fn deciding(&self) -> Option<&Standing> {
        self.deciding.and_then(|i| self.limits.get(usize::from(i)))
    }
}
