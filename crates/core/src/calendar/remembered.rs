//! Zones whose offsets are remembered: to ask the runtime for one costs a thousand times what it
//! costs to look it up, and whoever looks ahead asks for the same days again and again.
//!
//! A zone changes its offset at most once in 48 hours. So where it has the same one at both ends of
//! two days, it has it all the time between; else the second of the change is searched once.

use core::cell::RefCell;
use std::collections::HashMap;

use super::marks::DAY;
use super::{timestamp, TimeZone, LAST_DATE};
use crate::limit::quota::TimeZoneName;
use crate::Timestamp;

/// How long a stretch is of which both ends are asked.
const STRETCH: i64 = 2 * DAY;
/// So many stretches are remembered of all zones together; then all are forgotten. A year of 22
/// zones, in half a megabyte.
const MAX_STRETCHES: usize = 4_096;

/// What a zone's offset is for two days.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    before: i32,
    after: i32,
    /// From which second on it is the one `after`; the first one where both are the same.
    change: i64,
}

/// Zones that remember what they were asked.
#[derive(Debug, Default)]
pub struct Remembered<Zones> {
    zones: Zones,
    known: RefCell<Known>,
}

#[derive(Debug, Default)]
struct Known {
    zones: HashMap<TimeZoneName, HashMap<i64, Stretch>>,
    stretches: usize,
}

impl<Zones: TimeZone> Remembered<Zones> {
    /// Nothing is remembered yet of these.
    pub fn new(zones: Zones) -> Remembered<Zones> {
        Remembered {
            zones,
            known: RefCell::default(),
        }
    }

    /// The zones that are asked.
    pub const fn zones(&self) -> &Zones {
        &self.zones
    }

    /// The stretch that begins at `start`; `None` when there is no such zone.
    fn asked(&self, zone: &TimeZoneName, start: i64) -> Option<Stretch> {
        let offset = |second: i64| self.zones.offset_at(zone, timestamp(second.min(LAST_DATE)));
        let end = start + STRETCH;
        let (before, after) = (offset(start)?, offset(end)?);
        let (mut earlier, mut change) = (start, end);
        while before != after && change - earlier > 1 {
            let middle = earlier + (change - earlier) / 2;
            if offset(middle)? == after {
                change = middle;
            } else {
                earlier = middle;
            }
        }
        Some(Stretch {
            before,
            after,
            change,
        })
    }
}

impl<Zones: TimeZone> TimeZone for Remembered<Zones> {
    fn offset_at(&self, zone: &TimeZoneName, instant: Timestamp) -> Option<i32> {
        let second = (instant.as_millis() / 1000) as i64;
        let start = second - second.rem_euclid(STRETCH);
        let known = self.known.borrow().get(zone, start);
        let stretch = match known {
            Some(stretch) => stretch,
            None => {
                let stretch = self.asked(zone, start)?;
                self.known.borrow_mut().add(zone, start, stretch);
                stretch
            }
        };
        Some(if second < stretch.change {
            stretch.before
        } else {
            stretch.after
        })
    }
}

impl Known {
    fn get(&self, zone: &TimeZoneName, start: i64) -> Option<Stretch> {
        self.zones.get(zone)?.get(&start).copied()
    }

    fn add(&mut self, zone: &TimeZoneName, start: i64, stretch: Stretch) {
        if self.stretches >= MAX_STRETCHES {
            *self = Known::default();
        }
        self.stretches += 1;
        let days = self.zones.entry(zone.clone()).or_default();
        days.insert(start, stretch);
    }
}
