//! What is kept for one limit of one subject, whichever its algorithm: the one place that matches
//! algorithms to their arithmetic.

use super::bucket::Bucket;
use super::counter::Counter;

use super::log::Log;
use super::sliding::Sliding;
use super::slots::Slots;
use super::windows::{window_at, window_from};
use super::{Ask, Take, View};
use crate::calendar::{period_at, Span, TimeZone, UnknownTimeZone};
use crate::limit::{Algorithm, Shape};
use crate::Timestamp;

/// The moment of a decision: the object's clock, read once, and the zones that quotas ask.
#[derive(Clone, Copy)]
pub struct Moment<'a> {
    /// The clock of the object that owns the state.
    pub now: Timestamp,
    /// The runtime's time zones.
    pub zones: &'a dyn TimeZone,
}

/// The use of one limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LimitState {
    /// `fixedWindow`, whatever its windows begin with, and `quota`.
    Counter(Counter),
    /// `slidingWindow`.
    Sliding(Sliding),
    /// `slidingLog`.
    Log(Log),
    /// `tokenBucket`, `leakyBucket`.
    Bucket(Bucket),
    /// `concurrency`.
    Slots(Slots),
}

/// The numbers of a bucket, where the algorithm is one.
#[inline]
pub(crate) const fn shape(algorithm: &Algorithm) -> Option<&Shape> {
    match algorithm {
        Algorithm::TokenBucket(bucket) => Some(bucket.shape()),
        Algorithm::LeakyBucket(bucket) => Some(bucket.shape()),
        _ => None,
    }
}

/// The window or period that holds `moment.now`, for the algorithms that count in windows one after
/// the other or in periods; where a window begins with the first use, the one that a use would
/// open.
pub(crate) fn span_at(
    algorithm: &Algorithm,
    moment: Moment,
) -> Result<Option<Span>, UnknownTimeZone> {
    match algorithm {
        Algorithm::FixedWindow(window) | Algorithm::SlidingWindow(window) => {
            Ok(Some(window_at(window.window(), moment.now)))
        }
        Algorithm::FirstUse(window) => Ok(Some(window_from(window.window(), moment.now))),
        Algorithm::Quota(quota) => period_at(quota, moment.zones, moment.now).map(Some),
        _ => Ok(None),
    }
}

impl LimitState {
    /// A new subject's state.
    pub fn fresh(algorithm: &Algorithm, moment: Moment) -> Result<LimitState, UnknownTimeZone> {
        let now = moment.now;
        if let Algorithm::SlidingWindow(window) = algorithm {
            return Ok(LimitState::Sliding(Sliding::fresh(window, now)));
        }
        if let Some(span) = span_at(algorithm, moment)? {
            return Ok(LimitState::Counter(Counter::fresh(span, now)));
        }
        if let Some(shape) = shape(algorithm) {
            return Ok(LimitState::Bucket(Bucket::fresh(shape, now)));
        }
        Ok(match algorithm {
            Algorithm::Concurrency(_) => LimitState::Slots(Slots::fresh(now)),
            _ => LimitState::Log(Log::fresh(now)),
        })
    }

    /// Whether the state is of the kind that the algorithm keeps.
    pub const fn fits(&self, algorithm: &Algorithm) -> bool {
        matches!(
            (self, algorithm),
            (
                LimitState::Counter(_),
                Algorithm::FixedWindow(_) | Algorithm::FirstUse(_) | Algorithm::Quota(_)
            ) | (LimitState::Sliding(_), Algorithm::SlidingWindow(_))
                | (LimitState::Log(_), Algorithm::SlidingLog(_))
                | (
                    LimitState::Bucket(_),
                    Algorithm::TokenBucket(_) | Algorithm::LeakyBucket(_)
                )
                | (LimitState::Slots(_), Algorithm::Concurrency(_))
        )
    }

