//! What was decided, with what it was decided about: how it is shown, and who is told of it.

use tollgate_core::api::response::DecisionBody;
use tollgate_core::decision::{Decision, Reason, Source};
use tollgate_core::limit::Name;
use tollgate_core::multi::whole;
use tollgate_core::policy::FailMode;
use tollgate_core::subject::Subject;

use super::counts;
use super::pending::Pending;
use super::policies;
use crate::context::Context;
use crate::headers::RateLimitHeaders;
use crate::isolate;
use crate::telemetry::{flush, Checked};

/// A decision, what it is about, and where it was made.
pub(crate) struct Outcome {
    /// The check, or that of the level that decided.
    pending: Pending,
    pub(crate) decision: Decision,
    source: Source,
    /// What was asked, where that was several levels.
    asked: Option<Box<AskedLevel>>,
    /// The policies that refused before, in whose place this one was asked.
    fell_back_from: Vec<Name>,
}

/// The lowest of several levels.
struct AskedLevel {
    pending: Pending,
    /// Whose permit the decision carries, where that is another level's.
    holder: Option<Subject>,
}

impl Outcome {
    /// What one place has decided about one check.
    pub(super) fn new(mut pending: Pending, mut decision: Decision, source: Source) -> Outcome {
        if pending.is_degraded && decision.reason.is_none() {
            decision.reason = Some(Reason::Degraded);
        }
        pending.follow(&decision);
        Outcome {
            pending,
            decision,
            source,
            asked: None,
            fell_back_from: Vec::new(),
        }
    }

    /// What was decided about one check by several levels, from the lowest; `None` where that is
    /// not known of any.
    pub(super) fn of_levels(
        context: &Context,
        mut levels: Vec<Pending>,
        decisions: Vec<Option<(Decision, Source)>>,
    ) -> Option<Outcome> {
        for (level, known) in levels.iter_mut().zip(&decisions) {
            if let Some((decision, source)) = known {
                level.follow(decision);
                level.learn(context, decision, *source);
            }
        }
        let whole = whole(decisions)?;
        let holder = whole.holder.map(|at| levels[at].subject.clone());
        let deciding = levels[whole.level].clone();
        let mut outcome = Outcome::new(deciding, whole.decision, whole.source);
        if levels.len() > 1 {
            let pending = levels.swap_remove(0);
            outcome.asked = Some(Box::new(AskedLevel { pending, holder }));
        }
        Some(outcome)
    }

    /// The same after these policies had refused.
    pub(super) fn after(mut self, refused: Vec<Name>) -> Outcome {
        self.fell_back_from = refused;
        self
    }

    /// The name of the policy that was asked.
    pub(super) fn name(&self) -> Option<Name> {
        self.asked().item.policy.name().cloned()
    }

    fn asked(&self) -> &Pending {
        self.asked.as_ref().map_or(&self.pending, |it| &it.pending)
    }

    /// The decision as JSON shows it.
    pub(crate) fn body(&self) -> DecisionBody<'_> {
        let Pending { subject, item, .. } = &self.pending;
        let (decision, policy) = (&self.decision, &item.policy);
        let body = match &self.asked {
            None => DecisionBody::new(decision, policy, subject, self.source),
            Some(asked) => {
                let holder = asked.holder.as_ref().unwrap_or(subject);
                DecisionBody::new(decision, policy, holder, self.source)
                    .of_levels(&asked.pending.item.policy)
            }
        };
        body.after(&self.fell_back_from)
    }

    /// The decision as headers show it.
    pub(crate) fn headers(&self) -> RateLimitHeaders {
        RateLimitHeaders::new(&self.decision, &self.pending.item.policy)
    }

    /// Has everybody know what one place has decided, who wants to.
    pub(super) fn record(&self, context: &Context) {
        self.pending.learn(context, &self.decision, self.source);
        self.tell(context);
    }

    /// Counts and logs the decision.
    pub(super) fn tell(&self, context: &Context) {
        let Pending { subject, item, .. } = self.asked();
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

impl Pending {
    /// What an object has decided by a newer version of the policy than this isolate knows is shown
    /// as decided by that one: its version, and the limits by their names and numbers there.
    fn follow(&mut self, decision: &Decision) {
        if let Some(newer) = &decision.newer {
            self.item.policy = self.item.policy.under(newer);
        }
    }

    /// Remembers what an object decided, where its failure mode wants to know, and has a newer
    /// version looked for that the object knows.
    fn learn(&self, context: &Context, decision: &Decision, source: Source) {
        let Pending { object, item, .. } = self;
        if let Some(newer) = &decision.newer {
            policies::notice(context, newer);
        }
        match item.policy.fail_mode() {
            FailMode::Share if source == Source::Object => isolate::with(|isolate| {
                let shares = &mut isolate.shares;
                shares.record_decision(object, &item.policy, decision);
            }),
            FailMode::Eventual if source == Source::Object => {
                counts::learn(object, &item.policy, decision);
            }
            _ => {}
        }
    }
}
