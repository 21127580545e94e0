//! In the isolate, which counts through KV: it decides by what it knows, and tells the others
//! afterwards, in the background ([`sync`]). What an operator says of a subject is told as well,
//! and what all isolates have told can be shown ([`subject`]).

pub(crate) mod subject;
mod sync;

pub(super) use sync::sync_later;

use tollgate_core::decide::Check;
use tollgate_core::decision::{Decision, Reason, Source};
use tollgate_core::isolate::counts::Purpose;
use tollgate_core::policy::consistency::Consistency;
use tollgate_core::policy::Policy;
use tollgate_core::store::RateLimitStore;
use tollgate_core::subject_state::Item;

use crate::clock::moment;
use crate::context::Context;
use crate::error::ApiError;
use crate::isolate;
use crate::placement;

/// The counts of this isolate, for the time of one request.
pub(super) struct CountsStore<'a> {
    pub(super) context: &'a Context<'a>,
}

impl RateLimitStore for CountsStore<'_> {
    type Error = ApiError;

    /// Decides, and has others told.
    async fn decide(&self, object: &str, item: &Item) -> Result<(Decision, Source), ApiError> {
        let decision = decide_for(Purpose::Mode, self.context, object, item)?;
        Ok((decision, Source::Kv))
    }
}

fn decide_for(
    purpose: Purpose,
    context: &Context,
    object: &str,
    Item { policy, check }: &Item,
) -> Result<Decision, ApiError> {
    if !context.has_kv() {
        return Err(ApiError::no_kv());
    }
    let name = placement::short_name(object);
    let decision = isolate::with(|isolate| {
        let counts = &mut isolate.counts;
        counts.check(purpose, &name, policy, check, moment())
    });
    sync_later(context);
    decision.map_err(|unknown| ApiError::unknown_time_zone(unknown.zone.as_str()))
}

/// The same in place of an object that is out of reach.
pub(super) fn decide_degraded(
    context: &Context,
    object: &str,
    item: &Item,
) -> Result<Decision, ApiError> {
    let mut decision = decide_for(Purpose::Fallback, context, object, item)?;
    decision.reason = Some(Reason::Degraded);
    Ok(decision)
}

/// Units of a policy in use, as far as this isolate knows; `None` where its object counts them.
pub(super) fn in_use(
    context: &Context,
    object: &str,
    policy: &Policy,
) -> Result<Option<u64>, ApiError> {
    if policy.consistency() != Consistency::Eventual {
        return Ok(None);
    }
    let name = placement::short_name(object);
    let used = isolate::with(|isolate| isolate.counts.in_use(&name, policy, moment()));
    sync_later(context);
    used.map(Some)
        .map_err(|unknown| ApiError::unknown_time_zone(unknown.zone.as_str()))
}

/// Gives back what was counted in place of an object for a request that was refused by another
/// subject's limit.
pub(super) fn give_back(context: &Context, object: &str, item: &Item) {
    let cost = item.check.cost.saturating_neg();
    let refund = Item {
        policy: item.policy.clone(),
        check: Check {
            cost,
            ..item.check.clone()
        },
    };
    let _ = decide_for(Purpose::Fallback, context, object, &refund);
}

/// Remembers what the object said, so that counting can go on from there. In a time zone that
/// nobody knows nothing is counted.
pub(super) fn learn(object: &str, policy: &Policy, decision: &Decision) {
    let name = placement::short_name(object);
    let _ = isolate::with(|isolate| {
        isolate
            .counts
            .record_decision(&name, policy, decision, moment())
    });
}

/// The object has been charged these items, which this isolate gave out in its place.
pub(super) fn charged(object: &str, items: &[Item]) {
    let name = placement::short_name(object);
    let _ = isolate::with(|isolate| isolate.counts.record_charged(&name, items, moment()));
}
