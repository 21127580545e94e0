//! A class, and all of them.

use crate::algorithm::level::Level;
use crate::algorithm::shape::convert_down;
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

/// For so long a full bucket keeps what classes were refused for them alone: who is told to come
/// again in a second can do so.
pub const RESERVED: Duration = Duration::from_secs(2);

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
    /// What it was refused since it was admitted last, in grains, where that is kept for it.
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
    /// Since when the whole lacks nothing, where that is so.
    pub full_since: Option<Timestamp>,
    /// Who asks as the rest, because no place was left, and his weight. Not stored.
    pub(super) wanted: Option<(ClassName, u32)>,
}

/// So many parts, in grains.
pub(super) const fn grains(parts: u128) -> u128 {
    parts.saturating_mul(GRAINS)
}

impl Class {
    /// What it gets in so many steps: its weight in each until it lacks nothing of its own part,
    /// then the same to its brim. So a brim changes nothing before.
    pub(super) fn handed(&self, steps: u128) -> u128 {
        let (owed, weight) = (self.owed(), u128::from(self.weight));
        let own = steps.saturating_mul(weight).min(owed);
        if own < owed || self.missing == owed {
            return own;
        }
        let more = steps - div_ceil(owed, weight);
        owed + more.saturating_mul(weight).min(self.missing - owed)
    }

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
}

impl Classes {
    /// Classes out of a row; the first of them asked last. `None` where there is none.
    pub fn stored(
        list: Vec<Class>,
        coming: u128,
        full_since: Option<Timestamp>,
    ) -> Option<Classes> {
        (!list.is_empty()).then_some(Classes {
            list,
            coming,
            full_since,
            wanted: None,
        })
    }

    /// Whether they are `level`, divided: what all lack is what it lacks.
    pub fn divide(&self, level: &Level) -> bool {
        let sum =
            |each: fn(&Class) -> u128| self.list.iter().map(each).fold(0, u128::saturating_add);
        let lacking = sum(|class| class.missing);
        lacking == grains(level.deficit) + self.coming + sum(|class| class.brim)
    }

    pub(super) fn weight(&self) -> u128 {
        self.list.iter().map(|class| u128::from(class.weight)).sum()
    }

    /// The part of the capacity that a class owns, in grains, rounded down.
    pub(super) fn part_of(&self, shape: &Shape, class: &Class) -> u128 {
        let (whole, all, own) = (
            grains(shape.capacity),
            self.weight(),
            u128::from(class.weight),
        );
        divide(whole, all).saturating_mul(own) + divide(whole % all * own, all)
    }

    /// Whether anything is kept for a class beyond its own part.
    pub(super) fn has_claims(&self) -> bool {
        (self.list.iter()).any(|class| class.brim > 0 || class.wants > 0)
    }

    /// Charges the class that asks with so many parts.
    pub(in crate::algorithm) fn take(&mut self, parts: u128) {
        let Some(own) = self.list.first_mut().filter(|_| parts > 0) else {
            return;
        };
        self.full_since = None;
        own.missing = own.missing.saturating_add(grains(parts));
        own.wants = 0;
        if own.missing >= own.brim {
            own.missing -= core::mem::take(&mut own.brim);
        }
    }

    /// How many of so many parts can be given back to this class: it gets no more than it owes.
    pub(in crate::algorithm) fn owed(&self, name: &ClassName, parts: u128) -> u128 {
        let owed = self.find(name).map_or(0, Class::owed);
        parts.min(divide(owed, GRAINS))
    }

    /// Gives so many parts back to a class, which owes as much. `level` is that after it.
    pub(in crate::algorithm) fn give_back(&mut self, name: &ClassName, parts: u128, level: &Level) {
        if let Some(class) = self.list.iter_mut().find(|class| class.name == *name) {
            class.missing = class.missing.saturating_sub(grains(parts));
            if class.missing == 0 {
                class.full_since = level.seen;
            }
        }
        if level.deficit == 0 {
            self.full_since.get_or_insert(level.seen);
            self.fill_by(level.seen);
        }
    }

