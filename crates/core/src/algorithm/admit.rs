//! Asking one limit, and taking from it: the frequent cases in one step, all others by way of the
//! single steps.

use super::state::{shape, LimitState, Moment};
use super::{together, Ask, Hold, Room, Take, View};
use crate::calendar::UnknownTimeZone;
use crate::limit::Algorithm;

impl LimitState {
    /// Asks, and takes at once when there is room: what most decisions do, in one step. On success
    /// the state is projected to now, else it is as it was. Only `concurrency` reads `hold`.
    #[inline]
    pub fn admit(
        &mut self,
        algorithm: &Algorithm,
        ask: &Ask,
        hold: Option<Hold>,
        moment: Moment,
    ) -> Result<Room, UnknownTimeZone> {
        Ok(self.step::<false>(algorithm, ask, hold, moment)?.0)
    }

    /// As [`LimitState::admit`], and tells what is left after.
    #[inline]
    pub(crate) fn admit_and_view(
        &mut self,
        algorithm: &Algorithm,
        ask: &Ask,
        hold: Option<Hold>,
        moment: Moment,
    ) -> Result<(Room, View), UnknownTimeZone> {
        self.step::<true>(algorithm, ask, hold, moment)
    }

    /// Both of the above. Looking costs as much as deciding: divisions that nobody asked for are
    /// not made.
    #[inline]
    fn step<const LOOK: bool>(
        &mut self,
        algorithm: &Algorithm,
        ask: &Ask,
        hold: Option<Hold>,
        moment: Moment,
    ) -> Result<(Room, View), UnknownTimeZone> {
        let unseen = View {
            remaining: 0,
            reset: moment.now,
        };
        match (&mut *self, algorithm) {
            (LimitState::Bucket(bucket), Algorithm::TokenBucket(_) | Algorithm::LeakyBucket(_))
                if bucket.queue.is_none() && bucket.classes.is_none() =>
            {
                let Some(shape) = shape(algorithm).filter(|it| !it.delays(ask.max_delay)) else {
                    return self.admit_any(algorithm, ask, hold, moment);
                };
                let cost = shape.parts(ask.cost);
                let mut seen = bucket.level.at(shape, moment.now);
                let room = seen.room(shape, cost);
                if let Room::At(_) = room {
                    seen.take(shape, cost);
                    bucket.level = seen;
                }
                Ok((room, if LOOK { seen.view(shape) } else { unseen }))
            }
            (LimitState::Sliding(sliding), Algorithm::SlidingWindow(window))
                if sliding.places.is_none() && ask.max_delay.is_none() =>
            {
                let mut seen = sliding.counts.at(window, moment.now);
                let room = seen.room(window, ask.cost, moment.now);
                if let Room::At(_) = room {
                    seen.take(ask.cost);
                    sliding.counts = seen;
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
                if counter.is_current(algorithm, moment.now)
                    && counter.ahead.is_none()
                    && ask.max_delay.is_none() =>
            {
                let room = counter.room(algorithm.limit(), ask.cost, moment.now);
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
            _ => self.admit_any(algorithm, ask, hold, moment),
        }
    }

    /// As [`LimitState::admit`], by way of the single steps.
    fn admit_any(
        &mut self,
        algorithm: &Algorithm,
        ask: &Ask,
        hold: Option<Hold>,
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
        let units = ask.cost;
        self.take(algorithm, Take { units, hold }, at, moment)?;
        Ok((room, self.view(algorithm, moment.now)))
    }

    /// Whether there is room. The state must be projected.
    #[inline]
    pub fn room(&self, algorithm: &Algorithm, ask: &Ask) -> Room {
        match (self, algorithm, ask.max_delay) {
            (LimitState::Counter(counter), _, None) if counter.ahead.is_none() => {
                counter.room(algorithm.limit(), ask.cost, ask.now)
            }
            (LimitState::Sliding(sliding), Algorithm::SlidingWindow(window), None)
                if sliding.places.is_none() =>
            {
                sliding.counts.room(window, ask.cost, ask.now)
            }
            (LimitState::Bucket(bucket), _, asked) => match shape(algorithm) {
                None => Room::Never,
                Some(shape) if bucket.queue.is_none() && !shape.delays(asked) => {
                    bucket.room(shape, shape.parts(ask.cost))
                }
                Some(_) => together::alone(algorithm, self, ask),
            },
            (LimitState::Slots(_), _, _) | (_, _, None) => self.room_at_once(algorithm, ask),
            _ => together::alone(algorithm, self, ask),
        }
    }

    /// As [`LimitState::room`], for a caller who does not wait for an instant of its own.
    fn room_at_once(&self, algorithm: &Algorithm, ask: &Ask) -> Room {
        match self.earliest(algorithm, ask, ask.now) {
            None => Room::Never,
            Some(at) if at <= ask.now => Room::At(at),
            Some(at) => Room::Wait(at),
        }
    }
}
