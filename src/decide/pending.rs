//! A check on its way to the place that decides it: whose it is, and by which limits.

use tollgate_core::api::policy::named::NamedPolicy;
use tollgate_core::api::policy::parent::Parent;
use tollgate_core::api::policy::record::Record;
use tollgate_core::api::request::{knows_costs, suits, suits_waiting, LimitRequest, Rule};
use tollgate_core::api::BadRequest;
use tollgate_core::decide::{Check, Overage};
use tollgate_core::decision::Decision;
use tollgate_core::idempotency::{Keyed, Repeat, KEPT_FOR};
use tollgate_core::limit::Name;
use tollgate_core::overrides::Stopped;
use tollgate_core::policy::{FailMode, Policy};
use tollgate_core::pressure::Pressure;
use tollgate_core::replay::trace::Apart;
use tollgate_core::subject::{Subject, SubjectParts};
use tollgate_core::subject_state::Item;
use tollgate_core::Duration;
use tollgate_policies::bounds::MAX_LEVELS;

use super::{object, policies};
use crate::clock;
use crate::context::Context;
use crate::error::ApiError;
use crate::isolate;
use crate::recording;

/// How what is asked is read: once more where it is decided once more.
pub(crate) type Reads<'a, T> = &'a dyn Fn() -> Result<T, BadRequest>;

/// What is asked, with which priority, and how long the answer may be held.
type Asked<'a> = (&'a Check, Option<&'a str>, Option<Duration>);

/// One check of one subject, before it is decided.
#[derive(Clone)]
pub(super) struct Pending {
    pub(super) subject: Subject,
    /// The name of the subject's object.
    pub(super) object: String,
    pub(super) item: Item,
    /// Whether the policy may be out of date.
    pub(super) is_degraded: bool,
    /// Why everything is refused for the subject, if it is.
    pub(super) stopped: Option<Stopped>,
    /// Whether the policy is decided and not enforced.
    pub(super) is_shadow: bool,
    /// From which pressure on an admission is one near the limit.
    pub(super) near: Pressure,
    /// Whether the answer tells the pressure.
    pub(super) tells_pressure: bool,
    /// Whether the answer may be held until the caller's turn has come.
    pub(super) waits: bool,
    /// How the request is known when it comes again, if its caller wants that.
    pub(super) keyed: Option<Keyed>,
}

/// Sees to it that the policies and overrides can be used that these requests need; whether they
/// may be out of date. All of one request are decided by one revision. Who brings all limits along
/// needs the overrides alone, and is decided without them where nobody knows any.
pub(super) async fn confirmed(
    context: &Context<'_>,
    requests: &[LimitRequest],
) -> Result<bool, ApiError> {
    if let Some(is_degraded) = policies::confirmed(context) {
        return Ok(is_degraded);
    }
    let is_named = |request: &LimitRequest| matches!(request.rule, Rule::Named(_));
    // Boxed, because it is rare.
    if requests.iter().any(is_named) {
        Box::pin(policies::confirm(context)).await
    } else {
        Ok(Box::pin(policies::confirm_or_go_on(context)).await)
    }
}

/// A check with all that is asked together with it.
#[derive(Clone)]
pub(super) struct Levels {
    /// The check itself.
    pub(super) own: Pending,
    /// The same of what stands above its policy, from the lowest.
    pub(super) above: Vec<Pending>,
    /// What is asked, one after the other, where they refuse.
    pub(super) instead: Vec<Levels>,
    /// Whether what is left at all levels is admitted where there is not enough.
    pub(super) caps: bool,
}

