//! What a policy can do at worst and how it comes back, without a subject: `GET
//! /policies/{name}/explain`. When a subject is admitted next is asked of its object
//! ([`Call::Next`](crate::message::Call::Next)).
//!
//! Pure, and no second arithmetic: the curve is what the code that decides answers at simulated
//! instants, the numbers of failure modes and of counting through KV are those that
//! [`crate::isolate`] admits by. Only the worst case is a formula, which no decision contains.

mod curve;
mod least;
mod modes;
mod worst_case;

pub use curve::{Curve, Point};
pub use least::Least;
pub use modes::{Admits, HoldsFor, OutOfReach, OverAdmission};
pub use worst_case::{most_in, Sustained, WorstCase};

use crate::algorithm::state::Moment;
use crate::calendar::UnknownTimeZone;
use crate::policy::Policy;
use crate::Limit;

/// What is to be known of one limit of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitExplanation<'a> {
    /// The limit.
    pub limit: &'a Limit,
    /// The most that it admits, decided in one place.
    pub worst_case: WorstCase,
    /// How it comes back after everything was used.
    pub curve: Curve,
    /// How far it may be exceeded where isolates count through KV.
    pub over_admission: Option<OverAdmission>,
    /// What each isolate admits under it while the object is out of reach, where that is a number.
    pub out_of_reach: Option<OutOfReach>,
    /// The least that each class has that shares it.
    pub classes: Vec<Least>,
}

/// What is to be known of each limit of `policy`, in its order. All limits have to have room, so no
/// more is admitted than any of them says.
///
/// ```
/// use tollgate_core::algorithm::state::Moment;
/// use tollgate_core::calendar::UtcOnly;
/// use tollgate_core::explain::explain;
/// use tollgate_core::{limit::Window, policy::Policy, Algorithm, Duration, Limit, Timestamp};
///
/// let hourly = Window::new(100, Duration::from_secs(3600))?;
/// let policy = Policy::new(vec![Limit::new(None, Algorithm::FixedWindow(hourly))])?;
/// let moment = Moment { now: Timestamp::from_millis(1_000), zones: &UtcOnly };
/// let explained = &explain(&policy, moment)?[0];
/// assert_eq!(explained.worst_case.units, 200);
/// assert_eq!(explained.worst_case.aligned, Some(100));
/// let last = explained.curve.points.last();
/// assert_eq!(last.map(|point| point.at), Some(Duration::from_secs(3600)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn explain<'a>(
    policy: &'a Policy,
    moment: Moment,
) -> Result<Vec<LimitExplanation<'a>>, UnknownTimeZone> {
    let fail_mode = asks_objects(policy).then(|| policy.fail_mode());
    let mut explained = Vec::with_capacity(policy.limits().len());
    for limit in policy.limits() {
        explained.push(LimitExplanation {
            limit,
            worst_case: WorstCase::of(limit, moment)?,
            curve: Curve::of(limit, moment)?,
            over_admission: OverAdmission::of(policy.consistency(), limit),
            out_of_reach: fail_mode.and_then(|mode| OutOfReach::of(mode, limit)),
            classes: Least::of(policy, limit),
        });
    }
    Ok(explained)
}

/// What a policy admits while what decides it is out of reach; `None` where isolates decide, which
/// need nothing that could be.
pub fn admits_out_of_reach(policy: &Policy) -> Option<Admits> {
    asks_objects(policy).then(|| Admits::under(policy.fail_mode()))
}

/// Whether an object or a binding decides, in whose place the failure mode answers.
fn asks_objects(policy: &Policy) -> bool {
    HoldsFor::of(policy.consistency()) != HoldsFor::Isolate
}
