//! A limit with stages and times.

use std::sync::Arc;

use super::schedule::{Hours, Numbers, Schedule, Stage};
use super::{Algorithm, Limit};
use crate::error::InvalidLimit;

impl Limit {
    /// The same limit with these stages and times: see [`Schedule`].
    pub fn scheduled(self, stages: Vec<Stage>, times: Vec<Hours>) -> Result<Limit, InvalidLimit> {
        if stages.is_empty() && times.is_empty() {
            return Ok(self);
        }
        let schedule = Schedule::new(self.algorithm.clone(), stages, times)?;
        Ok(Limit {
            schedule: Some(Arc::new(schedule)),
            ..self
        })
    }

    /// Its stages and times, if it has any.
    pub fn schedule(&self) -> Option<&Schedule> {
        self.schedule.as_deref()
    }

    /// Whether it has stages, which count from each subject's start.
    pub fn has_stages(&self) -> bool {
        self.schedule().is_some_and(|it| !it.stages().is_empty())
    }

    /// The limit as it is written, whatever is in force.
    #[must_use]
    pub fn own(&self) -> Limit {
        match self.schedule() {
            Some(schedule) => self.under(schedule.own().clone()),
            None => self.clone(),
        }
    }

    /// Whether both are written alike, whatever is in force.
    pub fn is_written_as(&self, other: &Limit) -> bool {
        match (&self.schedule, &other.schedule) {
            (Some(own), Some(others)) => self.name == other.name && own == others,
            (None, None) => self == other,
            _ => false,
        }
    }

    /// The same limit with these numbers in force.
    pub(crate) fn under_numbers(&self, numbers: &Numbers) -> Limit {
        match self.schedule() {
            Some(schedule) => self.under(schedule.own().with(numbers)),
            None => self.clone(),
        }
    }

    /// The same limit with so many units less in force: at least none.
    pub(crate) fn lessened(&self, units: u64) -> Limit {
        let most = Some(self.algorithm.limit().saturating_sub(units));
        let numbers = Numbers { most, rate: None };
        self.under(self.algorithm.with(&numbers))
    }

    fn under(&self, algorithm: Algorithm) -> Limit {
        Limit {
            algorithm,
            name: self.name.clone(),
            schedule: self.schedule.clone(),
        }
    }

    /// The limit as it is written with its numbers changed, those of each step as well.
    pub(crate) fn with_each(
        &self,
        change: &dyn Fn(&Algorithm) -> Result<Algorithm, InvalidLimit>,
    ) -> Result<Limit, InvalidLimit> {
        let own = Limit::new(self.name.clone(), change(self.own().algorithm())?);
        let Some(schedule) = self.schedule() else {
            return Ok(own);
        };
        let changed = |step: &Numbers| -> Result<Numbers, InvalidLimit> {
            let Numbers { most, rate } = Numbers::of(&change(&schedule.own().with(step))?);
            Ok(Numbers {
                most: most.filter(|_| step.most.is_some()),
                rate: rate.filter(|_| step.rate.is_some()),
            })
        };
        let stages = schedule.stages().iter();
        let stages = stages.map(|it| Stage::new(it.length(), changed(it.numbers())?));
        let times = schedule.times().iter();
        let times = times.map(|it| Ok(it.with_numbers(changed(it.numbers())?)));
        own.scheduled(
            stages.collect::<Result<_, InvalidLimit>>()?,
            times.collect::<Result<_, InvalidLimit>>()?,
        )
    }

    /// With the largest numbers that are ever in force: no step admits more.
    #[must_use]
    pub fn largest(&self) -> Limit {
        self.extreme(Numbers::larger)
    }

    /// With the smallest numbers that are ever in force: in no step more comes back.
    #[must_use]
    pub fn smallest(&self) -> Limit {
        self.extreme(Numbers::smaller)
    }

    fn extreme(&self, choose: fn(&Numbers, &Numbers) -> Numbers) -> Limit {
        let Some(schedule) = self.schedule() else {
            return self.clone();
        };
        let own = Numbers::of(schedule.own());
        let mut steps = schedule.numbers().map(|numbers| numbers.or(&own));
        // With stages alone, the limit's own numbers are never in force.
        let first = match schedule.stages().is_empty() {
            true => own,
            false => steps.next().unwrap_or(own),
        };
        let extreme = steps.fold(first, |chosen, step| choose(&chosen, &step));
        self.under_numbers(&extreme)
    }
}
