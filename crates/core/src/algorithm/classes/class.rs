//! A class, and all of them.

use crate::algorithm::level::Level;
use crate::arithmetic::{div_ceil, divide};
use crate::limit::weights::ClassName;
use crate::limit::Shape;
use crate::{Duration, Timestamp};

/// How many grains a part has: more than all weights together.
pub(super) const GRAINS: u128 = 1 << 15;
/// The most classes with a name at one limit: all of them stand in the limit's row, and each
/// decision looks at all.
pub const MAX_CLASSES: usize = 64;
/// For so long a class that lacks nothing keeps its part for itself. Shorter would starve who comes
/// seldom: each time it would be new, with nothing of its own.
pub const STAYS: Duration = Duration::from_secs(60);

/// One class of a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// Its name; `None` for the rest.
    pub name: ClassName,
    /// Its weight.
    pub weight: u32,
    /// What it lacks to its brim, in grains.
    pub missing: u128,
    /// How far above its own part it may fill, in grains.
    pub brim: u128,
    /// What it was refused since it was admitted last although it had it, in grains: the whole had
    /// not.
    pub wants: u128,
    /// Since when it lacks nothing, where that is so.
    pub full_since: Timestamp,
}

/// The classes of a limit: at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classes {
    /// The first is the one whose turn it is to ask, or that asked last.
    pub list: Vec<Class>,
    /// Grains that have come back and are too few to be handed out.
    pub coming: u128,
    /// Grains that would have come back while the whole was full, and are too few to be handed out.
    pub idle: u128,
    /// Who asks as the rest, because no place was left, and his weight. Not stored.
    pub(super) wanted: Option<(ClassName, u32)>,
}

/// So many parts, in grains.
pub(super) const fn grains(parts: u128) -> u128 {
    parts.saturating_mul(GRAINS)
}

impl Class {
    /// How many steps it takes until it has got so much, at most what it lacks.
    pub(super) fn steps_for(&self, wanted: u128) -> u128 {
        let (owed, weight) = (self.owed(), u128::from(self.weight));
        let own = div_ceil(wanted.min(owed), weight);
        own + div_ceil(wanted.saturating_sub(owed), weight)
    }

    /// Whether it has so much, where this is its part.
    pub(super) const fn has(&self, part: u128, wanted: u128) -> bool {
        self.missing.saturating_add(wanted) <= part + self.brim
    }

    /// What it has taken beyond its own part's refill; nothing while it has more than its part.
    pub(super) const fn owed(&self) -> u128 {
        self.missing.saturating_sub(self.brim)
    }

    /// What it has beyond its own part.
    pub(super) const fn surplus(&self) -> u128 {
        self.brim.saturating_sub(self.missing)
    }

    /// Charges it with so many grains. When it has no more than its own part it fills no further.
    pub(super) fn charge(&mut self, grains: u128) {
        self.missing = self.missing.saturating_add(grains);
        if self.missing >= self.brim {
            self.missing -= core::mem::take(&mut self.brim);
        }
    }
}

impl Classes {
    /// Classes out of a row; the first of them asked last. `None` where there is none.
    pub fn stored(list: Vec<Class>, coming: u128, idle: u128) -> Option<Classes> {
        (!list.is_empty()).then_some(Classes {
            list,
            coming,
            idle,
            wanted: None,
        })
    }

    fn sum(&self, each: fn(&Class) -> u128) -> u128 {
        self.list.iter().map(each).fold(0, u128::saturating_add)
    }

    /// Whether they are `level`, divided: all together lack no more than it does.
    pub fn divide(&self, level: &Level) -> bool {
        self.sum(|class| class.missing) <= self.lacking(level)
    }

    /// What `level` lacks and no class does, in grains: all of them owe it.
    pub fn common(&self, level: &Level) -> u128 {
        (self.lacking(level)).saturating_sub(self.sum(|class| class.missing))
    }

    /// What all lack to their brims together, where they owe nothing in common.
    fn lacking(&self, level: &Level) -> u128 {
        grains(level.deficit)
            .saturating_add(self.coming)
            .saturating_add(self.sum(|class| class.brim))
    }

    pub(super) fn weight(&self) -> u128 {
        self.list.iter().map(|class| u128::from(class.weight)).sum()
    }

    /// The part of the capacity that a class owns, in grains, rounded down.
    pub(super) fn part_of(&self, shape: &Shape, class: &Class) -> u128 {
        part(shape, self.weight(), class)
    }

    /// What of the capacity each class owns, in grains, rounded down, in their order.
    pub(super) fn parts(&self, shape: &Shape) -> Vec<u128> {
        let all = self.weight();
        (self.list.iter().map(|class| part(shape, all, class))).collect()
    }

    /// Whether anything is kept for a class beyond what it owns.
    pub(super) fn has_claims(&self) -> bool {
        (self.list.iter()).any(|class| class.brim > 0 || class.wants > 0)
    }

    pub(super) fn find(&self, name: &ClassName) -> Option<&Class> {
        self.list.iter().find(|class| class.name == *name)
    }

    /// Whether one more class with a name can come.
    pub(super) fn has_place(&self) -> bool {
        let named = self.list.iter().filter(|class| class.name.is_some());
        named.count() < MAX_CLASSES
    }

    /// The class that asks.
    pub(in crate::algorithm) fn asking(&self) -> ClassName {
        self.list.first().and_then(|class| class.name.clone())
    }
}

/// The part of the capacity that a class owns where `all` is the weight of all.
pub(super) fn part(shape: &Shape, all: u128, class: &Class) -> u128 {
    let (whole, own) = (grains(shape.capacity), u128::from(class.weight));
    divide(whole, all).saturating_mul(own) + divide(whole % all * own, all)
}
