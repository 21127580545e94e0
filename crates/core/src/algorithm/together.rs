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

/// A limit that is asked.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// How it counts.
    pub algorithm: &'a Algorithm,
    /// Its state, projected to the instant of the question.
    pub state: &'a LimitState,
    /// Units wanted of it, at least 1.
    pub cost: u64,
}

/// The same, its state as it is at a later instant.
struct Seen<'a> {
    algorithm: &'a Algorithm,
    state: Cow<'a, LimitState>,
    ask: Ask,
}

/// One limit alone, asked as `ask` says.
pub fn alone(algorithm: &Algorithm, state: &LimitState, ask: &Ask) -> Room {
    let asked = Asked {
        algorithm,
        state,
        cost: ask.cost,
    };
    room(&[asked], ask)
}

/// Whether all limits have room at one instant, and if not, when they have. Each is asked for its
/// own cost, and otherwise as `ask` says.
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
fn ask_all<'a>(
    limits: &[Asked<'a>],
    ask: &Ask,
    now: Timestamp,
) -> Option<Result<Timestamp, Timestamp>> {
    let seen = |asked: &Asked<'a>| {
        let Asked { cost, .. } = *asked;
        Seen {
            algorithm: asked.algorithm,
            state: seen_at(asked.algorithm, asked.state, now),
            ask: Ask { cost, ..*ask },
        }
    };
    let seen: Vec<Seen> = limits.iter().map(seen).collect();
    let (mut not_before, mut latest) = (now, now);
    for Seen {
        algorithm,
        state,
        ask,
    } in &seen
    {
        let own = state.earliest(algorithm, ask, now)?;
        latest = latest.max(own);
        if goes_at_once(algorithm, ask) {
            not_before = not_before.max(own);
        }
        if let Some(until) = state.queue_full_until(algorithm, ask) {
            not_before = not_before.max(until);
        }
    }
    let at = common(&seen, now, latest)?;
    if at > now {
        not_before = not_before.max(match patience(limits, ask) {
            Some(most) if at.since(now) > most => {
                Timestamp::from_millis(at.as_millis() - most.as_millis())
            }
            Some(_) => now,
            None => at,
        });
        for Seen { state, ask, .. } in &seen {
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
fn common(seen: &[Seen<'_>], now: Timestamp, latest: Timestamp) -> Option<Timestamp> {
    let (mut from, mut at) = (now, latest);
    // One limit alone has told.
    while seen.len() > 1 && at > from {
        from = at;
        for it in seen {
            at = at.max(it.state.earliest(it.algorithm, &it.ask, from)?);
        }
    }
    Some(at)
}

/// The longest that the caller waits: its own patience, and that of every shaper. `None` when
/// nobody waits.
fn patience(limits: &[Asked], ask: &Ask) -> Option<Duration> {
    let shapers = limits
        .iter()
        .filter_map(|asked| shape(asked.algorithm)?.shaper);
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
