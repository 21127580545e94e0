//! `tokenBucket` and `leakyBucket`: a deficit that shrinks at a rate. The same arithmetic read from two ends: a token bucket speaks of
//! the tokens left, a leaky bucket of the level in use.
//!
//! The deficit is kept in *parts* of a unit, as many as the exact rate needs ([`Rate::unit`]), so nothing is ever rounded away.

use super::{div_ceil, divide, wait, Ask, Room, View};
use crate::limit::{BurstCredits, Rate, TokenBucket};
use crate::{Duration, Timestamp};

/// The numbers of a bucket, whichever end it is read from, made ready for the arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    rate: Rate,
    /// The capacity, in parts.
    capacity: u128,
    /// What a new subject's bucket lacks, in parts.
    missing: u128,
    stepped: bool,
    leaky: bool,
    credits: Option<BurstCredits>,
    shaper: Option<Duration>,
    forget_after: Option<Duration>,
}

impl Shape {
    /// A continuous bucket that starts full.
    pub(crate) fn new(capacity: u64, rate: Rate) -> Shape {
        Shape {
            rate,
            capacity: u128::from(capacity) * rate.unit(),
            missing: 0,
            stepped: false,
            leaky: false,
            credits: None,
            shaper: None,
            forget_after: None,
        }
    }

    /// The numbers of a token bucket.
    pub(crate) fn of_token_bucket(bucket: &TokenBucket) -> Shape {
        let shape = Shape::new(bucket.capacity(), bucket.refill());
        let missing = bucket.capacity() - bucket.initial().unwrap_or(bucket.capacity());
        let lasting = missing > 0 || bucket.burst_credits().is_some();
        Shape {
            missing: shape.parts(missing),
            stepped: bucket.is_stepped(),
            credits: bucket.burst_credits(),
            forget_after: lasting.then_some(bucket.forget_after()),
            ..shape
        }
    }

    /// The numbers of a leaky bucket.
    pub(crate) fn of_leaky_bucket(capacity: u64, leak: Rate, max_delay: Option<Duration>) -> Shape {
        Shape {
            leaky: true,
            shaper: max_delay,
            ..Shape::new(capacity, leak)
        }
    }

    /// How many parts make one unit.
    pub(super) const fn unit(&self) -> u128 {
        self.rate.unit()
    }

    fn parts(&self, units: u64) -> u128 {
        u128::from(units) * self.rate.unit()
    }

    /// What comes back in `elapsed`, continuously. Below 2^117: no overflow.
    fn refill(&self, elapsed: Duration) -> u128 {
        u128::from(self.rate.parts()) * u128::from(elapsed.as_millis())
    }

    /// What comes back in one interval: always a whole number of parts.
    fn step(&self) -> u128 {
        self.refill(self.rate.interval())
    }

    /// How long it takes until at least `parts` have come back, counted from `bucket.time`.
    fn time_for(&self, parts: u128) -> Duration {
        if self.stepped {
            let steps = div_ceil(parts, self.step());
            wait(steps.saturating_mul(u128::from(self.rate.interval().as_millis())))
        } else {
            wait(div_ceil(parts, u128::from(self.rate.parts())))
        }
    }

    /// How long it takes until `units` lost of an allowance are back, when the allowance refills as the bucket does, in proportion.
    pub(super) fn time_for_allowance(&self, allowance: u64, units: u64) -> Duration {
        let scaled = u128::from(units)
            .saturating_mul(self.capacity)
            .div_ceil(u128::from(allowance.max(1)));
        self.time_for(scaled)
    }

    /// The units lost of an allowance that need `time` more to come back, rounded up.
    pub(super) fn allowance_lost(&self, allowance: u64, time: Duration) -> u64 {
        let interval = self.rate.interval().as_millis();
        let time = if self.stepped {
            Duration::from_millis(time.as_millis().div_ceil(interval).saturating_mul(interval))
        } else {
            time
        };
        // As `time_for_allowance` does: so what was lost is not forgotten while a smaller definition allows nothing.
        let scaled = self.refill(time).checked_mul(u128::from(allowance.max(1)));
        scaled.map_or(u64::MAX, |scaled| {
            u64::try_from(scaled.div_ceil(self.capacity.max(1))).unwrap_or(u64::MAX)
        })
    }
}

