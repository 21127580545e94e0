//! What the place of a policy's decisions does to its worst case, and what is admitted while the
//! object that decides is out of reach.

use crate::isolate::counts::bounds::{Conditions, KV_DELAY};
use crate::isolate::shares::share_of;
use crate::policy::consistency::Consistency;
use crate::policy::FailMode;
use crate::{Duration, Limit};

/// For what the worst case of a policy's limits holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldsFor {
    /// For the subject, whoever asks for it from wherever: exact.
    Subject,
    /// For each isolate: n of them together admit up to n times as much.
    Isolate,
    /// For each of the platform's locations, whose binding counts "permissively", as its
    /// documentation has it: nothing is promised.
    Location,
}

impl HoldsFor {
    /// All of them.
    pub const ALL: [HoldsFor; 3] = [HoldsFor::Subject, HoldsFor::Isolate, HoldsFor::Location];

    /// The holder of the worst case where policies are decided so.
    pub const fn of(consistency: Consistency) -> HoldsFor {
        match consistency {
            Consistency::Strong | Consistency::Leased => HoldsFor::Subject,
            Consistency::Eventual => HoldsFor::Isolate,
            Consistency::Local => HoldsFor::Location,
        }
    }

    /// The word for it in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            HoldsFor::Subject => "subject",
            HoldsFor::Isolate => "isolate",
            HoldsFor::Location => "location",
        }
    }

    /// The one that a word names.
    pub fn from_word(word: &str) -> Option<HoldsFor> {
        HoldsFor::ALL.into_iter().find(|it| it.word() == word)
    }
}

/// How much is admitted while the object that decides is out of reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admits {
    /// Everything, for as long as the object is away: no bound.
    All,
    /// Nothing: callers get an error.
    Nothing,
    /// [`OutOfReach::units`] for each isolate in each [`OutOfReach::window`].
    PerIsolate,
}

impl Admits {
    /// All of them.
    pub const ALL: [Admits; 3] = [Admits::All, Admits::Nothing, Admits::PerIsolate];

    /// What a failure mode admits.
    pub const fn under(fail_mode: FailMode) -> Admits {
        match fail_mode {
            FailMode::Open => Admits::All,
            FailMode::Closed => Admits::Nothing,
            FailMode::Share | FailMode::Eventual => Admits::PerIsolate,
        }
    }

    /// The word for it in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Admits::All => "all",
            Admits::Nothing => "nothing",
            Admits::PerIsolate => "perIsolate",
        }
    }

    /// The one that a word names.
    pub fn from_word(word: &str) -> Option<Admits> {
        Admits::ALL.into_iter().find(|it| it.word() == word)
    }
}

/// What one isolate admits under one limit in the place of the object, on top of what the object
/// has admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfReach {
    /// The most units in one window.
    pub units: u64,
    /// The length of the window. It starts with the first use of a share; of counts through KV it
    /// is the limit's own, and of a quota the longest that its period may be.
    pub window: Duration,
}

impl OutOfReach {
    /// What is admitted under `limit`; `None` where there is no number: nothing, or everything.
    pub fn of(fail_mode: FailMode, limit: &Limit) -> Option<OutOfReach> {
        let share = share_of(limit);
        match fail_mode {
            FailMode::Open | FailMode::Closed => None,
            FailMode::Share => Some(OutOfReach {
                units: share.units,
                window: share.window,
            }),
            FailMode::Eventual => Some(OutOfReach {
                units: limit.largest().algorithm().limit(),
                window: share.window,
            }),
        }
    }
}

/// How far counts through KV may be off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverAdmission {
    /// Units above the limit in an aligned window, at most, for each isolate that counts in it
    /// beside the first.
    pub per_isolate: u64,
    /// How long what one isolate admits is unknown to the others, on average: so much of what they
    /// are asked meanwhile may be admitted above the limit.
    pub unseen: Duration,
}

impl OverAdmission {
    /// By how much a limit may be exceeded; `None` where one place decides, or nothing is promised.
    pub fn of(consistency: Consistency, limit: &Limit) -> Option<OverAdmission> {
        if consistency != Consistency::Eventual {
            return None;
        }
        let two = Conditions {
            limit: limit.largest().algorithm().limit(),
            isolates: 2,
            rate: 0,
            delay: KV_DELAY,
        };
        Some(OverAdmission {
            per_isolate: two.bounds().hard,
            unseen: two.unseen(),
        })
    }
}
