//! Who goes when at a bucket: what is spent and the places ahead on one line, which is measured in
//! parts that have come back.
//!
//! On this line the bucket is a server that works off one part after the other: it is busy until
//! what is spent has come back, then idle, then busy again from each place on. A token bucket has
//! room for a caller when at most `capacity` is unfinished just after it, then and at every later
//! place; a shaper when nothing is unfinished just before it, and it is done when the next place
//! starts.

use super::places::{Place, Places};
use super::shape::Pace;
use crate::Timestamp;

/// A bucket, ready to be asked.
pub(super) struct Schedule<'a> {
    /// How it gives back.
    pub(super) pace: Pace<'a>,
    /// Parts missing, counted from the pace's start.
    pub(super) deficit: u128,
    /// Parts beyond capacity that can be used now.
    pub(super) credits: u128,
    /// The instant asked for.
    pub(super) now: Timestamp,
    /// The places after it.
    pub(super) places: Option<&'a Places>,
}

/// A place on the line.
struct Turn {
    at: Timestamp,
    cost: u128,
    /// Where its instant lies.
    comes: u128,
    /// Until where the bucket is busy before it.
    before: u128,
    /// Where it starts: not before its exact instant, nor before all of that is done.
    starts: u128,
    /// Until where the bucket is busy after it.
    after: u128,
}

impl Turn {
    /// How long the bucket is idle before it.
    fn idle(&self) -> u128 {
        self.comes.saturating_sub(self.before)
    }
}