/// What is missing from a full bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Parts missing; more than the capacity when places were promised ahead.
    pub deficit: u128,
    /// Parts earned beyond capacity.
    pub credits: u128,
    /// When the credits go, unless the bucket is full again before.
    pub credits_until: Timestamp,
    /// The time the deficit was brought up to: the newest seen, or for a stepped bucket the last step.
    pub time: Timestamp,
    /// The newest time seen.
    pub seen: Timestamp,
}

impl Bucket {
    /// A new subject's bucket: full, or with its initial tokens.
    pub fn fresh(shape: &Shape, now: Timestamp) -> Bucket {
        Bucket {
            deficit: shape.missing,
            credits: 0,
            credits_until: Timestamp::ZERO,
            time: now,
            seen: now,
        }
    }

    /// The same use, seen from `now`.
    #[must_use]
    #[inline]
    pub fn at(&self, shape: &Shape, now: Timestamp) -> Bucket {
        let now = now.max(self.seen);
        if now == self.time {
            return *self; // a busy bucket is asked many times in a millisecond
        }
        if shape.stepped {
            return self.at_stepped(shape, now);
        }
        let refill = shape.refill(now.since(self.time));
        let mut next = Bucket {
            time: now,
            seen: now,
            ..*self
        };
        if refill < self.deficit {
            next.deficit = self.deficit - refill;
            if now >= self.credits_until {
                next.credits = 0;
            }
            return next;
        }
        next.deficit = 0;
        if let Some(credits) = shape.credits {
            let full_at = self.time.plus(shape.time_for(self.deficit));
            let kept = if full_at < self.credits_until {
                self.credits
            } else {
                0
            };
            next.credits = (kept + (refill - self.deficit)).min(shape.parts(credits.cap()));
            next.credits_until = now.plus(credits.expiry());
        }
        next
    }

    /// Whole intervals only. A full bucket starts its next interval when it is next used, as a new one would.
    fn at_stepped(&self, shape: &Shape, now: Timestamp) -> Bucket {
        let interval = shape.rate.interval().as_millis();
        let steps = now.since(self.time).as_millis() / interval;
        let deficit = self
            .deficit
            .saturating_sub(shape.step().saturating_mul(u128::from(steps)));
        let time = if deficit == 0 {
            now
        } else {
            self.time
                .plus(Duration::from_millis(steps.saturating_mul(interval)))
        };
        Bucket {
            deficit,
            time,
            seen: now,
            ..*self
        }
    }

    /// Whether there is room. `self` must be projected to `ask.now`.
    #[inline]
    pub fn room(&self, shape: &Shape, ask: &Ask) -> Room {
        let cost = shape.parts(ask.cost);
        let capacity = shape.capacity;
        let now = self.seen;
        if shape.leaky {
            if let Some(most) = least(shape.shaper, ask.max_delay) {
                return self.room_in_queue(shape, cost, capacity, most);
            }
        }
        let wanted = self.deficit + cost;
        if wanted <= capacity + self.credits {
            return Room::At(now);
        }
        let most_credits = shape
            .credits
            .map_or(0, |credits| shape.parts(credits.cap()));
        if cost > capacity + most_credits {
            return Room::Never;
        }
        let without_credits = self.time.plus(shape.time_for(wanted - capacity));
        if cost <= capacity && ask.accepts(without_credits, now) {
            return Room::At(without_credits);
        }
        Room::Wait(self.with_credits(shape, wanted - capacity, without_credits))
    }

    /// When `need` parts have come back, if the credits last until then; else when they have come back without them.
    fn with_credits(&self, shape: &Shape, need: u128, without: Timestamp) -> Timestamp {
        if self.credits == 0 {
            return without;
        }
        let with = self.time.plus(shape.time_for(need - self.credits));
        let full_at = self.time.plus(shape.time_for(self.deficit));
        if with < self.credits_until || full_at < self.credits_until {
            with
        } else {
            without
        }
    }

