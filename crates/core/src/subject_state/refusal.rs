//! Why a call is not answered.

use crate::calendar::UnknownTimeZone;
use crate::codec::Unreadable;

use super::bounds::{MAX_DEFINITIONS, MAX_ENTRIES};
use super::holds::{End, MAX_HELD};

/// Why a call has no answer of its own kind. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A quota names a zone that the runtime does not know.
    #[error("there is no time zone `{0}`")]
    UnknownTimeZone(String),
    /// The policy of this name was asked by its version alone, and it is not known here.
    #[error("the policy `{0}` has to be sent whole")]
    UnknownDefinition(String),
    /// The operation was cancelled before it came.
    #[error("the operation was cancelled")]
    Cancelled,
    /// Another question was asked before under the same key, or as the same operation.
    #[error("another request had this key")]
    KeyReused,
    /// The permit was never given, or is over.
    #[error("the permit is unknown or has expired")]
    UnknownPermit,
    /// The permit has ended in another way than it is to end now.
    #[error("the permit was {}", .0.word())]
    PermitEnded(End),
    /// The permit is that of a place, which can only be given back.
    #[error("the permit is that of a place")]
    IsPlace,
    /// The permit holds nothing of a limit of this name.
    #[error("the permit holds nothing of a limit `{0}`")]
    NotHeld(String),
    /// [`MAX_HELD`] permits of the subject are held.
    #[error("a subject has at most {MAX_HELD} permits that hold units at once")]
    TooManyPermits,
    /// The subject has [`MAX_ENTRIES`] states, all in use, of limits with so many different names.
    #[error("a subject has at most {MAX_ENTRIES} limits in use at once")]
    TooManyLimits(usize),
    /// The limit of this name has [`MAX_DEFINITIONS`] definitions, all in use.
    #[error("the limit `{0}` has at most {MAX_DEFINITIONS} definitions in use at once")]
    TooManyDefinitions(String),
    /// More operations are under way than the object can remember. Forgetting one would leave its
    /// charge in place for good.
    #[error("more operations are under way here than can be remembered")]
    TooManyOperations,
    /// The stored rows cannot be read by this version, and are left as they are.
    #[error("the stored state cannot be read: {0}")]
    Unavailable(Unreadable),
}

impl From<UnknownTimeZone> for Refusal {
    fn from(unknown: UnknownTimeZone) -> Refusal {
        Refusal::UnknownTimeZone(unknown.zone.as_str().to_owned())
    }
}
