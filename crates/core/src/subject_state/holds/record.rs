//! One permit, as it is kept.

use crate::decide::OnExpiry;
use crate::limit::Real;
use crate::{Duration, Timestamp};

/// An ended permit is remembered at least so long.
const KEPT_LEAST: Duration = Duration::from_secs(60);
/// And at most so long.
const KEPT_MOST: Duration = Duration::from_secs(24 * 3_600);

/// So many topups of a permit can be undone: more are not under way at once, but by one who asks
/// again and again while objects are silent. What an older one has held it goes on to hold.
pub(crate) const MAX_UNDONE: usize = 8;

/// How a permit has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Its real cost was charged.
    Settled,
    /// Nothing was charged.
    Released,
    /// Its time was over.
    Expired,
}

impl End {
    /// All of them.
    pub const ALL: [End; 3] = [End::Settled, End::Released, End::Expired];

    /// The word in JSON, rows and messages.
    pub const fn word(self) -> &'static str {
        match self {
            End::Settled => "settled",
            End::Released => "released",
            End::Expired => "expired",
        }
    }

    /// The one of this word.
    pub fn of_word(word: &str) -> Option<End> {
        End::ALL.into_iter().find(|it| it.word() == word)
    }
}

/// What a permit holds, or held, of one limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The key of the limit's row.
    pub key: String,
    /// The limit's name; empty where it has none.
    pub name: String,
    /// Units held; once it has ended, units charged.
    pub units: u64,
    /// Whether they were asked for by the limit's name, and not by the cost of all others.
    pub is_named: bool,
}

/// The further parts of a permit, as its home knows them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Others {
    /// The names of their objects.
    pub objects: Vec<String>,
    /// The names of the limits that were asked together with those here, whether they hold anything
    /// or not; each once. `None` where nobody has said it: a build from before did not.
    pub limits: Option<Vec<String>>,
}

impl From<Vec<String>> for Others {
    /// In these objects, of whose limits nobody has said the names.
    fn from(objects: Vec<String>) -> Others {
        Others {
            objects,
            limits: None,
        }
    }
}

impl Others {
    /// Whether a cost of this name may be meant for one of them.
    fn may_know(&self, name: &str) -> bool {
        match &self.limits {
            Some(limits) => limits.iter().any(|it| it == name),
            None => !self.objects.is_empty(),
        }
    }
}

/// Where the outcome of a permit is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Home {
    /// Here.
    Here(Others),
    /// In another object.
    Elsewhere,
}

impl Home {
    /// The objects that have further parts, where it is here.
    pub fn others(&self) -> &[String] {
        match self {
            Home::Here(others) => &others.objects,
            Home::Elsewhere => &[],
        }
    }

    /// The names of the limits that were asked together with those here, where they are known.
    pub fn limits(&self) -> Option<&[String]> {
        match self {
            Home::Here(others) => others.limits.as_deref(),
            Home::Elsewhere => None,
        }
    }

    /// Whether a cost of this name may be meant for a part that is not here. Only the home knows.
    pub(crate) fn may_know(&self, name: &str) -> bool {
        match self {
            Home::Here(others) => others.may_know(name),
            Home::Elsewhere => true,
        }
    }
}

impl Default for Home {
    /// Here, and nowhere else.
    fn default() -> Home {
        Home::Here(Others::default())
    }
}

/// What the parts of a permit held here before a topup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Before {
    /// Which topup it was.
    pub(crate) turn: u64,
    /// Of each part its units.
    pub(crate) units: Vec<u64>,
}

/// How it ended, and by what call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) how: End,
    pub(crate) at: Timestamp,
    /// What the settlement said, where it was one.
    pub(crate) real: Option<Real>,
    /// The objects that have not acknowledged it yet.
    pub(crate) owed: Vec<String>,
}

