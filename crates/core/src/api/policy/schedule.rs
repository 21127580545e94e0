//! `stages` and `times` of a limit: steps with other numbers.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::numbers::{at, rate_object, span};
use super::rate::RateBody;
use crate::api::element::Element;
use crate::api::fields::Fields;
use crate::api::{BadRequest, Problem};
use crate::limit::quota::{TimeZoneName, Weekday, MAX_ZONE_NAME};
use crate::limit::schedule::{
    Hours, Numbers, Stage, WeekDays, MAX_STAGES, MAX_TIMES, MAX_TIME_ZONES,
};
use crate::limit::{Concurrency, Kind, Limit, MAX_LOG};
use crate::number::MAX_SAFE;
use crate::{Algorithm, Duration};

/// The fields of a step's numbers.
const NUMBERS: [&str; 4] = ["limit", "capacity", "refill", "leak"];
/// The longest time of day.
const MAX_TIME: usize = 8;
const DAYS: &str = "different days among mon, tue, wed, thu, fri, sat and sun";

/// The steps of a limit, of which the numbers are not read yet: those depend on the algorithm.
pub(super) struct Steps<'a> {
    stages: Vec<Fields<'a>>,
    times: Vec<Fields<'a>>,
}

/// Takes the steps of a limit. What the limit does not say itself, its last stage says, which is
/// the one that stays in force.
pub(super) fn take<'a>(fields: &mut Fields<'a>) -> Result<Steps<'a>, BadRequest> {
    let objects = |elements: Option<Vec<Element<'a>>>| {
        let elements = elements.unwrap_or_default().into_iter();
        elements.map(Element::object).collect::<Result<Vec<_>, _>>()
    };
    let steps = Steps {
        stages: objects(fields.array("stages", MAX_STAGES)?)?,
        times: objects(fields.array("times", MAX_TIMES)?)?,
    };
    if let Some(last) = steps.stages.last() {
        fields.add_defaults(last, |name, _| NUMBERS.contains(&name));
    }
    Ok(steps)
}

impl Steps<'_> {
    /// The limit with its steps.
    pub(super) fn read(self, fields: &Fields<'_>, limit: Limit) -> Result<Limit, BadRequest> {
        let kind = limit.algorithm().kind();
        let last = self.stages.len().saturating_sub(1);
        let stages = self.stages.into_iter().enumerate();
        let stages = stages.map(|(i, step)| stage(step, kind, i == 0, i == last));
        let stages = stages.collect::<Result<Vec<_>, _>>()?;
        let times = self.times.into_iter().map(|step| hours(step, kind));
        let times = times.collect::<Result<Vec<_>, _>>()?;
        let zones: HashSet<&TimeZoneName> = times.iter().map(Hours::zone).collect();
        // A build from before may have stored more.
        if zones.len() > MAX_TIME_ZONES && !fields.is_stored() {
            const { assert!(MAX_TIME_ZONES == 4) };
            let expected = "hours in at most 4 different time zones";
            return Err(fields.error("times", Problem::Malformed { expected }));
        }
        (limit.scheduled(stages, times)).map_err(|error| at(fields, error))
    }
}

fn stage(
    mut fields: Fields<'_>,
    kind: Kind,
    is_first: bool,
    is_last: bool,
) -> Result<Stage, BadRequest> {
    let length = span(&mut fields, "for")?;
    let length = match is_last {
        false => Some(fields.required("for", length)?),
        true if length.is_some() => {
            let with = "the last step, which stays in force: leave it out";
            return Err(fields.error("for", Problem::Conflict { with }));
        }
        true => None,
    };
    // A subject starts with its first admission, so the first step has to admit something.
    let numbers = numbers(&mut fields, kind, u64::from(is_first))?;
    let stage = Stage::new(length, numbers).map_err(|error| at(&fields, error))?;
    fields.finish()?;
    Ok(stage)
}

fn hours(mut fields: Fields<'_>, kind: Kind) -> Result<Hours, BadRequest> {
    let between = match fields.array("between", 2)? {
        None => None,
        Some(times) => {
            let texts = times.into_iter().map(|time| time.text(0, MAX_TIME));
            let texts = texts.collect::<Result<Vec<String>, _>>()?;
            Some(<[String; 2]>::try_from(texts).map_err(|_| {
                let expected = "two times of day, such as [\"22:00\", \"06:00\"]";
                fields.error("between", Problem::Malformed { expected })
            })?)
        }
    };
    let days = days(&mut fields)?;
    if between.is_none() && days.is_none() {
        return Err(fields.error("between", Problem::Missing));
    }
    let zone = match fields.text("timeZone", 1, MAX_ZONE_NAME)? {
        Some(text) => TimeZoneName::new(&text).map_err(|error| at(&fields, error))?,
        None => TimeZoneName::default(),
    };
    let numbers = numbers(&mut fields, kind, 0)?;
    let between = between
        .as_ref()
        .map(|[from, to]| (from.as_str(), to.as_str()));
    let days = days.unwrap_or(WeekDays::ALL);
    let hours = Hours::new(between, days, zone, numbers).map_err(|error| at(&fields, error))?;
    fields.finish()?;
    Ok(hours)
}

