//! How a limit comes back after everything was used at once. No formula of its own: the code that
//! decides is asked when so many units have room, and what is left then.

use crate::algorithm::state::{span_at, LimitState, Moment};
use crate::calendar::UnknownTimeZone;
use crate::decide::{decide, Check};
use crate::decision::Decision;
use crate::number::MAX_SAFE;
use crate::policy::Policy;
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
        let mut subject = Subject::new(limit, at(emptied_at))?;
        let all = subject.left(at(emptied_at))?;
        subject.decide(all, false, at(emptied_at))?;
        let forgotten_at = subject.state.idle_at(algorithm, emptied_at);
        let mut points = vec![Point {
            at: Duration::ZERO,
            available: subject.left(at(emptied_at))?,
        }];
        for cost in costs(algorithm) {
            let Some(wait) = subject.decide(cost, true, at(emptied_at))?.retry_after else {
                continue; // there at once, or never
            };
            let until = emptied_at.plus(wait);
            let available = subject.left(at(until))?;
            let is_more = points.last().is_some_and(|last| available > last.available);
            if is_more && until <= forgotten_at {
                let at = until.since(emptied_at);
                points.push(Point { at, available });
            }
        }
        Ok(Curve { emptied_at, points })
    }
}

/// A subject of one limit.
struct Subject {
    policy: Policy,
    state: LimitState,
}

impl Subject {
    /// A new one.
    fn new(limit: &Limit, moment: Moment) -> Result<Subject, UnknownTimeZone> {
        Ok(Subject {
            policy: Policy::of(limit.clone()),
            state: LimitState::fresh(limit.algorithm(), moment)?,
        })
    }

    /// Decides `cost` units, or only looks.
    fn decide(
        &mut self,
        cost: u64,
        peek: bool,
        moment: Moment,
    ) -> Result<Decision, UnknownTimeZone> {
        let check = Check {
            peek,
            ..Check::of(cost as i64) // at most 2^53
        };
        decide(&self.policy, &mut [&mut self.state], &check, None, moment)
    }

    /// What can be asked for at a moment.
    fn left(&mut self, moment: Moment) -> Result<u64, UnknownTimeZone> {
        let decision = self.decide(0, true, moment)?;
        let left = decision.deciding().map_or(0, |limit| limit.remaining);
        Ok(left.min(MAX_SAFE))
    }
}

/// The units of which the return is told, rising: one, parts of the limit, and all with the credits
/// of a bucket; zero where there is nothing more to tell.
fn costs(algorithm: &Algorithm) -> [u64; 7] {
    let limit = algorithm.limit();
    let mut costs = [1; 7];
    for (cost, percent) in costs[1..].iter_mut().zip(PARTS) {
        let part = (u128::from(limit) * u128::from(percent)).div_ceil(100);
        *cost = part as u64; // at most `limit`
    }
    costs[6] = match algorithm {
        Algorithm::TokenBucket(bucket) => {
            (bucket.burst_credits()).map_or(0, |credits| (limit + credits.cap()).min(MAX_SAFE))
        }
        _ => 0,
    };
    costs
}