impl Levels {
    /// Finds the limits of a request, and names its subject and those above it. What its failure
    /// mode needs is missed now, and not first when the object is out of reach.
    pub(super) fn of(
        context: &Context,
        request: LimitRequest,
        is_degraded: bool,
    ) -> Result<Levels, ApiError> {
        let question = request.repeat.as_ref().map(|_| request.question());
        let LimitRequest {
            subject,
            rule,
            mut check,
            wait,
            pressure,
            priority,
            repeat,
        } = request;
        let priority = priority.as_deref();
        // Who waits is promised a place.
        check.max_delay = check.max_delay.or(wait);
        let mut levels = match rule {
            Rule::Inline(policy) => {
                let policy = inline(context, policy)?.asked_with(priority, None);
                let own = Pending::new(context, subject, Item { policy, check }, is_degraded)?;
                Levels::alone(own)
            }
            Rule::Named(name) => {
                let named = policies::policy(context, &name, is_degraded)?;
                let asked = (&check, priority, wait);
                let instead = instead(context, &named, &subject, asked, is_degraded)?;
                let subject = named.limited(subject)?;
                let levels = Levels::named(context, &named, subject, asked, is_degraded)?;
                Levels { instead, ..levels }
            }
        };
        levels.answer(wait, pressure)?;
        for instead in &mut levels.instead {
            instead.answer(wait, pressure)?;
        }
        if let Some((repeat, question)) = repeat.zip(question) {
            let kept_for = levels.kept_for();
            let keyed = levels.keyed(&repeat, &question, kept_for);
            levels.know_by(keyed);
        }
        Ok(levels)
    }

    /// For how long its answer is kept under an idempotency key.
    pub(super) fn kept_for(&self) -> Duration {
        let kept_for = self.own.item.policy.idempotency_for();
        kept_for.unwrap_or(KEPT_FOR)
    }

    /// How a request is known when it comes again of which this is the first check.
    pub(super) fn keyed(&self, repeat: &Repeat, question: &str, kept_for: Duration) -> Keyed {
        let aim = repeat.aim(self.own.item.check.cost, kept_for);
        repeat.keyed(&self.own.object, question, aim)
    }

    /// All objects are told so.
    pub(super) fn know_by(&mut self, keyed: Keyed) {
        for level in [&mut self.own].into_iter().chain(&mut self.above) {
            // What is not enforced is asked by itself, maybe of the same object.
            level.keyed = Some(match level.is_shadow {
                true => keyed.instead(level.item.policy.name_or_empty()),
                false => keyed,
            });
        }
        for instead in &mut self.instead {
            let policy = instead.own.item.policy.name_or_empty();
            let keyed = keyed.instead(policy);
            instead.know_by(keyed);
        }
    }

    /// How the caller wants to be answered.
    fn answer(&mut self, wait: Option<Duration>, pressure: bool) -> Result<(), BadRequest> {
        for level in [&mut self.own].into_iter().chain(&mut self.above) {
            if wait.is_some() {
                suits_waiting(&level.item.check, wait, &level.item.policy)?;
            }
            level.tells_pressure = pressure;
            level.waits = wait.is_some() && level.item.check.most_units() > 0; // else nobody waits
        }
        Ok(())
    }

    /// Those of a policy and of what stands above it.
    fn named(
        context: &Context,
        named: &NamedPolicy,
        subject: SubjectParts,
        (check, priority, wait): Asked,
        is_degraded: bool,
    ) -> Result<Levels, ApiError> {
        let check = named.on_terms(check.clone())?;
        match &named.parent {
            Some(parent) => {
                let asked = (&check, priority, wait);
                several(context, (named, parent), subject, asked, is_degraded)
            }
            None => {
                let policy = named.policy.clone().asked_with(priority, None);
                knows_costs(&check, core::iter::once(&policy))?;
                suits_waiting(&check, wait, &policy)?;
                let item = Item { policy, check };
                let own = Pending::new(context, subject, item, is_degraded)?;
                own.asked(context, named.record.as_ref());
                let own = own.near(named.near_limit).in_shadow(named.shadow)?;
                Ok(Levels::alone(own))
            }
        }
    }

    /// Whether any of them is not enforced.
    pub(super) fn have_shadow(&self) -> bool {
        self.all().any(|it| it.is_shadow)
    }

