//! Who is here: classes that come, and other weights.

use super::class::{grains, Class, Classes, MAX_CLASSES};
use crate::algorithm::level::Level;
use crate::arithmetic::divide;
use crate::limit::weights::{Asks, ClassName};
use crate::limit::Shape;
use crate::Timestamp;

impl Classes {
    /// Whether the class that asks is here at `now`, and all have the weights that hold for it.
    pub(in crate::algorithm) fn has(
        &self,
        asks: &Asks,
        shape: &Shape,
        level: &Level,
        now: Timestamp,
    ) -> bool {
        let fits = |class: &Class| {
            let known = asks.weights.known(&class.name);
            known == class.name && asks.weights.of(&known) == class.weight
        };
        self.list.iter().all(fits)
            && self
                .find(asks.class)
                .is_some_and(|class| self.leaves_at(class, shape, level) > now)
    }

    /// Whether the same classes are here, with the same weights.
    pub(in crate::algorithm) fn are_as(&self, other: &Classes) -> bool {
        let same = |class: &Class| {
            other
                .find(&class.name)
                .is_some_and(|it| it.weight == class.weight)
        };
        self.list.len() == other.list.len() && self.list.iter().all(same)
    }

    /// The first class of a bucket that lacks as much as `level`: all of it is lacking to this one,
    /// but what is more than there can be.
    pub(in crate::algorithm) fn first(asks: &Asks, shape: &Shape, level: &Level) -> Classes {
        Classes {
            list: vec![Class {
                missing: grains(level.deficit.min(shape.capacity)),
                ..newcomer(asks.class.clone(), asks.weights.of(asks.class), level.seen)
            }],
            coming: 0,
            idle: 0,
            wanted: None,
        }
    }

    /// The classes with the one that asks among them, as the rest where no place is left, and with
    /// the weights that hold for it. Projected to `now`.
    #[must_use]
    pub(in crate::algorithm) fn joined(
        &self,
        asks: &Asks,
        shape: &Shape,
        now: Timestamp,
    ) -> Classes {
        let mut list: Vec<(Class, u128)> = Vec::with_capacity(self.list.len() + 1);
        for class in &self.list {
            let part = self.part_of(shape, class);
            let name = asks.weights.known(&class.name);
            match list.iter_mut().find(|(known, _)| known.name == name) {
                Some((known, had)) => {
                    known.missing += class.missing;
                    known.brim += class.brim;
                    known.wants += class.wants;
                    known.full_since = known.full_since.max(class.full_since);
                    *had += part;
                }
                None => {
                    let weight = asks.weights.of(&name);
                    let class = class.clone();
                    list.push((
                        Class {
                            name,
                            weight,
                            ..class
                        },
                        part,
                    ));
                }
            }
        }
        let named = list
            .iter()
            .filter(|(class, _)| class.name.is_some())
            .count();
        let is_here = |name: &ClassName| list.iter().any(|(class, _)| class.name == *name);
        let name = match asks.class {
            Some(_) if named >= MAX_CLASSES && !is_here(asks.class) => &None,
            name => name,
        };
        if !is_here(name) {
            list.push((newcomer(name.clone(), asks.weights.of(name), now), 0));
        }
        let mut next = self.shared_anew(list, shape, now);
        next.turn_to(asks);
        next
    }

    /// The classes with one more.
    pub(super) fn with(
        &self,
        name: &ClassName,
        weight: u32,
        shape: &Shape,
        now: Timestamp,
    ) -> Classes {
        let had = |class: &Class| (class.clone(), self.part_of(shape, class));
        let mut list: Vec<(Class, u128)> = self.list.iter().map(had).collect();
        list.insert(0, (newcomer(name.clone(), weight, now), 0));
        self.shared_anew(list, shape, now)
    }

    /// The capacity divided anew among classes that had these parts of it. Who gets less keeps what
    /// still fits; what does not is theirs who get more. So those lack what the others lack less,
    /// and all together as much as before.
    fn shared_anew(&self, list: Vec<(Class, u128)>, shape: &Shape, now: Timestamp) -> Classes {
        let (list, had): (Vec<Class>, Vec<u128>) = list.into_iter().unzip();
        let mut next = Classes {
            list,
            coming: self.coming,
            idle: 0,
            wanted: None,
        };
        let parts = next.parts(shape);
        let mut moved = 0u128;
        for (i, class) in next.list.iter_mut().enumerate() {
            let less = class.missing.min(had[i].saturating_sub(parts[i]));
            moved += less;
            class.missing -= less;
            if less > 0 && class.missing == 0 {
                class.full_since = now;
            }
        }
        let gains: Vec<u128> = (parts
            .iter()
            .zip(&had)
            .map(|(is, was)| is.saturating_sub(*was)))
        .collect();
        let mut left: u128 = gains.iter().sum();
        for (class, gain) in next.list.iter_mut().zip(gains) {
            let own = proportion(moved, gain, left);
            class.missing += own;
            moved -= own;
            left -= gain;
        }
        next.list[0].missing += moved; // nobody gets more: rounding alone
        next
    }

    /// Has the class that asks stand first.
    pub(in crate::algorithm) fn turn_to(&mut self, asks: &Asks) {
        let place = |name: &ClassName| self.list.iter().position(|class| class.name == *name);
        let own = place(asks.class);
        self.wanted = match own {
            Some(_) => None,
            None => Some((asks.class.clone(), asks.weights.of(asks.class))),
        };
        if let Some(at) = own.or_else(|| place(&None)) {
            self.list[..=at].rotate_right(1);
        }
    }
}

const fn newcomer(name: ClassName, weight: u32, now: Timestamp) -> Class {
    Class {
        name,
        weight,
        missing: 0,
        brim: 0,
        wants: 0,
        full_since: now,
    }
}

/// `amount · part / whole`, `part` at most `whole`: all of it for the whole, else rounded down, and
/// roughly where the numbers are so large that the product has more than 128 bits.
pub(super) fn proportion(amount: u128, part: u128, whole: u128) -> u128 {
    if part == whole {
        return if part == 0 { 0 } else { amount };
    }
    let bits = |number: u128| u128::BITS - number.leading_zeros();
    let coarse = (bits(amount) + bits(part)).saturating_sub(u128::BITS);
    divide(amount * (part >> coarse), (whole >> coarse).max(1))
}
