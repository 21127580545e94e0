//! Whether the answer to a call may be news for the directory.

use super::{Answer, Call};
use crate::decision::{Decision, Reason};
use crate::report::Heeded;
use crate::summary::{State, Told, SPACING};
use crate::Timestamp;

/// Whether what the directory was told may be wrong after this call, for longer than until it may
/// be told anew. Cheap, because it is asked at each call; whether it is wrong is found when it is
/// looked for.
pub fn may_be_news(told: &Told, call: &Call, answer: &Answer, now: Timestamp) -> bool {
    match (call, answer) {
        (
            Call::Knowing { call, .. } | Call::Keyed { call, .. } | Call::Borrowing { call, .. },
            _,
        ) => may_be_news(told, call, answer, now),
        (Call::Recorded { call, .. }, Answer::Recorded { answer, .. }) => {
            may_be_news(told, call, answer, now)
        }
        (Call::Limit { items, .. }, Answer::Decided(decisions)) => {
            let is_new = |name: &str| !name.is_empty() && told.lacks_policy(name);
            let names = items.iter().map(|item| item.policy.name_or_empty());
            let exhausted = told.summary.until(State::Exhausted, now).unwrap_or(now);
            let is_blocked = told.summary.until(State::Blocked, now).is_some();
            decisions
                .iter()
                .any(|it| exhausts(it, exhausted.plus(SPACING)))
                || (!is_blocked && decisions.iter().any(blocks))
                || names.into_iter().any(is_new)
        }
        (Call::Reset { .. }, Answer::Done) => {
            let is_exhausted = told.summary.until(State::Exhausted, now).is_some();
            is_exhausted || !told.summary.policies().is_empty()
        }
        (Call::Block { .. }, Answer::Done) => true,
        (Call::Report(_), Answer::Reported(reported)) => {
            let is_empty = |it: &Heeded| matches!(it, Heeded::Of { to: 0, from, .. } if *from > 0);
            reported.limits.iter().any(is_empty)
        }
        _ => false,
    }
}

/// Whether a limit is told to have nothing left, and not to have a unit until later than this.
fn exhausts(decision: &Decision, later: Timestamp) -> bool {
    decision.limits.iter().any(|it| {
        let until = it.retry_at.unwrap_or(it.reset);
        it.remaining == 0 && it.limit > 0 && until > later
    })
}

fn blocks(decision: &Decision) -> bool {
    decision.reason == Some(Reason::Blocked)
}
