//! What all classes get in so many steps together, asked for many numbers of steps.
//!
//! A class gets its weight in each of some steps that follow each other, but less in the last of
//! them where that is all it lacks. So the sum rises evenly between the few steps at which a class
//! begins or ends, and those are added up once.

use crate::arithmetic::{div_ceil, divide};

/// The sum, as a line from one step at which it bends to the next.
pub(super) struct Ladder {
    bends: Vec<Bend>,
}

struct Bend {
    /// The step.
    at: u128,
    /// What all have got with it.
    sum: u128,
    /// What all get in each step after it, up to the next bend.
    each: u128,
}

/// The steps in which classes get something.
#[derive(Default)]
pub(super) struct Runs {
    /// After which step how much more or less is given in each, and how much is given in it alone.
    changes: Vec<(u128, u128, u128, u128)>,
}

impl Runs {
    pub(super) fn with_capacity(classes: usize) -> Runs {
        Runs {
            changes: Vec::with_capacity(4 * classes),
        }
    }

    /// From the step after `from` on `weight` in each, until it is `amount`: with which step.
    pub(super) fn add(&mut self, from: u128, weight: u128, amount: u128) -> u128 {
        let steps = div_ceil(amount, weight);
        if steps == 0 {
            return from;
        }
        let whole = steps - 1;
        if whole > 0 {
            self.changes.push((from, weight, 0, 0));
            self.changes.push((from + whole, 0, weight, 0));
        }
        (self.changes).push((from + steps, 0, 0, amount - whole * weight));
        from + steps
    }

    pub(super) fn added_up(mut self) -> Ladder {
        self.changes.sort_unstable_by_key(|(at, ..)| *at);
        let mut bends = Vec::with_capacity(self.changes.len() + 1);
        let mut last = Bend {
            at: 0,
            sum: 0,
            each: 0,
        };
        for (at, more, less, once) in self.changes {
            let steps = at - last.at;
            let sum = last.sum.saturating_add(last.each.saturating_mul(steps));
            let next = Bend {
                at,
                sum: sum.saturating_add(once),
                each: last.each + more - less,
            };
            if steps > 0 {
                bends.push(core::mem::replace(&mut last, next));
            } else {
                last = next;
            }
        }
        bends.push(last);
        Ladder { bends }
    }
}

impl Ladder {
    /// What all have got with this step.
    pub(super) fn sum(&self, step: u128) -> u128 {
        let place = self.bends.partition_point(|bend| bend.at <= step);
        // The first bend is at 0 or above: before it nothing is given.
        place.checked_sub(1).map_or(0, |place| {
            let bend = &self.bends[place];
            let more = bend.each.saturating_mul(step - bend.at);
            bend.sum.saturating_add(more)
        })
    }

    /// How many steps so much is enough for; `None` when all have got all with less.
    pub(super) fn steps(&self, come: u128) -> Option<u128> {
        let place = self.bends.partition_point(|bend| bend.sum <= come);
        let next = self.bends.get(place).map(|next| next.at - 1);
        let Some(bend) = place.checked_sub(1).map(|place| &self.bends[place]) else {
            return next;
        };
        if bend.each == 0 {
            return next;
        }
        let steps = bend.at.saturating_add(divide(come - bend.sum, bend.each));
        Some(next.map_or(steps, |next| steps.min(next)))
    }
}
