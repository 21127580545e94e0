//! One decision on its way to the caller: its body and headers, and who is told of it.

use tollgate_core::api::response::DecisionBody;
use tollgate_core::decision::{Decision, Source};
use tollgate_core::policy::{FailMode, Policy};
use tollgate_core::subject::Subject;

use super::{eventual, observe, Context};
use crate::headers::RateLimitHeaders;
use crate::isolate::memory;
use crate::telemetry::Checked;

/// One decision, with what it was made of.
pub(super) struct Decided {
    pub(super) subject: Subject,
    pub(super) policy: Policy,
    pub(super) decision: Decision,
    pub(super) source: Source,
}

impl Decided {
    /// The decision as JSON shows it.
    pub(super) fn body(&self) -> DecisionBody<'_> {
        DecisionBody::new(&self.decision, &self.policy, &self.subject, self.source)
    }

    /// The decision as headers show it.
    pub(super) fn headers(&self) -> RateLimitHeaders {
        RateLimitHeaders::new(&self.decision, &self.policy)
    }
}

/// Counts and logs a decision, and remembers what the object said where the failure mode wants to know.
pub(super) fn note(context: &Context, decided: &Decided, object: &str, cost: i64) {
    let Decided {
        policy, decision, ..
    } = decided;
    match policy.fail_mode() {
        FailMode::Share if decided.source == Source::Object => memory(|memory| {
            memory.shares.learn(object, policy, decision);
        }),
        FailMode::Eventual if decided.source == Source::Object => {
            eventual::learn(object, policy, decision);
        }
        _ => {}
    }
    observe::checked(
        context,
        &Checked {
            subject: &decided.subject,
            policy,
            cost,
            decision,
            source: decided.source,
        },
    );
}
