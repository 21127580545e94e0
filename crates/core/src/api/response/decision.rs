//! What a check is answered: `POST /limit`, `POST /limit/multi` and `POST /acquire`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::decision::{Decision, Granted, Reason, Recognition, Source, Standing};
use crate::limit::{Kind, Name};
use crate::permit::Permit;
use crate::policy::consistency::LocalLimit;
use crate::policy::Policy;
use crate::pressure::Pressure;
use crate::subject::Subject;
use crate::{Duration, Limit, Timestamp};

/// The body of a decision, 200 or 429.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DecisionBody<'a> {
    /// Admitted or not.
    pub success: bool,
    /// The deciding limit's limit or capacity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Units it has left after this decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining: Option<u64>,
    /// When its window ends, its use is forgotten or it is full, in Unix ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset: Option<u64>,
    /// How long until the same request, alone, succeeds, in ms; absent where waiting cannot help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// How long to wait before going on, in ms, where a place was promised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<u64>,
    /// For how long the answer was held until the caller's turn had come, in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waited: Option<u64>,
    /// How full the tightest limit of all that were asked is, from 0 to 1, where that was asked
    /// for and is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pressure: Option<Pressure>,
    /// Why it was refused, or not decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The limit that refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limited_by: Option<String>,
    /// The policy's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Cow<'a, str>>,
    /// The policy's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// The policy that decided, of those that were asked together: this one, or one above it.
    /// `limit` to `limitedBy` and `limits` are its.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<Cow<'a, str>>,
    /// The policies that refused before this one admitted in their place, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fell_back_from: Vec<Cow<'a, str>>,
    /// Whether it is the answer that the same request was given before: nothing was charged now.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub repeated: bool,
    /// `false` where a request was admitted that is not known when it comes again, although its
    /// caller has given it a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotent: Option<bool>,
    /// Requests that were admitted under a key from this instant on, in Unix ms, are all known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotent_since: Option<u64>,
    /// `false` where it was refused while units were lent: they may come back at any time until
    /// `retryAfter`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exact: Option<bool>,
    /// Where it was decided.
    pub source: Source,
    /// The permit of a slot taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permit: Option<String>,
    /// Its place in the order of all grants of the subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fence: Option<u64>,
    /// When the slot is free again, in Unix ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// What was admitted of a cost for which there was no room, where `overage` is `cap`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub granted: Option<GrantedBody>,
    /// Each limit, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<StandingBody>,
    /// Whether a policy was asked that is not enforced: this one, or one above it.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub shadow: bool,
    /// What that one would have refused, and for how long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would_deny: Option<WouldDenyBody<'a>>,
    /// How long it would have had its caller wait before going on, in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would_delay: Option<u64>,
}

/// The refusal of a policy that is not enforced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WouldDenyBody<'a> {
    /// The policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Cow<'a, str>>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// How long until the same request, alone, would succeed, in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// The limit that would have refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limited_by: Option<String>,
}

/// What was admitted of a check that asked for more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantedBody {
    /// Units of each limit that is not in `costs`.
    pub cost: i64,
    /// Units of the limits of these names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub costs: BTreeMap<String, u64>,
}

impl GrantedBody {
    fn of(granted: &Granted) -> GrantedBody {
        let costs = granted.costs.iter();
        let costs = costs.map(|(name, cost)| (name.as_str().to_owned(), *cost));
        GrantedBody {
            cost: granted.cost,
            costs: costs.collect(),
        }
    }
}

/// One of several limits in a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StandingBody {
    /// Its name, else such as `100/15m`.
    pub name: String,
    /// Its algorithm's word.
    pub algorithm: Kind,
    /// Limit or capacity.
    pub limit: u64,
    /// Units left.
    pub remaining: u64,
    /// As in the decision, in Unix ms.
    pub reset: u64,
    /// How long until this limit has room for the same request, in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// Why this limit refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

