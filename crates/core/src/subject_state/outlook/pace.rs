//! A pace: what an upstream says remains of a limit is spread over the time until it comes back, so
//! that it is not used up at once.
//!
//! **Rule.** Admissions are at least `time until the reset / what remains` apart for each unit,
//! each report anew: within any time there are at most that many as remained, in proportion, and
//! one. An admission that was taken back is none.
//!
//! **Bound.** It is over when the limit has come back, by the upstream's word or by our window: no
//! report holds anybody up for longer.
//!
//! **Row.** It tells the last admission up to a second ahead, so that it is written once a second
//! at most; a restart keeps the next caller waiting for that long at most. Builds from before told
//! a limit by its place, which may be that of another one by now: such a pace is passed over.

use crate::codec::{Line, LineWriter, Unreadable};
use crate::decision::Reason;
use crate::{Duration, Timestamp};

use super::back::Back;
use super::shut::Shut;

/// How far a row tells the last admission ahead.
const AHEAD: Duration = Duration::from_secs(1);
/// The row's field.
const KEY: &str = "pacing";

/// The pace of one limit.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pace {
    /// What the limit [is known as](crate::Limit::known_as).
    limit: String,
    /// When it is over.
    end: Timestamp,
    /// The least time between two units, in microseconds; none goes where nothing remains.
    apart: Option<u64>,
    /// The last one that went.
    last: Option<Went>,
    /// The one before, in case that one is taken back.
    before: Option<Went>,
    /// What the row tells of the last one's instant.
    written: Option<Timestamp>,
}

/// An admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Went {
    /// When; in a row up to [`AHEAD`] later.
    at: Timestamp,
    units: u64,
    /// By which it may be taken back; in memory only.
    operation: Option<u128>,
}

/// The paces of one policy, one a limit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Paces(Vec<Pace>);

/// What an upstream says remains of a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remains {
    /// What the limit is known as.
    pub(crate) limit: String,
    pub(crate) units: u64,
    /// When they come back.
    pub(crate) reset: Timestamp,
    /// For how long at most that is believed.
    pub(crate) most: Duration,
}

impl Remains {
    /// The least time between two units, in microseconds.
    fn apart(&self, now: Timestamp) -> Option<u64> {
        let time = u128::from(self.reset.since(now).as_millis()) * 1_000;
        let apart = (self.units > 0).then(|| time.div_ceil(u128::from(self.units)));
        apart.map(|it| u64::try_from(it).unwrap_or(u64::MAX))
    }

    /// Whether it comes back later than is believed.
    pub(crate) fn is_beyond(&self, now: Timestamp) -> bool {
        self.reset > now.plus(self.most)
    }
}

impl Paces {
    /// Takes up what one report says remains; where it says it twice of one limit, the stricter.
    pub(crate) fn set(&mut self, remains: &[Remains], now: Timestamp) {
        self.0.retain(|it| it.end > now);
        let strictness = |it: &Remains| (it.apart(now).unwrap_or(u64::MAX), it.reset);
        for told in remains {
            let of_limit = remains.iter().filter(|it| it.limit == told.limit);
            let strictest = of_limit.max_by_key(|it| strictness(it)).unwrap_or(told);
            let end = strictest.reset.min(now.plus(strictest.most));
            let apart = strictest.apart(now);
            match self.0.iter_mut().find(|it| it.limit == told.limit) {
                Some(known) => (known.apart, known.end) = (apart, end),
                None => self.0.push(Pace {
                    limit: told.limit.clone(),
                    end,
                    apart,
                    last: None,
                    before: None,
                    written: None,
                }),
            }
        }
    }

    /// `units_of`: how many are wanted of the limit that is known as this. The next report may say
    /// that more remain.
    pub(super) fn shut(&self, units_of: &dyn Fn(&str) -> u64, now: Timestamp) -> Option<Shut> {
        let wanted = self.0.iter().filter(|it| units_of(&it.limit) > 0);
        let nexts = wanted.map(|it| it.next(now));
        let until = nexts.max().filter(|next| *next > now)?;
        Some(Shut {
            until,
            reason: Reason::CoolDown,
            is_certain: false,
        })
    }

