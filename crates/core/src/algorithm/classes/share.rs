//! How each class stands, for whoever looks.

use super::class::{Class, Classes, GRAINS};
use crate::algorithm::level::Level;
use crate::arithmetic::divide;
use crate::limit::weights::ClassName;
use crate::limit::Shape;
use crate::Timestamp;

/// One class of a limit, in units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Its name; `None` for the rest.
    pub name: ClassName,
    /// Its weight.
    pub weight: u64,
    /// Its own part of the capacity, rounded down.
    pub capacity: u64,
    /// What it has left, rounded down.
    pub remaining: u64,
    /// When it is full, or since when it is.
    pub reset: Timestamp,
}

impl Classes {
    /// Each class, by name, the rest last. Projected to the time of `level`.
    pub(in crate::algorithm) fn shares(&self, shape: &Shape, level: &Level) -> Vec<Share> {
        let units = |grains: u128| {
            let units = divide(divide(grains, GRAINS), shape.unit());
            u64::try_from(units).unwrap_or(u64::MAX)
        };
        let whole = level.view(shape).remaining;
        let share = |class: &Class| {
            let part = self.part_of(shape, class);
            Share {
                name: class.name.clone(),
                weight: u64::from(class.weight),
                capacity: units(part),
                remaining: units((part + class.brim).saturating_sub(class.missing)).min(whole),
                reset: self.full_at(class, shape, level),
            }
        };
        let mut shares: Vec<Share> = self.list.iter().map(share).collect();
        shares.sort_by(|a, b| (a.name.is_none(), &a.name).cmp(&(b.name.is_none(), &b.name)));
        shares
    }
}
