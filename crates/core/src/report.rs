//! What a caller reports of an upstream's answer, and what that does to a subject.
//!
//! A report is read by the Worker from a status and headers; here it is plain numbers. Times that
//! the upstream told from its answer on stay so: the object that owns the state owns its time.

use crate::policy::Policy;
use crate::{Duration, Timestamp};

/// The longest `age` of a report.
pub const MAX_AGE: Duration = Duration::from_secs(3_600);

/// What an upstream answered to a call that a policy had admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whose gate, and which limits.
    pub policy: Policy,
    /// Which of its limits the answer is about, by its label; `None`: the answer has to tell.
    pub limit: Option<String>,
    /// The HTTP status, 100 to 599.
    pub status: u16,
    /// Whether the upstream refused because of a limit.
    pub refused: bool,
    /// How long it asked to be left alone.
    pub wait: Option<When>,
    /// The limits that it told.
    pub limits: Vec<Told>,
    /// How long ago it answered, at most [`MAX_AGE`].
    pub age: Duration,
    /// The name of the token that reports; empty where it has none.
    pub by: String,
    /// How many calls were answered so: 1, unless successes were summed up.
    pub count: u64,
    /// Of a policy that isolates count through KV: units in use, as far as the one knows that tells
    /// it. `None` where the object decides, and counts them itself.
    pub in_use: Option<u64>,
}

/// A limit as an upstream told it. What it did not tell is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// Its name, as the upstream spells it.
    pub name: Option<String>,
    /// How many units it has.
    pub limit: Option<u64>,
    /// How many of them remain.
    pub remaining: Option<u64>,
    /// When they come back, all or the first of them.
    pub reset: Option<When>,
    /// The length of its window.
    pub window: Option<Duration>,
}

/// A point in time as an upstream told it: never further than 366 days after its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum When {
    /// So long after the answer, whatever anybody's clock shows.
    After(Duration),
    /// At this instant of the upstream's clock. It may have passed.
    At(Timestamp),
}

impl When {
    /// As an instant, of an answer that came at `answered`.
    pub const fn instant(self, answered: Timestamp) -> Timestamp {
        match self {
            When::After(duration) => answered.plus(duration),
            When::At(instant) => instant,
        }
    }
}

/// What a report did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// When it was heeded, by the object's clock.
    pub at: Timestamp,
    /// The gate, where it is closed now.
    pub gate: Option<Closed>,
    /// Whether the report asked for a longer cool-down than the policy allows, or told what remains
    /// of a limit for longer than is believed.
    pub is_cut: bool,
    /// Whether it was refused, or asked to wait, and closed nothing: the time that was told has
    /// passed, or the refusal is one of a cool-down that has been counted.
    pub is_late: bool,
    /// The breaker, where failures count.
    pub breaker: Option<Broken>,
    /// How the limit has changed that adapts, if it has.
    pub adapted: Option<Adjusted>,
    /// What became of each limit that was told, in their order.
    pub limits: Vec<Heeded>,
}

/// What became of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The subject's object has heeded it.
    Done(Reported),
    /// It is summed up with others, and heeded a second later at most.
    Later,
    /// Nothing heeds it.
    Needless,
    /// Too many have come in this second.
    TooMany,
}

/// A closed gate: nothing of a policy is admitted for a subject until then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// From this instant on it is open.
    pub until: Timestamp,
    /// What says how long.
    pub cause: ClosedBy,
    /// The name of the token that reported it; empty where it has none.
    pub by: String,
}

/// What says how long a gate is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClosedBy {
    /// The upstream: how long to wait.
    Told,
    /// The upstream: when a limit comes back of which nothing remained.
    Reset,
    /// The policy's back-off.
    BackOff,
}

impl ClosedBy {
    /// All of them.
    pub const ALL: [ClosedBy; 3] = [ClosedBy::Told, ClosedBy::Reset, ClosedBy::BackOff];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            ClosedBy::Told => "told",
            ClosedBy::Reset => "reset",
            ClosedBy::BackOff => "backOff",
        }
    }

    /// The cause that a word names.
    pub fn from_word(word: &str) -> Option<ClosedBy> {
        ClosedBy::ALL.into_iter().find(|it| it.word() == word)
    }
}

/// A limit of another number than before, because of what the upstream bears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjusted {
    /// The limit's label.
    pub limit: String,
    /// Its number before.
    pub from: u64,
    /// Its number now.
    pub to: u64,
}

/// What became of a limit that an upstream told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heeded {
    /// It is this limit of the policy, of which so much was left before and is now.
    Of {
        /// The limit's label.
        limit: String,
        /// Units left before.
        from: u64,
        /// Units left now: never more.
        to: u64,
    },
    /// It moves none.
    Ignored(Unfit),
}

/// Why a limit that an upstream told moves none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// What remains was not told.
    Unsaid,
    /// It has come back since.
    Passed,
    /// It is none of the policy's: neither its name nor its number is that of one.
    AnotherLimit,
    /// It may be several of the policy's.
    Ambiguous,
    /// It would be a limit of slots, which their holders free.
    Slots,
    /// It is counted through KV: what one isolate took away, others would take away again.
    Eventual,
}

impl Unfit {
    /// All of them.
    pub const ALL: [Unfit; 6] = [
        Unfit::Unsaid,
        Unfit::Passed,
        Unfit::AnotherLimit,
        Unfit::Ambiguous,
        Unfit::Slots,
        Unfit::Eventual,
    ];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Unfit::Unsaid => "unsaid",
            Unfit::Passed => "passed",
            Unfit::AnotherLimit => "anotherLimit",
            Unfit::Ambiguous => "ambiguous",
            Unfit::Slots => "slots",
            Unfit::Eventual => "eventual",
        }
    }

    /// The reason that a word names.
    pub fn from_word(word: &str) -> Option<Unfit> {
        Unfit::ALL.into_iter().find(|it| it.word() == word)
    }
}

/// How a breaker stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Its state.
    pub state: BreakerState,
    /// Until when it is open; `None` in any other state.
    pub until: Option<Timestamp>,
    /// Failures that count while it is closed.
    pub failures: u64,
}

/// The state of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Everything goes, and failures count.
    Closed,
    /// Nothing goes.
    Open,
    /// A few go, until one of them succeeds or fails.
    HalfOpen,
}

impl BreakerState {
    /// All of them.
    pub const ALL: [BreakerState; 3] = [
        BreakerState::Closed,
        BreakerState::Open,
        BreakerState::HalfOpen,
    ];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            BreakerState::Closed => "closed",
            BreakerState::Open => "open",
            BreakerState::HalfOpen => "halfOpen",
        }
    }

    /// The state that a word names.
    pub fn from_word(word: &str) -> Option<BreakerState> {
        BreakerState::ALL.into_iter().find(|it| it.word() == word)
    }
}
