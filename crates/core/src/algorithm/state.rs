//! What is kept for one limit of one subject, whichever its algorithm: the one place that matches algorithms to their arithmetic.

use super::bucket::{Bucket, Shape};
use super::counter::{window_at, Counter};
use super::log::Log;
use super::sliding::Sliding;
use super::slots::{Slot, Slots};
use super::{Ask, Room, View};
use crate::calendar::{period_at, Span, TimeZone, UnknownTimeZone};
use crate::limit::Algorithm;
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
    /// `fixedWindow`, `quota`.
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

/// What an admission charged to one limit: enough to take exactly it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Charge {
    /// Units in the window or period that starts at `start`.
    Span {
        /// The window charged.
        start: Timestamp,
        /// Units charged.
        units: u64,
    },
    /// Units logged at `at`.
    Logged {
        /// The instant charged.
        at: Timestamp,
        /// Units charged.
        units: u64,
    },
    /// Units of a bucket, which was `after` just after.
    Bucket {
        /// The bucket just after the charge.
        after: Bucket,
        /// Units charged.
        units: u64,
    },
    /// The slots of a permit.
    Slots {
        /// The permit.
        permit: u128,
    },
}

/// The numbers of a bucket, where the algorithm is one.
#[inline]
pub(super) const fn shape(algorithm: &Algorithm) -> Option<&Shape> {
    match algorithm {
        Algorithm::TokenBucket(bucket) => Some(bucket.shape()),
        Algorithm::LeakyBucket(bucket) => Some(bucket.shape()),
        _ => None,
    }
}

/// The window or period that holds `moment.now`, for the algorithms that count in spans.
fn span_at(algorithm: &Algorithm, moment: Moment) -> Result<Option<Span>, UnknownTimeZone> {
    match algorithm {
        Algorithm::FixedWindow(window) => Ok(Some(window_at(window.window(), moment.now))),
        Algorithm::Quota(quota) => period_at(quota, moment.zones, moment.now).map(Some),
        _ => Ok(None),
    }
}

impl LimitState {
    /// A new subject's state.
    pub fn fresh(algorithm: &Algorithm, moment: Moment) -> Result<LimitState, UnknownTimeZone> {
        let now = moment.now;
        if let Some(span) = span_at(algorithm, moment)? {
            return Ok(LimitState::Counter(Counter::fresh(span, now)));
        }
        if let Some(shape) = shape(algorithm) {
            return Ok(LimitState::Bucket(Bucket::fresh(shape, now)));
        }
        Ok(match algorithm {
            Algorithm::SlidingWindow(window) => LimitState::Sliding(Sliding::fresh(window, now)),
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
                Algorithm::FixedWindow(_) | Algorithm::Quota(_)
            ) | (LimitState::Sliding(_), Algorithm::SlidingWindow(_))
                | (LimitState::Log(_), Algorithm::SlidingLog(_))
                | (
                    LimitState::Bucket(_),
                    Algorithm::TokenBucket(_) | Algorithm::LeakyBucket(_)
                )
                | (LimitState::Slots(_), Algorithm::Concurrency(_))
        )
    }

