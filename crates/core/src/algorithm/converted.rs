//! A bucket under other numbers: its deficit in other parts of a unit, its places with their
//! instants, and the older rate for which a raised one waits.

use super::bucket::{Bucket, Queue};
use super::level::Level;
use super::places::Place;
use super::shape::{convert, convert_down, Slow};
use crate::arithmetic::div_ceil;
use crate::limit::{Rate, Shape};

impl Bucket {
    /// The same use under other numbers: `self`, projected to now under `old`, in the parts of
    /// `new`, rounded up.
    #[must_use]
    pub(super) fn converted(&self, old: &Shape, new: &Shape) -> Bucket {
        let (level, from, to) = (&self.level, old.unit(), new.unit());
        let same_steps = old.stepped && new.stepped && old.rate.interval() == new.rate.interval();
        let mut next = Bucket {
            level: Level {
                deficit: convert(self.missing(old), from, to),
                credits: convert_down(level.credits, from, to).min(new.most_credits()),
                // Another interval begins at the change: what has passed of the old one came at the
                // old rate.
                time: if same_steps {
                    old.phase(level.time, level.seen)
                } else {
                    level.seen
                },
                ..*level
            },
            queue: (self.queue.as_ref()).map(|queue| Box::new(queue.converted(old.rate, new.rate))),
            classes: None,
        };
        let classes = self.classes.as_ref();
        let classes = classes.map(|it| it.converted(from, to));
        next.classes = classes.map(Box::new);
        if let Some(queue) = &next.queue {
            let (was, is) = (self.pace(old), next.pace(new));
            let places = queue.places.iter().map(|place| {
                let (was, is) = (was.within(place.at), is.within(place.at));
                place.early_by(early_converted(place.early, was, is))
            });
            let places: Vec<Place> = places.collect();
            next.queue = Some(Box::new(Queue {
                places: places.into(),
                ..**queue
            }));
        }
        next
    }
}

/// How much a place is early (see [`Place::early`]) when `is` parts come back in its millisecond,
/// not `was`: rounded up, at most to the whole millisecond. A later start would open a turn before
/// the place; an earlier one in its millisecond gives nobody a turn that somebody has.
fn early_converted(early: u64, was: u128, is: u128) -> u64 {
    let parts = match was {
        0 => is, // stepped, or so slow that its parts tell no instant in a millisecond
        _ => div_ceil(u128::from(early) * is, was),
    };
    parts as u64 // at most what comes back in a millisecond
}

impl Queue {
    /// The same places after a change of the rate. While they lie ahead, the bucket gives back at
    /// the slower of the two.
    fn converted(&self, old: Rate, new: Rate) -> Queue {
        let same = !old.is_slower_than(&new) && !new.is_slower_than(&old);
        let slow = match (self.slow, self.places.last()) {
            (slow, _) if same => slow,
            (_, None) => None,
            // None of the places was promised under the rate that ends now.
            (Some(slow), Some(last)) if last <= slow.until => Some(slow),
            (slow, Some(until)) => {
                let older = slow.map(|slow| slow.rate);
                let rate = older
                    .filter(|older| older.is_slower_than(&old))
                    .unwrap_or(old);
                Some(Slow { rate, until })
            }
        };
        Queue {
            places: self.places.clone(),
            slow,
            unclaimed: 0,
        }
    }
}
