//! Whether the class that asks has room, and when.

use super::class::{grains, part, Class, Classes, GRAINS};
use crate::algorithm::level::Level;
use crate::algorithm::{Room, View};
use crate::arithmetic::divide;
use crate::limit::Shape;
use crate::{Duration, Timestamp};

/// Up to so many times a cost above its part a class may fill that was refused it. Once would do
/// for the cost; more, so that it loses nothing of what comes back to it until its turn.
const FILLS: u128 = 2;

impl Classes {
    /// Whether `cost` parts have room at once, and if not, when. Both must be projected to now.
    pub(in crate::algorithm) fn room(&self, shape: &Shape, level: &Level, cost: u128) -> Room {
        let now = level.seen;
        if matches!(level.room(shape, cost), Room::Never) {
            return Room::Never;
        }
        if self.fits(shape, level, cost) {
            return Room::At(now);
        }
        // By being refused it may come to have more.
        let mut refused = self.clone();
        refused.reserve(shape, cost);
        Room::Wait(refused.room_at(shape, level, cost))
    }

    /// When the class that asks has room that has none now.
    fn room_at(&self, shape: &Shape, level: &Level, cost: u128) -> Timestamp {
        let (now, own) = (level.seen, self.own_room_at(shape, level, cost));
        let whole = match level.room(shape, cost) {
            Room::Wait(at) => at,
            _ => now,
        };
        let own = own.max(whole);
        if !self.changes_before(own, shape, level, cost) {
            return own;
        }
        // Somebody goes before, or something is kept for others, or the one that asks is a class of
        // its own by then. When all are full it has room at the latest.
        let fits = |at: Timestamp| {
            let level_then = level.at(shape, at);
            let classes = self.asked_at(shape, level, at);
            classes.is_none_or(|classes| classes.fits(shape, &level_then, cost))
        };
        halved(now, self.all_full_at(shape, level).max(own), &fits)
    }

    /// The classes at a later instant at which the same is asked; `None` where it is alone then.
    fn asked_at(&self, shape: &Shape, level: &Level, at: Timestamp) -> Option<Classes> {
        let own = self.list.first().map(|own| (own.name.clone(), own.weight));
        let (name, weight) = self.wanted.clone().or(own)?;
        let mut classes = self.at(shape, level, at)?;
        let (name, weight) = match classes.find(&name) {
            None if name.is_some() && !classes.has_place() => (None, 1),
            _ => (name, weight),
        };
        match classes.list.iter().position(|class| class.name == name) {
            Some(place) => classes.list[..=place].rotate_right(1),
            None => classes = classes.with(&name, weight, shape, at),
        }
        Some(classes)
    }

    /// Whether the class that asks has room now: for what it has, or when it is full for all that
    /// there is.
    fn fits(&self, shape: &Shape, level: &Level, cost: u128) -> bool {
        let Some(own) = self.list.first() else {
            return true;
        };
        let has_it = own.owed() == 0 || own.has(self.part_of(shape, own), grains(cost));
        has_it && {
            let wanted = cost.saturating_add(self.claimed(shape, own, grains(cost)) / GRAINS);
            wanted <= shape.capacity.saturating_sub(level.deficit)
        }
    }

    /// What is kept for other classes whose turn is before that of `own` with this cost, in grains:
    /// what they were refused although they have it, because the whole had not. Turns are taken in
    /// the order in which the classes would have paid from their parts of the rate (worst-case fair
    /// weighted fair queueing).
    fn claimed(&self, shape: &Shape, own: &Class, cost: u128) -> u128 {
        let turn = |class: &Class, cost: u128| {
            let paid = (class.missing + cost).saturating_sub(class.brim);
            divide(paid, u128::from(class.weight))
        };
        let comes_first = |class: &&Class| {
            class.has(self.part_of(shape, class), class.wants)
                && turn(class, class.wants) < turn(own, cost)
        };
        let claims = self.claims(shape, cost).filter(comes_first);
        claims
            .map(|class| class.wants)
            .fold(0, u128::saturating_add)
    }

    /// The other classes that may come first. Who asks for no more than its part waits for nobody
    /// who wants more than that.
    fn claims(&self, shape: &Shape, cost: u128) -> impl Iterator<Item = &Class> {
        let (shape, all) = (*shape, self.weight());
        let is_more = (self.list.first()).is_some_and(|own| cost > part(&shape, all, own));
        let others = self.list.iter().skip(1).filter(|class| class.wants > 0);
        others.filter(move |class| is_more || class.wants <= part(&shape, all, class))
    }

    /// The class that asks was refused a cost of so many parts, at most the capacity: whether
    /// anything is kept for it from now on. More than its part it may fill up to; what it has and
    /// the whole has not it gets in its turn.
    pub(in crate::algorithm) fn reserve(&mut self, shape: &Shape, parts: u128) -> bool {
        let Some(part) = self.list.first().map(|own| self.part_of(shape, own)) else {
            return false;
        };
        let (own, wants) = (&mut self.list[0], grains(parts));
        if wants <= part && !own.has(part, wants) {
            return false;
        }
        let most = match wants > part {
            true => wants.saturating_mul(FILLS),
            false => 0,
        };
        let more = most.saturating_sub(part).saturating_sub(own.brim);
        own.brim += more;
        own.missing = own.missing.saturating_add(more);
        let is_more = wants > own.wants;
        own.wants = own.wants.max(wants);
        is_more || more > 0
    }

    /// When the class that asks has its room of `cost`, or is full, while the same classes are
    /// here.
    fn own_room_at(&self, shape: &Shape, level: &Level, cost: u128) -> Timestamp {
        let Some(own) = self.list.first() else {
            return level.seen;
        };
        let free = self.part_of(shape, own).saturating_sub(grains(cost));
        match own.owed().saturating_sub(free) {
            0 => level.seen,
            wanted => self.has_got(wanted, own, shape, level),
        }
    }

    /// Whether anything but what comes back decides before `at` about this cost.
    fn changes_before(&self, at: Timestamp, shape: &Shape, level: &Level, cost: u128) -> bool {
        let leaves = |class| self.leaves_by(at, class, shape, level);
        let is_claimed = self.claims(shape, grains(cost)).next().is_some();
        is_claimed || self.list.iter().any(leaves)
    }

    /// What the class that asks has left; `reset` is when it is full. Both must be projected to
    /// now. A full class whose part is less than a unit has one.
    pub(in crate::algorithm) fn view(&self, shape: &Shape, level: &Level) -> View {
        let whole = level.view(shape);
        let Some(own) = self.list.first() else {
            return whole;
        };
        let part = self.part_of(shape, own) + own.brim;
        let mut left = part.saturating_sub(own.missing);
        if own.owed() == 0 {
            left = left.max(grains(shape.unit()));
        }
        let units = divide(divide(left, GRAINS), shape.unit());
        View {
            remaining: whole
                .remaining
                .min(u64::try_from(units).unwrap_or(u64::MAX)),
            reset: match own.owed() {
                0 => level.seen,
                owed => self.has_got(owed, own, shape, level),
            },
        }
    }
}

/// The first instant of room between one without and one with.
fn halved(
    mut without: Timestamp,
    mut with: Timestamp,
    fits: &dyn Fn(Timestamp) -> bool,
) -> Timestamp {
    while with.since(without) > Duration::from_millis(1) {
        let half = Duration::from_millis(with.since(without).as_millis() / 2);
        let at = without.plus(half);
        if fits(at) {
            with = at;
        } else {
            without = at;
        }
    }
    with
}
