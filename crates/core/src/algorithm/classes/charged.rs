//! What classes are charged and given back. The bucket does the same to its level, in one place:
//! `algorithm/divided.rs`.

use super::class::{grains, Class, Classes, GRAINS};
use super::join::proportion;
use crate::algorithm::level::Level;
use crate::arithmetic::divide;
use crate::limit::weights::ClassName;
use crate::limit::Shape;

/// Who pays for a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payer {
    /// The class that asks.
    Asking,
    /// All classes, each in proportion to what it has.
    All,
}

impl Classes {
    /// Charges so many parts, also those that are not there.
    pub(in crate::algorithm) fn charge(&mut self, shape: &Shape, parts: u128, payer: Payer) {
        match payer {
            Payer::Asking => self.take(parts),
            Payer::All => self.take_from_all(shape, parts),
        }
    }

    fn take(&mut self, parts: u128) {
        if let Some(own) = self.list.first_mut().filter(|_| parts > 0) {
            self.idle = 0;
            // While the whole is short of what classes have, it is next with as much again.
            own.wants = match own.brim {
                0 => own.wants.min(grains(parts)),
                _ => 0,
            };
            own.charge(grains(parts));
        }
    }

    /// Charges all classes with so many parts: each with its part of them in proportion to what it
    /// has. What they do not have they owe in common.
    fn take_from_all(&mut self, shape: &Shape, parts: u128) {
        if parts == 0 {
            return;
        }
        self.idle = 0;
        let has = |(class, part): (&Class, u128)| (part + class.brim).saturating_sub(class.missing);
        let had: Vec<u128> = (self.list.iter().zip(self.parts(shape)).map(has)).collect();
        let mut left: u128 = had.iter().sum();
        let mut wanted = grains(parts).min(left);
        for (class, has) in self.list.iter_mut().zip(had) {
            let own = proportion(wanted, has, left);
            class.charge(own);
            wanted -= own;
            left -= has;
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
            self.begin_full(level.seen);
        }
    }

    /// Counts up to `units` more, each class its part of them and what is left over those who asked
    /// last: how many. While anything is kept for a class its row is exact.
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
            class.charge(grains(more * shape.unit()));
        }
        units
    }
}