    const fn alone(own: Pending) -> Levels {
        Levels {
            own,
            above: Vec::new(),
            instead: Vec::new(),
            caps: false,
        }
    }

    /// All of them, from the lowest.
    pub(super) fn all(&self) -> impl Iterator<Item = &Pending> {
        [&self.own].into_iter().chain(&self.above)
    }

    /// Whether the isolate refuses them by itself: of one that is stopped, or that it remembers.
    pub(super) fn are_refused(&self) -> bool {
        let remembers = |it: &Pending| {
            !it.is_shadow && it.keyed.is_none() && object::remembers(&it.object, &it.item)
        };
        self.all().any(|it| it.stopped.is_some() || remembers(it))
    }

    /// All of them, from the lowest.
    pub(super) fn into_all(self) -> impl Iterator<Item = Pending> {
        [self.own].into_iter().chain(self.above)
    }
}

/// A check of a policy that has a parent.
#[inline(never)]
fn several(
    context: &Context,
    (named, parent): (&NamedPolicy, &Parent),
    subject: SubjectParts,
    (check, priority, wait): Asked,
    is_degraded: bool,
) -> Result<Levels, ApiError> {
    let said = |named: &NamedPolicy| {
        let NamedPolicy {
            shadow,
            record,
            near_limit,
            overage,
            ..
        } = *named;
        (shadow, record, near_limit, overage)
    };
    let own = (named.shadow, named.record, named.near_limit, check.overage);
    let policy = named.policy.clone().asked_with(priority, None);
    let mut levels = vec![(subject, policy, own)];
    let mut next = Some(parent.clone());
    while let Some(parent) = next.filter(|_| levels.len() < MAX_LEVELS) {
        let named = policies::find(context, &parent.policy, is_degraded)?;
        let below = levels.last().map(|(below, ..)| below);
        let below = below.ok_or_else(ApiError::policy_unavailable)?; // there is one
        let policy = named.policy.clone();
        let policy = policy.asked_with(priority, Some(below.identifier()));
        levels.push((named.limited(parent.subject(below)?)?, policy, said(&named)));
        next = named.parent.clone();
    }
    knows_costs(check, levels.iter().map(|(_, policy, _)| policy))?;
    let caps = check.overage == Overage::Cap;
    type Said = (bool, Option<Record>, Option<Pressure>, Overage);
    let level = |(subject, policy, said): (SubjectParts, Policy, Said)| {
        let (is_shadow, record, near, overage) = said;
        // What is left at one level alone is not what all have.
        let overage = match caps {
            true => Overage::Deny,
            false => overage,
        };
        let check = Check {
            overage,
            ..check.clone()
        };
        suits_waiting(&check, wait, &policy)?;
        let pending = Pending::new(context, subject, Item { policy, check }, is_degraded)?;
        pending.asked(context, record.as_ref());
        pending.near(near).in_shadow(is_shadow)
    };
    let mut levels = levels.into_iter().map(level);
    let own = levels.next().ok_or_else(ApiError::policy_unavailable)??; // there is one
    let above = levels.collect::<Result<_, _>>()?;
    Ok(Levels {
        above,
        caps,
        ..Levels::alone(own)
    })
}

/// The policies that a policy falls back to, each with what stands above it. What does not suit
/// the check is missed now, and not first when the others refuse. Refunds are never refused.
#[inline(never)]
fn instead(
    context: &Context,
    named: &NamedPolicy,
    subject: &SubjectParts,
    asked: Asked,
    is_degraded: bool,
) -> Result<Vec<Levels>, ApiError> {
    let names = named.fallback_to.iter().filter(|_| asked.0.cost >= 0);
    let levels = |name: &Name| {
        let named = policies::find(context, name, is_degraded)?;
        let subject = named.limited_instead(subject)?;
        let levels = Levels::named(context, &named, subject, asked, is_degraded);
        levels.map_err(|error| error.of_fallback(name.as_str()))
    };
    names.map(levels).collect()
}

