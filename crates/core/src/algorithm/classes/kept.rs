//! Classes in rows that run ahead, and under other numbers.

use super::class::{Class, Classes};
use crate::algorithm::level::Level;
use crate::algorithm::shape::{convert, convert_down};

impl Classes {
    /// Whether a subject restarted from this would never give any class more than one with `real`.
    /// Both projected to one instant, each with the level that it divides: no class has more, now
    /// or after the next step, from which on the classes that lack more only take longer.
    pub(in crate::algorithm) fn cover(
        &self,
        level: &Level,
        real: &Classes,
        real_level: &Level,
    ) -> bool {
        if self.has_claims() || real.has_claims() {
            let mut others = real.list.iter();
            return self.coming == real.coming
                && self.idle == real.idle
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
        let next = |classes: &Classes, level: &Level| classes.handed(1) + classes.common(level);
        real.list.iter().all(is_covered)
            && next(self, level) + real.coming >= next(real, real_level) + self.coming
    }

    /// The same under a rate in which a unit has `to` parts and not `from`. Nobody may fill above
    /// its own part any more. What rounding leaves out all owe.
    pub(in crate::algorithm) fn converted(&self, from: u128, to: u128) -> Classes {
        let mut next = self.clone();
        if from == to {
            return next;
        }
        next.idle = 0;
        for class in &mut next.list {
            next.coming += class.surplus();
            class.missing = convert_down(class.owed(), from, to);
            (class.brim, class.wants) = (0, 0);
        }
        next.coming = convert(next.coming, from, to);
        next
    }
}
