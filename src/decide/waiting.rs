//! Holding an answer until the caller's turn has come: `wait`. The Worker waits, and never the
//! object; where the caller goes away before, his place is given back.

use tollgate_core::decide::Check;
use tollgate_core::limit::Costs;
use tollgate_core::Duration;

use super::outcome::Outcome;
use crate::context::Context;
use crate::hot;
use crate::task::settled;

/// Who has waited longer is let go only if nothing has shut him out meanwhile; who has not, too,
/// where this isolate knows that a gate has closed.
const LOOKS_AGAIN: Duration = Duration::from_secs(1);

/// Waits until the turn of all these outcomes of one request has come, and says so in them; or the
/// answer to who was shut out meanwhile, as `shut_out` tells it. Nobody reads either where the
/// caller has gone away.
pub(super) async fn held<T>(
    context: &Context<'_>,
    outcomes: &mut [Outcome],
    shut_out: impl AsyncFn() -> Option<T>,
) -> Option<T> {
    let delays = outcomes.iter().filter_map(|it| it.decision.delay);
    let delay = delays.max().unwrap_or(Duration::ZERO);
    // Of all that were charged together the first one knows it.
    let charged = outcomes.iter().find_map(|it| it.charged.as_ref());
    if delay > Duration::ZERO {
        let turn = hot::turn(context.request, hot::millis(delay));
        // Else nothing would be done any more once the caller has gone.
        let _ = context.execution.wait_until(&turn);
        let has_come = settled(turn).await.is_ok_and(|it| it.is_truthy());
        let looks_again = delay > LOOKS_AGAIN || outcomes.iter().any(Outcome::is_gate_closed);
        let refused = match has_come && looks_again {
            true => shut_out().await,
            false => None,
        };
        if !has_come || refused.is_some() {
            if let Some(charged) = charged {
                charged.give_back(context);
            }
            return refused;
        }
    }
    if let Some(charged) = charged {
        charged.keep();
    }
    for outcome in outcomes {
        if let Some(delay) = outcome.decision.delay {
            outcome.tell_wait(delay);
            outcome.wait_is_over(delay);
        }
    }
    None
}

/// The same check of no units.
pub(super) fn of_nothing(check: Check) -> Check {
    Check {
        cost: 0,
        costs: Costs::NONE,
        ..check
    }
}