impl<'a> DecisionBody<'a> {
    /// Says what a policy that is not enforced has decided at `source`.
    pub fn beside(
        mut self,
        decision: &Decision,
        policy: &'a Policy,
        source: Source,
    ) -> DecisionBody<'a> {
        self.shadow = true;
        self.would_delay = decision.delay.map(Duration::as_millis);
        self.would_deny = (!decision.success).then(|| WouldDenyBody {
            policy: policy.name().map(|name| Cow::Borrowed(name.as_str())),
            reason: shown(decision),
            retry_after: decision.retry_after.map(Duration::as_millis),
            limited_by: limited_by(decision, policy, source),
        });
        self
    }

    /// The decision about `asked`, made by a policy that stands above it or by itself.
    pub fn of_levels(mut self, asked: &'a Policy) -> DecisionBody<'a> {
        let name = |policy: &'a Policy| policy.name().map(|name| Cow::Borrowed(name.as_str()));
        self.decided_by = core::mem::replace(&mut self.policy, name(asked));
        self.version = Some(asked.version().number);
        if self.decided_by != self.policy && self.reason == Some(Reason::Limit) {
            self.reason = Some(Reason::Parent);
        }
        self
    }

    /// Says for how long the answer was held.
    pub fn held_for(mut self, waited: Option<Duration>) -> DecisionBody<'a> {
        self.waited = waited.map(Duration::as_millis);
        self
    }

    /// Says that an admission is not known when its request comes again.
    pub fn unrepeatable(mut self) -> DecisionBody<'a> {
        self.idempotent = self.success.then_some(false);
        self
    }

    /// Says how full the tightest limit is.
    pub fn under(mut self, pressure: Option<Pressure>) -> DecisionBody<'a> {
        self.pressure = pressure;
        self
    }

    /// The decision after these policies had refused.
    pub fn after(mut self, refused: &'a [Name]) -> DecisionBody<'a> {
        let names = refused.iter().map(|name| Cow::Borrowed(name.as_str()));
        self.fell_back_from = names.collect();
        self
    }

    /// The body for `decision` under `policy`, for a subject, decided at `source`.
    pub fn new(
        decision: &Decision,
        policy: &'a Policy,
        subject: &Subject,
        source: Source,
    ) -> DecisionBody<'a> {
        let deciding = decision.deciding();
        DecisionBody {
            success: decision.success,
            limit: deciding.map(|standing| standing.limit),
            remaining: deciding.map(|standing| standing.remaining),
            reset: deciding.map(|standing| standing.reset.as_millis()),
            retry_after: decision.retry_after.map(Duration::as_millis),
            delay: decision.delay.map(Duration::as_millis),
            waited: None,
            pressure: None,
            reason: shown(decision),
            limited_by: limited_by(decision, policy, source),
            policy: policy.name().map(|name| Cow::Borrowed(name.as_str())),
            version: policy.name().map(|_| version_of(decision, policy)),
            decided_by: None,
            fell_back_from: Vec::new(),
            repeated: decision.is_repeated(),
            idempotent: None,
            idempotent_since: decision.recognition.and_then(|it| since(&it)),
            exact: decision.while_lent.then_some(false),
            source,
            permit: decision.grant.as_ref().map(|grant| {
                Permit {
                    subject: subject.clone(),
                    bits: grant.permit,
                }
                .to_text()
            }),
            fence: decision.grant.as_ref().map(|grant| grant.fence),
            expires: decision
                .grant
                .as_ref()
                .map(|grant| grant.expires.as_millis()),
            granted: decision.granted.as_deref().map(GrantedBody::of),
            limits: standings(decision, policy),
            shadow: false,
            would_deny: None,
            would_delay: None,
        }
    }
}

/// The version by which it was decided: of an answer that was given before, that of then.
fn version_of(decision: &Decision, policy: &Policy) -> u64 {
    let first = decision.recognition.and_then(|it| it.version);
    let first = first.filter(|_| decision.is_repeated());
    first.unwrap_or(policy.version().number)
}

