//! How a limit comes back after everything was used at once. No formula of its own: the code that
//! decides is asked when so many units have room, and what is left then.

use crate::algorithm::state::{span_at, LimitState, Moment};
use crate::algorithm::{Ask, Room};
use crate::calendar::UnknownTimeZone;
use crate::number::MAX_SAFE;
use crate::{Algorithm, Duration, Limit, Timestamp};

/// The parts of a limit whose return is told, in percent, beside the first unit.
const PARTS: [u64; 5] = [10, 25, 50, 75, 100];

/// How the units of a limit come back to a subject that used all of them at once and then nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Curve {
    /// When all was used: at the start of the window or period under way where there is one, else
    /// at the moment of the question.
    pub emptied_at: Timestamp,
    /// At most eight, the first at zero: each tells more than the one before. It is the first
    /// instant at which its units are available.
    pub points: Vec<Point>,
}

/// What is available at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// The time since all was used.
    pub at: Duration,
    /// Units that are admitted then, and not one more; where callers wait for their turn
    /// (`maxDelay` of a `leakyBucket`), admitted with a delay.
    pub available: u64,
}

impl Curve {
    /// The curve of a limit. Instants after which an idle subject is forgotten are left out: it is
    /// a new one then.
    pub fn of(limit: &Limit, moment: Moment) -> Result<Curve, UnknownTimeZone> {
        let algorithm = limit.algorithm();
        let emptied_at = span_at(algorithm, moment)?.map_or(moment.now, |span| span.start);
        let at = |now| Moment { now, ..moment };
        let emptied = emptied(algorithm, at(emptied_at))?;
        let forgotten_at = emptied.idle_at(algorithm, emptied_at);
        let mut points = vec![Point {
            at: Duration::ZERO,
            available: available(&emptied, algorithm, at(emptied_at))?,
        }];
        for cost in costs(algorithm) {
            let ask = ask(cost, emptied_at);
            let Room::Wait(until) = emptied.room(algorithm, &ask) else {
                continue; // there at once, or never
            };
            let available = available(&emptied, algorithm, at(until))?;
            let is_more = points.last().is_some_and(|last| available > last.available);
            if is_more && until <= forgotten_at {
                let at = until.since(emptied_at);
                points.push(Point { at, available });
            }
        }
        Ok(Curve { emptied_at, points })
    }
}

/// A new subject's state that all it has was taken of, in one millisecond.
fn emptied(algorithm: &Algorithm, moment: Moment) -> Result<LimitState, UnknownTimeZone> {
    let mut state = LimitState::fresh(algorithm, moment)?;
    let all = available(&state, algorithm, moment)?;
    if all > 0 {
        state.admit(algorithm, &ask(all, moment.now), None, moment)?;
    }
    Ok(state)
}

const fn ask(cost: u64, now: Timestamp) -> Ask {
    Ask {
        cost,
        now,
        max_delay: None,
    }
}

/// What is left at a moment, and can be asked for in one request.
fn available(
    state: &LimitState,
    algorithm: &Algorithm,
    moment: Moment,
) -> Result<u64, UnknownTimeZone> {
    let projected = state.projected(algorithm, moment)?;
    let seen = projected.as_ref().unwrap_or(state);
    Ok(seen.view(algorithm, moment.now).remaining.min(MAX_SAFE))
}

/// The units of which the return is told, rising: one, parts of the limit, and all with the credits
/// of a bucket.
fn costs(algorithm: &Algorithm) -> impl Iterator<Item = u64> {
    let limit = algorithm.limit();
    let part = move |percent: u64| {
        (u128::from(limit) * u128::from(percent)).div_ceil(100) as u64 // at most `limit`
    };
    let credits = match algorithm {
        Algorithm::TokenBucket(bucket) => bucket.burst_credits(),
        _ => None,
    };
    let beyond = credits.map(|credits| (limit + credits.cap()).min(MAX_SAFE));
    core::iter::once(1)
        .chain(PARTS.into_iter().map(part))
        .chain(beyond)
        .filter(|cost| *cost > 0)
}
