//! What is left to each class of a shared limit while all others ask for all they can get.

use crate::algorithm::classes::MAX_CLASSES;
use crate::algorithm::state::shape;
use crate::limit::weights::{By, ClassName, Weights};
use crate::policy::Policy;
use crate::{Duration, Limit};

const HOUR: Duration = Duration::from_secs(3_600);

/// The least that a class has, in units, rounded down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Least {
    /// The class; `None` for each that is not named, and the rest.
    pub name: ClassName,
    /// Its weight.
    pub weight: u64,
    /// Its own part of the capacity.
    pub capacity: u64,
    /// What comes back to it in an hour.
    pub per_hour: u64,
}

impl Least {
    /// Those of each class of `limit`, in the order in which they are written, the rest last; none
    /// where the policy has no weights. The numbers are those in force, and while as many classes
    /// are here as there can be.
    pub(super) fn of(policy: &Policy, limit: &Limit) -> Vec<Least> {
        let (Some(weights), Some(shape)) = (policy.weights(), shape(limit.algorithm())) else {
            return Vec::new();
        };
        let all = u128::from(most(weights));
        let least = |name: &ClassName| {
            let weight = weights.of(name);
            let part = |parts: u128| {
                let units = (parts / shape.unit()).saturating_mul(u128::from(weight)) / all;
                u64::try_from(units).unwrap_or(u64::MAX)
            };
            Least {
                name: name.clone(),
                weight: u64::from(weight),
                capacity: part(shape.capacity),
                per_hour: part(shape.refill(HOUR)),
            }
        };
        let names = weights.written().iter().map(|(name, _)| Some(name.clone()));
        names.chain([None]).map(|name| least(&name)).collect()
    }
}

/// The weights of as many classes as there can be.
fn most(weights: &Weights) -> u32 {
    let written: u32 = weights.written().iter().map(|(_, weight)| weight).sum();
    let others = match weights.by() {
        By::Priority => 0,
        By::Child => MAX_CLASSES - weights.written().len(),
    };
    written + others as u32 + 1 // at most MAX_CLASSES, and the rest
}