    /// So many units went of a limit, by this operation; whether the row has to be written.
    pub(super) fn admitted(
        &mut self,
        units_of: &dyn Fn(&str) -> u64,
        operation: Option<u128>,
        now: Timestamp,
    ) -> bool {
        let mut is_to_write = false;
        for pace in self.0.iter_mut().filter(|it| it.end > now) {
            let units = units_of(&pace.limit);
            if units == 0 {
                continue;
            }
            pace.before = pace.last.replace(Went {
                at: now,
                units,
                operation,
            });
            if pace.written.is_none_or(|written| written < now) {
                pace.written = Some(now.plus(AHEAD));
                is_to_write = true;
            }
        }
        is_to_write
    }

    /// The operation was taken back, so that its call is not made; whether that changes anything.
    pub(super) fn taken_back(&mut self, operation: u128) -> bool {
        let is_of = |it: &Option<Went>| it.is_some_and(|it| it.operation == Some(operation));
        let mut is_any = false;
        for pace in &mut self.0 {
            if is_of(&pace.last) {
                pace.last = pace.before.take();
                pace.written = pace.last.map(|it| it.at);
                is_any = true;
            } else if is_of(&pace.before) {
                pace.before = None;
            }
        }
        is_any
    }

    /// When the last of them is over.
    pub(super) fn end(&self) -> Timestamp {
        let ends = self.0.iter().map(|it| it.end);
        ends.max().unwrap_or(Timestamp::ZERO)
    }

    /// By this clock, which shows an earlier time.
    pub(super) fn shift(&mut self, back: Back) {
        for pace in &mut self.0 {
            let went = pace.last.iter_mut().chain(&mut pace.before);
            went.for_each(|it| back.shift(&mut it.at));
            pace.written.iter_mut().for_each(|at| back.shift(at));
            back.shift(&mut pace.end);
        }
    }

    /// Adds them to the row.
    pub(super) fn put(&self, line: LineWriter) -> LineWriter {
        let text = |it: &Pace| {
            let apart = it.apart.map_or_else(|| "-".to_owned(), |it| it.to_string());
            let units = it.last.map_or(0, |it| it.units);
            let (end, last) = (it.end, it.written.unwrap_or_default());
            let (end, last) = (end.as_millis(), last.as_millis());
            format!("{end}:{apart}:{last}:{units}:{}", it.limit)
        };
        let texts: Vec<String> = self.0.iter().map(text).collect();
        match texts.is_empty() {
            true => line,
            false => line.text(KEY, &texts.join(",")),
        }
    }

    /// Reads them from a row.
    pub(super) fn get(line: &Line) -> Result<Paces, Unreadable> {
        if line.get(KEY).is_none() {
            return Ok(Paces::default());
        }
        let text = line.text(KEY)?;
        let paces: Option<Vec<Pace>> = text.split(',').map(Pace::get).collect();
        paces.map(Paces).ok_or(Unreadable::Damaged(KEY))
    }
}

impl Pace {
    fn get(text: &str) -> Option<Pace> {
        let mut parts = text.splitn(5, ':');
        let end = Timestamp::from_millis(parts.next()?.parse().ok()?);
        let apart = match parts.next()? {
            "-" => None,
            apart => Some(apart.parse().ok()?),
        };
        let at = Timestamp::from_millis(parts.next()?.parse().ok()?);
        let units = parts.next()?.parse().ok()?;
        let last = Went {
            at,
            units,
            operation: None,
        };
        let last = Some(last).filter(|it| it.at > Timestamp::ZERO);
        Some(Pace {
            limit: parts.next()?.to_owned(),
            end,
            apart,
            last,
            before: None,
            written: last.map(|it| it.at),
        })
    }

    /// When the next one may go.
    fn next(&self, now: Timestamp) -> Timestamp {
        let next = match (self.apart, self.last) {
            _ if self.end <= now => now,
            (None, _) => self.end,
            (Some(_), None) => now,
            (Some(apart), Some(last)) => {
                let time = u128::from(apart) * u128::from(last.units);
                let time = u64::try_from(time.div_ceil(1_000)).unwrap_or(u64::MAX);
                last.at.plus(Duration::from_millis(time))
            }
        };
        next.min(self.end)
    }
}
