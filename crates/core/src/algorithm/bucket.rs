//! `tokenBucket` and `leakyBucket`: a deficit that shrinks at a rate, and the places ahead. The
//! same arithmetic read from two ends: a token bucket speaks of the tokens left, a leaky bucket of
//! the level in use.

use super::classes::{Classes, Payer};
use super::level::Level;
use super::places::{Place, Places, MAX_PLACES};
use super::schedule::Schedule;
use super::shape::{Pace, Slow};
use super::{Room, View};
use crate::arithmetic::{div_ceil, divide};
use crate::limit::weights::ClassName;
use crate::limit::Shape;
use crate::{Duration, Timestamp};

/// A row runs ahead by at most the places of this time: so long a restart may keep the next caller
/// waiting too long.
const AHEAD: Duration = Duration::from_secs(1);

/// The use of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// What is spent.
    pub level: Level,
    /// What is promised; nothing for most buckets, which pay nothing for it. While there is a queue
    /// the level keeps its time, and its deficit counts from there.
    pub queue: Option<Box<Queue>>,
    /// The classes that share it, where it has weights; then nothing is promised.
    pub classes: Option<Box<Classes>>,
}

/// What is promised of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Queue {
    /// The places ahead.
    pub places: Places,
    /// The older rate under which some of them were promised.
    pub slow: Option<Slow>,
    /// How many of the last places nobody was promised yet: of a row that runs ahead. Not stored:
    /// after a restart they may be promised.
    pub(crate) unclaimed: usize,
}

impl Bucket {
    /// A new subject's bucket: full, or with its initial tokens.
    pub(super) fn fresh(shape: &Shape, now: Timestamp) -> Bucket {
        Bucket {
            level: Level::fresh(shape, now),
            queue: None,
            classes: None,
        }
    }

    pub(super) fn pace<'a>(&'a self, shape: &'a Shape) -> Pace<'a> {
        Pace {
            shape,
            since: self.level.time,
            slow: self.queue.as_ref().and_then(|queue| queue.slow.as_ref()),
        }
    }

    fn schedule<'a>(&'a self, shape: &'a Shape) -> Schedule<'a> {
        Schedule {
            pace: self.pace(shape),
            deficit: self.level.deficit,
            credits: self.level.credits,
            now: self.level.seen,
            places: self.queue.as_ref().map(|queue| &queue.places),
        }
    }

    /// What is missing now, in parts.
    pub(super) fn missing(&self, shape: &Shape) -> u128 {
        let back = self.pace(shape).back(self.level.seen);
        self.level.deficit.saturating_sub(back)
    }

    /// The same use, seen from `now`.
    #[must_use]
    #[inline]
    pub(super) fn at(&self, shape: &Shape, now: Timestamp) -> Bucket {
        if self.queue.is_none() {
            debug_assert!(self.is_divided());
            let level = self.level.at(shape, now);
            let classes = self.classes.as_ref();
            let classes = classes.and_then(|it| it.at(shape, &self.level, level.seen));
            return Bucket {
                level,
                queue: None,
                classes: classes.map(Box::new),
            };
        }
        let mut next = self.clone();
        next.advance(shape, now.max(self.level.seen));
        next
    }

    fn advance(&mut self, shape: &Shape, now: Timestamp) {
        if let Some(queue) = &mut self.queue {
            let due = queue.places.take_due(now);
            queue.unclaimed = queue.unclaimed.min(queue.places.len());
            for place in due {
                let starts = self.pace(shape).turn_of(&place);
                let deficit = self.level.deficit.max(starts);
                self.level.deficit = deficit.saturating_add(shape.parts(place.units));
            }
        }
        self.end_slow(shape, now);
        if self
            .queue
            .as_ref()
            .is_some_and(|queue| !queue.places.is_empty())
        {
            self.level.seen = now;
        } else {
            self.queue = None;
            self.level = self.level.at(shape, now);
        }
    }

    /// Ends an older rate that no place ahead was promised under: the deficit is told so that the
    /// usual rate continues it.
    fn end_slow(&mut self, shape: &Shape, now: Timestamp) {
        let Some(queue) = &mut self.queue else {
            return;
        };
        let Some(slow) = queue.slow.as_mut() else {
            return;
        };
        if queue.places.is_empty() {
            slow.until = slow.until.min(now);
        }
        let until = slow.until;
        if until <= now {
            let back = self.pace(shape).back(until);
            let usual = shape.given_back(until.since(self.level.time));
            self.level.deficit = (self.level.deficit.max(back)).saturating_add(usual - back);
            self.queue.iter_mut().for_each(|queue| queue.slow = None);
        }
    }

