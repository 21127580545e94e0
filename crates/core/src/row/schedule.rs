//! The text of a limit's stages and times, on the line of its definition.
//!
//! Such a limit tells its algorithm under another key than others do. A build that knows of no
//! schedules takes the line for damaged and answers `unavailable`; it would pass over the steps
//! otherwise and decide without them.

use crate::codec::{Line, LineWriter, Unreadable};
use crate::limit::quota::TimeZoneName;
use crate::limit::schedule::{Hours, Numbers, Schedule, Stage, WeekDays};
use crate::limit::{Limit, Rate};
use crate::number::Decimal;
use crate::Duration;

use super::items;

/// The key of the algorithm's word.
pub(super) const KEY: &str = "scheduled";

/// Adds the steps of a limit, and its numbers in force where they are not its own.
pub(super) fn put_schedule(line: LineWriter, limit: &Limit, schedule: &Schedule) -> LineWriter {
    let joined = |items: Vec<String>| (!items.is_empty()).then(|| items.join(","));
    let stages = schedule.stages().iter().map(|stage| {
        let length = stage.length().map(|length| length.as_millis().to_string());
        format!("{};{}", length.unwrap_or_default(), text(stage.numbers()))
    });
    let times = schedule.times().iter().map(|hours| {
        let between = hours.seconds().map(|(from, to)| format!("{from};{to}"));
        let between = between.unwrap_or(";".to_owned());
        let (days, zone) = (hours.days().bits(), hours.zone().as_str());
        format!("{between};{days};{zone};{}", text(hours.numbers()))
    });
    let in_force = Numbers::of(limit.algorithm());
    let is_own = in_force == Numbers::of(schedule.own());
    line.put_some("stages", joined(stages.collect()))
        .put_some("times", joined(times.collect()))
        .put_some("now", (!is_own).then(|| text(&in_force)))
}

/// Reads the steps of a limit, of which `own` is the definition without them.
pub(super) fn get_schedule(line: &Line, own: Limit) -> Result<Limit, Unreadable> {
    let stages: Option<Result<Vec<Stage>, Unreadable>> =
        items(line, "stages").map(get_stage).collect();
    let stages = stages.ok_or(Unreadable::Damaged("stages"))??;
    let times: Option<Result<Vec<Hours>, Unreadable>> =
        items(line, "times").map(get_hours).collect();
    let times = times.ok_or(Unreadable::Damaged("times"))??;
    let limit = own.scheduled(stages, times)?;
    match line.get("now") {
        None => Ok(limit),
        Some(now) => {
            let now = get_numbers(&mut now.split(';')).ok_or(Unreadable::Damaged("now"))?;
            Ok(limit.under_numbers(&now?))
        }
    }
}

/// `most;amount;interval`, each empty where it is not given.
fn text(numbers: &Numbers) -> String {
    let most = numbers.most.map(|most| most.to_string());
    let rate = numbers.rate;
    let rate = rate.map(|it| format!("{};{}", it.amount(), it.interval().as_millis()));
    format!(
        "{};{}",
        most.unwrap_or_default(),
        rate.unwrap_or(";".to_owned())
    )
}

type Parts<'a> = core::str::Split<'a, char>;

/// `None` where the text is not of this form.
fn get_numbers(parts: &mut Parts) -> Option<Result<Numbers, Unreadable>> {
    let most = optional(parts.next()?)?;
    let (amount, interval) = (parts.next()?, optional(parts.next()?)?);
    let rate = match (amount, interval) {
        ("", None) => None,
        (amount, Some(interval)) => Some(Rate::new(
            "interval",
            Decimal::parse(amount).ok()?,
            Duration::from_millis(interval),
        )),
        _ => return None,
    };
    let rate = rate.transpose().map_err(Unreadable::from);
    Some(rate.map(|rate| Numbers { most, rate }))
}

fn get_stage(text: &str) -> Option<Result<Stage, Unreadable>> {
    let mut parts = text.split(';');
    let length = optional(parts.next()?)?.map(Duration::from_millis);
    let numbers = get_numbers(&mut parts)?;
    Some(numbers.and_then(|numbers| Ok(Stage::new(length, numbers)?)))
}

fn get_hours(text: &str) -> Option<Result<Hours, Unreadable>> {
    let mut parts = text.split(';');
    let between = match (optional(parts.next()?)?, optional(parts.next()?)?) {
        (None, None) => None,
        (Some(from), Some(to)) => Some((from, to)),
        _ => return None,
    };
    let days = WeekDays::stored(parts.next()?.parse().ok()?)?;
    let zone = TimeZoneName::stored(parts.next()?);
    let numbers = get_numbers(&mut parts)?;
    Some(numbers.and_then(|numbers| Ok(Hours::stored(between, days, zone?, numbers)?)))
}

/// A number, or nothing; `None` where it is neither.
fn optional(text: &str) -> Option<Option<u64>> {
    match text {
        "" => Some(None),
        text => text.parse().ok().map(Some),
    }
}
