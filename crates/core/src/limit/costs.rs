//! Costs by the name of a limit: one decision may take tokens of one limit, requests of another and
//! cents of a third.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::{Limit, Name};

/// What single limits take, by their names; all others take the cost beside it. Usually none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Costs(Option<Arc<[(Name, u64)]>>);

impl Costs {
    /// All limits take the same.
    pub const NONE: Costs = Costs(None);

    /// These limits take so much: each 0 to 2^53, no name twice.
    pub fn new(costs: Vec<(Name, u64)>) -> Costs {
        Costs((!costs.is_empty()).then(|| costs.into()))
    }

    /// Whether all limits take the same.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// What `limit` takes, if it is named.
    pub fn of(&self, limit: &Limit) -> Option<u64> {
        let name = limit.name().filter(|_| !self.is_empty())?;
        let mut costs = self.iter();
        costs
            .find(|(named, _)| named == name)
            .map(|(_, cost)| *cost)
    }

    /// All of them, in the order given.
    pub fn iter(&self) -> core::slice::Iter<'_, (Name, u64)> {
        self.0.as_deref().unwrap_or_default().iter()
    }

    /// The most that any of them takes.
    pub fn most(&self) -> u64 {
        self.iter().map(|(_, cost)| *cost).max().unwrap_or(0)
    }
}

impl Serialize for Costs {
    /// An object, from names to numbers.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(name, cost)| (name.as_str(), cost)))
    }
}

/// What something has cost after all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Real {
    /// Of each limit that was not asked for by its name; `None`: as much as was held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<u64>,
    /// Of the limits of these names.
    #[serde(skip_serializing_if = "Costs::is_empty")]
    pub costs: Costs,
}