    /// The first instant from `from` on at which `units` fit without touching any place: at once
    /// when that is now. `delayed` tells whether the caller may be told an instant, by which it
    /// joins a leaky bucket's queue. `None` when they never fit. The bucket must be projected to
    /// now.
    pub(super) fn earliest(
        &self,
        shape: &Shape,
        units: u64,
        delayed: bool,
        from: Timestamp,
    ) -> Option<Timestamp> {
        let cost = shape.parts(units);
        if cost > shape.capacity.saturating_add(shape.most_credits()) {
            return None;
        }
        if self.classes.is_some() {
            return match self.room(shape, cost) {
                Room::At(at) | Room::Wait(at) => Some(at.max(from)),
                Room::Never => None,
            };
        }
        let schedule = self.schedule(shape);
        Some(match (shape.leaky, delayed) {
            (false, _) => schedule.refilled(cost, from),
            (true, true) => schedule.in_turn(cost, from),
            (true, false) => schedule.leaked(shape.capacity - cost, from),
        })
    }

    /// Whether `cost` parts have room at once, for the class that asks where there are classes, and
    /// if not, when. Nobody waits; the bucket must be projected to now.
    #[inline]
    pub(super) fn room(&self, shape: &Shape, cost: u128) -> Room {
        match &self.classes {
            Some(classes) => classes.room(shape, &self.level, cost),
            None => self.level.room(shape, cost),
        }
    }

    /// Until when a leaky bucket's queue is too long for `units` more; `None` when it is not. The
    /// bucket must be projected to now.
    pub(super) fn full_until(&self, shape: &Shape, units: u64) -> Option<Timestamp> {
        if !shape.leaky {
            return None;
        }
        let most = shape.capacity.checked_sub(shape.parts(units))?;
        let until = self.schedule(shape).leaked(most, self.level.seen);
        (until > self.level.seen).then_some(until)
    }

    /// Takes `units` now, or promises them for `at`. The bucket must be projected to now.
    #[inline]
    pub(super) fn take(&mut self, shape: &Shape, units: u64, at: Timestamp) {
        if at > self.level.seen && self.classes.is_none() {
            self.promise(shape, units, at);
        } else {
            self.spend(shape, shape.parts(units));
        }
    }

    fn spend(&mut self, shape: &Shape, cost: u128) {
        if self.queue.is_some() {
            self.level.deficit = self.schedule(shape).busy_until();
        }
        self.charge(shape, cost, Payer::Asking);
    }

    fn promise(&mut self, shape: &Shape, units: u64, at: Timestamp) {
        // Credits would run out while it waits. They are used first, or not at all.
        let credits = core::mem::take(&mut self.level.credits);
        self.level.deficit = self.level.deficit.saturating_sub(credits);
        let turn = shape
            .leaky
            .then(|| self.schedule(shape).turn_at(shape.parts(units), at));
        let places = &mut self.queue.get_or_insert_with(Box::default).places;
        match turn {
            Some((index, early)) => {
                places.insert_at(index, Place::new(at, units).early_by(early));
            }
            None => places.insert(Place::new(at, units)),
        }
    }

    /// Gives back up to `units` of what is spent; never above full. Places ahead stay as they are.
    pub(super) fn give_back(&mut self, shape: &Shape, units: u64) {
        let class = self.classes.as_ref().map(|classes| classes.asking());
        self.return_parts(shape, shape.parts(units), class.as_ref());
    }

    /// The level just after `at`, at which something was charged: now, or the instant of a place.
    pub(super) fn level_after(&self, shape: &Shape, at: Timestamp) -> Level {
        let slow = self
            .queue
            .as_ref()
            .is_some_and(|queue| queue.slow.is_some());
        if at <= self.level.seen && !slow {
            return self.level;
        }
        let at = at.max(self.level.seen);
        Level {
            deficit: self.schedule(shape).missing_after(at),
            credits: 0,
            credits_until: Timestamp::ZERO,
            time: shape.phase(self.level.time, at),
            seen: at,
        }
    }

    /// Takes back `units` that were charged for `at`, after which the level was `charged`; `self`
    /// is projected to now. A place ahead is free again at its instant; of the last ones the queue
    /// is shorter. What is spent comes back less what may have come back since: units that have
    /// refilled are others' already. Answers the parts taken back.
    pub(super) fn cancel(
        &mut self,
        shape: &Shape,
        (charged, class): (&Level, Option<&ClassName>),
        at: Timestamp,
        units: u64,
    ) -> u128 {
        if at <= self.level.seen {
            let still_charged = charged
                .at(shape, self.level.seen)
                .deficit
                .min(shape.parts(units));
            return self.return_parts(shape, still_charged, class);
        }
        let opened = (self.queue.as_mut()).is_some_and(|queue| queue.places.open_gap(at, units));
        if !opened {
            return 0;
        }
        self.advance(shape, self.level.seen);
        shape.parts(units)
    }

