//! What comes back, handed out.

use super::class::{grains, Class, Classes, GRAINS, STAYS};
use super::ladder::{Ladder, Runs};
use crate::algorithm::level::Level;
use crate::arithmetic::{div_ceil, wait};
use crate::limit::Shape;
use crate::{Duration, Timestamp};

impl Class {
    /// What it gets in so many steps: its weight in each until it lacks nothing of its own part,
    /// then the same to its brim. So a brim changes nothing before.
    fn handed(&self, steps: u128) -> u128 {
        let (owed, weight) = (self.owed(), u128::from(self.weight));
        let own = steps.saturating_mul(weight).min(owed);
        if own < owed || self.missing == owed {
            return own;
        }
        let more = steps - div_ceil(owed, weight);
        owed + more.saturating_mul(weight).min(self.missing - owed)
    }
}

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
        // then on, and while somebody has more the weights of all count. Else nobody who goes
        // changes what the others lack.
        while let Some(at) = next.next_leaving(shape, &level, now) {
            next.hand_out(shape, &level, at);
            level = level.at(shape, at);
            let is_gone = |class: &Class| class.missing == 0 && class.full_since.plus(STAYS) <= at;
            let gone = next.list.iter().filter(|class| is_gone(class));
            next.coming += gone.map(|class| class.brim).sum::<u128>();
            let here = next.list.len();
            next.list.retain(|class| !is_gone(class));
            if next.list.len() == here && at == now {
                break; // not reached twice: who goes at an instant is gone then
            }
        }
        next.hand_out(shape, &level, now);
        next.list
            .retain(|class| class.missing > 0 || class.full_since.plus(STAYS) > now);
        (!next.list.is_empty()).then_some(next)
    }

    /// When the next class goes, if that is by `now` and may change what others lack.
    fn next_leaving(&self, shape: &Shape, level: &Level, now: Timestamp) -> Option<Timestamp> {
        if self.list.iter().all(|class| class.brim == 0) {
            return None;
        }
        let leaving = (self.list.iter())
            .filter(|class| self.leaves_by(now, class, shape, level))
            .map(|class| self.leaves_at(class, shape, level));
        leaving.min()
    }

    /// Hands out what has come back by `now`, while nobody goes.
    pub(super) fn hand_out(&mut self, shape: &Shape, level: &Level, now: Timestamp) {
        let back = shape.refill(now.since(level.time)).min(level.deficit);
        let full = level.time.plus(shape.time_for(level.deficit));
        let (coming, common) = (self.coming, self.common(level));
        let come = coming + grains(back).saturating_sub(common);
        if self.list.iter().any(|class| class.missing > 0) {
            let ladder = self.ladder();
            let steps = ladder.steps(come);
            let mut handed = 0;
            for class in self.list.iter_mut().filter(|class| class.missing > 0) {
                let own = steps.map_or(class.missing, |steps| class.handed(steps));
                handed += own;
                if own == class.missing {
                    let sum = ladder.sum(class.steps_for(own));
                    let needed = (sum + common).saturating_sub(coming);
                    class.full_since = level.time.plus(time_for(needed, shape)).min(full);
                }
                class.missing -= own;
            }
            self.coming = steps.map_or(0, |_| come - handed);
        }
        if back == level.deficit {
            self.begin_full(full);
            self.stay_full(shape, full, now);
        }
        self.drop_wants(shape);
    }

    /// While nobody owes more than its part, the whole has what each class has: none has to be
    /// next.
    fn drop_wants(&mut self, shape: &Shape) {
        let is_claimed = |class: &Class| class.wants > 0 && class.brim == 0;
        if !self.list.iter().any(is_claimed) {
            return;
        }
        let mut classes = self.list.iter().zip(self.parts(shape));
        if classes.all(|(class, part)| class.owed() <= part) {
            for class in self.list.iter_mut().filter(|class| class.brim == 0) {
                class.wants = 0;
            }
        }
    }

    /// What all get, in the order of the steps.
    fn ladder(&self) -> Ladder {
        let mut runs = Runs::with_capacity(self.list.len());
        for class in self.list.iter().filter(|class| class.missing > 0) {
            let (owed, weight) = (class.owed(), u128::from(class.weight));
            let from = runs.add(0, weight, owed);
            runs.add(from, weight, class.missing - owed);
        }
        runs.added_up()
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
        let needed = (self.handed(class.steps_for(wanted)))
            .saturating_add(self.common(level))
            .saturating_sub(self.coming);
        match needed <= grains(level.deficit) {
            true => level.time.plus(time_for(needed, shape)),
            false => self.has_got_when_full(wanted, class, shape, level),
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

    /// Whether a class goes by `at`, if it is not charged any more.
    pub(super) fn leaves_by(
        &self,
        at: Timestamp,
        class: &Class,
        shape: &Shape,
        level: &Level,
    ) -> bool {
        // Who lacks something now stays at least for that time.
        let stays = class.missing > 0 && at < level.seen.plus(STAYS);
        !stays && self.leaves_at(class, shape, level) <= at
    }

    /// When the last class has gone.
    pub(in crate::algorithm) fn gone_at(&self, shape: &Shape, level: &Level) -> Timestamp {
        let full = match self.list.iter().any(|class| class.missing > 0) {
            true => Some(self.all_full_at(shape, level)),
            false => self.list.iter().map(|class| class.full_since).max(),
        };
        full.map_or(level.seen, |full| full.plus(STAYS))
    }
}

/// In how long so many grains come back.
pub(super) fn time_for(grains: u128, shape: &Shape) -> Duration {
    let rate = u128::from(shape.rate.parts()) * GRAINS;
    wait(div_ceil(grains, rate))
}
