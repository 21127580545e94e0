//! How fast a bucket gives back: the arithmetic over a [`Shape`], which is in parts of a unit.

use super::places::Place;
use crate::arithmetic::{div_ceil, divide, gcd, wait};
use crate::limit::{Rate, Shape};
use crate::{Duration, Timestamp};

impl Shape {
    /// The most credits, in parts.
    pub(super) fn most_credits(&self) -> u128 {
        self.credits.map_or(0, |credits| self.parts(credits.cap()))
    }

    /// Whether a caller of this limit is told an instant of its own: one that asks for it, and
    /// every caller of a shaper.
    pub(super) const fn delays(&self, asked: Option<Duration>) -> bool {
        asked.is_some() || self.shaper.is_some()
    }

    /// What comes back in `elapsed`, continuously. Below 2^117: no overflow.
    pub(crate) fn refill(&self, elapsed: Duration) -> u128 {
        u128::from(self.rate.parts()) * u128::from(elapsed.as_millis())
    }

    /// What comes back in one interval: always a whole number of parts.
    pub(super) fn step(&self) -> u128 {
        self.refill(self.rate.interval())
    }

    /// What comes back in `elapsed`, counted from the start of an interval where the bucket is
    /// stepped.
    pub(super) fn given_back(&self, elapsed: Duration) -> u128 {
        if self.stepped {
            let steps = elapsed.as_millis() / self.rate.interval().as_millis();
            self.step().saturating_mul(u128::from(steps))
        } else {
            self.refill(elapsed)
        }
    }

    /// How long it takes until at least `parts` have come back, counted as in
    /// [`Shape::given_back`].
    pub(super) fn time_for(&self, parts: u128) -> Duration {
        if self.stepped {
            let steps = div_ceil(parts, self.step());
            wait(steps.saturating_mul(u128::from(self.rate.interval().as_millis())))
        } else {
            wait(div_ceil(parts, u128::from(self.rate.parts())))
        }
    }

    /// How long it takes until `units` lost of an allowance are back, when the allowance refills as
    /// the bucket does, in proportion.
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
        // As `time_for_allowance` does: so what was lost is not forgotten while a smaller
        // definition allows nothing.
        let scaled = self.refill(time).checked_mul(u128::from(allowance.max(1)));
        scaled.map_or(u64::MAX, |scaled| {
            u64::try_from(scaled.div_ceil(self.capacity.max(1))).unwrap_or(u64::MAX)
        })
    }

    /// The last start of an interval at or before `now`, counted from `since`; `now` itself for a
    /// continuous bucket.
    pub(super) fn phase(&self, since: Timestamp, now: Timestamp) -> Timestamp {
        if self.stepped {
            let interval = self.rate.interval().as_millis();
            let past = now.since(since).as_millis();
            since.plus(Duration::from_millis(past - past % interval))
        } else {
            now
        }
    }
}

/// A rate under which places were promised that still lie ahead. Until the last of them has passed,
/// a bucket whose rate was changed gives back at the slower of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slow {
    /// The rate then; of a stepped bucket its average.
    pub rate: Rate,
    /// The last instant promised under it.
    pub until: Timestamp,
}

/// How a bucket gives back, counted from the time of its level.
pub(super) struct Pace<'a> {
    pub(super) shape: &'a Shape,
    pub(super) since: Timestamp,
    pub(super) slow: Option<&'a Slow>,
}

impl Pace<'_> {
    /// What has come back by `at`, in parts.
    pub(super) fn back(&self, at: Timestamp) -> u128 {
        let usual = |at: Timestamp| self.shape.given_back(at.since(self.since));
        match self.slow {
            None => usual(at),
            Some(slow) if at <= slow.until => usual(at).min(self.slowly(slow, at)),
            Some(slow) => {
                let until = usual(slow.until);
                until.min(self.slowly(slow, slow.until)) + (usual(at) - until)
            }
        }
    }

    /// Where a place starts, when nothing is unfinished before it. Only a leaky bucket works ahead
    /// of whole milliseconds. A token bucket holds no more than its capacity until a caller goes:
    /// it must not refill from a turn that the place had while the bucket was read as a leaky one.
    pub(super) fn turn_of(&self, place: &Place) -> u128 {
        let early = if self.shape.leaky { place.early } else { 0 };
        self.back(place.at).saturating_sub(early.into())
    }

    /// What comes back in the millisecond that ends with `at`; nothing where the bucket is stepped,
    /// as a step tells no instant within it.
    pub(super) fn within(&self, at: Timestamp) -> u128 {
        if self.shape.stepped {
            return 0;
        }
        let earlier = Timestamp::from_millis(at.as_millis().saturating_sub(1));
        self.back(at) - self.back(earlier)
    }

    fn slowly(&self, slow: &Slow, at: Timestamp) -> u128 {
        let elapsed = u128::from(at.since(self.since).as_millis());
        let parts = u128::from(slow.rate.parts()) * elapsed;
        convert_down(parts, slow.rate.unit(), self.shape.rate.unit())
    }

    /// The first instant by which `parts` have come back.
    pub(super) fn when(&self, parts: u128) -> Timestamp {
        let Some(slow) = self.slow else {
            return self.since.plus(self.shape.time_for(parts));
        };
        let by_then = self.back(slow.until);
        if parts > by_then {
            let usual = self.shape.given_back(slow.until.since(self.since));
            return self
                .since
                .plus(self.shape.time_for(parts - by_then + usual));
        }
        let needed = convert(parts, self.shape.rate.unit(), slow.rate.unit());
        let slowly = wait(div_ceil(needed, u128::from(slow.rate.parts())));
        self.since.plus(slowly.max(self.shape.time_for(parts)))
    }
}

/// `parts` of `from` to the unit, in parts of `to` to the unit, rounded up.
pub(super) fn convert(parts: u128, from: u128, to: u128) -> u128 {
    rescaled(parts, from, to, div_ceil, |to| to)
}

/// As [`convert`], rounded down.
pub(super) fn convert_down(parts: u128, from: u128, to: u128) -> u128 {
    rescaled(parts, from, to, divide, |_| 0)
}

/// The shared part of both: `round` divides, and `beyond` stands for a fraction of a unit that no
/// integer holds.
fn rescaled(
    parts: u128,
    from: u128,
    to: u128,
    round: fn(u128, u128) -> u128,
    beyond: fn(u128) -> u128,
) -> u128 {
    if from == to {
        return parts;
    }
    let common = gcd(from, to);
    let (from, to) = (from / common, to / common);
    let fraction = (parts % from)
        .checked_mul(to)
        .map_or_else(|| beyond(to), |scaled| round(scaled, from));
    (parts / from).saturating_mul(to).saturating_add(fraction)
}
