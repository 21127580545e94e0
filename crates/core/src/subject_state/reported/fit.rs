//! Which limit of a policy one is that an upstream told.
//!
//! It is the limit that the report names, else the one of its name, else the only one of its
//! number, else, where it told no number, the only one within whose window it comes back. Anything
//! else is none and says why: another limit's remainder would cost an hour of this one.

use crate::algorithm::emptied::time_to_full;
use crate::algorithm::state::{span_at, Moment};
use crate::calendar::UnknownTimeZone;
use crate::limit::Name;
use crate::policy::Policy;
use crate::report::{Report, Told, Unfit};
use crate::{Algorithm, Duration, Limit, Timestamp};

/// What remains of a limit, by its place in the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fit {
    pub(super) place: usize,
    pub(super) remaining: u64,
}

/// Which limit of `policy` each one is that was told in answer to a call at `answered`, in their
/// order. The policy may be a newer version of the one that the report names.
pub(super) fn fits(
    report: &Report,
    policy: &Policy,
    answered: Timestamp,
    moment: Moment,
) -> Result<Vec<Result<Fit, Unfit>>, UnknownTimeZone> {
    let mut fits = Vec::with_capacity(report.limits.len());
    for told in &report.limits {
        let fit = fit(told, report, answered, moment)?;
        fits.push(fit.and_then(|fit| {
            let limit = &report.policy.limits()[fit.place];
            let newest = policy.limits().iter().map(|it| is_same(it, limit));
            let place = only(newest)?;
            Ok(Fit { place, ..fit })
        }));
    }
    Ok(fits)
}

/// The time over which a limit counts: of a bucket, in which it is full again; slots have none.
pub(super) fn window_of(
    limit: &Limit,
    moment: Moment,
) -> Result<Option<Duration>, UnknownTimeZone> {
    let algorithm = limit.algorithm();
    if let Some(window) = time_to_full(algorithm).or(algorithm.window()) {
        return Ok(Some(window));
    }
    let span = span_at(algorithm, moment)?;
    Ok(span.map(|span| span.end.since(span.start)))
}

/// Which limit of the report's policy a told one is.
fn fit(
    told: &Told,
    report: &Report,
    answered: Timestamp,
    moment: Moment,
) -> Result<Result<Fit, Unfit>, UnknownTimeZone> {
    let reset = told.reset.map(|it| it.instant(answered));
    if reset.is_some_and(|reset| reset <= moment.now) {
        return Ok(Err(Unfit::Passed));
    }
    let Some(remaining) = told.remaining else {
        return Ok(Err(Unfit::Unsaid));
    };
    let policy = &report.policy;
    let found = match place(told, report) {
        Err(Unfit::Unsaid) => within(reset, policy, moment)?,
        found => found,
    };
    Ok(
        found.and_then(|place| match policy.limits()[place].algorithm() {
            Algorithm::Concurrency(_) => Err(Unfit::Slots),
            _ => Ok(Fit { place, remaining }),
        }),
    )
}

/// The limit that is named, or has the number; `Unsaid` where neither is told.
fn place(told: &Told, report: &Report) -> Result<usize, Unfit> {
    let limits = report.policy.limits();
    let position = |is: &dyn Fn(&Limit) -> bool| only(limits.iter().map(is));
    let is_it = |at: usize| is_number(told, &limits[at]);
    if let Some(label) = &report.limit {
        let named = position(&|limit| limit.label() == *label)?;
        // Of several that were told, the others say of which they are.
        let is_alone = report.limits.len() == 1;
        return match is_alone || is_it(named) || is_name(told, &limits[named]) {
            true => Ok(named),
            false => Err(Unfit::AnotherLimit),
        };
    }
    let by_name = position(&|limit| is_name(told, limit));
    match (by_name, told.limit) {
        (Ok(at), _) => Ok(at),
        (Err(_), Some(_)) => position(&|limit| is_number(told, limit)),
        (Err(_), None) => Err(Unfit::Unsaid),
    }
}

/// Whether a limit of a newer version is this one.
fn is_same(newer: &Limit, limit: &Limit) -> bool {
    let is_named = newer.name().is_some() && newer.name() == limit.name();
    is_named || newer.shares_state_with(limit)
}

fn is_name(told: &Told, limit: &Limit) -> bool {
    let name = limit.name().map(Name::as_str);
    name.is_some() && name == told.name.as_deref()
}

/// Whether the upstream's number is that of the limit; with another window it is another limit.
fn is_number(told: &Told, limit: &Limit) -> bool {
    let windows = (told.window, limit.algorithm().window());
    let is_other = matches!(windows, (Some(told), Some(own)) if told != own);
    told.limit == Some(limit.own().algorithm().limit()) && !is_other
}

/// The only limit within whose window an instant lies.
fn within(
    reset: Option<Timestamp>,
    policy: &Policy,
    moment: Moment,
) -> Result<Result<usize, Unfit>, UnknownTimeZone> {
    let Some(reset) = reset else {
        return Ok(Err(Unfit::AnotherLimit));
    };
    let mut lies = Vec::new();
    for limit in policy.limits() {
        let window = window_of(limit, moment)?;
        lies.push(window.is_some_and(|window| reset.since(moment.now) <= window));
    }
    Ok(only(lies.into_iter()))
}

/// The place of the only one that is it.
fn only(are: impl Iterator<Item = bool>) -> Result<usize, Unfit> {
    let mut places = are.enumerate().filter(|(_, is)| *is).map(|(at, _)| at);
    match (places.next(), places.next()) {
        (Some(at), None) => Ok(at),
        (Some(_), Some(_)) => Err(Unfit::Ambiguous),
        (None, _) => Err(Unfit::AnotherLimit),
    }
}
