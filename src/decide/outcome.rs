//! What was decided, with what it was decided about: how it is shown, and who is told of it.

use tollgate_core::api::response::DecisionBody;
use tollgate_core::decide::{capped, Check};
use tollgate_core::decision::{Decision, Reason, Recognition, Source};
use tollgate_core::limit::Name;
use tollgate_core::multi::{deciding, whole};
use tollgate_core::policy::{FailMode, Policy};
use tollgate_core::pressure::Pressure;
use tollgate_core::subject::Subject;
use tollgate_core::Duration;

use super::charged::Charged;
use super::counts;
use super::pending::Pending;
use super::policies;
use crate::clock;
use crate::context::Context;
use crate::headers::RateLimitHeaders;
use crate::isolate;
use crate::recording;
use crate::telemetry::{flush, Checked};

/// A decision, what it is about, and where it was made.
#[derive(Clone)]
pub(crate) struct Outcome {
    /// The check, or that of the level that decided.
    pending: Pending,
    pub(crate) decision: Decision,
    source: Source,
    /// Whether objects have decided all of it, none of which knows newer overrides, then.
    pub(super) is_of_objects: bool,
    /// Whether everybody was told who has to know.
    is_told: bool,
    /// The lowest level, where several were asked.
    asked: Option<Box<Pending>>,
    /// How full the tightest limit of all levels is, as far as that is known.
    pressure: Option<Pressure>,
    /// Whether it admits near the limit of any level.
    is_near: bool,
    /// What all levels together have left of it, where they refuse it and that is known.
    pub(super) left: Option<Box<Check>>,
    /// What can be taken back while the caller waits for its turn.
    pub(super) charged: Option<Charged>,
    /// For how long the answer was held until its turn had come.
    waited: Option<Duration>,
    /// Whose permit the decision carries, where that is another level's.
    holder: Option<Subject>,
    /// Whether any level holds units.
    holds: bool,
    /// What a policy has decided that is not enforced; of several the one that refuses longest.
    shadow: Option<Box<Shadow>>,
    /// The policies that refused before, in whose place this one was asked.
    fell_back_from: Vec<Name>,
}

/// What a policy has decided that is not enforced.
#[derive(Clone)]
struct Shadow {
    pending: Pending,
    decision: Decision,
    source: Source,
}

impl Outcome {
    /// What one place has decided about one check.
    pub(super) fn new(mut pending: Pending, mut decision: Decision, source: Source) -> Outcome {
        if pending.is_degraded && decision.reason.is_none() {
            decision.reason = Some(Reason::Degraded);
        }
        pending.follow(&decision);
        let pressure = decision.pressure();
        let is_near = decision.success && !decision.is_repeated() && pressure >= Some(pending.near);
        let shadow = pending.is_shadow.then(|| {
            Box::new(Shadow {
                pending: pending.clone(),
                decision: decision.clone(),
                source,
            })
        });
        if shadow.is_some() {
            decision = decision.unenforced();
        }
        let holds = pending.is_of_permit();
        Outcome {
            pending,
            decision,
            source,
            is_of_objects: source == Source::Object,
            is_told: false,
            asked: None,
            pressure,
            is_near,
            left: None,
            charged: None,
            waited: None,
            holder: None,
            holds,
            shadow,
            fell_back_from: Vec::new(),
        }
    }

    /// The same, where this level was the lowest.
    pub(super) fn about(mut self, lowest: Pending) -> Outcome {
        self.asked = Some(Box::new(lowest));
        self
    }

