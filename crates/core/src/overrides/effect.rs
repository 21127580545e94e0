//! What an override does.

use super::Target;
use crate::limit::Limit;
use crate::number::Decimal;
use crate::Timestamp;

/// What an override does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Refuses whatever is asked.
    Deny(Stop),
    /// Refuses whatever is asked, for a while: as `Deny`, told apart in answers.
    Pause(Stop),
    /// Lets through whatever is asked; it is counted, up to the limits.
    Bypass,
    /// Multiplies limits and rates.
    Scale(Decimal),
    /// Puts these limits in place of the policy's.
    Replace(Vec<Limit>),
    /// Gives each subject units once, beyond its limits.
    Grant(Grant),
}

/// What a `Grant` gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// How many units: 1 to 2^53.
    pub units: u64,
    /// What tells it from every other one of its namespace, for ever; 0 until it is set.
    pub id: u64,
    /// Until when it may be made to last at most.
    pub kept: Timestamp,
}

/// What a `Deny` or `Pause` says beside that.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stop {
    /// For whom it does not hold, at most [`MAX_EXCEPT`].
    pub except: Vec<Target>,
}

/// The most exceptions of a stop.
pub const MAX_EXCEPT: usize = 32;
/// The largest factor of a scale.
pub const MAX_FACTOR: u64 = 1_000_000;

/// The kinds of overrides. For one target there is one of each at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// [`Effect::Deny`].
    Deny,
    /// [`Effect::Pause`].
    Pause,
    /// [`Effect::Bypass`].
    Bypass,
    /// [`Effect::Scale`].
    Scale,
    /// [`Effect::Replace`].
    Replace,
    /// [`Effect::Grant`].
    Grant,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 6] = [
        Kind::Deny,
        Kind::Pause,
        Kind::Bypass,
        Kind::Scale,
        Kind::Replace,
        Kind::Grant,
    ];

    /// Whether policies say something else under it. Under a bypass they do: it takes the place of
    /// what is further away.
    pub const fn changes_limits(self) -> bool {
        !matches!(self, Kind::Deny | Kind::Pause)
    }

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Deny => "deny",
            Kind::Pause => "pause",
            Kind::Bypass => "bypass",
            Kind::Scale => "scale",
            Kind::Replace => "replace",
            Kind::Grant => "grant",
        }
    }

    /// What a word says.
    pub fn from_word(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

impl Effect {
    /// Which kind it is.
    pub const fn kind(&self) -> Kind {
        match self {
            Effect::Deny(_) => Kind::Deny,
            Effect::Pause(_) => Kind::Pause,
            Effect::Bypass => Kind::Bypass,
            Effect::Scale(_) => Kind::Scale,
            Effect::Replace(_) => Kind::Replace,
            Effect::Grant(_) => Kind::Grant,
        }
    }

    /// What it grants, if anything.
    pub const fn grant(&self) -> Option<Grant> {
        match self {
            Effect::Grant(grant) => Some(*grant),
            _ => None,
        }
    }

    /// What it says beside that it stops, if it does.
    pub const fn stop(&self) -> Option<&Stop> {
        match self {
            Effect::Deny(stop) | Effect::Pause(stop) => Some(stop),
            _ => None,
        }
    }
}