    /// The same use seen from `moment.now`. `None` where the state serves as it is: logs and slots look at the time themselves.
    #[inline]
    pub fn projected(
        &self,
        algorithm: &Algorithm,
        moment: Moment,
    ) -> Result<Option<LimitState>, UnknownTimeZone> {
        Ok(match (self, algorithm) {
            (LimitState::Counter(counter), _) if counter.is_over(moment.now) => {
                let moment = Moment {
                    now: moment.now.max(counter.time),
                    ..moment
                };
                span_at(algorithm, moment)?.map(|span| LimitState::Counter(counter.turned(span)))
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

    /// Asks, and takes at once when there is room: what most decisions do, in one step. On success the state is projected to now, else
    /// it is as it was.
    #[inline]
    pub fn admit(
        &mut self,
        algorithm: &Algorithm,
        ask: &Ask,
        slot: Slot,
        moment: Moment,
    ) -> Result<Room, UnknownTimeZone> {
        Ok(self.step::<false>(algorithm, ask, slot, moment)?.0)
    }

    /// As [`LimitState::admit`], and tells what is left after.
    #[inline]
    pub(crate) fn admit_and_view(
        &mut self,
        algorithm: &Algorithm,
        ask: &Ask,
        slot: Slot,
        moment: Moment,
    ) -> Result<(Room, View), UnknownTimeZone> {
        self.step::<true>(algorithm, ask, slot, moment)
    }

    /// Both of the above. Looking costs as much as deciding: divisions that nobody asked for are not made.
    #[inline]
    fn step<const LOOK: bool>(
        &mut self,
        algorithm: &Algorithm,
        ask: &Ask,
        slot: Slot,
        moment: Moment,
    ) -> Result<(Room, View), UnknownTimeZone> {
        let unseen = View {
            remaining: 0,
            reset: moment.now,
        };
        match (&mut *self, algorithm) {
            (LimitState::Bucket(bucket), Algorithm::TokenBucket(_) | Algorithm::LeakyBucket(_)) => {
                let Some(shape) = shape(algorithm) else {
                    return self.admit_any(algorithm, ask, slot, moment);
                };
                let mut seen = bucket.at(shape, moment.now);
                let room = seen.room(shape, ask);
                if let Room::At(_) = room {
                    seen.take(shape, ask.cost);
                    *bucket = seen;
                }
                Ok((room, if LOOK { seen.view(shape) } else { unseen }))
            }
            (LimitState::Sliding(sliding), Algorithm::SlidingWindow(window)) => {
                let mut seen = sliding.at(window, moment.now);
                let room = seen.room(window, ask);
                if let Room::At(at) = room {
                    seen.take(window, ask.cost, at);
                    *sliding = seen;
                }
                Ok((
                    room,
                    if LOOK {
                        seen.view(window, moment.now)
                    } else {
                        unseen
                    },
                ))
            }
            (LimitState::Counter(counter), _)
                if !counter.is_over(moment.now) && ask.max_delay.is_none() =>
            {
                let room = counter.room(algorithm.limit(), ask);
                if let Room::At(_) = room {
                    counter.take(ask.cost, moment.now);
                }
                Ok((
                    room,
                    if LOOK {
                        counter.view(algorithm.limit(), moment.now)
                    } else {
                        unseen
                    },
                ))
            }
            _ => self.admit_any(algorithm, ask, slot, moment),
        }
    }

    /// As [`LimitState::admit`], by way of the single steps.
    fn admit_any(
        &mut self,
        algorithm: &Algorithm,
        ask: &Ask,
        slot: Slot,
        moment: Moment,
    ) -> Result<(Room, View), UnknownTimeZone> {
        let projected = self.projected(algorithm, moment)?;
        let seen = projected.as_ref().unwrap_or(self);
        let room = seen.room(algorithm, ask);
        let Room::At(at) = room else {
            return Ok((room, seen.view(algorithm, moment.now)));
        };
        if let Some(projected) = projected {
            *self = projected;
        }
        self.take(algorithm, slot, at, moment)?;
        Ok((room, self.view(algorithm, moment.now)))
    }

    /// Whether there is room. The state must be projected.
    #[inline]
    pub fn room(&self, algorithm: &Algorithm, ask: &Ask) -> Room {
        match (self, algorithm) {
            (LimitState::Counter(counter), _) => counter.room(algorithm.limit(), ask),
            (LimitState::Sliding(sliding), Algorithm::SlidingWindow(window)) => {
                sliding.room(window, ask)
            }
            (LimitState::Log(log), Algorithm::SlidingLog(window)) => log.room(window, ask),
            (LimitState::Bucket(bucket), _) => {
                shape(algorithm).map_or(Room::Never, |shape| bucket.room(shape, ask))
            }
            (LimitState::Slots(slots), _) => slots.room(algorithm.limit(), ask),
            _ => Room::Never,
        }
    }

    /// Takes `slot.units` units at `at`, now or a promised instant. The state must be projected to now.
    #[inline]
    pub fn take(
        &mut self,
        algorithm: &Algorithm,
        slot: Slot,
        at: Timestamp,
        moment: Moment,
    ) -> Result<(), UnknownTimeZone> {
        let (units, now) = (slot.units, moment.now);
        match (&mut *self, algorithm) {
            (LimitState::Counter(counter), _) => {
                if counter.is_over(at) {
                    if let Some(span) = span_at(algorithm, Moment { now: at, ..moment })? {
                        *counter = counter.turned(span);
                    }
                }
                counter.take(units, now);
            }
            (LimitState::Sliding(sliding), Algorithm::SlidingWindow(window)) => {
                sliding.take(window, units, at)
            }
            (LimitState::Log(log), Algorithm::SlidingLog(window)) => {
                log.take(window, units, now, at)
            }
            (LimitState::Bucket(bucket), _) => {
                if let Some(shape) = shape(algorithm) {
                    bucket.take(shape, units);
                }
            }
            (LimitState::Slots(slots), _) => slots.take(slot, now),
            _ => {}
        }
        Ok(())
    }

    /// Gives back up to `units` of the newest use. The state must be projected.
    pub fn give_back(&mut self, algorithm: &Algorithm, units: u64, now: Timestamp) {
        match (self, algorithm) {
            (LimitState::Counter(counter), _) => counter.give_back(units, now),
            (LimitState::Sliding(sliding), _) => sliding.give_back(units),
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

    /// What the admission of `slot` at `at` charged, read just after it.
    pub const fn charge(&self, slot: &Slot, at: Timestamp) -> Charge {
        let units = slot.units;
        match self {
            LimitState::Counter(counter) => Charge::Span {
                start: counter.span.start,
                units,
            },
            LimitState::Sliding(sliding) => Charge::Span {
                start: sliding.start,
                units,
            },
            LimitState::Log(_) => Charge::Logged { at, units },
            LimitState::Bucket(bucket) => Charge::Bucket {
                after: *bucket,
                units,
            },
            LimitState::Slots(_) => Charge::Slots {
                permit: slot.permit,
            },
        }
    }

    /// Takes a charge back as far as its units are still counted; nothing when its window has passed. The state must be projected.
    /// Answers what came off a bucket's deficit, in parts: what was charged on top of it later has to be lowered as much.
    pub fn cancel(&mut self, algorithm: &Algorithm, charge: &Charge, now: Timestamp) -> u128 {
        match (self, charge, algorithm) {
            (LimitState::Counter(counter), Charge::Span { start, units }, _)
                if counter.span.start == *start =>
            {
                counter.give_back(*units, now);
            }
            (
                LimitState::Sliding(sliding),
                Charge::Span { start, units },
                Algorithm::SlidingWindow(window),
            ) => {
                if sliding.start == *start {
                    sliding.give_back(*units);
                } else if sliding.start == start.plus(window.window()) {
                    sliding.previous = sliding.previous.saturating_sub(*units);
                }
            }
            (LimitState::Log(log), Charge::Logged { at, units }, _) => log.cancel(*at, *units),
            (LimitState::Bucket(bucket), Charge::Bucket { after, units }, _) => {
                return shape(algorithm).map_or(0, |shape| bucket.cancel(shape, after, *units));
            }
            (LimitState::Slots(slots), Charge::Slots { permit }, _) => slots.release(*permit, now),
            _ => {}
        }
        0
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

    /// From when on the state answers as a new subject's would, or may be forgotten, if nobody asks. The state must be as it was last
    /// charged, not projected: idleness is counted from there.
    pub fn idle_at(&self, algorithm: &Algorithm, now: Timestamp) -> Timestamp {
        match self {
            LimitState::Counter(counter) if counter.used == 0 => now,
            LimitState::Counter(counter) => counter.span.end,
            // Fences start from the clock: until it has passed the newest, that one has to be remembered.
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