fn since(recognition: &Recognition) -> Option<u64> {
    recognition.since.map(Timestamp::as_millis)
}

/// The limit that refused, if one did.
fn limited_by(decision: &Decision, policy: &Policy, source: Source) -> Option<String> {
    let deciding = decision.deciding.filter(|_| !decision.success)?;
    match policy.shed() {
        Some(shed) if source == Source::Binding => Some(LocalLimit::label(&shed)),
        _ => policy.limits().get(usize::from(deciding)).map(Limit::label),
    }
}

/// Why, for the caller: a refusal that may end at any moment says so.
fn shown(decision: &Decision) -> Option<Reason> {
    if decision.contended {
        Some(Reason::Busy)
    } else {
        decision.reason
    }
}

fn standings(decision: &Decision, policy: &Policy) -> Vec<StandingBody> {
    // An answer that was given before may be about other limits than the policy has by now.
    if decision.limits.len() < 2 || decision.limits.len() != policy.limits().len() {
        return Vec::new();
    }
    let body = |(limit, standing): (&Limit, &Standing)| StandingBody {
        name: limit.label(),
        algorithm: limit.algorithm().kind(),
        limit: standing.limit,
        remaining: standing.remaining,
        reset: standing.reset.as_millis(),
        retry_after: standing
            .retry_at
            .map(|at| at.since(decision.at).as_millis()),
        reason: standing.refused,
    };
    policy
        .limits()
        .iter()
        .zip(decision.limits.iter())
        .map(body)
        .collect()
}

/// The body of `POST /limit/multi`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MultiBody<'a> {
    /// Whether all were admitted; if not, nothing was consumed.
    pub success: bool,
    /// How long until the entry that is refused longest succeeds, alone, in ms, as in the header;
    /// absent where waiting cannot help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// For how long the answer was held until the turn of the last entry had come, in ms. Each
    /// entry tells for how long its own turn was away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waited: Option<u64>,
    /// The one permit of all entries that hold units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permit: Option<String>,
    /// Whether it is the answer that the same request was given before, to all of its entries.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub repeated: bool,
    /// `false` where it is not known as a whole when it comes again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotent: Option<bool>,
    /// Since when all keys are known to the objects of all entries, in Unix ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotent_since: Option<u64>,
    /// One decision an entry, in order.
    pub results: Vec<DecisionBody<'a>>,
}

impl<'a> MultiBody<'a> {
    /// The body for these entries, in order.
    pub fn new(
        success: bool,
        retry_after: Option<Duration>,
        permit: Option<String>,
        mut results: Vec<DecisionBody<'a>>,
    ) -> MultiBody<'a> {
        // Of a request that is refused some are only looked at.
        let is_lacking = success && results.iter().any(|it| it.idempotent == Some(false));
        let since = results.iter().filter_map(|it| it.idempotent_since).max();
        let repeated = results.iter().all(|it| it.repeated);
        let waited = results.iter().filter_map(|it| it.waited).max();
        for result in &mut results {
            (result.idempotent, result.idempotent_since) = (None, None);
        }
        MultiBody {
            success,
            retry_after: retry_after.map(Duration::as_millis),
            waited,
            permit,
            repeated,
            idempotent: is_lacking.then_some(false),
            idempotent_since: since.filter(|_| !is_lacking),
            results,
        }
    }
}

/// The body of `POST /acquire`: the small older form, in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AcquireBody {
    /// Admitted or not.
    pub allowed: bool,
    /// Tokens left; absent when not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining: Option<u64>,
    /// Whole seconds until the same request succeeds, rounded up; absent where waiting cannot help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl From<&Decision> for AcquireBody {
    fn from(decision: &Decision) -> AcquireBody {
        AcquireBody {
            allowed: decision.success,
            remaining: decision.deciding().map(|standing| standing.remaining),
            retry_after: decision.retry_after.map(Duration::as_secs_ceil),
        }
    }
}