fn days(fields: &mut Fields<'_>) -> Result<Option<WeekDays>, BadRequest> {
    let Some(elements) = fields.array("days", Weekday::ALL.len())? else {
        return Ok(None);
    };
    let malformed = || Problem::Malformed { expected: DAYS };
    let mut days = Vec::with_capacity(elements.len());
    for element in elements {
        let word = element.text(1, MAX_TIME)?;
        let day = Weekday::from_short(&word);
        days.push(day.ok_or_else(|| fields.error("days", malformed()))?);
    }
    let days = WeekDays::of(days);
    days.map(Some)
        .ok_or_else(|| fields.error("days", malformed()))
}

/// What a step says of the numbers: `limit`, or of a bucket `capacity` and its rate. What it leaves
/// out is as the limit says.
fn numbers(fields: &mut Fields<'_>, kind: Kind, min: u64) -> Result<Numbers, BadRequest> {
    let (most, rate) = words(kind);
    let is_stray = |name: &&&str| **name != most && Some(**name) != rate && fields.has(name);
    if let Some(stray) = NUMBERS.iter().find(is_stray) {
        return Err(fields.error(stray, Problem::Conflict { with: kind.word() }));
    }
    let max = match kind {
        Kind::SlidingLog => MAX_LOG,
        Kind::Concurrency => Concurrency::MAX_SLOTS,
        _ => MAX_SAFE,
    };
    let rate = rate.filter(|rate| fields.has(rate));
    Ok(Numbers {
        most: fields.count(most, min, max)?,
        rate: rate.map(|rate| rate_object(fields, rate)).transpose()?,
    })
}

/// What the numbers of an algorithm are called.
const fn words(kind: Kind) -> (&'static str, Option<&'static str>) {
    match kind {
        Kind::TokenBucket => ("capacity", Some("refill")),
        Kind::LeakyBucket => ("capacity", Some("leak")),
        _ => ("limit", None),
    }
}

/// One step with its numbers; what is absent is as the limit says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepBody {
    /// Of a stage: how long it is in force, in ms; absent for the last.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
    /// Of hours: from when to when, as `HH:MM:SS`; absent for whole days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub between: Option<[String; 2]>,
    /// Of hours: the days on which they begin; absent where all are meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<Vec<String>>,
    /// Of hours: whose clocks show them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// A bucket's capacity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u64>,
    /// How a token bucket refills.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refill: Option<RateBody>,
    /// How a leaky bucket leaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leak: Option<RateBody>,
}

impl StepBody {
    fn new(algorithm: &Algorithm, numbers: &Numbers) -> StepBody {
        let rate = numbers.rate.map(RateBody::from);
        let (limit, capacity) = match words(algorithm.kind()).0 {
            "limit" => (numbers.most, None),
            _ => (None, numbers.most),
        };
        let is_leaky = matches!(algorithm, Algorithm::LeakyBucket(_));
        StepBody {
            limit,
            capacity,
            refill: rate.filter(|_| !is_leaky),
            leak: rate.filter(|_| is_leaky),
            ..StepBody::default()
        }
    }
}

/// The stages of a limit, as they were written.
pub(in crate::api) fn stages_of(limit: &Limit) -> Vec<StepBody> {
    let stages = limit.schedule().into_iter().flat_map(|it| it.stages());
    let body = |stage: &Stage| StepBody {
        length: stage.length().map(Duration::as_millis),
        ..StepBody::new(limit.algorithm(), stage.numbers())
    };
    stages.map(body).collect()
}

/// The times of a limit, as they were written.
pub(in crate::api) fn times_of(limit: &Limit) -> Vec<StepBody> {
    let times = limit.schedule().into_iter().flat_map(|it| it.times());
    let words = |days: WeekDays| days.days().map(|day| day.short().to_owned()).collect();
    let body = |hours: &Hours| StepBody {
        between: hours.between(),
        days: (hours.days() != WeekDays::ALL || hours.between().is_none())
            .then(|| words(hours.days())),
        time_zone: Some(hours.zone().as_str().to_owned()),
        ..StepBody::new(limit.algorithm(), hours.numbers())
    };
    times.map(body).collect()
}

/// The problem of an inline limit with stages.
pub(in crate::api) const INLINE_STAGES: Problem = Problem::Conflict {
    with: "a limit in the request: a subject's start is kept for 400 days, which the owner of a \
           policy says and no caller. Write it into a policy, and name that",
};