impl Schedule<'_> {
    /// Until where the bucket is busy with what is spent; not before now.
    pub(super) fn busy_until(&self) -> u128 {
        if self.pace.shape.leaky {
            self.starts(self.deficit, self.now)
        } else {
            self.deficit.max(self.pace.back(self.now))
        }
    }

    /// Where a shaper's turn starts whose caller goes at `at`, when it is busy until `before`.
    /// Callers go by whole milliseconds, rounded up, and turns are exact: it starts in the
    /// millisecond that ends with `at`.
    fn starts(&self, before: u128, at: Timestamp) -> u128 {
        let earlier = Timestamp::from_millis(at.as_millis().saturating_sub(1));
        let earliest = self.pace.back(earlier).saturating_add(1);
        before.max(earliest.min(self.pace.back(at)))
    }

    /// How much of the millisecond that ends now is left for turns.
    pub(super) fn early(&self) -> u128 {
        self.pace.back(self.now).saturating_sub(self.busy_until())
    }

    fn turns(&self) -> Vec<Turn> {
        let mut turns = Vec::with_capacity(self.places.map_or(0, Places::len));
        let mut before = self.busy_until();
        for place in self.places.into_iter().flatten() {
            let cost = self.pace.shape.parts(place.units);
            let comes = self.pace.back(place.at);
            let starts = before.max(self.pace.turn_of(place));
            let after = starts.saturating_add(cost);
            turns.push(Turn {
                at: place.at,
                cost,
                comes,
                before,
                starts,
                after,
            });
            before = after;
        }
        turns
    }

    /// Until where the bucket is busy with everything that goes at `at` or before.
    fn busy_after(&self, at: Timestamp) -> u128 {
        let mut busy = self.busy_until();
        for turn in self.turns() {
            if turn.at <= at {
                busy = turn.after;
            }
        }
        busy
    }

    /// A token bucket: the first instant from `from` on at which it holds `cost`, and after which
    /// every place still finds its own.
    pub(super) fn refilled(&self, cost: u128, from: Timestamp) -> Timestamp {
        let capacity = self.pace.shape.capacity;
        let when = |before: u128, held: u128| {
            self.pace
                .when(before.saturating_add(cost).saturating_sub(held))
        };
        let turns = self.turns();
        let mut from = from.max(self.now);
        if turns.is_empty() {
            let held = capacity.saturating_add(self.credits);
            return from.max(when(self.busy_until(), held));
        }
        for (turn, spare) in turns.iter().zip(self.spare(&turns)) {
            // More than the capacity takes credits, and those are earned by a bucket for which
            // nobody waits.
            let most = turn.idle().saturating_add(spare).min(capacity);
            if cost <= most && from <= turn.at {
                let at = from.max(when(turn.before, capacity));
                let idle = (turn.comes).saturating_sub(turn.before.max(self.pace.back(at)));
                if at <= turn.at && cost <= idle.saturating_add(spare) {
                    return at;
                }
            }
            from = from.max(turn.at);
        }
        from.max(when(turns.last().map_or(0, |turn| turn.after), capacity))
    }

    /// For each place of a token bucket: how much more may be unfinished just before it, so that it
    /// and all later ones find their own.
    fn spare(&self, turns: &[Turn]) -> Vec<u128> {
        let capacity = self.pace.shape.capacity;
        let mut spare = vec![0; turns.len()];
        let mut later = u128::MAX;
        for (i, turn) in turns.iter().enumerate().rev() {
            let own = capacity.saturating_sub(turn.after.saturating_sub(turn.comes));
            spare[i] = own.min(later);
            later = spare[i].saturating_add(turn.idle());
        }
        spare
    }

    /// What a token bucket has left for a caller who goes at once.
    pub(super) fn left(&self) -> u128 {
        let busy = self.busy_until();
        let missing = busy.saturating_sub(self.pace.back(self.now));
        let turns = self.turns();
        let held = self.pace.shape.capacity.saturating_add(self.credits);
        let own = held.saturating_sub(missing);
        match (turns.first(), self.spare(&turns).first()) {
            (Some(turn), Some(spare)) => {
                own.min(turn.comes.saturating_sub(busy).saturating_add(*spare))
            }
            _ => own,
        }
    }

    /// A shaper: the first instant from `from` on at which the caller's turn comes: behind the last
    /// place, or before one where there is time enough for its `cost`.
    pub(super) fn in_turn(&self, cost: u128, from: Timestamp) -> Timestamp {
        let from = from.max(self.now);
        let mut before = self.busy_until();
        for turn in self.turns() {
            // Mostly there is no time between two places, and nothing to divide.
            if turn.before.saturating_add(cost) <= turn.starts && from <= turn.at {
                let at = from.max(self.pace.when(turn.before));
                let starts = self.starts(turn.before, at);
                if at <= turn.at && starts.saturating_add(cost) <= turn.starts {
                    return at;
                }
            }
            before = turn.after;
        }
        from.max(self.pace.when(before))
    }

    /// A shaper: before which of the places the caller's turn comes who goes at `at`, as
    /// [`in_turn`](Schedule::in_turn) says, and how much early it is: see [`Place::early`]. Several
    /// places may have one millisecond, and turns in it that are free between them.
    pub(super) fn turn_at(&self, cost: u128, at: Timestamp) -> (usize, u64) {
        let mut before = self.busy_until();
        let turns = self.turns();
        let mut index = turns.partition_point(|turn| turn.at <= at);
        for (i, turn) in turns.iter().enumerate() {
            let starts = self.starts(before, at);
            let fits = at <= turn.at && starts.saturating_add(cost) <= turn.starts;
            if i == index || (fits && self.pace.when(before) <= at) {
                index = i;
                break;
            }
            before = turn.after;
        }
        let early = self.pace.back(at).saturating_sub(self.starts(before, at));
        (index, early as u64) // less than comes back in a millisecond
    }

    /// So many places of one unit each, the first as soon as possible behind the last place, and so
    /// on.
    pub(super) fn behind(&self, count: u64) -> Vec<Place> {
        let shape = self.pace.shape;
        // A token bucket has room when its capacity is left unfinished, a shaper when nothing is.
        let (cost, held) = if shape.leaky {
            (0, 0)
        } else {
            (shape.unit(), shape.capacity)
        };
        let mut at = self.places.and_then(Places::last).unwrap_or(self.now);
        let mut busy = self.busy_after(Timestamp::MAX);
        let mut behind = Vec::new();
        for _ in 0..count {
            at = at.max(
                self.pace
                    .when((busy.saturating_add(cost)).saturating_sub(held)),
            );
            let mut early = 0;
            if shape.leaky {
                busy = self.starts(busy, at);
                early = self.pace.back(at).saturating_sub(busy);
            }
            busy = busy.saturating_add(shape.unit());
            behind.push(Place::new(at, 1).early_by(early as u64)); // less than a millisecond's parts
        }
        behind
    }

    /// A leaky bucket: the first instant from `from` on at which at most `most` is in use, what
    /// waits included.
    pub(super) fn leaked(&self, most: u128, from: Timestamp) -> Timestamp {
        let mut from = from.max(self.now);
        let mut before = self.busy_until();
        let mut waiting: u128 = self.waiting();
        for turn in self.turns() {
            if waiting <= most {
                let unfinished = before.saturating_add(waiting).saturating_sub(most);
                let at = from.max(self.pace.when(unfinished));
                if at < turn.at {
                    return at;
                }
            }
            from = from.max(turn.at);
            before = turn.after;
            waiting = waiting.saturating_sub(turn.cost);
        }
        from.max(self.pace.when(before.saturating_sub(most)))
    }

    fn waiting(&self) -> u128 {
        let places = self.places.into_iter().flatten();
        places.fold(0, |sum: u128, place| {
            sum.saturating_add(self.pace.shape.parts(place.units))
        })
    }

    /// What of a leaky bucket is in use, what waits included.
    pub(super) fn in_use(&self) -> u128 {
        let missing = (self.busy_until()).saturating_sub(self.pace.back(self.now));
        missing.saturating_add(self.waiting())
    }

    /// What is missing just after `at`, now or later.
    pub(super) fn missing_after(&self, at: Timestamp) -> u128 {
        self.busy_after(at).saturating_sub(self.pace.back(at))
    }

    /// A deficit now that is at no later instant below what is missing then, at the usual pace.
    pub(super) fn in_front(&self) -> u128 {
        let missing = |at: Timestamp, busy: u128| {
            let usual = self.pace.shape.given_back(at.since(self.pace.since));
            (busy.saturating_sub(self.pace.back(at))).saturating_add(usual)
        };
        let mut most = missing(self.now, self.busy_until());
        for turn in self.turns() {
            most = most.max(missing(turn.at, turn.after));
        }
        most
    }

    /// What is not done yet, idle time between places included.
    pub(super) fn unfinished(&self) -> u128 {
        self.busy_after(Timestamp::MAX)
            .saturating_sub(self.pace.back(self.now))
    }

    /// When all of it is done.
    pub(super) fn full_at(&self) -> Timestamp {
        self.pace.when(self.busy_after(Timestamp::MAX))
    }
}