    /// The outcome of enforced levels with that of one which is not enforced, which may be the
    /// lowest of all.
    pub(super) fn beside(mut self, other: Outcome, is_lowest: bool) -> Outcome {
        if is_lowest {
            self = self.about(other.pending.clone());
        }
        if self.decision.grant.is_none() && other.decision.grant.is_some() {
            self.decision.grant = other.decision.grant;
            self.holder = Some(other.pending.subject);
        }
        let shadows = [&self.shadow, &other.shadow].map(|it| it.as_deref().map(|it| &it.decision));
        if self.shadow.is_none() || deciding(false, shadows.into_iter()) == Some(1) {
            self.shadow = other.shadow;
        }
        self
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
        let is_of_object = |it: &Option<(_, Source)>| matches!(it, Some((_, Source::Object)));
        let is_of_objects = decisions.iter().all(is_of_object);
        let pressure = |known: &Option<(Decision, _)>| known.as_ref()?.0.pressure();
        let pressures: Vec<_> = decisions.iter().map(pressure).collect();
        let mut each = levels.iter().zip(&pressures);
        let is_near = each.any(|(level, pressure)| *pressure >= Some(level.near));
        let left = left(&levels, &decisions);
        let recognition = recognition(&decisions);
        // A permit is that of the first level which holds units under it, and told so.
        let holds = |(level, known): (&Pending, &Option<(Decision, _)>)| {
            let grants = |(it, _): &(Decision, _)| it.grant.is_some();
            level.is_of_permit() && known.as_ref().is_some_and(grants)
        };
        let home = levels.iter().zip(&decisions).position(holds);
        let mut whole = whole(decisions)?;
        whole.decision.recognition = recognition;
        let holder = home.or(whole.holder);
        let holder = holder.map(|at| levels[at].subject.clone());
        let level = levels[whole.level].clone();
        let mut outcome = Outcome::new(level, whole.decision, whole.source);
        outcome.is_of_objects = is_of_objects;
        outcome.left = left;
        outcome.pressure = pressures.into_iter().flatten().max();
        outcome.is_near = is_near && outcome.decision.success;
        if levels.len() > 1 {
            outcome.asked = Some(Box::new(levels.swap_remove(0)));
            outcome.holder = holder;
            outcome.holds = home.is_some();
        }
        Some(outcome)
    }

    /// Has all that hold units under one permit tell it alike: as that of its home, the first.
    pub(super) fn share_permit(outcomes: &mut [Outcome]) {
        let permit = |it: &Outcome| it.decision.grant.as_deref().map(|grant| grant.permit);
        let first = |has_more: fn(&Outcome) -> bool| {
            let mut holders = outcomes.iter();
            holders.find(|it| it.holds() && has_more(it))
        };
        let has_units = |it: &Outcome| it.pending.item.check.hold.is_some();
        let Some(home) = first(has_units).or_else(|| first(|_| true)) else {
            return;
        };
        let bits = permit(home);
        let subject = home
            .holder
            .as_ref()
            .unwrap_or(&home.pending.subject)
            .clone();
        let of_permit = outcomes.iter_mut().filter(|it| permit(it) == bits);
        of_permit.for_each(|it| it.holder = Some(subject.clone()));
    }

    /// The permit that holds units, if there is one.
    pub(crate) fn held_permit(&self) -> Option<String> {
        self.body().permit.filter(|_| self.holds())
    }

    /// Whether it is of a permit that holds units.
    fn holds(&self) -> bool {
        self.holds && self.decision.grant.is_some()
    }

    /// Whether the answer may be held until the caller's turn has come.
    pub(super) fn waits(&self) -> bool {
        self.lowest().waits
    }

    /// Whether this isolate knows of a closed gate of the level that decided or of the lowest.
    pub(super) fn is_gate_closed(&self) -> bool {
        let now = clock::now();
        let is_closed = |it: &Pending| {
            isolate::with(|isolate| isolate.reports.is_closed(&it.object, &it.item.policy, now))
        };
        is_closed(&self.pending) || is_closed(self.lowest())
    }

    /// The caller's turn has come, so long after it was promised.
    pub(super) fn wait_is_over(&mut self, time: Duration) {
        self.waited = Some(time).filter(|time| *time > Duration::ZERO);
        self.decision.delay = None;
        self.decision.grant = None; // his turn has come: there is nothing to give back
    }

    /// The same after these policies had refused.
    pub(super) fn after(mut self, refused: Vec<Name>) -> Outcome {
        self.fell_back_from = refused;
        self
    }

    /// The name of the policy that was asked.
    pub(super) fn name(&self) -> Option<Name> {
        self.lowest().item.policy.name().cloned()
    }

    fn lowest(&self) -> &Pending {
        self.asked.as_deref().unwrap_or(&self.pending)
    }