    /// The whole is full, and it is `now`: so are all classes, unless something is kept for some of
    /// them still.
    pub(super) fn fill_by(&mut self, now: Timestamp) {
        let Some(since) = self.full_since else {
            return;
        };
        let since = match self.has_claims() {
            true => since.plus(RESERVED),
            false => since,
        };
        if since <= now {
            self.fill(since);
        }
    }

    fn fill(&mut self, at: Timestamp) {
        self.coming = 0;
        for class in &mut self.list {
            (class.brim, class.wants) = (0, 0);
            if core::mem::take(&mut class.missing) > 0 {
                class.full_since = at;
            }
        }
    }

    pub(super) fn find(&self, name: &ClassName) -> Option<&Class> {
        self.list.iter().find(|class| class.name == *name)
    }

    /// The class that asks.
    pub(in crate::algorithm) fn asking(&self) -> ClassName {
        self.list.first().and_then(|class| class.name.clone())
    }

    /// The class that asks was refused a cost of so many parts, at most the capacity: whether that
    /// is kept for it from now on. It is where that is more than its part, up to which it may fill
    /// then, and where it has as much and the whole has not.
    pub(in crate::algorithm) fn reserve(&mut self, shape: &Shape, parts: u128) -> bool {
        let Some(part) = self.list.first().map(|own| self.part_of(shape, own)) else {
            return false;
        };
        let own = &mut self.list[0];
        let wants = grains(parts);
        if wants <= own.wants || (wants <= part && !own.has(part, wants)) {
            return false;
        }
        let more = wants.saturating_sub(part).saturating_sub(own.brim);
        own.wants = wants;
        own.brim += more;
        own.missing = own.missing.saturating_add(more);
        true
    }

    /// Counts up to `units` more, each class its part of them and what is left over those who asked
    /// last: how many. While a class has a brim its row is exact.
    pub(in crate::algorithm) fn run_ahead(&mut self, shape: &Shape, units: u64) -> u64 {
        if self.has_claims() {
            return 0;
        }
        let all = self.weight();
        let part = |class: &Class| u128::from(units) * u128::from(class.weight) / all;
        let mut left = u128::from(units) - self.list.iter().map(part).sum::<u128>();
        for class in &mut self.list {
            let more = part(class) + u128::from(left > 0);
            left = left.saturating_sub(1);
            class.missing = class.missing.saturating_add(grains(more * shape.unit()));
        }
        units
    }

    /// Whether a subject restarted from this would never give any class more than one with `real`.
    /// Both projected to one instant: no class has more, now or after the next step, from which on
    /// the classes that lack more only take longer.
    pub(in crate::algorithm) fn cover(&self, real: &Classes) -> bool {
        if self.has_claims() || real.has_claims() {
            let mut others = real.list.iter();
            return self.coming == real.coming
                && self.full_since == real.full_since
                && self.list.len() == real.list.len()
                && others.all(|class| self.find(&class.name) == Some(class));
        }
        let lacks_more = |class: &Class, other: &Class| {
            class.weight == other.weight
                && class.missing >= other.missing
                && (class.missing > 0 || class.full_since >= other.full_since)
        };
        let is_covered = |other: &Class| {
            self.find(&other.name)
                .is_some_and(|class| lacks_more(class, other))
        };
        real.list.iter().all(is_covered)
            && self.handed(1) + real.coming >= real.handed(1) + self.coming
    }

    /// The same under a rate in which a unit has `to` parts and not `from`, where the whole lacks
    /// `deficit` of them. Nobody may fill above its own part any more.
    pub(in crate::algorithm) fn converted(&self, from: u128, to: u128, deficit: u128) -> Classes {
        if from == to {
            return self.clone();
        }
        let mut next = self.clone();
        next.full_since = None;
        for class in &mut next.list {
            next.coming += class.brim.saturating_sub(class.missing);
            class.missing = convert_down(class.owed(), from, to);
            (class.brim, class.wants) = (0, 0);
        }
        next.coming = convert_down(next.coming, from, to);
        // What rounding has left out is owed by the first who owes anything.
        let all = next.list.iter().map(|class| class.missing);
        let all = all.fold(0, u128::saturating_add);
        let rest = grains(deficit)
            .saturating_add(next.coming)
            .saturating_sub(all);
        let first = next.list.iter().position(|class| class.missing > 0);
        next.list[first.unwrap_or(0)].missing += rest;
        next
    }
}
