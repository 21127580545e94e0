//! The decision: every limit of a policy is asked, then all are charged or none.

mod answer;
mod beside;
mod check;
mod hold;
mod many;
mod one;
mod overage;
#[cfg(test)]
mod tests;

pub(crate) use answer::longest_wait;
pub use answer::MAX_CACHE_FOR;
pub(crate) use beside::decide_beside;
pub(crate) use check::hold_for;
pub use check::Check;
pub use hold::OnExpiry;
pub use overage::{capped, Overage};

use many::decide_many;
use one::decide_one;

use crate::algorithm::state::{LimitState, Moment};
use crate::algorithm::Holder;
use crate::calendar::UnknownTimeZone;
use crate::decision::Decision;
use crate::policy::Policy;

/// Decides `check` under `policy`: one pure function of policy, states, check and time. `states`
/// stand in the policy's order and are changed only by an admission; a denial and a peek leave them
/// as they were.
///
/// ```
/// use tollgate_core::algorithm::state::{LimitState, Moment};
/// use tollgate_core::calendar::UtcOnly;
/// use tollgate_core::decide::{decide, Check};
/// use tollgate_core::{limit::Window, policy::Policy, Algorithm, Duration, Limit, Timestamp};
///
/// let one_a_second = Algorithm::FixedWindow(Window::new(1, Duration::from_secs(1))?);
/// let moment = Moment { now: Timestamp::from_millis(200), zones: &UtcOnly };
/// let mut state = LimitState::fresh(&one_a_second, moment)?;
/// let policy = Policy::new(vec![Limit::new(None, one_a_second)])?;
///
/// let mut ask = || decide(&policy, &mut [&mut state], &Check::ONE, None, moment);
/// assert!(ask()?.success);
/// assert_eq!(ask()?.retry_after, Some(Duration::from_millis(800)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn decide(
    policy: &Policy,
    states: &mut [&mut LimitState],
    check: &Check,
    holder: Option<Holder>,
    moment: Moment,
) -> Result<Decision, UnknownTimeZone> {
    match (policy.limits(), states) {
        // The usual policy has one limit: its answer needs no list.
        ([limit], [state]) => decide_one(policy, limit, state, check, holder, moment),
        (_, states) => decide_many(policy, states, check, holder, moment),
    }
}