    /// The deficit if everybody who waits were in front of the next caller already, with all the
    /// time until their turns.
    pub(crate) fn as_if_in_front(&self, shape: &Shape) -> u128 {
        if self.queue.is_none() {
            return self.level.deficit;
        }
        self.schedule(shape).in_front()
    }

    /// What is left now; `reset` is when it is full. The bucket must be projected to now.
    #[inline]
    pub(super) fn view(&self, shape: &Shape) -> View {
        if self.queue.is_some() {
            return self.view_among_places(shape);
        }
        match &self.classes {
            Some(classes) => classes.view(shape, &self.level),
            None => self.level.view(shape),
        }
    }

    fn view_among_places(&self, shape: &Shape) -> View {
        let schedule = self.schedule(shape);
        let late = shape.shaper.is_some_and(|most| {
            let next = schedule.in_turn(shape.unit(), self.level.seen);
            next.since(self.level.seen) > most
        });
        let left = if late {
            0
        } else if shape.leaky {
            shape.capacity.saturating_sub(schedule.in_use())
        } else {
            schedule.left()
        };
        View {
            remaining: divide(left, shape.unit()) as u64,
            reset: schedule.full_at(),
        }
    }

    /// When nothing tells it from a new subject's bucket, or when it is forgotten.
    pub(super) fn idle_at(&self, shape: &Shape) -> Timestamp {
        let full = self.schedule(shape).full_at();
        let gone = (self.classes.as_ref()).map(|classes| classes.gone_at(shape, &self.level));
        let full = gone.map_or(full, |gone| gone.max(full));
        shape
            .forget_after
            .map_or(full, |after| full.max(self.level.seen.plus(after)))
    }

    /// Counts up to `units` more: where somebody waits, as places of one unit behind the last.
    /// Answers how many.
    pub(super) fn run_ahead(&mut self, shape: &Shape, units: u64) -> u64 {
        let Some(queue) = &self.queue else {
            return self.charge_ahead(shape, units);
        };
        let room = MAX_PLACES.saturating_sub(queue.places.len() as u64);
        let soon = u64::try_from(shape.refill(AHEAD) / shape.unit()).unwrap_or(u64::MAX);
        let units = units.min(soon).min(room);
        let places = self.schedule(shape).behind(units);
        if let Some(queue) = &mut self.queue {
            queue.unclaimed = places.len();
            places
                .into_iter()
                .for_each(|place| queue.places.insert(place));
        }
        units
    }

    /// Whether a subject restarted from this would never be given more than one with `real`. Both
    /// projected to one instant.
    pub(super) fn covers(&self, real: &Bucket, shape: &Shape) -> bool {
        let classes_cover = match (&self.classes, &real.classes) {
            (Some(classes), Some(others)) => classes.cover(&self.level, others, &real.level),
            (kept, real) => kept.is_some() || real.is_none(),
        };
        classes_cover && self.whole_covers(real, shape)
    }

    fn whole_covers(&self, real: &Bucket, shape: &Shape) -> bool {
        match (&self.queue, &real.queue) {
            (None, None) => self.level.covers(&real.level),
            (None, Some(_)) => false,
            (Some(kept), real_queue) => {
                let none = Queue::default();
                let queue = real_queue.as_deref().unwrap_or(&none);
                let same_pace = kept.slow == queue.slow
                    && (kept.slow.is_none() || self.level.time == real.level.time);
                same_pace
                    && self.present(shape).covers(&real.present(shape))
                    && self.schedule(shape).early() <= real.schedule(shape).early()
                    && self.schedule(shape).unfinished() >= real.schedule(shape).unfinished()
                    && kept.covers(queue)
            }
        }
    }

    /// The level with what is missing now.
    fn present(&self, shape: &Shape) -> Level {
        Level {
            deficit: self.missing(shape),
            time: shape.phase(self.level.time, self.level.seen),
            ..self.level
        }
    }

    /// Units spent, rounded up. The bucket must be projected to now.
    pub(super) fn used(&self, shape: &Shape) -> u64 {
        let used = div_ceil(self.missing(shape), shape.unit());
        u64::try_from(used).unwrap_or(u64::MAX)
    }
}

impl Queue {
    /// Whether the places of `real` are these, but for those given since the row was made: instead
    /// of them there are unclaimed ones, at least as many. These lie close together from the last
    /// place on, so that a restart puts nobody between.
    fn covers(&self, real: &Queue) -> bool {
        let claimed = self.places.len() - self.unclaimed;
        let same = (self.places.iter().take(claimed)).eq(real.places.iter().take(claimed));
        same && real.places.len() <= self.places.len()
    }
}
