//! A pace: what an upstream says remains of a limit is spread over the time until it comes back, so
//! that it is not used up at once.
//!
//! **Rule.** Admissions are at least `time until the reset / what remains` apart for each unit,
//! each report anew: within any time there are at most that many as remained, in proportion, and
//! one.
//!
//! **Row.** It tells the last admission up to a second ahead, so that it is written once a second
//! at most; a restart keeps the next caller waiting for that long at most.

use crate::codec::{Line, LineWriter, Unreadable};
use crate::decision::Reason;
use crate::row::items;
use crate::{Duration, Timestamp};

use super::shut::Shut;

/// How far a row tells the last admission ahead.
const AHEAD: Duration = Duration::from_secs(1);

/// The pace of one limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pace {
    /// The place of the limit in the policy's order.
    limit: usize,
    /// When it is over.
    reset: Timestamp,
    /// The least time between two units, in microseconds; none goes where nothing remains.
    apart: Option<u64>,
    /// When the last one went, and its units; in a row up to [`AHEAD`] later.
    last: Option<(Timestamp, u64)>,
    /// What the row tells of it.
    written: Option<Timestamp>,
}

/// The paces of one policy, one a limit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Paces(Vec<Pace>);

impl Paces {
    /// What remains of a limit, and when it comes back.
    pub(crate) fn set(&mut self, limit: usize, remaining: u64, reset: Timestamp, now: Timestamp) {
        let time = u128::from(reset.since(now).as_millis()) * 1_000;
        let apart = (remaining > 0).then(|| time.div_ceil(u128::from(remaining)));
        let apart = apart.map(|it| u64::try_from(it).unwrap_or(u64::MAX));
        self.0.retain(|it| it.reset > now);
        match self.0.iter_mut().find(|it| it.limit == limit) {
            Some(known) => {
                known.apart = apart;
                known.reset = reset;
            }
            None => self.0.push(Pace {
                limit,
                reset,
                apart,
                last: None,
                written: None,
            }),
        }
    }

    /// `units_at`: how many are wanted of the limit at a place.
    pub(super) fn shut(&self, units_at: &dyn Fn(usize) -> u64, now: Timestamp) -> Option<Shut> {
        let wanted = self.0.iter().filter(|it| units_at(it.limit) > 0);
        let nexts = wanted.map(|it| it.next(now));
        let until = nexts.max().filter(|next| *next > now)?;
        Some(Shut {
            until,
            reason: Reason::CoolDown,
            is_certain: true,
        })
    }

    /// So many units went of the limit at a place; whether the row has to be written.
    pub(super) fn admitted(&mut self, units_at: &dyn Fn(usize) -> u64, now: Timestamp) -> bool {
        let mut is_to_write = false;
        for pace in self.0.iter_mut().filter(|it| it.reset > now) {
            let units = units_at(pace.limit);
            if units == 0 {
                continue;
            }
            pace.last = Some((now, units));
            if pace.written.is_none_or(|written| written < now) {
                pace.written = Some(now.plus(AHEAD));
                is_to_write = true;
            }
        }
        is_to_write
    }

    /// When the last of them is over.
    pub(super) fn end(&self) -> Timestamp {
        let ends = self.0.iter().map(|it| it.reset);
        ends.max().unwrap_or(Timestamp::ZERO)
    }

    /// Adds them to the row.
    pub(super) fn put(&self, line: LineWriter) -> LineWriter {
        let text = |it: &Pace| {
            let apart = it.apart.map_or_else(|| "-".to_owned(), |it| it.to_string());
            let units = it.last.map_or(0, |(_, units)| units);
            let last = it.written.map_or(0, Timestamp::as_millis);
            format!(
                "{}:{}:{apart}:{last}:{units}",
                it.limit,
                it.reset.as_millis()
            )
        };
        let texts: Vec<String> = self.0.iter().map(text).collect();
        line.put_some("paces", (!texts.is_empty()).then(|| texts.join(",")))
    }

    /// Reads them from a row.
    pub(super) fn get(line: &Line) -> Result<Paces, Unreadable> {
        let pace = |text: &str| {
            let [limit, reset, apart, last, units] =
                <[&str; 5]>::try_from(text.split(':').collect::<Vec<_>>()).ok()?;
            let last = Timestamp::from_millis(last.parse().ok()?);
            let is_known = last > Timestamp::ZERO;
            let units: u64 = units.parse().ok()?;
            Some(Pace {
                limit: limit.parse().ok()?,
                reset: Timestamp::from_millis(reset.parse().ok()?),
                apart: match apart {
                    "-" => None,
                    apart => Some(apart.parse().ok()?),
                },
                last: is_known.then_some((last, units)),
                written: is_known.then_some(last),
            })
        };
        let paces: Option<Vec<Pace>> = items(line, "paces").map(pace).collect();
        paces.map(Paces).ok_or(Unreadable::Damaged("paces"))
    }
}

impl Pace {
    /// When the next one may go.
    fn next(&self, now: Timestamp) -> Timestamp {
        if self.reset <= now {
            return now;
        }
        let (Some(apart), Some((last, units))) = (self.apart, self.last) else {
            return match self.apart {
                Some(_) => now,
                None => self.reset,
            };
        };
        let time = u128::from(apart) * u128::from(units);
        let time = u64::try_from(time.div_ceil(1_000)).unwrap_or(u64::MAX);
        last.plus(Duration::from_millis(time)).min(self.reset)
    }
}
