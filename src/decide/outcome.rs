//! What was decided, with what it was decided about: how it is shown, and who is told of it.

use tollgate_core::api::response::DecisionBody;
use tollgate_core::decision::{Decision, Reason, Source};
use tollgate_core::policy::FailMode;

use super::counts;
use super::pending::Pending;
use super::policies;
use crate::context::Context;
use crate::headers::RateLimitHeaders;
use crate::isolate;
use crate::telemetry::{flush, Checked};

/// A decision, what it is about, and where it was made.
pub(crate) struct Outcome {
    pending: Pending,
    pub(crate) decision: Decision,
    source: Source,
}

impl Outcome {
    /// What an object has decided by a newer version of the policy than this isolate knows is shown
    /// as decided by that one: its version, and the limits by their names and numbers there. What is
    /// admitted by a policy that may be out of date says so.
    pub(super) fn new(mut pending: Pending, mut decision: Decision, source: Source) -> Outcome {
        if pending.is_degraded && decision.reason.is_none() {
            decision.reason = Some(Reason::Degraded);
        }
        if let Some(newer) = &decision.newer {
            pending.item.policy = pending.item.policy.under(newer);
        }
        Outcome {
            pending,
            decision,
            source,
        }
    }

    /// The decision as JSON shows it.
    pub(crate) fn body(&self) -> DecisionBody<'_> {
        let Pending { subject, item, .. } = &self.pending;
        DecisionBody::new(&self.decision, &item.policy, subject, self.source)
    }

    /// The decision as headers show it.
    pub(crate) fn headers(&self) -> RateLimitHeaders {
        RateLimitHeaders::new(&self.decision, &self.pending.item.policy)
    }

    /// Counts and logs the decision, and has a newer version looked for that an object knows. What an object decided is remembered where its failure mode
    /// wants to know.
    pub(super) fn record(&self, context: &Context) {
        let Pending {
            subject,
            object,
            item,
            ..
        } = &self.pending;
        if let Some(newer) = &self.decision.newer {
            policies::notice(context, newer);
        }
        match item.policy.fail_mode() {
            FailMode::Share if self.source == Source::Object => isolate::with(|isolate| {
                let shares = &mut isolate.shares;
                shares.record_decision(object, &item.policy, &self.decision);
            }),
            FailMode::Eventual if self.source == Source::Object => {
                counts::learn(object, &item.policy, &self.decision);
            }
            _ => {}
        }
        flush::checked(
            context,
            &Checked {
                subject,
                policy: &item.policy,
                cost: item.check.cost,
                decision: &self.decision,
                source: self.source,
            },
        );
    }
}
