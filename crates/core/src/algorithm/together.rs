//! One instant for several limits, and the exact wait until there is one.
//!
//! A caller goes ahead at one instant, which has to suit every limit. A refusal names the first
//! instant at which the same question is answered with an admission, now or for later: it is found
//! by asking that question again at each instant before which the answer cannot change.

use std::borrow::Cow;

use super::state::{shape, LimitState};
use super::{Ask, Room};
use crate::limit::Algorithm;
use crate::{Duration, Timestamp};

/// A limit that is asked: its algorithm and its state, projected to the instant of the question.
pub type Asked<'a> = (&'a Algorithm, &'a LimitState);

/// Whether all limits have room at one instant, and if not, when they have.
pub fn room(limits: &[Asked], ask: &Ask) -> Room {
    let mut now = ask.now;
    loop {
        match ask_all(limits, ask, now) {
            None => return Room::Never,
            // A place that lies behind a change of the numbers is no place: it is looked for then.
            Some(Ok(at)) => return promised(ask, now, at),
            Some(Err(later)) => now = later,
        }
    }
}

/// The answer to a caller who goes at `at` if it asks at `now`. A place that lies behind a change
/// of the numbers is none: it is looked for again when they have changed.
fn promised(ask: &Ask, now: Timestamp, at: Timestamp) -> Room {
    match ask.before {
        Some(before) if at > now && at >= before => Room::Wait(before.max(now)),
        _ if now == ask.now => Room::At(at),
        _ => Room::Wait(now),
    }
}

/// When the caller goes who asks at `now`, or an instant before which asking again is in vain;
/// `None` when it always is.
fn ask_all(limits: &[Asked], ask: &Ask, now: Timestamp) -> Option<Result<Timestamp, Timestamp>> {
    let seen: Vec<(&Algorithm, Cow<LimitState>)> = limits
        .iter()
        .map(|(algorithm, state)| (*algorithm, seen_at(algorithm, state, now)))
        .collect();
    let (mut not_before, mut latest) = (now, now);
    for (algorithm, state) in &seen {
        let own = state.earliest(algorithm, ask, now)?;
        latest = latest.max(own);
        if goes_at_once(algorithm, ask) {
            not_before = not_before.max(own);
        }
        if let Some(until) = state.queue_full_until(algorithm, ask) {
            not_before = not_before.max(until);
        }
    }
    let at = common(&seen, ask, now, latest)?;
    if at > now {
        not_before = not_before.max(match patience(limits, ask) {
            Some(most) if at.since(now) > most => {
                Timestamp::from_millis(at.as_millis() - most.as_millis())
            }
            Some(_) => now,
            None => at,
        });
        for (_, state) in &seen {
            if let Some(until) = state.places_full_until(ask.cost, now) {
                not_before = not_before.max(until.min(at));
            }
        }
    }
    Some(if not_before > now {
        Err(not_before)
    } else {
        Ok(at)
    })
}

/// The state as it is at `now`, when nothing happens before. Only buckets change by themselves in a
/// way that they do not foresee.
fn seen_at<'a>(
    algorithm: &Algorithm,
    state: &'a LimitState,
    now: Timestamp,
) -> Cow<'a, LimitState> {
    match (state, shape(algorithm)) {
        (LimitState::Bucket(bucket), Some(shape)) if now > bucket.level.seen => {
            Cow::Owned(LimitState::Bucket(bucket.at(shape, now)))
        }
        _ => Cow::Borrowed(state),
    }
}

/// The first instant from `now` on that suits all: `latest`, the latest of their own, or a later
/// one.
fn common(
    seen: &[(&Algorithm, Cow<LimitState>)],
    ask: &Ask,
    now: Timestamp,
    latest: Timestamp,
) -> Option<Timestamp> {
    let (mut from, mut at) = (now, latest);
    // One limit alone has told.
    while seen.len() > 1 && at > from {
        from = at;
        for (algorithm, state) in seen {
            at = at.max(state.earliest(algorithm, ask, from)?);
        }
    }
    Some(at)
}

/// The longest that the caller waits: its own patience, and that of every shaper. `None` when
/// nobody waits.
fn patience(limits: &[Asked], ask: &Ask) -> Option<Duration> {
    let shapers = limits
        .iter()
        .filter_map(|(algorithm, _)| shape(algorithm)?.shaper);
    shapers.chain(ask.max_delay).min()
}

/// Whether the caller needs room at this limit now: whoever did not ask to wait, and who wants
/// slots, or more than a bucket's capacity.
fn goes_at_once(algorithm: &Algorithm, ask: &Ask) -> bool {
    match (algorithm, shape(algorithm)) {
        (Algorithm::Concurrency(_), _) => true,
        (_, Some(shape)) => !shape.delays(ask.max_delay) || ask.cost > algorithm.limit(),
        _ => ask.max_delay.is_none(),
    }
}