    /// The same use seen from `moment.now`. `None` where the state serves as it is: logs and slots
    /// look at the time themselves.
    #[inline]
    pub fn projected(
        &self,
        algorithm: &Algorithm,
        moment: Moment,
    ) -> Result<Option<LimitState>, UnknownTimeZone> {
        Ok(match (self, algorithm) {
            (LimitState::Counter(counter), Algorithm::FirstUse(window)) => counter
                .at_from_use(window.window(), moment.now)
                .map(LimitState::Counter),
            (LimitState::Counter(counter), _)
                if counter.is_over(moment.now) || counter.is_due(moment.now) =>
            {
                let now = counter.now(moment.now);
                let span = match counter.span_of(now) {
                    Some(span) => Some(span),
                    // Before a span ahead everything counts as full.
                    None if now < counter.span.start => Some(counter.span),
                    None => span_at(algorithm, Moment { now, ..moment })?,
                };
                span.map(|span| LimitState::Counter(counter.at(span, now)))
            }
            (LimitState::Sliding(sliding), Algorithm::SlidingWindow(window)) => {
                Some(LimitState::Sliding(sliding.at(window, moment.now)))
            }
            (LimitState::Bucket(bucket), _) => {
                shape(algorithm).map(|shape| LimitState::Bucket(bucket.at(shape, moment.now)))
            }
            _ => None,
        })
    }

    /// Brings the state itself to `moment.now`.
    pub fn project(
        &mut self,
        algorithm: &Algorithm,
        moment: Moment,
    ) -> Result<(), UnknownTimeZone> {
        if let Some(projected) = self.projected(algorithm, moment)? {
            *self = projected;
        }
        Ok(())
    }

    /// The first instant from `from` on at which the caller fits without touching any place; `from`
    /// itself where that is at once. `None` when it never does. The state must be projected to the
    /// instant of the question.
    pub(super) fn earliest(
        &self,
        algorithm: &Algorithm,
        ask: &Ask,
        from: Timestamp,
    ) -> Option<Timestamp> {
        let (cost, limit) = (ask.cost, algorithm.limit());
        let at = match (self, algorithm) {
            (LimitState::Counter(counter), _) => {
                (cost <= limit).then(|| counter.earliest(limit, cost, from))
            }
            (LimitState::Sliding(sliding), Algorithm::SlidingWindow(window)) => {
                (cost <= limit).then(|| sliding.earliest(window, cost, from))
            }
            (LimitState::Log(log), Algorithm::SlidingLog(window)) => {
                log.earliest(window, cost, from)
            }
            (LimitState::Bucket(bucket), _) => shape(algorithm)
                .and_then(|shape| bucket.earliest(shape, cost, shape.delays(ask.max_delay), from)),
            (LimitState::Slots(slots), _) => slots.earliest(limit, cost, from),
            _ => None,
        }?;
        // Until the clock has caught up with the newest time seen, any instant is that one.
        Some(if at <= self.seen() { from } else { at })
    }

    /// Until when there is no room for one more place; `None` when there is. The state must be
    /// projected as for [`LimitState::earliest`].
    pub(super) fn places_full_until(&self, cost: u64, now: Timestamp) -> Option<Timestamp> {
        match self {
            LimitState::Counter(counter) => {
                let places = &counter.ahead.as_ref()?.places;
                places.full_until(counter.now(now))
            }
            LimitState::Sliding(sliding) => {
                let places = sliding.places.as_ref()?;
                places.full_until(sliding.counts.now(now))
            }
            LimitState::Log(log) => log.places_full_until(cost, now),
            LimitState::Bucket(bucket) => {
                let queue = bucket.queue.as_ref()?;
                queue.places.full_until(bucket.level.seen)
            }
            LimitState::Slots(_) => None,
        }
    }

    /// Until when a leaky bucket is too full for the caller to join its queue; `None` when it is
    /// not.
    pub(super) fn queue_full_until(&self, algorithm: &Algorithm, ask: &Ask) -> Option<Timestamp> {
        match self {
            LimitState::Bucket(bucket) => bucket.full_until(shape(algorithm)?, ask.cost),
            _ => None,
        }
    }

