//! What is missing from a bucket, without regard to places ahead: a deficit that shrinks at a rate,
//! and what was earned beyond capacity.

use super::{Room, View};
use crate::arithmetic::divide;
use crate::limit::Shape;
use crate::Timestamp;

/// What is missing from a full bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// Parts missing at `time`; more than the capacity where more was used than the limit gives, or
    /// before it was lowered.
    pub deficit: u128,
    /// Parts earned beyond capacity, at most the cap.
    pub credits: u128,
    /// When the credits go, unless the bucket is full again before.
    pub credits_until: Timestamp,
    /// The time the deficit was brought up to: the newest seen, or for a stepped bucket the last
    /// step.
    pub time: Timestamp,
    /// The newest time seen.
    pub seen: Timestamp,
}

impl Level {
    /// A new subject's level: full, or with its initial tokens.
    pub(super) fn fresh(shape: &Shape, now: Timestamp) -> Level {
        Level {
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
    pub(super) fn at(&self, shape: &Shape, now: Timestamp) -> Level {
        let now = now.max(self.seen);
        if now == self.time {
            return *self; // a busy bucket is asked many times in a millisecond
        }
        if shape.stepped {
            return self.at_stepped(shape, now);
        }
        let refill = shape.refill(now.since(self.time));
        let mut next = Level {
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
            next.credits = kept
                .saturating_add(refill - self.deficit)
                .min(shape.most_credits());
            next.credits_until = now.plus(credits.expiry());
        }
        next
    }

    /// Whole intervals only. A full bucket starts its next interval when it is next used, as a new
    /// one would.
    fn at_stepped(&self, shape: &Shape, now: Timestamp) -> Level {
        let deficit = (self.deficit).saturating_sub(shape.given_back(now.since(self.time)));
        let time = if deficit == 0 {
            now
        } else {
            shape.phase(self.time, now)
        };
        Level {
            deficit,
            time,
            seen: now,
            ..*self
        }
    }

    /// Whether `cost` parts have room at once, and if not, when. The level must be projected to
    /// now.
    #[inline]
    pub(super) fn room(&self, shape: &Shape, cost: u128) -> Room {
        let left = (shape.capacity + self.credits).saturating_sub(self.deficit);
        if cost <= left {
            return Room::At(self.seen);
        }
        if cost > shape.capacity + shape.most_credits() {
            return Room::Never;
        }
        let wanted = self.deficit.saturating_add(cost);
        Room::Wait(self.with_credits(shape, wanted - shape.capacity))
    }

    /// When `need` parts have come back, if the credits last until then; else when they have come
    /// back without them.
    fn with_credits(&self, shape: &Shape, need: u128) -> Timestamp {
        let when = |parts| self.time.plus(shape.time_for(parts));
        if self.credits > 0 {
            let with = when(need - self.credits);
            let full_at = when(self.deficit);
            if with < self.credits_until || full_at < self.credits_until {
                return with;
            }
        }
        when(need)
    }

    /// Takes `cost` parts: first what the bucket holds, then credits.
    #[inline]
    pub(super) fn take(&mut self, shape: &Shape, cost: u128) {
        self.deficit = self.deficit.saturating_add(cost);
        let beyond = self
            .deficit
            .saturating_sub(shape.capacity)
            .min(self.credits);
        self.deficit -= beyond;
        self.credits -= beyond;
    }

    /// What is left now; `reset` is when it is full. The level must be projected to now.
    #[inline]
    pub(super) fn view(&self, shape: &Shape) -> View {
        let left = (shape.capacity + self.credits).saturating_sub(self.deficit);
        let late = (shape.shaper).is_some_and(|most| self.deficit > shape.refill(most));
        View {
            remaining: if late {
                0
            } else {
                divide(left, shape.rate.unit()) as u64
            },
            reset: self.time.plus(shape.time_for(self.deficit)),
        }
    }

    /// Whether a subject restarted from this would never be given more than one with `real`. Both
    /// projected to one instant.
    pub(super) fn covers(&self, real: &Level) -> bool {
        self.deficit >= real.deficit
            && self.time >= real.time
            && self.credits <= real.credits
            && (self.credits == 0 || self.credits_until <= real.credits_until)
    }
}