    /// The decision as JSON shows it.
    pub(crate) fn body(&self) -> DecisionBody<'_> {
        let Pending { subject, item, .. } = &self.pending;
        let (decision, policy) = (&self.decision, &item.policy);
        let holder = self.holder.as_ref().unwrap_or(subject);
        let body = DecisionBody::new(decision, policy, holder, self.source);
        let body = match &self.asked {
            None => body,
            Some(asked) => body.of_levels(&asked.item.policy),
        };
        let body = match &self.shadow {
            None => body,
            Some(shadow) => {
                let policy = &shadow.pending.item.policy;
                body.beside(&shadow.decision, policy, shadow.source)
            }
        };
        let body = match (self.lowest().keyed, decision.recognition) {
            (Some(_), None) => body.unrepeatable(),
            _ => body,
        };
        let body = match self.lowest().tells_pressure {
            true => body.under(self.pressure),
            false => body,
        };
        body.held_for(self.waited).after(&self.fell_back_from)
    }

    /// The decision as headers show it.
    pub(crate) fn headers(&self) -> RateLimitHeaders {
        RateLimitHeaders::new(&self.decision, &self.pending.item.policy)
    }

    /// Has the isolate know what one place has decided.
    pub(super) fn learn(&self, context: &Context) {
        let (decision, _) = self.decided();
        self.pending.learn(context, decision, self.source);
    }

    /// What was decided, whether it is enforced or, as the second tells, not.
    fn decided(&self) -> (&Decision, bool) {
        let own = self.shadow.as_ref().filter(|_| self.pending.is_shadow);
        own.map_or((&self.decision, false), |it| (&it.decision, true))
    }

    /// Counts and logs the decision, once. Not before nothing can have the request decided once
    /// more.
    pub(super) fn tell(&mut self, context: &Context) {
        if core::mem::replace(&mut self.is_told, true) {
            return;
        }
        flush::checked(context, &self.counted());
        recording::send_later(context);
    }

    fn counted(&self) -> Checked<'_> {
        let Pending { subject, item, .. } = self.lowest();
        let (decision, is_shadow) = self.decided();
        Checked {
            subject,
            policy: &item.policy,
            cost: item.check.cost,
            decision,
            is_shadow,
            is_near: self.is_near,
            waits: self.waits(),
            source: self.source,
        }
    }

    /// Counts for how long the answer was held.
    pub(super) fn tell_wait(&self, time: Duration) {
        flush::waited(&self.counted(), time);
    }

    /// The same where the outcome is going to be a part of another one, as soon as nothing can have
    /// the request decided once more.
    pub(super) fn tell_later(&mut self, context: &Context) {
        let mut part = self.clone();
        self.is_told = true;
        context.finally(move |context| part.tell(context));
    }
}

/// What all levels have left of a check, where each is known and none but limits refuse it.
fn left(levels: &[Pending], decisions: &[Option<(Decision, Source)>]) -> Option<Box<Check>> {
    let of_limits = |it: &Option<(Decision, Source)>| match it {
        Some((decision, Source::Object)) => match decision.reason {
            None => decision.success,
            Some(reason) => matches!(reason, Reason::Limit | Reason::CostExceedsCapacity),
        },
        _ => false,
    };
    let check = &levels.first()?.item.check;
    if !decisions.iter().all(of_limits) {
        return None;
    }
    let known = decisions.iter().flatten().map(|(decision, _)| decision);
    let policies = levels.iter().map(|level| &level.item.policy);
    capped(check, policies.zip(known)).map(Box::new)
}

/// How all levels know the request when it comes again: `None` where one does not.
fn recognition(decisions: &[Option<(Decision, Source)>]) -> Option<Recognition> {
    let known = || decisions.iter().flatten().map(|(it, _)| it.recognition);
    let all: Option<Vec<Recognition>> = known().collect();
    let all = all.filter(|all| !all.is_empty())?;
    Some(Recognition {
        since: all.iter().filter_map(|it| it.since).max(),
        is_repeated: all.iter().all(|it| it.is_repeated),
        version: all.first().and_then(|it| it.version),
    })
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
        // What is repeated is of a time before.
        if source == Source::Object && !decision.is_repeated() {
            learn_standing(object, &item.policy, decision);
        }
    }
}

/// Remembers how an object has decided, where the policy's failure mode wants to know.
pub(super) fn learn_standing(object: &str, policy: &Policy, decision: &Decision) {
    match policy.fail_mode() {
        FailMode::Share => {
            isolate::with(|isolate| isolate.shares.record_decision(object, policy, decision));
        }
        FailMode::Eventual => counts::learn(object, policy, decision),
        FailMode::Open | FailMode::Closed => {}
    }
}
