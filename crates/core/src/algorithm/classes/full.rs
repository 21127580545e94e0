//! While the whole is full though some classes are not: others have more than their own parts, and
//! pay from that what would have come back to those.

use super::class::{grains, Class, Classes};
use super::refill::time_for;
use crate::algorithm::level::Level;
use crate::arithmetic::divide;
use crate::limit::Shape;
use crate::Timestamp;

impl Classes {
    /// The whole lacks nothing from `at` on: it has what anybody was refused of its part, and what
    /// has come back is handed out, also where it is too little for a step.
    pub(super) fn begin_full(&mut self, at: Timestamp) {
        for class in &mut self.list {
            if class.brim == 0 {
                class.wants = 0;
            }
            let rest = self.coming.min(class.owed());
            self.coming -= rest;
            class.missing -= rest;
            if rest > 0 && class.missing == 0 {
                class.full_since = at;
            }
        }
        self.end_full(at);
    }

    /// The whole lacks nothing from `full` on, and nothing was taken until `now`. Each class that
    /// owes something gets its part of what would have come back. Those pay it that have more than
    /// their own, and fill to that no more.
    pub(super) fn stay_full(&mut self, shape: &Shape, full: Timestamp, now: Timestamp) {
        if !self.owe() {
            return;
        }
        let (idle, all) = (self.idle, self.weight());
        let come = idle + grains(shape.refill(now.since(full)));
        let steps = divide(come, all);
        self.idle = come - steps * all;
        let (mut moved, mut last) = (0, full);
        for class in self.list.iter_mut().filter(|class| class.owed() > 0) {
            let turn = class.steps_for(class.owed());
            let own = match turn <= steps {
                true => class.owed(),
                false => steps * u128::from(class.weight),
            };
            moved += own;
            class.missing -= own;
            if turn <= steps {
                let needed = (turn * all).saturating_sub(idle);
                class.full_since = full.plus(time_for(needed, shape));
                last = last.max(class.full_since);
            }
        }
        // Who has not asked for longest pays first: the others are here to take what they have.
        for class in self.list.iter_mut().rev() {
            let own = class.surplus().min(moved);
            moved -= own;
            class.brim -= own;
        }
        self.end_full(last);
    }

    /// When nobody owes anything any more, nobody has more than its part.
    fn end_full(&mut self, at: Timestamp) {
        if self.owe() {
            return;
        }
        (self.coming, self.idle) = (0, 0);
        for class in &mut self.list {
            (class.brim, class.wants) = (0, 0);
            if core::mem::take(&mut class.missing) > 0 {
                class.full_since = at;
            }
        }
    }

    fn owe(&self) -> bool {
        self.list.iter().any(|class| class.owed() > 0)
    }

    /// The same when the whole gets full, and when that is.
    fn when_full(&self, shape: &Shape, level: &Level) -> (Classes, Timestamp) {
        let full = level.time.plus(shape.time_for(level.deficit));
        let mut then = self.clone();
        then.hand_out(shape, level, full);
        (then, full)
    }

    /// When a class has got so many grains that lacks some of them still when the whole is full.
    pub(super) fn has_got_when_full(
        &self,
        wanted: u128,
        class: &Class,
        shape: &Shape,
        level: &Level,
    ) -> Timestamp {
        let (then, full) = self.when_full(shape, level);
        let Some(own) = then.find(&class.name) else {
            return full;
        };
        if wanted > class.owed() {
            return then.ends_full_at(shape, full);
        }
        let rest = wanted.saturating_sub(class.owed() - own.owed());
        then.full_after(own.steps_for(rest), shape, full)
    }

    /// When all lack nothing, if nobody takes anything.
    pub(super) fn all_full_at(&self, shape: &Shape, level: &Level) -> Timestamp {
        if self.list.iter().all(|class| class.brim == 0) {
            return level.time.plus(shape.time_for(level.deficit));
        }
        let (then, full) = self.when_full(shape, level);
        then.ends_full_at(shape, full)
    }

    fn ends_full_at(&self, shape: &Shape, full: Timestamp) -> Timestamp {
        let owing = self.list.iter().filter(|class| class.owed() > 0);
        let last = owing.map(|class| class.steps_for(class.owed())).max();
        self.full_after(last.unwrap_or(0), shape, full)
    }

    fn full_after(&self, steps: u128, shape: &Shape, full: Timestamp) -> Timestamp {
        let needed = steps.saturating_mul(self.weight());
        full.plus(time_for(needed.saturating_sub(self.idle), shape))
    }
}