/// A permit that holds units, or did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) permit: u128,
    pub(crate) fence: u64,
    /// The operation that took it, as long as it can be taken back: in memory alone, but of a place
    /// for as long as it lies ahead.
    pub(crate) operation: Option<u128>,
    pub(crate) parts: Vec<Part>,
    /// Whether it has taken slots as well, which their limits hold.
    pub(crate) has_slots: bool,
    /// For how long it was asked.
    pub(crate) hold: Duration,
    /// The deadline.
    pub(crate) until: Timestamp,
    pub(crate) on_expiry: OnExpiry,
    pub(crate) home: Home,
    /// The number of the newest topup that is held here; its home numbers them, from 1.
    pub(crate) turn: u64,
    /// What was held before each of the newest topups, so that they can be undone: in the order of
    /// their numbers, at most [`MAX_UNDONE`], in memory alone.
    pub(crate) before: Vec<Before>,
    /// Whether it is that of a place: its units are charged for the deadline already, and come back
    /// only if it is released before.
    pub(crate) is_place: bool,
    /// `None` while it is held.
    pub(crate) end: Option<Ended>,
}

impl Held {
    /// How long it is remembered once it has ended: as long again as it was to be held, within
    /// bounds.
    fn kept(&self) -> Duration {
        self.hold.clamp(KEPT_LEAST, KEPT_MOST)
    }

    /// When it ends by itself. A part waits for its home beyond its deadline, for as long as the
    /// home would know of it.
    pub(crate) fn ends_at(&self) -> Timestamp {
        match self.home {
            Home::Elsewhere if !self.is_place => self.until.plus(self.kept()),
            _ => self.until,
        }
    }

    /// Until when it is to be known. What other objects are still owed is known until they have it,
    /// and a part whose home may yet tell a late settlement, as long as that may be owed.
    pub(crate) fn known_until(&self) -> Timestamp {
        let kept_expired = match self.home {
            Home::Elsewhere if !self.is_place => KEPT_MOST,
            _ => self.kept(),
        };
        match &self.end {
            None => self.ends_at().plus(kept_expired),
            Some(end) if !end.owed.is_empty() => end.at.plus(KEPT_MOST),
            Some(end) if end.how == End::Expired => end.at.plus(kept_expired),
            Some(end) => end.at.plus(self.kept()),
        }
    }

    /// The most units that it holds, or was charged, of a limit that was not asked for by its name.
    pub(crate) fn largest_unnamed(&self) -> u64 {
        let unnamed = self.parts.iter().filter(|part| !part.is_named);
        unnamed.map(|part| part.units).max().unwrap_or(0)
    }

    /// What it takes in memory; a guess on the large side.
    pub(crate) fn bytes(&self) -> usize {
        let part = |part: &Part| size_of::<Part>() + part.key.len() + part.name.len();
        let name = |name: &String| size_of::<String>() + name.len();
        let others = self.home.others().iter().map(name).sum::<usize>();
        let limits = self.home.limits().unwrap_or_default().iter().map(name);
        let owed = self.end.iter().flat_map(|end| &end.owed).map(name);
        let before = self.before.iter();
        let before = before.map(|it| size_of::<Before>() + size_of_val(it.units.as_slice()));
        size_of::<Held>()
            + self.parts.iter().map(part).sum::<usize>()
            + others
            + limits.sum::<usize>()
            + owed.sum::<usize>()
            + before.sum::<usize>()
    }

    /// Whether other objects have not acknowledged how it has ended.
    pub(crate) fn owes(&self) -> bool {
        self.end.as_ref().is_some_and(|end| !end.owed.is_empty())
    }

    /// The units of a part under other costs. A limit that was asked for by its name keeps what it
    /// has, unless it is named again; so do all others where no cost is told.
    pub(crate) fn units_under(part: &Part, real: &Real) -> u64 {
        let mut costs = real.costs.iter();
        let named = costs.find(|(name, _)| name.as_str() == part.name);
        let other = real.cost.filter(|_| !part.is_named);
        named.map(|(_, cost)| *cost).or(other).unwrap_or(part.units)
    }
}

/// By whom and on what terms a call holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Terms {
    /// The operation of the call.
    pub(crate) operation: Option<u128>,
    pub(crate) home: Home,
}
