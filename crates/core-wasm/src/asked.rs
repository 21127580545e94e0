//! A question on its way to the state that decides it: whose it is, and by which limits.

use tollgate_core::api::multi::decided_elsewhere;
use tollgate_core::api::policy::named::NamedPolicy;
use tollgate_core::api::request::{knows_costs, suits_waiting, LimitRequest, Rule};
use tollgate_core::api::response::DecisionBody;
use tollgate_core::api::BadRequest;
use tollgate_core::decision::{Decision, Source};
use tollgate_core::idempotency::{Keyed, Repeat, KEPT_FOR};
use tollgate_core::limit::Name;
use tollgate_core::policy::Policy;
use tollgate_core::subject::{Namespace, Subject, SubjectParts};
use tollgate_core::subject_state::Item;
use tollgate_core::Duration;

use crate::failure::Failure;
use crate::policies::Policies;

const ONE_SUBJECT: &str =
    "this decides for one subject at a time; ask a server, or for both subjects with `multi`";
const ELSEWHERE: &str =
    "this decides as a subject's object does, without KV and native bindings; leave it out";
const NO_WAIT: &str = "the clock is yours; send `maxDelay`, and wait as long as `delay` says";

/// One question.
pub struct Asked {
    /// Who is limited.
    pub subject: Subject,
    /// The name of the subject's object.
    pub object: String,
    /// By what, and what is asked.
    pub item: Item,
    /// Whether the policy is decided and not enforced.
    pub is_shadow: bool,
    /// Whether the answer tells the pressure.
    tells_pressure: bool,
    /// How the request is known when it comes again, if its caller wants that.
    pub keyed: Option<Keyed>,
}

impl Asked {
    /// Finds the limits of a question, and names its subject.
    pub fn of(request: LimitRequest, policies: &mut Policies) -> Result<Asked, Failure> {
        let question = request.repeat.as_ref().map(|_| request.question());
        let LimitRequest {
            mut subject,
            rule,
            mut check,
            wait,
            pressure,
            priority,
            repeat,
        } = request;
        if wait.is_some() {
            return Err(Failure::unsupported("wait", NO_WAIT));
        }
        let priority = priority.as_deref();
        let mut is_shadow = false;
        let policy = match rule {
            Rule::Inline(policy) => policy.asked_with(priority, None),
            Rule::Named(name) => {
                let named = policies.find(&name)?;
                alone(&named)?;
                subject = named.limited(subject)?;
                check = named.on_terms(check)?;
                is_shadow = named.shadow;
                let policy = named.policy.clone().asked_with(priority, None);
                knows_costs(&check, core::iter::once(&policy))?;
                suits_waiting(&check, wait, &policy)?;
                policy
            }
        };
        of_object(&policy)?;
        if is_shadow {
            // Nobody settles what is not enforced: it is charged as it is estimated.
            check.hold = check.hold.filter(|_| policy.gives_permits());
        }
        let subject = subject.in_namespace(Namespace::default());
        let mut asked = Asked {
            object: subject.object_name(),
            subject,
            item: Item { policy, check },
            is_shadow,
            tells_pressure: pressure,
            keyed: None,
        };
        if let Some((repeat, question)) = repeat.zip(question) {
            let keyed = asked.keyed_by(&repeat, &question, asked.kept_for());
            asked.keyed = Some(keyed);
        }
        Ok(asked)
    }

    /// For how long its answer is kept under an idempotency key.
    pub fn kept_for(&self) -> Duration {
        self.item.policy.idempotency_for().unwrap_or(KEPT_FOR)
    }

    /// How a request is known when it comes again of which this is the first question.
    pub fn keyed_by(&self, repeat: &Repeat, question: &str, kept_for: Duration) -> Keyed {
        let aim = repeat.aim(self.item.check.cost, kept_for);
        let keyed = repeat.keyed(&self.object, question, aim);
        match self.is_shadow {
            true => keyed.instead(self.item.policy.name_or_empty()),
            false => keyed,
        }
    }

    /// Whether what is admitted of it may be one permit with what is admitted of others.
    pub fn is_of_permit(&self) -> bool {
        self.item.holds() || self.item.may_wait()
    }

    /// The answer.
    pub fn body(&self, decision: &Decision) -> DecisionBody<'_> {
        let policy = &self.item.policy;
        let unenforced = self.is_shadow.then(|| decision.unenforced());
        let shown = unenforced.as_ref().unwrap_or(decision);
        let body = DecisionBody::new(shown, policy, &self.subject, Source::Object);
        let body = match self.is_shadow {
            true => body.beside(decision, policy, Source::Object),
            false => body,
        };
        match self.tells_pressure {
            true => body.under(decision.pressure()),
            false => body,
        }
    }
}

/// Whether a policy is asked by itself.
fn alone(named: &NamedPolicy) -> Result<(), Failure> {
    if named.parent.is_some() {
        return Err(Failure::unsupported("policy.parent", ONE_SUBJECT));
    }
    if !named.fallback_to.is_empty() {
        return Err(Failure::unsupported("policy.fallbackTo", ONE_SUBJECT));
    }
    Ok(())
}

/// Whether a subject's object decides a policy, and by itself.
fn of_object(policy: &Policy) -> Result<(), Failure> {
    match (decided_elsewhere(policy), policy.name()) {
        (None, _) => Ok(()),
        (Some(setting), None) => Err(Failure::unsupported(setting, ELSEWHERE)),
        (Some(setting), Some(_)) => {
            Err(Failure::unsupported(format!("policy.{setting}"), ELSEWHERE))
        }
    }
}

/// What a report is about: the subject, and the policy by which it is limited.
pub fn meant(
    subject: SubjectParts,
    rule: Rule,
    is_of_parent: bool,
    policies: &mut Policies,
) -> Result<(Subject, Policy), Failure> {
    if is_of_parent {
        return Err(Failure::unsupported("policy.parent", ONE_SUBJECT));
    }
    let (subject, policy) = match rule {
        Rule::Inline(policy) => (subject, policy),
        Rule::Named(name) => {
            let named = policies.find(&name)?;
            alone(&named)?;
            (named.limited(subject)?, named.policy.clone())
        }
    };
    of_object(&policy)?;
    Ok((subject.in_namespace(Namespace::default()), policy))
}

/// The subject that is meant by what names a policy of it, or none: with the policy's provider and
/// scope, as far as there is such a policy.
pub fn subject(
    parts: SubjectParts,
    policy: Option<&Name>,
    policies: &mut Policies,
) -> Result<Subject, BadRequest> {
    let named = policy.and_then(|name| policies.find(name).ok());
    let parts = match named {
        Some(named) => named.limited(parts)?,
        None => parts,
    };
    Ok(parts.in_namespace(Namespace::default()))
}