    /// A shaper: the delay is the queue ahead divided by the leak rate, at most `most`.
    fn room_in_queue(&self, shape: &Shape, cost: u128, capacity: u128, most: Duration) -> Room {
        if cost > capacity {
            return Room::Never;
        }
        let too_late = self.deficit.saturating_sub(shape.refill(most));
        let too_full = (self.deficit + cost).saturating_sub(capacity);
        let need = too_late.max(too_full);
        if need == 0 {
            Room::At(self.time.plus(shape.time_for(self.deficit)))
        } else {
            Room::Wait(self.time.plus(shape.time_for(need)))
        }
    }

    /// Takes `cost`: first what the bucket holds, then credits; what was promised ahead becomes a debt.
    #[inline]
    pub fn take(&mut self, shape: &Shape, cost: u64) {
        self.deficit += shape.parts(cost);
        let beyond = self
            .deficit
            .saturating_sub(shape.capacity)
            .min(self.credits);
        self.deficit -= beyond;
        self.credits -= beyond;
    }

    /// Gives back up to `amount`; never above full.
    pub fn give_back(&mut self, shape: &Shape, amount: u64) {
        self.deficit = self.deficit.saturating_sub(shape.parts(amount));
    }

    /// Takes back `amount` that was charged at `charged`, less what may have come back since: `self` is projected to now and `charged`
    /// is the bucket just after the charge. Units that have refilled are others' already. Answers the parts taken back.
    pub fn cancel(&mut self, shape: &Shape, charged: &Bucket, amount: u64) -> u128 {
        let still_charged = charged
            .at(shape, self.seen)
            .deficit
            .min(shape.parts(amount))
            .min(self.deficit);
        self.deficit -= still_charged;
        still_charged
    }

    /// What is left now; `reset` is when it is full. `self` must be projected to now.
    #[inline]
    pub fn view(&self, shape: &Shape) -> View {
        let left = (shape.capacity + self.credits).saturating_sub(self.deficit);
        let delayed = shape.leaky
            && shape
                .shaper
                .is_some_and(|most| self.deficit > shape.refill(most));
        View {
            remaining: if delayed {
                0
            } else {
                divide(left, shape.rate.unit()) as u64
            },
            reset: self.time.plus(shape.time_for(self.deficit)),
        }
    }

    /// When nothing tells it from a new subject's bucket, or when it is forgotten.
    pub fn idle_at(&self, shape: &Shape) -> Timestamp {
        let full = self.time.plus(shape.time_for(self.deficit));
        shape
            .forget_after
            .map_or(full, |after| full.max(self.seen.plus(after)))
    }

    /// Whether a subject restarted from this would never be given more than one with `real`. Both projected to one instant.
    pub fn covers(&self, real: &Bucket) -> bool {
        self.deficit >= real.deficit
            && self.time >= real.time
            && self.credits <= real.credits
            && (self.credits == 0 || self.credits_until <= real.credits_until)
    }

    /// The same use under other numbers: `self`, projected to now under `old`, in the parts of `new`, rounded up.
    #[must_use]
    pub fn converted(&self, old: &Shape, new: &Shape) -> Bucket {
        let most_credits = new.credits.map_or(0, |credits| new.parts(credits.cap()));
        Bucket {
            deficit: convert(self.deficit, old.rate.unit(), new.rate.unit()),
            credits: convert_down(self.credits, old.rate.unit(), new.rate.unit()).min(most_credits),
            time: if old.stepped && new.stepped {
                self.time
            } else {
                self.seen
            },
            ..*self
        }
    }
}

/// The shorter of the limit's own and the caller's patience, where either is said.
fn least(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// `parts` of `from` to the unit, in parts of `to` to the unit, rounded up.
fn convert(parts: u128, from: u128, to: u128) -> u128 {
    if from == to {
        return parts;
    }
    let fraction = (parts % from)
        .checked_mul(to)
        .map_or(to, |scaled| div_ceil(scaled, from));
    (parts / from) * to + fraction
}

/// As [`convert`], rounded down.
fn convert_down(parts: u128, from: u128, to: u128) -> u128 {
    if from == to {
        return parts;
    }
    (parts / from) * to
        + (parts % from)
            .checked_mul(to)
            .map_or(0, |scaled| scaled / from)
}
