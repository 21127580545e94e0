//! The classes of callers that share a limit, in `GET /limit`.

use serde::{Deserialize, Serialize};

use crate::algorithm::classes::Share;

/// A class of callers that share a limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClassBody {
    /// Its name: a priority, or the identifier of a child; absent for the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its weight.
    pub weight: u64,
    /// Its own part of the capacity, in units, rounded down.
    pub capacity: u64,
    /// What it has left, in units, rounded down.
    pub remaining: u64,
    /// When its own part is full, or since when it is, in Unix ms.
    pub reset: u64,
}

impl From<&Share> for ClassBody {
    fn from(share: &Share) -> ClassBody {
        ClassBody {
            name: share.name.as_deref().map(str::to_owned),
            weight: share.weight,
            capacity: share.capacity,
            remaining: share.remaining,
            reset: share.reset.as_millis(),
        }
    }
}