impl Pending {
    fn new(
        context: &Context,
        subject: SubjectParts,
        item: Item,
        is_degraded: bool,
    ) -> Result<Pending, ApiError> {
        if item.policy.fail_mode() == FailMode::Eventual && !context.has_kv() {
            return Err(ApiError::no_kv());
        }
        let subject = context.subject(subject);
        let Item { policy, mut check } = item;
        let overridden = policies::overridden(context, &subject, &policy);
        check.bypass = overridden.bypasses;
        let may_stop = check.cost >= 0 && !check.record;
        let adjusted = overridden.policy;
        let adjusted = adjusted.filter(|policy| suits(&check, policy).is_ok());
        Ok(Pending {
            object: subject.object_name(),
            subject,
            item: Item {
                policy: adjusted.unwrap_or(policy),
                check,
            },
            is_degraded,
            // What was used may be given back, and what has happened is recorded.
            stopped: overridden.stopped.filter(|_| may_stop),
            is_shadow: false,
            near: Pressure::NEAR,
            tells_pressure: false,
            waits: false,
            keyed: None,
        })
    }

    /// The same with what the policy says is near its limits, if it does.
    fn near(mut self, near: Option<Pressure>) -> Pending {
        self.near = near.unwrap_or(self.near);
        self
    }

    /// Has the isolate know whether this policy's use is recorded, and what is over its head.
    fn asked(&self, context: &Context, record: Option<&Record>) {
        let policy = &self.item.policy;
        let (name, now) = (policy.name_or_empty(), clock::now());
        let is_recorded = isolate::with(|isolate| {
            let recorder = &mut isolate.recorder;
            recorder.asked(&self.object, name, record, now);
            recorder.records(&self.object, now)
        });
        if is_recorded {
            let changes = policies::changes(context, &self.subject, policy);
            let changed_by = (policy.version().adjusted, changes.as_slice());
            isolate::with(|isolate| {
                let recorder = &mut isolate.recorder;
                recorder.overridden(&self.object, name, changed_by, now);
            });
        }
    }

    /// The same of a policy that is not enforced, if it is not. It refuses nobody either while its
    /// object is out of reach.
    fn in_shadow(mut self, is_shadow: bool) -> Result<Pending, ApiError> {
        if is_shadow {
            let open = self.item.policy.with_fail_mode(FailMode::Open);
            self.item.policy = open.map_err(BadRequest::from)?; // it suits every policy

            // Nobody settles what is not enforced: it is charged as it is estimated.
            let gives_slots = self.item.policy.gives_permits();
            self.item.check.hold = self.item.check.hold.filter(|_| gives_slots);
        }
        // An operator's stop holds all the same.
        self.is_shadow = is_shadow && self.stopped.is_none();
        Ok(self)
    }
}

impl Pending {
    /// Whether what is admitted of it may be one permit with what other objects admit.
    pub(super) fn is_of_permit(&self) -> bool {
        self.item.holds() || self.item.may_wait()
    }

    /// The refusal of what is stopped, if it is.
    pub(super) fn refusal(&self) -> Option<Decision> {
        Some(self.stopped.as_ref()?.refusal(clock::now()))
    }

    /// Has it recorded that the isolate has refused by itself: because of a stop, or of what it
    /// remembers.
    pub(super) fn record_refusal(&self, context: &Context) {
        let (object, item) = (&self.object, &self.item);
        match self.stopped {
            Some(_) => recording::apart(context, object, item, Apart::Stopped),
            None => recording::remembered(context, object, item),
        }
    }
}

/// The limits that a request brings along, if its caller may bring any.
pub(super) fn inline(context: &Context, policy: Policy) -> Result<Policy, ApiError> {
    if context.caller.inline {
        Ok(policy)
    } else {
        Err(ApiError::inline_forbidden())
    }
}
