//! Which step of a schedule is in force at an instant, and until when.

use crate::algorithm::state::{span_at, Moment};
use crate::calendar::{next_shown, shown_at, Shown, UnknownTimeZone};
use crate::limit::quota::TimeZoneName;
use crate::limit::schedule::{Hours, Numbers, Schedule, Stage, StageClock};
use crate::{Algorithm, Duration, Timestamp};

/// A schedule, and the clock of the subject whose stages are meant: `None` before its first
/// admission, while the first step holds.
#[derive(Clone, Copy)]
pub(super) struct Steps<'a> {
    pub(super) schedule: &'a Schedule,
    pub(super) clock: Option<&'a StageClock>,
}

impl Steps<'_> {
    /// Which stage is in force, from 0; 0 before the start.
    pub(super) fn stage_at(&self, moment: Moment) -> Result<usize, UnknownTimeZone> {
        let Some(clock) = self.clock else {
            return Ok(0);
        };
        let since = match self.windowed(moment)? {
            Some((start, _)) => start,
            None => moment.now,
        };
        Ok(self.stage_after(clock.elapsed(since)))
    }

    fn stage_after(&self, elapsed: Duration) -> usize {
        let mut end = Duration::ZERO;
        let is_over = |stage: &&Stage| {
            stage.length().is_some_and(|length| {
                end = end.plus(length);
                end <= elapsed
            })
        };
        self.schedule.stages().iter().take_while(is_over).count()
    }

    /// How much of a subject's time passes before the end of a stage; `None` for the last.
    fn end_of(&self, stage: usize) -> Option<Duration> {
        let mut lengths = self
            .schedule
            .stages()
            .get(..=stage)?
            .iter()
            .map(Stage::length);
        lengths.try_fold(Duration::ZERO, |sum, length| Some(sum.plus(length?)))
    }

    /// The window of an algorithm in which a stage begins only with a window: half a period at one
    /// number and half at the next would be more than either.
    fn windowed(&self, moment: Moment) -> Result<Option<(Timestamp, Timestamp)>, UnknownTimeZone> {
        match self.schedule.own() {
            Algorithm::FixedWindow(_) | Algorithm::Quota(_) => {
                let span = span_at(self.schedule.own(), moment)?;
                Ok(span.map(|span| (span.start, span.end)))
            }
            _ => Ok(None),
        }
    }

    /// When the stage that is in force ends, by the subject's clock as it goes now.
    pub(super) fn stage_ends(&self, moment: Moment) -> Result<Option<Timestamp>, UnknownTimeZone> {
        let (stage, Some(clock)) = (self.stage_at(moment)?, self.clock) else {
            return Ok(None);
        };
        let reached = self.end_of(stage).and_then(|end| clock.reaches(end));
        let Some(reached) = reached else {
            return Ok(None);
        };
        let begins = Moment {
            now: reached.max(moment.now),
            ..moment
        };
        Ok(match self.windowed(begins)? {
            Some((start, _)) if start == reached && reached > moment.now => Some(reached),
            Some((_, end)) => Some(end),
            None => Some(reached),
        })
    }

    /// The numbers in force.
    pub(super) fn in_force(&self, moment: Moment) -> Result<Numbers, UnknownTimeZone> {
        let own = Numbers::of(self.schedule.own());
        let stage = match self.schedule.stages().is_empty() {
            true => None,
            false => self.schedule.stages().get(self.stage_at(moment)?),
        };
        let stage = stage.map(|stage| stage.numbers().or(&own));
        let mut clocks = Clocks::at(moment);
        let mut time = None;
        for hours in self.schedule.times() {
            if hold(hours, clocks.of(hours.zone())?) {
                time = Some(hours.numbers().or(&own));
                break;
            }
        }
        Ok(match (stage, time) {
            (Some(stage), Some(time)) => stage.smaller(&time),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => own,
        })
    }

    /// The next instant at which the numbers may be others.
    pub(super) fn next_instant(
        &self,
        moment: Moment,
    ) -> Result<Option<Timestamp>, UnknownTimeZone> {
        let mut next = self.stage_ends(moment)?;
        for (zone, marks) in self.schedule.marks() {
            let shown = next_shown(zone, marks, moment.zones, moment.now)?;
            next = next.into_iter().chain(shown).min();
        }
        Ok(next.filter(|next| *next > moment.now))
    }
}

/// What clocks show at one instant, each read once.
struct Clocks<'a> {
    moment: Moment<'a>,
    read: Vec<(&'a TimeZoneName, Shown)>,
}

impl<'a> Clocks<'a> {
    const fn at(moment: Moment<'a>) -> Clocks<'a> {
        let read = Vec::new();
        Clocks { moment, read }
    }

    /// What those of a zone show.
    fn of(&mut self, zone: &'a TimeZoneName) -> Result<Shown, UnknownTimeZone> {
        if let Some((_, shown)) = self.read.iter().find(|(read, _)| *read == zone) {
            return Ok(*shown);
        }
        let shown = shown_at(zone, self.moment.zones, self.moment.now)?;
        self.read.push((zone, shown));
        Ok(shown)
    }
}

/// Whether clocks show these hours. An hour that is skipped is never shown, and one that is
/// repeated is shown twice.
fn hold(hours: &Hours, shown: Shown) -> bool {
    let (second, days) = (shown.second_of_day, hours.days());
    let (today, yesterday) = (shown.weekday, (shown.weekday + 6) % 7);
    match hours.seconds() {
        None => days.has(today),
        Some((from, to)) if from < to => days.has(today) && (from..to).contains(&second),
        Some((from, to)) => {
            (days.has(today) && second >= from) || (days.has(yesterday) && second < to)
        }
    }
}