    /// Whether what is free now may be needed later or be gone: for places ahead, or by credits
    /// that run out. Of all others only more comes free with time.
    pub(crate) fn may_lose_room(&self) -> bool {
        match self {
            LimitState::Counter(counter) => counter.ahead.is_some(),
            LimitState::Sliding(sliding) => sliding.places.is_some(),
            LimitState::Log(log) => log.has_places(),
            LimitState::Bucket(bucket) => bucket.queue.is_some() || bucket.level.credits > 0,
            LimitState::Slots(_) => false,
        }
    }

    /// Takes units now, or promises them for `at`, without asking whether they fit. The state must
    /// be projected to now.
    #[inline]
    pub fn take(
        &mut self,
        algorithm: &Algorithm,
        take: Take,
        at: Timestamp,
        moment: Moment,
    ) -> Result<(), UnknownTimeZone> {
        let (units, now) = (take.units, moment.now);
        match (&mut *self, algorithm) {
            (LimitState::Counter(counter), Algorithm::FirstUse(window)) => {
                counter.take_from_use(window.window(), units, at, now);
            }
            (LimitState::Counter(counter), _) if at <= counter.now(now) => {
                counter.take(units, now);
            }
            (LimitState::Counter(counter), _) => {
                let span = match counter.span_of(at) {
                    Some(span) => Some(span),
                    None => span_at(algorithm, Moment { now: at, ..moment })?,
                };
                if let Some(span) = span {
                    counter.promise(units, at, span, now);
                }
            }
            (LimitState::Sliding(sliding), _) => sliding.take(units, at),
            (LimitState::Log(log), Algorithm::SlidingLog(window)) => {
                log.take(window, units, now, at)
            }
            (LimitState::Bucket(bucket), _) => {
                if let Some(shape) = shape(algorithm) {
                    bucket.take(shape, units, at);
                }
            }
            (LimitState::Slots(slots), Algorithm::Concurrency(limit)) => {
                slots.take(limit.ttl(), take, at, now);
            }
            _ => {}
        }
        Ok(())
    }

    /// Gives back up to `units` of the newest use; what is promised for later stays. The state must
    /// be projected.
    pub fn give_back(&mut self, algorithm: &Algorithm, units: u64, now: Timestamp) {
        match (self, algorithm) {
            (LimitState::Counter(counter), _) => counter.give_back(units, now),
            (LimitState::Sliding(sliding), _) => sliding.counts.give_back(units),
            (LimitState::Log(log), Algorithm::SlidingLog(window)) => {
                log.give_back(window, units, now)
            }
            (LimitState::Bucket(bucket), _) => {
                if let Some(shape) = shape(algorithm) {
                    bucket.give_back(shape, units);
                }
            }
            _ => {}
        }
    }

    /// What is left. The state must be projected.
    #[inline]
    pub fn view(&self, algorithm: &Algorithm, now: Timestamp) -> View {
        match (self, algorithm) {
            (LimitState::Counter(counter), _) => counter.view(algorithm.limit(), now),
            (LimitState::Sliding(sliding), Algorithm::SlidingWindow(window)) => {
                sliding.view(window, now)
            }
            (LimitState::Log(log), Algorithm::SlidingLog(window)) => log.view(window, now),
            (LimitState::Bucket(bucket), _) => shape(algorithm).map_or(
                View {
                    remaining: 0,
                    reset: now,
                },
                |shape| bucket.view(shape),
            ),
            (LimitState::Slots(slots), _) => slots.view(algorithm.limit(), now),
            _ => View {
                remaining: 0,
                reset: now,
            },
        }
    }

    /// From when on the state answers as a new subject's would, or may be forgotten, if nobody
    /// asks. The state must be as it was last charged, not projected: idleness is counted from
    /// there.
    pub fn idle_at(&self, algorithm: &Algorithm, now: Timestamp) -> Timestamp {
        match self {
            LimitState::Counter(counter) => counter.idle_at(now),
            // Fences start from the clock: until it has passed the newest, that one has to be
            // remembered.
            LimitState::Slots(slots) => slots
                .view(0, now)
                .reset
                .max(Timestamp::from_millis(slots.fence + 1)),
            LimitState::Bucket(bucket) => {
                shape(algorithm).map_or(now, |shape| bucket.idle_at(shape))
            }
            _ => self.view(algorithm, now).reset,
        }
    }
}
