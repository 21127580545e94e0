//! Holding an answer until the caller's turn has come: `wait`. The Worker waits, and never the
//! object; where the caller goes away before, his place is given back.

use tollgate_core::Duration;

use super::outcome::Outcome;
use crate::context::Context;
use crate::hot;
use crate::task::settled;

/// Who has waited longer is let go only if nothing has shut him out meanwhile; who has not, too,
/// where this isolate knows that a gate has closed.
const LOOKS_AGAIN: Duration = Duration::from_secs(1);

/// The outcome once the caller's turn has come, or that of who was shut out while he waited, as
/// `shut_out` tells. Nobody reads it where the caller has gone away.
pub(super) async fn held(
    context: &Context<'_>,
    outcome: Outcome,
    shut_out: impl AsyncFn() -> Option<Outcome>,
) -> Outcome {
    let Some(delay) = outcome.decision.delay else {
        return outcome;
    };
    if delay == Duration::ZERO {
        outcome.tell_wait(delay);
        return outcome.waited(delay);
    }
    let turn = hot::turn(context.request, hot::millis(delay));
    // Else nothing would be done any more once the caller has gone.
    let _ = context.execution.wait_until(&turn);
    let has_come = settled(turn).await.is_ok_and(|it| it.is_truthy());
    let looks_again = delay > LOOKS_AGAIN || outcome.is_gate_closed();
    let refused = match has_come && looks_again {
        true => shut_out().await,
        false => None,
    };
    if !has_come || refused.is_some() {
        if let Some(charged) = &outcome.charged {
            charged.give_back(context);
        }
    } else {
        outcome.tell_wait(delay);
    }
    refused.unwrap_or_else(|| outcome.waited(delay))
}
