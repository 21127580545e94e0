//! The refusal of what is asked while its upstream is not to be called.

use crate::algorithm::state::Moment;
use crate::decide::MAX_CACHE_FOR;
use crate::decision::Decision;
use crate::Duration;

use super::decider::Decider;
use super::look::Look;
use super::outlook::Shut;
use super::{Item, Refusal};

impl Decider<'_> {
    /// The refusal of an item for its upstream's sake. Its wait ends when the same request, alone,
    /// succeeds: that is later than the gate's opening where the limits have nothing left then.
    pub(super) fn shut_out(
        &self,
        item: &Item,
        shut: Shut,
        moment: Moment,
    ) -> Result<Decision, Refusal> {
        let opens = Moment {
            now: shut.until,
            ..moment
        };
        let then = match item.check.bypass {
            true => None,
            false => Some(Look::new(&item.peek(), self.limits).answer(opens)?),
        };
        let then = then.filter(|then| !then.success);
        let wait = match &then {
            None => Some(shut.until.since(moment.now)),
            Some(then) => then
                .retry_after
                .map(|wait| shut.until.plus(wait).since(moment.now)),
        };
        let never = then.and_then(|then| then.reason).filter(|_| wait.is_none());
        let reason = never.unwrap_or(shut.reason);
        Ok(Decision {
            retry_after: wait,
            cache_for: match shut.is_certain {
                true => MAX_CACHE_FOR.min(shut.until.since(moment.now)),
                false => Duration::ZERO,
            },
            ..Decision::bare(moment.now, false, Some(reason))
        })
    }
}
