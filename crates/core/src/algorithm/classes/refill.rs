//! What comes back, handed out.

use super::class::{grains, Class, Classes, GRAINS, RESERVED, STAYS};
use crate::algorithm::level::Level;
use crate::arithmetic::{div_ceil, divide, wait};
use crate::limit::Shape;
use crate::Timestamp;

impl Classes {
    /// The same seen from `now`; `level` is what the whole lacked at its time. `None` when nobody
    /// is here any more.
    pub(in crate::algorithm) fn at(
        &self,
        shape: &Shape,
        level: &Level,
        now: Timestamp,
    ) -> Option<Classes> {
        let (mut next, mut level) = (self.clone(), *level);
        // Who goes with more than its own part leaves that to the others then, who lack less from
        // then on. Nobody else who goes changes what the others lack.
        while let Some(at) = next.next_surplus(shape, &level, now) {
            next.hand_out(shape, &level, at);
            level = level.at(shape, at);
            let is_gone = |class: &Class| class.missing == 0 && class.full_since.plus(STAYS) <= at;
            let gone = next.list.iter().filter(|class| is_gone(class));
            next.coming += gone.map(|class| class.brim).sum::<u128>();
            next.list.retain(|class| !is_gone(class));
        }
        next.hand_out(shape, &level, now);
        next.list
            .retain(|class| class.missing > 0 || class.full_since.plus(STAYS) > now);
        (!next.list.is_empty()).then_some(next)
    }

    /// When the first class goes that has more than its own part, if that is by `now`.
    fn next_surplus(&self, shape: &Shape, level: &Level, now: Timestamp) -> Option<Timestamp> {
        let surplus = self.list.iter().filter(|class| class.brim > 0);
        let leaves = surplus.map(|class| self.leaves_at(class, shape, level));
        leaves.min().filter(|at| *at <= now)
    }

    fn hand_out(&mut self, shape: &Shape, level: &Level, now: Timestamp) {
        let back = shape.refill(now.since(level.time)).min(level.deficit);
        let come = self.coming + grains(back);
        let steps = self.steps(come);
        let before = self.clone();
        for (class, was) in self.list.iter_mut().zip(&before.list) {
            class.missing -= steps.map_or(was.missing, |steps| was.handed(steps));
            if was.missing > 0 && class.missing == 0 {
                class.full_since = before.has_got(was.missing, was, shape, level);
            }
        }
        self.coming = steps.map_or(0, |steps| come - before.handed(steps));
        if back == level.deficit {
            let full = level.time.plus(shape.time_for(back));
            self.full_since.get_or_insert(full);
            // Too little for a step, and the last there is.
            for class in self.list.iter_mut().filter(|class| class.owed() > 0) {
                let rest = self.coming.min(class.owed());
                self.coming -= rest;
                class.missing -= rest;
                if class.missing == 0 {
                    class.full_since = full;
                }
            }
            self.fill_by(now);
        }
    }

    /// How many steps so many grains are enough for; `None` when nobody lacks anything after.
    fn steps(&self, come: u128) -> Option<u128> {
        let lacking = self.list.iter().filter(|class| class.missing > 0);
        let mut turns = Vec::with_capacity(self.list.len());
        for class in lacking.clone() {
            if class.owed() < class.missing {
                turns.push((class.steps_for(class.owed()), class, false));
            }
            turns.push((class.steps_for(class.missing), class, true));
        }
        turns.sort_unstable_by_key(|(steps, ..)| *steps);
        let mut weight: u128 = lacking.map(|class| u128::from(class.weight)).sum();
        let mut left = come;
        for (turn, class, is_last) in turns {
            // As many as if all who are left got their whole weight in each.
            let steps = divide(left, weight);
            if steps < turn && (steps + 1 < turn || self.handed(turn) > come) {
                return Some(steps);
            }
            // The last of its own part was less than its weight.
            let own = u128::from(class.weight);
            let spared = match class.owed() < class.missing {
                true => class.steps_for(class.owed()) * own - class.owed(),
                false => 0,
            };
            if is_last {
                left = left.saturating_sub(class.missing + spared);
                weight -= own;
            } else {
                left += spared;
            }
        }
        None
    }

    /// What all get in so many steps.
    pub(super) fn handed(&self, steps: u128) -> u128 {
        let handed = self.list.iter().map(|class| class.handed(steps));
        handed.fold(0, u128::saturating_add)
    }

    /// When a class has got so many grains, at most what it lacks, if nobody takes anything and
    /// nobody goes.
    pub(super) fn has_got(
        &self,
        wanted: u128,
        class: &Class,
        shape: &Shape,
        level: &Level,
    ) -> Timestamp {
        let needed = self
            .handed(class.steps_for(wanted))
            .saturating_sub(self.coming);
        let rate = u128::from(shape.rate.parts()) * GRAINS;
        let at = level.time.plus(wait(div_ceil(needed, rate)));
        match needed <= grains(level.deficit) {
            true => at,
            false => self.all_full_at(shape, level),
        }
    }

    /// When all lack nothing, if nobody takes anything.
    pub(super) fn all_full_at(&self, shape: &Shape, level: &Level) -> Timestamp {
        let full = level.time.plus(shape.time_for(level.deficit));
        let full = self.full_since.unwrap_or(full);
        match self.has_claims() {
            true => full.plus(RESERVED),
            false => full,
        }
    }

    /// Since when a class lacks nothing, or from when on.
    pub(super) fn full_at(&self, class: &Class, shape: &Shape, level: &Level) -> Timestamp {
        match class.missing {
            0 => class.full_since,
            missing => self.has_got(missing, class, shape, level),
        }
    }

    /// When a class goes, if it is not charged any more.
    pub(super) fn leaves_at(&self, class: &Class, shape: &Shape, level: &Level) -> Timestamp {
        self.full_at(class, shape, level).plus(STAYS)
    }

    /// When the last class has gone.
    pub(in crate::algorithm) fn gone_at(&self, shape: &Shape, level: &Level) -> Timestamp {
        let leaves = self
            .list
            .iter()
            .map(|class| self.leaves_at(class, shape, level));
        leaves.max().unwrap_or(level.seen)
    }
}
